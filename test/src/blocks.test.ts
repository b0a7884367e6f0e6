/** What frees itself: blocks, arrays and scopes, on every engine and in every memory. */

import { describe, expect, it } from "vitest";

import { Heap, type HeapArray } from "../../src/index.ts";
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
          expect(expectError(heap, use, "DISPOSED").message).toBe(
            "This block was disposed of or released. Use it before, or make another one.",
          );
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
        `Invalid length ${length}: expected a whole number of elements from 0 to ${MAX_SIZE / 8}.`,
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
    it.each([{}, "name", 8n, 16, { [Symbol.dispose]: 1 }, { dispose() {} }])(
      "refuses to use a value without a Symbol.dispose method: %s",
      (value) => {
        using scope = makeHeap().scope();
        const error = errorOf(() => scope.use(value as never));
        expect(error.code).toBe("BAD_OPTIONS");
        expect(error.message).toMatch(
          /^Cannot use .*: it has no Symbol.dispose method. Call adopt\(\)/,
        );
      },
    );

    it.each([undefined, null, {}, "name", 16])("refuses to adopt with, or defer, %s", (value) => {
      using scope = makeHeap().scope();
      for (const call of [
        () => scope.adopt(1, value as never),
        () => scope.defer(value as never),
      ]) {
        const error = errorOf(call);
        expect(error.code).toBe("BAD_OPTIONS");
        expect(error.message).toMatch(/^Invalid onDispose .+: expected a function\.$/);
      }
    });

    it("ignores null and undefined, as DisposableStack does", () => {
      using scope = makeHeap().scope();
      expect([scope.use(null), scope.use(undefined)]).toEqual([null, undefined]);
    });

    it("frees the blocks it allocated at its end", () => {
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

    it("frees resources of every kind, last first", () => {
      const heap = makeHeap();
      const freed: unknown[] = [];
      const scope = heap.scope();
      const first = { [Symbol.dispose]: () => freed.push("first") };
      expect(scope.use(first)).toBe(first);
      const block = scope.use(heap.block(10));
      const array = scope.use(heap.array(Int8Array, 10));
      const pointer = scope.adopt(heap.allocate(10), (each) => {
        heap.deallocate(each);
        freed.push(each);
      });
      scope.defer(() => freed.push(`last, ${live(heap)} live`));
      expect(live(heap)).toBe(3);
      scope.dispose();
      expect(freed).toEqual(["last, 3 live", pointer, "first"]);
      expect(heap.owns(pointer)).toBe(false);
      expect(errorOf(() => block.pointer).code).toBe("DISPOSED");
      expect(errorOf(() => array.elements).code).toBe("DISPOSED");
    });

    it("does not free a block that was released", () => {
      const heap = makeHeap();
      const make = (): number => {
        using scope = heap.scope();
        scope.allocate(100);
        return scope.use(heap.array(Float32Array, 4)).release();
      };
      const pointer = make();
      expect(live(heap)).toBe(1);
      heap.deallocate(pointer);
    });

    it("moves its resources to a new scope", () => {
      const heap = makeHeap();
      const make = (fails: boolean) => {
        using scope = heap.scope();
        scope.allocate(100);
        if (fails) throw new RangeError("on the way");
        return scope.move();
      };
      expect(() => make(true)).toThrow(RangeError);
      expect(live(heap)).toBe(0);
      const moved = make(false);
      expect([live(heap), moved.disposed]).toEqual([1, false]);
      moved.allocate(100);
      moved.dispose();
      expect([live(heap), moved.disposed]).toEqual([0, true]);
    });

    it("can be used in another scope", () => {
      const heap = makeHeap();
      {
        using outer = heap.scope();
        const outside = outer.allocate(100);
        {
          using inner = heap.scope();
          inner.allocate(100);
        }
        expect(live(heap)).toBe(1);
        expect(heap.owns(outside)).toBe(true);
        outer.use(heap.scope()).allocate(100);
        expect(live(heap)).toBe(2);
      }
      expect(live(heap)).toBe(0);
    });

    it("frees everything if an error is thrown", () => {
      const heap = makeHeap();
      const error = errorOf(() => {
        using scope = heap.scope();
        scope.allocate(100);
        scope.use(heap.block(100));
        scope.allocate(MAX_SIZE);
      });
      expect(error.code).toBe("OUT_OF_MEMORY");
      expect(live(heap)).toBe(0);
    });

    it("throws the error of the only resource that could not be freed", () => {
      const heap = makeHeap();
      const scope = heap.scope();
      const [first, second, third] = [100, 5000, 200].map((size) => scope.allocate(size));
      heap.deallocate(second!);
      const error = errorOf(() => scope.dispose());
      expect([error.code, error.pointer]).toEqual(["DOUBLE_FREE", second]);
      expect([heap.owns(first!), heap.owns(third!)]).toEqual([false, false]);
      scope.dispose();
      expect(live(heap)).toBe(0);
    });

    it("throws all errors as SuppressedErrors", () => {
      const scope = makeHeap().scope();
      for (const each of ["first", undefined, "last"]) {
        scope.defer(() => {
          throw each;
        });
      }
      let thrown: unknown;
      try {
        scope.dispose();
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(Error);
      expect(thrown).toMatchObject({
        name: "SuppressedError",
        message: "Several resources could not be freed.",
        error: "first",
        suppressed: { name: "SuppressedError", error: undefined, suppressed: "last" },
      });
    });

    it("cannot be used after its end", () => {
      const heap = makeHeap();
      for (const end of ["dispose", Symbol.dispose, "move"] as const) {
        const scope = heap.scope();
        expect(scope.disposed).toBe(false);
        scope[end]();
        expect(scope.disposed).toBe(true);
        scope.dispose();
        for (const use of [
          () => scope.allocate(1),
          () => scope.use(null),
          () => scope.adopt(1, () => {}),
          () => scope.defer(() => {}),
          () => scope.move(),
        ]) {
          const { message } = expectError(heap, use, "DISPOSED");
          expect(message).toBe(
            "This scope was disposed of or moved. Use it before, or make another one.",
          );
        }
      }
      expect(live(heap)).toBe(0);
    });
  });
});
