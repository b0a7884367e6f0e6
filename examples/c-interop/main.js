/**
 * C interop: a module written in C and a program in JavaScript allocate from one heap, and each reads what the other wrote.
 *
 * `words.wasm` is `words.c`, without a libc; to build it again, with Debian's `clang` and `lld`:
 *
 *     clang --target=wasm32 -Oz -ffreestanding -fno-builtin -nostdlib -Wl,--no-entry,--import-memory,--allow-undefined,--export=__heap_base,--strip-all words.c -o words.wasm
 *
 * `node examples/c-interop/main.js` prints:
 *
 *     to: 2
 *     be: 2
 *     or: 1
 *     not: 1
 *     0 blocks in use
 */

import { readFile } from "node:fs/promises";
import { Heap } from "heapwright";

const memory = new WebAssembly.Memory({ initial: 2 });

/** The exports of a module that imports `memory` and what else is in `env`. */
async function load(url, env = {}) {
  const { instance } = await WebAssembly.instantiate(await readFile(url), {
    env: { memory, ...env },
  });
  return instance.exports;
}

// The module's own data and stack come first in the memory; the heap begins where they end, which only the module knows.
// It is made after the module, so the names it is given lead on to a heap that is not there yet.
const allocator = await load(new URL(import.meta.resolve("heapwright/heap.wasm")));
const { malloc, free } = allocator;
const words = await load(new URL("words.wasm", import.meta.url), { malloc, free });
const base = words.__heap_base.value;
if (allocator.heap_init(base, 0) !== 0) throw new Error(`no heap at ${base}`);
const heap = Heap.attach(memory, base);

// A text, written by JavaScript, read by C.
const text = new TextEncoder().encode("to be or not to be");
const p = heap.allocate(text.length);
heap.view(Uint8Array, p, text.length).set(text);
const first = words.count_words(p, text.length) >>> 0;
heap.deallocate(p);

// A list, written by C, read by JavaScript. A struct word is a header of three words, and then the text.
for (let word = first; word !== 0;) {
  const [next, count, length] = heap.view(Uint32Array, word, 3);
  const name = new TextDecoder().decode(heap.view(Uint8Array, word, 12 + length).subarray(12));
  console.log(`${name}: ${count}`);
  word = next;
}
words.free_words(first);

heap.check();
console.log(`${heap.stats().usedBlocks} blocks in use`);
