/** Where a heap can live: parts of a memory, beside other heaps and other owners, joined from elsewhere, above 2 GiB. */

import { afterEach, describe, expect, it, vi } from "vitest";

import { Heap, type EngineName, type HeapMemory } from "../../src/index.ts";
import { errorOf, expectFilled, fill, MEMORIES, MOST, PAGE, PLACES } from "./heaps.ts";

const GIB = 2 ** 30;
const ADDRESS_SPACE = 4 * GIB;

const bytesOf = (memory: HeapMemory): Uint8Array =>
  new Uint8Array("buffer" in memory ? memory.buffer : memory);

describe.each(PLACES)("$name", ({ kind, engine }) => {
  const make = (bytes = kind.grows ? 2 * PAGE : MOST): HeapMemory => kind.make(bytes, MOST);

  it("lives between base and limit, and touches nothing else", () => {
    for (const base of [1, 16, 1000, PAGE, PAGE + 12_345]) {
      const memory = make();
      bytesOf(memory).fill(0xee);
      const limit = base + 3 * PAGE + 500;
      const heap = new Heap({ memory, base, limit, engine, margin: 0 });
      const pointers: number[] = [];
      for (let p = heap.tryAllocate(1000); p !== 0; p = heap.tryAllocate(1000)) {
        pointers.push(p);
        fill(heap, p, 1000, 0x11);
      }
      const stats = heap.stats();
      expect(stats.base).toBe(Math.ceil(base / 16) * 16);
      expect(pointers[0]).toBeGreaterThan(base);
      expect(pointers.at(-1)! + 1000).toBeLessThanOrEqual(limit);
      expect(pointers.length).toBeGreaterThan(170);
      const bytes = bytesOf(memory);
      expect(bytes.subarray(0, base).every((byte) => byte === 0xee)).toBe(true);
      const beyond = bytes.subarray(limit, 2 * PAGE);
      expect(beyond.every((byte) => byte === 0xee)).toBe(true);
      for (const p of pointers) heap.deallocate(p);
      heap.check();
    }
  });

  it("never uses address 0", () => {
    for (const base of [0, 1, 15, 16]) {
      const memory = make();
      bytesOf(memory).fill(0xee);
      const heap = new Heap({ memory, base, engine });
      expect(heap.stats().base).toBe(16);
      expect(
        bytesOf(memory)
          .subarray(0, 16)
          .every((byte) => byte === 0xee),
      ).toBe(true);
    }
  });

  it("shares a memory with other heaps", () => {
    const memory = make();
    const heaps = [0, 8, 16, 24].map(
      (page) => new Heap({ memory, base: page * PAGE, limit: (page + 8) * PAGE, engine }),
    );
    const live: { heap: Heap; p: number }[] = [];
    for (let i = 0; i < 600; i += 1) {
      const heap = heaps[(i * 7) % 4]!;
      const p = heap.tryAllocate((i * 67) % 3000);
      if (p === 0) continue;
      fill(heap, p, heap.usableSize(p), i);
      live.push({ heap, p });
      expect(heaps.filter((each) => each.owns(p))).toEqual([heap]);
    }
    for (const heap of heaps) heap.check();
    for (const { heap, p } of live.filter((_, i) => i % 2 === 0)) {
      const [other] = heaps.filter((each) => each !== heap);
      expect(errorOf(() => other!.deallocate(p)).code).toBe("OUT_OF_HEAP");
      heap.deallocate(p);
    }
    live.forEach(({ heap, p }, i) => {
      if (i % 2 === 1) expectFilled(heap, p, heap.usableSize(p), heap.view(Uint8Array, p, 1)[0]);
    });
    for (const heap of heaps) heap.check();
  });

  it("can be joined by another engine, and both go on", () => {
    for (const other of kind.engines) {
      const memory = make();
      const first = new Heap({ memory, base: 100, engine, margin: 0 });
      const kept = first.allocate(100);
      fill(first, kept, first.usableSize(kept));
      const second = Heap.attach(memory, { base: 100, engine: other });
      expect(second.engine).toBe(other);
      expect(second.stats()).toEqual(first.stats());
      expect([...second.walk()]).toEqual([...first.walk()]);
      expectFilled(second, kept, 100);
      const heaps = [first, second];
      const live: number[] = [kept];
      for (let i = 0; i < 400; i += 1) {
        const heap = heaps[i % 2]!;
        const p = heap.tryAllocate((i * 131) % 9000);
        if (p !== 0) {
          fill(heap, p, heap.usableSize(p));
          expect(heaps[(i + 1) % 2]!.owns(p)).toBe(true);
          live.push(p);
        }
        if (i % 3 === 0) {
          const q = live.splice((i * 11) % live.length, 1)[0]!;
          expectFilled(heap, q, heap.usableSize(q));
          heap.deallocate(q);
          expect(errorOf(() => heaps[(i + 1) % 2]!.deallocate(q)).code).not.toBe("CORRUPT");
        }
        if (i % 50 === 0) heaps[(i / 50) % 2]!.check();
      }
      first.check();
      second.check();
      expect(second.stats()).toEqual(first.stats());
      expect(Heap.attach(memory, { base: first.base, engine: other }).stats()).toEqual(
        first.stats(),
      );
    }
  });

  it("keeps blocks and views when the memory grows", () => {
    const memory = make();
    const heap = new Heap({ memory, engine, margin: 0 });
    const p = heap.allocate(1000);
    heap.view(Uint32Array, p, 250).fill(0xabcdef01);
    const old = heap.buffer;
    heap.allocate(20 * PAGE);
    if (kind.name === "WebAssembly.Memory") expect(old.byteLength).toBe(0);
    const view = heap.view(Uint32Array, p, 250);
    expect(view.buffer).toBe(heap.buffer);
    expect(view.every((word) => word === 0xabcdef01)).toBe(true);
    heap.check();
  });
});

/** Grows a memory as its other owner would. */
function growBy(memory: HeapMemory, pages: number): void {
  if ("buffer" in memory) memory.grow(pages);
  else if ("growable" in memory) memory.grow(memory.byteLength + pages * PAGE);
  else (memory as ArrayBuffer).resize(memory.byteLength + pages * PAGE);
}

describe.each(PLACES.filter(({ kind }) => kind.grows))(
  "somebody else grows the memory: $name",
  ({ kind, engine }) => {
    it("leaves what they grew to them", () => {
      const memory = kind.make(2 * PAGE, MOST);
      const heap = new Heap({ memory, engine, margin: 0 });
      const theirs: [from: number, to: number][] = [];
      const live: number[] = [];
      for (let round = 1; round <= 4; round += 1) {
        const from = bytesOf(memory).length;
        growBy(memory, 1);
        bytesOf(memory).fill(0xee, from);
        theirs.push([from, from + PAGE]);
        for (let i = 0; i < 40; i += 1) {
          const p = heap.allocate(2500);
          fill(heap, p, 2500);
          live.push(p);
          for (const [start, end] of theirs) expect(p + 2500 <= start || p >= end).toBe(true);
        }
        heap.check();
      }
      for (const [start, end] of theirs) {
        expect(
          bytesOf(memory)
            .subarray(start, end)
            .every((byte) => byte === 0xee),
        ).toBe(true);
        expect(errorOf(() => heap.deallocate(start + 4096)).code).toBe("OUT_OF_HEAP");
      }
      const gaps = [...heap.walk()].filter(({ kind: what }) => what === "foreign");
      expect(gaps.length).toBeGreaterThan(0);
      const { heapBytes, base, break: end } = heap.stats();
      expect(heapBytes).toBeLessThanOrEqual(end - base - theirs.length * PAGE);
      for (const p of live) {
        expectFilled(heap, p, 2500);
        heap.deallocate(p);
      }
      expect(heap.stats().usedBlocks).toBe(0);
      heap.check();
    });

    it("uses it up to its limit, if it has one", () => {
      const memory = kind.make(2 * PAGE, MOST);
      const heap = new Heap({ memory, engine, margin: 0, limit: 20 * PAGE });
      growBy(memory, 10);
      const p = heap.allocate(8 * PAGE);
      fill(heap, p, 8 * PAGE);
      expect(p + 8 * PAGE).toBeLessThan(12 * PAGE);
      expect([...heap.walk()].some(({ kind: what }) => what === "foreign")).toBe(false);
      growBy(memory, 1);
      fill(heap, heap.allocate(6 * PAGE), 6 * PAGE);
      expectFilled(heap, p, 8 * PAGE);
      heap.check();
    });

    it("notices between any two calls", () => {
      const memory = kind.make(2 * PAGE, MOST);
      const heap = new Heap({ memory, engine, margin: 0 });
      const p = heap.allocate(100);
      const calls: (() => unknown)[] = [
        () => heap.allocate(100),
        () => heap.allocate(100, 64),
        () => heap.allocateZeroed(100),
        () => heap.reallocate(p, 90),
        () => heap.usableSize(p),
        () => heap.owns(p),
        () => heap.view(Uint8Array, p, 100).fill(1),
        () => heap.stats(),
        () => [...heap.walk()],
        () => heap.check(),
        () => heap.deallocate(heap.allocate(3000)),
        () => heap.trim(),
        () => heap.deallocate(p),
        () => heap.reset(),
      ];
      for (const call of calls) {
        growBy(memory, 1);
        call();
        heap.check();
      }
    });

    it("lets two heaps without limits grow in turn", () => {
      const memory = kind.make(PAGE, MOST);
      const first = new Heap({ memory, engine, margin: 0 });
      const second = new Heap({ memory, engine, margin: 0, base: first.stats().break });
      const live: { heap: Heap; p: number }[] = [];
      for (let i = 0; i < 300; i += 1) {
        const heap = i % 2 === 0 ? first : second;
        const p = heap.tryAllocate(3000);
        if (p === 0) break;
        fill(heap, p, 3000);
        live.push({ heap, p });
      }
      expect(live.length).toBeGreaterThan(200);
      first.check();
      second.check();
      for (const { heap, p } of live) {
        expectFilled(heap, p, 3000);
        heap.deallocate(p);
      }
      first.check();
      second.check();
    });
  },
);

describe("a resizable ArrayBuffer", () => {
  it("that was trimmed grows again", () => {
    const memory = new ArrayBuffer(2 * PAGE, { maxByteLength: MOST });
    const heap = new Heap({ memory });
    for (let round = 0; round < 3; round += 1) {
      const p = heap.allocate(10 * PAGE);
      fill(heap, p, 10 * PAGE);
      heap.deallocate(p);
      expect(heap.trim()).toBeGreaterThan(9 * PAGE);
      heap.check();
    }
  });
});

describe("attach", () => {
  it.each(["wasm", "js"] as const)("finds no heap in a memory of no pages: %s", (engine) => {
    const memory = new WebAssembly.Memory({ initial: 0 });
    const error = errorOf(() => Heap.attach(memory, { engine }));
    expect(error.code).toBe("BAD_OPTIONS");
    expect(error.message).toContain("No heap at base 0");
  });

  it("wants a memory, and no options but the engine", () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    new Heap({ memory });
    expect(errorOf(() => Heap.attach(undefined as never)).message).toContain(
      "Invalid memory (Undefined): expected a WebAssembly.Memory",
    );
    expect(errorOf(() => Heap.attach(memory, "js" as never)).message).toContain(
      'Invalid options "js": expected an object such as { base }',
    );
    expect(errorOf(() => Heap.attach(memory, { small: 0 } as never)).message).toContain(
      "Unknown option small: expected base, engine.",
    );
  });
});

describe("which engine", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  const expected: Record<string, EngineName> = {
    "WebAssembly.Memory": "wasm",
    "shared WebAssembly.Memory": "wasm",
  };

  it.each(MEMORIES)("auto picks, in a $name", ({ name, make }) => {
    const heap = new Heap({ memory: make(PAGE, MOST) });
    expect(heap.engine).toBe(expected[name] ?? "js");
    heap.deallocate(heap.allocate(100));
  });

  it("is wasm in a memory of the heap's own, which grows", () => {
    const heap = new Heap();
    expect(heap.engine).toBe("wasm");
    expect(heap.memory).toBeInstanceOf(WebAssembly.Memory);
    heap.allocate(40 * PAGE);
    expect(heap.buffer.byteLength).toBeGreaterThan(40 * PAGE);
    expect(new Heap({ engine: "js" }).memory).toBeInstanceOf(WebAssembly.Memory);
  });

  it("is js where there is no WebAssembly, in a resizable ArrayBuffer", async () => {
    vi.stubGlobal("WebAssembly", undefined);
    vi.resetModules();
    const { Heap: OtherHeap } = await import("../../src/index.ts");
    const heap = new OtherHeap();
    expect(heap.engine).toBe("js");
    expect((heap.memory as ArrayBuffer).resizable).toBe(true);
    const p = heap.allocate(40 * PAGE);
    fill(heap as Heap, p, 40 * PAGE);
    heap.deallocate(p);
    expect(heap.trim()).toBeGreaterThan(0);
    heap.check();
    expect(() => new OtherHeap({ engine: "wasm" })).toThrow(/engine "wasm"/);
  });

  it.each([
    [
      "CompileError",
      () => new WebAssembly.CompileError("Wasm code generation disallowed by embedder"),
    ],
    ["EvalError", () => new EvalError("refused to compile")],
  ])("is js where WebAssembly is forbidden by a %s", async (_, error) => {
    class Forbidden {
      constructor() {
        throw error();
      }
    }
    const { Memory, CompileError } = WebAssembly;
    vi.stubGlobal("WebAssembly", { Memory, CompileError, Module: Forbidden });
    vi.resetModules();
    const { Heap: OtherHeap } = await import("../../src/index.ts");
    const heap = new OtherHeap();
    expect(heap.engine).toBe("js");
    expect(heap.memory).toBeInstanceOf(Memory);
    heap.deallocate(heap.allocate(100));
    expect(() => new OtherHeap({ engine: "wasm" })).toThrow(/engine "wasm" is not allowed \(/);
  });
});

describe.each(["wasm", "js"] as const)("%s above 2 GiB", (engine) => {
  /** Reserved, not touched. */
  const sparse = (bytes: number, most = bytes): WebAssembly.Memory =>
    new WebAssembly.Memory({ initial: bytes / PAGE, maximum: most / PAGE });

  it.each([
    ["across 2 GiB", 2 * GIB - PAGE - 4000, 2 * GIB + PAGE],
    ["from 2 GiB on", 2 * GIB, 2 * GIB + 4 * PAGE],
    ["across 3 GiB", 3 * GIB - PAGE - 4000, 3 * GIB + PAGE],
    ["up to 4 GiB", ADDRESS_SPACE - 4 * PAGE, ADDRESS_SPACE],
  ])("has right pointers %s", (_, base, end) => {
    for (const small of [0, 1008]) {
      const heap = new Heap({ memory: sparse(end), base, limit: end, engine, small, margin: 0 });
      const live: number[] = [];
      for (let i = 0; ; i += 1) {
        const p = heap.tryAllocate((i * 61) % 2000, i % 10 === 0 ? 256 : undefined);
        if (p === 0) break;
        expect(p).toBeGreaterThan(base);
        expect(p).toBeLessThan(end);
        fill(heap, p, heap.usableSize(p), i);
        live.push(p);
        if (i % 4 === 3) {
          const q = live.splice((i * 13) % live.length, 1)[0]!;
          heap.deallocate(q);
          expect(errorOf(() => heap.deallocate(q)).code).toBe("DOUBLE_FREE");
          expect(errorOf(() => heap.usableSize(q)).pointer).toBe(q);
        }
      }
      heap.check();
      const { usedBlocks, base: from, break: to } = heap.stats();
      expect(usedBlocks).toBe(live.length);
      expect(from).toBeGreaterThanOrEqual(base);
      expect(to).toBeGreaterThan(end - PAGE);
      expect(
        [...heap.walk()]
          .filter(({ kind }) => kind.startsWith("used"))
          .map(({ address }) => address),
      ).toEqual(live.toSorted((a, b) => a - b));
      for (const p of live) heap.deallocate(p);
      heap.check();
      expect(heap.stats().usedBlocks).toBe(0);
    }
  });

  it("grows over 2 GiB and on to 4 GiB", () => {
    const heap = new Heap({ memory: sparse(PAGE, ADDRESS_SPACE), engine });
    const half = GIB - 32 * PAGE;
    const pointers = [0, 1, 2].map(() => heap.allocate(half));
    pointers.forEach((p, i) => fill(heap, p, 100, i));
    expect(pointers[2]).toBeGreaterThan(2 * GIB - 200 * PAGE);
    heap.check();
    const last = heap.allocate(900 * 2 ** 20);
    expect(last).toBeGreaterThan(2.9 * GIB);
    const view = heap.view(Uint8Array, last, 900 * 2 ** 20);
    view[view.length - 1] = 7;
    expect(heap.tryAllocate(GIB)).toBe(0);
    heap.check();
    expect(heap.stats().usedBlocks).toBe(4);
    heap.deallocate(pointers[1]!);
    heap.deallocate(pointers[2]!);
    // Or before: an older map may have been there.
    const both = heap.allocate(2 * half);
    expect(both).toBeGreaterThan(pointers[0]!);
    expect(both).toBeLessThanOrEqual(pointers[1]!);
    heap.check();
    pointers.slice(0, 1).forEach((p, i) => expectFilled(heap, p, 100, i));
    heap.reset();
    heap.check();
  }, 60_000);

  it("takes the largest size there is", () => {
    const heap = new Heap({ memory: sparse(PAGE, ADDRESS_SPACE), engine });
    const p = heap.allocate(0x7fff0000);
    const view = heap.view(Uint8Array, p, 0x7fff0000);
    view[view.length - 1] = 9;
    expect(heap.usableSize(p)).toBeGreaterThanOrEqual(0x7fff0000);
    heap.check();
    heap.deallocate(p);
    heap.check();
  }, 60_000);
});
