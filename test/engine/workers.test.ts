/** Real threads on one heap: workers of Node, some of which are terminated at random moments. */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";

import { afterEach, expect, test } from "vitest";

type Engine = typeof import("../../engine/exports.ts") &
  typeof import("../../engine/shared.ts") &
  typeof import("../../engine/inspect/exports.ts");

const module = new WebAssembly.Module(
  readFileSync(new URL("../../tools/build/generated/heap.threads.debug.wasm", import.meta.url)),
);

/** A heap that the main thread has made, and what its workers share. */
function newHeap() {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 2048, shared: true });
  const engine = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Engine;
  expect(engine.heap_init(0, 2048 * 65536 - 64)).toBe(0);
  // Only this thread learns that others have ended: it must not wait for them for ever.
  engine.heap_patience(10_000_000);
  return { memory, engine, mailbox: new SharedArrayBuffer(64), stop: new SharedArrayBuffer(4) };
}

type Heap = ReturnType<typeof newHeap>;
interface Thread {
  readonly worker: Worker;
  readonly id: number;
}

const running = new Set<Worker>();
const errors: unknown[] = [];
afterEach(async () => {
  await Promise.all([...running].map((worker) => worker.terminate()));
  running.clear();
});

async function start({ engine, memory, mailbox, stop }: Heap, seed: number): Promise<Thread> {
  const id = engine.heap_reserve();
  expect(id).not.toBe(0);
  const worker = new Worker(new URL("./workers/worker.mjs", import.meta.url), {
    workerData: { module, memory, id, seed, mailbox, stop },
  });
  running.add(worker);
  worker.on("error", (error) => errors.push(error));
  await once(worker, "message");
  return { worker, id };
}

async function finish({ stop }: Heap, threads: readonly Thread[]): Promise<number[]> {
  const calls = threads.map(async ({ worker }) => ((await once(worker, "message")) as [number])[0]);
  Atomics.store(new Int32Array(stop), 0, 1);
  return Promise.all(calls);
}

/** Frees all that is in use, and checks that the heap is sound and empty. */
function expectEmptied({ engine }: Heap): void {
  const used: number[] = [];
  for (let p = engine.heap_walk(0); p !== 0; p = engine.heap_walk(p))
    if (engine.heap_walked_kind() === 1 || engine.heap_walked_kind() === 3) used.push(p);
  for (const p of used) expect(engine.heap_release(p)).toBe(0);
  engine.malloc_trim(0);
  expect([engine.heap_check(), engine.heap_check_at()]).toEqual([0, expect.any(Number)]);
}

test("three workers allocate, and free each other's blocks", async () => {
  const heap = newHeap();
  const threads: Thread[] = [];
  for (let i = 0; i < 3; i++) threads.push(await start(heap, 1000 + i));
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const calls = await finish(heap, threads);
  expect(errors).toEqual([]);
  expect(Math.min(...calls)).toBeGreaterThan(100);
  const { engine, mailbox } = heap;
  engine.malloc_trim(0);
  expect(engine.heap_check()).toBe(0);
  for (const p of new Int32Array(mailbox)) expect(engine.heap_release(p)).toBe(0);
  engine.malloc_trim(0);
  expectEmptied(heap);
});

/** Workers to terminate, in rounds; what they held is freed after each. */
const KILLS = Number(process.env["KILLS"] ?? 25);
const ROUND = 25;

test("workers that are terminated at random moments do no harm to the others", async () => {
  const heap = newHeap();
  const { engine } = heap;
  const footprints: number[] = [];
  for (let kills = 0; kills < KILLS; kills += ROUND) {
    await killInRound(heap, Math.min(ROUND, KILLS - kills), kills);
    expectEmptied(heap);
    footprints.push(engine.heap_stat(0));
  }
  // The heap does not grow from round to round.
  expect(Math.max(...footprints)).toBeLessThan(4 * footprints[0]!);
  if (process.env["KILLS"] === undefined) return;
  const mib = footprints.map((bytes) => (bytes / 2 ** 20).toFixed(1));
  console.log(`${KILLS} workers terminated; MiB after each ${ROUND}: ${mib.join(" ")}`);
});

async function killInRound(heap: Heap, kills: number, seed: number): Promise<void> {
  const { engine } = heap;
  Atomics.store(new Int32Array(heap.stop), 0, 0);
  let threads: Thread[] = [];
  for (let i = 0; i < 2; i++) threads.push(await start(heap, 2000 + seed + i));
  for (let i = 0; i < kills; i++) {
    const [victim, ...others] = threads as [Thread, ...Thread[]];
    await new Promise((resolve) => setTimeout(resolve, ((seed + i) * 7) % 20));
    await victim.worker.terminate();
    running.delete(victim.worker);
    expect(engine.heap_died(victim.id)).toBe(1);
    threads = [...others, await start(heap, 3000 + seed + i)];
    const p = engine.allocate(100 + ((i * 331) % 4000));
    expect(p, `error ${engine.heap_error()}`).not.toBe(0);
    expect(engine.heap_release(p)).toBe(0);
  }
  await finish(heap, threads);
  for (const { worker } of threads) running.delete(worker);
  expect(errors).toEqual([]);
  new Int32Array(heap.mailbox).fill(0);
  engine.malloc_trim(0);
  expect([engine.heap_check(), engine.heap_check_at()]).toEqual([0, expect.any(Number)]);
}
