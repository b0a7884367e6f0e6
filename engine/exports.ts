// What the engine exports: the C names, and the `heap_` names for the library and for modules that set up their heap.

import { multiply, store32, trap } from "#memory";
import { MAX_ALIGNMENT, MAX_SIZE } from "./block.ts";
import { breakMoves, footprint, heap, limit, peak, programBreak } from "./control.ts";
import { fail, INVALID_ALIGNMENT, INVALID_SIZE, lastError, OK, report } from "./errors.ts";
import {
  allocate,
  allocateAligned,
  allocateZeroed,
  attach,
  create,
  deallocate as release,
  DEFAULT_SMALL,
  pointerError,
  reallocate,
  reset,
  trim,
  usableSize,
} from "./heap.ts";
import { enter } from "./map.ts";

const EINVAL: i32 = 22;
const ENOMEM: i32 = 12;

// C -----------------------------------------------------------------------------------------------------------------------

export { allocate, allocate as malloc };

/** Traps on an invalid pointer; the heap is then unchanged, and `heap_error()` returns the reason. */
export function free(p: i32): void {
  if (release(p) != OK) trap();
}

export function calloc(count: i32, size: i32): i32 {
  // Without the comparisons with 0, calloc(0, n) would fail for a large n.
  if (count != 0 && size != 0 && (count < 0 || size < 0 || size > ((MAX_SIZE / count) | 0)))
    return fail(INVALID_SIZE);
  return allocateZeroed(multiply(count, size));
}

/** Traps like `free`; returns 0 if there is no memory. Size 0 makes the block as small as possible. */
export function realloc(p: i32, size: i32): i32 {
  const q: i32 = reallocate(p, size);
  if (q == 0 && lastError > INVALID_ALIGNMENT) trap();
  return q;
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

// The heap ----------------------------------------------------------------------------------------------------------------

/** Creates a heap from `base` up to `limit` (0: as far as the memory grows); returns an error code, 0 for none. */
export function heap_init(base: i32, limit: i32): i32 {
  return report(create(base, limit, -1, 0, DEFAULT_SMALL));
}

/** The same with all settings, see `create` in heap.ts. */
export function heap_create(base: i32, limit: i32, margin: i32, fit: i32, small: i32): i32 {
  return report(create(base, limit, margin, fit, small));
}

/** Uses the heap that was created at `base`; returns an error code, 0 for none. */
export function heap_attach(base: i32): i32 {
  return report(attach(base));
}

/** The program break; 0 if there is no heap. */
export function heap_break(): i32 {
  return heap_stat(4);
}

/** Code of the last call that failed. */
export function heap_error(): i32 {
  return lastError;
}

/** Allocates at a multiple of `alignment` (0: like `allocate`); returns 0 with the reason in `heap_error()`. */
export function heap_allocate(size: i32, alignment: i32): i32 {
  return alignment == 0 ? allocate(size) : allocateAligned(size, alignment);
}

/** `realloc` without the trap. */
export function heap_reallocate(p: i32, size: i32): i32 {
  return reallocate(p, size);
}

/** `free` without the trap; returns an error code, 0 for none. */
export function heap_release(p: i32): i32 {
  return release(p);
}

/** 1 if `p` is a pointer to a block or slot in use. */
export function heap_owns(p: i32): i32 {
  return pointerError(p) == OK ? 1 : 0;
}

/** Frees everything; returns an error code, 0 for none. */
export function heap_reset(): i32 {
  return report(reset());
}

export function heap_trim(): i32 {
  return trim(0);
}

/** 0 footprint, 1 moves of the break, 2 largest footprint, 3 base, 4 break, 5 limit; each 0 if there is no heap. */
export function heap_stat(which: i32): i32 {
  if (heap == 0) return 0;
  enter();
  if (which == 0) return footprint();
  if (which == 1) return breakMoves();
  if (which == 2) return peak();
  if (which == 3) return heap;
  return which == 4 ? programBreak() : limit;
}
