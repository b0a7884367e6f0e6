/**
 * C interop: a module in C and a program in JavaScript share one heap, and read each other's blocks.
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
import { Heap, struct } from "heapwright";

const memory = new WebAssembly.Memory({ initial: 2 });

/** Instantiates a module that imports `memory` and `env`, and returns its exports. */
async function load(url, env = {}) {
  const { instance } = await WebAssembly.instantiate(await readFile(url), {
    env: { memory, ...env },
  });
  return instance.exports;
}

// The module's data and stack are at the start of the memory. The heap begins after them, at the module's __heap_base. So the
// module gets malloc and free first, and the heap is created before the module calls them.
const allocator = await load(new URL(import.meta.resolve("heapwright/heap.wasm")));
const { malloc, free } = allocator;
const words = await load(new URL("words.wasm", import.meta.url), { malloc, free });
const base = words.__heap_base.value;
if (allocator.heap_init(base, 0) !== 0) throw new Error(`no heap at ${base}`);
const heap = Heap.attach(memory, { base });

// A text: JavaScript writes it, C reads it.
const text = heap.cString("to be or not to be");
const first = words.count_words(text.pointer) >>> 0;
text.dispose();

// A list: C writes it, JavaScript reads it. Each item is a `struct word`, followed by its text.
const Word = struct({ next: "u32", count: "i32", length: "i32" });
for (let p = first; p !== 0; p = Word.at(heap, p).next) {
  const { count, length } = Word.at(heap, p);
  console.log(`${heap.readString(p + Word.size, length)}: ${count}`);
}
words.free_words(first);

heap.check();
console.log(`${heap.stats().usedBlocks} blocks in use`);
