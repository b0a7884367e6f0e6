/** src/errors.ts: the codes and messages of every error. */

import { readFileSync } from "node:fs";

import { describe, expect, it, vi } from "vitest";

import * as engineErrors from "../../engine/errors.ts";
import { Heap, HeapError, type HeapOptions, struct } from "../../src/index.ts";
import { errorsSuite, messagesSuite } from "../suite/errors.ts";
import { errorOf, expectError } from "../suite/heaps.ts";
import { PAGE } from "../suite/place.ts";
import { PLACES } from "./places.ts";

describe.each(PLACES)("$name", (place) => {
  errorsSuite(place);
  messagesSuite(place);
});

it("a HeapError has a name, a code, and the pointer or size", () => {
  const error = errorOf(() => new Heap().deallocate(0.5));
  expect(error).toBeInstanceOf(Error);
  expect(error.name).toBe("HeapError");
  expect(String(error)).toBe(
    "HeapError: Invalid pointer 0.5: no block starts there. Pass a pointer returned by allocate() of this heap.",
  );
  expect({ ...error }).toEqual({ code: "INVALID_POINTER", pointer: 0.5 });
});

it("a trap of the engine is reported as CORRUPT", () => {
  const heap = new Heap({ engine: "wasm", small: 0 });
  const [a] = [heap.allocate(3000), heap.allocate(3000)];
  heap.deallocate(a);
  // The links of a free block.
  new Uint32Array(heap.buffer).fill(0xfffffff0, a / 4, a / 4 + 2);
  const error = errorOf(() => heap.allocate(3000));
  expect(error.code).toBe("CORRUPT");
  expect(error.cause).toBeInstanceOf(WebAssembly.RuntimeError);
});

describe("OUT_OF_MEMORY says why the memory cannot grow, and what to do", () => {
  const MESSAGES: readonly [what: string, options: HeapOptions, message: string][] = [
    [
      "an ArrayBuffer",
      { memory: new ArrayBuffer(2 * PAGE) },
      "the ArrayBuffer cannot grow beyond 131072 bytes: pass a larger one",
    ],
    [
      "a SharedArrayBuffer",
      { memory: new SharedArrayBuffer(2 * PAGE) },
      "the SharedArrayBuffer cannot grow beyond 131072 bytes: pass a larger one",
    ],
    [
      "a resizable ArrayBuffer",
      { memory: new ArrayBuffer(PAGE, { maxByteLength: 2 * PAGE }) },
      "the ArrayBuffer cannot grow beyond 131072 bytes: pass a larger one",
    ],
    [
      "a growable SharedArrayBuffer",
      { memory: new SharedArrayBuffer(PAGE, { maxByteLength: 2 * PAGE }) },
      "the SharedArrayBuffer cannot grow beyond 131072 bytes: pass a larger one",
    ],
    [
      "a WebAssembly.Memory",
      { memory: new WebAssembly.Memory({ initial: 2, maximum: 2 }) },
      "the WebAssembly.Memory cannot grow beyond 131072 bytes: pass a larger one",
    ],
    ["a heap with a limit", { limit: PAGE }, "the limit is 65536: pass a higher one"],
    [
      "a heap with a limit below the most that its memory may have",
      { limit: PAGE, memory: new ArrayBuffer(PAGE, { maxByteLength: 2 * PAGE }) },
      "the limit is 65536: pass a higher one",
    ],
    [
      "a heap with a limit beyond what its buffer may have",
      { limit: 3 * PAGE, memory: new ArrayBuffer(2 * PAGE) },
      "the ArrayBuffer cannot grow beyond 131072 bytes: pass a larger one",
    ],
    [
      "a heap with a limit beyond what its WebAssembly.Memory has",
      { limit: 3 * PAGE, memory: new WebAssembly.Memory({ initial: 2, maximum: 2 }) },
      "the WebAssembly.Memory cannot grow beyond 131072 bytes: pass a larger one",
    ],
  ];

  it.each(MESSAGES)("%s", (_, options, message) => {
    const heap = new Heap(options);
    const said = `Out of memory: cannot allocate 200000 bytes. No free block fits, and ${message}, or free blocks.`;
    const p = heap.allocate(100);
    for (const call of [
      () => heap.allocate(200_000),
      () => heap.allocateZeroed(200_000),
      () => heap.reallocate(p, 200_000),
      () => heap.block(200_000),
      () => heap.array(Float64Array, 25_000),
      () => heap.string("a".repeat(200_000)),
      () => heap.scope().allocate(200_000),
    ]) {
      expect(expectError(heap, call, "OUT_OF_MEMORY", { size: 200_000 }).message).toBe(said);
    }
  });

  it("when addresses end", () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
    const heap = new Heap({ memory, base: 0 });
    heap.allocate(4 * PAGE);
    memory.grow(32_767);
    const error = errorOf(() => heap.allocate(0x7fff0000));
    expect(error.code).toBe("OUT_OF_MEMORY");
    expect(error.message).toBe(
      `Out of memory: cannot allocate 2147418112 bytes. No free block fits, and a heap uses at most 4 GiB: make another heap, or free blocks.`,
    );
  });

  it("when others grew it", () => {
    const memory = new ArrayBuffer(PAGE, { maxByteLength: 9 * PAGE });
    const heap = new Heap({ memory });
    memory.resize(9 * PAGE);
    const error = errorOf(() => heap.allocate(200_000));
    expect(error.message).toContain(
      "bytes 65536 to 589824 were grown by other code: pass limit if they belong to this heap",
    );
  });

  it("when a buffer that can be resized has its full length", () => {
    const memory = new ArrayBuffer(2 * PAGE, { maxByteLength: 2 * PAGE });
    expect(errorOf(() => new Heap({ memory }).allocate(200_000)).message).toContain(
      "the ArrayBuffer cannot grow beyond 131072 bytes: pass a larger one",
    );
  });

  it("when it is too small for a heap", () => {
    const error = errorOf(() => new Heap({ memory: new ArrayBuffer(100) }));
    expect(error.code).toBe("OUT_OF_MEMORY");
    expect(error.message).toBe(
      "Out of memory: a heap at base 0 needs at least 4 KiB, and " +
        "the ArrayBuffer cannot grow beyond 100 bytes: pass a larger one.",
    );
  });

  it("when the platform has none", () => {
    class Exhausted {
      constructor() {
        throw new RangeError("could not allocate memory");
      }
    }
    const { Module, Instance } = WebAssembly;
    vi.stubGlobal("WebAssembly", { Module, Instance, Memory: Exhausted });
    const error = errorOf(() => new Heap());
    vi.unstubAllGlobals();
    expect(error.code).toBe("OUT_OF_MEMORY");
    expect(error.message).toMatch(/^Could not create a WebAssembly.Memory \(RangeError: could not/);
    expect(error.cause).toBeInstanceOf(RangeError);
  });
});

describe("a pointer from another heap", () => {
  it("is reported with the bounds of this heap", () => {
    const [memory, end] = [new WebAssembly.Memory({ initial: 4 }), 2 * PAGE];
    const heap = new Heap({ memory, limit: end });
    const pointer = new Heap({ memory, base: end }).allocate(100);
    const { base, break: top } = heap.stats();
    const error = errorOf(() => heap.deallocate(pointer));
    expect(error.code).toBe("OUT_OF_HEAP");
    expect(error.message).toBe(
      `Invalid pointer ${pointer}: it is outside this heap, which spans ${base} to ${top}. ` +
        "Pass a pointer from this heap.",
    );
  });

  it("is reported if no block starts there in this heap", () => {
    const heap = new Heap({ small: 0 });
    heap.allocate(5000);
    const other = new Heap({ small: 0 });
    other.allocate(100);
    const error = errorOf(() => heap.deallocate(other.allocate(100)));
    expect(error.code).toBe("INVALID_POINTER");
    expect(error.message).toContain(
      "no block starts there. Pass a pointer returned by allocate() of this heap.",
    );
  });
});

it("reports a pointer that is a BigInt", () => {
  const heap = new Heap();
  for (const call of [
    () => heap.deallocate(-8n as never),
    () => heap.reallocate(8n as never, 1),
    () => heap.usableSize(8n as never),
    () => heap.view(Uint8Array, 8n as never, 1),
    () => heap.readString(8n as never, 1),
  ]) {
    const error = errorOf(call);
    expect(error.code).toBe("INVALID_POINTER");
    expect(error.message).toMatch(
      /^Invalid pointer -?8n: it is a BigInt, and pointers are numbers/,
    );
  }
  expect(heap.owns(8n as never)).toBe(false);
  expect(errorOf(() => heap.allocate(8n as never)).message).toContain(
    "Invalid size 8n: expected a whole",
  );
  expect(errorOf(() => heap.allocate(8, 8n as never)).code).toBe("INVALID_ALIGNMENT");
});

describe("every function returns or throws a HeapError", () => {
  const ODD: readonly [string, unknown][] = [
    ["undefined", undefined],
    ["null", null],
    ["a symbol", Symbol("odd")],
    ["a BigInt", 8n],
    ["a negative number", -1],
    ["a fraction", 1.5],
    ["NaN", NaN],
    ["a large number", 2 ** 53],
    ["a string", "odd"],
    ["an object", {}],
    ["an object without a text", Object.create(null)],
    ["an array", []],
    ["a function", () => 1],
    ["DataView", DataView],
  ];

  it.each(ODD)("with %s in place of any argument", (_, value) => {
    const odd = value as never;
    const heap = new Heap();
    const p = heap.allocate(100);
    const block = heap.block(100);
    const Point = struct({ x: "f64" });
    const calls: readonly (() => unknown)[] = [
      () => new Heap(odd),
      ...["memory", "base", "limit", "margin", "fit", "small", "engine"].map(
        (name) => () => new Heap({ [name]: value }),
      ),
      () => Heap.attach(odd),
      () => Heap.attach(heap.memory, odd),
      () => Heap.attach(heap.memory, { base: odd }),
      () => Heap.attach(heap.memory, { engine: odd }),
      () => heap.allocate(odd),
      () => heap.allocate(8, odd),
      () => heap.tryAllocate(odd, odd),
      () => heap.allocateZeroed(odd),
      () => heap.reallocate(odd, 8),
      () => heap.reallocate(p, odd),
      () => heap.deallocate(odd),
      () => heap.usableSize(odd),
      () => heap.owns(odd),
      () => heap.view(odd, p, 1),
      () => heap.view(Uint8Array, odd, 1),
      () => heap.view(Uint8Array, p, odd),
      () => heap.block(odd),
      () => heap.block(8, odd),
      () => heap.array(odd, 1),
      () => heap.array(Float64Array, odd),
      () => heap.register(odd, p),
      () => heap.register({}, odd),
      () => heap.unregister(odd),
      () => heap.string(odd),
      () => heap.cString(odd),
      () => heap.readString(odd, 1),
      () => heap.readString(p, odd),
      () => heap.readCString(odd),
      () => block.view(odd),
      () => heap.scope().allocate(odd),
      () => heap.scope().use(odd),
      () => heap.scope().adopt(odd, odd),
      () => heap.scope().defer(odd),
      () => struct(odd),
      () => struct({ x: odd }),
      () => struct({ x: ["u8", odd] }),
      () => Point.of(odd),
      () => Point.of(block, odd),
      () => Point.at(odd, block.pointer),
      () => Point.at(heap, odd),
    ];
    for (const call of calls) {
      let error: unknown;
      try {
        call();
      } catch (thrown) {
        error = thrown;
      }
      if (error !== undefined && !(error instanceof HeapError)) throw error;
      if (error instanceof HeapError)
        expect(error.message).not.toMatch(/\bNaN bytes|undefined bytes/);
    }
    heap.check();
  });
});

it("reports that the buffer was transferred", () => {
  const memory = new ArrayBuffer(PAGE);
  const heap = new Heap({ memory });
  const pointer = heap.allocate(100);
  const array = heap.array(Float64Array, 4);
  const point = struct({ x: "f64" }).at(heap, array.pointer);
  structuredClone(memory, { transfer: [memory] });
  for (const call of [
    () => heap.allocate(100),
    () => heap.deallocate(pointer),
    () => heap.reallocate(pointer, 1000),
    () => heap.view(Uint8Array, pointer, 1),
    () => array.elements,
    () => point.x,
    () => heap.readString(pointer, 1),
    () => heap.readCString(pointer),
    () => heap.stats(),
    () => heap.check(),
    () => heap.reset(),
  ]) {
    const error = errorOf(call);
    expect(error.code).toBe("BAD_OPTIONS");
    expect(error.message).toContain("Invalid memory: the ArrayBuffer was transferred.");
  }
});

it("says how to convert the negative addresses that WebAssembly returns", () => {
  const heap = new Heap();
  for (const call of [
    () => heap.deallocate(-16),
    () => heap.reallocate(-16, 1),
    () => heap.usableSize(-16),
    () => heap.readCString(-16),
  ]) {
    const error = errorOf(call);
    expect([error.code, error.pointer]).toEqual(["OUT_OF_HEAP", -16]);
    expect(error.message).toBe(
      "Invalid pointer -16: it is negative. If WebAssembly returned it, the address is above 2 GiB: use pointer >>> 0.",
    );
  }
});

it("the README lists the codes in the order of the engine's numbers", () => {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const table = readme.slice(readme.indexOf("## The errors"), readme.indexOf("## WebAssembly"));
  const codes = [...table.matchAll(/^\| `(\w+)`/gm)].map(([, code]) => code!);
  const numbers: Readonly<Record<string, unknown>> = engineErrors;
  expect(codes.map((code) => numbers[code])).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, undefined]);
});
