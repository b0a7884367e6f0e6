// Measures allocators on traces, called from wasm: npx tsx bench/measure.ts --help
import { readdirSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { orExit } from "../trace/recorded/or-exit.ts";
import { fromWasm, HEAPWRIGHT_WASM, peers, type Allocator } from "./allocators.ts";
import { FLOOR, footprint, hindrance, ownStage, timeOnce } from "./replay.ts";
import type { Row, TraceResult } from "./results.ts";
import { printTables } from "./tables.ts";
import { readTrace, type Trace } from "./trace.ts";

export interface MeasureOptions {
  rounds: number;
  /** Measures only warm times without touching. */
  quick: boolean;
  /** Skips the replay that verifies contents and counts pages. */
  speedOnly: boolean;
  progress(text: string): void;
}

const TIMES = ["cold", "warm", "coldTouching", "warmTouching"] as const;

/** Measures the allocators in turn on one trace. The fastest of `rounds` counts. */
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

/** Returns the allocators that a command line selects: named peers, and wasm files as PATH or PATH=label. */
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
        `There is no file ${path}, so it is left out. "npm run build" makes dist/heap.wasm.\n`,
      );
    return found ?? [];
  });
  return { ours, others };
}

/** Returns the paths of the traces in trace/recorded/. */
export function ownTraces(): string[] {
  const folder = fileURLToPath(new URL("../trace/recorded/", import.meta.url));
  return readdirSync(folder)
    .filter((name) => /\.rep(\.gz)?$/.test(name))
    .map((name) => folder + name);
}

/** Shows a line of progress, which replaces the one before; nothing if stderr is not a terminal. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

/** Warns if other programs use the machine: then all times are too long. */
export function warnIfBusy(): void {
  const [load] = loadavg();
  const cores = availableParallelism();
  if (load! < cores / 2) return;
  process.stderr.write(
    `The machine is busy (load ${load!.toFixed(1)} on ${cores} cores), so times are unreliable.\n`,
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
      "Measures allocators on traces, called from wasm, in turn in one process. Times are ns per operation, less the floor.",
    )
    .argument("[traces...]", "files .rep or .rep.gz (default: those in trace/recorded/)")
    .option(
      "--allocators <names>",
      'peers to measure, separated by commas (default: all that are built; none: "")',
    )
    .option(
      "--wasm <path[=label]>",
      "a heap.wasm to measure; may be repeated",
      (file, all: string[]) => [...all, file],
      [],
    )
    .option("--rounds <n>", "fresh instances of each allocator; the fastest counts", "3")
    .option("--quick", "measure only warm times without touching")
    .option("--speed-only", "skip the replay that verifies contents and counts pages")
    .option("--json <file>", "also write the figures to this file")
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
        results.push(measureTrace(await orExit(readTrace(path)), [...ours, ...others], settings));
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
