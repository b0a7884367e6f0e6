/** The smallest cases of bugs that random programs found: each failed once, some in an earlier layout of the heap. */

import { describe, expect, test } from "vitest";

import { CONTROL, LIMIT_AT, MARGIN_AT, RESERVED_AT, TOP_AT } from "../../engine/control.ts";
import { bytesOf, FORMS, imageOf, wasmMemory } from "./engines.ts";
import { ERRORS } from "./error-names.ts";
import { DEFAULT_SMALL, heapOf, uncreated } from "./test-heap.ts";

describe.each(FORMS)("%s", (form) => {
  test("the first block grows in place while the map moves", async () => {
    const heap = await uncreated(form, wasmMemory(0));
    heap.engine.heap_create(0, 0, -1, 0, 0);
    const p = heap.allocate(0);
    heap.reallocate(p, 127_613);
    heap.expectSound();
  });

  test("a slot moves to a block while empty slabs are released", async () => {
    const heap = await heapOf(form, { small: DEFAULT_SMALL });
    const first = heap.allocateSlot(500);
    const p = heap.allocateSlot(100); // in a slab that was created later
    heap.release(first); // the first slab is empty; it is released before the break moves
    heap.reallocate(p, 20 * 65536);
    expect(heap.owns(p)).toBe(false);
    heap.expectSound();
  });

  test("the largest block that fits leaves just enough memory for the map", async () => {
    const most = 1600 * 65536;
    const heap = await heapOf(form, { memory: wasmMemory(2, 1600) });
    let size = most - 200_000;
    while (heap.request(size) === "OUT_OF_MEMORY") size -= 16;
    expect(heap.break).toBe(most);
    expect(heap.top.size).toBe(0);
    expect(size).toBeGreaterThan(most - 210_000);
    heap.expectSound();
  });
});

test.each(FORMS)(
  "%s: a request beyond the limit does not move the break, in a larger memory either",
  async (form) => {
    const heap = await heapOf(form, { memory: wasmMemory(16), limit: 8 * 65536 });
    expect(heap.unchanged(() => heap.request(16 * 65536))).toBe("OUT_OF_MEMORY");
  },
);

test.each(FORMS)("%s: the break stays below the limit if LIMIT was overwritten", async (form) => {
  const memory = wasmMemory(16);
  const heap = await heapOf(form, { memory, limit: 8 * 65536 });
  const word = new Int32Array(memory.buffer, heap.base + LIMIT_AT, 1);
  const before = word[0]!;
  word[0] = -16;
  expect(heap.unchanged(() => heap.request(10 * 65536))).toBe("OUT_OF_MEMORY");
  while (typeof heap.request(10_000) === "number") continue;
  expect(heap.break).toBe(8 * 65536);
  word[0] = before;
});

test.each(FORMS)(
  "%s: a heap with a limit whose RESERVED was overwritten serves nothing beyond its break",
  async (form) => {
    const memory = wasmMemory(16);
    const heap = await heapOf(form, { memory, limit: 8 * 65536 });
    const word = new Int32Array(memory.buffer, heap.base + RESERVED_AT, 1);
    const before = word[0]!;
    word[0] = heap.break + 16;
    expect(() => heap.request(3 * 65536)).toThrow("unreachable");
    word[0] = before;
    heap.expectSound();
  },
);

test.each(FORMS)(
  "%s: a block that leads out of the heap is not freed, even if TOP was overwritten",
  async (form) => {
    const memory = wasmMemory(16);
    const heap = await heapOf(form, { memory, limit: 65536 });
    const p = heap.allocate(3000);
    const words = new Int32Array(memory.buffer);
    const outside = words.subarray(heap.break >>> 2);
    outside.fill(3); // a header of the block that seems to follow
    const [top, header] = [(heap.base + TOP_AT) >>> 2, (p - 4) >>> 2];
    const before = [words[top]!, words[header]!];
    words[top] = 16 * 65536 - 16;
    words[header] = 8 * 65536 + 3;
    expect(() => heap.release(p)).toThrow("unreachable");
    expect(outside.every((word) => word === 3)).toBe(true);
    [words[top], words[header]] = before as [number, number];
    heap.release(p);
    heap.expectSound();
  },
);

test.each(FORMS)(
  "%s: a header with size 0 is reported, and does not make the walk endless",
  async (form) => {
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
  },
);

test.each(FORMS)(
  "%s: a header that leads back is reported, and does not make the walk endless",
  async (form) => {
    const memory = wasmMemory(2);
    const heap = await heapOf(form, { memory });
    const [first, second] = [heap.allocate(48), heap.allocate(48)]; // in one cell
    const header = new Int32Array(memory.buffer, first - 4, 1);
    const before = header[0]!;
    header[0] = -1;
    expect(heap.release(second)).toBe("CORRUPT");
    expect(heap.owns(second)).toBe(false);
    header[0] = before;
  },
);

test.each(FORMS)("%s: an aligned request that fails does not move the break", async (form) => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 13 });
  const heap = await heapOf(form, { memory });
  heap.allocate(1200);
  // It would just fit if the map needed no memory.
  expect(heap.unchanged(() => heap.request(846_848, 4096))).toBe("OUT_OF_MEMORY");
  expect(memory.buffer.byteLength).toBe(65536);
});

test.each(FORMS)(
  "%s: a margin that the memory has no room for takes nothing from the blocks",
  async (form) => {
    const blocksWith = async (margin: number): Promise<number> => {
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 100 });
      const heap = await heapOf(form, { memory, margin });
      let blocks = 0;
      while (typeof heap.request(4000) === "number") blocks++;
      heap.expectSound();
      return blocks;
    };
    expect(await blocksWith(2 ** 31)).toBe(await blocksWith(0));
  },
);

test.each(FORMS)("%s: a margin of 4 GiB does not overflow", async (form) => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 2000 });
  const heap = await heapOf(form, { memory, limit: 2 ** 26, margin: 2 ** 27 });
  // As if the memory had refused to grow so far when the heap was created.
  const created = new WebAssembly.Memory({ initial: 1, maximum: 2000 });
  const other = await heapOf(form, { memory: created, limit: 2 ** 26 });
  new Int32Array(created.buffer, other.base + MARGIN_AT, 1)[0] = -16;
  for (const each of [heap, other]) {
    each.allocate(100_000);
    each.expectSound();
  }
});

test.each(FORMS)(
  "%s: a reset follows no link of a quick list that was overwritten",
  async (form) => {
    const memory = wasmMemory(2);
    const heap = await heapOf(form, { memory });
    heap.allocate(40_000);
    const [p, q] = [heap.allocate(100), heap.allocate(100)];
    const kept = heap.allocate(100);
    heap.release(p);
    heap.release(q);
    const image = imageOf(memory);
    const reset = (link?: number): Buffer => {
      bytesOf(memory).set(image);
      const word = new Int32Array(memory.buffer, q, 1);
      if (link !== undefined) word[0] = link;
      expect(ERRORS[heap.engine.heap_reset()], `${link}`).toBe("OK");
      word[0] = 0; // the link itself may stay
      return imageOf(memory);
    };
    const expected = reset();
    for (const link of [16, heap.base, heap.base + 64, kept, kept + 16, heap.top.address, -16]) {
      expect(reset(link).equals(expected), `the heap is as after any reset: ${link}`).toBe(true);
      heap.expectSound();
    }
    expect(heap.owns(kept)).toBe(false);
    expect(heap.top.address).toBe(heap.base + CONTROL);
  },
);

for (const form of FORMS) {
  test(`${form}: a slot is freed in the slab that it is in after a reallocation has split slabs`, async () => {
    const heap = await heapOf(form, { small: DEFAULT_SMALL });
    const all = Array.from({ length: 600 }, () => heap.allocate(100));
    const kept = all.filter((_, index) => index % 37 === 0);
    for (const [index, p] of all.entries()) if (index % 37 !== 0) heap.release(p);
    for (const p of kept) {
      expect(heap.reallocate(p, 20_000)).toBeTypeOf("number");
      expect(heap.owns(p), `${p} is free`).toBe(false);
    }
  });
}
