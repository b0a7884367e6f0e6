// The figures of bench:native as Markdown tables: printed, and put into documents by `npm run docs:figures`.

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { geomean } from "../tables.ts";
import type { Result, Results, Row } from "./results.ts";

const OURS = "heapwright";
const MB = 1e6;

/** A Markdown table, numbers to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(3, ...all.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(" | ")} |`;
  const rule = widths.map((width, i) =>
    i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  return [line(head), `| ${rule.join(" | ")} |`, ...rows.map(line)].join("\n");
}

const allocatorsOf = (results: readonly Result[]): string[] => [
  ...new Set(results.flatMap(({ rows }) => Object.keys(rows))),
];

const cell = (value: number | undefined, digits: number): string =>
  value === undefined ? "–" : value.toFixed(digits);

/** Ours as a factor of each other allocator: geometric mean over the results that both have. */
function factors(
  results: readonly Result[],
  figure: (row: Row, result: Result) => number | undefined,
): Map<string, number> {
  const found = new Map<string, number>();
  for (const name of allocatorsOf(results)) {
    const ratios = results.flatMap((result) => {
      const [ours, theirs] = [result.rows[OURS], result.rows[name]].map(
        (row) => row && figure(row, result),
      );
      return ours === undefined || theirs === undefined ? [] : [ours / theirs];
    });
    if (ratios.length > 0) found.set(name, geomean(ratios));
  }
  return found;
}

/** A row a result, a column an allocator, and how ours compares. */
function figures(
  first: string,
  results: readonly Result[],
  digits: number,
  figure: (row: Row, result: Result) => number | undefined,
): string {
  const names = allocatorsOf(results);
  const body = results.map((result) => [
    result.name,
    ...names.map((name) => cell(result.rows[name] && figure(result.rows[name], result), digits)),
  ]);
  const against = factors(results, figure);
  const last = names.map((name) => (name === OURS ? "" : cell(against.get(name), 2)));
  return table([first, ...names], [...body, ["heapwright / other", ...last]]);
}

const warm = (row: Row): number | undefined => row["warm"];
const lessFloor = (row: Row, { floor }: Result): number | undefined =>
  row["warm"] === undefined ? undefined : Math.max(0.1, row["warm"] - (floor?.["warm"] ?? 0));

/** Those that documents have. */
const NAMES = ["traces", "traces-memory", "threads", "threads-scaling"];

/** The tables by name. */
function tables(results: Partial<Results>): Map<string, [title: string, text: string]> {
  const { traces, programs, threads } = results;
  const made = new Map<string, [string, string]>();
  if (traces !== undefined) {
    const floor = traces.map((each) => each.floor?.["warm"] ?? 0);
    made.set("traces", [
      `traces, warm, ns per operation; the harness takes ${Math.min(...floor).toFixed(1)} to ${Math.max(...floor).toFixed(1)} of them`,
      figures("trace", traces, 1, warm),
    ]);
    made.set("traces-floor", ["the same less the harness", figures("trace", traces, 1, lessFloor)]);
    made.set("traces-touching", [
      "the same, with the first and the last byte of each block written",
      figures("trace", traces, 1, (row) => row["touching"]),
    ]);
    made.set("traces-memory", [
      "traces, peak memory, MB",
      figures("trace", traces, 2, (row) => row["peak"]! / MB),
    ]);
  }
  if (programs !== undefined) {
    made.set("programs", [
      "programs, CPU time, ms",
      figures("program", programs, 0, (row) => row["cpu"]! / 1000),
    ]);
    made.set("programs-memory", [
      "programs, peak memory, MB",
      figures("program", programs, 1, (row) => row["peak"]! / MB),
    ]);
  }
  if (threads !== undefined) {
    made.set("threads", [
      "two threads, ns of CPU time per allocation with its free",
      figures("pattern", threads, 1, (row) => row["two"]),
    ]);
    const names = allocatorsOf(threads);
    const scaled = threads.filter(({ rows }) => rows[OURS]?.["one"] !== undefined);
    made.set("threads-scaling", [
      "throughput of two threads on two cores against one, by CPU time",
      table(
        ["pattern", ...names],
        scaled.map(({ name, rows }) => [
          name,
          ...names.map((each) => {
            const row = rows[each];
            return cell(row && (2 * row["one"]!) / row["two"]!, 2);
          }),
        ]),
      ),
    ]);
  }
  return made;
}

export function printTables(results: Partial<Results>): void {
  for (const [title, text] of tables(results).values())
    process.stdout.write(`\n${title}\n\n${text}\n`);
}

export const RESULTS = fileURLToPath(new URL("../results/native.json", import.meta.url));

/** What was recorded last. */
export function readResults(): Partial<Results> {
  return existsSync(RESULTS) ? (JSON.parse(readFileSync(RESULTS, "utf8")) as Results) : {};
}

/** Sentences' figures: ours as a share of each other allocator's. */
const SHARES: Readonly<Record<string, (results: Partial<Results>) => string | undefined>> = {
  "traces shares": ({ traces }) => traces && shares(traces, warm),
  "traces-memory shares": ({ traces }) => traces && shares(traces, (row) => row["peak"]),
  "threads shares": ({ threads }) => threads && shares(threads, (row) => row["two"]),
};

/** "0.59 of glibc's, 1.04 of jemalloc's and 1.85 of mimalloc's". */
function shares(
  results: readonly Result[],
  figure: (row: Row, result: Result) => number | undefined,
): string {
  const each = [...factors(results, figure)]
    .filter(([name]) => name !== OURS)
    .map(([name, factor]) => `${factor.toFixed(2)} of ${name}'s`);
  return `${each.slice(0, -1).join(", ")} and ${each.at(-1)}`;
}

/** A figure of documents, generated from what was recorded. */
function figureOf(make: (results: Partial<Results>) => string | undefined): { text(): string } {
  return {
    text() {
      const made = make(readResults());
      if (made === undefined) throw new Error(`no figures: run npm run bench:native -- --record`);
      return made;
    },
  };
}

/** The tables and figures that documents have, by name. */
export const NATIVE: Readonly<Record<string, { text(): string }>> = Object.fromEntries([
  ...NAMES.map((name) => [`native ${name}`, figureOf((results) => tables(results).get(name)?.[1])]),
  ...Object.entries(SHARES).map(([name, make]) => [`native ${name}`, figureOf(make)]),
]);
