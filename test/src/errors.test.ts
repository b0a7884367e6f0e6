/** Every error of the public surface, on every engine and memory: its code, its message, and the heap unchanged. */

import { readFileSync } from "node:fs";

import { describe, expect, it, vi } from "vitest";

import * as engineErrors from "../../engine/errors.ts";
import { Heap, HeapError, type HeapOptions, struct } from "../../src/index.ts";
import {
  errorOf,
  expectError,
  expectFilled,
  fill,
  imageOf,
  MAX_SIZE,
  MOST,
  PAGE,
  PLACES,
} from "./heaps.ts";

const BAD_SIZES = [
  -1,
  -0.5,
  0.5,
  1023.999,
  NaN,
  Infinity,
  -Infinity,
  2 ** 31,
  2 ** 32,
  2 ** 32 + 16,
  2 ** 53,
  2 ** 53 + 2,
  MAX_SIZE + 1,
];
const BAD_ALIGNMENTS = [
  0,
  -1,
  -16,
  3,
  24,
  1.5,
  NaN,
  Infinity,
  2 ** 30 + 16,
  2 ** 31,
  2 ** 32,
  2 ** 32 + 16,
];
const FRACTIONS = [0.5, 4096.25, NaN, Infinity, -Infinity];
const BEYOND_ADDRESSES = [-1, -16, -(2 ** 31), 2 ** 32, 2 ** 32 + 4096, 2 ** 53];

describe.each(PLACES)("$name", ({ makeHeap, kind, engine }) => {
  describe.each([
    ["with slabs", 1008],
    ["without slabs", 0],
  ])("%s", (_, small) => {
    /** A heap with something in it, so that there is something to destroy. */
    function usedHeap(): { heap: Heap; block: number; object: number } {
      const heap = makeHeap({ small });
      const objects = Array.from({ length: 8 }, () => heap.allocate(48));
      heap.deallocate(objects[2]!);
      const block = heap.allocate(5000);
      heap.allocate(2000);
      return { heap, block, object: objects[6]! };
    }

    it.each(BAD_SIZES)("refuses a size of %s", (size) => {
      const { heap, block, object } = usedHeap();
      expectError(heap, () => heap.allocate(size), "INVALID_SIZE", { size });
      expectError(heap, () => heap.allocate(size, 64), "INVALID_SIZE", { size });
      expectError(heap, () => heap.tryAllocate(size), "INVALID_SIZE", { size });
      expectError(heap, () => heap.allocateZeroed(size), "INVALID_SIZE", { size });
      expectError(heap, () => heap.reallocate(block, size), "INVALID_SIZE", { size });
      expectError(heap, () => heap.reallocate(object, size), "INVALID_SIZE", { size });
      expectError(heap, () => heap.reallocate(0, size), "INVALID_SIZE", { size });
    });

    it("gives a block for size 0, a new one each time", () => {
      const heap = makeHeap({ small });
      const pointers = [
        heap.allocate(0),
        heap.allocate(0),
        heap.allocateZeroed(0),
        heap.reallocate(0, 0),
      ];
      expect(new Set(pointers).size).toBe(4);
      for (const pointer of pointers) {
        expect(pointer).toBeGreaterThan(0);
        heap.deallocate(pointer);
      }
      heap.check();
    });

    it.each(BAD_ALIGNMENTS)("refuses an alignment of %s", (alignment) => {
      const { heap } = usedHeap();
      const error = expectError(heap, () => heap.allocate(100, alignment), "INVALID_ALIGNMENT");
      expect(error.message).toContain(
        `Invalid alignment ${alignment}: expected a power of two from 1 to 1073741824.`,
      );
      expectError(heap, () => heap.tryAllocate(100, alignment), "INVALID_ALIGNMENT");
    });

    it.each(FRACTIONS)("refuses a pointer of %s as none", (pointer) => {
      const { heap } = usedHeap();
      expectEveryCall(heap, pointer, "INVALID_POINTER");
    });

    it.each(BEYOND_ADDRESSES)("refuses a pointer of %s as outside of the heap", (pointer) => {
      const { heap } = usedHeap();
      expectEveryCall(heap, pointer, "OUT_OF_HEAP");
    });

    it("refuses pointers below and above the heap", () => {
      const heap = makeHeap({ small, base: PAGE + 64 });
      heap.allocate(100);
      const { base, break: end } = heap.stats();
      for (const pointer of [
        8,
        16,
        4096,
        PAGE,
        base - 16,
        base,
        end,
        end + 16,
        2 ** 31,
        2 ** 32 - 16,
      ]) {
        expectEveryCall(heap, pointer, "OUT_OF_HEAP");
      }
    });

    it("refuses a pointer into a block or an object", () => {
      const { heap, block, object } = usedHeap();
      for (const offset of [1, 2, 4, 8, 15, 16, 17, 32]) {
        expectEveryCall(heap, block + offset, "INVALID_POINTER");
        expectEveryCall(
          heap,
          object + offset,
          small === 0 && offset === 32 ? "INVALID_POINTER" : undefined,
        );
      }
      expectEveryCall(heap, block - 4, "INVALID_POINTER");
      expectEveryCall(heap, block + 4992, "INVALID_POINTER");
    });

    it("refuses a pointer that was never allocated", () => {
      const { heap } = usedHeap();
      const end = heap.stats().break;
      expectEveryCall(heap, end - 4096, "INVALID_POINTER");
      expectEveryCall(heap, end - 16, "INVALID_POINTER");
    });

    it("refuses a block that was deallocated", () => {
      const { heap, block, object } = usedHeap();
      heap.deallocate(block);
      heap.deallocate(object);
      expectEveryCall(heap, block, "DOUBLE_FREE");
      expectEveryCall(heap, object, "DOUBLE_FREE");
    });

    it("refuses a block that was deallocated and joined with its neighbours", () => {
      const heap = makeHeap({ small });
      const [a, b, c] = [3000, 3000, 3000].map((size) => heap.allocate(size)) as [
        number,
        number,
        number,
      ];
      heap.allocate(3000);
      heap.deallocate(a);
      heap.deallocate(c);
      heap.deallocate(b);
      for (const pointer of [a, b, c]) expectEveryCall(heap, pointer, "DOUBLE_FREE");
    });

    it("refuses a block whose space was allocated again in part", () => {
      const heap = makeHeap({ small });
      const a = heap.allocate(2000);
      const b = heap.allocate(2000);
      heap.allocate(2000);
      heap.deallocate(b);
      heap.deallocate(a);
      const again = heap.allocate(3000);
      expect(again).toBe(a);
      // What was b begins in the middle of the new block.
      expectEveryCall(heap, b, "INVALID_POINTER");
      heap.deallocate(again);
      expectEveryCall(heap, b, "DOUBLE_FREE");
    });

    it("refuses a block that was deallocated into the free end of the heap", () => {
      const heap = makeHeap({ small });
      heap.allocate(2000);
      const last = heap.allocate(2000);
      heap.deallocate(last);
      expectEveryCall(heap, last, "DOUBLE_FREE");
    });

    it("does nothing for deallocate(0), and takes 0 for no block elsewhere", () => {
      const { heap } = usedHeap();
      const before = imageOf(heap);
      heap.deallocate(0);
      expect(before.equals(imageOf(heap))).toBe(true);
      expect(heap.owns(0)).toBe(false);
      for (const call of [() => heap.usableSize(0), () => heap.view(Uint8Array, 0, 0)]) {
        const error = expectError(heap, call, "OUT_OF_HEAP", { pointer: 0 });
        expect(error.message).toBe(
          "Invalid pointer 0: no block starts there. Pass a pointer returned by allocate() of this heap.",
        );
      }
    });

    it("refuses a request that nothing has room for, and goes on with smaller ones", () => {
      const { heap, block } = usedHeap();
      fill(heap, block, 5000);
      expectError(heap, () => heap.allocate(MOST), "OUT_OF_MEMORY", { size: MOST });
      expectError(heap, () => heap.allocate(MAX_SIZE), "OUT_OF_MEMORY", { size: MAX_SIZE });
      expectError(heap, () => heap.allocate(MOST, PAGE), "OUT_OF_MEMORY", { size: MOST });
      expectError(heap, () => heap.allocateZeroed(MOST), "OUT_OF_MEMORY", { size: MOST });
      expectError(heap, () => heap.reallocate(block, MOST), "OUT_OF_MEMORY", { size: MOST });
      expect(heap.tryAllocate(MOST)).toBe(0);
      expect(heap.tryAllocate(MOST, 4096)).toBe(0);
      expectFilled(heap, block, 5000);
      fill(heap, heap.allocate(MOST / 4), MOST / 4);
      expectFilled(heap, block, 5000);
      heap.check();
    });

    it("goes on when every byte was taken, and when all is given back", () => {
      const heap = makeHeap({ small });
      for (let size = MOST / 4; size >= 1; size = Math.floor(size / 2)) {
        const pointers: number[] = [];
        for (let pointer = 1; pointer !== 0;) {
          pointer = heap.tryAllocate(size);
          if (pointer !== 0) pointers.push(pointer);
        }
        if (size < 64) continue;
        expectError(heap, () => heap.allocate(size), "OUT_OF_MEMORY", { size });
        // One in two goes back, in favour of the next size.
        pointers.forEach((pointer, i) => i % 2 === 0 && heap.deallocate(pointer));
        heap.check();
      }
      heap.reset();
      heap.check();
      heap.deallocate(heap.allocate(MOST / 4));
    });

    it("refuses views that are larger than the block", () => {
      const { heap, block, object } = usedHeap();
      const room = heap.usableSize(block);
      for (const length of [room + 1, -1, 0.5, NaN, Infinity, 2 ** 32, 2 ** 53]) {
        expectError(heap, () => heap.view(Uint8Array, block, length), "INVALID_SIZE", {
          pointer: block,
        });
      }
      const error = expectError(heap, () => heap.view(Float64Array, object, 8), "INVALID_SIZE", {
        size: 64,
      });
      const most = Math.floor(heap.usableSize(object) / 8);
      expect(error.message).toContain(
        `Invalid length 8: expected a whole number of elements from 0 to ${most}.`,
      );
    });

    function expectEveryCall(
      heap: Heap,
      pointer: number,
      code: HeapError["code"] | undefined,
    ): void {
      expect(heap.owns(pointer)).toBe(false);
      const calls = [
        () => heap.deallocate(pointer),
        () => heap.reallocate(pointer, 10),
        () => heap.reallocate(pointer, 100_000),
        () => heap.usableSize(pointer),
        () => heap.view(Uint8Array, pointer, 1),
      ];
      const found = new Set(calls.map((call) => errorOf(call).code));
      if (code === undefined) {
        // Some of these are the starts of others.
        expect([["INVALID_POINTER"], ["DOUBLE_FREE"]]).toContainEqual([...found]);
      } else {
        expect([...found]).toEqual([code]);
        for (const call of calls) expectError(heap, call, code, { pointer });
      }
      expect(errorOf(calls[0]!).message).toContain(`pointer ${pointer}: `);
    }
  });

  it("names the invariant that is violated", () => {
    const heap = makeHeap({ small: 0 });
    const a = heap.allocate(3000);
    heap.allocate(3000);
    heap.deallocate(a);
    // A free block repeats its size in its last word, which is before the next block's header.
    const size = heap.usableSize(heap.allocate(3000)) + 4;
    heap.deallocate(a);
    new Uint32Array(heap.buffer)[(a + size - 8) / 4] = 12345;
    const error = errorOf(() => heap.check());
    expect(error.code).toBe("CORRUPT");
    expect(error.pointer).toBe(a);
    expect(error.message).toBe(
      `The heap is corrupt at ${a}: invariant B3 is violated: a free block repeats its size in its last word. Something wrote outside its block.`,
    );
  });

  it("refuses a block whose header can't be true", () => {
    const heap = makeHeap({ small: 0 });
    const a = heap.allocate(3000);
    heap.allocate(3000);
    const header = (a - 4) / 4;
    const words = new Uint32Array(heap.buffer);
    const right = words[header]!;
    for (const wrong of [0x10000000 | (right & 15), 16 | (right & 15), 0xfffffff0 | (right & 15)]) {
      words[header] = wrong;
      expect(errorOf(() => heap.deallocate(a)).code).toBe("CORRUPT");
      expect(heap.owns(a)).toBe(false);
      expect(errorOf(() => heap.check()).code).toBe("CORRUPT");
    }
    words[header] = right;
    heap.check();
    heap.deallocate(a);
  });

  it("says that the heap is corrupt where following it leads astray", () => {
    const calls: ((heap: Heap, block: number) => unknown)[] = [
      (heap) => heap.stats(),
      (heap) => [...heap.walk()],
      (heap) => heap.check(),
    ];
    for (const call of calls) {
      const heap = makeHeap({ small: 0 });
      const [a] = [heap.allocate(3000), heap.allocate(3000)];
      new Uint32Array(heap.buffer)[(a - 4) / 4] = 3;
      expect(errorOf(() => call(heap, a)).code).toBe("CORRUPT");
    }
  });

  it.each([
    ["base", -1],
    ["base", 0.5],
    ["base", 2 ** 32],
    ["base", NaN],
    ["base", "16"],
    ["limit", 0],
    ["limit", -1],
    ["limit", 4096.5],
    ["limit", 2 ** 32 + 1],
    ["margin", -1],
    ["margin", NaN],
    ["margin", 2 ** 33],
    ["small", -1],
    ["small", 1009],
    ["small", 64.5],
    ["fit", "worst"],
    ["fit", 0],
    ["engine", "native"],
    ["engine", null],
    ["memory", null],
    ["memory", {}],
    ["memory", 65536],
    ["memory", new Uint8Array(1)],
  ])("refuses %s: %s", (option, value) => {
    const error = errorOf(() => makeHeap({ [option]: value }));
    expect(error.code).toBe("BAD_OPTIONS");
    expect(error.message).toMatch(new RegExp(`^Invalid ${option} .+: expected .+`));
  });

  it.each([
    ["nothing", 0, 16],
    ["less than 4 KiB", PAGE, PAGE + 2048],
    ["one byte less than 4 KiB", PAGE, PAGE + 4095],
    ["less than nothing", 2 * PAGE, PAGE],
  ])("refuses a limit that leaves %s", (_, base, limit) => {
    const error = errorOf(() => makeHeap({ base, limit }));
    expect(error.code).toBe("BAD_OPTIONS");
    expect(error.message).toContain(
      `Invalid limit ${limit}: expected at least ${base + 4096}, 4 KiB above base`,
    );
  });

  it.each([
    ["size", { size: 1 }],
    ["Limit", { Limit: PAGE }],
    ["fits", { fit: "first", fits: undefined }],
  ])("refuses the unknown option %s", (name, options) => {
    const error = errorOf(() => makeHeap(options as HeapOptions));
    expect(error.code).toBe("BAD_OPTIONS");
    expect(error.message).toBe(
      `Unknown option ${name}: expected memory, base, limit, margin, fit, small, engine.`,
    );
  });

  it("takes a limit of 4 KiB", () => {
    for (const base of [0, 16, 4000, PAGE]) {
      const heap = makeHeap({ base, limit: base + 4096 });
      heap.deallocate(heap.allocate(16));
      heap.check();
    }
  });

  it("refuses a base where there can't be memory", () => {
    const error = errorOf(() => makeHeap({ base: MOST }));
    expect(error.code).toBe("OUT_OF_MEMORY");
    expect(error.message).toContain(
      `Out of memory: a heap at base ${MOST} needs at least 4 KiB, and `,
    );
  });

  it("does not attach where there is no heap", () => {
    const memory = kind.make(MOST, MOST);
    for (const base of [0, 16, 4096, MOST - 16, MOST, MOST + 4096, 2 ** 32 - 16]) {
      const error = errorOf(() => Heap.attach(memory, { base, engine }));
      expect(error.code).toBe("BAD_OPTIONS");
      expect(error.message).toContain(`No heap at base ${base}: expected`);
    }
  });
});

it.each([
  ["null", null],
  ["a number", 65536],
  ["a string", "wasm"],
  ["an array", []],
  ["a buffer", new ArrayBuffer(PAGE)],
  ["a memory", new WebAssembly.Memory({ initial: 1 })],
])("refuses %s in place of options", (_, options) => {
  const error = errorOf(() => new Heap(options as never));
  expect(error.code).toBe("BAD_OPTIONS");
  expect(error.message).toMatch(/^Invalid options .*: expected an object such as \{ memory \}\.$/);
});

it("refuses a base that leaves no room below 4 GiB", () => {
  const error = errorOf(() => new Heap({ base: 2 ** 32 - 8 }));
  expect(error.code).toBe("BAD_OPTIONS");
  expect(error.message).toContain(
    "Invalid base 4294967288: expected at least 4 KiB of room below 4 GiB.",
  );
});

it("is an Error with a name, a code and what it is about", () => {
  const error = errorOf(() => new Heap().deallocate(0.5));
  expect(error).toBeInstanceOf(Error);
  expect(error.name).toBe("HeapError");
  expect(String(error)).toBe(
    "HeapError: Invalid pointer 0.5: no block starts there. Pass a pointer returned by allocate() of this heap.",
  );
  expect({ ...error }).toEqual({ code: "INVALID_POINTER", pointer: 0.5 });
});

it("refuses wasm outside of a WebAssembly.Memory", () => {
  for (const memory of [new ArrayBuffer(PAGE), new SharedArrayBuffer(PAGE)]) {
    expect(errorOf(() => new Heap({ memory, engine: "wasm" })).code).toBe("BAD_OPTIONS");
  }
});

it("says that the heap is corrupt where the engine traps", () => {
  const heap = new Heap({ engine: "wasm", small: 0 });
  const [a] = [heap.allocate(3000), heap.allocate(3000)];
  heap.deallocate(a);
  // The links of a free block.
  new Uint32Array(heap.buffer).fill(0xfffffff0, a / 4, a / 4 + 2);
  const error = errorOf(() => heap.allocate(3000));
  expect(error.code).toBe("CORRUPT");
  expect(error.cause).toBeInstanceOf(WebAssembly.RuntimeError);
});

describe("a memory that can't grow says why, and what to do", () => {
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
  it("is told from where this one lies", () => {
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

  it("is told where it is that of a block here by chance of none", () => {
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

it("says what to do about a pointer that is a BigInt", () => {
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

describe("nothing but a HeapError comes of", () => {
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

  it.each(ODD)("%s in place of any argument", (_, value) => {
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

it("says that a buffer was transferred", () => {
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

it("says what to do about the negative addresses that WebAssembly answers", () => {
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

it("has the engine's numbers in the order of the README's table, which says so", () => {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const table = readme.slice(readme.indexOf("## The errors"), readme.indexOf("## WebAssembly"));
  const codes = [...table.matchAll(/^\| `(\w+)`/gm)].map(([, code]) => code!);
  const numbers: Readonly<Record<string, unknown>> = engineErrors;
  expect(codes.map((code) => numbers[code])).toEqual([1, 2, 3, 4, 5, 6, 7, 8, undefined]);
});

it("refuses a buffer that was transferred", () => {
  const memory = new ArrayBuffer(PAGE);
  structuredClone(memory, { transfer: [memory] });
  expect(errorOf(() => new Heap({ memory })).message).toContain("was transferred");
});
