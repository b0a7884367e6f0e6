/**
 * Native code on blocks of a heap: C's strlen and qsort, and zlib, in Node on Linux with `npm install koffi`.
 *
 * `node examples/native-ffi.js`, after `npm run build`, prints:
 *
 *     strlen of "grüezi": 7
 *     qsort: -4 -1 0 3 7
 *     zlib: 10000 bytes become less than 100, and 10000 again
 *     0 blocks in use
 */

import koffi from "koffi";
import { Heap, processBreak } from "heapwright/native";

const heap = new Heap({ memory: processBreak() }); // by sbrk; mapping() is a mapping of its own
const libc = koffi.load("libc.so.6");
const libz = koffi.load("libz.so.1");

// A pointer is an offset, as in every heap. Native code gets its address.
const strlen = libc.func("size_t strlen(const void *text)");
const text = heap.cString("grüezi");
console.log(`strlen of "grüezi": ${strlen(heap.address(text.pointer))}`);
text.dispose();

// qsort calls back with addresses, and heap.pointer makes pointers of them.
const Compare = koffi.proto("Compare", "int", ["uintptr_t", "uintptr_t"]);
const qsort = libc.func("qsort", "void", ["void *", "size_t", "size_t", koffi.pointer(Compare)]);
const numbers = heap.array(Int32Array, 5);
numbers.elements.set([7, -1, 3, -4, 0]);
const words = new Int32Array(heap.buffer);
const at = (address) => words[heap.pointer(BigInt(address)) / 4];
qsort(heap.address(numbers.pointer), 5, 4, (a, b) => at(a) - at(b));
console.log(`qsort: ${numbers.elements.join(" ")}`);
numbers.dispose();

// zlib reads one block and writes another; no byte is copied to JavaScript.
const compress = libz.func("int compress(void *to, void *size, const void *from, ulong length)");
const uncompress = libz.func(
  "int uncompress(void *to, void *size, const void *from, ulong length)",
);
const LENGTH = 10_000;
const scope = heap.scope();
const plain = scope.allocate(LENGTH);
const packed = scope.allocate(LENGTH);
const size = scope.allocate(8);
heap.view(Uint8Array, plain, LENGTH).fill(42);
const sizeOf = () => Number(heap.view(BigUint64Array, size, 1)[0]);
heap.view(BigUint64Array, size, 1)[0] = BigInt(LENGTH);
compress(heap.address(packed), heap.address(size), heap.address(plain), LENGTH);
const small = sizeOf();
heap.view(BigUint64Array, size, 1)[0] = BigInt(LENGTH);
uncompress(heap.address(plain), heap.address(size), heap.address(packed), small);
console.log(
  `zlib: ${LENGTH} bytes become ${small < 100 ? "less than 100" : small}, and ${sizeOf()} again`,
);
scope.dispose();
console.log(`${heap.stats().usedBlocks} blocks in use`);
