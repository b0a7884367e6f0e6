/** The smallest cases of bugs that were found by random programs: each failed once. */

import { describe, expect, test } from "vitest";

import { HOLD, MARGIN } from "../../engine/layout.ts";
import { FORMS, wasmMemory } from "./engines.ts";
import { DEFAULT_SMALL, ERRORS, heapOf, uncreated } from "./test-heap.ts";

describe.each(FORMS)("%s", (form) => {
  test("a block grows in place while the starts move away from before it", async () => {
    const heap = await uncreated(form, wasmMemory(0));
    heap.engine.heap_create(0, 0, -1, 0, 0);
    const p = heap.allocate(0);
    heap.reallocate(p, 127_613);
    heap.expectSound();
  });

  test("a slot moves while its slab's descriptor does", async () => {
    const heap = await heapOf(form, { small: DEFAULT_SMALL });
    const first = heap.allocateSlot(500);
    const p = heap.allocateSlot(100); // in a slab that was made later
    heap.release(first); // the first slab is empty; it is given back before the break moves
    heap.reallocate(p, 20 * 65536);
    expect(heap.owns(p)).toBe(false);
    heap.expectSound();
  });

  test("starts that are made close to the memory's end reach their own end", async () => {
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 1600 });
    const heap = await heapOf(form, { memory });
    heap.allocate(1600 * 65536 - 600_000);
    heap.expectSound();
  });
});

test.each(FORMS)(
  "%s: a request beyond the limit moves nothing, in a larger memory too",
  async (form) => {
    const heap = await heapOf(form, { memory: wasmMemory(16), limit: 8 * 65536 });
    expect(heap.unchanged(() => heap.request(16 * 65536))).toBe("OUT_OF_MEMORY");
  },
);

test.each(FORMS)("%s: a header of no size is named, not walked for ever", async (form) => {
  const memory = wasmMemory(2);
  const heap = await heapOf(form, { memory });
  heap.allocate(3000);
  const second = heap.allocate(3000);
  heap.allocate(3000);
  const header = new Int32Array(memory.buffer, second - 4, 1);
  const before = header[0]!;
  header[0] = 3;
  expect(heap.release(second + 64)).toBe("CORRUPT");
  expect(ERRORS[heap.engine.heap_reset()]).toBe("CORRUPT");
  header[0] = before;
});

test.each(FORMS)("%s: a header that leads back is named, not walked for ever", async (form) => {
  const memory = wasmMemory(2);
  const heap = await heapOf(form, { memory });
  const [first, second] = [heap.allocate(48), heap.allocate(48)]; // in one card
  const header = new Int32Array(memory.buffer, first - 4, 1);
  const before = header[0]!;
  header[0] = -1;
  expect(heap.release(second)).toBe("CORRUPT");
  expect(heap.owns(second)).toBe(false);
  header[0] = before;
});

test.each(FORMS)("%s: an aligned request that fails moves no break", async (form) => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 13 });
  const heap = await heapOf(form, { memory });
  heap.allocate(1200);
  // It would just fit, were it not for the longer starts.
  expect(heap.unchanged(() => heap.request(846_848, 4096))).toBe("OUT_OF_MEMORY");
  expect(memory.buffer.byteLength).toBe(65536);
});

test.each(FORMS)("%s: a margin that can't be had costs no starts for it", async (form) => {
  const blocksWith = async (margin: number): Promise<number> => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 100 });
    const heap = await heapOf(form, { memory, margin });
    let blocks = 0;
    while (typeof heap.request(4000) === "number") blocks++;
    heap.expectSound();
    return blocks;
  };
  expect(await blocksWith(2 ** 31)).toBe(await blocksWith(0));
});

test.each(FORMS)("%s: a margin as large as all addresses wraps nothing around", async (form) => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 2000 });
  const heap = await heapOf(form, { memory, limit: 2 ** 26, margin: 2 ** 27 });
  // As if the memory had refused to grow so far when the heap was made.
  const created = new WebAssembly.Memory({ initial: 1, maximum: 2000 });
  const other = await heapOf(form, { memory: created, limit: 2 ** 26 });
  new Int32Array(created.buffer, other.base + MARGIN, 1)[0] = -16;
  for (const each of [heap, other]) {
    each.allocate(100_000);
    each.expectSound();
  }
});

test.each(FORMS)("%s: a reset follows no word that is not proved", async (form) => {
  const memory = wasmMemory(2);
  const heap = await heapOf(form, { memory, small: DEFAULT_SMALL });
  const held = Array.from({ length: 30 }, () => heap.allocate(3000));
  const word = new Int32Array(memory.buffer, heap.base + HOLD + 4, 1);
  word[0] = 16;
  expect(ERRORS[heap.engine.heap_reset()]).toBe("OK");
  expect(heap.owns(held[0]!)).toBe(false);
});
