/** Replaying: the calls, the failures, the figures, and the op after which most bytes are live. */

import { expect, test } from "vitest";

import { CHUNK_OPS } from "../../trace/ops.ts";
import { openTrace } from "../../trace/read.ts";
import { snapshotAfter } from "../../trace/replay.ts";
import { BASE, HEADER, ToyHeap } from "./toy-heap.ts";
import { fullestOf, replayOf, sourceOf, traceOf } from "./traces.ts";

test("each op makes the call that it stands for", async () => {
  const calls: string[] = [];
  class Told extends ToyHeap {
    override tryAllocate(size: number, alignment?: number): number {
      calls.push(`allocate ${size} ${alignment}`);
      return super.tryAllocate(size, alignment);
    }
    override allocateZeroed(size: number): number {
      calls.push(`zeroed ${size}`);
      return super.tryAllocate(size);
    }
    override reallocate(pointer: number, size: number): number {
      calls.push(`reallocate ${pointer} ${size}`);
      return pointer;
    }
    override deallocate(pointer: number): void {
      calls.push(`deallocate ${pointer}`);
      super.deallocate(pointer);
    }
  }
  const text = traceOf("a 0 5", "z 1 6", "m 2 7 64", "r 1 16", "f 0", "f 2");
  const result = await replayOf(new Told(), text);
  const [first, second, third] = [BASE + HEADER, BASE + 2 * HEADER + 16, BASE + 128];
  expect(calls).toEqual([
    "allocate 5 undefined",
    "zeroed 6",
    "allocate 7 64",
    `reallocate ${second} 16`,
    `deallocate ${first}`,
    `deallocate ${third}`,
    // What the program left, when all is counted.
    `deallocate ${second}`,
  ]);
  expect(result).toMatchObject({ ops: 6, failures: 0, skipped: 0, firstFailure: undefined });
});

test("frees NULL, and accepts ids in any order", async () => {
  const calls: string[] = [];
  class Told extends ToyHeap {
    override deallocate(pointer: number): void {
      calls.push(`deallocate ${pointer}`);
      if (pointer !== 0) super.deallocate(pointer);
    }
  }
  const text = traceOf("f -1", "a 2000 16", "r 7 32", "f 2000", "a 2000 48", "f 2000");
  for (const check of [undefined, 1]) {
    calls.length = 0;
    const result = await replayOf(new Told(), text, check === undefined ? {} : { check });
    expect(calls).toEqual([
      "deallocate 0",
      `deallocate ${BASE + HEADER}`,
      `deallocate ${BASE + 3 * HEADER + 48}`,
      `deallocate ${BASE + 2 * HEADER + 16}`,
    ]);
    expect(result).toMatchObject({ ops: 6, failures: 0, skipped: 0, peakLiveBytes: 80 });
    expect(result).toMatchObject({ peakOp: 5, whole: true });
  }
});

test("finds the exact op after which most bytes are live, in any chunk", async () => {
  const ops: string[] = [];
  const kept: number[] = [];
  let live = 0;
  let most = { op: 0, live: 0 };
  for (let id = 0; ops.length < 2 * CHUNK_OPS + 777; id += 1) {
    const size = 1 + ((id * 7919) % 61);
    ops.push(`a ${id} ${size}`);
    live += size;
    if (live > most.live) most = { op: ops.length, live };
    if (id % 3 === 0) {
      kept.push(id);
    } else {
      ops.push(`f ${id}`);
      live -= size;
    }
  }
  ops.push(...kept.map((id) => `f ${id}`));

  const result = await replayOf(new ToyHeap(1 << 24), traceOf(ops));
  expect(result).toMatchObject({ failures: 0, peakLiveBytes: most.live, peakOp: most.op });
  expect(await fullestOf(traceOf(ops), 1 << 24)).toMatchObject({
    op: most.op,
    liveBytes: most.live,
  });
  expect(most.op).toBeGreaterThan(2 * CHUNK_OPS);
});

test("counts a refused request as a failure, and skips the ops of its id", async () => {
  const text = traceOf(
    "a 0 64",
    "a 1 5000",
    "r 1 6000",
    "f 1",
    "z 2 5000",
    "f 2",
    "m 3 5000 64",
    "f 0",
  );
  const result = await replayOf(new ToyHeap(4096), text);
  expect(result).toMatchObject({ ops: 8, failures: 3, skipped: 3, peakLiveBytes: 64, peakOp: 1 });
  expect(result.firstFailure).toBe("line 6 (a 1 5000): out of memory");
});

test("keeps a block that could not be reallocated", async () => {
  const heap = new ToyHeap(4096);
  const result = await replayOf(heap, traceOf("a 0 64", "r 0 5000", "a 1 8", "f 0"), {
    check: 1,
  });
  expect(result).toMatchObject({ failures: 1, skipped: 0, peakLiveBytes: 72 });
  expect(result.firstFailure).toBe("line 6 (r 0 5000): no memory to reallocate");
  expect(heap.blocks.size).toBe(0);
});

test("finds the exact op after refused requests too", async () => {
  const text = traceOf("a 0 64", "a 1 5000", "r 0 6000", "z 2 2048", "f 1", "f 2", "a 3 8");
  expect(await fullestOf(text, 4096)).toMatchObject({ op: 4, liveBytes: 64 + 2048 });
});

test("walks the heap once, however much it grows", async () => {
  class Walked extends ToyHeap {
    walks = 0;
    override *walk(): ReturnType<ToyHeap["walk"]> {
      this.walks += 1;
      yield* super.walk();
    }
  }
  const text = traceOf(Array.from({ length: 3 * CHUNK_OPS }, (_, i) => `a ${i} 8`));
  const [replayed, looked] = [new Walked(1 << 23), new Walked(1 << 23)];
  const { peakOp } = await replayOf(replayed, text);
  expect(peakOp).toBe(3 * CHUNK_OPS);
  await snapshotAfter(peakOp, looked, (await openTrace(sourceOf(text))).chunks);
  expect([replayed.walks, looked.walks]).toEqual([0, 1]);
});

test("a violated invariant ends the replay", async () => {
  class Broken extends ToyHeap {
    override check(): void {
      super.check();
      if (this.checks === 2) throw new Error("B3 does not hold at 1056");
    }
  }
  const ops = Array.from({ length: 10 }, (_, i) => `a ${i} 8`);
  const result = await replayOf(new Broken(), traceOf(ops), { check: 3 });
  expect(result).toMatchObject({ ops: 6, failures: 1 });
  expect(result.firstFailure).toBe("after line 10: B3 does not hold at 1056");
});

test("checks the invariants every so many ops, and twice at the end", async () => {
  const ops = Array.from({ length: CHUNK_OPS + 10 }, (_, i) => `a ${i} 8`);
  const heap = new ToyHeap(1 << 22);
  await replayOf(heap, traceOf(ops), { check: 10_000 });
  expect(heap.checks).toBe(Math.floor(ops.length / 10_000) + 2);
});

test("reports no live bytes for a trace without ops or with empty requests only", async () => {
  for (const text of [traceOf(), traceOf("a 0 0", "f 0")]) {
    const result = await replayOf(new ToyHeap(), text);
    expect(result).toMatchObject({ peakLiveBytes: 0, peakOp: 0, whole: true });
  }
});

test("reports progress after each chunk", async () => {
  const ops = Array.from({ length: CHUNK_OPS + 10 }, (_, i) => `a ${i} 8`);
  const told: number[] = [];
  await replayOf(new ToyHeap(1 << 22), traceOf(ops), { onProgress: (n) => told.push(n) });
  expect(told).toEqual([CHUNK_OPS, CHUNK_OPS + 10]);
});
