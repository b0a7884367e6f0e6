/** Arrays in a heap: `heap.array()`. */

import { expect, it } from "vitest";

import type { HeapArray } from "../../../src/index.ts";
import { DISPOSE, expectError, growMemory, MAX_SIZE, usedBlocks } from "../heaps.ts";
import { PAGE, type Place } from "../place.ts";

export function arraySuite(place: Place): void {
  const { makeHeap, kind } = place;

  it("has elements of its type, which are zero at first", () => {
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
    growMemory(heap, kind);
    expect([...array.elements]).toEqual([1, 2, 3, 4, 5]);
    array.elements[4] = 6;
    expect(heap.view(type as typeof Uint8Array, array.pointer, 5)[4]).toBe(6);
  });

  it("has bigint elements", () => {
    using array = makeHeap().array(BigUint64Array, 2);
    array.elements[1] = 2n ** 64n - 1n;
    expect([...array.elements]).toEqual([0n, 2n ** 64n - 1n]);
  });

  it("may be empty", () => {
    const heap = makeHeap();
    using array = heap.array(Float64Array, 0);
    expect(array.elements.length).toBe(0);
    growMemory(heap, kind);
    expect(array.elements.length).toBe(0);
  });

  it("cannot be used after it was freed or released", () => {
    const heap = makeHeap();
    for (const end of ["dispose", "release", DISPOSE] as const) {
      const array = heap.array(Int32Array, 4);
      array.elements.fill(7);
      const pointer = array[end]();
      expectError(heap, () => array.elements, "DISPOSED");
      if (pointer !== undefined) {
        expect([...heap.view(Int32Array, pointer, 4)]).toEqual([7, 7, 7, 7]);
        heap.deallocate(pointer);
      }
    }
    expect(usedBlocks(heap)).toBe(0);
  });

  it.each([-1, 0.5, NaN, Infinity, 2 ** 29, 2 ** 53])("rejects a length of %s", (length) => {
    const error = expectError(
      makeHeap(),
      () => makeHeap().array(Float64Array, length),
      "INVALID_SIZE",
    );
    expect(error.message).toBe(
      `Invalid length ${length}: expected a whole number of elements from 0 to ${MAX_SIZE / 8}.`,
    );
  });

  it("an empty array stays empty when the memory grows", () => {
    const heap = makeHeap();
    using array = heap.array(Float64Array, 0);
    expect([...array.elements]).toEqual([]);
    heap.deallocate(heap.allocate(8 * PAGE));
    expect([...array.elements]).toEqual([]);
    array.elements.set([]);
  });
}
