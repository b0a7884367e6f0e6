/** src/inspect.ts: inspecting changes nothing. What walk and stats report is in the suite. */

import { inspect } from "node:util";

import { expect, it } from "vitest";

import { Heap } from "../../src/index.ts";
import { PLACES } from "./places.ts";

it.each(["wasm", "js"] as const)("walk lists the heap as it was at the call: %s", (engine) => {
  const heap = new Heap({ engine });
  for (let i = 0; i < 200; i += 1) heap.allocate(i * 17);
  const before = [...heap.walk()];
  const seen = [];
  for (const entry of heap.walk()) {
    seen.push(entry);
    if (entry.kind.startsWith("used")) heap.deallocate(entry.address);
    heap.allocate(40);
  }
  expect(seen).toEqual(before);
  heap.check();
});

it.each(PLACES)("no inspection changes the heap: $name", ({ makeHeap }) => {
  const heap = makeHeap();
  for (let i = 0; i < 100; i += 1) heap.allocate(i * 17);
  const image = Buffer.from(new Uint8Array(heap.buffer));
  const { base, break: end, limit, heapBytes, peakHeapBytes, breakMoves } = heap;
  expect(heap.stats()).toMatchObject({
    base,
    break: end,
    limit,
    heapBytes,
    peakHeapBytes,
    breakMoves,
  });
  inspect(heap);
  expect([...heap.walk()].length).toBeGreaterThan(100);
  heap.check();
  expect(image.equals(new Uint8Array(heap.buffer))).toBe(true);
});
