/** One replay: a trace on a heap of a setting. */

import type { OpChunk } from "../trace/ops.ts";
import { openTrace } from "../trace/read.ts";
import { replay, snapshotAfter, type Replay } from "../trace/replay.ts";
import type { Snapshot } from "../trace/snapshot.ts";
import { heapOf, type Setting } from "./options.ts";
import { plural } from "./report.ts";
import { inPieces, type Input } from "./traces.ts";

/** A replay, with what was replayed and on what. */
export interface Run extends Replay {
  /** The path as it was given. */
  readonly trace: string;
  readonly setting: Setting;
  /** The engine that ran: `auto` selects one. */
  readonly engine: "wasm" | "js";
  /** The heap when most bytes were live; undefined if none ever were, or if the heap was found broken. */
  readonly fullest: Snapshot | undefined;
}

/** How often a trace is replayed for the time alone. */
const TIMED_REPLAYS = 2;

/** How often `run` replays a trace: for its figures, for the time, and to look at the heap. */
export const REPLAYS = 1 + TIMED_REPLAYS + 1;

/** Progress is reported after so many ops: milliseconds in most heaps, and a second in one that searches a million blocks. */
const PIECE = 1024;

/**
 * Replays a trace four times, or twice with `check`:
 *
 * 1. on a new heap, for all figures except the time: the platform compiles the heap's calls meanwhile
 * 2. on the same heap, emptied, for the time
 * 3. the same again; the faster of the two counts, since other programs on the machine can only slow a replay down
 * 4. on another new heap, up to the moment when most bytes are live, to look at the heap
 *
 * With `check`, 2 and 3 are left out, and the time is that of 1. A heap that was found broken is not replayed on again.
 *
 * @param source can be read any number of times
 * @param onProgress called with the share of the work that is done, from 0 to 1
 * @throws {SettingError} if no heap can have this setting
 * @throws {TraceError} if the trace is invalid
 */
export async function run(
  { source, ops }: Input,
  setting: Setting,
  onProgress: (share: number) => void,
  check?: number,
): Promise<Run> {
  const timed = check === undefined ? TIMED_REPLAYS : 0;
  let before = 0;
  const options = {
    onProgress: (replayed: number) => onProgress((before + replayed) / (ops * (1 + timed + 1))),
  };
  const open = async (): Promise<AsyncIterable<OpChunk>> =>
    inPieces((await openTrace(source)).chunks, PIECE);

  const heap = heapOf(setting);
  const found = await replay(
    heap,
    await open(),
    check === undefined ? options : { ...options, check },
  );

  let nsPerOp = timed > 0 && found.whole ? Infinity : found.nsPerOp;
  for (let done = 0; done < timed && found.whole; done += 1) {
    before += ops;
    heap.reset();
    const { nsPerOp: time } = await replay(heap, await open(), options);
    nsPerOp = Math.min(nsPerOp, time);
  }

  let fullest: Snapshot | undefined;
  if (found.peakOp > 0 && found.whole) {
    before += ops;
    fullest = await snapshotAfter(found.peakOp, heapOf(setting), await open(), options);
  }
  onProgress(1);
  return { ...found, nsPerOp, fullest, trace: source.file, setting, engine: heap.engine };
}

/** Shares of the footprint. With `utilisation` they add up to 1. */
export interface Shares {
  readonly internal: number;
  readonly external: number;
  readonly overhead: number;
  /** What the heap held at other moments, but not when most bytes were live. */
  readonly beyondFullest: number;
}

/** What the footprint is used for when most bytes are live; undefined if none ever were, or if the heap was found broken. */
export function sharesOf({ fullest, peakHeapBytes }: Run): Shares | undefined {
  if (fullest === undefined) return undefined;
  return {
    internal: fullest.internalBytes / peakHeapBytes,
    external: fullest.externalBytes / peakHeapBytes,
    overhead: fullest.overheadBytes / peakHeapBytes,
    beyondFullest: (peakHeapBytes - fullest.heapBytes) / peakHeapBytes,
  };
}

/** The version of what `--json` prints. A figure that is removed or changes its meaning raises it. */
export const JSON_VERSION = 1;

/** The figures of a run as `--json` prints them. */
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

/** Rounded to so many decimal places. */
export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** A sentence for each run that had failures. `nameOf` names the run. */
export function failureSentences(runs: readonly Run[], nameOf: (run: Run) => string): string[] {
  return runs
    .filter(({ failures }) => failures > 0)
    .map((run) => {
      const first = run.failures === 1 ? "" : ", the first";
      return `${nameOf(run)}: ${plural(run.failures, "failure")}${first} at ${run.firstFailure}`;
    });
}
