// malloc and its family, for a program that links them: the engine on the program's memory. tools/build/wasm32.ts makes object
// files of this module; there the exports get their C names.
//
// The first call creates the heap, at the end of the program's data. An invalid pointer traps, and the heap is unchanged. A call
// that fails sets errno.

import { below, memoryEnd, multiply, store32, trap } from "#memory";
import { MAX_ALIGNMENT, MAX_SIZE } from "../../engine/block.ts";
import { heap } from "../../engine/control.ts";
import { INVALID_ALIGNMENT, lastError, OK } from "../../engine/errors.ts";
import {
  allocate,
  allocateAligned,
  allocateZeroed,
  create,
  deallocate,
  DEFAULT_SMALL,
  reallocate,
  usableSize as engineUsableSize,
} from "../../engine/heap.ts";

// Addresses that the linker knows.

/** The end of the program's data: the heap begins there. */
declare const heapBase: i32;
/** The end of the memory as it was linked; 0 if the linker does not say (LLVM 14 and older). */
declare const heapEnd: i32;
/** The variable errno; 0 if the program has none. */
declare const errno: i32;

/** Emscripten: the address of errno. */
declare function errnoLocation(): i32;

/** Whether this is for Emscripten; the build makes it true there. */
function isEmscripten(): bool {
  return false;
}

/** Numbers of WASI. Emscripten has the same. */
const EINVAL: i32 = 28;
const ENOMEM: i32 = 48;

/** Creates the heap after the memory that other code has grown before. Returns whether it succeeded. */
function begin(): bool {
  const isGrown: bool = heapEnd != 0 && below(heapEnd, memoryEnd());
  return create(isGrown ? memoryEnd() : heapBase, 0, -1, 0, DEFAULT_SMALL) == OK;
}

function setErrno(code: i32): void {
  if (isEmscripten()) store32(errnoLocation(), code);
  else if (errno != 0) store32(errno, code);
}

/** A null pointer, and why. */
function outOfMemory(): i32 {
  setErrno(ENOMEM);
  return 0;
}

export function malloc(size: i32): i32 {
  if (heap == 0 && !begin()) return outOfMemory();
  const p: i32 = allocate(size);
  return p != 0 ? p : outOfMemory();
}

export function free(p: i32): void {
  if (deallocate(p) != OK) trap();
}

export function calloc(count: i32, size: i32): i32 {
  if (count != 0 && below((MAX_SIZE / count) | 0, size)) return outOfMemory();
  if (heap == 0 && !begin()) return outOfMemory();
  const p: i32 = allocateZeroed(multiply(count, size));
  return p != 0 ? p : outOfMemory();
}

/** For size 0 the block becomes as small as possible. */
export function realloc(p: i32, size: i32): i32 {
  if (p == 0) return malloc(size);
  const q: i32 = reallocate(p, size);
  if (q != 0) return q;
  if (lastError > INVALID_ALIGNMENT) trap();
  return outOfMemory();
}

export function memalign(alignment: i32, size: i32): i32 {
  if (alignment <= 0 || alignment > MAX_ALIGNMENT || (alignment & (alignment - 1)) != 0) {
    setErrno(EINVAL);
    return 0;
  }
  if (heap == 0 && !begin()) return outOfMemory();
  const p: i32 = allocateAligned(size, alignment);
  return p != 0 ? p : outOfMemory();
}

/** Returns 0 or an error number, and leaves errno alone. */
export function posixMemalign(result: i32, alignment: i32, size: i32): i32 {
  if (alignment < 4 || alignment > MAX_ALIGNMENT || (alignment & (alignment - 1)) != 0)
    return EINVAL;
  if (heap == 0 && !begin()) return ENOMEM;
  const p: i32 = allocateAligned(size, alignment);
  if (p == 0) return ENOMEM;
  store32(result, p);
  return 0;
}

export function usableSize(p: i32): i32 {
  return p == 0 ? 0 : engineUsableSize(p);
}
