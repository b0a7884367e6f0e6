/** The block map: it covers every block and slab, moves with the top block, and needs memory. */

import { describe, expect, it } from "vitest";

import { HEADER } from "../../engine/block.ts";
import { CONTROL } from "../../engine/control.ts";
import {
  allocateSlot,
  expectError,
  mapBytes,
  MAX_SMALL,
  pictureOf,
  plainHeaps,
  topOf,
  unchanged,
  whole,
} from "./heaps.ts";
import { MANY_PAGES, PAGE, type Place } from "./place.ts";

export function mapSuite(place: Place): void {
  const plain = plainHeaps(place);

  it("the map covers slabs wherever they are", () => {
    const heap = plain({ small: MAX_SMALL });
    const low = allocateSlot(heap, 100);
    heap.allocate(1_000_000);
    const high = allocateSlot(heap, 500);
    heap.allocate(1_000_000);
    expect(low).toBeLessThan(PAGE);
    expect(high).toBeGreaterThan(1_000_000);
    for (const p of [low, high]) {
      expectError(heap, () => heap.deallocate(p + 16), "INVALID_POINTER");
      heap.deallocate(p);
      expectError(heap, () => heap.deallocate(p), "DOUBLE_FREE");
    }
  });

  it("a request that fails because the map has no room leaves the heap unchanged", () => {
    const heap = plain({ pages: 4 });
    const p = heap.allocate(20_000);
    heap.allocate(10);
    heap.deallocate(p);
    unchanged(heap, () => expect(heap.tryAllocate(20 * PAGE)).toBe(0));
    // A block that reaches to the end of the memory leaves no room for the map.
    const { address } = topOf(heap);
    const size = 4 * PAGE - address - HEADER;
    unchanged(heap, () => expect(heap.tryAllocate(size)).toBe(0));
    expect(heap.allocate(20_000)).toBe(p);
    expect(heap.allocate(size - mapBytes(heap, 4 * PAGE))).toBe(address);
  });

  describe.runIf(place.kind.grows)("with room for large blocks", () => {
    it("large blocks have a header each, and a byte of the map for each cell", () => {
      const heap = plain({ small: MAX_SMALL, pages: MANY_PAGES });
      const at = Array.from({ length: 100 }, () => heap.allocate(100_000));
      expect(at).toEqual(at.map((_, i) => heap.base + CONTROL + i * whole(100_000)));
      const end = topOf(heap).address + topOf(heap).size;
      expect(mapBytes(heap, end)).toBeLessThan(10_000_000 / 500);
      expect(heap.break).toBeLessThan(topOf(heap).address + mapBytes(heap, heap.break) + 2 * PAGE);
    });

    it("the block map moves with the top block, and no metadata is between blocks", () => {
      const heap = plain({ pages: MANY_PAGES });
      const p = heap.allocate(100);
      expect(p).toBe(heap.base + CONTROL);
      const q = heap.allocate(10 * PAGE);
      const r = heap.allocate(100 * PAGE);
      expect(pictureOf(heap, p)).toBe("used 112, used 655424, used 6553664, top");
      const s = heap.allocate(10);
      for (const each of [p, q, r, s]) expect(heap.owns(each)).toBe(true);
      heap.deallocate(r);
      expect(heap.allocate(100 * PAGE)).toBe(r);
    });
  });
}
