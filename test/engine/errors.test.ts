/**
 * Row 5: each error has its code, and changes nothing: the memory is compared byte by byte. What happens where the break
 * can't move is in faults.test.ts.
 */

import { describe, expect, test } from "vitest";

import { HEADER, MAP_BLOCK, MAX_SIZE, STARTS_BLOCK, TABLE_BLOCK } from "../../engine/layout.ts";
import { FORMS, PAGE, wasmMemory } from "./engines.ts";
import { setWord, word } from "./picture.ts";
import { DEFAULT_SMALL, type ErrorName, heapOf, type TestHeap, uncreated } from "./test-heap.ts";

/** What every function that takes a pointer says of a bad one; none of them changes the heap. */
function expectError(heap: TestHeap, p: number, error: ErrorName): void {
  const { engine } = heap;
  expect(
    heap.unchanged(() => heap.release(p)),
    `release ${p}`,
  ).toBe(error);
  expect(
    heap.unchanged(() => heap.reallocate(p, 100)),
    `reallocate ${p}`,
  ).toBe(error);
  expect(
    heap.unchanged(() => heap.usableSize(p)),
    `usable size ${p}`,
  ).toBe(0);
  expect(engine.heap_error()).toBe(errorCode(error));
  expect(
    heap.unchanged(() => heap.owns(p)),
    `owns ${p}`,
  ).toBe(false);
  expect(() => heap.unchanged(() => engine.free(p | 0)), `free ${p}`).toThrow("unreachable");
  expect(engine.heap_error()).toBe(errorCode(error));
  expect(() => heap.unchanged(() => engine.realloc(p | 0, 100)), `realloc ${p}`).toThrow(
    "unreachable",
  );
}

function errorCode(error: ErrorName): number {
  return { DOUBLE_FREE: 4, INVALID_POINTER: 5, OUT_OF_HEAP: 6, CORRUPT: 7 }[error as "CORRUPT"];
}

describe.each(FORMS)("5 errors, %s", (form) => {
  describe("deallocated twice: a block", () => {
    /** Blocks of 112 bytes: `count` and one to keep them apart from the trailing one. */
    async function row(count: number): Promise<{ heap: TestHeap; at: number[] }> {
      const heap = await heapOf(form);
      const at = Array.from({ length: count }, () => heap.allocate(100));
      heap.allocate(100);
      return { heap, at };
    }

    test("at once", async () => {
      const { heap, at } = await row(3);
      heap.release(at[1]!);
      expectError(heap, at[1]!, "DOUBLE_FREE");
    });

    test("after it was joined with the preceding", async () => {
      const { heap, at } = await row(3);
      heap.release(at[0]!);
      heap.release(at[1]!);
      expectError(heap, at[1]!, "DOUBLE_FREE");
    });

    test("after it was joined with the following", async () => {
      const { heap, at } = await row(3);
      heap.release(at[1]!);
      heap.release(at[0]!);
      expectError(heap, at[0]!, "DOUBLE_FREE");
      expectError(heap, at[1]!, "DOUBLE_FREE");
    });

    test("after it was joined with both", async () => {
      const { heap, at } = await row(4);
      for (const i of [0, 2, 1]) heap.release(at[i]!);
      for (const p of at.slice(0, 3)) expectError(heap, p, "DOUBLE_FREE");
    });

    test("after it became part of the trailing one", async () => {
      const heap = await heapOf(form);
      const [p, q] = [heap.allocate(100), heap.allocate(100)];
      heap.release(q);
      expectError(heap, q, "DOUBLE_FREE");
      heap.release(p);
      expectError(heap, q, "DOUBLE_FREE");
      expectError(heap, p, "DOUBLE_FREE");
    });

    test("after its space was allocated again in part: it begins inside a block in use", async () => {
      const { heap, at } = await row(3);
      heap.release(at[0]!);
      heap.release(at[1]!);
      expect(heap.allocate(150)).toBe(at[0]);
      expectError(heap, at[1]!, "INVALID_POINTER");
    });

    test("after its space was allocated again in part: it begins inside what is still free", async () => {
      const { heap, at } = await row(3);
      heap.release(at[0]!);
      heap.release(at[1]!);
      expect(heap.allocate(60)).toBe(at[0]);
      expectError(heap, at[1]!, "DOUBLE_FREE");
    });

    test("after its space was allocated again in part: it is where the rest begins", async () => {
      const { heap, at } = await row(3);
      heap.release(at[0]!);
      heap.release(at[1]!);
      expect(heap.allocate(100)).toBe(at[0]);
      expectError(heap, at[1]!, "DOUBLE_FREE");
    });

    test("after reallocate moved it", async () => {
      const { heap, at } = await row(3);
      heap.reallocate(at[1]!, 5000);
      expectError(heap, at[1]!, "DOUBLE_FREE");
    });

    test("larger than a cell, after it was joined", async () => {
      const heap = await heapOf(form);
      const at = [5000, 5000, 5000, 5000].map((size) => heap.allocate(size));
      for (const i of [0, 2, 1]) heap.release(at[i]!);
      for (const p of at.slice(0, 3)) expectError(heap, p, "DOUBLE_FREE");
    });
  });

  describe("deallocated twice: a slot", () => {
    test("of a slab in use", async () => {
      const heap = await heapOf(form, { small: DEFAULT_SMALL });
      const p = heap.allocateSlot(100);
      heap.release(p);
      expectError(heap, p, "DOUBLE_FREE");
    });

    test("of a slab that was full", async () => {
      const heap = await heapOf(form, { small: DEFAULT_SMALL });
      const live = Array.from({ length: 500 }, () => heap.allocate(8));
      heap.release(live[200]!);
      expectError(heap, live[200]!, "DOUBLE_FREE");
    });

    test.each([8, 100, 1000])("of slabs that went back to the blocks, %d bytes", async (size) => {
      const heap = await heapOf(form, { small: DEFAULT_SMALL });
      const live = Array.from({ length: 300 }, () => heap.allocate(size));
      heap.allocate(10_000); // they are not next to the trailing block
      for (const p of live) heap.release(p);
      for (const p of live.filter((_, i) => i % 10 === 0)) {
        // Space whose slab is gone is free memory of blocks, which begin at multiples of 16.
        const isGone = heap.walk().every(({ address }) => address !== p);
        expectError(heap, p, isGone && p % 16 !== 0 ? "INVALID_POINTER" : "DOUBLE_FREE");
      }
    });
  });

  describe("a pointer", () => {
    const small = [0, DEFAULT_SMALL];

    test.each(small)("inside a block; small %d", async (small) => {
      const heap = await heapOf(form, { small });
      const p = heap.allocate(5000);
      heap.bytes(p, 5000).fill(0x11); // headers that might be: 0x11111111
      for (const at of [16, 32, 512, 1024, 2048, 4992])
        expectError(heap, p + at, "INVALID_POINTER");
    });

    test.each(small)(
      "inside a block that holds what looks like blocks; small %d",
      async (small) => {
        const heap = await heapOf(form, { small });
        const p = heap.allocate(5000);
        for (let at = p + 12; at < p + 4000; at += 32) setWord(heap.memory, at, 32 | 3);
        for (const at of [16, 48, 528, 1040]) expectError(heap, p + at, "INVALID_POINTER");
      },
    );

    test.each(small)("misaligned; small %d", async (small) => {
      const heap = await heapOf(form, { small });
      const p = heap.allocate(5000);
      for (const at of [1, 2, 4, 8, 12, 17, 520, -1, -4, -8])
        expectError(heap, p + at, "INVALID_POINTER");
    });

    test("inside a slot, or misaligned in it", async () => {
      const heap = await heapOf(form, { small: DEFAULT_SMALL });
      for (const size of [16, 48, 100, 1000]) {
        const p = heap.allocateSlot(size);
        for (const at of [1, 4, 8, 12, size - 1]) expectError(heap, p + at, "INVALID_POINTER");
      }
    });

    test("behind the last slot of a slab", async () => {
      const heap = await heapOf(form, { small: DEFAULT_SMALL });
      heap.allocateSlot(1000);
      const slots = heap.walk().filter(({ kind }) => kind === 2 || kind === 3);
      const last = slots.at(-1)!;
      expectError(heap, last.address + last.size, "INVALID_POINTER");
    });

    test.each(small)("never allocated; small %d", async (small) => {
      const heap = await heapOf(form, { small });
      heap.allocate(100);
      const { address } = heap.top;
      for (const p of [address, address + 16, address + 512, heap.break - 16])
        expectError(heap, p, "INVALID_POINTER");
    });

    test("of the heap's own", async () => {
      const heap = await heapOf(form, { small: DEFAULT_SMALL });
      heap.allocateSlot(100);
      for (const own of [STARTS_BLOCK, MAP_BLOCK, TABLE_BLOCK].map((at) =>
        word(heap.memory, heap.base + at),
      )) {
        expectError(heap, own, "INVALID_POINTER");
        expectError(heap, own + 16, "INVALID_POINTER");
      }
    });

    test.each(small)("below and above the heap; small %d", async (small) => {
      const heap = await heapOf(form, {
        memory: wasmMemory(4),
        base: PAGE,
        limit: 3 * PAGE,
        small,
      });
      const p = heap.allocate(100);
      const below = [1, 8, 16, PAGE - 16, PAGE, PAGE + 16, PAGE + 64];
      const above = [
        heap.break,
        heap.break + 16,
        4 * PAGE,
        2 ** 31,
        2 ** 31 + 16,
        2 ** 32 - 16,
        2 ** 32 - 1,
      ];
      for (const each of [...below, ...above]) expectError(heap, each, "OUT_OF_HEAP");
      expect(heap.release(p)).toBe("OK");
    });

    test("into memory that somebody else grew", async () => {
      const memory = wasmMemory(0);
      const heap = await heapOf(form, { memory });
      memory.grow(2);
      const end = heap.break;
      heap.allocate(heap.top.size);
      for (const p of [end, end + 16, end + PAGE, end + 2 * PAGE - 16])
        expectError(heap, p, "OUT_OF_HEAP");
    });
  });

  describe("a header that can't be true", () => {
    /** Breaks a word for as long as `action` runs. */
    function withWord(heap: TestHeap, address: number, value: number, action: () => void): void {
      const before = word(heap.memory, address);
      setWord(heap.memory, address, value);
      action();
      setWord(heap.memory, address, before);
    }

    async function three(): Promise<{ heap: TestHeap; p: number; q: number; r: number }> {
      const heap = await heapOf(form);
      return { heap, p: heap.allocate(100), q: heap.allocate(100), r: heap.allocate(100) };
    }

    test.each([
      ["of size 0", 0 | 3],
      ["that ends in the middle of a block", 64 | 3],
      ["that ends beyond the heap", 0x7ffffff0 | 3],
      ["of nearly 4 GiB", -16 | 3],
    ])("a block %s", async (_, header) => {
      const { heap, q } = await three();
      withWord(heap, q - HEADER, header, () => expectError(heap, q, "CORRUPT"));
    });

    test("the next block's, overwritten by what is too long for the block", async () => {
      const { heap, q, r } = await three();
      withWord(heap, r - HEADER, 0, () => expectError(heap, q, "CORRUPT"));
    });

    test.each([
      ["0", 0],
      ["no size", 113],
      ["another size", 32],
      ["beyond the start", 0x7ffffff0],
    ])("the size before a block, where a free block should end: %s", async (_, size) => {
      const { heap, p, q } = await three();
      heap.release(p);
      withWord(heap, q - 2 * HEADER, size, () => expectError(heap, q, "CORRUPT"));
    });
  });

  describe("a size", () => {
    const requests: [string, (heap: TestHeap, size: number) => number][] = [
      ["allocate", (heap, size) => heap.engine.heap_allocate(size, 0)],
      ["malloc", (heap, size) => heap.engine.malloc(size)],
      ["calloc", (heap, size) => heap.engine.calloc(1, size)],
      ["aligned_alloc", (heap, size) => heap.engine.aligned_alloc(4096, size)],
      ["aligned_alloc for slabs", (heap, size) => heap.engine.aligned_alloc(32, size)],
      ["realloc", (heap, size) => heap.engine.realloc(heap.engine.malloc(1), size)],
    ];

    describe.each(requests)("%s", (name, request) => {
      // Numbers that are no i32 become one at WebAssembly's border: the library refuses them before.
      test.each([
        ["-1", -1],
        ["-100", -100],
        ["2 ** 31", -(2 ** 31)],
        ["MAX_SIZE + 1", MAX_SIZE + 1],
      ])("%s is none", async (_, size) => {
        for (const small of [0, DEFAULT_SMALL]) {
          const heap = await heapOf(form, { small });
          const live = name === "realloc" ? heap.allocate(1) : 0;
          const ask =
            live === 0 ? () => request(heap, size) : () => heap.engine.realloc(live, size);
          expect(heap.unchanged(ask)).toBe(0);
          expect(heap.engine.heap_error()).toBe(2);
        }
      });

      test("MAX_SIZE is one, that no memory has", async () => {
        const heap = await heapOf(form, { memory: wasmMemory(0, 16) });
        const live = name === "realloc" ? heap.allocate(1) : 0;
        heap.allocate(100); // or the trailing block would expand up to the memory's end
        const ask =
          live === 0 ? () => request(heap, MAX_SIZE) : () => heap.engine.realloc(live, MAX_SIZE);
        expect(heap.unchanged(ask)).toBe(0);
        expect(heap.engine.heap_error()).toBe(1);
        expect(heap.request(1000)).toBeTypeOf("number");
      });

      test("0 is one: a pointer of its own", async () => {
        const heap = await heapOf(form, { small: DEFAULT_SMALL });
        const live = Array.from({ length: 50 }, () => request(heap, 0));
        expect(new Set(live).size).toBe(50);
        for (const p of live) expect(heap.release(p)).toBe("OK");
      });
    });

    test("no heap is made for one that is none", async () => {
      const heap = await uncreated(form, wasmMemory(1));
      expect(heap.unchanged(() => heap.request(-1))).toBe("INVALID_SIZE");
      expect(heap.unchanged(() => heap.request(100, 3))).toBe("INVALID_ALIGNMENT");
      expect(heap.base).toBe(0);
    });
  });
});
