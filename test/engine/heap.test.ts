/** engine/heap.ts: the calls of a program. The cases of the suite, and how a heap is created. */

import { describe, expect, test } from "vitest";

import { MAX_ALIGNMENT } from "../../engine/block.ts";
import { CONTROL, MAGIC } from "../../engine/control.ts";
import { heapSuite } from "../suite/heap.ts";
import { blocksOf, word } from "../suite/picture.ts";
import { FORMS, PAGE, wasmMemory } from "./engines.ts";
import { SOURCE_PLACES } from "./source-places.ts";
import { DEFAULT_SMALL, heapOf, type HeapOptions, type TestHeap, uncreated } from "./test-heap.ts";

describe.each(SOURCE_PLACES)("$name", heapSuite);

describe.each(FORMS)("%s", (form) => {
  const plain = (options: HeapOptions = {}): Promise<TestHeap> => heapOf(form, options);

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
      expect([0, 1, 2, 3, 4, 5].map((each) => engine.heap_stat(each))).toEqual([0, 0, 0, 0, 0, 0]);
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

  test("the largest alignment is 1 GiB", async () => {
    expect(MAX_ALIGNMENT).toBe(2 ** 30);
    const heap = await plain({ memory: wasmMemory(0, 65536) });
    const p = heap.request(100, MAX_ALIGNMENT);
    if (p === "OUT_OF_MEMORY") return; // this machine has no 1 GiB for it
    expect(p).toBe(MAX_ALIGNMENT);
    expect(heap.owns(MAX_ALIGNMENT)).toBe(true);
    expect(heap.release(MAX_ALIGNMENT)).toBe("OK");
  });
});
