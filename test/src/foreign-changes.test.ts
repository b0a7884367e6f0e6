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
