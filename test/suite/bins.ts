/** Free blocks by size: which one serves a request, and how much of it. */

import { describe, expect, it } from "vitest";

import { HEADER } from "../../engine/block.ts";
import type { Entry } from "../../src/index.ts";
import { expectSound, FIRST_BREAK, FITS, pictureOf, plainHeaps, topOf, whole } from "./heaps.ts";
import { tagsOf, word } from "./picture.ts";
import { type Heap, MANY_PAGES, type Place } from "./place.ts";

export function binsSuite(place: Place): void {
  const plain = plainHeaps(place);

  describe("a free block fits", () => {
    /** A free block of `size` bytes between two in use. */
    function hole(size: number): { heap: Heap; p: number } {
      const heap = plain();
      heap.allocate(10);
      const p = heap.allocate(size - HEADER);
      heap.allocate(10);
      heap.deallocate(p);
      expect(pictureOf(heap, p)).toBe(`free ${size}, used 16, top`);
      return { heap, p };
    }

    it("a free block of exactly the size is used", () => {
      const { heap, p } = hole(112);
      expect(heap.allocate(100)).toBe(p);
      expect(pictureOf(heap, p)).toBe("used 112, used 16, top");
      expect(tagsOf(heap.memory, p + 112)).toBe("in use, previous in use");
      expect(heap.break).toBe(FIRST_BREAK);
    });

    it("a larger block is split, and the remainder is free", () => {
      const { heap, p } = hole(1024);
      expect(heap.allocate(100)).toBe(p);
      expect(pictureOf(heap, p)).toBe("used 112, free 912, used 16, top");
      expect(tagsOf(heap.memory, p)).toBe("in use, previous in use");
      expect(tagsOf(heap.memory, p + 112)).toBe("free, previous in use");
      expect(tagsOf(heap.memory, p + 1024)).toBe("in use, previous free");
      expect(word(heap.memory, p + 1024 - 2 * HEADER)).toBe(912);
    });

    it("a block is split if the remainder has 32 bytes", () => {
      const { heap, p } = hole(144);
      expect(heap.allocate(100)).toBe(p);
      expect(pictureOf(heap, p)).toBe("used 112, free 32, used 16, top");
      expect(heap.usableSize(p)).toBe(108);
    });

    it("a block is not split if the remainder has less than 32 bytes", () => {
      const { heap, p } = hole(128);
      expect(heap.allocate(100)).toBe(p);
      expect(pictureOf(heap, p)).toBe("used 128, used 16, top");
      expect(tagsOf(heap.memory, p + 128)).toBe("in use, previous in use");
      expect(heap.usableSize(p)).toBe(124);
    });

    it("the remainder serves the next requests, until all of it is in use", () => {
      const { heap, p } = hole(336);
      expect([100, 100, 100].map((size) => heap.allocate(size))).toEqual([p, p + 112, p + 224]);
      expect(pictureOf(heap, p)).toBe("used 112, used 112, used 112, used 16, top");
    });

    it("an aligned block is split off the middle of a free block", () => {
      const { heap, p } = hole(4096);
      const q = heap.allocate(100, 1024);
      expect(q % 1024).toBe(0);
      expect(q).toBeGreaterThan(p);
      expect(pictureOf(heap, p)).toBe(
        `free ${q - p}, used 112, free ${p + 4096 - q - 112}, used 16, top`,
      );
      expect(tagsOf(heap.memory, q)).toBe("in use, previous free");
    });

    it("an aligned block from the top block leaves a free block before it", () => {
      const heap = plain();
      const { address } = topOf(heap);
      const q = heap.allocate(100, 4096);
      expect(pictureOf(heap, address)).toBe(`free ${q - address}, used 112, top`);
    });

    /** Blocks of 3000 bytes that follow each other, and one more behind them. */
    function row(heap: Heap, count: number): number[] {
      const pointers = Array.from({ length: count + 1 }, () => heap.allocate(3000));
      return pointers.slice(0, count);
    }

    const at = (heap: Heap, address: number): Entry | undefined =>
      [...heap.walk()].find((entry) => entry.address === address);

    it.each(FITS)(
      "a free block is used whole if the remainder is too small for a block: fit %s",
      (fit) => {
        const heap = plain({ fit });
        const [, p] = row(heap, 3) as [number, number, number];
        const size = heap.usableSize(p);
        heap.deallocate(p);
        expect(heap.allocate(size - 12)).toBe(p);
        expect(heap.usableSize(p)).toBe(size);
        heap.check();
      },
    );

    it.each(FITS)(
      "a free block is split if the remainder is large enough for a block: fit %s",
      (fit) => {
        const heap = plain({ fit });
        const [, p] = row(heap, 3) as [number, number, number];
        const size = heap.usableSize(p);
        heap.deallocate(p);
        expect(heap.allocate(1000)).toBe(p);
        const used = heap.usableSize(p);
        expect(used).toBeLessThan(1016);
        const rest = p + used + 4;
        expect(at(heap, rest)).toEqual({ address: rest, size: size - used - 4, kind: "free" });
        heap.check();
      },
    );
  });

  describe("the fits", () => {
    /**
     *     a      b      c      d         free blocks of these sizes, a block of 16 in use behind each
     *     128    512    320    112
     */
    function layout(fit: "best" | "first" | "next"): { heap: Heap; at: number[] } {
      const heap = plain({ fit });
      const at = [128, 512, 320, 112].map((size) => {
        const p = heap.allocate(size - HEADER);
        heap.allocate(0);
        return p;
      });
      for (const p of at) heap.deallocate(p);
      expect(pictureOf(heap, at[0]!)).toBe(
        "free 128, used 16, free 512, used 16, free 320, used 16, free 112, used 16, top",
      );
      return { heap, at };
    }

    it.each([
      ["best", 3],
      ["first", 0],
      ["next", 2],
    ] as const)("fit %s chooses its own among four free blocks", (fit, where) => {
      const { heap, at } = layout(fit);
      expect(heap.allocate(450)).toBe(at[1]); // no other is large enough
      expect(heap.allocate(90)).toBe(at[where]);
    });

    it("first fit takes the lowest block that fits, also after lower ones are freed", () => {
      const { heap, at } = layout("first");
      expect(heap.allocate(300)).toBe(at[1]);
      expect(heap.allocate(120)).toBe(at[0]);
      heap.deallocate(at[0]!);
      expect(heap.allocate(120)).toBe(at[0]);
    });

    it("next fit continues from the last block to the first, and then cuts the top block", () => {
      const { heap, at } = layout("next");
      expect(heap.allocate(310)).toBe(at[1]);
      expect(heap.allocate(310)).toBe(at[2]);
      expect(heap.allocate(120)).toBe(at[0]);
      expect(heap.allocate(120)).toBe(at[1]! + 320);
      const { address } = topOf(heap);
      expect(heap.allocate(120)).toBe(address);
    });

    it.each(["first", "next"] as const)("fit %s serves aligned requests", (fit) => {
      const { heap, at } = layout(fit);
      const p = heap.allocate(64, 256);
      expect(p % 256).toBe(0);
      expect(p).toBeLessThan(at[3]! + 112);
    });

    it("each fit chooses its own among three free blocks", () => {
      const chosen = FITS.map((fit) => {
        const heap = plain({ fit });
        // Free, in address order: 3000, 2000, 2500 bytes.
        const pointers = [3000, 48, 2000, 48, 2500, 48].map((size) => heap.allocate(size));
        for (const i of [0, 2, 4]) heap.deallocate(pointers[i]!);
        const first = pointers.indexOf(heap.allocate(1990));
        heap.check();
        return first;
      });
      expect(chosen).toEqual([2, 0, 0]);
    });

    it("next fit searches from the last block it found, first fit from the start", () => {
      const chosen = (["first", "next"] as const).map((fit) => {
        const heap = plain({ fit });
        const pointers = Array.from({ length: 12 }, () => heap.allocate(3000));
        for (const i of [0, 2, 4, 6]) heap.deallocate(pointers[i]!);
        const found = [3000, 3000].map((size) => heap.allocate(size));
        heap.deallocate(found[0]!);
        found.push(heap.allocate(3000));
        heap.check();
        return found.map((p) => pointers.indexOf(p));
      });
      expect(chosen[0]).toEqual([0, 2, 0]);
      expect(chosen[1]!.slice(0, 2)).toEqual([0, 2]);
    });

    it("next fit continues where the block of its last search was coalesced", () => {
      const heap = plain({ fit: "next" });
      const at = [1, 2, 3, 4, 5].map(() => heap.allocate(20_000));
      const size = whole(20_000);
      heap.deallocate(at[0]!);
      heap.deallocate(at[3]!);
      expect(heap.allocate(20_000)).toBe(at[0]);
      expect(heap.allocate(20_000)).toBe(at[3]); // the rover is here
      heap.deallocate(at[2]!);
      heap.deallocate(at[3]!); // no block starts there any more
      heap.deallocate(at[0]!);
      expect(pictureOf(heap, at[0]!)).toBe(
        `free ${size}, used ${size}, free ${2 * size}, used ${size}, top`,
      );
      expect(heap.allocate(20_000)).toBe(at[0]);
      expect(heap.allocate(20_000)).toBe(at[2]);
    });

    describe.runIf(place.kind.grows)("with room for large blocks", () => {
      it("next fit continues if the block of its last search no longer exists", () => {
        const heap = plain({ fit: "next", pages: MANY_PAGES });
        const p = heap.allocate(100);
        expect(heap.reallocate(p, 20e6)).toBe(p);
        const [x, y] = [heap.allocate(400_000), heap.allocate(400_000)];
        const z = heap.allocate(100);
        heap.deallocate(y);
        expect(heap.allocate(400_000)).toBe(y); // the rover is here
        for (const each of [z, y, x]) heap.deallocate(each);
        heap.trim();
        expect(heap.reallocate(p, 20e6 + 10_000)).toBe(p);
        heap.deallocate(p);
        for (const size of [100, 1000, 200_000]) expect(heap.allocate(size)).toBeLessThan(20e6);
        expectSound(heap);
      });
    });
  });

  describe("before a request fails", () => {
    it("every free block is looked at", () => {
      const heap = plain({ pages: 2 });
      // One bin holds all of these sizes.
      const at = [1130, 1030, 1030, 1030, 1030, 1030].map((size) => {
        const p = heap.allocate(size);
        heap.allocate(0);
        return p;
      });
      for (const size of [1000, 0]) while (heap.tryAllocate(size) !== 0) continue;
      for (const p of at) heap.deallocate(p);
      expect(heap.allocate(1130)).toBe(at[0]);
      expect(heap.tryAllocate(1130)).toBe(0);
      expect(heap.tryAllocate(1030)).not.toBe(0);
    });

    it("every free block is looked at for an alignment", () => {
      const heap = plain({ pages: 2 });
      // All of these are large enough, but only the largest has room at a multiple of 1024: at its end.
      const { address } = topOf(heap);
      heap.allocate(1024 - (address % 1024) + 200 - HEADER);
      const at = Array.from({ length: 8 }, (_, i) => {
        const p = heap.allocate(i === 7 ? 1008 : 540 + 16 * i);
        while (topOf(heap).address % 1024 !== 208) heap.allocate(0);
        return p;
      });
      for (const size of [1000, 0]) while (heap.tryAllocate(size) !== 0) continue;
      for (const p of at) heap.deallocate(p);
      const p = heap.allocate(180, 1024);
      expect(p).toBe(at[7]! + 816);
      expect(heap.tryAllocate(180, 1024)).toBe(0);
    });
  });
}
