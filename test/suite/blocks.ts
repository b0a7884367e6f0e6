/** Blocks: free neighbours coalesce, quick lists, and blocks that grow and shrink in place. */

import { describe, expect, it } from "vitest";

import { HEADER } from "../../engine/block.ts";
import { CONTROL, QUICK_ROOM } from "../../engine/control.ts";
import {
  expectError,
  expectFilled,
  expectSound,
  fill,
  fillTop,
  FIRST_BREAK,
  isQuick,
  LARGE,
  LINE,
  MAX_SIZE,
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
import { tagsOf, word } from "./picture.ts";
import { type Heap, MANY_PAGES, PAGE, type Place } from "./place.ts";

export function blocksSuite(place: Place): void {
  const plain = plainHeaps(place);

  describe("free", () => {
    /** Blocks of 112 bytes, too large for the quick lists of a heap this small, and one of 16 behind them. */
    function row(count: number): { heap: Heap; at: number[] } {
      const heap = plain();
      const at = Array.from({ length: count }, () => heap.allocate(100));
      heap.allocate(0);
      return { heap, at };
    }

    it("the block is marked free", () => {
      const { heap, at } = row(3);
      heap.deallocate(at[1]!);
      expect(pictureOf(heap, at[0]!)).toBe("used 112, free 112, used 112, used 16, top");
      expect(tagsOf(heap.memory, at[1]!)).toBe("free, previous in use");
      expect(tagsOf(heap.memory, at[2]!)).toBe("in use, previous free");
      expect(word(heap.memory, at[2]! - 2 * HEADER)).toBe(112);
      expect(heap.owns(at[1]!)).toBe(false);
    });

    it("coalesces with the next free block", () => {
      const { heap, at } = row(4);
      heap.deallocate(at[2]!);
      heap.deallocate(at[1]!);
      expect(pictureOf(heap, at[0]!)).toBe("used 112, free 224, used 112, used 16, top");
      expect(word(heap.memory, at[3]! - 2 * HEADER)).toBe(224);
    });

    it("coalesces with the previous free block", () => {
      const { heap, at } = row(4);
      heap.deallocate(at[1]!);
      heap.deallocate(at[2]!);
      expect(pictureOf(heap, at[0]!)).toBe("used 112, free 224, used 112, used 16, top");
      expect(tagsOf(heap.memory, at[3]!)).toBe("in use, previous free");
    });

    it("coalesces with the next and the previous free block", () => {
      const { heap, at } = row(5);
      heap.deallocate(at[1]!);
      heap.deallocate(at[3]!);
      heap.deallocate(at[2]!);
      expect(pictureOf(heap, at[0]!)).toBe("used 112, free 336, used 112, used 16, top");
    });

    it("the last block becomes part of the top block", () => {
      const heap = plain();
      const p = heap.allocate(100);
      const { address, size } = topOf(heap);
      const q = heap.allocate(100);
      expect(q).toBe(address);
      heap.deallocate(q);
      expect(topOf(heap)).toEqual({ address, size, kind: "top" });
      expect(pictureOf(heap, p)).toBe("used 112, top");
      expect(heap.break).toBe(FIRST_BREAK);
    });

    it("the last block and the free block before it become part of the top block", () => {
      const heap = plain();
      const [p, q, r] = [heap.allocate(100), heap.allocate(100), heap.allocate(100)];
      heap.deallocate(q);
      heap.deallocate(r);
      expect(pictureOf(heap, p)).toBe("used 112, top");
      expect(topOf(heap).address).toBe(q);
    });

    it("the first block of the heap has no block before it", () => {
      const heap = plain();
      const p = heap.allocate(390);
      heap.allocate(0);
      expect(p).toBe(heap.base + CONTROL);
      expect(tagsOf(heap.memory, p)).toBe("in use, previous in use");
      heap.deallocate(p);
      expect(tagsOf(heap.memory, p)).toBe("free, previous in use");
      expect(pictureOf(heap, p)).toBe("free 400, used 16, top");
    });

    it("the last block of the heap has only an empty top block behind it", () => {
      const heap = plain();
      const p = heap.allocate(roomOf(heap) - HEADER);
      expect(topOf(heap).size).toBe(0);
      heap.deallocate(p);
      expect(pictureOf(heap, p)).toBe("top");
      expect(heap.break).toBe(FIRST_BREAK);
    });

    it("blocks that are freed in any order are part of the top block in the end", () => {
      for (const order of permutations([0, 1, 2, 3])) {
        const heap = plain();
        const before = topOf(heap);
        const at = order.map(() => heap.allocate(100));
        for (const i of order) heap.deallocate(at[i]!);
        expect(topOf(heap), `freed in the order ${order}`).toEqual(before);
      }
    });

    it("freeing pointer 0 does nothing", () => {
      const heap = plain();
      unchanged(heap, () => heap.deallocate(0));
    });

    it("a heap is empty after all blocks were freed, in any order", () => {
      for (const small of [0, 1008]) {
        const heap = place.makeHeap({ small });
        const pointers = Array.from({ length: 300 }, (_, i) => heap.allocate((i * 37) % 2500));
        while (pointers.length > 0) {
          heap.deallocate(pointers.splice((pointers.length * 7) % pointers.length || 0, 1)[0]!);
          if (pointers.length % 50 === 0) heap.check();
        }
        expect(heap.stats().usedBlocks).toBe(0);
      }
    });
  });

  describe("quick lists", () => {
    /** Blocks of 112 bytes, a small part of a heap of 1 MiB, and one of 16 behind them. */
    function row(count: number): { heap: Heap; at: number[] } {
      const heap = plain();
      heap.allocate(1 << 20);
      const at = Array.from({ length: count }, () => heap.allocate(100));
      heap.allocate(0);
      return { heap, at };
    }

    it("a freed block goes into a quick list, and looks in use to the next block", () => {
      const { heap, at } = row(2);
      heap.deallocate(at[0]!);
      expect(isQuick(heap, at[0]!)).toBe(true);
      expect(quickCount(heap)).toBe(1);
      expect(tagsOf(heap.memory, at[1]!)).toBe("in use, previous in use");
      expect(pictureOf(heap, at[0]!)).toBe("free 112, used 112, used 16, top");
    });

    it("a block in a quick list is free: for owns, usableSize and walk", () => {
      const { heap, at } = row(2);
      heap.deallocate(at[0]!);
      expect(heap.owns(at[0]!)).toBe(false);
      expectError(heap, () => heap.usableSize(at[0]!), "DOUBLE_FREE", { pointer: at[0]! });
      expect([...heap.walk()].find(({ address }) => address === at[0])).toEqual({
        address: at[0],
        size: 108,
        kind: "free",
      });
    });

    it("the next request of its size gets the block back", () => {
      const { heap, at } = row(2);
      heap.deallocate(at[0]!);
      expect(heap.allocate(108)).toBe(at[0]); // another request, the same size of block
      expect(quickCount(heap)).toBe(0);
      expect(pictureOf(heap, at[0]!)).toBe("used 112, used 112, used 16, top");
      expect(heap.owns(at[0]!)).toBe(true);
    });

    it("the block that was freed last is the first to be allocated again", () => {
      const { heap, at } = row(5);
      for (const i of [3, 0, 2]) heap.deallocate(at[i]!);
      expect(quickCount(heap)).toBe(3);
      expectSound(heap);
      expect([1, 2, 3].map(() => heap.allocate(100))).toEqual([2, 0, 3].map((i) => at[i]));
    });

    it("a block in a quick list is coalesced, and then split, for a smaller request", () => {
      const { heap, at } = row(2);
      const size = fillTop(heap);
      heap.deallocate(at[0]!);
      expect(heap.allocate(40)).toBe(at[0]);
      expect(quickCount(heap)).toBe(0);
      expect(pictureOf(heap, at[0]!)).toBe(
        `used 48, free 64, used 112, used 16, used ${size}, top`,
      );
    });

    it("quick lists serve no alignment above 16", () => {
      const { heap, at } = row(3);
      fillTop(heap);
      for (const p of at) heap.deallocate(p);
      expect(heap.allocate(160, 64)).toBe(Math.ceil(at[1]! / 64) * 64); // in two blocks, which were coalesced
      expect(quickCount(heap)).toBe(1);
    });

    it("the top block is cut before quick blocks are coalesced, if it is large enough as it is", () => {
      const { heap, at } = row(3);
      for (const p of at) heap.deallocate(p);
      const { address, size } = topOf(heap);
      expect(heap.allocate(330)).toBe(address);
      expect(topOf(heap)).toMatchObject({ address: address + 336, size: size - 336 });
      expect(heap.allocate(100, 64)).toBe(Math.ceil((address + 336) / 64) * 64);
      expect(quickCount(heap)).toBe(3);
      expect(pictureOf(heap, at[0]!)).toMatch(/^free 112, free 112, free 112, used 16, used 336, /);
    });

    it("free neighbours in quick lists are coalesced before the top block grows", () => {
      const { heap, at } = row(3);
      const size = fillTop(heap);
      for (const p of at) heap.deallocate(p);
      expect(pictureOf(heap, at[0]!)).toBe(
        `free 112, free 112, free 112, used 16, used ${size}, top`,
      );
      const { address } = topOf(heap);
      expect(heap.allocate(400)).toBe(address);
      expect(pictureOf(heap, at[0]!)).toBe(`free 336, used 16, used ${size}, used 416, top`);
      expect(tagsOf(heap.memory, at[0]! + 336)).toBe("in use, previous free");
      expect(quickCount(heap)).toBe(0);
    });

    it("a request that fits after coalescing does not make the top block grow", () => {
      const { heap, at } = row(3);
      const size = fillTop(heap);
      for (const p of at) heap.deallocate(p);
      const top = topOf(heap);
      const { break: end } = heap;
      expect(heap.allocate(330)).toBe(at[0]);
      expect(pictureOf(heap, at[0]!)).toBe(`used 336, used 16, used ${size}, top`);
      expect(topOf(heap)).toEqual(top);
      expect(heap.break).toBe(end);
    });

    it("quick blocks are coalesced one at a time, until a request fits", () => {
      const { heap, at } = row(5);
      fillTop(heap);
      for (const i of [0, 4, 3]) heap.deallocate(at[i]!);
      expect(heap.allocate(200)).toBe(at[3]); // with the block behind it; the one freed earlier stays
      expect(quickCount(heap)).toBe(1);
      expect(isQuick(heap, at[0]!)).toBe(true);
    });

    it("a quick block before the top block makes it large enough without growing", () => {
      const { heap } = row(1);
      const { address, size } = topOf(heap);
      const rest = 112 + ((size - 112) % LINE); // a large block is whole lines
      heap.allocate(size - rest - HEADER);
      const p = heap.allocate(rest - HEADER);
      expect(topOf(heap).size).toBe(0);
      heap.deallocate(p);
      expect(isQuick(heap, p)).toBe(true);
      expect(heap.allocate(60)).toBe(p);
      expect(quickCount(heap)).toBe(0);
      expect(pictureOf(heap, address)).toBe(`used ${size - rest}, used 64, top`);
      expect(topOf(heap)).toMatchObject({ address: p + 64, size: rest - 64 });
    });

    it("a free block in a bin is split before quick lists are coalesced", () => {
      const { heap, at } = row(3);
      heap.deallocate(at[0]!);
      heap.trim(); // now it is in a bin
      heap.deallocate(at[2]!);
      expect(quickCount(heap)).toBe(1);
      expect(heap.allocate(60)).toBe(at[0]);
      expect(quickCount(heap)).toBe(1);
    });

    it("a block next to the top block becomes part of it when quick lists are coalesced", () => {
      const { heap } = row(1);
      const p = heap.allocate(100);
      heap.deallocate(p);
      expect(pictureOf(heap, p)).toBe("free 112, top");
      heap.trim();
      expect(pictureOf(heap, p)).toBe("top");
    });

    /** Two sizes of requests whose blocks are in the same quick list. */
    const SAME_LIST = [100, 100 + 240] as const;

    it("blocks of another size empty a quick list, one by one", () => {
      const heap = plain();
      heap.allocate(1 << 20);
      const [p, , q, , r, , t] = [0, 0, 0, 0, 1, 0, 1, 0].map((which, i) =>
        heap.allocate(i % 2 === 0 ? SAME_LIST[which]! : 0),
      ) as [number, number, number, number, number, number, number];
      for (const freed of [p, q, r]) heap.deallocate(freed);
      expect([p, q, r].map((freed) => isQuick(heap, freed))).toEqual([true, false, false]);
      expectSound(heap);
      heap.deallocate(t);
      expect([p, q, r, t].map((freed) => isQuick(heap, freed))).toEqual([
        false,
        false,
        false,
        true,
      ]);
      expect(quickCount(heap)).toBe(1);
      expect(heap.allocate(SAME_LIST[1])).toBe(t);
    });

    it("coalescing a block of a quick list may free the block before the one that is freed", () => {
      const heap = plain();
      heap.allocate(1 << 20);
      const [p, q] = [...SAME_LIST, 0].map((size) => heap.allocate(size)) as [number, number];
      heap.deallocate(p);
      heap.deallocate(q);
      expect([isQuick(heap, p), isQuick(heap, q)]).toEqual([false, true]);
      expect(tagsOf(heap.memory, q)).toBe("in use, previous free");
      expectSound(heap);
    });

    it("a quick list has room for three blocks; the next one is coalesced at once", () => {
      const { heap, at } = row(1);
      const more = Array.from({ length: 2 * QUICK_ROOM }, () => {
        const p = heap.allocate(100);
        heap.allocate(0);
        return p;
      });
      for (const p of [at[0]!, ...more]) {
        heap.deallocate(p);
        expectSound(heap);
      }
      expect(quickCount(heap)).toBe(QUICK_ROOM);
      expect([at[0]!, ...more].map((p) => isQuick(heap, p))).toEqual(
        [at[0]!, ...more].map((_, i) => i < QUICK_ROOM),
      );
    });

    it("a block of a 64th of the heap or more is coalesced at once", () => {
      const heap = plain();
      heap.allocate(1 << 20);
      const [p, , q] = [16_000, 0, 17_500, 0].map((size) => heap.allocate(size)) as [
        number,
        number,
        number,
      ];
      const part = (topOf(heap).address + topOf(heap).size - heap.base - CONTROL) / 64;
      expect(part).toBeGreaterThan(whole(16_000));
      expect(part).toBeLessThanOrEqual(whole(17_500));
      heap.deallocate(p);
      heap.deallocate(q);
      expect([isQuick(heap, p), isQuick(heap, q)]).toEqual([true, false]);
      const small = plain();
      const r = small.allocate(1100);
      small.allocate(0);
      small.deallocate(r);
      expect(isQuick(small, r)).toBe(false);
    });

    it("a block does not grow into a neighbour in a quick list, and moves instead", () => {
      const { heap, at } = row(3);
      heap.deallocate(at[2]!);
      heap.deallocate(at[0]!);
      heap.view(Uint8Array, at[1]!, 100).fill(7);
      const p = heap.reallocate(at[1]!, 300);
      expect(heap.view(Uint8Array, p, 100).every((byte) => byte === 7)).toBe(true);
      expectSound(heap);
    });

    it("a reset empties the quick lists", () => {
      const { heap, at } = row(5);
      for (const p of at) heap.deallocate(p);
      expect(quickCount(heap)).toBe(QUICK_ROOM);
      heap.reset();
      expect(quickCount(heap)).toBe(0);
      expect(pictureOf(heap, heap.base + CONTROL)).toBe("top");
    });

    it.each(["first", "next"] as const)("quick lists serve fit %s too", (fit) => {
      const heap = plain({ fit });
      heap.allocate(1 << 20);
      const [p, q] = [heap.allocate(100), heap.allocate(100)];
      heap.allocate(0);
      fillTop(heap);
      heap.deallocate(p);
      heap.deallocate(q);
      expect(heap.allocate(100)).toBe(q);
      expect(heap.allocate(100)).toBe(p);
      heap.deallocate(p);
      heap.deallocate(q);
      expect(heap.allocate(200)).toBe(p);
    });

    describe.runIf(place.kind.grows)("with room for large blocks", () => {
      it("a block of 64 KiB or more is coalesced at once, in a heap of any size", () => {
        const heap = plain({ pages: MANY_PAGES });
        heap.allocate(1 << 24);
        const [p, , q] = [PAGE - LINE - HEADER, 0, PAGE - HEADER, 0].map((size) =>
          heap.allocate(size),
        ) as [number, number, number];
        heap.deallocate(p);
        heap.deallocate(q);
        expect([isQuick(heap, p), isQuick(heap, q)]).toEqual([true, false]);
        expect(pictureOf(heap, p)).toMatch(/^free 65472, used 16, free 65536, used 16, top$/);
      });
    });
  });

  describe("reallocate", () => {
    const text = Uint8Array.from({ length: 100 }, (_, i) => i + 1);

    /** Three blocks of 112 bytes, the middle one filled, and one of 16 behind them. */
    function three(): { heap: Heap; p: number; q: number; r: number } {
      const heap = plain();
      const [p, q, r] = [heap.allocate(100), heap.allocate(100), heap.allocate(100)];
      heap.allocate(0);
      heap.view(Uint8Array, q, 100).set(text);
      return { heap, p, q, r };
    }

    it("shrinks in place, and the remainder is free", () => {
      const { heap, p, q } = three();
      expect(heap.reallocate(q, 40)).toBe(q);
      expect(pictureOf(heap, p)).toBe("used 112, used 48, free 64, used 112, used 16, top");
      expect(heap.view(Uint8Array, q, 40)).toEqual(text.subarray(0, 40));
    });

    it("shrinks in place, and the remainder coalesces with the next free block", () => {
      const { heap, p, q, r } = three();
      heap.deallocate(r);
      expect(heap.reallocate(q, 40)).toBe(q);
      expect(pictureOf(heap, p)).toBe("used 112, used 48, free 176, used 16, top");
    });

    it("changes nothing if the remainder is too small for a block", () => {
      const { heap, q } = three();
      expect(unchanged(heap, () => heap.reallocate(q, 90))).toBe(q);
      expect(unchanged(heap, () => heap.reallocate(q, 108))).toBe(q);
    });

    it("grows in place into a part of the next free block", () => {
      const { heap, p, q, r } = three();
      heap.deallocate(r);
      expect(heap.reallocate(q, 150)).toBe(q);
      expect(pictureOf(heap, p)).toBe("used 112, used 160, free 64, used 16, top");
      expect(heap.view(Uint8Array, q, 100)).toEqual(text);
    });

    it("grows in place into all of the next free block", () => {
      const { heap, p, q, r } = three();
      heap.deallocate(r);
      expect(heap.reallocate(q, 210)).toBe(q);
      expect(pictureOf(heap, p)).toBe("used 112, used 224, used 16, top");
      expect(tagsOf(heap.memory, q + 224)).toBe("in use, previous in use");
    });

    it("grows in place into the top block", () => {
      const heap = plain();
      const p = heap.allocate(100);
      heap.view(Uint8Array, p, 100).set(text);
      expect(heap.reallocate(p, 1000)).toBe(p);
      expect(pictureOf(heap, p)).toBe("used 1008, top");
      expect(heap.break).toBe(FIRST_BREAK);
      expect(heap.reallocate(p, FIRST_BREAK)).toBe(p);
      expect(heap.break).toBeGreaterThan(FIRST_BREAK); // the break moved
      expect(heap.view(Uint8Array, p, 100)).toEqual(text);
    });

    it("moves down into the previous free block, with its contents", () => {
      const { heap, p, q } = three();
      heap.deallocate(p);
      expect(heap.reallocate(q, 150)).toBe(p);
      expect(pictureOf(heap, p)).toBe("used 160, free 64, used 112, used 16, top");
      expect(heap.view(Uint8Array, p, 100)).toEqual(text);
    });

    it("moves down into the previous free block, and grows into the next one", () => {
      const { heap, p, q, r } = three();
      heap.deallocate(p);
      heap.deallocate(r);
      expect(heap.reallocate(q, 330)).toBe(p);
      expect(pictureOf(heap, p)).toBe("used 336, used 16, top");
      expect(heap.view(Uint8Array, p, 100)).toEqual(text);
    });

    it("moves to another block otherwise, with its contents", () => {
      const { heap, p, q } = three();
      const { address } = topOf(heap);
      expect(heap.reallocate(q, 200)).toBe(address);
      expect(pictureOf(heap, p)).toBe("used 112, free 112, used 112, used 16, used 208, top");
      expect(heap.view(Uint8Array, address, 100)).toEqual(text);
      expect(heap.owns(q)).toBe(false);
    });

    it("pointer 0 allocates; size 0 keeps a block that can be freed", () => {
      const heap = plain();
      const p = heap.reallocate(0, 100);
      expect(pictureOf(heap, p)).toBe("used 112, top");
      expect(heap.reallocate(p, 0)).toBe(p);
      expect(pictureOf(heap, p)).toBe("used 16, top");
      heap.deallocate(p);
    });

    it("a block is unchanged if there is no memory for a larger one", () => {
      const heap = plain({ pages: 2 });
      const p = heap.allocate(100);
      heap.allocate(0);
      expectError(heap, () => heap.reallocate(p, 2 * PAGE), "OUT_OF_MEMORY", { size: 2 * PAGE });
      expectError(heap, () => heap.reallocate(p, MAX_SIZE + 1), "INVALID_SIZE");
      expectError(heap, () => heap.reallocate(p, -1), "INVALID_SIZE");
      expect(heap.owns(p)).toBe(true);
    });

    describe.runIf(place.kind.grows)("with room for large blocks", () => {
      it("grows in place behind the map's old place, and next to a free block", () => {
        const heap = plain({ pages: MANY_PAGES });
        const p = heap.allocate(60_000);
        heap.allocate(10);
        const q = heap.allocate(10);
        expect(heap.reallocate(q, 10 * PAGE)).toBe(q);
        expect(pictureOf(heap, q)).toBe(`used ${whole(10 * PAGE)}, top`);
        heap.deallocate(p);
        expect(heap.reallocate(q, 100 * PAGE)).toBe(q);
        expect(pictureOf(heap, p)).toBe(`free 60032, used 16, used ${whole(100 * PAGE)}, top`);
        expectSound(heap);
      });

      it.each([
        [0, 1.1],
        [0, 1.5],
        [MAX_SMALL, 1.25],
        [MAX_SMALL, 2],
      ])("the last block grows in place again and again: small %d, times %d", (small, by) => {
        const heap = plain({ small, pages: MANY_PAGES });
        const p = heap.allocate(2000);
        for (let size = 2000; size < 3e7; size = Math.ceil(size * by))
          expect(heap.reallocate(p, size)).toBe(p);
        expectSound(heap);
      });

      it("the last block shrinks and grows in place, while the map moves", () => {
        const heap = plain({ small: MAX_SMALL, pages: MANY_PAGES });
        const p = heap.allocate(20_000);
        for (const size of [30e6, 29.5e6, 62e6]) expect(heap.reallocate(p, size)).toBe(p);
        expectSound(heap);
      });
    });
  });

  describe.each([
    ["without slabs", 0],
    ["with slabs", MAX_SMALL],
  ])("reallocate, in a heap %s", (_, small) => {
    /** Blocks of 3000 bytes that follow each other, and one more behind them. */
    function row(heap: Heap, count: number): number[] {
      const pointers = Array.from({ length: count + 1 }, () => heap.allocate(3000));
      return pointers.slice(0, count);
    }

    it("a block that shrinks or stays is not moved", () => {
      const heap = place.makeHeap({ small });
      const p = heap.allocate(5000);
      fill(heap, p, 5000);
      expect(heap.reallocate(p, 5000)).toBe(p);
      expect(heap.reallocate(p, heap.usableSize(p))).toBe(p);
      expect(heap.reallocate(p, 2000)).toBe(p);
      expect(heap.usableSize(p)).toBeLessThan(2100);
      expectFilled(heap, p, 2000);
      heap.check();
    });

    it("a block grows in place into the next free block", () => {
      const heap = place.makeHeap({ small });
      const [a, b] = row(heap, 3) as [number, number];
      fill(heap, a, 3000);
      heap.deallocate(b);
      expect(heap.reallocate(a, 5000)).toBe(a);
      expectFilled(heap, a, 3000);
      heap.check();
    });

    it("a block grows in place into the top block, and beyond the break", () => {
      const heap = place.makeHeap({ small });
      heap.allocate(10 * PAGE);
      const p = heap.allocate(3000);
      fill(heap, p, 3000);
      expect(heap.reallocate(p, 10_000)).toBe(p);
      const { breakMoves } = heap.stats();
      expect(heap.reallocate(p, roomToBreak(heap) + 12_000)).toBe(p);
      expect(heap.stats().breakMoves).toBe(breakMoves + 1);
      expectFilled(heap, p, 3000);
      heap.check();
    });

    it("a block moves with its contents if the next block is in use", () => {
      const heap = place.makeHeap({ small });
      const [, p] = row(heap, 3) as [number, number];
      fill(heap, p, 3000, 77);
      const moved = heap.reallocate(p, 6000);
      expect(moved).not.toBe(p);
      expectFilled(heap, moved, 3000, 77);
      expect(heap.owns(p)).toBe(false);
      heap.check();
    });

    it("a block keeps its contents through every size", () => {
      const heap = place.makeHeap({ small });
      const sizes = [
        1, 7, 8, 9, 15, 16, 17, 40, 500, 1008, 1009, 3000, 70_000, 2000, 1000, 100, 20, 3, 0,
      ];
      let p = heap.allocate(1);
      let kept = 1;
      fill(heap, p, 1, 99);
      for (const size of sizes) {
        const wall = heap.allocate(24);
        p = heap.reallocate(p, size);
        expect(heap.usableSize(p)).toBeGreaterThanOrEqual(size);
        expectFilled(heap, p, Math.min(kept, size), 99);
        fill(heap, p, size, 99);
        kept = size;
        heap.check();
        heap.deallocate(wall);
      }
    });

    it("pointer 0 allocates", () => {
      const heap = place.makeHeap({ small });
      const p = heap.reallocate(0, 100);
      expect(heap.owns(p)).toBe(true);
      expect(heap.usableSize(p)).toBeGreaterThanOrEqual(100);
    });
  });

  describe("large blocks", () => {
    it("large blocks that are aligned to a line leave no holes", () => {
      const heap = plain();
      const [p, q, r] = [20_000, 30_001, LARGE].map((size) => heap.allocate(size, LINE)) as [
        number,
        number,
        number,
      ];
      expect([p % LINE, q - p, r - q]).toEqual([0, whole(20_000), whole(30_001)]);
      heap.deallocate(q);
      expect(heap.allocate(29_000, LINE)).toBe(q);
      expect(pictureOf(heap, q)).toBe(
        `used ${whole(29_000)}, free ${whole(30_001) - whole(29_000)}, used ${whole(LARGE)}, top`,
      );
    });

    it("a large block ends within a line if there is no room for a whole one", () => {
      const heap = plain();
      const p = heap.allocate(20_000);
      heap.allocate(10);
      heap.deallocate(p);
      const has = whole(20_000);
      expect(heap.allocate(has - 16 - HEADER)).toBe(p); // a line more would be too much
      expect(pictureOf(heap, p)).toBe(`used ${has}, used 16, top`);
      expect(heap.reallocate(p, LARGE)).toBe(p);
      expect(pictureOf(heap, p)).toBe(
        `used ${whole(LARGE)}, free ${has - whole(LARGE)}, used 16, top`,
      );
      expect(heap.reallocate(p, has - HEADER)).toBe(p);
      expect(pictureOf(heap, p)).toBe(`used ${has}, used 16, top`);
    });
  });
}

function permutations<Item>(items: Item[]): Item[][] {
  if (items.length < 2) return [items];
  return items.flatMap((item) =>
    permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]),
  );
}
