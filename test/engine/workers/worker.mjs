// A thread of test/engine/workers.test.ts: it allocates, frees what it and others have allocated, and checks the contents.

import { parentPort, workerData } from "node:worker_threads";

const { module, memory, id, seed, mailbox, stop } = workerData;
const engine = new WebAssembly.Instance(module, { env: { memory } }).exports;
const box = new Int32Array(mailbox);
const stops = new Int32Array(stop);
let state = seed | 1;
const random = (limit) => {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % limit;
};
let words = new Int32Array(memory.buffer);
/** The words from `p` on; a memory that another thread grew has a new buffer. */
const wordsUpTo = (end) => {
  if (end > words.byteLength) {
    memory.grow(0);
    words = new Int32Array(memory.buffer);
  }
  return words;
};
const fail = (what) => {
  throw new Error(what);
};
const SIZES = [8, 24, 24, 100, 100, 500, 1000, 2000, 5000, 40000];

/** Each block has its size in its first word, and its address in its last one. */
function allocate() {
  const size = SIZES[random(SIZES.length)];
  const p = engine.allocate(size) >>> 0;
  if (p === 0) fail(`allocate: error ${engine.heap_error()}`);
  const at = wordsUpTo(p + size);
  at[p >>> 2] = size;
  at[(p + size - 4) >>> 2] = p;
  return p;
}

function free(p) {
  const at = wordsUpTo(p + 8);
  const size = at[p >>> 2];
  if (!SIZES.includes(size)) fail(`the block at ${p} was overwritten`);
  if (wordsUpTo(p + size)[(p + size - 4) >>> 2] !== p) fail(`the end of ${p} was overwritten`);
  at[p >>> 2] = 0;
  const code = engine.heap_release(p);
  if (code !== 0) fail(`free(${p}): error ${code}`);
}

const check = (code) => code === 0 || fail(`error ${code}`);
check(engine.heap_attach(0));
check(engine.heap_join(id, -1));
parentPort.postMessage("started");
const held = [];
let calls = 0;
while (Atomics.load(stops, 0) === 0) {
  if (held.length < 200) held.push(allocate());
  // Half of the blocks are freed by another thread.
  if (held.length > random(200)) {
    const p = held.splice(random(held.length), 1)[0];
    const other = Atomics.exchange(box, random(box.length), p);
    if (other !== 0) free(other);
  }
  if (held.length > 100) free(held.splice(random(held.length), 1)[0]);
  calls++;
}
for (const p of held) free(p);
check(engine.heap_detach());
parentPort.postMessage(calls);
