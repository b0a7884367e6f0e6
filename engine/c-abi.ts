// What the engine exports: the C names, and the `heap_` names for the library and for those who look inside.

import { enter, load32, multiply, store32 } from "#memory";
import { footprint } from "./break.ts";
import { broken, brokenAt, walk, walkedKind, walkedSize } from "./check.ts";
import {
  allocate,
  allocateAligned,
  allocateZeroed,
  attach,
  create,
  deallocate as give,
  DEFAULT_SMALL,
  pointerError,
  reallocate,
  reset,
  trim,
  usableSize,
} from "./heap.ts";
import {
  answer,
  BREAK,
  fail,
  heap,
  INVALID_ALIGNMENT,
  INVALID_SIZE,
  lastError,
  LIMIT,
  MAX_ALIGNMENT,
  MAX_SIZE,
  MOVES,
  OK,
  PEAK,
} from "./layout.ts";

const EINVAL: i32 = 22;
const ENOMEM: i32 = 12;

// C -----------------------------------------------------------------------------------------------------------------------

export { allocate, allocate as malloc };

/** Traps on a pointer that is not a live block's, with the heap as it was and the reason in `heap_error()`. */
export function free(p: i32): void {
  give(p, true);
}

export function calloc(count: i32, size: i32): i32 {
  // None of any size is a block of size 0.
  if (count != 0 && size != 0 && (count < 0 || size < 0 || size > ((MAX_SIZE / count) | 0)))
    return fail(INVALID_SIZE);
  return allocateZeroed(multiply(count, size));
}

/** Traps like `free`; 0 without memory. Size 0 keeps a block of the least size. */
export function realloc(p: i32, size: i32): i32 {
  return reallocate(p, size, true);
}

export function aligned_alloc(alignment: i32, size: i32): i32 {
  return allocateAligned(size, alignment);
}

export function memalign(alignment: i32, size: i32): i32 {
  return allocateAligned(size, alignment);
}

export function posix_memalign(result: i32, alignment: i32, size: i32): i32 {
  if (alignment < 4 || alignment > MAX_ALIGNMENT || (alignment & (alignment - 1)) != 0) {
    fail(INVALID_ALIGNMENT);
    return EINVAL;
  }
  const p: i32 = allocateAligned(size, alignment);
  if (p == 0) return ENOMEM;
  store32(result, p);
  return 0;
}

export function malloc_usable_size(p: i32): i32 {
  return p == 0 ? 0 : usableSize(p);
}

export function malloc_trim(keep: i32): i32 {
  return trim(keep) != 0 ? 1 : 0;
}

export { free as deallocate };

// The heap -----------------------------------------------------------------------------------------------------------------

/** Makes a heap from `base` up to `limit` (0: as far as the memory grows); an error code, 0 for none. */
export function heap_init(base: i32, limit: i32): i32 {
  return answer(create(base, limit, -1, 0, DEFAULT_SMALL), false);
}

export function heap_create(base: i32, limit: i32, margin: i32, fit: i32, small: i32): i32 {
  return create(base, limit, margin, fit, small);
}

export function heap_attach(base: i32): i32 {
  return answer(attach(base), false);
}

export function heap_break(): i32 {
  enter(heap);
  return heap == 0 ? 0 : load32(heap + BREAK);
}

/** 0, or the first broken invariant: its letter's character code × 256 + its number. */
export function heap_check(): i32 {
  return broken();
}

/** The code of the last call that failed. */
export function heap_error(): i32 {
  return lastError;
}

/** Where the last check found an invariant broken. */
export function heap_check_at(): i32 {
  return brokenAt;
}

/** A block at a multiple of `alignment` (0: as `allocate`); 0 with the reason in `heap_error()`. */
export function heap_allocate(size: i32, alignment: i32): i32 {
  return alignment == 0 ? allocate(size) : allocateAligned(size, alignment);
}

export function heap_reallocate(p: i32, size: i32): i32 {
  return reallocate(p, size, false);
}

/** `free` without the trap: the error's code. */
export function heap_release(p: i32): i32 {
  return give(p, false);
}

export function heap_owns(p: i32): i32 {
  return pointerError(p) == OK ? 1 : 0;
}

/** Frees everything; an error code, 0 for none. */
export function heap_reset(): i32 {
  return answer(reset(), false);
}

export function heap_trim(): i32 {
  return trim(0);
}

export function heap_walk(p: i32): i32 {
  return walk(p);
}

export function heap_walked_size(): i32 {
  return walkedSize;
}

export function heap_walked_kind(): i32 {
  return walkedKind;
}

/** 0 footprint, 1 moves of the break, 2 largest footprint, 3 base, 4 break, 5 limit. */
export function heap_stat(which: i32): i32 {
  enter(heap);
  if (heap == 0) return 0;
  if (which == 0) return footprint();
  if (which == 1) return load32(heap + MOVES);
  if (which == 2) return load32(heap + PEAK);
  if (which == 3) return heap;
  if (which == 4) return load32(heap + BREAK);
  return load32(heap + LIMIT);
}
