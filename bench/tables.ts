// Prints one table per figure: a row per trace, a column per allocator, and heapwright compared with the best peer.
import Table from "cli-table3";
import type { Row, TraceResult } from "./results.ts";

interface Figure {
  readonly field: Exclude<keyof Row, "failure">;
  readonly title: string;
  /** Whether it is a share: more is better, shown in percent, compared in percentage points. */
  readonly share: boolean;
}

export const FIGURES: readonly Figure[] = [
  { field: "warm", title: "warm, ns per operation less the floor", share: false },
  { field: "cold", title: "cold, ns per operation less the floor", share: false },
  { field: "warmTouching", title: "warm, touching, ns per operation less the floor", share: false },
  { field: "coldTouching", title: "cold, touching, ns per operation less the floor", share: false },
  { field: "touched", title: "peak of live bytes / touched pages, %", share: true },
  { field: "reserved", title: "peak of live bytes / memory size, %", share: true },
  {
    field: "span",
    title: "peak of live bytes / heap from its first to its last used byte, %",
    share: true,
  },
];

/** Nanoseconds below which a time is noise around the floor. */
const LEAST = 0.1;

/** Returns the geometric mean. */
export function geomean(values: readonly number[]): number {
  return Math.exp(
    values.reduce((sum, value) => sum + Math.log(Math.max(value, LEAST / 100)), 0) / values.length,
  );
}

/** Returns the best figure of the named allocators on one trace, or undefined if none has one. */
export function best(
  result: TraceResult,
  names: readonly string[],
  { field, share }: Figure,
): number | undefined {
  const values = names.flatMap((name) => result.rows[name]?.[field] ?? []);
  if (!values.length) return undefined;
  return share ? Math.max(...values) : Math.max(LEAST, Math.min(...values));
}

const show = (value: number, share: boolean): string =>
  share ? (value * 100).toFixed(1) : value.toFixed(1);

/** Returns a table without lines between its rows. Columns after the first are aligned to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const plain = new Table({
    head: [...head],
    style: { head: [], border: [], compact: true, "padding-left": 1, "padding-right": 1 },
    chars: {
      top: "",
      "top-mid": "",
      "top-left": "",
      "top-right": "",
      bottom: "",
      "bottom-mid": "",
      "bottom-left": "",
      "bottom-right": "",
      left: "",
      "left-mid": "",
      mid: "",
      "mid-mid": "",
      right: "",
      "right-mid": "",
      middle: "",
    },
    colAligns: head.map((_, column) => (column ? "right" : "left")),
  });
  plain.push(...rows.map((row) => [...row]));
  return plain.toString();
}

/** Prints a table for each figure. The last columns compare heapwright with the best peer: a factor for times, percentage points for shares. */
export function printTables(
  results: readonly TraceResult[],
  ours: readonly string[],
  others: readonly string[],
): void {
  const names = [...ours, ...others];
  const failures: string[] = [];
  for (const figure of FIGURES) {
    const { field, title, share } = figure;
    if (!results.some(({ rows }) => names.some((name) => rows[name]?.[field] !== undefined)))
      continue;
    const ratios = new Map(ours.map((name) => [name, [] as number[]]));
    const body = results.map((result) => {
      const peer = best(result, others, figure);
      const cells = names.map((name) => {
        const value = result.rows[name]?.[field];
        return value === undefined ? "–" : show(value, share);
      });
      const against = ours.map((name) => {
        const value = result.rows[name]?.[field];
        if (value === undefined || peer === undefined) return "–";
        const ratio = share ? (value - peer) * 100 : Math.max(value, LEAST) / peer;
        ratios.get(name)!.push(ratio);
        return share ? `${ratio >= 0 ? "+" : ""}${ratio.toFixed(1)}` : ratio.toFixed(2);
      });
      return [result.trace, ...cells, peer === undefined ? "–" : show(peer, share), ...against];
    });
    const mean = (values: number[]): string => (values.length ? show(geomean(values), share) : "–");
    const bestMean = mean(results.flatMap((result) => best(result, others, figure) ?? []));
    const means = names.map((name) =>
      mean(results.flatMap(({ rows }) => rows[name]?.[field] ?? [])),
    );
    const overall = ours.map((name) => {
      const values = ratios.get(name)!;
      if (!values.length) return "–";
      return share
        ? `min ${Math.min(...values).toFixed(1)}`
        : `${geomean(values).toFixed(3)} max ${Math.max(...values).toFixed(2)}`;
    });
    process.stdout.write(`\n${title}\n`);
    const head = [
      `trace`,
      ...names,
      "best peer",
      ...ours.map((name) => `${name} ${share ? "−" : "/"} best`),
    ];
    process.stdout.write(
      `${table(head, [...body, ["geomean", ...means, bestMean, ...overall]])}\n`,
    );
  }
  for (const { trace, rows } of results) {
    for (const name of names) {
      const failure = rows[name]?.failure;
      if (failure) failures.push(`  ${name} on ${trace}: ${failure}`);
    }
  }
  if (failures.length) process.stdout.write(`\nwithout figures\n${failures.join("\n")}\n`);
  const floors = results.map(({ floor }) => floor.warm!);
  process.stdout.write(
    `\nfloor: ${Math.min(...floors).toFixed(1)} to ${Math.max(...floors).toFixed(1)} ns per operation\n`,
  );
}
