/** Patterns of requests for which an allocator can need far more memory than is live (bench/patterns.ts), and emptied heaps. */

import { expect, test } from "vitest";

import { PATTERNS, randomFrom } from "../../bench/patterns.ts";
import { FORMS, PAGE, resizable, wasmMemory } from "./engines.ts";
import { DEFAULT_SMALL, heapOf } from "./test-heap.ts";

/** The largest footprint, in MiB. dlmalloc of Emscripten 3.1.6 needs 9.2, 18.6, 1.3, 49.7 and 22.1. */
const MOST: Readonly<Record<string, number>> = {
  "two kinds": 9.3,
  phases: 27,
  "two vectors": 1.5,
  "above a class": 55.6,
  emptied: 22.6,
};

test.each(PATTERNS)("$name: $what", async ({ name, run }) => {
  const heap = await heapOf("wasm", {
    memory: wasmMemory(0, 65536),
    margin: PAGE,
    small: DEFAULT_SMALL,
  });
  run(heap.engine);
  expect((heap.engine.heap_stat(2) >>> 0) / 2 ** 20).toBeLessThan(MOST[name]!);
});

/** Fills a heap with blocks of these sizes until the memory is full; then frees them in random order. */
async function filledAndEmptied(form: (typeof FORMS)[number], size: () => number, small: number) {
  const memory = form === "wasm" ? wasmMemory(40, 40) : resizable(40, 40);
  const heap = await heapOf(form, { memory, margin: 0, small });
  const pointers: number[] = [];
  for (let p = heap.request(size()); typeof p === "number"; p = heap.request(size())) {
    pointers.push(p);
  }
  const random = randomFrom(5);
  while (pointers.length > 0) {
    const index = random(pointers.length);
    expect(heap.release(pointers[index]!)).toBe("OK");
    pointers[index] = pointers.at(-1)!;
    pointers.pop();
  }
  return heap;
}

const mixed = randomFrom(6);
const SIZES: Readonly<Record<string, () => number>> = {
  "24 bytes": () => 24,
  "1,000 bytes": () => 1000,
  "5,000 bytes": () => 5000,
  "mixed sizes": () => (mixed(3) === 0 ? mixed(30_000) : mixed(1200)),
};

for (const form of FORMS) {
  for (const small of [0, DEFAULT_SMALL]) {
    test.each(Object.keys(SIZES))(
      `${form}, small ${small}: a full memory of 40 pages, emptied after blocks of %s, serves one request of all but 1%%`,
      async (name) => {
        const heap = await filledAndEmptied(form, SIZES[name]!, small);
        const moves = heap.breakMoves;
        expect(heap.request(40 * PAGE * 0.99)).toBeTypeOf("number");
        expect(heap.breakMoves).toBe(moves);
      },
    );
  }

  test(`${form}: a request that a full heap refuses is refused when it is repeated`, async () => {
    const random = randomFrom(7);
    const memory = form === "wasm" ? wasmMemory(4, 4) : resizable(4, 4);
    const heap = await heapOf(form, { memory, small: DEFAULT_SMALL });
    const pointers: number[] = [];
    let refused = 0;
    for (let step = 0; step < 4000; step++) {
      const size = random(4) === 0 ? random(20_000) : random(1200);
      if (pointers.length > 0 && random(5) === 0) {
        const [p] = pointers.splice(random(pointers.length), 1);
        heap.release(p!);
      } else if (pointers.length > 0 && random(2) === 0) {
        const index = random(pointers.length);
        const moved = heap.reallocate(pointers[index]!, size);
        if (typeof moved === "number") pointers[index] = moved;
        else {
          refused++;
          expect(heap.reallocate(pointers[index]!, size)).toBe("OUT_OF_MEMORY");
        }
      } else {
        const p = heap.request(size);
        if (typeof p === "number") pointers.push(p);
        else {
          refused++;
          expect(heap.request(size)).toBe("OUT_OF_MEMORY");
        }
      }
    }
    expect(refused).toBeGreaterThan(100);
  });
}

test("trimming all but more bytes than there are to the end of the address space trims nothing", async () => {
  const heap = await heapOf("js", { memory: resizable(4, 8) });
  const p = heap.allocate(100);
  heap.bytes(p, 100).fill(7);
  const before = heap.break;
  for (const keep of [-1, -16, -65536, 2 ** 31 - 1]) {
    expect(heap.engine.malloc_trim(keep)).toBe(0);
    expect(heap.break).toBe(before);
  }
  expect(heap.bytes(p, 100).every((byte) => byte === 7)).toBe(true);
});
