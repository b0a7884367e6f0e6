/** What a heap does, row by row, in each form of the engine. Blocks have no slabs here unless a test says so. */

import { describe, expect, test } from "vitest";

import {
  CONTROL,
  FLAGS,
  HEADER,
  LARGE,
  LINE,
  MAGIC,
  MAP_BLOCK,
  MAX_ALIGNMENT,
  MAX_SIZE,
  REACH,
  STARTS_BLOCK,
  TABLE_BLOCK,
} from "../../engine/layout.ts";
import { FORMS, PAGE, resizable, wasmMemory } from "./engines.ts";
import { blocksOf, tagsOf, word } from "./picture.ts";
import { DEFAULT_SMALL, type HeapOptions, heapOf, type TestHeap, uncreated } from "./test-heap.ts";

/** The memory that a heap at base 0 has at first. */
const FIRST_BREAK = PAGE;
/** With a limit this near the first starts reach to it, so that no longer ones get in between. */
const NEAR: HeapOptions = { limit: 4 * PAGE };

/** Size of a large block for a request: whole lines. */
const whole = (bytes: number): number => Math.ceil((bytes + HEADER) / LINE) * LINE;

describe.each(FORMS)("%s", (form) => {
  const plain = (options: HeapOptions = {}): Promise<TestHeap> => heapOf(form, options);

  describe("1 first use", () => {
    test("the first request makes a heap at the end of the memory", async () => {
      const memory = wasmMemory(3);
      const heap = await uncreated(form, memory);
      const p = heap.engine.malloc(100) >>> 0;
      expect(heap.base).toBe(3 * PAGE);
      expect(heap.break).toBe(4 * PAGE);
      expect(word(memory, 3 * PAGE)).toBe(MAGIC);
      expect(p).toBe(blocksOf(memory, heap.base).find(({ kind }) => kind === "used")!.address);
      expect(heap.picture(p)).toBe("used 112, top");
    });

    test("in an empty memory it begins behind address 0, so that no pointer is 0", async () => {
      const heap = await uncreated(form, wasmMemory(0));
      heap.allocate(0);
      expect(heap.base).toBe(16);
    });

    test("the break moves by a page at least, and the rest is the margin for what comes next", async () => {
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
    ])("any request makes the heap, of any size: %s", async (_, request) => {
      const heap = await uncreated(form, wasmMemory(1));
      const p = request(heap) >>> 0;
      expect(p).toBeGreaterThan(PAGE);
      expect(heap.usableSize(p)).toBeGreaterThanOrEqual(200_000);
      expect(heap.break).toBeGreaterThanOrEqual(p + 200_000);
      expect(heap.break % PAGE).toBe(0);
    });

    test("what is no request makes none", async () => {
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

    test("without memory for it there is no heap, and with it there is", async () => {
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
      const heap = await uncreated(form, memory);
      heap.unchanged(() => expect(heap.request(10)).toBe("OUT_OF_MEMORY"));
      expect(heap.base).toBe(0);
      expect(heap.engine.heap_init(1024, 0)).toBe(0);
      expect(heap.allocate(10)).toBeGreaterThan(1024);
      expect(heap.break).toBe(PAGE);
    });

    test("heap_init begins at the next granule", async () => {
      const heap = await uncreated(form, wasmMemory(1));
      expect(heap.engine.heap_init(1001, 3 * PAGE - 1)).toBe(0);
      expect(heap.base).toBe(1008);
      expect(heap.engine.heap_stat(5)).toBe(3 * PAGE - 16);
      expect(heap.break).toBe(2 * PAGE);
    });

    test("heap_init and heap_attach that fail are told by heap_error too", async () => {
      const heap = await uncreated(form, wasmMemory(1));
      expect(heap.engine.heap_init(2 * PAGE, PAGE)).toBe(8);
      expect(heap.engine.heap_error()).toBe(8);
      expect(heap.engine.heap_init(-PAGE, 0)).toBe(1);
      expect(heap.engine.heap_error()).toBe(1);
      expect(heap.engine.heap_attach(0)).toBe(8);
      expect(heap.engine.heap_error()).toBe(8);
    });

    test.each<[string, number[]]>([
      ["the limit is below the base", [PAGE, 1024, 0, 0, 0]],
      ["no heap has room below the limit", [0, 3000, 0, 0, 0]],
      ["no such fit", [0, 0, 0, 3, 0]],
      ["no such fit either", [0, 0, 0, -1, 0]],
      ["slabs for sizes too large", [0, 0, 0, 0, DEFAULT_SMALL + 1]],
      ["slabs for sizes below 0", [0, 0, 0, 0, -1]],
      ["the base rounds up to 4 GiB", [-1, 0, 0, 0, 0]],
    ])("options that can't be: %s", async (_, [base, limit, margin, fit, small]) => {
      const heap = await plain({ memory: wasmMemory(4), base: 2 * PAGE });
      const p = heap.allocate(100);
      const code = heap.unchanged(() =>
        heap.engine.heap_create(base!, limit!, margin!, fit!, small!),
      );
      expect(code).toBe(8);
      expect(heap.release(p)).toBe("OK"); // the engine is still with its heap
    });
  });

  describe("2 nothing fits", () => {
    test("the heap expands from the start of the trailing block", async () => {
      const heap = await plain(NEAR);
      const p = heap.allocate(100);
      const { address, size } = heap.top;
      expect(heap.break).toBe(FIRST_BREAK);
      expect(heap.allocate(size + 1000)).toBe(address);
      expect(heap.picture(p)).toBe(`used 112, used ${whole(size + 1000)}, top`);
      expect(heap.break).toBe(FIRST_BREAK + PAGE);
    });

    test("by a page at least, however little is missing", async () => {
      const heap = await plain(NEAR);
      const { address, size } = heap.top;
      expect(heap.allocate(size - HEADER + 1)).toBe(address);
      expect(heap.break).toBe(FIRST_BREAK + PAGE);
      expect(heap.top.size).toBe(PAGE + size - whole(size - HEADER + 1));
      expect(heap.breakMoves).toBe(2);
    });

    test("not where the trailing block is just enough", async () => {
      const heap = await plain(NEAR);
      const { address, size } = heap.top;
      expect(heap.allocate(size - HEADER)).toBe(address);
      expect(heap.break).toBe(FIRST_BREAK);
      expect(heap.top).toMatchObject({ address: FIRST_BREAK, size: 0 });
      expect(heap.allocate(1)).toBe(FIRST_BREAK); // and from an empty trailing block
    });

    test("nor where free blocks would be enough together, but not one of them", async () => {
      const heap = await plain({ ...NEAR, base: 1024 }); // two pages at first: the starts reach the limit
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
      "a margin of %d bytes is left, in whole pages",
      async (margin) => {
        const heap = await plain({ margin });
        heap.allocate(heap.top.size + 100);
        expect(heap.top.size).toBeGreaterThanOrEqual(margin);
        expect(heap.top.size).toBeLessThan(margin + PAGE);
        expect(heap.break % PAGE).toBe(0);
      },
    );

    test("a margin of its own choice is a share of the heap", async () => {
      for (const bytes of [1 << 23, 1 << 25]) {
        const heap = await plain({ margin: -1 });
        heap.allocate(bytes);
        heap.allocate(heap.top.size);
        expect(heap.top.size).toBeGreaterThan(bytes / 256);
        expect(heap.top.size).toBeLessThan(bytes / 32);
      }
    });

    test("a margin that can't be had is done without", async () => {
      const heap = await plain({ memory: wasmMemory(0, 3), margin: 10 * PAGE });
      expect(heap.request(heap.top.size + PAGE / 2)).toBeTypeOf("number");
      expect(heap.break).toBeLessThanOrEqual(3 * PAGE);
    });

    test("up to the last granule of the memory", async () => {
      const heap = await plain({ memory: wasmMemory(0, 3) });
      let last = 0;
      for (let p = heap.request(1000); typeof p === "number"; p = heap.request(1000)) last = p;
      for (let p = heap.request(0); typeof p === "number"; p = heap.request(0))
        last = Math.max(p, last);
      expect(heap.break).toBe(3 * PAGE);
      expect(heap.top.size).toBe(0);
      expect(last).toBe(3 * PAGE - 16);
    });

    test("before a request fails, every free block is looked at", async () => {
      const heap = await plain({ memory: wasmMemory(0, 2) });
      // One bin holds all of these sizes. The last freed are looked at first.
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

    test("before a request fails, all that is held is joined", async () => {
      const heap = await plain({ memory: wasmMemory(0, 4), small: 8 });
      const at = Array.from({ length: 14 }, (_, i) => heap.allocate(1000 + 16 * i));
      for (const size of [1000, 9]) while (typeof heap.request(size) === "number") continue;
      for (const p of at) heap.release(p);
      expect(heap.allocate(14 * 1000)).toBe(at[0]);
    });

    test("before a request fails, slabs that are empty are given back", async () => {
      const heap = await plain({ memory: wasmMemory(0, 4), small: DEFAULT_SMALL });
      const largest = heap.top.size - HEADER;
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
      // The table of descriptors, the map and the starts have moved, no more.
      expect(heap.allocate(largest)).toBeGreaterThan(0);
    });

    test.each(["best", "first", "next"] as const)(
      "before a request fails, a map that is too long is shortened; fit %s",
      async (fit) => {
        const heap = await plain({ limit: 16 << 20, small: DEFAULT_SMALL, fit });
        heap.allocate(14 << 20); // so that the map reaches far
        const slots = Array.from({ length: 200 }, () => heap.allocate(64));
        for (let size = 1 << 20; size > DEFAULT_SMALL; size = Math.floor(size * 0.8))
          while (typeof heap.request(size) === "number") continue;
        for (const p of slots) heap.release(p);
        expect(heap.request(30_000)).toBeTypeOf("number");
      },
    );

    test("a table that was made for nothing is not what a request lacks", async () => {
      const heap = await plain({ limit: 2 * PAGE, small: DEFAULT_SMALL });
      const hole = heap.allocate(332, 1024); // a block, as large as a first table
      heap.allocate(1009);
      for (let size = 60_000; size > DEFAULT_SMALL; size -= size > 1100 ? size >>> 3 : 1)
        while (typeof heap.request(size) === "number") continue;
      // Early requests of other classes than that of 200 bytes take what is left in pieces.
      const largest = (): number =>
        Math.max(0, ...heap.walk().map(({ size, kind }) => (kind === 0 ? size : 0)));
      for (let round = 0; round < 12; round++) {
        for (let size = DEFAULT_SMALL; size >= 8; size -= 8)
          if ((size < 193 || size > 208) && size <= largest()) heap.request(size);
      }
      heap.release(hole);
      for (let left = 100; left > 0; left--) expect(heap.release(heap.allocate(200))).toBe("OK");
    });

    test("longer starts come along where blocks go beyond the old ones, whose space is given back", async () => {
      const heap = await plain();
      const old = blocksOf(heap.memory, heap.base)[0]!;
      expect(old).toMatchObject({ address: heap.base + CONTROL, kind: "own" });
      const p = heap.allocate(10 * PAGE);
      expect(heap.picture(old.address)).toMatch(/^free 400, own \d+, used 655424, top$/);
      expect(heap.owns(p)).toBe(true);
      expect(heap.allocate(390)).toBe(old.address);
    });

    test("longer starts go into a free block, where they part nothing", async () => {
      const heap = await plain();
      const [p, q] = [heap.allocate(20_000), heap.allocate(10)];
      heap.release(p);
      heap.allocate(20 * PAGE);
      expect(heap.picture(p)).toMatch(/^own \d+, free \d+, used 16, used 1310784, top$/);
      expect(heap.owns(q)).toBe(true);
      heap.expectSound();
    });

    test("starts that can't move leave the free blocks alone", async () => {
      const heap = await plain({ memory: wasmMemory(0, 4) });
      const p = heap.allocate(20_000);
      heap.allocate(10);
      heap.release(p);
      heap.unchanged(() => expect(heap.request(20 * PAGE)).toBe("OUT_OF_MEMORY"));
      expect(heap.allocate(20_000)).toBe(p);
    });

    test("before the break moves, slabs that are empty are given back", async () => {
      const heap = await plain({ small: DEFAULT_SMALL });
      const slots = Array.from({ length: 50 }, () => heap.allocateSlot(1000));
      for (const p of slots) heap.release(p);
      while (heap.top.size > 2100) heap.allocate(2000);
      const { breakMoves } = heap;
      for (let left = 3; left > 0; left--) heap.allocate(2000);
      expect(heap.breakMoves).toBe(breakMoves);
      heap.expectSound();
    });
  });

  describe("3 something fits", () => {
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

    test("a free block of the size is taken", async () => {
      const { heap, p } = await hole(112);
      expect(heap.allocate(100)).toBe(p);
      expect(heap.picture(p)).toBe("used 112, used 16, top");
      expect(tagsOf(heap.memory, p + 112)).toBe("in use, previous in use");
      expect(heap.break).toBe(FIRST_BREAK);
    });

    test("a larger one is split, and its rest is free", async () => {
      const { heap, p } = await hole(1024);
      expect(heap.allocate(100)).toBe(p);
      expect(heap.picture(p)).toBe("used 112, free 912, used 16, top");
      expect(tagsOf(heap.memory, p)).toBe("in use, previous in use");
      expect(tagsOf(heap.memory, p + 112)).toBe("free, previous in use");
      expect(tagsOf(heap.memory, p + 1024)).toBe("in use, previous free");
      expect(word(heap.memory, p + 1024 - 2 * HEADER)).toBe(912);
    });

    test("where the rest is the least block it is split", async () => {
      const { heap, p } = await hole(144);
      expect(heap.allocate(100)).toBe(p);
      expect(heap.picture(p)).toBe("used 112, free 32, used 16, top");
      expect(heap.usableSize(p)).toBe(108);
    });

    test("where the rest can't be a block it is taken whole", async () => {
      const { heap, p } = await hole(128);
      expect(heap.allocate(100)).toBe(p);
      expect(heap.picture(p)).toBe("used 128, used 16, top");
      expect(tagsOf(heap.memory, p + 128)).toBe("in use, previous in use");
      expect(heap.usableSize(p)).toBe(124);
    });

    test("the rest serves what comes next, until nothing is left", async () => {
      const { heap, p } = await hole(336);
      expect([100, 100, 100].map((size) => heap.allocate(size))).toEqual([p, p + 112, p + 224]);
      expect(heap.picture(p)).toBe("used 112, used 112, used 112, used 16, top");
    });

    test("the block begins at a multiple of the alignment, with free blocks before and behind it", async () => {
      const { heap, p } = await hole(4096);
      const q = heap.allocate(100, 1024);
      expect(q % 1024).toBe(0);
      expect(q).toBeGreaterThan(p);
      expect(heap.picture(p)).toBe(
        `free ${q - p}, used 112, free ${p + 4096 - q - 112}, used 16, top`,
      );
      expect(tagsOf(heap.memory, q)).toBe("in use, previous free");
    });

    test("an aligned block in the trailing one leaves what is before it free", async () => {
      const heap = await plain();
      const { address } = heap.top;
      const q = heap.allocate(100, 4096);
      expect(heap.picture(address)).toBe(`free ${q - address}, used 112, top`);
    });
  });

  describe("4 deallocate", () => {
    /** Blocks of 112 bytes, and one of 16 behind them. */
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

    test("joined with the following", async () => {
      const { heap, at } = await row(4);
      heap.release(at[2]!);
      heap.release(at[1]!);
      expect(heap.picture(at[0]!)).toBe("used 112, free 224, used 112, used 16, top");
      expect(word(heap.memory, at[3]! - 2 * HEADER)).toBe(224);
    });

    test("joined with the preceding", async () => {
      const { heap, at } = await row(4);
      heap.release(at[1]!);
      heap.release(at[2]!);
      expect(heap.picture(at[0]!)).toBe("used 112, free 224, used 112, used 16, top");
      expect(tagsOf(heap.memory, at[3]!)).toBe("in use, previous free");
    });

    test("joined with both", async () => {
      const { heap, at } = await row(5);
      heap.release(at[1]!);
      heap.release(at[3]!);
      heap.release(at[2]!);
      expect(heap.picture(at[0]!)).toBe("used 112, free 336, used 112, used 16, top");
    });

    test("the last block becomes part of the trailing one", async () => {
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

    test("the last block, joined with the preceding, becomes part of the trailing one", async () => {
      const heap = await plain();
      const [p, q, r] = [heap.allocate(100), heap.allocate(100), heap.allocate(100)];
      heap.release(q);
      heap.release(r);
      expect(heap.picture(p)).toBe("used 112, top");
      expect(heap.top.address).toBe(q);
    });

    test("at the start of the heap nothing is before it", async () => {
      const heap = await plain();
      const first = heap.base + CONTROL;
      heap.allocate(10 * PAGE); // the starts move away from the start
      const p = heap.allocate(390);
      expect(p).toBe(first);
      expect(tagsOf(heap.memory, p)).toBe("in use, previous in use");
      expect(heap.release(p)).toBe("OK");
      expect(tagsOf(heap.memory, p)).toBe("free, previous in use");
      expect(heap.picture(p)).toMatch(/^free 400, own /);
    });

    test("at the end of the heap nothing is behind it", async () => {
      const heap = await plain(NEAR);
      const p = heap.allocate(heap.top.size - HEADER);
      expect(heap.top.size).toBe(0);
      expect(heap.release(p)).toBe("OK");
      expect(heap.picture(p)).toBe("top");
      expect(heap.break).toBe(FIRST_BREAK);
    });

    test("freed in any order, all is one block again", async () => {
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

    test("in place where it shrinks, and the rest is free", async () => {
      const { heap, p, q } = await three();
      expect(heap.reallocate(q, 40)).toBe(q);
      expect(heap.picture(p)).toBe("used 112, used 48, free 64, used 112, used 16, top");
      expect(heap.bytes(q, 40)).toEqual(text.subarray(0, 40));
    });

    test("in place where it shrinks, and the rest joins what is free behind it", async () => {
      const { heap, p, q, r } = await three();
      heap.release(r);
      expect(heap.reallocate(q, 40)).toBe(q);
      expect(heap.picture(p)).toBe("used 112, used 48, free 176, used 16, top");
    });

    test("as it is where the rest can't be a block", async () => {
      const { heap, q } = await three();
      expect(heap.unchanged(() => heap.reallocate(q, 90))).toBe(q);
      expect(heap.unchanged(() => heap.reallocate(q, 108))).toBe(q);
    });

    test("in place where the next block is free, which is split", async () => {
      const { heap, p, q, r } = await three();
      heap.release(r);
      expect(heap.reallocate(q, 150)).toBe(q);
      expect(heap.picture(p)).toBe("used 112, used 160, free 64, used 16, top");
      expect(heap.bytes(q, 100)).toEqual(text);
    });

    test("in place where the next block is free, which is taken whole", async () => {
      const { heap, p, q, r } = await three();
      heap.release(r);
      expect(heap.reallocate(q, 210)).toBe(q);
      expect(heap.picture(p)).toBe("used 112, used 224, used 16, top");
      expect(tagsOf(heap.memory, q + 224)).toBe("in use, previous in use");
    });

    test("in place where longer starts, which were behind it, go into a free block", async () => {
      const heap = await plain();
      const p = heap.allocate(60_000);
      heap.allocate(10);
      const q = heap.allocate(10);
      expect(heap.reallocate(q, 10 * PAGE)).toBe(q);
      expect(heap.picture(q)).toMatch(/^used 655376, own \d+, top$/);
      heap.release(p);
      expect(heap.reallocate(q, 100 * PAGE)).toBe(q);
      expect(heap.picture(heap.base + CONTROL)).toMatch(
        /^own \d+, free \d+, used 16, used 6553664, top$/,
      );
      heap.expectSound();
    });

    test("in place where it is the last block", async () => {
      const heap = await plain(NEAR);
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
    ])(
      "in place again and again, at the end of the heap: small %d, times %d",
      async (small, by) => {
        const heap = await plain({ small });
        const p = heap.allocate(2000);
        for (let size = 2000; size < 3e7; size = Math.ceil(size * by))
          expect(heap.reallocate(p, size)).toBe(p);
        heap.expectSound();
      },
    );

    test("in place where the starts behind the free block behind it have to be longer", async () => {
      const heap = await plain({ small: DEFAULT_SMALL });
      const p = heap.allocate(20_000);
      for (const size of [30e6, 29.5e6, 62e6]) expect(heap.reallocate(p, size)).toBe(p);
      heap.expectSound();
    });

    test("next fit goes on where starts that give way come to be", async () => {
      const heap = await plain({ fit: "next", margin: 0 });
      const p = heap.allocate(100);
      expect(heap.reallocate(p, 20e6)).toBe(p);
      heap.allocate(390); // where the first starts were
      const [x, y] = [heap.allocate(1000), heap.allocate(1000)];
      const z = heap.allocate(100);
      heap.release(y);
      expect(heap.allocate(1000)).toBe(y);
      for (const each of [z, y, x]) heap.release(each);
      expect(heap.reallocate(p, 20e6 + 10_000)).toBe(p);
      heap.release(p);
      for (const size of [100, 1000, 200_000]) expect(heap.allocate(size)).toBeLessThan(20e6);
      heap.expectSound();
    });

    test("down into a free block before it, with its contents", async () => {
      const { heap, p, q } = await three();
      heap.release(p);
      expect(heap.reallocate(q, 150)).toBe(p);
      expect(heap.picture(p)).toBe("used 160, free 64, used 112, used 16, top");
      expect(heap.bytes(p, 100)).toEqual(text);
    });

    test("down into a free block before it, with the one behind it", async () => {
      const { heap, p, q, r } = await three();
      heap.release(p);
      heap.release(r);
      expect(heap.reallocate(q, 330)).toBe(p);
      expect(heap.picture(p)).toBe("used 336, used 16, top");
      expect(heap.bytes(p, 100)).toEqual(text);
    });

    test("moved otherwise, with its contents", async () => {
      const { heap, p, q } = await three();
      const { address } = heap.top;
      expect(heap.reallocate(q, 200)).toBe(address);
      expect(heap.picture(p)).toBe("used 112, free 112, used 112, used 16, used 208, top");
      expect(heap.bytes(address, 100)).toEqual(text);
      expect(heap.owns(q)).toBe(false);
    });

    test("of 0 is a request; to 0 bytes keeps a block that can be deallocated", async () => {
      const heap = await plain();
      const p = heap.reallocate(0, 100) as number;
      expect(heap.picture(p)).toBe("used 112, top");
      expect(heap.reallocate(p, 0)).toBe(p);
      expect(heap.picture(p)).toBe("used 16, top");
      expect(heap.release(p)).toBe("OK");
    });

    test("without memory the block stays as it was", async () => {
      const heap = await plain({ memory: wasmMemory(0, 2) });
      const p = heap.allocate(100);
      heap.allocate(0);
      expect(heap.unchanged(() => heap.reallocate(p, 2 * PAGE))).toBe("OUT_OF_MEMORY");
      expect(heap.unchanged(() => heap.reallocate(p, MAX_SIZE + 1))).toBe("INVALID_SIZE");
      expect(heap.unchanged(() => heap.reallocate(p, -1))).toBe("INVALID_SIZE");
      expect(heap.owns(p)).toBe(true);
    });

    test("a slot stays while its size class does, and moves with its contents else", async () => {
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
      "allocateZeroed: all bytes are 0, whatever was there; small %d",
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

    test("calloc: a product too large is an error, not a small block", async () => {
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
    ])("calloc: none of any size is a block, as malloc(0) is: %d, %d", async (count, size) => {
      const heap = await plain();
      const p = heap.engine.calloc(count, size);
      expect(p).not.toBe(0);
      expect(heap.usableSize(p)).toBe(heap.usableSize(heap.engine.malloc(0)));
      expect(heap.engine.calloc(count, size)).not.toBe(p);
    });

    describe.each([0, 256, DEFAULT_SMALL])("alignment, small %d", (small) => {
      test("every power of two up to 64 KiB, for any size", async () => {
        const heap = await plain({ small });
        const live: [number, number][] = [];
        for (let alignment = 1; alignment <= MAX_ALIGNMENT; alignment *= 2) {
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

      test.each([0, 3, 48, -1, -16, 2 * MAX_ALIGNMENT, -(2 ** 31)])(
        "%d is none",
        async (alignment) => {
          const heap = await plain({ small });
          expect(heap.unchanged(() => heap.engine.aligned_alloc(alignment, 100))).toBe(0);
          expect(heap.engine.heap_error()).toBe(3);
        },
      );

      test("without any asked for: 16 bytes from 16 bytes up, 8 below", async () => {
        const heap = await plain({ small });
        for (let size = 0; size < 200; size++) {
          for (let left = 8; left > 0; left--)
            expect(heap.allocate(size) % (size < 16 ? 8 : 16)).toBe(0);
        }
      });
    });

    test("posix_memalign answers C's codes", async () => {
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

    test("usableSize: the payload of a block in whole granules, or the slot", async () => {
      const heap = await plain();
      const usable = [0, 12, 13, 28, 29, 1000].map((size) => heap.usableSize(heap.allocate(size)));
      expect(usable).toEqual([12, 12, 28, 28, 44, 1004]);
      const slabs = await plain({ small: DEFAULT_SMALL });
      expect(
        [0, 8, 9, 16, 17, 250, 1000].map((size) => slabs.usableSize(slabs.allocateSlot(size))),
      ).toEqual([8, 8, 16, 16, 32, 256, 1008]);
      expect(heap.engine.malloc_usable_size(0)).toBe(0);
    });

    test("owns: live blocks and slots only", async () => {
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
      const p = heap.allocate(heap.top.size); // a page more would be beyond
      expect(heap.break).toBe(limit & -16);
      expect(heap.unchanged(() => heap.request(heap.top.size))).toBe("OUT_OF_MEMORY");
      expect(heap.request(heap.top.size - HEADER)).toBeTypeOf("number");
      expect(heap.top.size).toBe(0);
      expect(heap.release(p)).toBe("OK");
      expect(heap.request(100)).toBe(p);
    });

    test("limit: a granule below, and at what the memory holds anyway", async () => {
      const memory = wasmMemory(4);
      const heap = await plain({ memory, limit: PAGE });
      expect(heap.break).toBe(PAGE);
      expect(heap.request(PAGE)).toBe("OUT_OF_MEMORY");
      expect(memory.buffer.byteLength).toBe(4 * PAGE);
    });

    test.each([0, DEFAULT_SMALL])("reset: everything is free at once; small %d", async (small) => {
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

    test("reset: a heap without slabs is one block, but for its starts", async () => {
      const heap = await plain();
      const before = heap.top;
      for (let size = 0; size < 3000; size += 100) heap.allocate(size);
      heap.engine.heap_reset();
      expect(heap.top).toEqual(before);
    });

    test("stats: bytes of the heap, moves of the break, the peak, where it is", async () => {
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

  describe("what a heap takes for itself", () => {
    const control = (heap: TestHeap, at: number): number => word(heap.memory, heap.base + at) >>> 0;
    const sizeAt = (heap: TestHeap, at: number): number =>
      word(heap.memory, control(heap, at) - HEADER) & ~FLAGS;

    test("large blocks need starts, but no map", async () => {
      const heap = await plain({ small: DEFAULT_SMALL });
      for (let left = 100; left > 0; left--) heap.allocate(100_000);
      expect(control(heap, REACH)).toBe(0);
      expect(sizeAt(heap, STARTS_BLOCK)).toBeLessThan(10_000_000 / 1500);
    });

    test("the map reaches as far as there are slabs, and some way ahead", async () => {
      const heap = await plain({ small: DEFAULT_SMALL });
      const low = heap.allocateSlot(100);
      heap.allocate(1_000_000);
      expect(control(heap, REACH)).toBeGreaterThan(low);
      expect(control(heap, REACH)).toBeLessThan(200_000);
      const high = heap.allocateSlot(500);
      heap.allocate(1_000_000);
      expect(high).toBeGreaterThan(1_000_000);
      expect(control(heap, REACH)).toBeGreaterThan(high);
      expect(control(heap, REACH)).toBeLessThan(1_500_000);
      for (const p of [low, high]) expect(heap.release(p)).toBe("OK");
    });

    test("the table is about as long as there are slabs, which change their places in it", async () => {
      const heap = await plain({ small: DEFAULT_SMALL });
      const sizes = [1000, 500, 250, 120, 60];
      const live = Array.from({ length: 5000 }, (_, i) => heap.allocate(sizes[i % 5]!));
      const longest = sizeAt(heap, TABLE_BLOCK);
      // In no order that slabs were made in.
      for (let i = 0; i < live.length; i++) {
        const at = (i * 1009) % live.length;
        if (at % 500 !== 0) expect(heap.release(live[at]!)).toBe("OK");
        if (i % 500 === 0) heap.expectSound();
      }
      heap.allocate(heap.top.size + 100_000); // gives up to two empty slabs back
      for (let left = 20; left > 0; left--) heap.allocate(heap.top.size + PAGE);
      expect(sizeAt(heap, TABLE_BLOCK)).toBeLessThan(longest / 4);
      for (let at = 0; at < live.length; at += 500) expect(heap.release(live[at]!)).toBe("OK");
    });

    test("before the break moves, a map that is too long gets shorter", async () => {
      const heap = await plain({ small: DEFAULT_SMALL });
      const live = Array.from({ length: 4000 }, () => heap.allocate(1000));
      const longest = sizeAt(heap, MAP_BLOCK);
      for (const p of live) heap.release(p);
      for (let left = 200; left > 0; left--) heap.allocate(heap.top.size + 1000);
      expect(sizeAt(heap, MAP_BLOCK)).toBeLessThan(longest / 2);
    });

    test("a class that lost its slabs takes blocks first, as at the beginning", async () => {
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

    test("arrays that are aligned to a line leave no holes", async () => {
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

    test("where there is no room for a whole line, granules do", async () => {
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
     *     a      b      c      d         free blocks of these sizes, one of 16 in use behind each
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

    test("fit first: the lowest that fits, also after lower ones were freed", async () => {
      const { heap, at } = await layout("first");
      expect(heap.allocate(300)).toBe(at[1]);
      expect(heap.allocate(120)).toBe(at[0]);
      heap.release(at[0]!);
      expect(heap.allocate(120)).toBe(at[0]);
    });

    test("fit next: around the end to the start, and then the heap expands", async () => {
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

    test("margin: a larger one moves the break less often", async () => {
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

  // WebAssembly memories can't shrink.
  describe.runIf(form !== "wasm")("6 trim, where the memory can shrink", () => {
    test("the free tail goes back to the memory", async () => {
      const memory = resizable(0);
      const heap = await plain({ memory });
      const p = heap.allocate(100);
      heap.release(heap.allocate(10 * PAGE));
      const { break: end } = heap;
      const { address } = heap.top;
      expect(heap.engine.heap_trim()).toBe(end - address);
      expect(heap.break).toBe(address);
      expect(memory.byteLength).toBe(address);
      expect(heap.owns(p)).toBe(true);
      expect(heap.unchanged(() => heap.engine.heap_trim())).toBe(0);
      expect(heap.engine.heap_stat(2)).toBe(end - heap.base); // the peak stays
    });

    test("with the empty slabs at its end", async () => {
      const heap = await plain({ memory: resizable(0), small: DEFAULT_SMALL });
      for (const p of Array.from({ length: 3000 }, (_, i) => heap.allocate(i % 1000)))
        heap.release(p);
      const before = heap.break;
      expect(heap.engine.heap_trim()).toBeGreaterThan(500_000);
      expect(heap.break).toBeLessThan(before - 500_000);
      // What is left is the starts, the map and the table, out of the way: little more than the first few blocks.
      expect(heap.break - heap.base).toBeLessThan(PAGE);
      heap.allocate(100);
      heap.expectSound();
    });

    test("with the starts at its end, which go where they are out of the way", async () => {
      const heap = await plain({ memory: resizable(0) });
      const p = heap.allocate(10);
      const q = heap.reallocate(heap.allocate(10), 20 * PAGE) as number;
      heap.release(q);
      expect(heap.picture(p)).toMatch(/^used 16, free \d+, own \d+, top$/);
      expect(heap.engine.heap_trim()).toBeGreaterThan(20 * PAGE);
      expect(heap.picture(p)).toMatch(/^used 16, own \d+, top$/);
      expect(heap.top.size).toBe(0);
      heap.expectSound();
    });

    test("malloc_trim leaves what is asked for", async () => {
      const heap = await plain({ memory: resizable(0) });
      const { address } = heap.top;
      expect(heap.engine.malloc_trim(1000)).toBe(1);
      expect(heap.break).toBe(address + 1008);
      expect(heap.engine.malloc_trim(5000)).toBe(0);
    });

    test("the heap grows again after it", async () => {
      const heap = await plain({ memory: resizable(0) });
      heap.release(heap.allocate(10 * PAGE));
      heap.engine.heap_trim();
      const { address } = heap.top;
      heap.allocate(10);
      expect(heap.owns(heap.allocate(10 * PAGE))).toBe(true);
      expect(heap.top.address).toBeGreaterThan(address);
    });

    test("not where somebody else's memory lies behind the heap", async () => {
      const memory = resizable(0);
      const heap = await plain({ memory });
      memory.resize(memory.byteLength + PAGE);
      expect(heap.unchanged(() => heap.engine.heap_trim())).toBe(0);
    });
  });

  test("6 trim: nothing where the memory can't shrink", async () => {
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
