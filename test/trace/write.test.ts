/** Traces written as text, and cut. */

import fc from "fast-check";
import { expect, test } from "vitest";

import { CHUNK_OPS } from "../../trace/ops.ts";
import { openTrace } from "../../trace/read.ts";
import { firstOps, traceText } from "../../trace/write.ts";
import { chunksOf, sourceOf, traceOf } from "./traces.ts";

test("reading what was written gives the same ops", async () => {
  const steps = fc.array(
    fc.record({
      kind: fc.constantFrom("a", "z", "m", "r", "f"),
      at: fc.nat(),
      size: fc.nat(2 ** 32 - 1),
      power: fc.nat(31),
      thread: fc.nat(3),
    }),
  );
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const live: number[] = [];
      const free: number[] = [];
      let ids = 0;
      let thread = 0;
      const ops: string[] = [];
      for (const step of sequence) {
        if (step.thread !== thread) ops.push(`t ${(thread = step.thread)}`);
        const i = step.at % (live.length || 1);
        if (live.length > 0 && step.kind === "f") {
          free.push(live.splice(i, 1)[0]!);
          ops.push(`f ${free.at(-1)}`);
          continue;
        }
        if (step.kind === "f") {
          ops.push("f -1");
          continue;
        }
        const id = (step.at & 1) === 0 ? (free.shift() ?? ids++) : ids++;
        if (live.length > 0 && step.kind === "r") ops.push(`r ${live[i]} ${step.size}`);
        else if (step.kind === "m") ops.push(`m ${id} ${step.size} ${2 ** step.power}`);
        else ops.push(`${step.kind === "z" ? "z" : "a"} ${id} ${step.size}`);
        if (/^[azm]/.test(ops.at(-1)!)) live.push(id);
        else free.push(id);
      }
      const text = traceOf(ops);
      expect(traceText(await chunksOf(sourceOf(text)))).toBe(text);
    }),
  );
});

test("writes the given heap size and weight into the header", async () => {
  const chunks = await chunksOf(sourceOf(traceOf("a 0 8")));
  expect(traceText(chunks, { heapSize: 4096, weight: 2 })).toBe("4096\n1\n1\n2\na 0 8\n");
});

test("the first ops form a trace", async () => {
  const text = traceOf("a 0 8", "t 1", "z 1 9", "f 0", "m 2 8 32");
  const cut = async (ops: number): Promise<string> =>
    traceText(await firstOps((await openTrace(sourceOf(text))).chunks, ops));
  expect(await cut(0)).toBe(traceOf());
  expect(await cut(2)).toBe(traceOf("a 0 8", "t 1", "z 1 9"));
  expect(await cut(4)).toBe(text);
  expect(await cut(99)).toBe(text);
});

test("the first ops may span several chunks", async () => {
  const ops = Array.from({ length: 2 * CHUNK_OPS }, (_, i) => `a ${i} 8`);
  const { chunks } = await openTrace(sourceOf(traceOf(ops)));
  const taken = await firstOps(chunks, CHUNK_OPS + 1);
  expect(taken.map((chunk) => chunk.count)).toEqual([CHUNK_OPS, 1]);
});
