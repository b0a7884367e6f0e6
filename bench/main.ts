// npm run bench: builds the peers that are missing, measures all beside heapwright, prints the tables, and writes the
// figures and their plot to results/.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { measureAccesses, type Accesses, type AccessResults } from "./accesses.ts";
import {
  FIRST_OPS,
  FROM_JS,
  FROM_WASM,
  measureFromJs,
  THI_NG_MALLOC,
  type JsResult,
} from "./from-js.ts";
import { LIVE_BLOCKS, measureGrowth, type GrowthResult } from "./growth.ts";
import { measureLatency, type LatencyResult } from "./latency.ts";
import {
  measureTrace,
  ownTraces,
  pick,
  progress,
  warnIfBusy,
  type TraceResult,
} from "./measure.ts";
import { buildPeers, VERSIONS } from "./peers.ts";
import { plot, type Panel } from "./plot.ts";
import { geomean, printTables, table } from "./tables.ts";
import { readTrace } from "./trace.ts";

const RESULTS = fileURLToPath(new URL("results/", import.meta.url));
const SECTIONS = ["traces", "javascript", "latency", "growth", "accesses"] as const;

/** Live blocks from which one round must do: each takes gigabytes and a minute. */
const MANY_BLOCKS = 10_000_000;

/** Everything that one run found. */
interface Results {
  machine: Record<string, string | number>;
  versions: Record<string, string>;
  /** Bytes of each module, gzip'd. */
  gzipped: Record<string, number>;
  traces?: TraceResult[];
  javascript?: JsResult[];
  latency?: LatencyResult[];
  growth?: GrowthResult[];
  accesses?: AccessResults;
}

function describeMachine(): Results["machine"] {
  return {
    processor: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
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
    `called from JavaScript, first ${FIRST_OPS} ops, ns per op`,
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
    "ns per op less the floor in a fragmented heap, by the blocks that are live; beside it what one random read costs there",
    table(["live blocks", ...names, "a random read"], rows),
  );
}

function printAccesses({ traces, growth }: AccessResults): void {
  const cells = ({ median, p99, p999, max }: Accesses): string[] =>
    [median, p99, p999, max].map((count) => shown(count));
  const head = ["median", "p99", "p99.9", "most"];
  print(
    "memory accesses per operation, counted (loads and stores; not what fills and copies blocks)",
    table(
      ["trace", ...head, "most where the break moves"],
      traces.map(({ trace, staying, moving }) => [trace, ...cells(staying), shown(moving)]),
    ),
  );
  print(
    "the same in a fragmented heap",
    table(
      ["live blocks", ...head],
      growth.map(({ live, staying }) => [shown(live), ...cells(staying)]),
    ),
  );
}

/** The plot of the README. */
function draw(results: readonly TraceResult[], names: readonly string[], caption: string): string {
  const byTrace = new Map(results.map((result) => [result.trace, result]));
  const times = { logarithmic: true, from: 1, to: 128, ticks: [1, 2, 4, 8, 16, 32, 64, 128] };
  const panels: Panel[] = [
    {
      ...times,
      title: "warm, ns per op",
      value: (row, name) => byTrace.get(row)?.rows[name]?.warmTouching,
    },
    {
      ...times,
      title: "cold, ns per op",
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

/** Writes what there is so far: a run takes a while. */
function save(results: Results, names: readonly string[], folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/bench.json`, `${JSON.stringify(results, undefined, 1)}\n`);
  if (!results.traces) return;
  const { processor, node, date } = results.machine;
  const caption = `npm run bench · ${processor} · Node ${node} · ${date} · blocks written and read, harness subtracted`;
  writeFileSync(`${folder}/bench.svg`, draw(results.traces, names, caption));
}

interface Arguments {
  wasm: string[];
  allocators?: string;
  rounds: string;
  limit: string;
  only?: string;
  out: string;
}

async function bench(paths: readonly string[], options: Arguments): Promise<void> {
  buildPeers();
  warnIfBusy();
  const { ours, others } = pick(options.allocators, options.wasm);
  const all = [...ours, ...others];
  const names = all.map(({ name }) => name);
  const rounds = Number(options.rounds);
  const wanted = (section: (typeof SECTIONS)[number]): boolean =>
    !options.only || options.only.split(",").includes(section);
  const results: Results = {
    machine: describeMachine(),
    versions: existsSync(VERSIONS)
      ? (JSON.parse(readFileSync(VERSIONS, "utf8")) as Record<string, string>)
      : {},
    gzipped: Object.fromEntries(all.map(({ name, gzipped }) => [name, gzipped])),
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
      ["name", "version", "bytes, gzip'd"],
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
}

await new Command("bench")
  .description(
    "Measures heapwright beside its peers: speed, memory, from wasm and from JavaScript, latency, growth.",
  )
  .argument("[traces...]", "files .rep or .rep.gz; the project's own when none is named")
  .option("--rounds <n>", "fresh instances of each allocator; the best counts", "5")
  .option("--limit <seconds>", "what @thi.ng/malloc may take for one trace", "20")
  .option("--only <sections>", `some of ${SECTIONS.join(", ")}, separated by commas`)
  .option(
    "--allocators <names>",
    "peers to measure, separated by commas (default: all that are built)",
  )
  .option(
    "--wasm <path[=label]>",
    "a heap.wasm to measure, repeatable",
    (file, files: string[]) => [...files, file],
    [],
  )
  .option("--out <folder>", "where bench.json and bench.svg go", RESULTS)
  .action((traces: string[], options: Arguments) =>
    bench(traces.length ? traces : ownTraces(), options),
  )
  .parseAsync();
