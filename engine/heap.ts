// The calls of a program. Each is validated here, and served by slabs or blocks. A call that fails records why in `lastError`, and
// leaves every block as it was.
//
// Allocating climbs one ladder. The first rung that succeeds serves the request:
//
//     a small request      current slab → a slab of the class's list → a new slab → a block → a slot of a larger class
//     a block              quick list → bins → top block → quick blocks and empty slabs, released
//                          → top block, extended up to the break → sparse slabs, split → SHARED: what other threads freed
//                          → top block, after the break moved → every free block, for an aligned request

import {
  below,
  copy,
  firstClear,
  firstEqual,
  flipBit,
  growTo,
  memoryEnd,
  multiply,
  PINNED,
  refresh,
  setFirstClear,
  SHARED,
  zero,
} from "#memory";
import { find, blockOfLargestBin } from "./bins.ts";
import {
  blockSizeFor,
  clearFree,
  FLAGS,
  FOREIGN,
  header,
  HEADER,
  IN_USE,
  endsBy,
  MAX_ALIGNMENT,
  MAX_SIZE,
  METADATA,
  payloadOf,
  PREVIOUS_IN_USE,
  BLOCK_KIND,
  QUICK,
  previousSize,
  setHeader,
  sizeIn,
  sizeOf,
  alignedBytes,
} from "./block.ts";
import {
  allocateFromBins,
  allocateFromTop,
  allocateQuick,
  forgetQuick,
  freeToQuickList,
  createBlocks,
  checkAndFree,
  growInPlace,
  growTop,
  NEXT_FIT,
  releaseQuick,
  shrinkBlock,
  slideDown,
  trimTop,
} from "./blocks.ts";
import { classFor, createClasses, currentSlab, MAX_SMALL, WARMUP_REQUESTS } from "./classes.ts";
import {
  CELL,
  CELL_SHIFT,
  CLASS_COUNT,
  classAt,
  currentFor,
  slotBytesFor,
  CONTROL,
  createControl,
  first,
  forgetRecords,
  FRONT_BYTES,
  GRANULE,
  heap,
  highWater,
  isHeap,
  limit,
  markCreated,
  reserved,
  programBreak,
  roundUp,
  setWarmup,
  slotSize,
  small,
  top,
  topEnd,
  useHeap,
  useRecords,
  warmup,
} from "./control.ts";
import {
  BAD_OPTIONS,
  BUSY,
  corrupt,
  CORRUPT,
  DOUBLE_FREE,
  fail,
  INVALID_ALIGNMENT,
  INVALID_POINTER,
  INVALID_SIZE,
  OK,
  OUT_OF_HEAP,
  OUT_OF_MEMORY,
  report,
} from "./errors.ts";
import { grownEnd, HIGHEST_BREAK, targetBreak } from "./growth.ts";
import {
  changeKind,
  commit,
  freeMyPlace,
  LIVE,
  me,
  NOBODY,
  release,
  reserve,
  RESERVED,
  setMyFront,
  useThread,
} from "./lock.ts";
import {
  blocksEnd,
  enter,
  entryOf,
  findMap,
  forgetMap,
  isHeapSound,
  isInside,
  isSlab,
  isStart,
  removeSlab,
  seenTopEnd,
  slabOf,
  startEntry,
  startIn,
  tryLock,
} from "./map.ts";
import { drain, freeBlockShared, isBlockInUse, isTaken, takeBlock } from "./returned.ts";
import {
  baseOf,
  bitsOf,
  blockOf,
  cellsFor,
  classOf,
  createGroup,
  createSlab,
  endsInSlab,
  forgetSlabs,
  freedOf,
  freeHeader,
  freeSlot,
  GROUP,
  hasFreeSlot,
  isSlabHeader,
  leastCells,
  makeCurrent,
  MAX_CELLS,
  notice,
  releaseEmptySlab,
  slotError,
  slotsEnd,
  splitSparse,
  popHeader,
  popPartial,
  allocateFromSlab,
} from "./slabs.ts";
import { adoptGroup, leave, lockHeap } from "./threads.ts";

/** Largest size that slabs serve unless the heap is created with another, in bytes. */
export const DEFAULT_SMALL: i32 = MAX_SMALL;
/** Bytes that a heap has at least behind its control block. */
const LEAST_ROOM: i32 = SHARED ? 81920 : PINNED ? 6400 : 1024;

// Creating ----------------------------------------------------------------------------------------------------------------

/** Where the control block of a heap with this base is. Address 0 stays free, so that no pointer is 0. */
function controlFor(base: i32): i32 {
  return base == 0 ? GRANULE : roundUp(base, GRANULE);
}

/**
 * Creates a heap at `base`, in memory that may reach up to `limit` (0: as far as it grows). `margin` is in bytes, -1 for a
 * share of the heap; `small` in bytes, 0 for no slabs. Returns OK or an error, with nothing changed.
 */
export function create(base: i32, limit: i32, margin: i32, fit: i32, small: i32): i32 {
  refresh();
  const at: i32 = controlFor(base);
  const end: i32 = memoryEnd();
  const highest: i32 = limit == 0 ? HIGHEST_BREAK : limit & -GRANULE;
  const least: i32 = at + CONTROL + LEAST_ROOM;
  if (below(at, base) || small < 0 || small > MAX_SMALL || fit < 0 || fit > NEXT_FIT)
    return BAD_OPTIONS;
  if (below(least, at) || below(highest, least)) return limit == 0 ? OUT_OF_MEMORY : BAD_OPTIONS;
  let target: i32 = targetBreak(base, least, margin == -1 ? 0 : margin, highest);
  if (below(end, target) && !growTo(target)) {
    target = below(end, least) ? least : end;
    if (!growTo(target)) return OUT_OF_MEMORY;
  }
  const own: i32 = below(end, target) ? grownEnd(target) : end;
  // A heap that threads share owns the memory up to its limit, whoever grows it, and this thread joins it.
  createControl(at, target, highest, SHARED || limit != 0 ? highest : own, margin, fit, small);
  createClasses();
  forgetSlabs();
  createBlocks();
  if (SHARED) {
    const id: i32 = reserve();
    markCreated();
    return join(id, -1);
  }
  markCreated();
  return OK;
}

/**
 * SHARED: makes this thread the one with the id `id`, which was reserved for it (0: reserves one). `looks`: how often it looks at
 * the lock before a call fails with BUSY; 0: never waits; -1: sleeps until it gets the lock, which not every thread may.
 */
export function join(id: i32, looks: i32): i32 {
  const mine: i32 = id == 0 ? reserve() : id;
  if (mine == 0) return BUSY;
  if (!changeKind(mine, RESERVED, LIVE)) return BAD_OPTIONS;
  useThread(mine, looks);
  if (!lockHeap()) return BUSY;
  const front: i32 = allocateBlock(blockSizeFor(FRONT_BYTES), GRANULE);
  if (front == 0) {
    release();
    freeMyPlace();
    return OUT_OF_MEMORY;
  }
  setHeader(front, sizeOf(front), (header(front) & FLAGS) | METADATA);
  clearFree(front, sizeOf(front));
  zero(front, FRONT_BYTES);
  useRecords(front);
  createClasses();
  forgetSlabs();
  setMyFront(front);
  release();
  return OK;
}

/** SHARED: this thread leaves the heap. Its blocks and slots stay in use. Returns OK, or BUSY with nothing changed. */
export function detach(): i32 {
  if (me == NOBODY) return OK;
  if (!leave()) return BUSY;
  useThread(NOBODY, 0);
  forgetRecords();
  return OK;
}

/** Uses the heap that was created at `base`, maybe by another engine. Returns OK, or BAD_OPTIONS if there is none. */
export function attach(base: i32): i32 {
  refresh();
  const at: i32 = controlFor(base);
  const end: i32 = memoryEnd();
  if (below(at, base) || below(end, CONTROL) || below(end - CONTROL, at)) return BAD_OPTIONS;
  if (!isHeap(at)) return BAD_OPTIONS;
  useHeap(at);
  // Another thread may be changing the control block: the lock's holder proves it, see `prove`.
  if ((!SHARED && !isHeapSound()) || !areSettingsSound()) {
    useHeap(0);
    forgetMap();
    corrupt();
  }
  findMap();
  return OK;
}

/** Whether the settings that an engine remembers are valid: a limit is in the control block twice. */
function areSettingsSound(): bool {
  return !below(MAX_SMALL + 1, small) && (limit == HIGHEST_BREAK || limit == reserved());
}

/** A module that never created a heap gets one at the end of its memory. */
function createAtEnd(): bool {
  refresh();
  return report(create(memoryEnd(), 0, -1, 0, DEFAULT_SMALL)) == OK;
}

// Allocating --------------------------------------------------------------------------------------------------------------

/**
 * Allocates at least `size` bytes. Returns the pointer, a multiple of 16 from 16 bytes up, of 8 below; or 0 with the reason in
 * `lastError`.
 *
 * Cost: five loads and a store from a slab, some dozens from a block; bounded, unless the break moves.
 */
export function allocate(size: i32): i32 {
  if (!below(size, small)) return allocateLarge(size, GRANULE);
  return allocateSlot(size, size, GRANULE);
}

/** The same, at a multiple of `alignment`: a power of two up to MAX_ALIGNMENT. */
export function allocateAligned(size: i32, alignment: i32): i32 {
  if (alignment <= 0 || alignment > MAX_ALIGNMENT || (alignment & (alignment - 1)) != 0)
    return fail(INVALID_ALIGNMENT);
  const whole: i32 = roundUp(size == 0 ? 1 : size, alignment);
  if (alignment <= CELL && below(size, small) && below(whole, small)) {
    enter();
    if ((slotBytesFor(whole) & (alignment - 1)) == 0) return allocateSlot(whole, size, alignment);
  }
  return allocateLarge(size, alignment < GRANULE ? GRANULE : alignment);
}

/** `allocate`, with the first `size` bytes zeroed. */
export function allocateZeroed(size: i32): i32 {
  const p: i32 = allocate(size);
  if (p != 0) zero(p, size);
  return p;
}

/**
 * Allocates the lowest free slot of the current slab for `room` bytes: `size`, or more for an alignment. In a full slab, the lowest
 * free slot ends beyond the slots. No address outside the heap is used, whatever a program has written into the header.
 */
function allocateSlot(room: i32, size: i32, alignment: i32): i32 {
  const slab: i32 = currentFor(room);
  const bits: i32 = bitsOf(slab);
  const bytes: i32 = slotBytesFor(room);
  const slot: i32 = SHARED ? firstEqual(bits, freedOf(slab)) : firstClear(bits);
  const p: i32 = baseOf(slab) + multiply(slot, bytes);
  // One branch for each condition: Binaryen would compute a number from an `&&` of them, and test that.
  if (!below(slotsEnd(slab) - p - bytes, MAX_CELLS << CELL_SHIFT))
    return allocateSmall(room, size, alignment);
  if (!isInside(p)) return allocateSmall(room, size, alignment);
  if (!isInside(slab)) return allocateSmall(room, size, alignment);
  if (SHARED) flipBit(bits, slot);
  else setFirstClear(bits, slot);
  return p;
}

/** Serves what slabs do not, and the first request of a module that has created no heap. */
function allocateLarge(size: i32, alignment: i32): i32 {
  if (below(MAX_SIZE, size)) return fail(INVALID_SIZE);
  if (heap == 0) return createAtEnd() ? allocateAligned(size, alignment) : 0;
  enter();
  if (SHARED && !lockHeap()) return fail(BUSY);
  const p: i32 = allocateBlock(blockSizeFor(size), alignment);
  if (SHARED) {
    if (p != 0) takeBlock(p);
    release();
  }
  return p != 0 ? p : fail(OUT_OF_MEMORY);
}

/** Allocates a block of `size` bytes, header included, at a multiple of `alignment`; or 0. This is the ladder. */
function allocateBlock(size: i32, alignment: i32): i32 {
  let p: i32 = alignment == GRANULE ? allocateQuick(size) : 0;
  if (p == 0) p = allocateFromBins(size, alignment, false);
  if (p == 0) p = allocateNew(size, alignment);
  if (p == 0 && alignment != GRANULE) p = allocateFromBins(size, alignment, true);
  return p;
}

/** The rungs after the bins. */
function allocateNew(size: i32, alignment: i32): i32 {
  const p: i32 = allocateInside(size, alignment);
  if (p != 0) return p;
  if (SHARED && reclaim()) return allocateBlock(size, alignment);
  return growTop(size, alignment, true) ? allocateFromTop(size, alignment) : 0;
}

/** SHARED: frees the blocks that threads have freed, and takes over the slabs of threads that ended; whether there were any. */
function reclaim(): bool {
  commit();
  let any: bool = drain(0x7fffffff) != 0;
  while (adoptGroup()) any = true;
  return any;
}

/** The rungs between the bins and a move of the break. */
function allocateInside(size: i32, alignment: i32): i32 {
  let p: i32 = allocateFromTop(size, alignment);
  if (p == 0) p = allocateFromReleased(size, alignment);
  if (p == 0 && growTop(size, alignment, false)) p = allocateFromTop(size, alignment);
  if (p == 0) p = allocateFromSparseSlabs(size, alignment);
  return p;
}

/** Frees quick blocks, then empty slabs, one by one, until a free block that one is part of is large enough. */
function allocateFromReleased(size: i32, alignment: i32): i32 {
  for (let free: i32 = releaseUnused(); free != 0; free = releaseUnused()) {
    if (SHARED) commit();
    if (below(sizeOf(free), alignedBytes(free, size, alignment))) continue;
    const p: i32 =
      free == top() ? allocateFromTop(size, alignment) : allocateFromBins(size, alignment, false);
    if (p != 0) return p;
  }
  return 0;
}

/** Frees a quick block or an empty slab; returns the free block that it is part of then, 0 if there is none. */
function releaseUnused(): i32 {
  const free: i32 = releaseQuick();
  return free != 0 ? free : releaseEmptySlab();
}

/** Splits some slabs in which few slots are in use, until a free block is large enough. */
function allocateFromSparseSlabs(size: i32, alignment: i32): i32 {
  if (PINNED) return 0;
  for (let i: i32 = CLASS_COUNT - 1; i >= 0; i--) {
    if (!splitSparse(classAt(i))) continue;
    const p: i32 = allocateFromBins(size, alignment, false);
    if (p != 0) return p;
  }
  return allocateFromTop(size, alignment);
}

/**
 * Serves what the current slab for `room` bytes does not: another slab becomes current, or a block serves the request. If another
 * engine has changed the heap, the current slab may have a free slot after all.
 */
function allocateSmall(room: i32, size: i32, alignment: i32): i32 {
  if (topEnd() != seenTopEnd) {
    enter();
    return allocateSlot(room, size, alignment);
  }
  const c: i32 = classFor(room);
  let slab: i32 = popPartial(c);
  if (SHARED && slab == 0) {
    if (notice()) slab = popPartial(c);
    if (slab == 0) return allocateSmallLocked(c, size, alignment);
  }
  const isWarm: bool = warmup(c) >= WARMUP_REQUESTS;
  if (slab == 0 && isWarm) slab = allocateSlab(c, blockSizeFor(size));
  if (slab == 0) {
    const p: i32 = allocateBlock(blockSizeFor(size), alignment);
    if (p == 0) return allocateLargerSlot(c, alignment);
    // If there is no memory for a slab, blocks serve the class for a while before the next attempt.
    setWarmup(c, isWarm ? 0 : warmup(c) + 1);
    return p;
  }
  makeCurrent(c, slab);
  return allocateFromSlab(c, slab);
}

/** SHARED: the same with the lock, if no slab of this thread has a free slot. */
function allocateSmallLocked(c: i32, size: i32, alignment: i32): i32 {
  if (!lockHeap()) return fail(BUSY);
  if (adoptGroup()) {
    const adopted: i32 = popPartial(c);
    if (adopted != 0) return allocateUnlocked(c, adopted);
  }
  const isWarm: bool = warmup(c) >= WARMUP_REQUESTS;
  const slab: i32 = isWarm ? allocateSlab(c, blockSizeFor(size)) : 0;
  if (slab != 0) return allocateUnlocked(c, slab);
  const p: i32 = allocateBlock(blockSizeFor(size), alignment);
  setWarmup(c, isWarm ? 0 : warmup(c) + 1);
  if (p != 0) takeBlock(p);
  release();
  return p != 0 ? p : allocateLargerSlot(c, alignment);
}

/** SHARED: releases the lock, and allocates from a slab that becomes the current one. */
function allocateUnlocked(c: i32, slab: i32): i32 {
  release();
  makeCurrent(c, slab);
  return allocateFromSlab(c, slab);
}

/** Allocates an empty slab for a class; or 0. `needed`: size of a block that would serve the request instead. */
function allocateSlab(c: i32, needed: i32): i32 {
  let slab: i32 = 0;
  if (PINNED) {
    slab = allocateHeader();
    if (slab == 0) return 0;
  }
  const size: i32 = cellsFor(c, MAX_CELLS) << CELL_SHIFT;
  let base: i32 = allocateFromBins(size, CELL, false);
  if (base == 0) base = allocateSmallerCells(c);
  if (base == 0) base = allocateInside(size, CELL);
  // The heap does not grow for a slab while a free block could serve the request.
  if (base == 0 && find(needed) == 0 && growTop(size, CELL, true))
    base = allocateFromTop(size, CELL);
  if (base != 0) return createSlab(c, base, slab);
  if (PINNED) freeHeader(slab);
  return 0;
}

/** Allocates cells for a smaller slab than usual, as many as a block of the largest bin has room for; or 0. */
function allocateSmallerCells(c: i32): i32 {
  const hole: i32 = blockOfLargestBin();
  if (hole == 0) return 0;
  const cells: i32 = ((hole + sizeOf(hole)) >>> CELL_SHIFT) - (roundUp(hole, CELL) >>> CELL_SHIFT);
  return cells < leastCells(c)
    ? 0
    : allocateFromBins(cellsFor(c, cells) << CELL_SHIFT, CELL, false);
}

/** A slab header in a group; or 0. */
function allocateHeader(): i32 {
  const slab: i32 = popHeader();
  if (slab != 0) return slab;
  const group: i32 = allocateBlock(GROUP, GROUP);
  if (group == 0) return 0;
  createGroup(group);
  return popHeader();
}

/** The last resort of a small request: a slot of a larger class. */
function allocateLargerSlot(c: i32, alignment: i32): i32 {
  for (let i: i32 = 1; i < CLASS_COUNT; i++) {
    const larger: i32 = classAt(i);
    if (!below(c, larger) || (slotSize(larger) & (alignment - 1)) != 0) continue;
    let slab: i32 = currentSlab(larger);
    if (!hasFreeSlot(slab)) {
      slab = popPartial(larger);
      if (slab == 0) continue;
      makeCurrent(larger, slab);
    }
    if (!isSlabHeader(slab)) corrupt();
    return allocateFromSlab(larger, slab);
  }
  return fail(OUT_OF_MEMORY);
}

// Freeing -----------------------------------------------------------------------------------------------------------------

/**
 * Frees the block or slot at `p`; does nothing for 0. Returns OK or the error, which is recorded too; the heap is then unchanged.
 *
 * Cost: six loads and a store in a slab, some dozens for a block; bounded.
 */
export function deallocate(p: i32): i32 {
  // One branch for each condition, as in `allocateSlot`.
  if (!isInside(p)) return freeOutside(p);
  if (topEnd() != seenTopEnd) return freeOutside(p);
  if (PINNED && !below(p, top())) return freeOutside(p);
  const entry: i32 = entryOf(p);
  return isSlab(entry) ? freeSlot(p, slabOf(p, entry)) : deallocateBlock(p, entry);
}

function deallocateBlock(p: i32, entry: i32): i32 {
  if (SHARED) {
    const freed: bool = (p & (GRANULE - 1)) == 0 && freeBlockShared(p);
    return report(freed ? OK : sharedError(p));
  }
  const code: i32 = blockError(p, entry);
  if (code != OK) return report(code);
  freeToQuickList(p);
  return OK;
}

/** `deallocate` for 0 and for addresses that are not in the heap; after another engine has changed the heap, for any pointer. */
function freeOutside(p: i32): i32 {
  if (p == 0) return OK;
  if (heap != 0 && topEnd() != seenTopEnd) {
    enter();
    return deallocate(p);
  }
  return report(pointerError(p));
}

/** The header of the slab that `p` is in. Stops with CORRUPT if it is not in the heap. */
function expectedSlab(p: i32, entry: i32): i32 {
  const slab: i32 = slabOf(p, entry);
  if (!isInside(slab)) corrupt();
  return slab;
}

/** The error for `p`; OK if it is a pointer to a block or slot in use. */
export function pointerError(p: i32): i32 {
  if (heap == 0 || below(p, first)) return OUT_OF_HEAP;
  enter();
  if (!below(p, programBreak())) return OUT_OF_HEAP;
  if (!below(p, top())) return (p & (GRANULE - 1)) != 0 ? INVALID_POINTER : freeMemoryError(p);
  const entry: i32 = entryOf(p);
  return isSlab(entry) ? slotError(p, expectedSlab(p, entry)) : blockError(p, entry);
}

/** SHARED: the error for `p`, an address in the heap but in no slab, at which no block in use starts. */
function sharedError(p: i32): i32 {
  if ((p & (GRANULE - 1)) != 0) return INVALID_POINTER;
  if (isTaken(p)) return DOUBLE_FREE;
  // Headers can be read only with the lock. Without it, the error may have the wrong name.
  if (!tryLock()) return DOUBLE_FREE;
  const entry: i32 = entryOf(p);
  let code: i32 = isSlab(entry) || !isStart(p, entry) ? noStartError(p) : unusedError(p, header(p));
  if (code == OK) code = INVALID_POINTER;
  release();
  return code;
}

/** The error for `p`, an address in the heap but in no slab; OK if it is a pointer to a block in use. */
function blockError(p: i32, entry: i32): i32 {
  if (SHARED) return isBlockInUse(p) ? OK : sharedError(p);
  if ((p & (GRANULE - 1)) != 0) return INVALID_POINTER;
  if (entry != startEntry(p)) {
    if (!isStart(p, entry)) return noStartError(p);
  }
  const h: i32 = header(p);
  if ((h & (IN_USE | BLOCK_KIND)) != IN_USE) return unusedError(p, h);
  if (!endsBy(p, sizeIn(h), blocksEnd())) return CORRUPT;
  if ((header(p + sizeIn(h)) & PREVIOUS_IN_USE) == 0) return CORRUPT;
  if ((h & PREVIOUS_IN_USE) == 0) {
    if (!isPreviousFree(p)) return CORRUPT;
  }
  return OK;
}

/** Whether the block before `p` is free, as the header at `p` says: sizes and flags agree. */
function isPreviousFree(p: i32): bool {
  const size: i32 = previousSize(p);
  if ((size & (GRANULE - 1)) != 0 || !below(size - 1, p - first)) return false;
  return header(p - size) == (size | PREVIOUS_IN_USE);
}

/** The error for a block that is free, metadata or foreign; `h` is its header. */
function unusedError(p: i32, h: i32): i32 {
  if ((h & IN_USE) == 0 || (h & BLOCK_KIND) == QUICK) return freeMemoryError(p);
  return (h & BLOCK_KIND) == FOREIGN ? OUT_OF_HEAP : INVALID_POINTER;
}

/** The error for a multiple of 16 at which no block starts. */
function noStartError(p: i32): i32 {
  if (!below(p, top())) return freeMemoryError(p);
  const around: i32 = blockAround(p);
  if (around == 0) return CORRUPT;
  return (header(around) & IN_USE) != 0 ? unusedError(p, header(around)) : freeMemoryError(p);
}

/** The error for an address in free memory: DOUBLE_FREE below the high-water mark, where blocks have been. */
function freeMemoryError(p: i32): i32 {
  return below(p, highWater()) ? DOUBLE_FREE : INVALID_POINTER;
}

/**
 * The block that `address` is part of: an address below the top block and in no slab; 0 if headers were overwritten.
 * Cost: linear in the cells of the block; for errors only.
 */
function blockAround(address: i32): i32 {
  let cell: i32 = address;
  let entry: i32 = entryOf(cell);
  while (entry == 0 || (!isSlab(entry) && below(address, startIn(cell, entry)))) {
    cell = (cell - CELL) | 0;
    if (below(cell, first & -CELL)) return 0;
    entry = entryOf(cell);
  }
  let p: i32 = isSlab(entry) ? blockOf(expectedSlab(cell, entry)) : startIn(cell, entry);
  if (below(p, first) || below(top(), p)) return 0;
  while (p != top()) {
    const size: i32 = sizeOf(p);
    if (!endsBy(p, size, blocksEnd())) return 0;
    if (below(address, p + size)) return p;
    p = (p + size) | 0;
  }
  return p;
}

/** Bytes that the block or slot at `p` has room for; or 0 with the reason in `lastError`. */
export function usableSize(p: i32): i32 {
  const code: i32 = pointerError(p);
  if (code != OK) return fail(code);
  const entry: i32 = entryOf(p);
  return isSlab(entry) ? slotBytes(p, slabOf(p, entry)) : payloadOf(p);
}

/** Bytes of the slot at `p` of a slab. Stops with CORRUPT if they do not end in it. */
function slotBytes(p: i32, slab: i32): i32 {
  const bytes: i32 = slotSize(classOf(slab));
  if (!endsInSlab(p, bytes, slab)) corrupt();
  return bytes;
}

// Reallocating ------------------------------------------------------------------------------------------------------------

/**
 * Makes the block or slot at `p` at least `size` bytes, and keeps its contents up to the smaller size. Returns its pointer, which
 * may be a new one; or 0 with the reason in `lastError`, the block then being unchanged. For 0 it is `allocate`.
 *
 * It stays in place if its size class stays, if a block shrinks, or if free memory follows that is large enough. Otherwise it
 * moves, if possible into the free block before it. Cost: bounded, and linear in the contents if it moves.
 */
export function reallocate(p: i32, size: i32): i32 {
  if (p == 0) return allocate(size);
  const code: i32 = pointerError(p);
  if (code != OK) return fail(code);
  if (below(MAX_SIZE, size)) return fail(INVALID_SIZE);
  const entry: i32 = entryOf(p);
  return isSlab(entry) ? reallocateSlot(p, slabOf(p, entry), size) : reallocateBlock(p, size);
}

function reallocateSlot(p: i32, slab: i32, size: i32): i32 {
  const c: i32 = classOf(slab);
  const oldBytes: i32 = slotBytes(p, slab);
  if (below(size, small) && classFor(size) == c) return p;
  const q: i32 = allocate(size);
  if (q == 0) return below(oldBytes, size) ? 0 : p;
  copy(q, p, below(size, oldBytes) ? size : oldBytes);
  // Allocating may have split the slab.
  freeSlot(p, slabOf(p, entryOf(p)));
  return q;
}

function reallocateBlock(p: i32, size: i32): i32 {
  const needed: i32 = blockSizeFor(size);
  const oldBytes: i32 = payloadOf(p);
  if (SHARED) return reallocateShared(p, size, needed, oldBytes);
  if (!below(oldBytes + HEADER, needed)) {
    shrinkBlock(p, needed);
    return p;
  }
  let q: i32 = resizeBlock(p, needed);
  if (q != 0) return q;
  q = allocate(size);
  // Empty slabs beside the block may have been released on the way.
  if (q == 0) return resizeBlock(p, needed);
  copy(q, p, oldBytes);
  checkAndFree(p);
  return q;
}

/** SHARED: the block does not move down, since its contents would be lost if the thread ended meanwhile. */
function reallocateShared(p: i32, size: i32, needed: i32, oldBytes: i32): i32 {
  const shrinks: bool = !below(oldBytes + HEADER, needed);
  if (shrinks) {
    if (!tryLock()) return p;
    shrinkBlock(p, needed);
    release();
    return p;
  }
  if (!lockHeap()) return fail(BUSY);
  const grows: bool = growInPlace(p, needed);
  release();
  if (grows) return p;
  const q: i32 = allocate(size);
  if (q == 0) return 0;
  copy(q, p, oldBytes);
  deallocate(p);
  return q;
}

/** Makes a block larger where it is, or moves it down; or 0. */
function resizeBlock(p: i32, size: i32): i32 {
  return growInPlace(p, size) ? p : slideDown(p, size);
}

// The whole heap ----------------------------------------------------------------------------------------------------------

/** Shrinks the memory, if it can, by the free memory at the heap's end less `keep` bytes; returns the bytes. */
export function trim(keep: i32): i32 {
  if (heap == 0) return 0;
  enter();
  // A memory that threads share does not shrink.
  if (SHARED) return collect() == OK ? 0 : fail(BUSY);
  while (releaseUnused() != 0) continue;
  return trimTop(keep);
}

/** SHARED: frees what this thread can. Returns OK or BUSY. */
export function collect(): i32 {
  if (heap == 0) return OK;
  enter();
  for (let left: i32 = 2; left > 0; left--) while (notice()) continue;
  if (!lockHeap()) return BUSY;
  reclaim();
  while (releaseUnused() != 0) commit();
  release();
  return OK;
}

/**
 * Frees everything. Returns OK, or CORRUPT with nothing changed if a header was overwritten. The break stays.
 *
 * Cost: linear in the number of blocks; a slab counts as one.
 */
export function reset(): i32 {
  // Other threads' lists would lead to slabs that are gone.
  if (SHARED) return BUSY;
  if (heap == 0) return OK;
  enter();
  for (let p: i32 = first; p != top(); p = (p + sizeOf(p)) | 0) {
    if (!endsBy(p, sizeOf(p), blocksEnd())) return CORRUPT;
  }
  forgetQuick();
  forgetSlabs();
  for (let p: i32 = first; p != top(); p = (p + sizeOf(p)) | 0) {
    const h: i32 = header(p);
    if (!endsBy(p, sizeIn(h), blocksEnd())) corrupt();
    const kind: i32 = h & BLOCK_KIND;
    if ((h & IN_USE) == 0 || kind == METADATA || kind == FOREIGN) continue;
    setHeader(p, sizeIn(h), h & (IN_USE | PREVIOUS_IN_USE));
    if (isSlab(entryOf(p))) {
      if (PINNED) freeHeader(entryOf(p));
      removeSlab(p, sizeIn(h) >>> CELL_SHIFT);
    }
    p = checkAndFree(p);
    if (p == top()) break;
  }
  return OK;
}
