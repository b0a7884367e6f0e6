/** Heaps whose memory other code changes: buffers that shrink, are overwritten, or are outdated; methods without their heap. */

import { describe, expect, it } from "vitest";

import { Heap, HeapError, struct } from "../../src/index.ts";
import { errorOf } from "../suite/heaps.ts";
import { PAGE } from "../suite/place.ts";
import { PLACES } from "./places.ts";

describe("a resizable buffer that shrank", () => {
  it.each([0, 16, 100, 1000, 5000, PAGE])("to %i bytes is reported as CORRUPT", (length) => {
    for (const small of [0, 1008]) {
      const memory = new ArrayBuffer(2 * PAGE, { maxByteLength: 4 * PAGE });
      const heap = new Heap({ memory, small });
      const pointer = heap.allocate(100_000);
      const point = struct({ x: "f64" }).at(heap, pointer + 99_984);
      memory.resize(length);
      for (const call of [
        () => heap.view(Uint8Array, pointer, 100_000),
        () => heap.readString(pointer + 90_000, 8),
        () => heap.check(),
        () => point.x,
      ]) {
        expect(["CORRUPT", "OUT_OF_HEAP"]).toContain(errorOf(call).code);
      }
      expect(errorOf(() => heap.check()).code).toBe("CORRUPT");
    }
  });

  it.each([0, 16, 100])(
    "to %i bytes, without its control block, makes every call fail",
    (length) => {
      const memory = new ArrayBuffer(2 * PAGE, { maxByteLength: 4 * PAGE });
      const heap = new Heap({ memory });
      const pointer = heap.allocate(3000);
      memory.resize(length);
      for (const call of [
        () => heap.allocate(8),
        () => heap.allocate(50_000),
        () => heap.deallocate(pointer),
        () => heap.reallocate(pointer, 50_000),
        () => heap.usableSize(pointer),
        () => heap.stats(),
        () => heap.trim(),
        () => heap.reset(),
      ]) {
        expect(errorOf(call).code).toBe("CORRUPT");
      }
    },
  );
});

describe.each([0, 1008])("a resizable buffer that was partly shrunk, slabs up to %i", (small) => {
  /** A heap with blocks and slots in use and free. */
  function madeHeap(): { heap: Heap; memory: ArrayBuffer; pointers: number[] } {
    const memory = new ArrayBuffer(PAGE, { maxByteLength: 8 * PAGE });
    const heap = new Heap({ memory, small });
    const pointers = Array.from({ length: 60 }, (_, i) =>
      heap.allocate([24, 200, 900, 5000][i % 4]!),
    );
    for (const [i, pointer] of pointers.entries()) if (i % 3 === 0) heap.deallocate(pointer);
    return { heap, memory, pointers: pointers.filter((_, i) => i % 3 !== 0) };
  }
  const { heap: whole, pointers: live } = madeHeap();
  const lengths = Array.from({ length: 96 }, (_, i) => Math.floor(((i + 0.4) / 96) * whole.break));
  const middle = live[20]!;

  it.each<[string, (heap: Heap) => number | void]>([
    ["allocate(8)", (heap) => heap.allocate(8)],
    ["allocate(900)", (heap) => heap.allocate(900)],
    ["allocate(5000)", (heap) => heap.allocate(5000)],
    ["allocate(100000)", (heap) => heap.allocate(100_000)],
    ["allocate(64, 4096)", (heap) => heap.allocate(64, 4096)],
    ["allocateZeroed(300)", (heap) => heap.allocateZeroed(300)],
    ["deallocate, the first block", (heap) => heap.deallocate(live[0]!)],
    ["deallocate, a block in the middle", (heap) => heap.deallocate(middle)],
    ["deallocate, the last block", (heap) => heap.deallocate(live.at(-1)!)],
    ["reallocate to 9000", (heap) => heap.reallocate(middle, 9000)],
    ["reallocate to 8", (heap) => heap.reallocate(middle, 8)],
    ["usableSize", (heap) => void heap.usableSize(middle)],
    ["trim", (heap) => void heap.trim()],
    ["reset", (heap) => heap.reset()],
    ["stats", (heap) => void heap.stats()],
    ["walk", (heap) => void [...heap.walk()]],
  ])("%s: returns a pointer in the memory, or throws CORRUPT", (_, call) => {
    let errors = 0;
    for (const length of lengths) {
      const { heap, memory } = madeHeap();
      memory.resize(length);
      try {
        const pointer = call(heap) ?? 0;
        expect(pointer).toBeLessThan(length);
      } catch (error) {
        expect(error).toBeInstanceOf(HeapError);
        expect([length, (error as HeapError).code]).toEqual([length, "CORRUPT"]);
        errors += 1;
      }
      expect(errorOf(() => heap.check()).code).toBe("CORRUPT");
    }
    expect(errors).toBeGreaterThan(0);
  });

  it("the message says that the memory must not be shrunk", () => {
    const { heap, memory } = madeHeap();
    const { break: end } = heap;
    memory.resize(end - 16);
    expect(errorOf(() => heap.deallocate(live.at(-1)! + 1)).message).toBe(
      `The heap is corrupt: it ends at ${end}, but its memory at ${end - 16}. Don't shrink the memory of a heap; call trim().`,
    );
  });
});

describe.each(PLACES)("$name, overwritten with", ({ makeHeap }) => {
  it.each([0, 1, 0x55, 0x80, 0xff])(
    "bytes of %i: each call returns a pointer in the heap, or throws a HeapError",
    (byte) => {
      for (const small of [0, 1008]) {
        const heap = makeHeap({ small });
        const pointers = [8, 100, 3000, 70_000].map((size) => heap.allocate(size));
        heap.deallocate(pointers[1]!);
        new Uint8Array(heap.buffer).fill(byte);
        const end = heap.buffer.byteLength;
        for (const call of [
          ...[8, 500, 3000, 70_000].map((size) => () => heap.allocate(size)),
          ...pointers.map((pointer) => () => (heap.deallocate(pointer), 64)),
          ...pointers.map((pointer) => () => heap.reallocate(pointer, 40)),
          () => (heap.reset(), 64),
        ]) {
          let pointer: number;
          try {
            pointer = call();
          } catch (error) {
            expect(error).toBeInstanceOf(HeapError);
            continue;
          }
          expect(pointer).toBeGreaterThanOrEqual(64);
          expect(pointer).toBeLessThan(end);
        }
        for (const call of [() => heap.check(), () => heap.stats()]) {
          expect(errorOf(call).code).toBe("CORRUPT");
        }
      }
    },
  );
});

describe("the buffer of WebAssembly.Memory.toResizableBuffer", () => {
  /** A buffer that takes whole pages and does not shrink. */
  function pagedBuffer(pages: number, most: number): ArrayBuffer {
    const buffer = new ArrayBuffer(pages * PAGE, { maxByteLength: most * PAGE });
    buffer.resize = function (length: number) {
      if (length < this.byteLength || length % PAGE !== 0) throw new RangeError("invalid length");
      ArrayBuffer.prototype.resize.call(this, length);
    };
    return buffer;
  }

  it("grows by whole pages, and is not trimmed", () => {
    const memory = pagedBuffer(1, 8);
    const heap = new Heap({ memory });
    const pointer = heap.allocate(3 * PAGE);
    heap.deallocate(pointer);
    const before = memory.byteLength;
    expect([heap.trim(), memory.byteLength]).toEqual([0, before]);
    heap.check();
    expect(heap.allocate(3 * PAGE)).toBe(pointer);
    expect(memory.byteLength).toBe(before);
  });
});

describe("a shared memory whose buffer is outdated after another thread grew it", () => {
  /** The memory as a thread sees it that did not grow it: the buffer is the old one until it grows the memory itself. */
  function outdated(memory: WebAssembly.Memory): WebAssembly.Memory {
    const seen = { length: memory.buffer.byteLength };
    const view = Object.create(WebAssembly.Memory.prototype) as WebAssembly.Memory;
    let old = structuredClone({ memory: memory.buffer }).memory;
    Object.defineProperties(view, {
      buffer: { get: () => old },
      grow: {
        value(pages: number) {
          const before = memory.grow(pages);
          old = memory.buffer;
          seen.length = old.byteLength;
          return before;
        },
      },
    });
    return view;
  }

  it("is requested again, and memory of other code is not used", () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 64, shared: true });
    const first = new Heap({ memory, engine: "js" });
    const second = Heap.attach(outdated(memory), { engine: "js" });
    const large = first.allocate(5 * PAGE);
    first.view(Uint8Array, large, 5 * PAGE).fill(7);
    expect(second.usableSize(large)).toBe(first.usableSize(large));
    expect(second.view(Uint8Array, large, 5 * PAGE).at(-1)).toBe(7);
    expect(second.readString(large + 5 * PAGE - 2, 2)).toBe("\x07\x07");
    expect(struct({ x: "u8" }).at(second, large + 5 * PAGE - 1).x).toBe(7);
    second.deallocate(large);
    memory.grow(3); // by other code: it is not the heap's
    const foreign = memory.buffer.byteLength - 3 * PAGE;
    const next = second.allocate(20 * PAGE);
    expect(next).toBeGreaterThanOrEqual(foreign + 3 * PAGE);
    for (const heap of [first, second]) heap.check();
  });
});

describe("a method without its heap", () => {
  it("reports how to call it", () => {
    const heap = new Heap();
    const { prototype } = Object.getPrototypeOf(Heap) as { prototype: object };
    const names = Object.getOwnPropertyNames(prototype).filter((name) => name !== "constructor");
    expect(names).toContain("allocate");
    for (const name of names) {
      const { value, get } = Object.getOwnPropertyDescriptor(prototype, name)!;
      for (const self of [undefined, {}, Object.create(heap)]) {
        const method = (value ?? get) as (...values: unknown[]) => unknown;
        const error = errorOf(() => Reflect.apply(method, self, [Uint8Array, 1, 1]));
        expect([name, error.code]).toEqual([name, "BAD_OPTIONS"]);
        expect(error.message).toContain("without its heap");
      }
    }
    const { attach } = Heap;
    expect(errorOf(() => attach(heap.memory)).message).toContain("without its heap");
    expect(() => (Heap as unknown as () => void)()).toThrow(/without 'new'/);
  });
});

it("every engine rejects a memory with 64-bit addresses", () => {
  let memory: WebAssembly.Memory;
  try {
    memory = new WebAssembly.Memory({ initial: 1n, maximum: 4n, address: "i64" } as never);
    memory.grow(0n as never);
  } catch {
    // This platform has none: one that takes BigInts, as theirs does.
    memory = new WebAssembly.Memory({ initial: 1 });
    memory.grow = (pages: unknown) => {
      if (typeof pages !== "bigint") throw new TypeError("cannot convert to a BigInt");
      throw new RangeError("maximum memory size exceeded");
    };
  }
  for (const engine of ["auto", "wasm", "js"] as const) {
    const error = errorOf(() => new Heap({ memory, engine }));
    expect(error.message).toBe("Invalid memory: its addresses have 64 bits, expected 32.");
  }
});
