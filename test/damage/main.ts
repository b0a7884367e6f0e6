/**
 * npm run fuzz:damage: overwrites words of heaps at random and goes on using them. Whatever a program has written, a call must
 * return, report a named error or trap: it must not hang, write outside the heap, return an address outside it or end in
 * another exception. Prints a table of what the calls did, and the seeds of the cases that failed.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import cliProgress from "cli-progress";
import Table from "cli-table3";
import { InvalidArgumentError, Option, program } from "commander";
import { type EngineName, ENGINES, FAILURES, type Report } from "./report.ts";

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));
/** Cases of one child process. */
const BATCH = 1000;
/** A child that completes no case for so long is stopped; a case takes about a millisecond. */
const LIMIT_MS = 10_000;
/** The same for a child that starts; on a busy machine that takes long. */
const START_MS = 120_000;
/** Failed cases that are printed. */
const MOST_PRINTED = 40;

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0)
    throw new InvalidArgumentError("Expected a whole number.");
  return value;
}

program
  .name("npm run fuzz:damage --")
  .description("Overwrites words of heaps at random and checks that later calls stay inside them.")
  .option("--cases <count>", "number of cases, half of them for each engine", wholeNumber, 100_000)
  .option(
    "--seed <number>",
    "seed of the first case of each engine; random by default",
    wholeNumber,
  )
  .addOption(new Option("--engine <name>", "run the cases of one engine only").choices(ENGINES))
  .option("--trace", "print each call")
  .addHelpText("after", "\nTo repeat a case: --engine js --seed 1234 --cases 1 --trace")
  .parse();

interface Options {
  cases: number;
  seed?: number;
  engine?: EngineName;
  trace?: boolean;
}
const options = program.opts<Options>();
const first = options.seed ?? Math.floor(Math.random() * 2 ** 30);

/** Cases with consecutive seeds, for one child process. */
interface Batch {
  readonly engine: EngineName;
  readonly seed: number;
  readonly count: number;
}

const batches: Batch[] = [];
const engines = options.engine === undefined ? ENGINES : [options.engine];
engines.forEach((engine, i) => {
  const cases = Math.floor((options.cases + i) / engines.length);
  for (let from = 0; from < cases; from += BATCH)
    batches.push({ engine, seed: first + from, count: Math.min(BATCH, cases - from) });
});
// So that both engines are tested from the start.
batches.sort((a, b) => a.seed - b.seed);

// Results -----------------------------------------------------------------------------------------------------------------

const rows = new Map<string, Record<EngineName, number>>();
const failed: string[] = [];

function add(row: string, engine: EngineName, count: number): void {
  const counts = rows.get(row) ?? { js: 0, wasm: 0 };
  counts[engine] += count;
  rows.set(row, counts);
}

const HANG = "stopped by the time limit";
const FAILED = [HANG, ...FAILURES];
for (const row of ["cases", "returned normally", "traps", ...FAILED]) add(row, "js", 0);

function addReport({ engine, seed, returned, errors, traps, failures }: Report): void {
  add("cases", engine, 1);
  add("returned normally", engine, returned);
  add("traps", engine, traps);
  for (const [name, count] of Object.entries(errors)) add(name, engine, count);
  for (const { kind, detail } of failures) fail(engine, seed, kind, detail);
}

function fail(engine: EngineName, seed: number, kind: string, detail: string): void {
  add(kind, engine, 1);
  failed.push(`--engine ${engine} --seed ${seed} --cases 1: ${kind}: ${detail}`);
}

// Children ----------------------------------------------------------------------------------------------------------------

/** Runs a batch in a child process; returns the number of cases that it completed, and how it ended if not all. */
async function runInChild({ engine, seed, count }: Batch): Promise<{ done: number; end: string }> {
  const args = [WORKER, engine, `${seed}`, `${count}`, ...(options.trace ? ["trace"] : [])];
  const child: ChildProcess = spawn(process.execPath, ["--import", "tsx", ...args], {
    stdio: ["ignore", "pipe", options.trace ? "inherit" : "pipe"],
  });
  let done = 0;
  let errors = "";
  let isLate = false;
  let timer: NodeJS.Timeout | undefined;
  const watch = (limit: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      isLate = true;
      child.kill("SIGKILL");
    }, limit);
  };
  watch(START_MS);
  child.stderr?.on("data", (data: Buffer) => (errors = `${errors}${data}`.slice(-2000)));
  const closed = new Promise<string>((settle) => {
    child.on("close", (code, signal) => settle(`exit code ${code}, signal ${signal}\n${errors}`));
  });
  for await (const line of createInterface({ input: child.stdout! })) {
    watch(LIMIT_MS);
    if (line === "") continue; // it has started
    addReport(JSON.parse(line) as Report);
    done++;
    bar?.increment();
  }
  const end = await closed;
  clearTimeout(timer);
  return { done, end: isLate ? "" : end };
}

/** Runs a batch; after a case that hangs or ends the child, in another child. */
async function run(batch: Batch): Promise<void> {
  for (let { engine, seed, count } = batch; count > 0;) {
    const { done, end } = await runInChild({ engine, seed, count });
    if (done === count) return;
    seed += done;
    if (end === "") fail(engine, seed, HANG, `no result after ${LIMIT_MS / 1000} s`);
    else fail(engine, seed, "other exceptions", `the process ended: ${end}`);
    add("cases", engine, 1);
    bar?.increment();
    seed++;
    count -= done + 1;
  }
}

const bar =
  process.stderr.isTTY && !options.trace
    ? new cliProgress.SingleBar({
        format: "{bar} {value} of {total} cases, {eta_formatted} left",
        stream: process.stderr,
      })
    : undefined;

console.log(`seed ${first}`);
bar?.start(options.cases, 0);
const queue = batches.values();
await Promise.all(
  Array.from({ length: Math.min(2, availableParallelism()) }, async () => {
    for (const batch of queue) await run(batch);
  }),
);
bar?.stop();

const table = new Table({ head: ["", "js", "wasm"], style: { head: [], border: [] } });
const shown = (count: number): string => count.toLocaleString("en-GB");
const errorNames = [...rows.keys()].filter((row) => /^[A-Z_]+$/.test(row)).sort();
for (const row of ["cases", "returned normally", ...errorNames, "traps", ...FAILED]) {
  const { js, wasm } = rows.get(row)!;
  table.push([row, shown(js), shown(wasm)]);
}
console.log(table.toString());

for (const line of failed.slice(0, MOST_PRINTED)) console.log(line);
if (failed.length > MOST_PRINTED) console.log(`and ${failed.length - MOST_PRINTED} more`);
if (failed.length > 0) process.exitCode = 1;
