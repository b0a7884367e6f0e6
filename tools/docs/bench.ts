/** Figures from bench/results/bench.json, which `npm run bench` records. */

import {
  FROM_JS,
  FROM_WASM,
  readResults,
  THI_NG_MALLOC,
  type Accesses,
  type Results,
  type Row,
  type TraceResult,
} from "../../bench/results.ts";
import { geomean } from "../../bench/tables.ts";
import { markdown } from "./markdown.ts";
import type { Figure } from "./regions.ts";

const OURS = "heapwright";
const DLMALLOC = "em-dlmalloc";
const MIMALLOC = "mimalloc";

/** The names of the allocators in documents. */
const TITLES: Readonly<Record<string, string>> = {
  [OURS]: "heapwright",
  [DLMALLOC]: "dlmalloc (Emscripten)",
  "wasi-dlmalloc": "dlmalloc (wasi-libc)",
  [MIMALLOC]: "mimalloc",
  emmalloc: "emmalloc",
  "as-tlsf": "AssemblyScript's TLSF",
  [FROM_WASM]: "heapwright, wasm",
  [FROM_JS]: "heapwright, js",
  [THI_NG_MALLOC]: "@thi.ng/malloc",
};

type Field = Exclude<keyof Row, "failure">;

const titleOf = (name: string): string => TITLES[name] ?? name;
const fixed = (value: number | undefined): string =>
  value === undefined
    ? "–"
    : value.toLocaleString("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const percent = (share: number | undefined): string => fixed(share && share * 100);
const count = (value: number): string => value.toLocaleString("en-US");

/** Returns a section of the recorded results. Throws if it is missing. */
function section<Name extends keyof Results>(name: Name): NonNullable<Results[Name]> {
  const found = readResults()[name];
  if (found === undefined) {
    throw new Error(`bench/results/bench.json has no section "${name}": run npm run bench`);
  }
  return found;
}

/** Returns the geometric mean of an allocator's figure over the traces that it can run. */
function mean(name: string, field: Field): number {
  return geomean(section("traces").flatMap(({ rows }) => rows[name]?.[field] ?? []));
}

/** Returns the fastest peer of a trace. */
function fastestPeer({ rows }: TraceResult, field: Field): { name: string; time: number } {
  const [fastest] = Object.entries(rows)
    .filter(([name]) => name !== OURS)
    .flatMap(([name, row]) => (row[field] === undefined ? [] : { name, time: row[field] }))
    .toSorted((a, b) => a.time - b.time);
  return fastest!;
}

/** Returns the geometric mean of the fastest peer of each trace. */
const meanOfFastest = (field: Field): number =>
  geomean(section("traces").map((result) => fastestPeer(result, field).time));

function timeTable(): string {
  const fields = ["warm", "cold"] as const;
  const rows = section("traces").map((result) => [
    result.trace,
    ...fields.flatMap((field) => {
      const peer = fastestPeer(result, field);
      return [fixed(result.rows[OURS]?.[field]), fixed(peer.time), titleOf(peer.name)];
    }),
  ]);
  const means = fields.flatMap((field) => [
    fixed(mean(OURS, field)),
    fixed(meanOfFastest(field)),
    "",
  ]);
  return markdown({
    head: ["trace", "warm", "fastest peer", "which", "cold", "fastest peer", "which"],
    rows: [...rows, ["geometric mean", ...means]],
  });
}

function memoryTable(): string {
  const columns = (["touched", "reserved"] as const).flatMap((field) =>
    [OURS, DLMALLOC, MIMALLOC].map((name) => ({ field, name })),
  );
  const rows = section("traces").map(({ trace, rows: found }) => [
    trace,
    ...columns.map(({ field, name }) => percent(found[name]?.[field])),
  ]);
  return markdown({
    head: [
      "trace",
      ...columns.map(({ field, name }) => `${field}: ${titleOf(name).replace(/ .*/, "")}`),
    ],
    rows: [
      ...rows,
      ["geometric mean", ...columns.map(({ field, name }) => percent(mean(name, field)))],
    ],
  });
}

function fromJsTable(): string {
  const results = section("javascript");
  const names = [...new Set(results.flatMap(({ first }) => Object.keys(first)))];
  return markdown({
    head: ["trace", ...names.map(titleOf)],
    rows: results.map(({ trace, first }) => [trace, ...names.map((name) => fixed(first[name]))]),
  });
}

function growthTable(): string {
  const names = [OURS, DLMALLOC, MIMALLOC];
  return markdown({
    head: ["live blocks", ...names.map(titleOf), "one random read"],
    rows: section("growth").map(({ live, access, rows }) => [
      count(live),
      ...names.map((name) => fixed(rows[name])),
      fixed(access),
    ]),
  });
}

const accessHead = ["median", "p99", "p99.9", "maximum"];
const accessCells = ({ median, p99, p999, max }: Accesses): string[] =>
  [median, p99, p999, max].map(count);

function accessTable(): string {
  return markdown({
    head: ["trace", ...accessHead, "maximum if the break moves"],
    rows: section("accesses").traces.map(({ trace, staying, moving }) => [
      trace,
      ...accessCells(staying),
      count(moving),
    ]),
  });
}

function accessGrowthTable(): string {
  return markdown({
    head: ["live blocks", ...accessHead],
    rows: section("accesses").growth.map(({ live, staying }) => [
      count(live),
      ...accessCells(staying),
    ]),
  });
}

function typedTable(): string {
  return markdown({
    head: ["read of one number", "ns"],
    rows: section("typed").map(({ way, time }) => [
      way.includes(" typed ") ? way : `\`${way}\``,
      fixed(time),
    ]),
  });
}

function sizeTable(): string {
  const versions = section("versions");
  return markdown({
    head: ["module", "version", "bytes, gzipped"],
    rows: Object.entries(section("gzipped")).map(([name, bytes]) => [
      name === OURS ? "`heap.wasm`" : titleOf(name),
      versions[name] ?? "",
      count(bytes),
    ]),
  });
}

function machine(): string {
  const { processor, cores, system, node, date } = section("machine");
  return `${processor}, ${cores} cores, ${system}, Node ${String(node).replace(/^v/, "")}, ${date}`;
}

const NUMBERS =
  "no one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty".split(
    " ",
  );

/** Returns a number as a word, up to twenty. */
export const inWords = (value: number): string => NUMBERS[value] ?? String(value);

const rounded = (time: number): string => `${Math.round(time)} ns`;

export const BENCH: Readonly<Record<string, Figure>> = {
  "bench machine": { text: machine },
  "bench traces": { text: () => inWords(section("traces").length) },
  "bench warm": { text: () => rounded(mean(OURS, "warm")) },
  "bench warm of the fastest peers": { text: () => rounded(meanOfFastest("warm")) },
  "bench reserved": { text: () => `${percent(mean(OURS, "reserved"))}%` },
  "bench reserved by dlmalloc": { text: () => `${percent(mean(DLMALLOC, "reserved"))}%` },
  "bench size": { text: () => count(section("gzipped")[OURS]!) },
  "bench time": { text: timeTable },
  "bench memory": { text: memoryTable },
  "bench javascript": { text: fromJsTable },
  "bench growth": { text: growthTable },
  "bench accesses": { text: accessTable },
  "bench accesses by growth": { text: accessGrowthTable },
  "bench typed": { text: typedTable },
  "bench sizes": { text: sizeTable },
};
