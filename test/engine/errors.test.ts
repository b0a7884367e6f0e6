/**
 * engine/errors.ts: each error has its code, and changes nothing: the memory is compared byte by byte. What happens if the
 * break cannot move is in faults.test.ts.
 */

import { describe, expect, test } from "vitest";

import { HEADER, MAX_SIZE, QUICK } from "../../engine/block.ts";
import { CELL, CONTROL } from "../../engine/control.ts";
import { FORMS, PAGE, PINNED, wasmMemory } from "./engines.ts";
import { setWord, word } from "../suite/picture.ts";
import { type ErrorName } from "./error-names.ts";
import { DEFAULT_SMALL, heapOf, type TestHeap, uncreated } from "./test-heap.ts";

/** Bytes of a block that is too large a part of a small heap for quick lists. */
const UNQUICK = 1100;

/** Every function that takes a pointer reports the error, and does not change the heap. */
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

describe.each(FORMS)("%s", (form) => {
  describe("double free of a block", () => {
    /** Blocks too large for quick lists: `count` and one to keep them apart from the top block. */
    async function row(count: number): Promise<{ heap: TestHeap; at: number[] }> {
      const heap = await heapOf(form);
      const at = Array.from({ length: count }, () => heap.allocate(UNQUICK));
      heap.allocate(UNQUICK);
      return { heap, at };
    }

    test("is reported at once", async () => {
      const { heap, at } = await row(3);
      heap.release(at[1]!);
      expectError(heap, at[1]!, "DOUBLE_FREE");
    });

    test("is reported after it was coalesced with the previous block", async () => {
      const { heap, at } = await row(3);
      heap.release(at[0]!);
      heap.release(at[1]!);
      expectError(heap, at[1]!, "DOUBLE_FREE");
    });

    test("is reported after it was coalesced with the next block", async () => {
      const { heap, at } = await row(3);
      heap.release(at[1]!);
      heap.release(at[0]!);
      expectError(heap, at[0]!, "DOUBLE_FREE");
      expectError(heap, at[1]!, "DOUBLE_FREE");
    });

    test("is reported after it was coalesced with both neighbours", async () => {
      const { heap, at } = await row(4);
      for (const i of [0, 2, 1]) heap.release(at[i]!);
      for (const p of at.slice(0, 3)) expectError(heap, p, "DOUBLE_FREE");
    });

    test("is reported after it became part of the top block", async () => {
      const heap = await heapOf(form);
      const [p, q] = [heap.allocate(UNQUICK), heap.allocate(UNQUICK)];
      heap.release(q);
      expectError(heap, q, "DOUBLE_FREE");
      heap.release(p);
      expectError(heap, q, "DOUBLE_FREE");
      expectError(heap, p, "DOUBLE_FREE");
    });

    test("is reported if it starts inside a block that was allocated since", async () => {
      const { heap, at } = await row(3);
      heap.release(at[0]!);
      heap.release(at[1]!);
      expect(heap.allocate(UNQUICK + 50)).toBe(at[0]);
      expectError(heap, at[1]!, "INVALID_POINTER");
    });

    test("is reported if it starts inside the remainder of a block that was split since", async () => {
      const { heap, at } = await row(3);
      heap.release(at[0]!);
      heap.release(at[1]!);
      expect(heap.allocate(UNQUICK - 50)).toBe(at[0]);
      expectError(heap, at[1]!, "DOUBLE_FREE");
    });

    test("is reported if it starts where the remainder of a split block starts", async () => {
      const { heap, at } = await row(3);
      heap.release(at[0]!);
      heap.release(at[1]!);
      expect(heap.allocate(UNQUICK)).toBe(at[0]);
      expectError(heap, at[1]!, "DOUBLE_FREE");
    });

    test("is reported after reallocate moved it", async () => {
      const { heap, at } = await row(3);
      heap.reallocate(at[1]!, 5000);
      expectError(heap, at[1]!, "DOUBLE_FREE");
    });

    test("larger than a cell is reported after it was coalesced", async () => {
      const heap = await heapOf(form);
      const at = [5000, 5000, 5000, 5000].map((size) => heap.allocate(size));
      for (const i of [0, 2, 1]) heap.release(at[i]!);
      for (const p of at.slice(0, 3)) expectError(heap, p, "DOUBLE_FREE");
    });
  });

  describe("double free of a block in a quick list", () => {
    /** Four blocks of 112 bytes, the first three of which are in quick lists. */
    async function quick(): Promise<{ heap: TestHeap; at: number[] }> {
      const heap = await heapOf(form);
      heap.allocate(1 << 20);
      const at = Array.from({ length: 4 }, () => heap.allocate(100));
      for (const p of at.slice(0, 3)) expect(heap.release(p)).toBe("OK");
      for (const p of at.slice(0, 3)) expect(word(heap.memory, p - HEADER) & QUICK).toBe(QUICK);
      return { heap, at };
    }

    test("is reported for each block of its list", async () => {
      const { heap, at } = await quick();
      for (const p of at.slice(0, 3)) expectError(heap, p, "DOUBLE_FREE");
    });

    test("a pointer into the block is reported", async () => {
      const { heap, at } = await quick();
      for (const p of at.slice(0, 3)) expectError(heap, p + 16, "DOUBLE_FREE");
      expectError(heap, at[0]! + 8, "INVALID_POINTER");
      expectError(heap, at[3]! + 16, "INVALID_POINTER");
    });

    test("is reported after a program wrote into the block", async () => {
      const { heap, at } = await quick();
      const saved = heap.bytes(at[1]!, 108).slice();
      heap.bytes(at[1]!, 108).fill(0xff);
      expectError(heap, at[1]!, "DOUBLE_FREE");
      heap.bytes(at[1]!, 108).set(saved);
    });

    test("is reported after it was allocated and freed again", async () => {
      const { heap, at } = await quick();
      expect(heap.allocate(100)).toBe(at[2]);
      expect(heap.release(at[2]!)).toBe("OK");
      expectError(heap, at[2]!, "DOUBLE_FREE");
    });

    test("is reported after the quick lists were coalesced", async () => {
      const { heap, at } = await quick();
      heap.allocate(heap.top.size); // the top block must grow for it
      for (const p of at.slice(0, 3)) expect(word(heap.memory, p - HEADER) & QUICK).toBe(0);
      for (const p of at.slice(0, 3)) expectError(heap, p, "DOUBLE_FREE");
    });
  });

  describe("double free of a slot", () => {
    test("is reported in a slab in use", async () => {
      const heap = await heapOf(form, { small: DEFAULT_SMALL });
      const p = heap.allocateSlot(100);
      heap.release(p);
      expectError(heap, p, "DOUBLE_FREE");
    });

    test("is reported in a slab that was full", async () => {
      const heap = await heapOf(form, { small: DEFAULT_SMALL });
      const live = Array.from({ length: 500 }, () => heap.allocate(8));
      heap.release(live[200]!);
      expectError(heap, live[200]!, "DOUBLE_FREE");
    });

    test.each([8, 100, 1000])("is reported in slabs that were released, %d bytes", async (size) => {
      const heap = await heapOf(form, { small: DEFAULT_SMALL });
      const live = Array.from({ length: 300 }, () => heap.allocate(size));
      heap.allocate(10_000); // they are not next to the top block
      for (const p of live) heap.release(p);
      for (const p of live.filter((_, i) => i % 10 === 0)) {
        // The memory of a released slab is that of blocks, which start at multiples of 16.
        const isReleased = heap.walk().every(({ address }) => address !== p);
        expectError(heap, p, isReleased && p % 16 !== 0 ? "INVALID_POINTER" : "DOUBLE_FREE");
      }
    });
  });

  describe("an invalid pointer", () => {
    const small = [0, DEFAULT_SMALL];

    test.each(small)("inside a block is reported; slabs up to %d bytes", async (small) => {
      const heap = await heapOf(form, { small });
      const p = heap.allocate(5000);
      heap.bytes(p, 5000).fill(0x11); // headers that might be: 0x11111111
      for (const at of [16, 32, 512, 1024, 2048, 4992])
        expectError(heap, p + at, "INVALID_POINTER");
    });

    test.each(small)(
      "inside a block whose payload looks like blocks is reported; slabs up to %d bytes",
      async (small) => {
        const heap = await heapOf(form, { small });
        const p = heap.allocate(5000);
        for (let at = p + 12; at < p + 4000; at += 32) setWord(heap.memory, at, 32 | 3);
        for (const at of [16, 48, 528, 1040]) expectError(heap, p + at, "INVALID_POINTER");
      },
    );

    test.each(small)("that is misaligned is reported; slabs up to %d bytes", async (small) => {
      const heap = await heapOf(form, { small });
      heap.allocate(5000); // or the negative offsets would be in the control block
      const p = heap.allocate(5000);
      for (const at of [1, 2, 4, 8, 12, 17, 520, -1, -4, -8])
        expectError(heap, p + at, "INVALID_POINTER");
    });

    test("inside a slot is reported, aligned or not", async () => {
      const heap = await heapOf(form, { small: DEFAULT_SMALL });
      for (const size of [16, 48, 100, 1000]) {
        const p = heap.allocateSlot(size);
        for (const at of [1, 4, 8, 12, size - 1]) expectError(heap, p + at, "INVALID_POINTER");
      }
    });

    test("after the last slot of a slab is reported", async () => {
      const heap = await heapOf(form, { small: DEFAULT_SMALL });
      heap.allocateSlot(1000);
      const slots = heap.walk().filter(({ kind }) => kind === 2 || kind === 3);
      const last = slots.at(-1)!;
      expectError(heap, last.address + last.size, "INVALID_POINTER");
    });

    test.each(small)(
      "that was never allocated is reported; slabs up to %d bytes",
      async (small) => {
        const heap = await heapOf(form, { small });
        heap.allocate(100);
        const { address } = heap.top;
        for (const p of [address, address + 16, address + 512, heap.break - 16])
          expectError(heap, p, "INVALID_POINTER");
      },
    );

    test("into metadata is reported", async () => {
      const heap = await heapOf(form, { small: DEFAULT_SMALL });
      const slot = heap.allocateSlot(100);
      heap.allocate(5000);
      if (PINNED) {
        // The root, the chunks of the map and the groups of slab headers are blocks.
        const own = heap.walk().filter(({ kind }) => kind === 4);
        expect(own.length).toBeGreaterThan(2);
        for (const { address } of own)
          for (const at of [0, 16, 36]) expectError(heap, address + at, "INVALID_POINTER");
      } else {
        // The slab header, in the slab's last 32 bytes.
        const slots = heap.walk().filter(({ address, kind }) => address >= slot && kind > 1);
        const last = slots.at(-1)!;
        const end = Math.ceil((last.address + last.size + 32) / CELL) * CELL;
        for (const p of [end - 32, end - 28, end - 24, end - 16, end - 8])
          expectError(heap, p, "INVALID_POINTER");
        // The map, behind the top block.
        const map = heap.top.address + heap.top.size;
        for (const p of [map, map + 16, map + 64]) expectError(heap, p, "INVALID_POINTER");
      }
      // The control block, before the first block.
      for (let p = heap.base; p < heap.base + CONTROL; p += 112)
        expectError(heap, p, "OUT_OF_HEAP");
    });

    test.each(small)("below or above the heap is reported; slabs up to %d bytes", async (small) => {
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

    test("into a foreign region is reported", async () => {
      const memory = wasmMemory(0);
      const heap = await heapOf(form, { memory });
      memory.grow(2);
      const end = heap.break;
      const other = heap.allocate(PAGE);
      expect(other).toBeGreaterThan(end + 2 * PAGE);
      for (const p of [end, end + 16, end + PAGE, end + 2 * PAGE - 16])
        expectError(heap, p, "OUT_OF_HEAP");
    });
  });

  describe("an overwritten header is reported", () => {
    /** Overwrites a word while `action` runs. */
    function withWord(heap: TestHeap, address: number, value: number, action: () => void): void {
      const before = word(heap.memory, address);
      setWord(heap.memory, address, value);
      action();
      setWord(heap.memory, address, before);
    }

    async function three(): Promise<{ heap: TestHeap; p: number; q: number; r: number }> {
      const heap = await heapOf(form);
      const [p, q, r] = [UNQUICK, UNQUICK, UNQUICK].map((size) => heap.allocate(size));
      return { heap, p: p!, q: q!, r: r! };
    }

    test.each([
      ["of size 0", 0 | 3],
      ["that ends in the middle of a block", 64 | 3],
      ["that ends above the heap", 0x7ffffff0 | 3],
      ["of nearly 4 GiB", -16 | 3],
    ])("of a block %s", async (_, header) => {
      const { heap, q } = await three();
      withWord(heap, q - HEADER, header, () => expectError(heap, q, "CORRUPT"));
    });

    test("of the next block, by a write beyond the end of the block", async () => {
      const { heap, q, r } = await three();
      withWord(heap, r - HEADER, 0, () => expectError(heap, q, "CORRUPT"));
    });

    test.each([
      ["0", 0],
      ["not a multiple of 16", 113],
      ["another size", 32],
      ["below the first block", 0x7ffffff0],
    ])("and the footer of the free block before it: %s", async (_, size) => {
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
      // WebAssembly converts other numbers to an i32: the library refuses them before.
      test.each([
        ["-1", -1],
        ["-100", -100],
        ["2 ** 31", -(2 ** 31)],
        ["MAX_SIZE + 1", MAX_SIZE + 1],
      ])("%s is invalid", async (_, size) => {
        for (const small of [0, DEFAULT_SMALL]) {
          const heap = await heapOf(form, { small });
          const live = name === "realloc" ? heap.allocate(1) : 0;
          const ask =
            live === 0 ? () => request(heap, size) : () => heap.engine.realloc(live, size);
          expect(heap.unchanged(ask)).toBe(0);
          expect(heap.engine.heap_error()).toBe(2);
        }
      });

      test("MAX_SIZE is valid, but this memory is too small", async () => {
        const heap = await heapOf(form, { memory: wasmMemory(0, 16) });
        const live = name === "realloc" ? heap.allocate(1) : 0;
        heap.allocate(100);
        const ask =
          live === 0 ? () => request(heap, MAX_SIZE) : () => heap.engine.realloc(live, MAX_SIZE);
        expect(heap.unchanged(ask)).toBe(0);
        expect(heap.engine.heap_error()).toBe(1);
        expect(heap.request(1000)).toBeTypeOf("number");
      });

      test("0 is valid: each request gets a pointer of its own", async () => {
        const heap = await heapOf(form, { small: DEFAULT_SMALL });
        const live = Array.from({ length: 50 }, () => request(heap, 0));
        expect(new Set(live).size).toBe(50);
        for (const p of live) expect(heap.release(p)).toBe("OK");
      });
    });

    test("an invalid request creates no heap", async () => {
      const heap = await uncreated(form, wasmMemory(1));
      expect(heap.unchanged(() => heap.request(-1))).toBe("INVALID_SIZE");
      expect(heap.unchanged(() => heap.request(100, 3))).toBe("INVALID_ALIGNMENT");
      expect(heap.base).toBe(0);
    });
  });
});
