/** Runs with figures that are made up, to test what reports look like. */

import type { Setting } from "../../cli/options.ts";
import type { Run } from "../../cli/run.ts";
import { terminalOf, type Terminal } from "../../cli/terminal.ts";

export const setting: Setting = {
  engine: "wasm",
  fit: "best",
  margin: "auto",
  small: "auto",
  memory: "wasm",
  limit: undefined,
};

/** A run of a trace of 46,931 ops. */
export function runOf(figures: Partial<Run> = {}): Run {
  return {
    trace: "traces/imagemagick.rep.gz",
    setting,
    engine: "wasm",
    ops: 46_931,
    failures: 0,
    skipped: 0,
    firstFailure: undefined,
    nsPerOp: 111.74,
    peakLiveBytes: 402_022,
    peakOp: 6442,
    peakHeapBytes: 458_752,
    utilisation: 0.8763,
    breakMoves: 1234,
    whole: true,
    fullest: {
      op: 6442,
      liveBytes: 402_022,
      internalBytes: 16_515,
      externalBytes: 17_432,
      overheadBytes: 22_783,
      heapBytes: 458_752,
      entries: [
        { address: 0, size: 1024, kind: "metadata" },
        { address: 1024, size: 403_000, kind: "used" },
        { address: 404_024, size: 54_728, kind: "free" },
      ],
    },
    ...figures,
  };
}

/** A terminal of this width that has neither colours nor characters beyond ASCII. */
export function terminalWith(columns: number): Terminal {
  return terminalOf({ isTTY: true, columns }, { LANG: "C" }, false);
}

export function widthOf(text: string): number {
  return Math.max(...text.split("\n").map((line) => line.length));
}
