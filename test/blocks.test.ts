/** What frees itself: blocks, arrays and scopes, on every engine and in every memory. */

import { describe, expect, it } from "vitest";

import { Heap, type HeapArray } from "../src/index.ts";
import { errorOf, expectError, MAX_SIZE, PAGE, PLACES } from "./heaps.ts";

describe.each(PLACES)("$name", ({ makeHeap, kind }) => {
  const live = (heap: Heap): number => heap.stats().usedBlocks;

  /** Makes the heap's memory grow, where it can. */
  function grow(heap: Heap): void {
    const before = heap.buffer.byteLength;
    heap.deallocate(heap.allocate(8 * PAGE));
    if (kind.grows) expect(heap.buffer.byteLength).toBeGreaterThan(before);
  }

  describe("a block", () => {
    it("is freed at the end of the code that declares it", () => {
      const heap = makeHeap();
      let pointer: number;
      {
        using block = heap.block(100, 256);
        pointer = block.pointer;
        expect(pointer % 256).toBe(0);
        expect(block.size).toBe(100);
        expect(block.heap).toBe(heap);
        expect(heap.owns(pointer)).toBe(true);
      }
      expect(heap.owns(pointer)).toBe(false);
      heap.check();
    });

    it("is freed when that code throws", () => {
      const heap = makeHeap();
      expect(() => {
        using first = heap.block(100);
        using second = heap.block(5000);
        throw new Error(`${first.size} ${second.size}`);
      }).toThrow("100 5000");
      expect(live(heap)).toBe(0);
    });

    it("is freed once, by hand or by its symbol, and can't be used afterwards", () => {
      const heap = makeHeap();
      for (const end of ["dispose", Symbol.dispose] as const) {
        const block = heap.block(100);
        const { pointer } = block;
        block[end]();
        // Somebody else's now.
        expect(heap.allocate(100)).toBe(pointer);
        block.dispose();
        block[Symbol.dispose]();
        expect(heap.owns(pointer)).toBe(true);
        for (const use of [
          () => block.pointer,
          () => block.view(Uint8Array),
          () => block.release(),
        ]) {
          expect(expectError(heap, use, "DISPOSED").message).toContain("block was disposed of");
        }
        heap.deallocate(pointer);
      }
    });

    it("is the caller's once it was released", () => {
      const heap = makeHeap();
      let pointer: number;
      {
        using block = heap.block(100);
        pointer = block.release();
        expect(errorOf(() => block.pointer).code).toBe("DISPOSED");
      }
      expect(heap.owns(pointer)).toBe(true);
      heap.deallocate(pointer);
      heap.check();
    });

    it("has views of its size, also after growth", () => {
      const heap = makeHeap();
      using block = heap.block(30);
      expect(block.view(Uint8Array).length).toBe(30);
      block.view(Float64Array).set([1, 2, 3]);
      grow(heap);
      const view = block.view(Float64Array);
      expect([...view]).toEqual([1, 2, 3]);
      expect(view.buffer).toBe(heap.buffer);
      expect(view.byteOffset).toBe(block.pointer);
    });

    it("tells when it was deallocated by hand, once", () => {
      const heap = makeHeap();
      const block = heap.block(100);
      const { pointer } = block;
      heap.deallocate(pointer);
      expectError(heap, () => block.dispose(), "DOUBLE_FREE", { pointer });
      block.dispose();
    });

    it("refuses what allocate refuses", () => {
      const heap = makeHeap();
      expectError(heap, () => heap.block(-1), "INVALID_SIZE", { size: -1 });
      expectError(heap, () => heap.block(8, 3), "INVALID_ALIGNMENT");
      expectError(heap, () => heap.block(MAX_SIZE), "OUT_OF_MEMORY", { size: MAX_SIZE });
      using empty = heap.block(0);
      expect(empty.view(Uint8Array).length).toBe(0);
    });
  });

  describe("an array", () => {
    it("is zero at first, and of its type", () => {
      const heap = makeHeap();
      const p = heap.allocate(80);
      heap.view(Uint8Array, p, 80).fill(255);
      heap.deallocate(p);
      using array = heap.array(Float64Array, 10);
      expect(array.pointer).toBe(p);
      expect(array.elements).toBeInstanceOf(Float64Array);
      expect([...array.elements]).toEqual(Array(10).fill(0));
      expect([array.length, array.size]).toEqual([10, 80]);
      expect(array.elements.byteOffset).toBe(p);
    });

    it.each([
      Int8Array,
      Uint8Array,
      Uint8ClampedArray,
      Int16Array,
      Uint16Array,
      Int32Array,
      Uint32Array,
      Float32Array,
      Float64Array,
    ])("keeps its elements when the memory grows: %o", (type) => {
      const heap = makeHeap();
      using array: HeapArray<Uint8Array | Float64Array> = heap.array(type as typeof Uint8Array, 5);
      array.elements.set([1, 2, 3, 4, 5]);
      const before = array.elements;
      expect(array.elements).toBe(before);
      grow(heap);
      expect([...array.elements]).toEqual([1, 2, 3, 4, 5]);
      array.elements[4] = 6;
      expect(heap.view(type as typeof Uint8Array, array.pointer, 5)[4]).toBe(6);
    });

    it("holds bigints", () => {
      using array = makeHeap().array(BigUint64Array, 2);
      array.elements[1] = 2n ** 64n - 1n;
      expect([...array.elements]).toEqual([0n, 2n ** 64n - 1n]);
    });

    it("may be empty", () => {
      const heap = makeHeap();
      using array = heap.array(Float64Array, 0);
      expect(array.elements.length).toBe(0);
      grow(heap);
      expect(array.elements.length).toBe(0);
    });

    it("can't be used once it is freed or released", () => {
      const heap = makeHeap();
      for (const end of ["dispose", "release", Symbol.dispose] as const) {
        const array = heap.array(Int32Array, 4);
        array.elements.fill(7);
        const pointer = array[end]();
        expectError(heap, () => array.elements, "DISPOSED");
        if (pointer !== undefined) {
          expect([...heap.view(Int32Array, pointer, 4)]).toEqual([7, 7, 7, 7]);
          heap.deallocate(pointer);
        }
      }
      expect(live(heap)).toBe(0);
    });

    it.each([-1, 0.5, NaN, Infinity, 2 ** 29, 2 ** 53])("refuses a length of %s", (length) => {
      const error = expectError(
        makeHeap(),
        () => makeHeap().array(Float64Array, length),
        "INVALID_SIZE",
      );
      expect(error.message).toBe(
        `length ${length} is not a whole number of elements from 0 to ${MAX_SIZE / 8}`,
      );
    });
  });

  it("an empty array stays one when the memory grows", () => {
    const heap = makeHeap();
    using array = heap.array(Float64Array, 0);
    expect([...array.elements]).toEqual([]);
    heap.deallocate(heap.allocate(8 * PAGE));
    expect([...array.elements]).toEqual([]);
    array.elements.set([]);
  });

  describe("a scope", () => {
    it.each([null, undefined, {}, "name", 8n, { [Symbol.dispose]: 1 }])(
      "refuses what it can't free: %s",
      (what) => {
        const heap = makeHeap();
        using scope = heap.scope();
        const error = errorOf(() => scope.add(what as never));
        expect(error.code).toBe("BAD_OPTIONS");
        expect(error.message).toContain("expected a pointer, or what has a method dispose");
      },
    );

    it("takes a function that has a method dispose", () => {
      const heap = makeHeap();
      const freed: string[] = [];
      heap.scope().add(Object.assign(() => {}, { dispose: () => freed.push("never") }));
      {
        using scope = heap.scope();
        scope.add(Object.assign(() => {}, { dispose: () => freed.push("it") }));
      }
      expect(freed).toEqual(["it"]);
    });

    it("frees what it allocated, at its end", () => {
      const heap = makeHeap();
      {
        using scope = heap.scope();
        const pointers = [10, 1000, 5000].map((size) => scope.allocate(size));
        expect(scope.allocate(10, 4096) % 4096).toBe(0);
        for (const p of pointers) expect(heap.owns(p)).toBe(true);
      }
      expect(live(heap)).toBe(0);
      heap.check();
    });

    it("frees what was added, of every kind, last first", () => {
      const heap = makeHeap();
      const freed: string[] = [];
      const scope = heap.scope();
      scope.add({ dispose: () => freed.push("first") });
      const block = scope.add(heap.block(10));
      const array = scope.add(heap.array(Int8Array, 10));
      const pointer = scope.add(heap.allocate(10));
      scope.add({ dispose: () => freed.push(`last, ${live(heap)} live`) });
      expect(live(heap)).toBe(3);
      scope.dispose();
      expect(freed).toEqual(["last, 3 live", "first"]);
      expect(heap.owns(pointer)).toBe(false);
      expect(errorOf(() => block.pointer).code).toBe("DISPOSED");
      expect(errorOf(() => array.elements).code).toBe("DISPOSED");
    });

    it("lets go of what is kept", () => {
      const heap = makeHeap();
      const keep = (): { pointer: number; array: HeapArray<Float32Array> } => {
        using scope = heap.scope();
        scope.allocate(100);
        const pointer = scope.allocate(100);
        const array = scope.add(heap.array(Float32Array, 4));
        return { pointer: scope.keep(pointer), array: scope.keep(array) };
      };
      const { pointer, array } = keep();
      expect(live(heap)).toBe(2);
      array.elements[3] = 1;
      array.dispose();
      heap.deallocate(pointer);
      expect(live(heap)).toBe(0);
    });

    it("keeps only what it holds", () => {
      const heap = makeHeap();
      using scope = heap.scope();
      using block = heap.block(1);
      const pointer = heap.allocate(1);
      const error = expectError(heap, () => scope.keep(pointer), "INVALID_POINTER", { pointer });
      expect(error.message).toContain(`pointer ${pointer} is not held by the scope`);
      expectError(heap, () => scope.keep(block), "INVALID_POINTER");
      scope.add(pointer);
      scope.keep(pointer);
      expectError(heap, () => scope.keep(pointer), "INVALID_POINTER", { pointer });
      heap.deallocate(pointer);
    });

    it("can be within another, and hand its blocks outwards", () => {
      const heap = makeHeap();
      {
        using outer = heap.scope();
        const own = outer.allocate(100);
        let moved: number;
        {
          using inner = heap.scope();
          inner.allocate(100);
          moved = outer.add(inner.keep(inner.allocate(100)));
        }
        expect(live(heap)).toBe(2);
        expect([heap.owns(own), heap.owns(moved)]).toEqual([true, true]);
        const third = outer.add(heap.scope());
        third.allocate(100);
        expect(live(heap)).toBe(3);
      }
      expect(live(heap)).toBe(0);
    });

    it("frees all when an error comes in the middle", () => {
      const heap = makeHeap();
      const error = errorOf(() => {
        using scope = heap.scope();
        scope.allocate(100);
        scope.add(heap.block(100));
        scope.allocate(MAX_SIZE);
      });
      expect(error.code).toBe("OUT_OF_MEMORY");
      expect(live(heap)).toBe(0);
    });

    it("frees the others where one can't be freed, and throws the first error", () => {
      const heap = makeHeap();
      const scope = heap.scope();
      const [first, second, third] = [100, 5000, 200].map((size) => scope.allocate(size));
      heap.deallocate(second!);
      heap.deallocate(third!);
      const error = errorOf(() => scope.dispose());
      expect([error.code, error.pointer]).toEqual(["DOUBLE_FREE", third]);
      expect(heap.owns(first!)).toBe(false);
      scope.dispose();
      expect(live(heap)).toBe(0);
    });

    it("can't be used once it has ended", () => {
      const heap = makeHeap();
      const scope = heap.scope();
      const pointer = scope.allocate(10);
      scope.dispose();
      const other = heap.allocate(10);
      expect(other).toBe(pointer);
      scope.dispose();
      for (const use of [
        () => scope.allocate(1),
        () => scope.add(other),
        () => scope.keep(other),
      ]) {
        expect(expectError(heap, use, "DISPOSED").message).toContain("the scope has ended");
      }
      expect(heap.owns(other)).toBe(true);
    });

    it("refuses a pointer that is none of its heap", () => {
      const heap = makeHeap();
      using scope = heap.scope();
      const pointer = heap.allocate(100);
      expectError(heap, () => scope.add(pointer + 8), "INVALID_POINTER", { pointer: pointer + 8 });
      expectError(heap, () => scope.add(0), "OUT_OF_HEAP", { pointer: 0 });
      expectError(heap, () => scope.add(2 ** 31), "OUT_OF_HEAP", { pointer: 2 ** 31 });
      expect(scope.allocate(1)).toBeGreaterThan(0);
    });
  });
});
