/** What walk and stats report. */

import { expect, it } from "vitest";

import { plainHeaps, topOf } from "./heaps.ts";
import { PAGE, type Place } from "./place.ts";

export function walkSuite(place: Place): void {
  const plain = plainHeaps(place);

  it("lists every block and slot in address order, with its size and kind", () => {
    const heap = plain({ small: 64 });
    const slots = Array.from({ length: 30 }, () => heap.allocate(50));
    const blocks = [heap.allocate(100), heap.allocate(1000), heap.allocate(3000)];
    heap.deallocate(blocks[1]!);
    heap.deallocate(slots[20]!);
    const entries = [...heap.walk()];
    const addresses = entries.map(({ address }) => address);
    expect(addresses).toEqual(addresses.toSorted((a, b) => a - b));
    for (const p of [...slots, ...blocks]) {
      const isFree = p === blocks[1] || p === slots[20];
      const entry = entries.find(({ address }) => address === p)!;
      expect(entry.kind === "free" || entry.kind === "free-slot").toBe(isFree);
      if (!isFree) expect(entry.size).toBe(heap.usableSize(p));
    }
    expect(entries.filter(({ kind }) => kind === "used" || kind === "used-slot")).toHaveLength(31);
    expect(entries.at(-1)).toMatchObject({ address: topOf(heap).address, kind: "free" });
  });

  it("lists each block once, in address order", () => {
    const heap = place.makeHeap();
    const live = new Map<number, number>();
    for (let i = 0; i < 400; i += 1) {
      const p = heap.allocate((i * 29) % 1500);
      if (i % 3 === 0) heap.deallocate(p);
      else live.set(p, heap.usableSize(p));
    }
    let last = 0;
    for (const { address, size, kind } of heap.walk()) {
      expect(address).toBeGreaterThanOrEqual(last);
      last = address + size;
      const isUsed = kind === "used" || kind === "used-slot";
      expect(live.get(address)).toBe(isUsed ? size : undefined);
      live.delete(address);
    }
    expect(live.size).toBe(0);
    expect(last).toBeLessThanOrEqual(heap.stats().break);
  });

  it("the figures are the footprint, the moves of the break, the base, the break and the limit", () => {
    const heap = plain({ base: 1024, limit: 4 * PAGE });
    const figures = (): number[] => [
      heap.heapBytes,
      heap.breakMoves,
      heap.peakHeapBytes,
      heap.base,
      heap.break,
      heap.limit,
    ];
    expect(figures()).toEqual([2 * PAGE - 1024, 1, 2 * PAGE - 1024, 1024, 2 * PAGE, 4 * PAGE]);
    heap.allocate(2 * PAGE);
    const footprint = heap.break - 1024;
    expect(figures()).toEqual([footprint, 2, footprint, 1024, heap.break, 4 * PAGE]);
    const { heapBytes, breakMoves, peakHeapBytes, base, break: end, limit } = heap.stats();
    expect([heapBytes, breakMoves, peakHeapBytes, base, end, limit]).toEqual(figures());
  });

  it("counts blocks and bytes, used and free", () => {
    const heap = plain({ margin: 0 });
    const empty = heap.stats();
    const pointers = [3000, 5000, 7000].map((size) => heap.allocate(size));
    const rooms = pointers.map((p) => heap.usableSize(p));
    const full = heap.stats();
    expect(full.usedBlocks).toBe(3);
    expect(full.usedBytes).toBe(rooms.reduce((a, b) => a + b));
    heap.deallocate(pointers[1]!);
    const less = heap.stats();
    expect(less.usedBlocks).toBe(2);
    expect(less.usedBytes).toBe(full.usedBytes - rooms[1]!);
    expect(less.freeBytes).toBe(full.freeBytes + rooms[1]!);
    expect(less.freeBlocks).toBe(full.freeBlocks + 1);
    expect(less.heapBytes).toBe(empty.heapBytes);
  });
}
