/** Snapshots of a heap: what its footprint consists of. */

import { expect, test } from "vitest";

import { Heap } from "../../src/index.ts";
import { openTrace } from "../../trace/read.ts";
import { snapshotAfter } from "../../trace/replay.ts";
import { takeSnapshot } from "../../trace/snapshot.ts";
import { BASE, HEADER, ToyHeap } from "./toy-heap.ts";
import { fullestOf, replayOf, sourceOf, traceOf } from "./traces.ts";

test("reports the parts of the footprint when most bytes are live", async () => {
  // 100 + 30 live after op 2; later no more than 120, though the heap grows on.
  const text = traceOf("a 0 100", "a 1 30", "f 1", "a 2 20", "f 0", "f 2");
  const result = await replayOf(new ToyHeap(), text);
  expect(result.peakLiveBytes).toBe(130);
  expect(result.peakHeapBytes).toBe(3 * HEADER + 112 + 32 + 32);
  expect(result.utilisation).toBe(130 / result.peakHeapBytes);
  expect(await fullestOf(text)).toMatchObject({
    op: 2,
    liveBytes: 130,
    internalBytes: 12 + 2,
    externalBytes: 0,
    overheadBytes: 2 * HEADER,
    heapBytes: 2 * HEADER + 112 + 32,
  });
});

test("counts free blocks and slots as external fragmentation, unused bytes of used ones as internal, the rest as overhead", () => {
  const heap = {
    *walk(): ReturnType<Heap["walk"]> {
      yield { address: 1200, size: 100, kind: "used" };
      yield { address: 1304, size: 20, kind: "free" };
      yield { address: 1328, size: 300, kind: "metadata" };
      yield { address: 1632, size: 8, kind: "used-slot" };
      yield { address: 1640, size: 16, kind: "free-slot" };
      yield { address: 1656, size: 40, kind: "foreign" };
    },
    stats: () => ({ ...new ToyHeap().stats(), base: 1000, break: 1720, heapBytes: 680 }),
  };
  const { entries, ...bytes } = takeSnapshot(heap, 7, 101);
  expect(bytes).toEqual({
    op: 7,
    liveBytes: 101,
    internalBytes: 7,
    externalBytes: 36,
    overheadBytes: 680 - 101 - 7 - 36,
    heapBytes: 680,
  });
  expect([...entries].at(-1)).toEqual({ address: 1696, size: 24, kind: "metadata" });
  expect([...entries].map(({ kind }) => kind)).toEqual([
    "metadata",
    "used",
    "free",
    "metadata",
    "used-slot",
    "free-slot",
    "foreign",
    "metadata",
  ]);
});

test("the entries of a snapshot cover the heap from its base to its break", async () => {
  const ops = Array.from({ length: 3000 }, (_, i) => `a ${i} ${10 + (i % 4000)}`);
  for (const engine of ["wasm", "js"] as const) {
    const heap = new Heap({ engine });
    const { chunks } = await openTrace(sourceOf(traceOf(ops)));
    const { entries } = await snapshotAfter(ops.length, heap, chunks);
    const all = [...entries];
    const last = all.at(-1)!;
    expect(all[0]!.address).toBe(heap.base);
    expect(last.address + last.size).toBe(heap.break);
    expect(last.kind).toBe("metadata");
  }
});

test("a free block is external fragmentation", async () => {
  const fullest = await fullestOf(traceOf("a 0 32", "f 0", "a 1 48"));
  expect(fullest).toMatchObject({ op: 3, internalBytes: 0, externalBytes: 32 });
  expect([...fullest.entries]).toEqual([
    { address: BASE, size: HEADER, kind: "metadata" },
    { address: BASE + HEADER, size: 32, kind: "free" },
    { address: BASE + 2 * HEADER + 32, size: 48, kind: "used" },
  ]);
});
