// The front door: requests are checked here and sent to slabs or blocks. Each call leaves the heap as it was where it fails,
// and says why in `lastError`.

import { below, copy, enter, growTo, load16, load32, memoryEnd, store32, zero } from "#memory";
import {
  blockAround,
  createBlocks,
  give,
  growDown,
  growInPlace,
  hold,
  isBlock,
  lowerStarts,
  mark,
  NEXT_FIT,
  settle,
  shrink,
  trimTop,
} from "./blocks.ts";
import { HIGHEST, targetBreak } from "./break.ts";
import {
  answer,
  BAD_OPTIONS,
  blockSizeFor,
  BREAK,
  CELL,
  classAt,
  classFor,
  classOf,
  CONTROL,
  CORRUPT,
  descriptorAt,
  DOUBLE_FREE,
  entryOf,
  fail,
  first,
  FIT,
  FRESH,
  GAP,
  GRANULE,
  header,
  HEADER,
  heap,
  HELD,
  HOLD,
  HOLDING,
  INVALID_ALIGNMENT,
  INVALID_POINTER,
  INVALID_SIZE,
  IN_USE,
  isHeap,
  leadsOn,
  LIMIT,
  MAGIC,
  MAGIC_AT,
  mapAt,
  MARGIN,
  MAX_ALIGNMENT,
  MAX_SIZE,
  MAX_SMALL,
  MOVES,
  OK,
  OUT_OF_HEAP,
  OUT_OF_MEMORY,
  OWN,
  OWNED,
  PEAK,
  PLACES,
  PREVIOUS_IN_USE,
  REACH,
  roundUp,
  sizeOf,
  SLOT,
  SMALL,
  small,
  startOf,
  STARTS_BLOCK,
  TOP,
  useHeap,
} from "./layout.ts";
import {
  createClasses,
  forgetSlabs,
  giveSlot,
  lowerMap,
  lowerTable,
  release,
  slotError,
  slotSize,
  takeBlock,
  takeSlot,
} from "./slabs.ts";

/** The largest size that slabs serve where nothing else is asked for, in bytes. */
export const DEFAULT_SMALL: i32 = 1008;

// Creating ----------------------------------------------------------------------------------------------------------------

/** What a heap has at least behind its control block: room for the starts of the least first break, and for some blocks. */
const LEAST_ROOM: i32 = 1024;

/** Where the control block of a heap with this base is: address 0 stays free, so that no pointer is 0. */
function controlFor(base: i32): i32 {
  return base == 0 ? GRANULE : roundUp(base, GRANULE);
}

/**
 * Makes a heap at `base`, in memory that may go up to `limit` (0: as far as it grows); OK or the error, with nothing
 * changed. `margin` is in bytes, -1 for a share of the heap; `small` in bytes, 0 for no slabs.
 */
export function create(base: i32, limit: i32, margin: i32, fit: i32, small: i32): i32 {
  enter(heap);
  const at: i32 = controlFor(base);
  const end: i32 = memoryEnd();
  const highest: i32 = limit == 0 ? HIGHEST : limit & -GRANULE;
  const least: i32 = at + CONTROL + LEAST_ROOM;
  if (below(at, base) || small < 0 || small > MAX_SMALL || fit < 0 || fit > NEXT_FIT)
    return BAD_OPTIONS;
  if (below(least, at) || below(highest, least)) return limit == 0 ? OUT_OF_MEMORY : BAD_OPTIONS;
  let target: i32 = targetBreak(base, least, margin == -1 ? 0 : margin, highest);
  if (below(end, target) && !growTo(target)) {
    target = below(end, least) ? least : end;
    if (!growTo(target)) return OUT_OF_MEMORY;
  }
  zero(at, CONTROL);
  store32(at + BREAK, target);
  store32(at + LIMIT, highest);
  store32(at + OWNED, limit != 0 ? highest : memoryEnd());
  store32(at + MARGIN, margin);
  store32(at + FIT, fit);
  store32(at + SMALL, small == 0 ? 0 : small + 1);
  store32(at + MOVES, 1);
  store32(at + PEAK, target - at);
  useHeap(at);
  createClasses();
  createBlocks();
  store32(at + MAGIC_AT, MAGIC);
  return OK;
}

/** Joins the heap made at `base`, maybe by another engine; OK or BAD_OPTIONS where there is none. */
export function attach(base: i32): i32 {
  const at: i32 = controlFor(base);
  enter(at);
  const end: i32 = memoryEnd();
  if (below(at, base) || below(end, CONTROL) || below(end - CONTROL, at)) return BAD_OPTIONS;
  if (!isHeap(at)) return BAD_OPTIONS;
  useHeap(at);
  enter(at);
  return OK;
}

/** The heap of a module that never asked for one begins at the end of its memory. */
function createAtEnd(): bool {
  return answer(create(memoryEnd(), 0, -1, 0, DEFAULT_SMALL), false) == OK;
}

// Allocating --------------------------------------------------------------------------------------------------------------

/**
 * A block of at least `size` bytes, or 0 with the reason in `lastError`. Aligned to 16 bytes from 16 bytes up, to 8 below.
 *
 * Cost: a dozen memory accesses from a slab, some dozens from a block; bounded, moves of the break apart.
 */
export function allocate(size: i32): i32 {
  enter(heap);
  return below(size, small)
    ? takeSlot(classAt(classFor(size)), size, GRANULE)
    : allocateBlock(size, GRANULE);
}

/** What no slab serves; the first request of all, too. */
function allocateBlock(size: i32, alignment: i32): i32 {
  if (below(MAX_SIZE, size)) return fail(INVALID_SIZE);
  if (heap == 0) return createAtEnd() ? allocateAligned(size, alignment) : 0;
  return takeBlock(size, alignment);
}

/** The same, beginning at a multiple of `alignment`: a power of two up to 64 KiB. */
export function allocateAligned(size: i32, alignment: i32): i32 {
  enter(heap);
  if (alignment <= 0 || alignment > MAX_ALIGNMENT || (alignment & (alignment - 1)) != 0)
    return fail(INVALID_ALIGNMENT);
  const whole: i32 = roundUp(size == 0 ? 1 : size, alignment);
  if (alignment <= CELL && below(size, small) && below(whole, small)) {
    const c: i32 = classAt(classFor(whole));
    if ((load32(c + SLOT) & (alignment - 1)) == 0) return takeSlot(c, size, alignment);
  }
  return allocateBlock(size, alignment < GRANULE ? GRANULE : alignment);
}

/** `allocate`, with all of the block's first `size` bytes zero. */
export function allocateZeroed(size: i32): i32 {
  const p: i32 = allocate(size);
  if (p != 0) zero(p, size);
  return p;
}

// Giving back -------------------------------------------------------------------------------------------------------------

/**
 * Gives the block at `p` back; OK or the error, the heap then unchanged: recorded, and a trap instead if `traps`. Nothing is
 * done for 0.
 *
 * Cost: a dozen memory accesses into a slab, some dozens into a block; bounded.
 */
export function deallocate(p: i32, traps: bool): i32 {
  enter(heap);
  // One condition a branch: a compiler would make numbers of them, to join them.
  if (below(p, first)) return deallocateStray(p, traps);
  if (!below(p, load32(heap + REACH))) return deallocateBlock(p, traps);
  const entry: i32 = load16(mapAt(p));
  return entry != 0 ? giveSlot(p, entry, traps) : deallocateBlock(p, traps);
}

function deallocateStray(p: i32, traps: bool): i32 {
  return answer(p == 0 ? OK : OUT_OF_HEAP, traps);
}

function deallocateBlock(p: i32, traps: bool): i32 {
  const top: i32 = load32(heap + TOP);
  if (!below(p, top)) return refuse(p, traps);
  const start: i32 = startOf(p);
  if (start != mark(p)) {
    if (!isBlock(p, start)) return refuse(p, traps);
  }
  if ((p & (GRANULE - 1)) != 0) return refuse(p, traps);
  const h: i32 = header(p);
  if ((h & (IN_USE | HELD | OWN)) != IN_USE) return refuse(p, traps);
  const size: i32 = h & -GRANULE;
  if (!leadsOn(p, size, top)) return refuse(p, traps);
  if ((header(p + size) & PREVIOUS_IN_USE) == 0) return refuse(p, traps);
  if ((h & PREVIOUS_IN_USE) == 0) {
    if (!isPreviousSound(p)) return refuse(p, traps);
  }
  if (below(size, mostHeld())) hold(p, h);
  else give(p);
  return OK;
}

function refuse(p: i32, traps: bool): i32 {
  if (!below(p, load32(heap + BREAK))) return deallocateStray(p, traps);
  return answer(blockError(p), traps);
}

/** Blocks below this size are held: a 64th of a small heap, 4.5 KiB and a 1024th of a large one, none without slabs. */
function mostHeld(): i32 {
  if (small == 0) return 0;
  const size: i32 = load32(heap + TOP) - heap;
  const most: i32 = (size >>> 10) + 4608;
  return below(size >>> 6, most) ? size >>> 6 : most;
}

/** What is wrong with `p` as a pointer to a block in use; OK where it is one. */
function blockError(p: i32): i32 {
  if (!isBlock(p, startOf(p))) return strayError(p);
  const h: i32 = header(p);
  if ((h & IN_USE) == 0 && p == load32(heap + TOP)) return freeError(p);
  if (!leadsOn(p, h & -GRANULE, load32(heap + TOP))) return CORRUPT;
  if ((h & (IN_USE | HELD | OWN)) != IN_USE) {
    return (h & GAP) == GAP ? OUT_OF_HEAP : (h & OWN) != 0 ? INVALID_POINTER : freeError(p);
  }
  if ((header(p + (h & -GRANULE)) & PREVIOUS_IN_USE) == 0) return CORRUPT;
  return (h & PREVIOUS_IN_USE) != 0 || isPreviousSound(p) ? OK : CORRUPT;
}

/** Whether what is before `p` is a free block, as p's header says. */
function isPreviousSound(p: i32): bool {
  const size: i32 = load32(p - 2 * HEADER);
  if (size == 0 || (size & (GRANULE - 1)) != 0 || below(p - first, size)) return false;
  return header(p - size) == (size | PREVIOUS_IN_USE);
}

/** Why a pointer to no start of a block is wrong: inside a block in use, or in memory that is free. */
function strayError(p: i32): i32 {
  if ((p & (GRANULE - 1)) != 0) return INVALID_POINTER;
  const around: i32 = blockAround(p);
  if (around == 0) return CORRUPT;
  const h: i32 = header(around);
  if ((h & IN_USE) != 0) return (h & GAP) == GAP ? OUT_OF_HEAP : INVALID_POINTER;
  return freeError(p);
}

/** Free memory in which blocks have been: freed before. Beyond all that were ever allocated: never allocated. */
function freeError(p: i32): i32 {
  return below(p, load32(heap + FRESH)) ? DOUBLE_FREE : INVALID_POINTER;
}

/** What is wrong with `p` as a pointer from this heap; OK where it is a live one. */
export function pointerError(p: i32): i32 {
  enter(heap);
  if (below(p, first) || !below(p, load32(heap + BREAK))) return OUT_OF_HEAP;
  const entry: i32 = entryOf(p);
  return entry != 0 ? slotError(p, entry) : blockError(p);
}

/** Bytes that the block at `p` has room for, or 0 with the reason in `lastError`. */
export function usableSize(p: i32): i32 {
  const code: i32 = pointerError(p);
  if (code != OK) return fail(code);
  const entry: i32 = entryOf(p);
  return entry != 0 ? slotSize(entry) : sizeOf(p) - HEADER;
}

// Reallocating ------------------------------------------------------------------------------------------------------------

/**
 * Makes the block at `p` at least `size` bytes, with its contents up to the smaller size; its pointer, maybe a new one, or
 * 0 with the reason in `lastError` and the block as it was. `p` 0 is `allocate`.
 * With a wrong pointer, traps instead if `traps`.
 *
 * In place where the size class stays, where a block shrinks, and where it can grow into what is free behind it or beyond
 * the end of the heap; else it moves, if it can into the free block before it.
 */
export function reallocate(p: i32, size: i32, traps: bool): i32 {
  if (p == 0) return allocate(size);
  const code: i32 = pointerError(p);
  if (code != OK) {
    answer(code, traps);
    return 0;
  }
  if (below(MAX_SIZE, size)) return fail(INVALID_SIZE);
  const entry: i32 = entryOf(p);
  return entry != 0 ? moveSlot(p, entry, size) : moveBlock(p, size);
}

function moveBlock(p: i32, size: i32): i32 {
  const needed: i32 = blockSizeFor(size);
  if (!below(sizeOf(p), needed)) {
    shrink(p, needed);
    return p;
  }
  if (growInPlace(p, needed)) return p;
  const down: i32 = growDown(p, needed);
  if (down != 0) return down;
  const q: i32 = allocate(size);
  if (q == 0) return 0;
  copy(q, p, sizeOf(p) - HEADER);
  give(p);
  return q;
}

function moveSlot(p: i32, entry: i32, size: i32): i32 {
  const c: i32 = classOf(descriptorAt(entry));
  const has: i32 = load32(c + SLOT);
  if (!below(has, size)) {
    if (classAt(classFor(size)) == c) return p;
  }
  const q: i32 = allocate(size);
  if (q == 0) return below(has, size) ? 0 : p;
  copy(q, p, below(size, has) ? size : has);
  giveSlot(p, entryOf(p), false); // which allocating may have changed
  return q;
}

// The whole heap -----------------------------------------------------------------------------------------------------------

/** Gives the free tail back where the memory can shrink, but for `keep` bytes; the bytes given back. */
export function trim(keep: i32): i32 {
  enter(heap);
  if (heap == 0) return 0;
  release(0, 0);
  settle(PLACES);
  while (lowerStarts() || lowerMap() || lowerTable()) continue;
  return trimTop(keep);
}

/**
 * Frees everything; OK, or CORRUPT where a header can't be true. The break stays where it is.
 *
 * Cost: linear in the number of blocks; a slab counts as one.
 */
export function reset(): i32 {
  enter(heap);
  if (heap == 0) return OK;
  let p: i32 = first;
  const top: i32 = load32(heap + TOP);
  while (p != top) {
    if (!leadsOn(p, sizeOf(p), top)) return CORRUPT;
    p = (p + sizeOf(p)) | 0;
  }
  zero(heap + HOLD, 4 * PLACES); // what is held is given back with all else
  store32(heap + HOLDING, 0);
  forgetSlabs();
  p = first;
  while (p != load32(heap + TOP)) {
    const h: i32 = header(p);
    if ((h & IN_USE) != 0 && (h & GAP) != GAP && p != load32(heap + STARTS_BLOCK)) p = give(p);
    if (p == load32(heap + TOP)) break;
    if (!leadsOn(p, sizeOf(p), load32(heap + TOP))) return CORRUPT;
    p = (p + sizeOf(p)) | 0;
  }
  return OK;
}
