// A worker of test/src/threads.test.ts: it does what `data.task` says.

import { parentPort } from "node:worker_threads";

import { attachWorker } from "../../../dist/threads.js";

const { heap, data } = attachWorker();

/** Waits until the test terminates this worker. */
const sleep = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);

const TASKS = {
  /** Allocates slots and a block with known contents, and never ends. */
  hold() {
    const pointers = [];
    for (let i = 0; i < 60; i++) {
      const p = heap.allocate(100);
      heap.view(Int32Array, p, 25).fill(i);
      pointers.push(p);
    }
    const block = heap.allocate(5000);
    parentPort.postMessage({ pointers, block });
    sleep();
  },
  /** Frees what it is given, and leaves. */
  free() {
    const sums = data.pointers.map((p) => heap.view(Int32Array, p, 4).reduce((a, b) => a + b, 0));
    for (const p of data.pointers) heap.deallocate(p);
    const { thread } = heap;
    heap.detach();
    parentPort.postMessage({ sums, thread });
  },
  /** Allocates and frees until the test terminates it. */
  churn() {
    parentPort.postMessage("started");
    const held = [];
    for (let i = 0; ; i++) {
      held.push(heap.allocate([24, 100, 1000, 3000, 20000][i % 5]));
      if (held.length > 50) heap.deallocate(held.splice((i * 7) % 50, 1)[0]);
    }
  },
};

TASKS[data.task]();
