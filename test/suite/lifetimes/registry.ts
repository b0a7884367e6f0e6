/** Blocks that are registered with an owner: `heap.register()`. That they are freed in the end is in test/src/lifetimes/. */

import { expect, it } from "vitest";

import { errorOf, expectError } from "../heaps.ts";
import type { Place } from "../place.ts";

export function registrySuite({ makeHeap }: Place): void {
  it("rejects a block that is already registered", () => {
    const heap = makeHeap();
    const pointer = heap.allocate(100);
    const [first, second] = [{}, {}];
    heap.register(first, pointer);
    const error = expectError(heap, () => heap.register(second, pointer), "INVALID_POINTER", {
      pointer,
    });
    expect(error.message).toContain(`Pointer ${pointer} is already registered`);
    heap.unregister(pointer);
    heap.register(second, pointer);
    heap.deallocate(pointer);
    expect(heap.unregister(pointer)).toBe(false);
  });

  it("rejects owners that are not objects, and invalid pointers", () => {
    const heap = makeHeap();
    const pointer = heap.allocate(100);
    for (const owner of [null, undefined, 5, "mesh"]) {
      const error = errorOf(() => heap.register(owner as never, pointer));
      expect(error.code).toBe("BAD_OPTIONS");
      expect(error.message).toContain(`expected an object`);
    }
    expect(heap.unregister(pointer)).toBe(false);
    heap.register(() => 1, pointer);
    expectError(heap, () => heap.register({}, pointer + 4), "INVALID_POINTER");
    expectError(heap, () => heap.register({}, 0), "OUT_OF_HEAP");
    heap.deallocate(pointer);
    expectError(heap, () => heap.register({}, pointer), "DOUBLE_FREE");
  });

  it("unregister reports whether the block was registered", () => {
    const heap = makeHeap();
    const pointers = [heap.allocate(100), heap.allocate(100)] as const;
    for (const pointer of pointers) heap.register({}, pointer);
    expect([heap.unregister(pointers[0]), heap.unregister(pointers[0])]).toEqual([true, false]);
    heap.deallocate(pointers[1]);
    expect(heap.unregister(pointers[1])).toBe(false);
  });
}
