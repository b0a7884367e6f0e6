// npm run bench: builds missing peers, measures heapwright and the peers, prints tables, and records the figures and a plot in
// results/. "npm run docs:figures" then puts the figures into the documents.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { Command, InvalidArgumentError } from "commander";
import { measureAccesses } from "./accesses.ts";
import { measureFromJs } from "./from-js.ts";
import { measureGrowth } from "./growth.ts";
import { measureLatency } from "./latency.ts";
import { measureTrace, ownTraces, pick, progress, warnIfBusy } from "./measure.ts";
import { buildPeers, VERSIONS } from "./peers.ts";
import { plot, type Panel } from "./plot.ts";
import {
  FIRST_OPS,
  FROM_JS,
  FROM_WASM,
  LIVE_BLOCKS,
  readResults,
  RESULTS,
  SECTIONS,
  THI_NG_MALLOC,
  type Accesses,
  type AccessResults,
  type GrowthResult,
  type JsResult,
  type LatencyResult,
  type Results,
  type Section,
  type TraceResult,
} from "./results.ts";
import { geomean, printTables, table } from "./tables.ts";
import { readTrace } from "./trace.ts";
import { measureTyped, printTyped } from "./typed.ts";

/** The number of live blocks from which there is only one round: each takes gigabytes and a minute. */
const MANY_BLOCKS = 10_000_000;

function describeMachine(): Results["machine"] {
  return {
    processor: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
    node: process.version,
    v8: process.versions.v8,
    date: new Date().toISOString().slice(0, 10),
  };
}

const shown = (value: number | undefined, digits = 0): string =>
  value === undefined || !Number.isFinite(value)
    ? "–"
    : value.toLocaleString("en-GB", { maximumFractionDigits: digits });

const factor = (a: number | undefined, b: number | undefined): string =>
  a === undefined || b === undefined ? "–" : shown(a / b, a / b < 100 ? 2 : 0);

function print(title: string, text: string): void {
  process.stdout.write(`\n${title}\n${text}\n`);
}

function printFromJs(results: readonly JsResult[]): void {
  const names = [...new Set(results.flatMap(({ first }) => Object.keys(first)))];
  const mean = (name: string): string => {
    const values = results.flatMap(({ first }) => first[name] ?? []);
    return values.length ? shown(geomean(values), 1) : "–";
  };
  const rows = results.map(({ trace, first, more }) => [
    trace,
    ...names.map((name) => shown(first[name], 1)),
    factor(first[FROM_JS], first[FROM_WASM]),
    factor(first[THI_NG_MALLOC], first[FROM_WASM]),
    shown(more?.ops),
    factor(more?.thiNg, more?.ours),
  ]);
  const head = ["trace", ...names, "js / wasm", "@thi.ng / ours", "over ops", "@thi.ng / ours"];
  print(
    `called from JavaScript, first ${FIRST_OPS} operations, ns per operation`,
    table(head, [...rows, ["geomean", ...names.map(mean), "", "", "", ""]]),
  );
}

function printLatency(results: readonly LatencyResult[], names: readonly string[]): void {
  const rows = results.map(({ trace, rows: found }) => [
    trace,
    ...names.map((name) => {
      const latency = found[name];
      return latency
        ? `${shown(latency.median, 1)} / ${shown(latency.p99)} / ${shown(latency.p999)} / ${shown(latency.max)}`
        : "–";
    }),
  ]);
  print(
    "latency, warm, ns less the floor: median / p99 / p99.9 / max",
    table(["trace", ...names], rows),
  );
}

function printGrowth(results: readonly GrowthResult[], names: readonly string[]): void {
  const rows = results.map(({ live, access, rows: found }) => [
    shown(live),
    ...names.map((name) => shown(found[name], 1)),
    shown(access, 1),
  ]);
  print(
    "fragmented heap, ns per operation less the floor, by the number of live blocks; last column: one random read",
    table(["live blocks", ...names, "a random read"], rows),
  );
}

function printAccesses({ traces, growth }: AccessResults): void {
  const cells = ({ median, p99, p999, max }: Accesses): string[] =>
    [median, p99, p999, max].map((count) => shown(count));
  const head = ["median", "p99", "p99.9", "most"];
  print(
    "memory accesses per operation (loads and stores, without filling and copying of blocks)",
    table(
      ["trace", ...head, "most if the break moves"],
      traces.map(({ trace, staying, moving }) => [trace, ...cells(staying), shown(moving)]),
    ),
  );
  print(
    "memory accesses per operation in a fragmented heap",
    table(
      ["live blocks", ...head],
      growth.map(({ live, staying }) => [shown(live), ...cells(staying)]),
    ),
  );
}

/** Returns the plot of the README. */
function draw(results: readonly TraceResult[], names: readonly string[], caption: string): string {
  const byTrace = new Map(results.map((result) => [result.trace, result]));
  const times = { logarithmic: true, from: 1, to: 128, ticks: [1, 2, 4, 8, 16, 32, 64, 128] };
  const panels: Panel[] = [
    {
      ...times,
      title: "warm, ns per operation",
      value: (row, name) => byTrace.get(row)?.rows[name]?.warmTouching,
    },
    {
      ...times,
      title: "cold, ns per operation",
      value: (row, name) => byTrace.get(row)?.rows[name]?.coldTouching,
    },
    {
      title: "utilisation of touched memory, %",
      logarithmic: false,
      from: 40,
      to: 100,
      ticks: [40, 50, 60, 70, 80, 90, 100],
      value: (row, name) => {
        const share = byTrace.get(row)?.rows[name]?.touched;
        return share === undefined ? undefined : share * 100;
      },
    },
  ];
  return plot(panels, [...byTrace.keys()], names, caption);
}

/** Writes the figures so far, since a run takes long. */
function save(results: Results, names: readonly string[], folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/bench.json`, `${JSON.stringify(results, undefined, 2)}\n`);
  if (!results.traces) return;
  const { processor, node, date } = results.machine;
  const caption = `npm run bench · ${processor} · Node ${node} · ${date} · blocks written and read, driver subtracted`;
  writeFileSync(`${folder}/bench.svg`, draw(results.traces, names, caption));
}

/** Returns what `folder` already has. Throws if it is from another processor or Node. */
function recordedSections(folder: string): Partial<Results> {
  if (!existsSync(`${folder}/bench.json`)) return {};
  const recorded = readResults(folder);
  const machine = describeMachine();
  for (const key of ["processor", "node"]) {
    if (recorded.machine[key] === machine[key]) continue;
    throw new Error(
      `${folder}/bench.json is from ${key} ${recorded.machine[key]}, this is ${machine[key]}: measure all sections, or pass --out`,
    );
  }
  return recorded;
}

function parseSections(text: string): Section[] {
  return text.split(",").map((name) => {
    const section = SECTIONS.find((known) => known === name);
    if (section === undefined)
      throw new InvalidArgumentError(`"${name}" is not one of ${SECTIONS.join(", ")}.`);
    return section;
  });
}

interface Arguments {
  wasm: string[];
  allocators?: string;
  rounds: string;
  limit: string;
  only: readonly Section[];
  out: string;
}

async function bench(paths: readonly string[], options: Arguments): Promise<void> {
  buildPeers();
  warnIfBusy();
  const { ours, others } = pick(options.allocators, options.wasm);
  const all = [...ours, ...others];
  const names = all.map(({ name }) => name);
  const rounds = Number(options.rounds);
  const wanted = (section: Section): boolean => options.only.includes(section);
  const results: Results = {
    machine: describeMachine(),
    versions: existsSync(VERSIONS)
      ? (JSON.parse(readFileSync(VERSIONS, "utf8")) as Record<string, string>)
      : {},
    gzipped: Object.fromEntries(all.map(({ name, gzipped }) => [name, gzipped])),
    // Without new figures of the traces, machine, versions and sizes stay those of the recorded ones.
    ...(!wanted("traces") && recordedSections(options.out)),
  };
  print(
    "machine",
    Object.entries(results.machine)
      .map(([key, value]) => `  ${key}: ${value}`)
      .join("\n"),
  );
  print(
    "allocators",
    table(
      ["name", "version", "bytes, gzipped"],
      all.map(({ name, gzipped }) => [name, results.versions[name] ?? "", shown(gzipped)]),
    ),
  );
  if (wanted("traces")) {
    results.traces = [];
    for (const path of paths) {
      const settings = { rounds, quick: false, speedOnly: false, progress };
      results.traces.push(measureTrace(await readTrace(path), all, settings));
    }
    progress("");
    printTables(
      results.traces,
      ours.map(({ name }) => name),
      others.map(({ name }) => name),
    );
    save(results, names, options.out);
  }
  if (wanted("javascript")) {
    results.javascript = await measureFromJs(paths, {
      rounds,
      limit: Number(options.limit),
      progress,
    });
    progress("");
    printFromJs(results.javascript);
    save(results, names, options.out);
  }
  if (wanted("latency")) {
    results.latency = [];
    for (const path of paths)
      results.latency.push(measureLatency(await readTrace(path), all, { rounds, progress }));
    progress("");
    printLatency(results.latency, names);
    save(results, names, options.out);
  }
  if (wanted("growth")) {
    results.growth = LIVE_BLOCKS.map((live) =>
      measureGrowth(live, all, { rounds: live >= MANY_BLOCKS ? 1 : rounds, progress }),
    );
    progress("");
    printGrowth(results.growth, names);
    save(results, names, options.out);
  }
  if (wanted("accesses")) {
    progress("memory accesses");
    results.accesses = measureAccesses(paths);
    progress("");
    printAccesses(results.accesses);
    save(results, names, options.out);
  }
  if (wanted("typed")) {
    progress("typed data");
    results.typed = await measureTyped();
    progress("");
    printTyped(results.typed);
    save(results, names, options.out);
  }
}

await new Command("bench")
  .description(
    "Measures heapwright and other allocators: time, memory, latency, growth, from wasm and from JavaScript. Records the figures.",
  )
  .argument("[traces...]", "files .rep or .rep.gz (default: those in trace/recorded/)")
  .option("--rounds <n>", "fresh instances of each allocator; the fastest counts", "5")
  .option("--limit <seconds>", "time limit of @thi.ng/malloc for one trace", "20")
  .option(
    "--only <sections>",
    `only these, separated by commas: ${SECTIONS.join(", ")}; without "traces", the others stay as recorded`,
    parseSections,
    [...SECTIONS],
  )
  .option(
    "--allocators <names>",
    "peers to measure, separated by commas (default: all that are built)",
  )
  .option(
    "--wasm <path[=label]>",
    "a heap.wasm to measure; may be repeated",
    (file, files: string[]) => [...files, file],
    [],
  )
  .option("--out <folder>", "folder for bench.json and bench.svg", RESULTS)
  .action((traces: string[], options: Arguments) =>
    bench(traces.length ? traces : ownTraces(), options),
  )
  .parseAsync();
