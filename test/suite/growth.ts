/** The program break: where it moves, what it leaves, and where it stops. */

import { describe, expect, it } from "vitest";

import { HEADER } from "../../engine/block.ts";
import { CONTROL, QUICK_ROOM } from "../../engine/control.ts";
import {
  expectError,
  expectFilled,
  expectSound,
  fill,
  FIRST_BREAK,
  mapBytes,
  MAX_SMALL,
  pictureOf,
  plainHeaps,
  quickCount,
  roomOf,
  roomToBreak,
  topOf,
  unchanged,
  whole,
} from "./heaps.ts";
import { MANY_PAGES, PAGE, type Place } from "./place.ts";

export function growthSuite(place: Place): void {
  const plain = plainHeaps(place);

  it("the break moves by at least a page, and later requests use the rest of it", () => {
    const heap = plain();
    heap.allocate(1);
    expect(heap.break).toBe(FIRST_BREAK);
    expect(heap.breakMoves).toBe(1);
    for (let left = 50; left > 0; left--) heap.allocate(1000);
    expect(heap.breakMoves).toBe(1);
  });

  it("the first move of the break leaves the margin", () => {
    const heap = place.makeHeap({ margin: 100_000 });
    expect(heap.breakMoves).toBe(1);
    expect(heap.base).toBe(16);
    expect(roomToBreak(heap)).toBeGreaterThan(100_000 - 1024);
    expect(heap.heapBytes).toBe(heap.break - heap.base);
    expect(heap.peakHeapBytes).toBe(heap.heapBytes);
    heap.allocate(50_000);
    expect(heap.breakMoves).toBe(1);
  });

  it("the heap grows from the start of the top block", () => {
    const heap = plain();
    const p = heap.allocate(100);
    const { address } = topOf(heap);
    const size = roomOf(heap);
    expect(heap.break).toBe(FIRST_BREAK);
    expect(heap.allocate(size + 1000)).toBe(address);
    expect(pictureOf(heap, p)).toBe(`used 112, used ${whole(size + 1000)}, top`);
    expect(heap.break).toBe(FIRST_BREAK + PAGE);
    expect(heap.breakMoves).toBe(2);
  });

  it("the break moves by at least a page, even if one byte is missing", () => {
    const heap = plain();
    const { address } = topOf(heap);
    const size = roomOf(heap);
    expect(heap.allocate(size - HEADER + 1)).toBe(address);
    expect(heap.break).toBe(FIRST_BREAK + PAGE);
    expect(topOf(heap).address).toBe(address + whole(size - HEADER + 1));
    expect(heap.breakMoves).toBe(2);
  });

  it("the break does not move if the room is exactly enough", () => {
    const heap = plain();
    const { address } = topOf(heap);
    const size = roomOf(heap);
    expect(heap.allocate(size - HEADER)).toBe(address);
    expect(heap.break).toBe(FIRST_BREAK);
    expect(topOf(heap)).toMatchObject({ address: address + size, size: 0 });
    expect(heap.allocate(1)).toBe(address + size); // an empty top block grows too
  });

  it("the heap grows if free blocks are large enough only together", () => {
    const heap = plain();
    const [p, , q] = [50_000, 10, 50_000, 10].map((size) => heap.allocate(size)) as [
      number,
      number,
      number,
    ];
    heap.deallocate(p);
    heap.deallocate(q);
    const { address } = topOf(heap);
    expect(heap.allocate(60_000)).toBe(address);
    expect(pictureOf(heap, p)).toBe("free 50048, used 16, free 50048, used 16, used 60032, top");
  });

  it.each([0, 1, 100_000, 1_000_000])(
    "the break moves a margin of %d bytes farther than needed, to the end of a page",
    (margin) => {
      const heap = plain({ margin });
      const before = heap.break;
      heap.allocate(roomOf(heap) + 100);
      expect(heap.break - before).toBeGreaterThanOrEqual(PAGE);
      const end = topOf(heap).address;
      expect(heap.break - end).toBeGreaterThanOrEqual(margin);
      expect(heap.break - end).toBeLessThan(margin + PAGE + mapBytes(heap, end));
      expect(heap.break % PAGE).toBe(0);
    },
  );

  it("the default margin is a 256th of the heap", () => {
    const heap = place.makeHeap({ small: 0 });
    heap.allocate(26 * PAGE);
    const before = heap.heapBytes;
    heap.allocate(roomToBreak(heap) + 2 * PAGE);
    const map = heap.heapBytes / 512;
    expect(roomToBreak(heap)).toBeGreaterThanOrEqual(before / 256 - 16);
    expect(roomToBreak(heap)).toBeLessThan(heap.heapBytes / 256 + map + PAGE);
  });

  it.runIf(place.kind.grows)(
    "the heap grows without a margin if the memory has no room for it",
    () => {
      const heap = plain({ pages: 3, margin: 10 * PAGE });
      expect(heap.tryAllocate(roomOf(heap) + PAGE / 2)).not.toBe(0);
      expect(heap.break).toBeLessThanOrEqual(3 * PAGE);
    },
  );

  it("blocks use the memory up to the block map at its end", () => {
    const heap = plain({ pages: 3 });
    let last = 0;
    for (let p = heap.tryAllocate(1000); p !== 0; p = heap.tryAllocate(1000)) last = p;
    for (let p = heap.tryAllocate(0); p !== 0; p = heap.tryAllocate(0)) last = Math.max(p, last);
    expect(heap.break).toBe(3 * PAGE);
    expect(topOf(heap).size).toBe(0);
    expect(last + 16 + mapBytes(heap, last + 16)).toBe(3 * PAGE);
  });

  describe.runIf(place.kind.grows)("with room for large blocks", () => {
    it("the default margin is a 256th of a large heap, too", () => {
      for (const bytes of [1 << 23, 1 << 25]) {
        const heap = place.makeHeap({ small: 0, pages: MANY_PAGES });
        heap.allocate(bytes);
        heap.allocate(roomOf(heap));
        expect(roomOf(heap)).toBeGreaterThan(bytes / 256);
        expect(roomOf(heap)).toBeLessThan(bytes / 256 + 2 * PAGE);
      }
    });

    it("margin: with a larger one the break moves less often", () => {
      const moves = [];
      for (const margin of [0, 4 * PAGE, 16 * PAGE]) {
        const heap = plain({ margin, pages: MANY_PAGES });
        for (let left = 200; left > 0; left--) heap.allocate(20_000);
        moves.push(heap.breakMoves);
      }
      expect(moves[0]).toBeGreaterThan(2 * moves[1]!);
      expect(moves[1]).toBeGreaterThan(2 * moves[2]!);
    });
  });

  describe("a limit", () => {
    it("the heap uses all memory up to its limit", () => {
      const limit = 5 * PAGE + 1000;
      const heap = place.makeHeap({ limit });
      let last = 0;
      for (let p = heap.tryAllocate(5000); p !== 0; p = heap.tryAllocate(5000)) last = p;
      const stats = heap.stats();
      expect(stats.limit).toBe(limit - (limit % 16));
      expect(stats.break).toBeLessThanOrEqual(limit);
      expect(last).toBeGreaterThan(limit - 12_000);
      expectError(heap, () => heap.allocate(5000), "OUT_OF_MEMORY");
      while (heap.tryAllocate(200) !== 0);
      expect(heap.stats().break).toBe(stats.limit);
      heap.deallocate(last);
      expect(heap.allocate(5000)).toBe(last);
    });

    it("the break does not go beyond the limit", () => {
      const limit = 2 * PAGE - 1000;
      const heap = plain({ limit });
      expect(heap.limit).toBe(limit & -16);
      const p = heap.allocate(roomOf(heap)); // a page more would be beyond the limit
      expect(heap.break).toBe(limit & -16);
      const { address } = topOf(heap);
      const room = roomOf(heap);
      expect(unchanged(heap, () => heap.tryAllocate(room))).toBe(0);
      expect(heap.tryAllocate(room - HEADER)).toBe(address);
      expect(topOf(heap).size).toBe(0);
      heap.deallocate(p);
      expect(heap.tryAllocate(100)).toBe(p);
    });

    it("the heap stays below the limit in a memory that is larger", () => {
      const memory = place.kind.make(4 * PAGE, 4 * PAGE);
      const heap = plain({ memory, limit: PAGE });
      expect(heap.break).toBe(PAGE);
      expect(heap.tryAllocate(PAGE)).toBe(0);
      expect(heap.buffer.byteLength).toBe(4 * PAGE);
    });
  });

  describe("trim", () => {
    it("a trim keeps the blocks in use, and the heap grows again", () => {
      const heap = plain();
      const p = heap.allocate(100);
      fill(heap, p, 100);
      heap.deallocate(heap.allocate(20 * PAGE));
      const { break: before, peakHeapBytes } = heap;
      const freed = heap.trim();
      expect(before - heap.break).toBe(freed);
      if (place.kind.shrinks) {
        expect(freed).toBeGreaterThan(19 * PAGE);
        expect(heap.buffer.byteLength).toBe(heap.break);
        expect(heap.peakHeapBytes).toBe(peakHeapBytes);
      } else expect(freed).toBe(0);
      expect(heap.trim()).toBe(0);
      heap.check();
      expectFilled(heap, p, 100);
      fill(heap, heap.allocate(20 * PAGE), 20 * PAGE);
    });
  });

  describe.runIf(place.kind.shrinks)("trim, if the memory can shrink", () => {
    it("the memory shrinks to the start of the top block, and the map behind it", () => {
      const heap = plain();
      const p = heap.allocate(100);
      heap.deallocate(heap.allocate(10 * PAGE));
      const { break: end } = heap;
      const { address } = topOf(heap);
      const least = address + mapBytes(heap, address);
      expect(heap.trim()).toBe(end - least);
      expect(heap.break).toBe(least);
      expect(topOf(heap)).toEqual({ address, size: 0, kind: "top" });
      expect(heap.buffer.byteLength).toBe(least);
      expect(heap.owns(p)).toBe(true);
      expect(unchanged(heap, () => heap.trim())).toBe(0);
      expect(heap.peakHeapBytes).toBe(end - heap.base); // the peak stays
    });

    it("empty slabs at the end of the heap are released", () => {
      const heap = plain({ small: MAX_SMALL });
      for (const p of Array.from({ length: 3000 }, (_, i) => heap.allocate(i % 1000)))
        heap.deallocate(p);
      const before = heap.break;
      expect(heap.trim()).toBeGreaterThan(500_000);
      expect(heap.break).toBeLessThan(before - 500_000);
      expect(heap.break).toBe(heap.base + CONTROL + mapBytes(heap, heap.base + CONTROL));
      heap.allocate(100);
      expectSound(heap);
    });

    it("blocks in quick lists at the end of the heap are coalesced", () => {
      const heap = plain();
      heap.allocate(1 << 20);
      const at = Array.from({ length: QUICK_ROOM }, () => heap.allocate(1000));
      for (const p of at) heap.deallocate(p);
      expect(quickCount(heap)).toBe(QUICK_ROOM);
      expect(heap.trim()).toBeGreaterThan(QUICK_ROOM * 1000);
      expect(topOf(heap)).toEqual({ address: at[0], size: 0, kind: "top" });
    });

    it("the heap grows again after a trim", () => {
      const heap = plain();
      heap.deallocate(heap.allocate(10 * PAGE));
      heap.trim();
      const { address } = topOf(heap);
      heap.allocate(10);
      expect(heap.owns(heap.allocate(10 * PAGE))).toBe(true);
      expect(topOf(heap).address).toBeGreaterThan(address);
    });

    it("nothing happens if memory of other code follows the heap", () => {
      const heap = plain();
      (heap.memory as ArrayBuffer).resize(heap.buffer.byteLength + PAGE);
      expect(unchanged(heap, () => heap.trim())).toBe(0);
    });
  });

  describe.runIf(!place.kind.shrinks)("trim, if the memory cannot shrink", () => {
    it("nothing happens if the memory cannot shrink", () => {
      const heap = plain();
      heap.deallocate(heap.allocate(10 * PAGE));
      expect(unchanged(heap, () => heap.trim())).toBe(0);
    });
  });
}
