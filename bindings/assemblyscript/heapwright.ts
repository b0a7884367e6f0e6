// AssemblyScript's memory manager, from heapwright's heap.wasm. The garbage collector stays AssemblyScript's:
//
//   asc --runtime node_modules/heapwright/bindings/assemblyscript/heapwright
//
// The collector stores the size of each object in a word before it. So each request is made 8 bytes larger, and pointers are
// 8-byte aligned.

import "rt/itcms";

@external("env", "heap_init") declare function heap_init(base: usize, limit: usize): i32;
@external("env", "malloc") declare function malloc(size: usize): usize;
@external("env", "realloc") declare function realloc(pointer: usize, size: usize): usize;
@external("env", "free") declare function free(pointer: usize): void;

const OVERHEAD: usize = 8;
const LARGEST: usize = 1 << 30;

// The first statement that runs: all from here on is the heap's.
heap_init(__heap_base, 0);

/** Bytes to ask for, a multiple of 16. */
function wanted(size: usize): usize {
  if (size > LARGEST) unreachable();
  return (size + OVERHEAD + 15) & ~15;
}

/** Notes how long a block is; what the program gets of it. */
function noted(block: usize, bytes: usize): usize {
  if (!block) unreachable(); // memory is out
  store<usize>(block, bytes - OVERHEAD, OVERHEAD - sizeof<usize>());
  return block + OVERHEAD;
}

@global @unsafe
export function __alloc(size: usize): usize {
  const bytes = wanted(size);
  return noted(malloc(bytes), bytes);
}

@global @unsafe
export function __realloc(pointer: usize, size: usize): usize {
  const bytes = wanted(size);
  if (pointer >= __heap_base) return noted(realloc(pointer - OVERHEAD, bytes), bytes);
  // Static data stays where it is.
  const moved = noted(malloc(bytes), bytes);
  memory.copy(moved, pointer, min(size, load<usize>(pointer - sizeof<usize>()) & ~3));
  return moved;
}

@global @unsafe
export function __free(pointer: usize): void {
  if (pointer >= __heap_base) free(pointer - OVERHEAD);
}
