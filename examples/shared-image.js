/**
 * Four workers soften an image in a SharedArrayBuffer at the same time. They allocate their results from one heap in that buffer.
 * A heap has no locks, so they allocate in turns. Threads send each other only pointers.
 *
 * `node examples/shared-image.js` prints:
 *
 *     256 × 256 pixels, steepest step 255
 *     softened by 4 workers, steepest step 15
 *     0 blocks in use
 */

import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { Heap } from "heapwright";

const SIZE = 256;
const WORKERS = 4;
const ROWS = SIZE / WORKERS;
const RADIUS = 8;

if (isMainThread) await main();
else work(workerData);

async function main() {
  const heap = new Heap({ memory: new SharedArrayBuffer(1 << 20) });
  const image = heap.allocate(SIZE * SIZE);
  const pixels = heap.view(Uint8Array, image, SIZE * SIZE);
  for (let i = 0; i < pixels.length; i++) pixels[i] = (i & 32) === 0 ? 0 : 255; // vertical stripes
  console.log(`${SIZE} × ${SIZE} pixels, steepest step ${steepest(pixels)}`);

  // A word with the index of the worker that may use the heap. This thread waits until all are done.
  const turn = heap.allocateZeroed(4);
  const { memory } = heap;
  const bands = await Promise.all(
    Array.from({ length: WORKERS }, (_, index) => {
      const worker = new Worker(new URL(import.meta.url), {
        workerData: { memory, image, turn, index },
      });
      return new Promise((resolve, reject) =>
        worker.once("message", resolve).once("error", reject),
      );
    }),
  );

  bands.forEach((band, index) => {
    pixels.set(heap.view(Uint8Array, band, ROWS * SIZE), index * ROWS * SIZE);
    heap.deallocate(band);
  });
  console.log(`softened by ${WORKERS} workers, steepest step ${steepest(pixels)}`);
  heap.deallocate(image);
  heap.deallocate(turn);
  heap.check();
  console.log(`${heap.stats().usedBlocks} blocks in use`);
}

function work({ memory, image, turn, index }) {
  const whose = new Int32Array(memory, turn, 1);
  for (let now; (now = Atomics.load(whose, 0)) !== index;) Atomics.wait(whose, 0, now);
  const heap = Heap.attach(memory);
  const band = heap.allocate(ROWS * SIZE);
  const to = heap.view(Uint8Array, band, ROWS * SIZE);
  const from = heap.view(Uint8Array, image, SIZE * SIZE);
  Atomics.store(whose, 0, index + 1);
  Atomics.notify(whose, 0);

  // The turn is over, and all workers continue at the same time. A pixel becomes the mean of its neighbours in the row.
  for (let y = 0; y < ROWS; y++) {
    const row = from.subarray((index * ROWS + y) * SIZE, (index * ROWS + y + 1) * SIZE);
    for (let x = 0; x < SIZE; x++) {
      const near = row.subarray(Math.max(0, x - RADIUS), x + RADIUS + 1);
      to[y * SIZE + x] = near.reduce((a, b) => a + b) / near.length;
    }
  }
  parentPort.postMessage(band);
}

/** Returns the largest difference between a pixel and the next one in its row. */
function steepest(pixels) {
  let most = 0;
  for (let i = 1; i < pixels.length; i++) {
    if (i % SIZE !== 0) most = Math.max(most, Math.abs(pixels[i] - pixels[i - 1]));
  }
  return most;
}
