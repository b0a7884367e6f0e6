/** Numbers, names and tables as reports print them. */

import { describe, expect, test } from "vitest";

import {
  bytes,
  count,
  duration,
  percent,
  plural,
  table,
  traceName,
  wrap,
  type Column,
} from "../../cli/report.ts";
import { terminalWith } from "./runs.ts";

test("numbers", () => {
  expect([999, 46931].map(count)).toEqual(["999", "46,931"]);
  expect([0, 999, 1000, 65536, 15_728_640, 2 ** 32].map(bytes)).toEqual([
    "0 B",
    "999 B",
    "1.0 KiB",
    "64 KiB",
    "15 MiB",
    "4 GiB",
  ]);
  expect(percent(0.9314)).toBe("93.1%");
  expect([1, 1700].map((value) => plural(value, "op"))).toEqual(["1 op", "1,700 ops"]);
  expect([0, 12.4, 60, 200, 3600, 7530].map(duration)).toEqual([
    "0 s",
    "12 s",
    "1 min",
    "3 min",
    "1 h",
    "2 h 6 min",
  ]);
});

test("names of traces", () => {
  const files = ["trace/recorded/lua.rep.gz", "C:\\traces\\lua.rep", "lua", "-", "/dev/stdin"];
  expect(files.map(traceName)).toEqual(["lua", "lua", "lua", "-", "stdin"]);
});

test("text breaks between words, and a long word has its own line", () => {
  expect(wrap("one two three", 7)).toBe("one two\nthree");
  expect(wrap("a incomprehensible b", 8)).toBe("a\nincomprehensible\nb");
});

describe("a table", () => {
  const columns: Column[] = [
    { title: "name", align: "left", role: "label" },
    { title: "peak live", align: "right", role: "optional" },
    { title: "footprint", align: "right" },
    { title: "break moves", align: "right", role: "optional" },
  ];
  const rows = [
    { label: "lua", cells: ["lua", "1 KiB", "2 KiB", "3"] },
    { label: "python", cells: ["python", "4 KiB", "5 KiB", "6"] },
  ];
  const lines = (width: number): string[] =>
    table(columns, rows, terminalWith(width)).trimEnd().split("\n");

  test("has headings of one line if the terminal is wide enough", () => {
    const wide = [
      "name    peak live  footprint  break moves",
      "-----------------------------------------",
      "lua         1 KiB      2 KiB            3",
      "python      4 KiB      5 KiB            6",
    ];
    expect(lines(120)).toEqual(wide);
    expect(lines(41)).toEqual(wide);
  });

  test("has headings of two lines, then less space between columns", () => {
    expect(lines(40)).toEqual([
      "         peak             break",
      "name     live  footprint  moves",
      "-------------------------------",
      "lua     1 KiB      2 KiB      3",
      "python  4 KiB      5 KiB      6",
    ]);
    expect(lines(30)[2]).toBe("-".repeat(28));
  });

  test("leaves out optional columns, the first one first, and says so", () => {
    expect(lines(27)).toEqual([
      "                 break",
      "name   footprint moves",
      "----------------------",
      "lua        2 KiB     3",
      "python     5 KiB     6",
      "Without peak live: widen",
      "the terminal, or use",
      "--json.",
    ]);
    expect(lines(20).slice(-3)).toEqual(
      ["Without peak live", "and break moves:", "widen the terminal,", "or use --json."].slice(-3),
    );
  });

  test("is a record for each row if nothing else fits", () => {
    expect(lines(14)).toEqual([
      "lua",
      "  peak live    1 KiB",
      "  footprint    2 KiB",
      "  break moves  3",
      "",
      "python",
      "  peak live    4 KiB",
      "  footprint    5 KiB",
      "  break moves  6",
    ]);
  });
});
