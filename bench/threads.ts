// `npm run bench:threads`: what a heap for several threads costs, and what a second thread is worth. Node's workers, each with an
// instance of its own of dist/heap.threads.wasm on one shared memory; the plain engine is dist/heap.wasm.
//
// Each figure is the median of several runs. One thread is measured in processor time, so a busy machine does little harm. Two threads
// are measured by the clock, and need two free cores: on one core their rows are left out.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { Worker } from "node:worker_threads";

const RUNS = Number(process.env["RUNS"] ?? 7);
const PAGES = 4096;
/** Pairs of calls in a run. */
const PAIRS = Number(process.env["PAIRS"] ?? 2_000_000);

const moduleOf = (name: string): WebAssembly.Module =>
  new WebAssembly.Module(readFileSync(new URL(`../dist/${name}`, import.meta.url)));
const threaded = moduleOf("heap.threads.wasm");
const plain = moduleOf("heap.wasm");

type Engine = typeof import("../src/heap.threads.wasm.js");

/** What each worker of a run does. */
type Task = "mix" | "produce" | "consume" | "both";

/** Milliseconds of workers with these tasks, from a common start to the end of the last: of processor time if there is one worker. */
async function run(module: WebAssembly.Module, tasks: readonly Task[], queue = 0): Promise<number> {
  const shared = module === threaded;
  const memory = new WebAssembly.Memory({ initial: 2, maximum: PAGES, shared });
  const ids: number[] = [];
  let engine: Engine | undefined;
  if (shared) {
    engine = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Engine;
    if (engine.heap_init(0, PAGES * 65536 - 64) !== 0) throw new Error("no heap");
    engine.heap_patience(1_000_000);
    for (const _ of tasks) ids.push(engine.heap_reserve());
  }
  const words = new SharedArrayBuffer(4 * (queue + 64));
  const workers = tasks.map(
    (task, i) =>
      new Worker(new URL("./threads-worker.mjs", import.meta.url), {
        workerData: {
          module,
          ...(shared ? { memory } : {}),
          id: ids[i],
          task,
          queue,
          words,
          pairs: PAIRS,
          seed: i + 1,
          pages: PAGES,
        },
      }),
  );
  await Promise.all(workers.map((worker) => once(worker, "message")));
  const ended = workers.map((worker) => once(worker, "message"));
  const start = performance.now();
  const used = process.cpuUsage();
  for (const worker of workers) worker.postMessage("go");
  await Promise.all(ended);
  const { user, system } = process.cpuUsage(used);
  const time = tasks.length === 1 ? (user + system) / 1000 : performance.now() - start;
  await Promise.all(workers.map((worker) => worker.terminate()));
  return time;
}

async function median(measure: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < RUNS; i++) times.push(await measure());
  return times.toSorted((a, b) => a - b)[RUNS >> 1]!;
}

const perPair = (milliseconds: number): string => `${((milliseconds * 1e6) / PAIRS).toFixed(1)} ns`;

const rows: [string, string, string][] = [];
const alone = await median(() => run(plain, ["mix"]));
const one = await median(() => run(threaded, ["mix"]));
rows.push(["one thread, plain engine", perPair(alone), ""]);
rows.push([
  "one thread, engine for threads",
  perPair(one),
  `${(one / alone).toFixed(2)} of the plain engine's time`,
]);
const both = await median(() => run(threaded, ["both"], 1024));
rows.push(["one thread frees what it has queued", perPair(both), ""]);
const cores = availableParallelism();
if (cores > 1) {
  const two = await median(() => run(threaded, ["mix", "mix"]));
  rows.push([
    "two threads, each the same work",
    perPair(two / 2),
    `${((2 * one) / two).toFixed(2)} times the work of one`,
  ]);
  for (const queue of [1024, 64]) {
    const time = await median(() => run(threaded, ["produce", "consume"], queue));
    rows.push([
      `producer and consumer, queue of ${queue}`,
      perPair(time),
      `${(time / both).toFixed(2)} of one thread's time`,
    ]);
  }
}
console.log(
  `${cpus()[0]?.model ?? "?"}, ${cores} ${cores === 1 ? "core: nothing is measured with two threads" : "cores"}, Node ${process.versions.node}; median of ${RUNS} runs, a pair of allocate and free`,
);
for (const [what, time, factor] of rows)
  console.log(`${what.padEnd(40)} ${time.padStart(9)}  ${factor}`);
