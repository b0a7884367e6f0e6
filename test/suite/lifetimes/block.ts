/** Blocks with a lifetime: `heap.block()`. */

import { expect, it } from "vitest";

import { DISPOSE, errorOf, expectError, growMemory, MAX_SIZE, usedBlocks } from "../heaps.ts";
import type { Place } from "../place.ts";

export function blockSuite(place: Place): void {
  const { makeHeap, kind } = place;

  it("is freed at the end of the scope that declares it", () => {
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

  it("is freed if that scope throws", () => {
    const heap = makeHeap();
    expect(() => {
      using first = heap.block(100);
      using second = heap.block(5000);
      throw new Error(`${first.size} ${second.size}`);
    }).toThrow("100 5000");
    expect(usedBlocks(heap)).toBe(0);
  });

  it("is freed once, and cannot be used afterwards", () => {
    const heap = makeHeap();
    for (const end of ["dispose", DISPOSE] as const) {
      const block = heap.block(100);
      const { pointer } = block;
      block[end]();
      // Somebody else's now.
      expect(heap.allocate(100)).toBe(pointer);
      block.dispose();
      block[DISPOSE]();
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

  it("is left to the caller when it is released", () => {
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

  it("has views of its size, before and after the memory grows", () => {
    const heap = makeHeap();
    using block = heap.block(30);
    expect(block.view(Uint8Array).length).toBe(30);
    block.view(Float64Array).set([1, 2, 3]);
    growMemory(heap, kind);
    const view = block.view(Float64Array);
    expect([...view]).toEqual([1, 2, 3]);
    expect(view.buffer).toBe(heap.buffer);
    expect(view.byteOffset).toBe(block.pointer);
  });

  it("reports a block that was freed manually, once", () => {
    const heap = makeHeap();
    const block = heap.block(100);
    const { pointer } = block;
    heap.deallocate(pointer);
    expectError(heap, () => block.dispose(), "DOUBLE_FREE", { pointer });
    block.dispose();
  });

  it("throws the errors of allocate", () => {
    const heap = makeHeap();
    expectError(heap, () => heap.block(-1), "INVALID_SIZE", { size: -1 });
    expectError(heap, () => heap.block(8, 3), "INVALID_ALIGNMENT");
    expectError(heap, () => heap.block(MAX_SIZE), "OUT_OF_MEMORY", { size: MAX_SIZE });
    using empty = heap.block(0);
    expect(empty.view(Uint8Array).length).toBe(0);
  });
}
