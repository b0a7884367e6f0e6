/** One replay: a trace on a heap of a setting. */

import { HeapError, type Heap } from "../src/index.ts";
import { openTrace, type TraceSource } from "../src/trace/read.ts";
import { replay, type Replay } from "../src/trace/replay.ts";
import { makeHeap, type Setting } from "./options.ts";
import type { Progress } from "./progress.ts";
import { traceName } from "./report.ts";
import { warmUp } from "./warm-up.ts";

/** A replay, with what was replayed and on what. */
export interface Run extends Replay {
  /** The path as it was given. */
  readonly trace: string;
  readonly setting: Setting;
  /** What `auto` came to. */
  readonly engine: "wasm" | "js";
}

/** A setting that no heap can have: the command was wrong, not the trace or the heap. */
export class SettingError extends Error {
  override readonly name = "SettingError";
}

export async function run(
  source: TraceSource,
  setting: Setting,
  progress: Progress,
  check?: number,
): Promise<Run> {
  const heap = heapOf(setting);
  if (check === undefined) await warmUp(setting);
  const trace = await openTrace(source);
  progress.start(traceName(trace.file), trace.header.ops);
  const found = await replay(heap, trace.chunks, {
    ...(check === undefined ? {} : { check }),
    onProgress: progress.update,
  });
  progress.stop();
  return { ...found, trace: source.file, setting, engine: heap.engine };
}

function heapOf(setting: Setting): Heap {
  try {
    return makeHeap(setting);
  } catch (error) {
    // A RangeError is the platform's: it has no memory of this size.
    if (error instanceof HeapError || error instanceof RangeError) {
      throw new SettingError(error.message);
    }
    throw error;
  }
}

/** The figures of a run that `--json` prints, rounded to what can be told. */
export function runFigures(run: Run): Record<string, unknown> {
  const heap = run.fullest?.heapBytes ?? 0;
  const ofHeap = (part: number | undefined): number =>
    heap === 0 ? 0 : rounded((part ?? 0) / heap, 4);
  return {
    trace: run.trace,
    ops: run.ops,
    failures: run.failures,
    skipped: run.skipped,
    firstFailure: run.firstFailure ?? null,
    nsPerOp: rounded(run.nsPerOp, 1),
    peakLiveBytes: run.peakLiveBytes,
    peakHeapBytes: run.peakHeapBytes,
    utilisation: rounded(run.utilisation, 4),
    internalFragmentation: ofHeap(run.fullest?.internalBytes),
    externalFragmentation: ofHeap(run.fullest?.externalBytes),
    overhead: ofHeap(run.fullest?.overheadBytes),
    breakMoves: run.breakMoves,
    fullestAtOp: run.fullest?.op ?? 0,
    fullestHeapBytes: heap,
  };
}

/** A setting as `--json` prints it. */
export function settingFigures(setting: Setting, engine: string): Record<string, unknown> {
  const { fit, margin, small, memory, limit } = setting;
  return { engine, fit, margin, small, memory, limit: limit ?? null };
}

export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** The sentence about runs that failed, or nothing. */
export function failureSentence(run: Run): string | undefined {
  if (run.failures === 0) return undefined;
  const times = run.failures === 1 ? "1 failure" : `${run.failures} failures, the first`;
  return `${run.trace}: ${times} at ${run.firstFailure}`;
}
