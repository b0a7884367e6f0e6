/**
 * One heap for three workers of Node: each frees what others have allocated, and one of them is terminated in the middle.
 *
 * `node examples/threads.js` prints:
 *
 *     one worker was terminated
 *     a worker is done
 *     a worker is done
 *     the heap still serves requests
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

const PAGES = 1024;

if (isMainThread) await main();
else work(workerData);

async function main() {
  const module = new WebAssembly.Module(
    readFileSync(new URL(import.meta.resolve("heapwright/heap.threads.wasm"))),
  );
  const memory = new WebAssembly.Memory({ initial: 2, maximum: PAGES, shared: true });
  const engine = new WebAssembly.Instance(module, { env: { memory } }).exports;
  check(engine.heap_init(0, PAGES * 65536 - 64));
  // This thread must not sleep: it is the one that learns that others have ended.
  engine.heap_patience(1_000_000);
  // Pointers change hands in these eight words.
  const mailbox = engine.calloc(8, 4);
  const start = () => {
    const id = engine.heap_reserve();
    const worker = new Worker(new URL(import.meta.url), {
      workerData: { module, memory, id, mailbox },
    });
    worker.on("exit", () => engine.heap_died(id));
    return worker;
  };
  const workers = [start(), start(), start()];
  await Promise.all(workers.map((worker) => once(worker, "message")));
  await workers[0].terminate();
  console.log("one worker was terminated");
  const results = workers.slice(1).map((worker) => once(worker, "message"));
  for (const [calls] of await Promise.all(results))
    console.log(calls > 0 ? "a worker is done" : "?");
  const p = engine.malloc(1_000_000);
  console.log(p !== 0 ? "the heap still serves requests" : `error ${engine.heap_error()}`);
  engine.free(p);
}

function work({ module, memory, id, mailbox }) {
  const engine = new WebAssembly.Instance(module, { env: { memory } }).exports;
  check(engine.heap_attach(0));
  check(engine.heap_join(id, -1));
  parentPort.postMessage("started");
  const words = new Int32Array(memory.buffer, mailbox, 8);
  let calls = 0;
  for (const end = Date.now() + 300; Date.now() < end; calls++) {
    // Puts a new block into the mailbox, and frees the one that was there, whoever allocated it.
    const p = engine.malloc(16 + (calls % 50) * 40);
    engine.free(Atomics.exchange(words, calls & 7, p));
  }
  check(engine.heap_detach());
  parentPort.postMessage(calls);
}

function check(code) {
  if (code !== 0) throw new Error(`error ${code}`);
}
