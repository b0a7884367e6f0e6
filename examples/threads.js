/**
 * One heap for three workers of Node: each frees what others have allocated, and one of them is terminated in the middle.
 *
 * `node examples/threads.js` prints:
 *
 *     one worker was terminated, and the heap was put in order
 *     2 workers have finished
 *     0 blocks in use
 */

import { once } from "node:events";
import { isMainThread, parentPort } from "node:worker_threads";
import { attachWorker, Heap, startWorker } from "heapwright/threads";

const PAGES = 1024;
/** Pointers change hands in this many words. */
const WORDS = 8;

if (isMainThread) await main();
else work(attachWorker());

async function main() {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: PAGES, shared: true });
  const heap = new Heap({ memory, shared: true, limit: PAGES * 65536 });
  const mailbox = heap.allocateZeroed(WORDS * 4);
  const workers = [1, 2, 3].map(() =>
    startWorker(heap, new URL(import.meta.url), { data: mailbox }),
  );
  await Promise.all(workers.map(({ worker }) => once(worker, "message")));

  const [first, ...others] = workers;
  const lost = (await first.worker.terminate(), await first.ended);
  console.log("one worker was terminated, and the heap was put in order");
  await Promise.all(others.map(({ ended }) => ended));
  console.log(`${others.length} workers have finished`);

  // The terminated worker held blocks that are in the mailbox, or have just left it.
  const mail = new Set([...heap.view(Int32Array, mailbox, WORDS)].filter((p) => p !== 0));
  for (const { pointer } of lost) mail.add(pointer);
  for (const p of mail) if (heap.owns(p)) heap.deallocate(p);
  heap.deallocate(mailbox);
  heap.collect();
  for (const { address, kind } of heap.walk()) if (kind === "used") heap.deallocate(address);
  console.log(`${heap.stats().usedBlocks} blocks in use`);
}

function work({ heap, data: mailbox }) {
  const words = heap.view(Int32Array, mailbox, WORDS);
  parentPort.postMessage("started");
  for (let i = 0, end = Date.now() + 300; Date.now() < end; i++) {
    // Puts a new block into the mailbox, and frees the one that was there, whoever allocated it.
    const p = heap.allocate(16 + (i % 50) * 40);
    heap.deallocate(Atomics.exchange(words, i % WORDS, p));
  }
  heap.detach();
}
