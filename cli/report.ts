/** Numbers, sentences and tables for people. */

import Table from "cli-table3";
import { Help } from "commander";

import { count } from "../report/text.ts";
import type { Terminal } from "./terminal.ts";

export { bytes, count, percent, plural } from "../report/text.ts";

/** `12 s`, `4 min`, `2 h 5 min` */
export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const rest = minutes % 60;
  return `${count(Math.floor(minutes / 60))} h${rest === 0 ? "" : ` ${rest} min`}`;
}

/** What a trace is called in a table: its file's name without folder and ending. */
export function traceName(file: string): string {
  return file.replace(/^.*[/\\](?=.)/, "").replace(/\.rep(\.gz)?$/, "");
}

/**
 * The text in lines of at most `columns` characters, broken between words, but not within `15.4 KiB`. A longer word has a line
 * of its own.
 */
export function wrap(text: string, columns: number): string {
  const help = new Help();
  help.minWidthToWrap = 1;
  const kept = text.replaceAll(/(?<=\d) (?=[KMG]?i?B\b)/g, "\0");
  return help.boxWrap(kept, columns).replaceAll("\0", " ");
}

/** A column of a table. */
export interface Column {
  readonly title: string;
  /** Texts are on the left, numbers on the right. */
  readonly align: "left" | "right";
  /** `"label"`: part of the label of a record. `"optional"`: left out if the terminal is too narrow. */
  readonly role?: "label" | "optional";
}

export interface Row {
  /** What the row is about: the first line of a record. */
  readonly label: string;
  /** One for each column. */
  readonly cells: readonly string[];
}

/**
 * A table that fits the terminal. On a narrow one, the headings take two lines, then the space between columns shrinks,
 * then optional columns are left out, the first one first. If that is not enough, each row is a record.
 */
export function table(
  columns: readonly Column[],
  rows: readonly Row[],
  terminal: Terminal,
): string {
  const optional = columns.filter(({ role }) => role === "optional");
  const layouts = [
    { gap: 2, stacked: false, omitted: [] },
    { gap: 2, stacked: true, omitted: [] },
    ...[0, ...optional.map((_, at) => at + 1)].map((omitted) => ({
      gap: 1,
      stacked: true,
      omitted: optional.slice(0, omitted),
    })),
  ];
  for (const { gap, stacked, omitted } of layouts) {
    const shown = [...columns.keys()].filter((at) => !omitted.includes(columns[at]!));
    const heads = shown.map((at) => columns[at]!.title);
    const drawn = draw(
      stacked ? heads.map((title) => title.replaceAll(" ", "\n")) : heads,
      shown.map((at) => columns[at]!.align),
      rows.map(({ cells }) => shown.map((at) => cells[at]!)),
      gap,
      terminal,
    );
    if (drawn.columns <= terminal.columns) return `${drawn.text}${noteOf(omitted, terminal)}`;
  }
  return records(columns, rows, terminal);
}

function noteOf(omitted: readonly Column[], { columns, paint }: Terminal): string {
  if (omitted.length === 0) return "";
  const titles = omitted.map(({ title }) => title).join(" and ");
  const note = `Without ${titles}: widen the terminal, or use --json.`;
  return `${paint.dim(wrap(note, columns))}\n`;
}

/** Rows under their headings, and how wide they are. */
function draw(
  heads: readonly string[],
  aligns: readonly ("left" | "right")[],
  rows: readonly (readonly string[])[],
  gap: number,
  { unicode, paint }: Terminal,
): { text: string; columns: number } {
  const rule = unicode ? "─" : "-";
  const none = { top: "", "top-mid": "", "top-left": "", "top-right": "" };
  const sides = { bottom: "", "bottom-mid": "", "bottom-left": "", "bottom-right": "" };
  const drawn = new Table({
    head: heads.map((title) => title.split("\n").map(paint.bold).join("\n")),
    colAligns: [...aligns],
    rowAligns: ["bottom"],
    style: { head: [], border: [], compact: true, "padding-left": 0, "padding-right": 0 },
    chars: {
      ...none,
      ...sides,
      left: "",
      right: "",
      middle: " ".repeat(gap),
      mid: rule,
      "left-mid": "",
      "mid-mid": rule.repeat(gap),
      "right-mid": "",
    },
  });
  drawn.push(...rows.map((row) => [...row]));
  const lines = drawn.toString().split("\n");
  // The line under the headings has no colours.
  const columns = lines.find((line) => line.startsWith(rule))!.length;
  return { text: lines.map((line) => `${line.trimEnd()}\n`).join(""), columns };
}

/** Each row as a block: its label, then a line for each figure. */
function records(columns: readonly Column[], rows: readonly Row[], { paint }: Terminal): string {
  const figures = [...columns.keys()].filter((at) => columns[at]!.role !== "label");
  const width = Math.max(...figures.map((at) => columns[at]!.title.length));
  const blocks = rows.map(({ label, cells }) => [
    paint.bold(label),
    ...figures.map((at) => `  ${columns[at]!.title.padEnd(width)}  ${cells[at]}`),
  ]);
  return blocks.map((lines) => `${lines.join("\n")}\n`).join("\n");
}
