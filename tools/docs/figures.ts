/** Every generated figure, table and sample of the documents, by name. */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { NATIVE } from "../../bench/native/tables.ts";
import { MAX_SMALL } from "../../engine/classes.ts";
import { CLASS_COUNT } from "../../engine/control.ts";
import { COLUMNS, rowOf } from "../../trace/recorded/table.ts";
import { BENCH, inWords } from "./bench.ts";
import { markdown } from "./markdown.ts";
import { recordedTables } from "./recorded.ts";
import type { Figure } from "./regions.ts";
import { SAMPLES } from "./samples.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TRACES = `${ROOT}trace/recorded/`;

const text = (path: string): string => readFileSync(ROOT + path, "utf8");
const read = <T>(path: string): T => JSON.parse(text(path)) as T;

/** Returns the largest gzipped size of a file that `npm run size` allows. */
function limitOf(path: string): string {
  const limits = read<{ path: string; limit: string }[]>(".size-limit.json");
  return limits.find((each) => each.path === path)!.limit;
}

const traceFiles = (): string[] =>
  readdirSync(TRACES)
    .filter((name) => name.endsWith(".rep.gz"))
    .toSorted();

/** Returns a table that a command recorded. Throws if it is missing. */
function recorded(name: string, keys: readonly string[], command: string): string {
  const all = recordedTables(name);
  const tables = keys.map((key) => {
    const table = all[key];
    if (table === undefined) {
      throw new Error(`bench/results/${name}.json has no table "${key}": run ${command}`);
    }
    return table;
  });
  return markdown({ head: tables[0]!.head, rows: tables.flatMap(({ rows }) => rows) });
}

const RUNTIMES = "npm run test:runtimes -- --record";
const INTEROP = "npm run test:interop -- --record";
const LARGE_PROGRAMS = ["lua", "sqlite", "sqlite-speedtest1"];
const SMALL_PROGRAMS = ["assemblyscript", "c", "cpp", "rust", "shared"];

export const FIGURES: Readonly<Record<string, Figure>> = {
  ...BENCH,
  ...NATIVE,
  ...SAMPLES,
  "limit of heap.wasm": { text: () => limitOf("dist/heap.wasm") },
  "limit of heap.threads.wasm": { text: () => limitOf("dist/heap.threads.wasm") },
  "limit of heapwright/record": { text: () => limitOf("dist/record.js") },
  "limit of the library": { text: () => limitOf("dist/library.js") },
  "limit of heapwright/inline": { text: () => limitOf("dist/inline.js") },
  "limit of heapwright/js": { text: () => limitOf("dist/js.js") },
  "limit of heapwright/threads": { text: () => limitOf("dist/threads.js") },
  "limit of heapwright/native": { text: () => limitOf("dist/native.js") },
  "limit of heapwright": { text: () => limitOf("dist/index.js") },
  "native hello": {
    text() {
      const [, source] = text("examples/native/hello.c").split(/\n\n(.*)/s);
      return `\`\`\`c\n${source!.trimEnd()}\n\`\`\``;
    },
  },
  "package file": {
    text: () => `\`heapwright-${read<{ version: string }>("package.json").version}.tgz\``,
  },
  "number of size classes": { text: () => String(CLASS_COUNT) },
  "largest small request": { text: () => MAX_SMALL.toLocaleString("en-US") },
  "number of traces": { text: () => inWords(traceFiles().length) },
  "table of traces": {
    async text() {
      const rows = await Promise.all(traceFiles().map((name) => rowOf(TRACES + name)));
      return markdown({ head: COLUMNS, rows });
    },
  },
  runtimes: { text: () => recorded("runtimes", ["runtimes"], RUNTIMES) },
  bundles: { text: () => recorded("runtimes", ["bundles"], RUNTIMES) },
  "interop of small programs": { text: () => recorded("interop", SMALL_PROGRAMS, INTEROP) },
  "interop of large programs": { text: () => recorded("interop", LARGE_PROGRAMS, INTEROP) },
};
