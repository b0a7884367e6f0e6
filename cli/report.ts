/** Numbers and tables for people. */

import Table from "cli-table3";

import type { Terminal } from "./terminal.ts";

/** `46,931` */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** `512 B`, `15.4 KiB`, `1 MiB` */
export function bytes(value: number): string {
  let shown = value;
  let unit = "B";
  for (const larger of ["KiB", "MiB", "GiB"]) {
    if (shown < 1000) break;
    shown /= 1024;
    unit = larger;
  }
  return `${Number.isInteger(shown) ? shown : shown.toFixed(1)} ${unit}`;
}

/** `93.1%` */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}

/** What a trace is called in a table: its file's name without folder and ending. */
export function traceName(file: string): string {
  return file.replace(/^.*[/\\](?=.)/, "").replace(/\.rep(\.gz)?$/, "");
}

/** Rows under a head, numbers to the right; the first `texts` columns are text, to the left. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  texts: number,
  { unicode, paint }: Terminal,
): string {
  const none = { top: "", "top-mid": "", "top-left": "", "top-right": "" };
  const sides = { bottom: "", "bottom-mid": "", "bottom-left": "", "bottom-right": "" };
  const rule = unicode ? "─" : "-";
  const drawn = new Table({
    head: head.map((title) => title.split("\n").map(paint.bold).join("\n")),
    colAligns: head.map((_, column) => (column < texts ? "left" : "right")),
    style: { head: [], border: [], compact: true, "padding-left": 0, "padding-right": 0 },
    chars: {
      ...none,
      ...sides,
      left: "",
      right: "",
      middle: " ",
      mid: rule,
      "left-mid": "",
      "mid-mid": rule,
      "right-mid": "",
    },
  });
  drawn.push(...rows.map((row) => [...row]));
  return `${drawn.toString()}\n`;
}
