/** One replay: a trace on a heap of a setting. */

import { HeapError, type Heap } from "../src/index.ts";
import { openTrace, type TraceSource } from "../trace/read.ts";
import { replay, snapshotAfter, type Replay } from "../trace/replay.ts";
import type { Snapshot } from "../trace/snapshot.ts";
import { makeHeap, type Setting } from "./options.ts";
import type { Progress } from "./progress.ts";
import { traceName } from "./report.ts";

/** A replay, with what was replayed and on what. */
export interface Run extends Replay {
  /** The path as it was given. */
  readonly trace: string;
  readonly setting: Setting;
  /** What `auto` came to. */
  readonly engine: "wasm" | "js";
  /** The heap when most bytes were live; undefined when none ever were, and where it was found broken. */
  readonly fullest: Snapshot | undefined;
}

/** A setting that no heap can have: the command was wrong, not the trace or the heap. */
export class SettingError extends Error {
  override readonly name = "SettingError";
}

/** How often a trace is replayed for the clock alone. */
const TIMED_REPLAYS = 2;

/**
 * Replays a trace on a new heap, twice more on the same heap, emptied, and on another new one up to the fullest moment.
 *
 * The first replay tells all figures but the time: it runs while the platform compiles the heap's calls and memory is
 * touched for the first time. The next two are for the clock alone, and the faster of them counts: what else the machine
 * does only ever adds. The last is for a look at the heap. With `check` the time is that of the first, and so it is where
 * the heap was found broken, which is not replayed on again.
 *
 * @param source one that can be read any number of times
 */
export async function run(
  source: TraceSource,
  setting: Setting,
  progress: Progress,
  check?: number,
): Promise<Run> {
  const heap = heapOf(setting);
  const trace = await openTrace(source);
  const { ops } = trace.header;
  const timed = check === undefined ? TIMED_REPLAYS : 0;
  progress.start(traceName(trace.file), ops * (1 + timed + 1));
  const found = await replay(heap, trace.chunks, {
    ...(check === undefined ? {} : { check }),
    onProgress: progress.update,
  });

  let nsPerOp = timed > 0 && found.whole ? Infinity : found.nsPerOp;
  for (let done = 1; done <= timed && found.whole; done += 1) {
    heap.reset();
    const again = await openTrace(source);
    const { nsPerOp: time } = await replay(heap, again.chunks, {
      onProgress: (replayed) => progress.update(ops * done + replayed),
    });
    nsPerOp = Math.min(nsPerOp, time);
  }

  let fullest: Snapshot | undefined;
  if (found.peakOp > 0 && found.whole) {
    const again = await openTrace(source);
    fullest = await snapshotAfter(found.peakOp, heapOf(setting), again.chunks, {
      onProgress: (replayed) => progress.update(ops * (1 + timed) + replayed),
    });
  }
  progress.stop();
  return { ...found, nsPerOp, fullest, trace: source.file, setting, engine: heap.engine };
}

/** A new heap. Throws `SettingError` where there can be none. */
export function heapOf(setting: Setting): Heap {
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

/** Shares of the largest footprint. With `utilisation` they add up to 1. */
export interface Shares {
  readonly internal: number;
  readonly external: number;
  readonly overhead: number;
  /** What the heap held at other moments, but not when most bytes were live. */
  readonly beyondFullest: number;
}

/** What the footprint is for when most bytes are live; undefined if none ever were, and if the heap was found broken. */
export function sharesOf({ fullest, peakHeapBytes }: Run): Shares | undefined {
  if (fullest === undefined) return undefined;
  return {
    internal: fullest.internalBytes / peakHeapBytes,
    external: fullest.externalBytes / peakHeapBytes,
    overhead: fullest.overheadBytes / peakHeapBytes,
    beyondFullest: (peakHeapBytes - fullest.heapBytes) / peakHeapBytes,
  };
}

/** Of what `--json` prints; a figure that goes, or means something else, makes it one more. */
export const JSON_VERSION = 1;

/** The figures of a run that `--json` prints, rounded to what can be told. */
export function runFigures(run: Run): Record<string, unknown> {
  const shares = sharesOf(run);
  const share = (of: number | undefined): number | null =>
    of === undefined ? null : rounded(of, 4);
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
    internalFragmentation: share(shares?.internal),
    externalFragmentation: share(shares?.external),
    overhead: share(shares?.overhead),
    beyondFullest: share(shares?.beyondFullest),
    breakMoves: run.breakMoves,
    fullestAtOp: run.fullest?.op ?? 0,
    fullestHeapBytes: run.fullest?.heapBytes ?? 0,
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

/** A sentence for each run that failed. `nameOf`: what to call it. */
export function failureSentences(runs: readonly Run[], nameOf: (run: Run) => string): string[] {
  return runs
    .filter(({ failures }) => failures > 0)
    .map((run) => {
      const times = run.failures === 1 ? "1 failure" : `${run.failures} failures, the first`;
      return `${nameOf(run)}: ${times} at ${run.firstFailure}`;
    });
}
