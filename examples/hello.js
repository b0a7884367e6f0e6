/**
 * Hello: allocates a block, fills it, reads it and frees it. A second free throws a named error.
 *
 * `node examples/hello.js`, after `npm run build`, prints:
 *
 *     256 floats, sum 256
 *     DOUBLE_FREE: the block is already free
 *     grüezi: 7 bytes of UTF-8
 *     0 blocks in use
 */

import { Heap, HeapError } from "heapwright";

const heap = new Heap(); // in a WebAssembly.Memory of its own, which grows as needed

const p = heap.allocate(1024); // a pointer: a byte offset, never 0
const floats = heap.view(Float32Array, p, 256).fill(1);
console.log(`${floats.length} floats, sum ${floats.reduce((a, b) => a + b)}`);
heap.deallocate(p);

try {
  heap.deallocate(p);
} catch (error) {
  if (!(error instanceof HeapError)) throw error;
  console.log(`${error.code}: the block is already free`); // error.message says more
}

const greeting = heap.string("grüezi"); // a block that frees itself, with `using` or dispose()
console.log(`${heap.readString(greeting.pointer, greeting.size)}: ${greeting.size} bytes of UTF-8`);
greeting.dispose();
console.log(`${heap.stats().usedBlocks} blocks in use`);
