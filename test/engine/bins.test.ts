/** engine/bins.ts: free blocks by size. The cases of the suite, and best fit among hundreds of free blocks. */

import { describe, expect, test } from "vitest";

import { HEADER } from "../../engine/block.ts";
import { GRANULE } from "../../engine/control.ts";
import { binsSuite } from "../suite/bins.ts";
import { type Block, blocksOf } from "../suite/picture.ts";
import { FORMS } from "./engines.ts";
import { SOURCE_PLACES } from "./source-places.ts";
import { heapOf, type HeapOptions, type TestHeap } from "./test-heap.ts";

/** Blocks from LARGE bytes on are whole lines if there is room: see blocks.ts. */
const LARGE = 16384;

const LINE = 64;

/** A remainder smaller than this stays with the block that was split: see blocks.ts. */
const LEAST_REMAINDER = 32;

/** Size of a large block for a request: whole lines. */
const whole = (bytes: number): number => Math.ceil((bytes + HEADER) / LINE) * LINE;

/** Size of a block for a request that is not large. */
const blockSize = (bytes: number): number => Math.ceil((bytes + HEADER) / GRANULE) * GRANULE;

/** The free blocks, without the top block. */
const freeBlocks = (heap: TestHeap): Block[] =>
  blocksOf(heap.memory, heap.base).filter(({ kind }) => kind === "free");

/** The same numbers each time, 0 to 1 (Knuth's linear congruence). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

describe.each(SOURCE_PLACES)("$name", binsSuite);

describe.each(FORMS)("%s", (form) => {
  const plain = (options: HeapOptions = {}): Promise<TestHeap> => heapOf(form, options);

  /** Free blocks of these sizes, freed in a random order, each followed by a block of 16 bytes in use. */
  async function scattered(sizes: number[], next: () => number): Promise<TestHeap> {
    const heap = await plain();
    const at = sizes.map((size) => {
      const p = heap.allocate(size - HEADER);
      heap.allocate(0);
      return p;
    });
    for (let left = at.length; left > 0; left--) {
      const i = Math.floor(next() * left);
      expect(heap.release(at[i]!)).toBe("OK");
      at[i] = at[left - 1]!;
    }
    heap.engine.heap_trim(); // coalesces the blocks in quick lists, no more: this memory cannot shrink
    return heap;
  }

  /** Allocates from one of the smallest free blocks that fit, and checks the remainder. */
  function expectBestFit(heap: TestHeap, bytes: number): void {
    const size = blockSize(bytes);
    const before = freeBlocks(heap);
    const best = Math.min(...before.map((each) => each.size).filter((each) => each >= size));
    const { top } = heap;
    const p = heap.allocate(bytes);
    if (best === Infinity) return expect(p).toBe(top.address);
    const used = before.find(({ address }) => address === p);
    expect(used?.size, `${bytes} bytes`).toBe(best);
    const room = Math.min(best, size < LARGE ? size : whole(bytes));
    const rest = best - room;
    const after = before.filter(({ address }) => address !== p);
    if (rest >= LEAST_REMAINDER) after.push({ address: p + room, size: rest, kind: "free" });
    expect(freeBlocks(heap)).toEqual(after.toSorted((a, b) => a.address - b.address));
  }

  test("best fit among 300 free blocks of distinct sizes: the smallest that fits", async () => {
    const next = numbers(1);
    const distinct = new Set<number>();
    // Some of each doubling, so that every bin with a tree has several levels.
    while (distinct.size < 300)
      distinct.add(Math.floor(2 ** (4 + next() * 13) / GRANULE) * GRANULE);
    const heap = await scattered([...distinct], next);
    const has = freeBlocks(heap).map(({ size }) => size);
    expect(new Set(has).size).toBe(300);
    for (let left = 300; left > 0; left--) {
      expectBestFit(heap, Math.floor(2 ** (3 + next() * 13.5)));
      heap.expectSound();
    }
  });

  test("best fit allocates every free block of its size, in any order", async () => {
    const next = numbers(2);
    // Some sizes several times, so that nodes of the trees have lists.
    const sizes = Array.from({ length: 300 }, (_, i) => 512 + 16 * ((i * 7) % 211));
    const heap = await scattered(sizes, next);
    for (let left = sizes.length; left > 0; left--) {
      const i = Math.floor(next() * left);
      expectBestFit(heap, sizes[i]! - HEADER);
      heap.expectSound();
      sizes[i] = sizes[left - 1]!;
    }
    expect(freeBlocks(heap)).toEqual([]);
  });

  test("best fit while blocks are freed and coalesced", async () => {
    const next = numbers(3);
    const sizes = Array.from({ length: 100 }, () => Math.floor(32 + next() * 500) * GRANULE);
    const heap = await scattered(sizes, next);
    const isSmall = ({ size }: Block): boolean => size === 16;
    for (let left = 500; left > 0; left--) {
      expectBestFit(heap, Math.floor(2 ** (6 + next() * 8)));
      const used = blocksOf(heap.memory, heap.base).filter(
        (block) => block.kind === "used" && !isSmall(block),
      );
      if (used.length > 40) heap.release(used[Math.floor(next() * used.length)]!.address);
      heap.engine.heap_trim();
      if (left % 10 === 0) heap.expectSound();
    }
  });
});
