/** engine/exports.ts: the C functions, and those that set up a heap. */

import { describe, expect, test } from "vitest";

import { MAX_ALIGNMENT, MAX_SIZE } from "../../engine/block.ts";
import { CELL, GRANULE } from "../../engine/control.ts";
import { word } from "../suite/picture.ts";
import { FORMS, PAGE, resizable, wasmMemory } from "./engines.ts";
import { DEFAULT_SMALL, heapOf, type HeapOptions, type TestHeap, uncreated } from "./test-heap.ts";

/** Bytes of the block map behind a top block that ends at `end`: one for each cell. */
function mapBytes(heap: TestHeap, end: number): number {
  const cells = Math.floor(end / CELL) - Math.floor(heap.base / CELL) + 1;
  return Math.ceil(cells / GRANULE) * GRANULE;
}

describe.each(FORMS)("%s", (form) => {
  const plain = (options: HeapOptions = {}): Promise<TestHeap> => heapOf(form, options);

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

  describe.each([0, 256, DEFAULT_SMALL])("alignment, slabs up to %d bytes", (small) => {
    test.each([0, 3, 48, -1, -16, 2 * MAX_ALIGNMENT, -(2 ** 31)])(
      "%d is not a valid alignment",
      async (alignment) => {
        const heap = await plain({ small });
        expect(heap.unchanged(() => heap.engine.aligned_alloc(alignment, 100))).toBe(0);
        expect(heap.engine.heap_error()).toBe(3);
      },
    );
  });

  test("pointer 0 is not a block: free does nothing, and malloc_usable_size returns 0", async () => {
    const heap = await plain();
    heap.unchanged(() => heap.engine.free(0));
    expect(heap.engine.malloc_usable_size(0)).toBe(0);
  });

  test("heap_stat returns the footprint, the moves of the break, the largest footprint, base, break and limit", async () => {
    const heap = await plain({ base: 1024, limit: 4 * PAGE });
    const stats = (): number[] => [0, 1, 2, 3, 4, 5].map((each) => heap.engine.heap_stat(each));
    expect(stats()).toEqual([2 * PAGE - 1024, 1, 2 * PAGE - 1024, 1024, 2 * PAGE, 4 * PAGE]);
    heap.allocate(2 * PAGE);
    expect(stats()).toEqual([heap.break - 1024, 2, heap.break - 1024, 1024, heap.break, 4 * PAGE]);
  });

  describe.runIf(form !== "wasm")("malloc_trim, if the memory can shrink", () => {
    test("keeps as many bytes as its argument says", async () => {
      const heap = await plain({ memory: resizable(0) });
      const { address } = heap.top;
      expect(heap.engine.malloc_trim(1000)).toBe(1);
      expect(heap.top).toEqual({ address, size: 1008, kind: "top" });
      expect(heap.break).toBe(address + 1008 + mapBytes(heap, address + 1008));
      expect(heap.engine.malloc_trim(5000)).toBe(0);
    });
  });

  test("malloc_trim does nothing if the memory cannot shrink", async () => {
    const heap = await plain();
    heap.release(heap.allocate(10 * PAGE));
    expect(heap.unchanged(() => heap.engine.malloc_trim(0))).toBe(0);
  });
});
