/**
 * A ring buffer of audio blocks: an echo, as an AudioWorklet would compute it, 128 frames at a time.
 *
 * An audio thread must not wait or make garbage. So all blocks are allocated before the sound begins, and `render` allocates
 * nothing. The memory cannot grow, so views are never detached.
 *
 * `node examples/audio-echo.js` prints:
 *
 *     64 blocks of 128 frames in a memory of 64 KiB
 *     at  0 blocks: peak 1.000
 *     at 48 blocks: peak 0.500
 *     at 96 blocks: peak 0.250
 *     silent in 137 of 140 blocks
 */

import { Heap } from "heapwright";

const FRAMES = 128;
const BLOCKS = 64; // a power of two, so that a mask wraps an index
const DELAY = 48; // blocks: 0.13 s at 48 kHz
const FEEDBACK = 0.5;

const heap = new Heap({ memory: new WebAssembly.Memory({ initial: 1, maximum: 1 }) });

/** Blocks in the order of their writing. The next one replaces the oldest. */
class Ring {
  #views = [];
  #written = 0;

  constructor(blocks, frames) {
    for (let i = 0; i < blocks; i++) {
      this.#views.push(heap.array(Float32Array, frames).elements); // 16-byte aligned for SIMD, and zero
    }
  }

  /** Returns the block to write next. */
  next() {
    return this.#views[this.#written++ & (this.#views.length - 1)];
  }

  /** Returns the block that was written `blocks` before the last one. */
  before(blocks) {
    return this.#views[(this.#written - 1 - blocks) & (this.#views.length - 1)];
  }
}

const ring = new Ring(BLOCKS, FRAMES);

/** Mixes the input with the output of `DELAY` blocks ago, as `process` of an AudioWorkletProcessor would. */
function render(input, output) {
  const heard = ring.next();
  const echo = ring.before(DELAY);
  for (let i = 0; i < FRAMES; i++) output[i] = heard[i] = input[i] + FEEDBACK * echo[i];
}

const input = heap.array(Float32Array, FRAMES).elements;
const output = heap.array(Float32Array, FRAMES).elements;
const kib = heap.buffer.byteLength / 1024;
console.log(`${BLOCKS} blocks of ${FRAMES} frames in a memory of ${kib} KiB`);

let silent = 0;
for (let block = 0; block < 140; block++) {
  input.fill(0);
  if (block === 0) input[0] = 1; // a click, and then silence
  render(input, output);
  const peak = output.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  if (peak === 0) silent += 1;
  else console.log(`at ${String(block).padStart(2)} blocks: peak ${peak.toFixed(3)}`);
}
console.log(`silent in ${silent} of 140 blocks`);
