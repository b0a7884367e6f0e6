// A thread of bench/threads.ts.

import { parentPort, workerData } from "node:worker_threads";

const { module, id, task, queue, words: buffer, pairs, seed, pages } = workerData;
const memory = workerData.memory ?? new WebAssembly.Memory({ initial: 2, maximum: pages });
const engine = new WebAssembly.Instance(module, { env: { memory } }).exports;
const check = (code) => {
  if (code !== 0) throw new Error(`error ${code}`);
};
if (workerData.memory === undefined) check(engine.heap_init(0, pages * 65536 - 64));
else {
  check(engine.heap_attach(0));
  check(engine.heap_join(id, -1));
}
const { allocate, heap_release: release } = engine;
const words = new Int32Array(buffer);
/** Index of the words with how many were put in, and taken out; on cache lines of their own. */
const IN = queue;
const OUT = queue + 32;
let state = seed;
const random = (limit) => {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % limit;
};
/** Most are small; one in 32 has a block of its own. */
const sizes = Array.from({ length: 1024 }, (_, i) =>
  i % 32 === 0 ? 1100 + random(3000) : 8 + random(250),
);

const TASKS = {
  /** 2,000 live blocks, one of which is replaced at a time. */
  mix() {
    const live = Array.from({ length: 2000 }, (_, i) => allocate(sizes[i & 1023]));
    for (let i = 0; i < pairs; i++) {
      const at = random(2000);
      release(live[at]);
      live[at] = allocate(sizes[i & 1023]);
    }
  },
  both() {
    for (let i = 0; i < pairs; i++) {
      const at = i % queue;
      if (i >= queue) release(words[at]);
      words[at] = allocate(16 + (i & 63));
    }
  },
  produce() {
    for (let i = 0; i < pairs; i++) {
      while (i - Atomics.load(words, OUT) >= queue);
      words[i % queue] = allocate(16 + (i & 63));
      Atomics.store(words, IN, i + 1);
    }
  },
  consume() {
    for (let i = 0; i < pairs; i++) {
      while (Atomics.load(words, IN) === i);
      check(release(words[i % queue]));
      Atomics.store(words, OUT, i + 1);
    }
  },
};

parentPort.once("message", () => {
  TASKS[task]();
  parentPort.postMessage("done");
});
parentPort.postMessage("ready");
