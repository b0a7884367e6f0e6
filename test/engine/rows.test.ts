/** What a heap does, row by row, in each form of the engine. A heap has no slabs here unless a test asks for them. */

import { describe, expect, test } from "vitest";

import { HEADER, IN_USE, MAX_ALIGNMENT, MAX_SIZE, QUICK } from "../../engine/block.ts";
import { CELL, CONTROL, GRANULE, MAGIC, QUICK_AT } from "../../engine/control.ts";
import { FORMS, PAGE, resizable, wasmMemory } from "./engines.ts";
import { type Block, blocksOf, tagsOf, word } from "./picture.ts";
import { DEFAULT_SMALL, type HeapOptions, heapOf, type TestHeap, uncreated } from "./test-heap.ts";

/** The break of a new heap at base 0. */
const FIRST_BREAK = PAGE;
/** Blocks from LARGE bytes on are whole lines if there is room: see blocks.ts. */
const LARGE = 16384;
const LINE = 64;
/** A remainder smaller than this stays with the block that was split: see blocks.ts. */
const LEAST_REMAINDER = 32;
/** Blocks that the quick lists hold together at most: see blocks.ts. */
const MOST_QUICK = 24;

/** Size of a large block for a request: whole lines. */
const whole = (bytes: number): number => Math.ceil((bytes + HEADER) / LINE) * LINE;

/** Size of a block for a request that is not large. */
const blockSize = (bytes: number): number => Math.ceil((bytes + HEADER) / GRANULE) * GRANULE;

/** Bytes of the block map behind a top block that ends at `end`: one for each cell. */
function mapBytes(heap: TestHeap, end: number): number {
  const cells = Math.floor(end / CELL) - Math.floor(heap.base / CELL) + 1;
  return Math.ceil(cells / GRANULE) * GRANULE;
}

/** Size of the largest block that the top block has room for before the break moves. */
function roomOf(heap: TestHeap): number {
  const { address } = heap.top;
  let end = heap.break;
  while (end > address && end + mapBytes(heap, end) > heap.break) end -= GRANULE;
  return end - address;
}

/** Blocks in quick lists. */
const quickCount = (heap: TestHeap): number => word(heap.memory, heap.base + QUICK_AT);

/** Whether the block at `p` is in a quick list. */
const isQuick = (heap: TestHeap, p: number): boolean =>
  (word(heap.memory, p - HEADER) & (QUICK | IN_USE)) === (QUICK | IN_USE);

/** Allocates all of the top block as it is, so that it must grow for the next request; returns the size of that block. */
function fillTop(heap: TestHeap): number {
  const { address, size } = heap.top;
  expect(heap.allocate(size - HEADER)).toBe(address);
  expect(heap.top.size).toBe(0);
  return size;
}

/** The free blocks, without the top block. */
const freeBlocks = (heap: TestHeap): Block[] =>
  blocksOf(heap.memory, heap.base).filter(({ kind }) => kind === "free");

/** The same numbers each time, 0 to 1 (Knuth's linear congruence). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

describe.each(FORMS)("%s", (form) => {
  const plain = (options: HeapOptions = {}): Promise<TestHeap> => heapOf(form, options);

  describe("1 first use", () => {
    test("the first request creates a heap at the end of the memory", async () => {
      const memory = wasmMemory(3);
      const heap = await uncreated(form, memory);
      const p = heap.engine.malloc(100) >>> 0;
      expect(heap.base).toBe(3 * PAGE);
      expect(heap.break).toBe(4 * PAGE);
      expect(word(memory, 3 * PAGE)).toBe(MAGIC);
      expect(p).toBe(blocksOf(memory, heap.base).find(({ kind }) => kind === "used")!.address);
      expect(heap.picture(p)).toBe("used 112, top");
    });

    test("in an empty memory the heap starts after address 0, so that no pointer is 0", async () => {
      const heap = await uncreated(form, wasmMemory(0));
      heap.allocate(0);
      expect(heap.base).toBe(16);
    });

    test("the break moves by at least a page, and later requests use the rest of it", async () => {
      const heap = await uncreated(form, wasmMemory(1));
      heap.allocate(1);
      expect(heap.break).toBe(2 * PAGE);
      expect(heap.breakMoves).toBe(1);
      for (let left = 50; left > 0; left--) heap.allocate(1000);
      expect(heap.breakMoves).toBe(1);
    });

    test.each([
      ["malloc", (heap: TestHeap) => heap.engine.malloc(200_000)],
      ["calloc", (heap: TestHeap) => heap.engine.calloc(1000, 200)],
      ["aligned_alloc", (heap: TestHeap) => heap.engine.aligned_alloc(4096, 200_000)],
      ["realloc of 0", (heap: TestHeap) => heap.engine.realloc(0, 200_000)],
      ["allocate", (heap: TestHeap) => heap.engine.allocate(200_000)],
    ])("any function that allocates creates the heap, for any size: %s", async (_, request) => {
      const heap = await uncreated(form, wasmMemory(1));
      const p = request(heap) >>> 0;
      expect(p).toBeGreaterThan(PAGE);
      expect(heap.usableSize(p)).toBeGreaterThanOrEqual(200_000);
      expect(heap.break).toBeGreaterThanOrEqual(p + 200_000);
      expect(heap.break % PAGE).toBe(0);
    });

    test("other functions create no heap", async () => {
      const memory = wasmMemory(1);
      const heap = await uncreated(form, memory);
      const { engine } = heap;
      heap.unchanged(() => {
        engine.free(0);
        expect(heap.release(0)).toBe("OK");
        expect(heap.release(64)).toBe("OUT_OF_HEAP");
        expect(heap.owns(64)).toBe(false);
        expect(heap.usableSize(64)).toBe(0);
        expect(heap.reallocate(64, 10)).toBe("OUT_OF_HEAP");
        expect(engine.heap_walk(0)).toBe(0);
        expect(engine.heap_check()).toBe(0);
        expect(engine.heap_trim()).toBe(0);
        engine.heap_reset();
        expect([0, 1, 2, 3, 4, 5].map((each) => engine.heap_stat(each))).toEqual([
          0, 0, 0, 0, 0, 0,
        ]);
        expect(engine.heap_break()).toBe(0);
      });
    });

    test("a heap that does not fit is not created, and a later one that fits is", async () => {
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
      const heap = await uncreated(form, memory);
      heap.unchanged(() => expect(heap.request(10)).toBe("OUT_OF_MEMORY"));
      expect(heap.base).toBe(0);
      expect(heap.engine.heap_init(1024, 0)).toBe(0);
      expect(heap.allocate(10)).toBeGreaterThan(1024);
      expect(heap.break).toBe(PAGE);
    });

    test("heap_init rounds the base up and the limit down to granules", async () => {
      const heap = await uncreated(form, wasmMemory(1));
      expect(heap.engine.heap_init(1001, 3 * PAGE - 1)).toBe(0);
      expect(heap.base).toBe(1008);
      expect(heap.engine.heap_stat(5)).toBe(3 * PAGE - 16);
      expect(heap.break).toBe(2 * PAGE);
    });

    test("heap_error returns the code of a heap_init or heap_attach that failed", async () => {
      const heap = await uncreated(form, wasmMemory(1));
      expect(heap.engine.heap_init(2 * PAGE, PAGE)).toBe(8);
      expect(heap.engine.heap_error()).toBe(8);
      expect(heap.engine.heap_init(-PAGE, 0)).toBe(1);
      expect(heap.engine.heap_error()).toBe(1);
      expect(heap.engine.heap_attach(0)).toBe(8);
      expect(heap.engine.heap_error()).toBe(8);
    });

    /** A heap at base 0 starts at 16, and has room for at least 1024 bytes behind its control block. */
    const LEAST_LIMIT = 16 + CONTROL + 1024;

    test("a heap is created with the lowest possible limit", async () => {
      const heap = await plain({ limit: LEAST_LIMIT });
      expect(heap.break).toBe(LEAST_LIMIT);
      expect(heap.request(900)).toBeTypeOf("number");
    });

    test.each<[string, number[]]>([
      ["the limit is below the base", [PAGE, 1024, 0, 0, 0]],
      ["the limit is a granule too low for a heap", [0, LEAST_LIMIT - 1, 0, 0, 0]],
      ["a fit that does not exist", [0, 0, 0, 3, 0]],
      ["a fit below 0", [0, 0, 0, -1, 0]],
      ["slabs for sizes that are too large", [0, 0, 0, 0, DEFAULT_SMALL + 1]],
      ["slabs for sizes below 0", [0, 0, 0, 0, -1]],
      ["the base rounds up to 4 GiB", [-1, 0, 0, 0, 0]],
    ])("invalid options change nothing: %s", async (_, [base, limit, margin, fit, small]) => {
      const heap = await plain({ memory: wasmMemory(4), base: 2 * PAGE });
      const p = heap.allocate(100);
      const code = heap.unchanged(() =>
        heap.engine.heap_create(base!, limit!, margin!, fit!, small!),
      );
      expect(code).toBe(8);
      expect(heap.release(p)).toBe("OK"); // the engine still uses its heap
    });
  });

  describe("2 no free block fits", () => {
    test("the heap grows from the start of the top block", async () => {
      const heap = await plain();
      const p = heap.allocate(100);
      const { address } = heap.top;
      const size = roomOf(heap);
      expect(heap.break).toBe(FIRST_BREAK);
      expect(heap.allocate(size + 1000)).toBe(address);
      expect(heap.picture(p)).toBe(`used 112, used ${whole(size + 1000)}, top`);
      expect(heap.break).toBe(FIRST_BREAK + PAGE);
    });

    test("the break moves by at least a page, even if one byte is missing", async () => {
      const heap = await plain();
      const { address } = heap.top;
      const size = roomOf(heap);
      expect(heap.allocate(size - HEADER + 1)).toBe(address);
      expect(heap.break).toBe(FIRST_BREAK + PAGE);
      expect(heap.top.address).toBe(address + whole(size - HEADER + 1));
      expect(heap.breakMoves).toBe(2);
    });

    test("the break does not move if the room is exactly enough", async () => {
      const heap = await plain();
      const { address } = heap.top;
      const size = roomOf(heap);
      expect(heap.allocate(size - HEADER)).toBe(address);
      expect(heap.break).toBe(FIRST_BREAK);
      expect(heap.top).toMatchObject({ address: address + size, size: 0 });
      expect(heap.allocate(1)).toBe(address + size); // an empty top block grows too
    });

    test("the heap grows if free blocks are large enough only together", async () => {
      const heap = await plain();
      const [p, , q] = [50_000, 10, 50_000, 10].map((size) => heap.allocate(size)) as [
        number,
        number,
        number,
      ];
      heap.release(p);
      heap.release(q);
      const { address } = heap.top;
      expect(heap.allocate(60_000)).toBe(address);
      expect(heap.picture(p)).toBe("free 50048, used 16, free 50048, used 16, used 60032, top");
    });

    test.each([0, 1, 100_000, 1_000_000])(
      "the break moves a margin of %d bytes farther than needed, to a whole page",
      async (margin) => {
        const heap = await plain({ margin });
        heap.allocate(roomOf(heap) + 100);
        const end = heap.top.address;
        expect(heap.break - end).toBeGreaterThanOrEqual(margin);
        expect(heap.break - end).toBeLessThan(margin + PAGE + mapBytes(heap, end));
        expect(heap.break % PAGE).toBe(0);
      },
    );

    test("the default margin is a share of the heap", async () => {
      for (const bytes of [1 << 23, 1 << 25]) {
        const heap = await plain({ margin: -1 });
        heap.allocate(bytes);
        heap.allocate(roomOf(heap));
        expect(roomOf(heap)).toBeGreaterThan(bytes / 256);
        expect(roomOf(heap)).toBeLessThan(bytes / 256 + 2 * PAGE);
      }
    });

    test("the heap grows without a margin if the memory has no room for it", async () => {
      const heap = await plain({ memory: wasmMemory(0, 3), margin: 10 * PAGE });
      expect(heap.request(roomOf(heap) + PAGE / 2)).toBeTypeOf("number");
      expect(heap.break).toBeLessThanOrEqual(3 * PAGE);
    });

    test("blocks use the memory up to the block map at its end", async () => {
      const heap = await plain({ memory: wasmMemory(0, 3) });
      let last = 0;
      for (let p = heap.request(1000); typeof p === "number"; p = heap.request(1000)) last = p;
      for (let p = heap.request(0); typeof p === "number"; p = heap.request(0))
        last = Math.max(p, last);
      expect(heap.break).toBe(3 * PAGE);
      expect(heap.top.size).toBe(0);
      expect(last + 16 + mapBytes(heap, last + 16)).toBe(3 * PAGE);
    });

    test("before a request fails, every free block is looked at", async () => {
      const heap = await plain({ memory: wasmMemory(0, 2) });
      // One bin holds all of these sizes.
      const at = [1130, 1030, 1030, 1030, 1030, 1030].map((size) => {
        const p = heap.allocate(size);
        heap.allocate(0);
        return p;
      });
      for (const size of [1000, 0]) while (typeof heap.request(size) === "number") continue;
      for (const p of at) heap.release(p);
      expect(heap.allocate(1130)).toBe(at[0]);
      expect(heap.request(1130)).toBe("OUT_OF_MEMORY");
      expect(heap.request(1030)).toBeTypeOf("number");
    });

    test("before an aligned request fails, every free block is looked at", async () => {
      const heap = await plain({ memory: wasmMemory(0, 2) });
      // All of these are large enough, but only the largest has room at a multiple of 1024: at its end.
      const { address } = heap.top;
      heap.allocate(1024 - (address % 1024) + 200 - HEADER);
      const at = Array.from({ length: 8 }, (_, i) => {
        const p = heap.allocate(i === 7 ? 1008 : 540 + 16 * i);
        while (heap.top.address % 1024 !== 208) heap.allocate(0);
        return p;
      });
      for (const size of [1000, 0]) while (typeof heap.request(size) === "number") continue;
      for (const p of at) heap.release(p);
      const p = heap.allocate(180, 1024);
      expect(p).toBe(at[7]! + 816);
      expect(heap.request(180, 1024)).toBe("OUT_OF_MEMORY");
    });

    test("before a request fails, the blocks in quick lists are coalesced", async () => {
      const heap = await plain({ memory: wasmMemory(0, 4), small: 8 });
      const at = Array.from({ length: MOST_QUICK }, (_, i) => heap.allocate(1020 + 16 * (i % 8)));
      for (const size of [1000, 9]) while (typeof heap.request(size) === "number") continue;
      for (const p of at) heap.release(p);
      expect(quickCount(heap)).toBe(MOST_QUICK);
      expect(heap.allocate(25_500)).toBe(at[0]); // larger than all but one of them
      expect(quickCount(heap)).toBe(0);
    });

    test("before a request fails, empty slabs are released", async () => {
      const heap = await plain({ memory: wasmMemory(0, 4), small: DEFAULT_SMALL });
      // The map needs some of the room that the break has not reached yet.
      const largest = 4 * PAGE - heap.top.address - mapBytes(heap, 4 * PAGE) - HEADER;
      for (let round = 0; round < 3; round++) {
        const live: number[] = [];
        for (
          let i = 0, p = heap.request(i);
          typeof p === "number";
          p = heap.request((++i * 37) % 1009)
        )
          live.push(p);
        for (const p of live) expect(heap.release(p)).toBe("OK");
      }
      expect(heap.allocate(largest)).toBe(heap.base + CONTROL);
    });

    test.each(["best", "first", "next"] as const)(
      "before a request fails, the memory of empty slabs is searched; fit %s",
      async (fit) => {
        const heap = await plain({ limit: 1 << 20, small: DEFAULT_SMALL, fit });
        for (let left = 32; left > 0; left--) heap.allocate(64); // blocks serve these
        const slots = Array.from({ length: 200 }, () => heap.allocate(64));
        for (const p of slots) expect(heap.isSlot(p)).toBe(true);
        for (let size = 1 << 20; size > DEFAULT_SMALL; size = Math.floor(size * 0.8))
          while (typeof heap.request(size) === "number") continue;
        for (const p of slots) heap.release(p);
        expect(heap.request(12_000)).toBeTypeOf("number");
        expect(heap.request(12_000)).toBe("OUT_OF_MEMORY");
      },
    );

    test("a block serves a small request if there is no memory for a slab", async () => {
      const heap = await plain({ limit: 2 * PAGE, small: DEFAULT_SMALL });
      const hole = heap.allocate(332, 1024); // a block, smaller than a slab
      heap.allocate(1009);
      for (let size = 60_000; size > DEFAULT_SMALL; size -= size > 1100 ? size >>> 3 : 1)
        while (typeof heap.request(size) === "number") continue;
      // Requests of other classes than that of 200 bytes take the smaller free blocks.
      const largest = (): number =>
        Math.max(0, ...heap.walk().map(({ size, kind }) => (kind === 0 ? size : 0)));
      for (let round = 0; round < 12; round++) {
        for (let size = DEFAULT_SMALL; size >= 8; size -= 8)
          if ((size < 193 || size > 208) && size <= largest()) heap.request(size);
      }
      heap.release(hole);
      for (let left = 100; left > 0; left--) expect(heap.release(heap.allocate(200))).toBe("OK");
    });

    test("a slot of a larger class serves a small request if nothing else is left", async () => {
      const heap = await plain({ memory: wasmMemory(0, 2), small: DEFAULT_SMALL });
      heap.allocateSlot(200);
      for (const size of [2000, 1009]) while (typeof heap.request(size) === "number") continue;
      // All other memory is in use when the first slot of 208 bytes serves a request for 8 bytes.
      const freeSlots = (): number =>
        heap.walk().filter(({ size, kind }) => kind === 2 && size === 208).length;
      const slots = freeSlots();
      expect(slots).toBeGreaterThan(0);
      let served = 0;
      for (let p = heap.request(8); typeof p === "number"; p = heap.request(8)) {
        if (heap.usableSize(p) !== 208) {
          expect(served).toBe(0);
          continue;
        }
        expect(freeBlocks(heap)).toEqual([]);
        expect(heap.isSlot(p)).toBe(true);
        served++;
      }
      expect(served).toBe(slots);
      expect(freeSlots()).toBe(0);
      expect(heap.request(8)).toBe("OUT_OF_MEMORY");
    });

    test("a slot of a larger class serves an aligned request if it is aligned", async () => {
      const heap = await plain({ memory: wasmMemory(0, 2), small: DEFAULT_SMALL });
      const [slot, aligned] = [heap.allocateSlot(200), heap.allocateSlot(250)];
      for (const size of [2000, 1009, 8]) while (typeof heap.request(size) === "number") continue;
      heap.release(slot);
      expect(heap.request(16, 64)).toBe("OUT_OF_MEMORY");
      expect(heap.request(16)).toBe(slot);
      heap.release(aligned);
      expect(heap.request(16, 64)).toBe(aligned);
      expect(heap.request(16)).toBe("OUT_OF_MEMORY");
    });

    test("the block map moves with the top block, and no metadata is between blocks", async () => {
      const heap = await plain();
      const p = heap.allocate(100);
      expect(p).toBe(heap.base + CONTROL);
      const q = heap.allocate(10 * PAGE);
      const r = heap.allocate(100 * PAGE);
      expect(heap.picture(p)).toBe("used 112, used 655424, used 6553664, top");
      const s = heap.allocate(10);
      for (const each of [p, q, r, s]) expect(heap.owns(each)).toBe(true);
      expect(heap.release(r)).toBe("OK");
      expect(heap.allocate(100 * PAGE)).toBe(r);
    });

    test("a request that fails because the map has no room leaves the heap unchanged", async () => {
      const heap = await plain({ memory: wasmMemory(0, 4) });
      const p = heap.allocate(20_000);
      heap.allocate(10);
      heap.release(p);
      heap.unchanged(() => expect(heap.request(20 * PAGE)).toBe("OUT_OF_MEMORY"));
      // A block that reaches to the end of the memory leaves no room for the map.
      const { address } = heap.top;
      const size = 4 * PAGE - address - HEADER;
      heap.unchanged(() => expect(heap.request(size)).toBe("OUT_OF_MEMORY"));
      expect(heap.allocate(20_000)).toBe(p);
      expect(heap.allocate(size - mapBytes(heap, 4 * PAGE))).toBe(address);
    });

    test("before the top block grows, empty slabs are released", async () => {
      const heap = await plain({ small: DEFAULT_SMALL });
      const slots = Array.from({ length: 50 }, () => heap.allocateSlot(1000));
      for (const p of slots) heap.release(p);
      const hasSlabs = (): boolean => heap.walk().some(({ kind }) => kind === 2);
      expect(hasSlabs()).toBe(true);
      while (heap.top.size >= blockSize(2000)) heap.allocate(2000);
      const { top, breakMoves } = heap;
      for (let left = 8; left > 0; left--) heap.allocate(2000);
      expect(heap.top).toEqual(top);
      expect(heap.breakMoves).toBe(breakMoves);
      expect(hasSlabs()).toBe(false);
      heap.expectSound();
    });
  });

  describe("2 no free block fits a slab", () => {
    test("a free block serves the request before the heap grows, and then blocks serve the class again", async () => {
      const heap = await plain({ small: DEFAULT_SMALL });
      for (let left = 32; left > 0; left--) heap.allocate(1000); // the next one would get a slab
      const hole = heap.allocate(1500); // too small for a slab
      heap.allocate(2000);
      heap.release(hole);
      expect(isQuick(heap, hole)).toBe(false);
      heap.allocate(roomOf(heap) - HEADER);
      const { break: end } = heap;
      expect(heap.allocate(1000)).toBe(hole);
      expect(heap.isSlot(hole)).toBe(false);
      expect(heap.break).toBe(end);
      const next = Array.from({ length: 33 }, () => heap.allocate(1000));
      expect(heap.break).toBeGreaterThan(end);
      expect(next.filter((p) => heap.isSlot(p))).toEqual(next.slice(32));
    });
  });

  describe("3 a free block fits", () => {
    /** A free block of `size` bytes between two in use. */
    async function hole(size: number): Promise<{ heap: TestHeap; p: number }> {
      const heap = await plain();
      heap.allocate(10);
      const p = heap.allocate(size - HEADER);
      heap.allocate(10);
      heap.release(p);
      expect(heap.picture(p)).toBe(`free ${size}, used 16, top`);
      return { heap, p };
    }

    test("a free block of exactly the size is used", async () => {
      const { heap, p } = await hole(112);
      expect(heap.allocate(100)).toBe(p);
      expect(heap.picture(p)).toBe("used 112, used 16, top");
      expect(tagsOf(heap.memory, p + 112)).toBe("in use, previous in use");
      expect(heap.break).toBe(FIRST_BREAK);
    });

    test("a larger block is split, and the remainder is free", async () => {
      const { heap, p } = await hole(1024);
      expect(heap.allocate(100)).toBe(p);
      expect(heap.picture(p)).toBe("used 112, free 912, used 16, top");
      expect(tagsOf(heap.memory, p)).toBe("in use, previous in use");
      expect(tagsOf(heap.memory, p + 112)).toBe("free, previous in use");
      expect(tagsOf(heap.memory, p + 1024)).toBe("in use, previous free");
      expect(word(heap.memory, p + 1024 - 2 * HEADER)).toBe(912);
    });

    test("a block is split if the remainder has 32 bytes", async () => {
      const { heap, p } = await hole(144);
      expect(heap.allocate(100)).toBe(p);
      expect(heap.picture(p)).toBe("used 112, free 32, used 16, top");
      expect(heap.usableSize(p)).toBe(108);
    });

    test("a block is not split if the remainder has less than 32 bytes", async () => {
      const { heap, p } = await hole(128);
      expect(heap.allocate(100)).toBe(p);
      expect(heap.picture(p)).toBe("used 128, used 16, top");
      expect(tagsOf(heap.memory, p + 128)).toBe("in use, previous in use");
      expect(heap.usableSize(p)).toBe(124);
    });

    test("the remainder serves the next requests, until all of it is in use", async () => {
      const { heap, p } = await hole(336);
      expect([100, 100, 100].map((size) => heap.allocate(size))).toEqual([p, p + 112, p + 224]);
      expect(heap.picture(p)).toBe("used 112, used 112, used 112, used 16, top");
    });

    test("an aligned block is split off the middle of a free block", async () => {
      const { heap, p } = await hole(4096);
      const q = heap.allocate(100, 1024);
      expect(q % 1024).toBe(0);
      expect(q).toBeGreaterThan(p);
      expect(heap.picture(p)).toBe(
        `free ${q - p}, used 112, free ${p + 4096 - q - 112}, used 16, top`,
      );
      expect(tagsOf(heap.memory, q)).toBe("in use, previous free");
    });

    test("an aligned block from the top block leaves a free block before it", async () => {
      const heap = await plain();
      const { address } = heap.top;
      const q = heap.allocate(100, 4096);
      expect(heap.picture(address)).toBe(`free ${q - address}, used 112, top`);
    });

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

  describe("4 free", () => {
    /** Blocks of 112 bytes, too large for the quick lists of a heap this small, and one of 16 behind them. */
    async function row(count: number): Promise<{ heap: TestHeap; at: number[] }> {
      const heap = await plain();
      const at = Array.from({ length: count }, () => heap.allocate(100));
      heap.allocate(0);
      return { heap, at };
    }

    test("the block is marked free", async () => {
      const { heap, at } = await row(3);
      expect(heap.release(at[1]!)).toBe("OK");
      expect(heap.picture(at[0]!)).toBe("used 112, free 112, used 112, used 16, top");
      expect(tagsOf(heap.memory, at[1]!)).toBe("free, previous in use");
      expect(tagsOf(heap.memory, at[2]!)).toBe("in use, previous free");
      expect(word(heap.memory, at[2]! - 2 * HEADER)).toBe(112);
      expect(heap.owns(at[1]!)).toBe(false);
    });

    test("coalesces with the next free block", async () => {
      const { heap, at } = await row(4);
      heap.release(at[2]!);
      heap.release(at[1]!);
      expect(heap.picture(at[0]!)).toBe("used 112, free 224, used 112, used 16, top");
      expect(word(heap.memory, at[3]! - 2 * HEADER)).toBe(224);
    });

    test("coalesces with the previous free block", async () => {
      const { heap, at } = await row(4);
      heap.release(at[1]!);
      heap.release(at[2]!);
      expect(heap.picture(at[0]!)).toBe("used 112, free 224, used 112, used 16, top");
      expect(tagsOf(heap.memory, at[3]!)).toBe("in use, previous free");
    });

    test("coalesces with the next and the previous free block", async () => {
      const { heap, at } = await row(5);
      heap.release(at[1]!);
      heap.release(at[3]!);
      heap.release(at[2]!);
      expect(heap.picture(at[0]!)).toBe("used 112, free 336, used 112, used 16, top");
    });

    test("the last block becomes part of the top block", async () => {
      const heap = await plain();
      const p = heap.allocate(100);
      const { address, size } = heap.top;
      const q = heap.allocate(100);
      expect(q).toBe(address);
      heap.release(q);
      expect(heap.top).toEqual({ address, size, kind: "top" });
      expect(heap.picture(p)).toBe("used 112, top");
      expect(heap.break).toBe(FIRST_BREAK);
    });

    test("the last block and the free block before it become part of the top block", async () => {
      const heap = await plain();
      const [p, q, r] = [heap.allocate(100), heap.allocate(100), heap.allocate(100)];
      heap.release(q);
      heap.release(r);
      expect(heap.picture(p)).toBe("used 112, top");
      expect(heap.top.address).toBe(q);
    });

    test("the first block of the heap has no block before it", async () => {
      const heap = await plain();
      const p = heap.allocate(390);
      heap.allocate(0);
      expect(p).toBe(heap.base + CONTROL);
      expect(tagsOf(heap.memory, p)).toBe("in use, previous in use");
      expect(heap.release(p)).toBe("OK");
      expect(tagsOf(heap.memory, p)).toBe("free, previous in use");
      expect(heap.picture(p)).toBe("free 400, used 16, top");
    });

    test("the last block of the heap has only an empty top block behind it", async () => {
      const heap = await plain();
      const p = heap.allocate(roomOf(heap) - HEADER);
      expect(heap.top.size).toBe(0);
      expect(heap.release(p)).toBe("OK");
      expect(heap.picture(p)).toBe("top");
      expect(heap.break).toBe(FIRST_BREAK);
    });

    test("blocks that are freed in any order are part of the top block in the end", async () => {
      for (const order of permutations([0, 1, 2, 3])) {
        const heap = await plain();
        const before = heap.top;
        const at = order.map(() => heap.allocate(100));
        for (const i of order) expect(heap.release(at[i]!)).toBe("OK");
        expect(heap.top, `freed in the order ${order}`).toEqual(before);
      }
    });

    test("0 does nothing", async () => {
      const heap = await plain();
      expect(heap.unchanged(() => heap.release(0))).toBe("OK");
      heap.unchanged(() => heap.engine.free(0));
    });
  });

  describe("4 quick lists", () => {
    /** Blocks of 112 bytes, a small part of a heap of 1 MiB, and one of 16 behind them. */
    async function row(count: number): Promise<{ heap: TestHeap; at: number[] }> {
      const heap = await plain();
      heap.allocate(1 << 20);
      const at = Array.from({ length: count }, () => heap.allocate(100));
      heap.allocate(0);
      return { heap, at };
    }

    test("a freed block goes into a quick list, and looks in use to the next block", async () => {
      const { heap, at } = await row(2);
      expect(heap.release(at[0]!)).toBe("OK");
      expect(isQuick(heap, at[0]!)).toBe(true);
      expect(quickCount(heap)).toBe(1);
      expect(tagsOf(heap.memory, at[1]!)).toBe("in use, previous in use");
      expect(heap.picture(at[0]!)).toBe("free 112, used 112, used 16, top");
    });

    test("a block in a quick list is free: for owns, usableSize and walk", async () => {
      const { heap, at } = await row(2);
      heap.release(at[0]!);
      expect(heap.owns(at[0]!)).toBe(false);
      expect(heap.usableSize(at[0]!)).toBe(0);
      expect(heap.walk().find(({ address }) => address === at[0])).toEqual({
        address: at[0],
        size: 108,
        kind: 0,
      });
    });

    test("the next request of its size gets the block back", async () => {
      const { heap, at } = await row(2);
      heap.release(at[0]!);
      expect(heap.allocate(108)).toBe(at[0]); // another request, the same size of block
      expect(quickCount(heap)).toBe(0);
      expect(heap.picture(at[0]!)).toBe("used 112, used 112, used 16, top");
      expect(heap.owns(at[0]!)).toBe(true);
    });

    test("the block that was freed last is the first to be allocated again", async () => {
      const { heap, at } = await row(5);
      for (const i of [1, 3, 0, 2]) heap.release(at[i]!);
      expect(quickCount(heap)).toBe(4);
      heap.expectSound();
      expect([1, 2, 3, 4].map(() => heap.allocate(100))).toEqual([2, 0, 3, 1].map((i) => at[i]));
    });

    test("a block in a quick list is coalesced, and then split, for a smaller request", async () => {
      const { heap, at } = await row(2);
      const size = fillTop(heap);
      heap.release(at[0]!);
      expect(heap.allocate(40)).toBe(at[0]);
      expect(quickCount(heap)).toBe(0);
      expect(heap.picture(at[0]!)).toBe(`used 48, free 64, used 112, used 16, used ${size}, top`);
    });

    test("quick lists serve no alignment above 16", async () => {
      const { heap, at } = await row(4);
      fillTop(heap);
      for (const p of at) heap.release(p);
      expect(heap.allocate(160, 64)).toBe(Math.ceil(at[2]! / 64) * 64); // in two blocks, which were coalesced
      expect(quickCount(heap)).toBe(2);
    });

    test("the top block is cut before quick blocks are coalesced, if it is large enough as it is", async () => {
      const { heap, at } = await row(3);
      for (const p of at) heap.release(p);
      const { address, size } = heap.top;
      expect(heap.allocate(330)).toBe(address);
      expect(heap.top).toMatchObject({ address: address + 336, size: size - 336 });
      expect(heap.allocate(100, 64)).toBe(Math.ceil((address + 336) / 64) * 64);
      expect(quickCount(heap)).toBe(3);
      expect(heap.picture(at[0]!)).toMatch(/^free 112, free 112, free 112, used 16, used 336, /);
    });

    test("free neighbours in quick lists are coalesced before the top block grows", async () => {
      const { heap, at } = await row(3);
      const size = fillTop(heap);
      for (const p of at) heap.release(p);
      expect(heap.picture(at[0]!)).toBe(`free 112, free 112, free 112, used 16, used ${size}, top`);
      const { address } = heap.top;
      expect(heap.allocate(400)).toBe(address);
      expect(heap.picture(at[0]!)).toBe(`free 336, used 16, used ${size}, used 416, top`);
      expect(tagsOf(heap.memory, at[0]! + 336)).toBe("in use, previous free");
      expect(quickCount(heap)).toBe(0);
    });

    test("a request that fits after coalescing does not make the top block grow", async () => {
      const { heap, at } = await row(3);
      const size = fillTop(heap);
      for (const p of at) heap.release(p);
      const { top, break: end } = heap;
      expect(heap.allocate(330)).toBe(at[0]);
      expect(heap.picture(at[0]!)).toBe(`used 336, used 16, used ${size}, top`);
      expect(heap.top).toEqual(top);
      expect(heap.break).toBe(end);
    });

    test("quick blocks are coalesced one at a time, until a request fits", async () => {
      const { heap, at } = await row(5);
      fillTop(heap);
      for (const i of [0, 2, 4, 3]) heap.release(at[i]!);
      expect(heap.allocate(200)).toBe(at[3]); // with the block behind it; those freed earlier stay
      expect(quickCount(heap)).toBe(2);
      expect([0, 2].map((i) => isQuick(heap, at[i]!))).toEqual([true, true]);
    });

    test("a quick block before the top block makes it large enough without growing", async () => {
      const { heap } = await row(1);
      const { address, size } = heap.top;
      const rest = 112 + ((size - 112) % LINE); // a large block is whole lines
      heap.allocate(size - rest - HEADER);
      const p = heap.allocate(rest - HEADER);
      expect(heap.top.size).toBe(0);
      heap.release(p);
      expect(isQuick(heap, p)).toBe(true);
      expect(heap.allocate(60)).toBe(p);
      expect(quickCount(heap)).toBe(0);
      expect(heap.picture(address)).toBe(`used ${size - rest}, used 64, top`);
      expect(heap.top).toMatchObject({ address: p + 64, size: rest - 64 });
    });

    test("a free block in a bin is split before quick lists are coalesced", async () => {
      const { heap, at } = await row(3);
      heap.release(at[0]!);
      heap.engine.heap_trim(); // now it is in a bin
      heap.release(at[2]!);
      expect(quickCount(heap)).toBe(1);
      expect(heap.allocate(60)).toBe(at[0]);
      expect(quickCount(heap)).toBe(1);
    });

    test("a block next to the top block becomes part of it when quick lists are coalesced", async () => {
      const { heap } = await row(1);
      const p = heap.allocate(100);
      heap.release(p);
      expect(heap.picture(p)).toBe("free 112, top");
      heap.engine.heap_trim();
      expect(heap.picture(p)).toBe("top");
    });

    /** Two sizes of requests whose blocks are served by the same one of 16 lists. */
    const SAME_LIST = [100, 100 + 240] as const;

    test("a block of another size replaces the only block of a quick list", async () => {
      const heap = await plain();
      heap.allocate(1 << 20);
      const [p, , q] = [SAME_LIST[0], 0, SAME_LIST[1], 0].map((size) => heap.allocate(size)) as [
        number,
        number,
        number,
      ];
      heap.release(p);
      heap.release(q);
      expect([isQuick(heap, p), isQuick(heap, q)]).toEqual([false, true]);
      expect(quickCount(heap)).toBe(1);
      heap.expectSound();
      expect(heap.allocate(SAME_LIST[1])).toBe(q);
      expect(heap.allocate(SAME_LIST[0])).toBe(p);
    });

    test("a quick list of several blocks gives up one when a block of another size is freed", async () => {
      const heap = await plain();
      heap.allocate(1 << 20);
      const [p, , q, , r] = [SAME_LIST[0], 0, SAME_LIST[0], 0, SAME_LIST[1], 0].map((size) =>
        heap.allocate(size),
      ) as [number, number, number, number, number];
      for (const freed of [p, q, r]) heap.release(freed);
      expect([p, q, r].map((freed) => isQuick(heap, freed))).toEqual([true, false, false]);
      heap.expectSound();
    });

    test("when quick lists hold 24 blocks, each block that is freed replaces one, of list after list", async () => {
      const { heap } = await row(1);
      const at = Array.from({ length: 30 }, (_, i) => {
        const p = heap.allocate(100 + 16 * (i % 8));
        heap.allocate(0);
        return p;
      });
      for (const p of at) {
        heap.release(p);
        heap.expectSound();
        expect(isQuick(heap, p)).toBe(true);
      }
      expect(quickCount(heap)).toBe(MOST_QUICK);
      expect(at.filter((p) => !isQuick(heap, p))).toHaveLength(at.length - MOST_QUICK);
      // Not all of them from the same list.
      const sizes = at.filter((p) => !isQuick(heap, p)).map((p) => at.indexOf(p) % 8);
      expect(new Set(sizes).size).toBe(sizes.length);
    });

    test("a block of a 64th of the heap or more is coalesced at once", async () => {
      const heap = await plain();
      heap.allocate(1 << 20);
      const [p, , q] = [16_000, 0, 17_500, 0].map((size) => heap.allocate(size)) as [
        number,
        number,
        number,
      ];
      const part = (heap.top.address + heap.top.size - heap.base - CONTROL) / 64;
      expect(part).toBeGreaterThan(whole(16_000));
      expect(part).toBeLessThanOrEqual(whole(17_500));
      heap.release(p);
      heap.release(q);
      expect([isQuick(heap, p), isQuick(heap, q)]).toEqual([true, false]);
      const small = await plain();
      const r = small.allocate(1100);
      small.allocate(0);
      small.release(r);
      expect(isQuick(small, r)).toBe(false);
    });

    test("a block of 64 KiB or more is coalesced at once, in a heap of any size", async () => {
      const heap = await plain();
      heap.allocate(1 << 24);
      const [p, , q] = [PAGE - LINE - HEADER, 0, PAGE - HEADER, 0].map((size) =>
        heap.allocate(size),
      ) as [number, number, number];
      heap.release(p);
      heap.release(q);
      expect([isQuick(heap, p), isQuick(heap, q)]).toEqual([true, false]);
      expect(heap.picture(p)).toMatch(/^free 65472, used 16, free 65536, used 16, top$/);
    });

    test("a block does not grow into a neighbour in a quick list, and moves instead", async () => {
      const { heap, at } = await row(3);
      heap.release(at[2]!);
      heap.release(at[0]!);
      heap.bytes(at[1]!, 100).fill(7);
      const p = heap.reallocate(at[1]!, 300) as number;
      expect(heap.bytes(p, 100).every((byte) => byte === 7)).toBe(true);
      heap.expectSound();
    });

    test("a reset empties the quick lists", async () => {
      const { heap, at } = await row(5);
      for (const p of at) heap.release(p);
      expect(quickCount(heap)).toBe(5);
      heap.engine.heap_reset();
      expect(quickCount(heap)).toBe(0);
      expect(heap.picture(heap.base + CONTROL)).toBe("top");
    });

    test.each(["first", "next"] as const)("quick lists serve fit %s too", async (fit) => {
      const heap = await plain({ fit });
      heap.allocate(1 << 20);
      const [p, q] = [heap.allocate(100), heap.allocate(100)];
      heap.allocate(0);
      fillTop(heap);
      heap.release(p);
      heap.release(q);
      expect(heap.allocate(100)).toBe(q);
      expect(heap.allocate(100)).toBe(p);
      heap.release(p);
      heap.release(q);
      expect(heap.allocate(200)).toBe(p);
    });
  });

  describe("4 sparse slabs", () => {
    /** Requests of `size` bytes, a MiB together, each filled with a number of its own. */
    function fill(heap: TestHeap, size: number): number[] {
      return Array.from({ length: Math.floor((1 << 20) / size) }, (_, i) => {
        const p = heap.allocate(size);
        heap.bytes(p, size).fill(i);
        return p;
      });
    }

    const isIntact = (heap: TestHeap, p: number, size: number, i: number): boolean =>
      heap.bytes(p, size).every((byte) => byte === (i & 255));

    test("phases of different small sizes share memory: sparse slabs are split", async () => {
      const heap = await plain({ small: DEFAULT_SMALL });
      const freeSlots = (): number =>
        heap.walk().filter(({ size, kind }) => kind === 2 && size === 48).length;
      const before = fill(heap, 48);
      for (const [i, p] of before.entries()) if (i % 40 !== 0) expect(heap.release(p)).toBe("OK");
      const free = freeSlots();
      const after = fill(heap, 160);
      // 1507312 bytes when measured; 2162672 without splitting, which is all that takes free slots from a class.
      expect(heap.engine.heap_stat(0)).toBeLessThan(1_582_000);
      expect(free).toBeGreaterThan(20_000);
      expect(freeSlots()).toBeLessThan(free / 3);
      heap.expectSound();
      const survivors = [...before.entries()].filter(([i]) => i % 40 === 0);
      for (const [i, p] of survivors) expect(isIntact(heap, p, 48, i)).toBe(true);
      for (const [i, p] of after.entries()) expect(isIntact(heap, p, 160, i)).toBe(true);
      for (const [, p] of survivors) expect(heap.release(p)).toBe("OK");
      heap.expectSound();
      for (const [i, p] of after.entries()) {
        expect(isIntact(heap, p, 160, i)).toBe(true);
        expect(heap.release(p)).toBe("OK");
      }
      heap.engine.heap_trim(); // releases quick blocks and empty slabs, no more: this memory cannot shrink
      const { address, size } = heap.top;
      expect(address).toBe(heap.base + CONTROL);
      expect(heap.allocate(size - HEADER)).toBe(address);
    });
  });

  describe("6 reallocate", () => {
    const text = Uint8Array.from({ length: 100 }, (_, i) => i + 1);

    /** Three blocks of 112 bytes, the middle one filled, and one of 16 behind them. */
    async function three(): Promise<{ heap: TestHeap; p: number; q: number; r: number }> {
      const heap = await plain();
      const [p, q, r] = [heap.allocate(100), heap.allocate(100), heap.allocate(100)];
      heap.allocate(0);
      heap.bytes(q, 100).set(text);
      return { heap, p, q, r };
    }

    test("shrinks in place, and the remainder is free", async () => {
      const { heap, p, q } = await three();
      expect(heap.reallocate(q, 40)).toBe(q);
      expect(heap.picture(p)).toBe("used 112, used 48, free 64, used 112, used 16, top");
      expect(heap.bytes(q, 40)).toEqual(text.subarray(0, 40));
    });

    test("shrinks in place, and the remainder coalesces with the next free block", async () => {
      const { heap, p, q, r } = await three();
      heap.release(r);
      expect(heap.reallocate(q, 40)).toBe(q);
      expect(heap.picture(p)).toBe("used 112, used 48, free 176, used 16, top");
    });

    test("changes nothing if the remainder is too small for a block", async () => {
      const { heap, q } = await three();
      expect(heap.unchanged(() => heap.reallocate(q, 90))).toBe(q);
      expect(heap.unchanged(() => heap.reallocate(q, 108))).toBe(q);
    });

    test("grows in place into a part of the next free block", async () => {
      const { heap, p, q, r } = await three();
      heap.release(r);
      expect(heap.reallocate(q, 150)).toBe(q);
      expect(heap.picture(p)).toBe("used 112, used 160, free 64, used 16, top");
      expect(heap.bytes(q, 100)).toEqual(text);
    });

    test("grows in place into all of the next free block", async () => {
      const { heap, p, q, r } = await three();
      heap.release(r);
      expect(heap.reallocate(q, 210)).toBe(q);
      expect(heap.picture(p)).toBe("used 112, used 224, used 16, top");
      expect(tagsOf(heap.memory, q + 224)).toBe("in use, previous in use");
    });

    test("grows in place behind the map's old place, and next to a free block", async () => {
      const heap = await plain();
      const p = heap.allocate(60_000);
      heap.allocate(10);
      const q = heap.allocate(10);
      expect(heap.reallocate(q, 10 * PAGE)).toBe(q);
      expect(heap.picture(q)).toBe(`used ${whole(10 * PAGE)}, top`);
      heap.release(p);
      expect(heap.reallocate(q, 100 * PAGE)).toBe(q);
      expect(heap.picture(p)).toBe(`free 60032, used 16, used ${whole(100 * PAGE)}, top`);
      heap.expectSound();
    });

    test("grows in place into the top block", async () => {
      const heap = await plain();
      const p = heap.allocate(100);
      heap.bytes(p, 100).set(text);
      expect(heap.reallocate(p, 1000)).toBe(p);
      expect(heap.picture(p)).toBe("used 1008, top");
      expect(heap.break).toBe(FIRST_BREAK);
      expect(heap.reallocate(p, FIRST_BREAK)).toBe(p);
      expect(heap.break).toBeGreaterThan(FIRST_BREAK); // the break moved
      expect(heap.bytes(p, 100)).toEqual(text);
    });

    test.each([
      [0, 1.1],
      [0, 1.5],
      [DEFAULT_SMALL, 1.25],
      [DEFAULT_SMALL, 2],
    ])("the last block grows in place again and again: small %d, times %d", async (small, by) => {
      const heap = await plain({ small });
      const p = heap.allocate(2000);
      for (let size = 2000; size < 3e7; size = Math.ceil(size * by))
        expect(heap.reallocate(p, size)).toBe(p);
      heap.expectSound();
    });

    test("the last block shrinks and grows in place, while the map moves", async () => {
      const heap = await plain({ small: DEFAULT_SMALL });
      const p = heap.allocate(20_000);
      for (const size of [30e6, 29.5e6, 62e6]) expect(heap.reallocate(p, size)).toBe(p);
      heap.expectSound();
    });

    test("next fit continues if the block of its last search no longer exists", async () => {
      const heap = await plain({ fit: "next", margin: 0 });
      const p = heap.allocate(100);
      expect(heap.reallocate(p, 20e6)).toBe(p);
      const [x, y] = [heap.allocate(400_000), heap.allocate(400_000)];
      const z = heap.allocate(100);
      heap.release(y);
      expect(heap.allocate(400_000)).toBe(y); // the rover is here
      for (const each of [z, y, x]) heap.release(each);
      heap.engine.heap_trim();
      expect(heap.reallocate(p, 20e6 + 10_000)).toBe(p);
      heap.release(p);
      for (const size of [100, 1000, 200_000]) expect(heap.allocate(size)).toBeLessThan(20e6);
      heap.expectSound();
    });

    test("next fit continues where the block of its last search was coalesced", async () => {
      const heap = await plain({ fit: "next" });
      const at = [1, 2, 3, 4, 5].map(() => heap.allocate(20_000));
      const size = whole(20_000);
      heap.release(at[0]!);
      heap.release(at[3]!);
      expect(heap.allocate(20_000)).toBe(at[0]);
      expect(heap.allocate(20_000)).toBe(at[3]); // the rover is here
      heap.release(at[2]!);
      heap.release(at[3]!); // no block starts there any more
      heap.release(at[0]!);
      expect(heap.picture(at[0]!)).toBe(
        `free ${size}, used ${size}, free ${2 * size}, used ${size}, top`,
      );
      expect(heap.allocate(20_000)).toBe(at[0]);
      expect(heap.allocate(20_000)).toBe(at[2]);
    });

    test("moves down into the previous free block, with its contents", async () => {
      const { heap, p, q } = await three();
      heap.release(p);
      expect(heap.reallocate(q, 150)).toBe(p);
      expect(heap.picture(p)).toBe("used 160, free 64, used 112, used 16, top");
      expect(heap.bytes(p, 100)).toEqual(text);
    });

    test("moves down into the previous free block, and grows into the next one", async () => {
      const { heap, p, q, r } = await three();
      heap.release(p);
      heap.release(r);
      expect(heap.reallocate(q, 330)).toBe(p);
      expect(heap.picture(p)).toBe("used 336, used 16, top");
      expect(heap.bytes(p, 100)).toEqual(text);
    });

    test("moves to another block otherwise, with its contents", async () => {
      const { heap, p, q } = await three();
      const { address } = heap.top;
      expect(heap.reallocate(q, 200)).toBe(address);
      expect(heap.picture(p)).toBe("used 112, free 112, used 112, used 16, used 208, top");
      expect(heap.bytes(address, 100)).toEqual(text);
      expect(heap.owns(q)).toBe(false);
    });

    test("pointer 0 allocates; size 0 keeps a block that can be freed", async () => {
      const heap = await plain();
      const p = heap.reallocate(0, 100) as number;
      expect(heap.picture(p)).toBe("used 112, top");
      expect(heap.reallocate(p, 0)).toBe(p);
      expect(heap.picture(p)).toBe("used 16, top");
      expect(heap.release(p)).toBe("OK");
    });

    test("a block is unchanged if there is no memory for a larger one", async () => {
      const heap = await plain({ memory: wasmMemory(0, 2) });
      const p = heap.allocate(100);
      heap.allocate(0);
      expect(heap.unchanged(() => heap.reallocate(p, 2 * PAGE))).toBe("OUT_OF_MEMORY");
      expect(heap.unchanged(() => heap.reallocate(p, MAX_SIZE + 1))).toBe("INVALID_SIZE");
      expect(heap.unchanged(() => heap.reallocate(p, -1))).toBe("INVALID_SIZE");
      expect(heap.owns(p)).toBe(true);
    });

    test("a slot stays if its size class stays, and moves with its contents otherwise", async () => {
      const heap = await plain({ small: DEFAULT_SMALL });
      const p = heap.allocateSlot(100);
      const capacity = heap.usableSize(p);
      heap.bytes(p, 100).set(text);
      expect(heap.unchanged(() => heap.reallocate(p, capacity))).toBe(p);
      const q = heap.reallocate(p, 500) as number;
      expect(heap.bytes(q, 100)).toEqual(text);
      expect(heap.release(p)).toBe("DOUBLE_FREE");
      const r = heap.reallocate(q, 5000) as number; // a block
      expect(heap.bytes(r, 100)).toEqual(text);
      const s = heap.reallocate(r, 20) as number;
      expect(heap.bytes(s, 20)).toEqual(text.subarray(0, 20));
    });
  });

  describe("6 also", () => {
    test.each([0, DEFAULT_SMALL])(
      "calloc: all bytes are 0, whatever was there; small %d",
      async (small) => {
        const heap = await plain({ small });
        const sizes = [0, 1, 8, 100, 100, 100, 1000, 5000, 40_000];
        const dirty = [...sizes, ...sizes].map((size) => heap.allocate(size));
        for (const p of dirty) heap.bytes(p, heap.usableSize(p)).fill(0xaa);
        for (const p of dirty) heap.release(p);
        for (const size of [...sizes, ...sizes]) {
          const p = heap.engine.calloc(size, 1) >>> 0;
          expect(heap.bytes(p, size).every((byte) => byte === 0)).toBe(true);
          heap.bytes(p, heap.usableSize(p)).fill(0xaa);
        }
      },
    );

    test("calloc: a product that overflows is an error, not a small block", async () => {
      const heap = await plain();
      for (const [count, size] of [
        [65536, 65536],
        [65537, 65537],
        [2, MAX_SIZE],
        [-1, 1],
        [1, -1],
        [-1, -1],
      ]) {
        expect(heap.unchanged(() => heap.engine.calloc(count!, size!))).toBe(0);
        expect(heap.engine.heap_error()).toBe(2);
      }
    });

    test.each([
      [0, -1],
      [-1, 0],
      [0, MAX_SIZE],
      [MAX_SIZE, 0],
      [0, 0],
    ])(
      "calloc: a count or size of 0 returns a block, as malloc(0) does: %d, %d",
      async (count, size) => {
        const heap = await plain();
        const p = heap.engine.calloc(count, size);
        expect(p).not.toBe(0);
        expect(heap.usableSize(p)).toBe(heap.usableSize(heap.engine.malloc(0)));
        expect(heap.engine.calloc(count, size)).not.toBe(p);
      },
    );

    describe.each([0, 256, DEFAULT_SMALL])("alignment, small %d", (small) => {
      test("every power of two up to 64 KiB, for any size", async () => {
        const heap = await plain({ small });
        const live: [number, number][] = [];
        for (let alignment = 1; alignment <= PAGE; alignment *= 2) {
          for (const size of [0, 1, 7, 24, 100, 1000, 5000]) {
            for (let left = 6; left > 0; left--) {
              const p = heap.allocate(size, alignment);
              expect(p % alignment, `${size} bytes at ${alignment}`).toBe(0);
              expect(heap.usableSize(p)).toBeGreaterThanOrEqual(size);
              live.push([p, p + Math.max(size, 1)]);
            }
          }
        }
        live.sort(([a], [b]) => a - b);
        for (let i = 1; i < live.length; i++)
          expect(live[i]![0]).toBeGreaterThanOrEqual(live[i - 1]![1]);
        heap.expectSound();
        for (const [p] of live) expect(heap.release(p)).toBe("OK");
      });

      test.each([128 << 10, 1 << 20, 4 << 20, 16 << 20])(
        "an alignment of %d bytes",
        async (alignment) => {
          const heap = await plain({ small });
          heap.allocate(10);
          const live = [1, 1000, 100_000].map((size) => {
            const p = heap.allocate(size, alignment);
            expect(p % alignment).toBe(0);
            expect(heap.usableSize(p)).toBeGreaterThanOrEqual(size);
            return p;
          });
          expect(live).toEqual([alignment, 2 * alignment, 3 * alignment]);
          heap.expectSound();
          // The memory before the aligned blocks is free, and serves other requests.
          expect(heap.allocate(alignment / 2)).toBeLessThan(alignment);
          for (const p of live) expect(heap.release(p)).toBe("OK");
          // So does their own, for the same alignment too.
          const { break: end } = heap;
          const again = live.map(() => heap.allocate(100, alignment));
          expect(again.toSorted((a, b) => a - b)).toEqual(live);
          expect(heap.break).toBe(end);
        },
      );

      test.each([0, 3, 48, -1, -16, 2 * MAX_ALIGNMENT, -(2 ** 31)])(
        "%d is not a valid alignment",
        async (alignment) => {
          const heap = await plain({ small });
          expect(heap.unchanged(() => heap.engine.aligned_alloc(alignment, 100))).toBe(0);
          expect(heap.engine.heap_error()).toBe(3);
        },
      );

      test("blocks from 16 bytes up are aligned to 16 bytes by default, smaller ones to 8", async () => {
        const heap = await plain({ small });
        for (let size = 0; size < 200; size++) {
          for (let left = 8; left > 0; left--)
            expect(heap.allocate(size) % (size < 16 ? 8 : 16)).toBe(0);
        }
      });
    });

    test("an alignment of 4 MiB in a heap with a limit", async () => {
      const limit = 9 << 20;
      const heap = await plain({ limit });
      const p = heap.allocate(3 << 20, 4 << 20);
      expect(p).toBe(4 << 20);
      heap.unchanged(() => expect(heap.request(2 << 20, 4 << 20)).toBe("OUT_OF_MEMORY"));
      expect(heap.request(100_000, 4 << 20)).toBe(8 << 20);
      expect(heap.release(p)).toBe("OK");
      expect(heap.allocate(3 << 20, 4 << 20)).toBe(p);
    });

    test("the largest alignment is 1 GiB", async () => {
      expect(MAX_ALIGNMENT).toBe(2 ** 30);
      const heap = await plain({ memory: wasmMemory(0, 65536) });
      const p = heap.request(100, MAX_ALIGNMENT);
      if (p === "OUT_OF_MEMORY") return; // this machine has no 1 GiB for it
      expect(p).toBe(MAX_ALIGNMENT);
      expect(heap.owns(MAX_ALIGNMENT)).toBe(true);
      expect(heap.release(MAX_ALIGNMENT)).toBe("OK");
    });

    test("posix_memalign returns C's error codes", async () => {
      const heap = await plain({ memory: wasmMemory(0, 2) });
      const { engine, memory } = heap;
      const result = heap.allocate(4);
      expect(heap.unchanged(() => engine.posix_memalign(result, 3, 100))).toBe(22);
      expect(heap.unchanged(() => engine.posix_memalign(result, 2, 100))).toBe(22);
      expect(heap.unchanged(() => engine.posix_memalign(result, 64, 4 * PAGE))).toBe(12);
      expect(engine.posix_memalign(result, 64, 100)).toBe(0);
      const p = word(memory, result);
      expect(p % 64).toBe(0);
      expect(heap.owns(p)).toBe(true);
      expect(engine.memalign(256, 100) % 256).toBe(0);
    });

    test("usableSize: the payload of the block, or the size of the slot", async () => {
      const heap = await plain();
      const usable = [0, 12, 13, 28, 29, 1000].map((size) => heap.usableSize(heap.allocate(size)));
      expect(usable).toEqual([12, 12, 28, 28, 44, 1004]);
      const slabs = await plain({ small: DEFAULT_SMALL });
      expect(
        [0, 8, 9, 16, 17, 250, 1000].map((size) => slabs.usableSize(slabs.allocateSlot(size))),
      ).toEqual([8, 8, 16, 16, 32, 256, 1008]);
      expect(heap.engine.malloc_usable_size(0)).toBe(0);
    });

    test("owns: blocks and slots in use only", async () => {
      const heap = await plain({ small: DEFAULT_SMALL });
      const p = heap.allocate(5000);
      const s = heap.allocateSlot(100);
      expect([p, s].map((each) => heap.owns(each))).toEqual([true, true]);
      const others = [
        0,
        1,
        p + 16,
        p - 16,
        p + 1,
        s + 8,
        s + 1,
        heap.base,
        heap.break,
        heap.top.address,
      ];
      for (const each of others)
        expect(
          heap.unchanged(() => heap.owns(each)),
          `${each}`,
        ).toBe(false);
      heap.release(p);
      heap.release(s);
      expect([p, s].map((each) => heap.owns(each))).toEqual([false, false]);
    });

    test("limit: the break does not go beyond it", async () => {
      const limit = 2 * PAGE - 1000;
      const heap = await plain({ limit });
      expect(heap.engine.heap_stat(5)).toBe(limit & -16);
      const p = heap.allocate(roomOf(heap)); // a page more would be beyond the limit
      expect(heap.break).toBe(limit & -16);
      const { address } = heap.top;
      const room = roomOf(heap);
      expect(heap.unchanged(() => heap.request(room))).toBe("OUT_OF_MEMORY");
      expect(heap.request(room - HEADER)).toBe(address);
      expect(heap.top.size).toBe(0);
      expect(heap.release(p)).toBe("OK");
      expect(heap.request(100)).toBe(p);
    });

    test("limit: the heap stays below it in a memory that is larger", async () => {
      const memory = wasmMemory(4);
      const heap = await plain({ memory, limit: PAGE });
      expect(heap.break).toBe(PAGE);
      expect(heap.request(PAGE)).toBe("OUT_OF_MEMORY");
      expect(memory.buffer.byteLength).toBe(4 * PAGE);
    });

    test.each([0, DEFAULT_SMALL])("reset: frees everything; small %d", async (small) => {
      const heap = await plain({ small });
      const sizes = Array.from({ length: 500 }, (_, i) => (i * 7919) % 3000);
      const live = sizes.map((size) => heap.allocate(size, size % 5 === 0 ? 64 : 0));
      for (const p of live.filter((_, i) => i % 3 === 0)) heap.release(p);
      const { break: end, breakMoves } = heap;
      heap.engine.heap_reset();
      heap.expectSound();
      expect(heap.walk().filter(({ kind }) => kind === 1 || kind === 3)).toEqual([]);
      expect(heap.break).toBe(end);
      for (const p of live.slice(-40)) {
        expect(
          heap.unchanged(() => heap.release(p)),
          `${p}`,
        ).toMatch(/DOUBLE_FREE|INVALID_POINTER/);
      }
      for (const size of sizes) heap.allocate(size);
      expect(heap.breakMoves).toBe(breakMoves);
    });

    test("reset: the top block is the only one left", async () => {
      const heap = await plain();
      const { address } = heap.top;
      for (let size = 0; size < 3000; size += 100) heap.allocate(size);
      const end = heap.top.address + heap.top.size;
      heap.engine.heap_reset();
      expect(blocksOf(heap.memory, heap.base)).toEqual([
        { address, size: end - address, kind: "top" },
      ]);
    });

    test("stats: footprint, moves of the break, largest footprint, base, break and limit", async () => {
      const heap = await plain({ base: 1024, limit: 4 * PAGE });
      const stats = (): number[] => [0, 1, 2, 3, 4, 5].map((each) => heap.engine.heap_stat(each));
      expect(stats()).toEqual([2 * PAGE - 1024, 1, 2 * PAGE - 1024, 1024, 2 * PAGE, 4 * PAGE]);
      heap.allocate(2 * PAGE);
      expect(stats()).toEqual([
        heap.break - 1024,
        2,
        heap.break - 1024,
        1024,
        heap.break,
        4 * PAGE,
      ]);
    });

    test("walk: every block and slot in address order, with its size and kind", async () => {
      const heap = await plain({ small: 64 });
      const slots = Array.from({ length: 30 }, () => heap.allocate(50));
      const blocks = [heap.allocate(100), heap.allocate(1000), heap.allocate(3000)];
      heap.release(blocks[1]!);
      heap.release(slots[20]!);
      const entries = heap.walk();
      const addresses = entries.map(({ address }) => address);
      expect(addresses).toEqual(addresses.toSorted((a, b) => a - b));
      for (const p of [...slots, ...blocks]) {
        const isFree = p === blocks[1] || p === slots[20];
        const entry = entries.find(({ address }) => address === p)!;
        expect(entry.kind === 0 || entry.kind === 2).toBe(isFree);
        if (!isFree) expect(entry.size).toBe(heap.usableSize(p));
      }
      expect(entries.filter(({ kind }) => kind === 1 || kind === 3)).toHaveLength(31);
      expect(entries.at(-1)).toMatchObject({ address: heap.top.address, kind: 0 });
    });
  });

  describe("metadata", () => {
    /** Bytes of blocks that are slabs: the walk has their slots instead. */
    function slabBytes(heap: TestHeap): number {
      const walked = new Set(heap.walk().flatMap(({ address, kind }) => (kind < 2 ? address : [])));
      return blocksOf(heap.memory, heap.base)
        .filter(({ address }) => !walked.has(address))
        .reduce((sum, { size }) => sum + size, 0);
    }

    test("large blocks have a header each, and a byte of the map for each cell", async () => {
      const heap = await plain({ small: DEFAULT_SMALL });
      const at = Array.from({ length: 100 }, () => heap.allocate(100_000));
      expect(at).toEqual(at.map((_, i) => heap.base + CONTROL + i * whole(100_000)));
      const end = heap.top.address + heap.top.size;
      expect(mapBytes(heap, end)).toBeLessThan(10_000_000 / 500);
      expect(heap.break).toBeLessThan(heap.top.address + mapBytes(heap, heap.break) + 2 * PAGE);
    });

    test("the map covers slabs wherever they are", async () => {
      const heap = await plain({ small: DEFAULT_SMALL });
      const low = heap.allocateSlot(100);
      heap.allocate(1_000_000);
      const high = heap.allocateSlot(500);
      heap.allocate(1_000_000);
      expect(low).toBeLessThan(PAGE);
      expect(high).toBeGreaterThan(1_000_000);
      for (const p of [low, high]) {
        expect(heap.release(p + 16)).toBe("INVALID_POINTER");
        expect(heap.release(p)).toBe("OK");
        expect(heap.release(p)).toBe("DOUBLE_FREE");
      }
    });

    test("empty slabs are released, in whatever order their slots are freed", async () => {
      const heap = await plain({ small: DEFAULT_SMALL });
      const sizes = [1000, 500, 250, 120, 60];
      const live = Array.from({ length: 5000 }, (_, i) => heap.allocate(sizes[i % 5]!));
      const most = slabBytes(heap);
      for (let i = 0; i < live.length; i++) {
        const at = (i * 1009) % live.length;
        if (at % 500 !== 0) expect(heap.release(live[at]!)).toBe("OK");
        if (i % 500 === 0) heap.expectSound();
      }
      expect(slabBytes(heap)).toBeLessThan(most / 4);
      for (let at = 0; at < live.length; at += 500) expect(heap.release(live[at]!)).toBe("OK");
      heap.engine.heap_trim(); // releases the last empty slabs
      expect(slabBytes(heap)).toBe(0);
    });

    test("a class keeps one empty slab in its list", async () => {
      const heap = await plain({ small: DEFAULT_SMALL });
      for (let left = 4000; left > 0; left--) heap.allocate(1000);
      for (const { address, kind } of heap.walk())
        if (kind === 3) expect(heap.release(address)).toBe("OK");
      // The current slab, and one more: at most 32 cells each.
      expect(slabBytes(heap)).toBeGreaterThan(0);
      expect(slabBytes(heap)).toBeLessThanOrEqual(2 * (32 * CELL + GRANULE));
    });

    test("blocks serve a class that has no slabs any more, as at the beginning", async () => {
      const heap = await plain({ small: DEFAULT_SMALL });
      const first = heap.allocate(400);
      expect(heap.isSlot(first)).toBe(false);
      const slot = heap.allocateSlot(400);
      expect(heap.isSlot(heap.allocate(400))).toBe(true);
      for (const { address, kind } of heap.walk()) if (kind === 3) heap.release(address);
      expect(heap.owns(slot)).toBe(false);
      heap.allocate(20 * PAGE);
      expect(heap.isSlot(heap.allocate(400))).toBe(false);
    });

    test("large blocks that are aligned to a line leave no holes", async () => {
      const heap = await plain();
      const [p, q, r] = [20_000, 30_001, LARGE].map((size) => heap.allocate(size, LINE)) as [
        number,
        number,
        number,
      ];
      expect([p % LINE, q - p, r - q]).toEqual([0, whole(20_000), whole(30_001)]);
      heap.release(q);
      expect(heap.allocate(29_000, LINE)).toBe(q);
      expect(heap.picture(q)).toBe(
        `used ${whole(29_000)}, free ${whole(30_001) - whole(29_000)}, used ${whole(LARGE)}, top`,
      );
    });

    test("a large block ends within a line if there is no room for a whole one", async () => {
      const heap = await plain();
      const p = heap.allocate(20_000);
      heap.allocate(10);
      heap.release(p);
      const has = whole(20_000);
      expect(heap.allocate(has - 16 - HEADER)).toBe(p); // a line more would be too much
      expect(heap.picture(p)).toBe(`used ${has}, used 16, top`);
      expect(heap.reallocate(p, LARGE)).toBe(p);
      expect(heap.picture(p)).toBe(
        `used ${whole(LARGE)}, free ${has - whole(LARGE)}, used 16, top`,
      );
      expect(heap.reallocate(p, has - HEADER)).toBe(p);
      expect(heap.picture(p)).toBe(`used ${has}, used 16, top`);
    });
  });

  describe("7 policies", () => {
    /**
     *     a      b      c      d         free blocks of these sizes, a block of 16 in use behind each
     *     128    512    320    112
     */
    async function layout(
      fit: "best" | "first" | "next",
    ): Promise<{ heap: TestHeap; at: number[] }> {
      const heap = await plain({ fit });
      const at = [128, 512, 320, 112].map((size) => {
        const p = heap.allocate(size - HEADER);
        heap.allocate(0);
        return p;
      });
      for (const p of at) heap.release(p);
      expect(heap.picture(at[0]!)).toBe(
        "free 128, used 16, free 512, used 16, free 320, used 16, free 112, used 16, top",
      );
      return { heap, at };
    }

    test.each([
      ["best", 3],
      ["first", 0],
      ["next", 2],
    ] as const)("fit %s", async (fit, where) => {
      const { heap, at } = await layout(fit);
      expect(heap.allocate(450)).toBe(at[1]); // no other is large enough
      expect(heap.allocate(90)).toBe(at[where]);
    });

    test("fit first: the lowest block that fits, also after lower ones are freed", async () => {
      const { heap, at } = await layout("first");
      expect(heap.allocate(300)).toBe(at[1]);
      expect(heap.allocate(120)).toBe(at[0]);
      heap.release(at[0]!);
      expect(heap.allocate(120)).toBe(at[0]);
    });

    test("fit next: from the last block to the first, and then the top block is cut", async () => {
      const { heap, at } = await layout("next");
      expect(heap.allocate(310)).toBe(at[1]);
      expect(heap.allocate(310)).toBe(at[2]);
      expect(heap.allocate(120)).toBe(at[0]);
      expect(heap.allocate(120)).toBe(at[1]! + 320);
      const { address } = heap.top;
      expect(heap.allocate(120)).toBe(address);
    });

    test.each(["first", "next"] as const)("fit %s: with an alignment", async (fit) => {
      const { heap, at } = await layout(fit);
      const p = heap.allocate(64, 256);
      expect(p % 256).toBe(0);
      expect(p).toBeLessThan(at[3]! + 112);
    });

    test("margin: with a larger one the break moves less often", async () => {
      const moves = [];
      for (const margin of [0, 4 * PAGE, 16 * PAGE]) {
        const heap = await plain({ margin });
        for (let left = 200; left > 0; left--) heap.allocate(20_000);
        moves.push(heap.breakMoves);
      }
      expect(moves[0]).toBeGreaterThan(2 * moves[1]!);
      expect(moves[1]).toBeGreaterThan(2 * moves[2]!);
    });
  });

  // WebAssembly memories cannot shrink.
  describe.runIf(form !== "wasm")("6 trim, if the memory can shrink", () => {
    test("the memory shrinks to the start of the top block, and the map behind it", async () => {
      const memory = resizable(0);
      const heap = await plain({ memory });
      const p = heap.allocate(100);
      heap.release(heap.allocate(10 * PAGE));
      const { break: end } = heap;
      const { address } = heap.top;
      const least = address + mapBytes(heap, address);
      expect(heap.engine.heap_trim()).toBe(end - least);
      expect(heap.break).toBe(least);
      expect(heap.top).toEqual({ address, size: 0, kind: "top" });
      expect(memory.byteLength).toBe(least);
      expect(heap.owns(p)).toBe(true);
      expect(heap.unchanged(() => heap.engine.heap_trim())).toBe(0);
      expect(heap.engine.heap_stat(2)).toBe(end - heap.base); // the peak stays
    });

    test("empty slabs at the end of the heap are released", async () => {
      const heap = await plain({ memory: resizable(0), small: DEFAULT_SMALL });
      for (const p of Array.from({ length: 3000 }, (_, i) => heap.allocate(i % 1000)))
        heap.release(p);
      const before = heap.break;
      expect(heap.engine.heap_trim()).toBeGreaterThan(500_000);
      expect(heap.break).toBeLessThan(before - 500_000);
      expect(heap.break).toBe(heap.base + CONTROL + mapBytes(heap, heap.base + CONTROL));
      heap.allocate(100);
      heap.expectSound();
    });

    test("blocks in quick lists at the end of the heap are coalesced", async () => {
      const heap = await plain({ memory: resizable(0) });
      heap.allocate(1 << 20);
      const at = Array.from({ length: MOST_QUICK }, () => heap.allocate(1000));
      for (const p of at) heap.release(p);
      expect(quickCount(heap)).toBe(MOST_QUICK);
      expect(heap.engine.heap_trim()).toBeGreaterThan(MOST_QUICK * 1000);
      expect(heap.top).toEqual({ address: at[0], size: 0, kind: "top" });
    });

    test("malloc_trim keeps as many bytes as its argument says", async () => {
      const heap = await plain({ memory: resizable(0) });
      const { address } = heap.top;
      expect(heap.engine.malloc_trim(1000)).toBe(1);
      expect(heap.top).toEqual({ address, size: 1008, kind: "top" });
      expect(heap.break).toBe(address + 1008 + mapBytes(heap, address + 1008));
      expect(heap.engine.malloc_trim(5000)).toBe(0);
    });

    test("the heap grows again after a trim", async () => {
      const heap = await plain({ memory: resizable(0) });
      heap.release(heap.allocate(10 * PAGE));
      heap.engine.heap_trim();
      const { address } = heap.top;
      heap.allocate(10);
      expect(heap.owns(heap.allocate(10 * PAGE))).toBe(true);
      expect(heap.top.address).toBeGreaterThan(address);
    });

    test("nothing happens if memory of other code follows the heap", async () => {
      const memory = resizable(0);
      const heap = await plain({ memory });
      memory.resize(memory.byteLength + PAGE);
      expect(heap.unchanged(() => heap.engine.heap_trim())).toBe(0);
    });
  });

  test("6 trim: nothing happens if the memory cannot shrink", async () => {
    const heap = await plain();
    heap.release(heap.allocate(10 * PAGE));
    expect(heap.unchanged(() => heap.engine.heap_trim())).toBe(0);
    expect(heap.unchanged(() => heap.engine.malloc_trim(0))).toBe(0);
  });
});

function permutations<Item>(items: Item[]): Item[][] {
  if (items.length < 2) return [items];
  return items.flatMap((item) =>
    permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]),
  );
}
