/** Traces as text, and what reading and replaying them gives. */

import { expect } from "vitest";

import { TraceError } from "../../trace/error.ts";
import { type OpChunk, opText, siteOf, timeOf } from "../../trace/ops.ts";
import { openTrace, type TraceSource } from "../../trace/read.ts";
import { replay, type ReplayHeap, type ReplayOptions, snapshotAfter } from "../../trace/replay.ts";
import type { Frame } from "../../trace/sites.ts";
import type { Snapshot } from "../../trace/snapshot.ts";
import { ToyHeap } from "./toy-heap.ts";

/** A trace of these ops, whose header has the right counts. */
export function traceOf(...lines: (string | string[])[]): string {
  const ops = lines.flat();
  const counted = ops.filter((op) => !/^[ts]/.test(op));
  const named = counted.flatMap((op) => /^[azmr] (\d+)/.exec(op)?.[1] ?? []).map(Number);
  const ids = 1 + named.reduce((most, id) => Math.max(most, id), -1);
  return [0, ids, counted.length, 1, ...ops, ""].join("\n");
}

/** A trace with every kind of op. */
export const everyKind = traceOf(
  "a 0 5",
  "z 1 0",
  "t 3",
  "m 2 100 64",
  "r 0 4294967295",
  "f 1",
  "t 0",
  "f 2",
);

/** Its ops as `linesOf` prints them. */
export const everyOp = [
  "0: a 0 5",
  "0: z 1 0",
  "3: m 2 100 64",
  "3: r 0 4294967295",
  "3: f 1",
  "0: f 2",
];

export function sourceOf(...blocks: (string | Uint8Array)[]): TraceSource {
  return {
    file: "x.rep",
    rereadable: true,
    bytes: async function* () {
      for (const block of blocks) yield Buffer.from(block);
    },
  };
}

export async function chunksOf(source: TraceSource): Promise<OpChunk[]> {
  const all: OpChunk[] = [];
  for await (const chunk of (await openTrace(source)).chunks) all.push(chunk);
  return all;
}

export function linesOf(chunks: readonly OpChunk[]): string[] {
  return chunks.flatMap((chunk) =>
    Array.from({ length: chunk.count }, (_, i) => `${chunk.threads[i]}: ${opText(chunk, i)}`),
  );
}

/** An op, and what its trace says about the call. */
export interface Call {
  readonly text: string;
  readonly thread: number;
  /** From the innermost frame out. */
  readonly stack: readonly Frame[];
  readonly time: number;
}

export async function callsOf(source: TraceSource): Promise<Call[]> {
  const { chunks, sites } = await openTrace(source);
  const calls: Call[] = [];
  for await (const chunk of chunks) {
    for (let i = 0; i < chunk.count; i += 1) {
      const stack = sites.stackOf(siteOf(chunk, i));
      const [thread, time] = [chunk.threads[i]!, timeOf(chunk, i)];
      calls.push({ text: opText(chunk, i), thread, stack, time });
    }
  }
  return calls;
}

export async function readError(source: TraceSource): Promise<TraceError> {
  const error = await chunksOf(source).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TraceError);
  return error as TraceError;
}

/** Expects that reading fails at a line, with an error that contains `found` and `expected`. */
export async function expectReadError(
  text: string,
  line: number,
  found: string,
  expected: string,
): Promise<void> {
  const error = await readError(sourceOf(text));
  expect(error.line).toBe(line);
  expect(error.found).toContain(found);
  expect(error.expected).toContain(expected);
  expect(error.message).toBe(`x.rep:${line}: found ${error.found}, expected ${error.expected}`);
}

export async function replayOf(
  heap: ReplayHeap,
  text: string,
  options?: ReplayOptions,
): ReturnType<typeof replay> {
  return replay(heap, (await openTrace(sourceOf(text))).chunks, options);
}

/** A toy heap of `bytes` bytes, when most bytes of the trace are live. */
export async function fullestOf(text: string, bytes?: number): Promise<Snapshot> {
  const { peakOp } = await replayOf(new ToyHeap(bytes), text);
  const { chunks } = await openTrace(sourceOf(text));
  return snapshotAfter(peakOp, new ToyHeap(bytes), chunks);
}
