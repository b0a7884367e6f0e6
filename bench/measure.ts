// Measures allocators on traces, from wasm: npx tsx bench/measure.ts --help
import { readdirSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { told } from "../trace/recorded/told.ts";
import { fromWasm, HEAPWRIGHT_WASM, peers, type Allocator } from "./allocators.ts";
import { FLOOR, footprint, hindrance, ownStage, timeOnce } from "./replay.ts";
import { printTables } from "./tables.ts";
import { readTrace, type Trace } from "./trace.ts";

/** One allocator on one trace; times are ns per op less the floor, shares are of the peak of live payload. */
export interface Row {
  cold?: number;
  warm?: number;
  coldTouching?: number;
  warmTouching?: number;
  touched?: number;
  reserved?: number;
  span?: number;
  /** Why there are no figures. */
  failure?: string;
}

export interface TraceResult {
  trace: string;
  ops: number;
  peakBytes: number;
  /** What the harness costs, ns per op. */
  floor: Row;
  rows: Record<string, Row>;
}

export interface MeasureOptions {
  rounds: number;
  /** Warm figures without touching alone. */
  quick: boolean;
  /** Leaves out the replay that proves contents and counts pages. */
  speedOnly: boolean;
  progress(text: string): void;
}

const TIMES = ["cold", "warm", "coldTouching", "warmTouching"] as const;

/** Measures the allocators alternately on one trace, the best of a few rounds. */
export function measureTrace(
  trace: Trace,
  allocators: readonly Allocator[],
  options: MeasureOptions,
): TraceResult {
  const stage = ownStage(trace);
  const rows: Record<string, Row> = {};
  const floor: Row = {};
  for (const { name } of allocators) rows[name] = {};
  const keep = (row: Row, field: (typeof TIMES)[number], value: number): void => {
    row[field] = Math.min(row[field] ?? Infinity, value);
  };
  for (let round = 0; round < options.rounds; round++) {
    for (const allocator of [FLOOR, ...allocators]) {
      const row = allocator === FLOOR ? floor : rows[allocator.name]!;
      const hindered = row.failure ?? hindrance(allocator, trace);
      if (hindered) {
        row.failure = hindered;
        continue;
      }
      options.progress(`${trace.name}: ${allocator.name}, round ${round + 1} of ${options.rounds}`);
      try {
        const alone = timeOnce(allocator, trace, stage);
        keep(row, "warm", alone.warm);
        if (options.quick) continue;
        keep(row, "cold", alone.cold);
        const touching = timeOnce(allocator, trace);
        keep(row, "warmTouching", touching.warm);
        keep(row, "coldTouching", touching.cold);
      } catch (error) {
        row.failure = (error as Error).message;
      }
    }
  }
  for (const allocator of allocators) {
    const row = rows[allocator.name]!;
    for (const field of TIMES) {
      if (row.failure) delete row[field];
      else if (row[field] !== undefined) row[field] -= floor[field]!;
    }
    if (row.failure || options.quick || options.speedOnly) continue;
    options.progress(`${trace.name}: ${allocator.name}, contents and pages`);
    const print = footprint(allocator, trace);
    if (typeof print === "string") row.failure = print;
    else
      for (const field of ["touched", "reserved", "span"] as const)
        row[field] = trace.peakBytes / print[field];
  }
  return { trace: trace.name, ops: trace.count, peakBytes: trace.peakBytes, floor, rows };
}

/** The allocators of a command line: named peers, and wasm files as PATH or PATH=label. */
export function pick(
  names: string | undefined,
  files: readonly string[],
): { ours: Allocator[]; others: Allocator[] } {
  const wanted = names?.split(",").filter(Boolean);
  const others = peers().filter(({ name }) => !wanted || wanted.includes(name));
  const ours = (files.length ? files : [`${HEAPWRIGHT_WASM}=heapwright`]).flatMap((file) => {
    const cut = file.lastIndexOf("=");
    const path = cut < 0 ? file : file.slice(0, cut);
    const found = fromWasm(cut < 0 ? file : file.slice(cut + 1), path);
    if (!found)
      process.stderr.write(
        `There is no ${path}: measured without it. "npm run build" makes the project's.\n`,
      );
    return found ?? [];
  });
  return { ours, others };
}

/** The traces of the project. */
export function ownTraces(): string[] {
  const folder = fileURLToPath(new URL("../trace/recorded/", import.meta.url));
  return readdirSync(folder)
    .filter((name) => /\.rep(\.gz)?$/.test(name))
    .map((name) => folder + name);
}

/** A line of progress on stderr, written over again; nothing where stderr is not a terminal. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

/** Says so when others use the machine: times are then too long, ours and theirs. */
export function warnIfBusy(): void {
  const [load] = loadavg();
  const cores = availableParallelism();
  if (load! < cores / 2) return;
  process.stderr.write(
    `The machine is busy (load ${load!.toFixed(1)} on ${cores} cores): times will be noisy.\n`,
  );
}

interface Arguments {
  allocators?: string;
  wasm: string[];
  rounds: string;
  quick?: boolean;
  speedOnly?: boolean;
  json?: string;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await new Command("measure")
    .description(
      "Measures allocators on traces, from wasm, alternately in one process. Times are ns per op less the floor.",
    )
    .argument("[traces...]", "files .rep or .rep.gz; the project's own when none is named")
    .option(
      "--allocators <names>",
      'peers to measure, separated by commas (default: all that are built; none: "")',
    )
    .option(
      "--wasm <path[=label]>",
      "a heap.wasm to measure, repeatable",
      (file, all: string[]) => [...all, file],
      [],
    )
    .option("--rounds <n>", "fresh instances of each allocator; the best counts", "3")
    .option("--quick", "warm figures without touching alone")
    .option("--speed-only", "leave out the replay that proves contents and counts pages")
    .option("--json <file>", "write the figures there too")
    .action(async (traces: string[], options: Arguments) => {
      warnIfBusy();
      const { ours, others } = pick(options.allocators, options.wasm);
      const settings = {
        rounds: Number(options.rounds),
        quick: options.quick ?? false,
        speedOnly: options.speedOnly ?? false,
        progress,
      };
      const results: TraceResult[] = [];
      for (const path of traces.length ? traces : ownTraces()) {
        results.push(measureTrace(await told(readTrace(path)), [...ours, ...others], settings));
      }
      progress("");
      printTables(
        results,
        ours.map(({ name }) => name),
        others.map(({ name }) => name),
      );
      if (options.json) writeFileSync(options.json, `${JSON.stringify(results, undefined, 1)}\n`);
    })
    .parseAsync();
}
