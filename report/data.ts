/** The data that a report's page contains: the runs, and the traces that they replay. */

import type { PlayerSetting } from "./player.ts";

/** The version of what the command line writes and the page reads. */
export const DATA_VERSION = 1;

/** One replay: a trace with a setting. */
export interface ReportRun {
  /** `nginx`, or `nginx, margin 64K`. */
  readonly name: string;
  /** The number of the trace: its element is `trace-0`. */
  readonly trace: number;
  readonly setting: PlayerSetting;
}

/** The content of the element `report`. */
export interface ReportData {
  readonly version: typeof DATA_VERSION;
  readonly title: string;
  readonly runs: readonly ReportRun[];
}

/** Where the page's template takes the data. */
export const DATA_MARK = "<!-- data -->";

/** The elements for the data. @param traces each packed, gzipped and in base64 */
export function dataElements(data: ReportData, traces: readonly string[]): string {
  // The text of a script element must not contain its end tag.
  const json = JSON.stringify(data).replaceAll("<", "\\u003c");
  const elements = traces.map(
    (trace, at) => `<script type="text/plain" id="trace-${at}">${trace}</script>`,
  );
  return [`<script type="application/json" id="report">${json}</script>`, ...elements].join("\n");
}
