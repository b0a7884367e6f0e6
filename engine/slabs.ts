// Slabs: small objects without headers. A slab is a block of whole cells, cut into equal slots of one size class. (The block may
// have a granule more, which was too small to split off.) Its header has a bit for each slot, set if the slot is in use: so a double
// free is a bit that is not set, and a pointer into the middle of an object fails one multiplication (classes.ts).
//
//     base                                                            slab                     next block's header
//     ┌────────┬────────┬────────┬───────────┬────────┬──────────────┬───────────────────────┬───┐
//     │ slot 0 │ slot 1 │ slot 2 │ …         │ slot n │ unused       │ slab header, 24 bytes │   │  plain
//     └────────┴────────┴────────┴───────────┴────────┴──────────────┴───────────────────────┴───┘
//
//     slab         4                          12           16         20         24
//     ┌────────────┬──────────────────────────┬────────────┬──────────┬──────────┬──────────────────────────────┐
//     │ base       │ bits of slots 0 to 62    │ kind       │ next     │ previous │ PINNED: end of the slots     │
//     └────────────┴──────────────────────────┴────────────┴──────────┴──────────┴──────────────────────────────┘
//
//                                                              SHARED: at 28 the bits that other threads flip
//
//     kind         ┌─────────────────────────┬───────┬───┬───┐       C           the current slab of its class
//                  │ reciprocal              │ class │ 0 │ C │       reciprocal  0 marks a slab that is full and not current: no
//                  └─────────────────────────┴───────┴───┴───┘                   slot starts anywhere then, so `freeSlot` notices
//                   31                      8 7     2  1   0
//
// A slab is named by the address of its header. In the PINNED layout headers do not move and their memory is never used for
// anything else: they lie in groups, blocks of metadata of 1 KiB, aligned to 1 KiB:
//
//     group        8         12                    32           64
//     ┌────────────┬─────────┬─────────┬───────────┬────────────┬────────────┬───
//     │ in use     │ next    │ link    │           │ header 0   │ header 1   │ … 29        each header is 32 bytes, of which
//     └────────────┴─────────┴─────────┴───────────┴────────────┴────────────┴───         the first 4 are not used
//
// A class allocates from its current slab, the lowest free slot first. If that is full, the first slab of its list becomes the
// current one, and if the list is empty, a new slab. A full slab returns to the list when one of its slots is freed. A class keeps
// one empty slab, the first of its list, until the break would move: a program that allocates and frees around the edge of a
// slab would pay for a new one each time. Others are released. (Slabs: Bonwick, "The Slab Allocator", 1994; bitmaps instead of free
// lists: jemalloc.)
//
// Invariants:
//   S1  a slab is a block in use of whole cells, or a granule more; its header leads back to it, and to the end of its slots
//   S2  the bits beyond a slab's slots are not set
//   S3  kind has the class and its reciprocal, or 0 for a full slab that is not current
//   S4  a class's list is linked both ways; it holds the slabs of the class that are neither full nor current
//   S5  of a class's list only the first slab may be empty
//   S6  for all sizes of a class, CURRENT leads to its current slab, or to NO_SLAB: its bits are all set, its other words are 0
//   S7  CELLS is the sum of the cells of the class's slabs
//   S8  PINNED: a group is a block of metadata; its bits tell which headers are in use; groups with free ones are in the list
//   S9  SHARED: a slab that is marked as full and has free slots has its DIRTY bit set

import {
  assertThat,
  atomicAnd,
  atomicLoad,
  atomicOr,
  below,
  bitCount,
  CHECKED,
  firstClear,
  firstEqual,
  firstSet,
  flipBit,
  hasBit,
  hasBitAndMore,
  load32,
  multiply,
  nextSet,
  PINNED,
  setFirstClear,
  SHARED,
  shiftBits,
  store32,
  trailingZeros,
  zero,
} from "#memory";
import {
  clearFree,
  FLAGS,
  header,
  IN_USE,
  endsBy,
  METADATA,
  PREVIOUS_IN_USE,
  setHeader,
  sizeIn,
  sizeOf,
} from "./block.ts";
import { freeBlock, checkAndFree } from "./blocks.ts";
import { currentSlab, setCurrentSlab, MAX_SMALL, slotIn, slotsIn, startsSlot } from "./classes.ts";
import {
  CELL,
  CELL_SHIFT,
  cellsOf,
  CLASS_COUNT,
  CLASS_SHIFT,
  classAt,
  first,
  firstGroup,
  firstPartial,
  GROUPS_AT,
  handOfGroups,
  heap,
  lastPartial,
  noSlab,
  openGroups,
  ownGroups,
  reciprocalOf,
  roundUp,
  setCellsOf,
  setFirstGroup,
  setFirstPartial,
  setLastPartial,
  setWarmup,
  slotSize,
  top,
} from "./control.ts";
import { corrupt, DOUBLE_FREE, INVALID_POINTER, OK, report } from "./errors.ts";
import { lastGroup, me, orphans, release, setLastGroup, setOrphans } from "./lock.ts";
import {
  addSlab,
  entryOf,
  headerIn,
  isInside,
  isSlab,
  removeSlab,
  slabOf,
  tryLock,
} from "./map.ts";
import { flipFreed, setHint } from "./returned.ts";

/** Bytes at a slab's end that are no slots: its header and that of the next block, or the latter alone. */
export const SLAB_END: i32 = PINNED ? 4 : 28;
/** Cells that a slab has at most, so that an entry of the map is a byte. */
export const MAX_CELLS: i32 = 32;
/** A new slab is about this part of what its class holds: an eighth. */
const SHARE_SHIFT: i32 = 3;
/** Slots that a new slab has at least; a part of a split slab may have a single one. */
const LEAST_SLOTS: i32 = 8;

// The slab header ---------------------------------------------------------------------------------------------------------

const BITS_AT: i32 = 4;
const KIND_AT: i32 = BITS_AT + 8;
const NEXT_AT: i32 = KIND_AT + 4;
const PREVIOUS_AT: i32 = NEXT_AT + 4;
const END_AT: i32 = PREVIOUS_AT + 4;
/** SHARED: the bits that other threads flip. */
const FREED_AT: i32 = END_AT + 4;

const CURRENT: i32 = 1;
const CLASS: i32 = 0xfc;
const CLASS_UNIT: i32 = 2;
const KIND_SHIFT: i32 = 8;

/** The first slot; in a slab that was split it may start a little above the slab's block. */
export function baseOf(slab: i32): i32 {
  return load32(slab);
}

function setBase(slab: i32, p: i32): void {
  store32(slab, p);
}

/** The block that a slab is. */
export function blockOf(slab: i32): i32 {
  return baseOf(slab) & -CELL;
}

/** Address of the bits of a slab's slots, a multiple of 8. */
export function bitsOf(slab: i32): i32 {
  return slab + BITS_AT;
}

export function kindOf(slab: i32): i32 {
  return load32(slab + KIND_AT);
}

function setKind(slab: i32, kind: i32): void {
  store32(slab + KIND_AT, kind);
}

export function nextPartial(slab: i32): i32 {
  return load32(slab + NEXT_AT);
}

function setNextPartial(slab: i32, next: i32): void {
  store32(slab + NEXT_AT, next);
}

export function previousPartial(slab: i32): i32 {
  return load32(slab + PREVIOUS_AT);
}

function setPreviousPartial(slab: i32, previous: i32): void {
  store32(slab + PREVIOUS_AT, previous);
}

/** No slot of a slab ends above it. */
export function slotsEnd(slab: i32): i32 {
  return PINNED ? load32(slab + END_AT) : slab;
}

/** The class of a slab; if SHARED the record of this thread. */
export function classOf(slab: i32): i32 {
  return classAt(0) + ((kindOf(slab) & CLASS) << (CLASS_SHIFT - CLASS_UNIT));
}

/** KIND of a slab of class `c`, with its reciprocal or 0. */
export function kindFor(c: i32, reciprocal: i32): i32 {
  return (reciprocal << KIND_SHIFT) | ((c - classAt(0)) >>> (CLASS_SHIFT - CLASS_UNIT));
}

export function isCurrent(slab: i32): bool {
  return (kindOf(slab) & CURRENT) != 0;
}

/** Whether a slab is marked as full. */
export function isFull(slab: i32): bool {
  return kindOf(slab) >>> KIND_SHIFT == 0;
}

/** SHARED: address of the bits that other threads flip. */
export function freedOf(slab: i32): i32 {
  return slab + FREED_AT;
}

/** Whether a slot is in use. */
export function isUsed(slab: i32, slot: i32): bool {
  if (SHARED) return hasBit(bitsOf(slab), slot) != hasBit(freedOf(slab), slot);
  return hasBit(bitsOf(slab), slot);
}

export function isEmpty(slab: i32): bool {
  if (SHARED) {
    if (load32(bitsOf(slab)) != load32(freedOf(slab))) return false;
    return load32(bitsOf(slab) + 4) == load32(freedOf(slab) + 4);
  }
  return load32(bitsOf(slab)) == 0 && load32(bitsOf(slab) + 4) == 0;
}

/** Number of slots of a slab. */
export function slotCount(slab: i32): i32 {
  return slotsIn(slotsEnd(slab) - baseOf(slab), reciprocalOf(classOf(slab)));
}

// Allocating --------------------------------------------------------------------------------------------------------------

/** The lowest free slot of a slab; the number of its slots or more if it is full. */
function firstFreeSlot(slab: i32): i32 {
  if (SHARED) return firstEqual(bitsOf(slab), freedOf(slab));
  return firstClear(bitsOf(slab));
}

export function hasFreeSlot(slab: i32): bool {
  return slab != noSlab() && firstFreeSlot(slab) < slotCount(slab);
}

/** Allocates the lowest free slot of a slab of class `c` that has one. */
export function allocateFromSlab(c: i32, slab: i32): i32 {
  const slot: i32 = firstFreeSlot(slab);
  const bytes: i32 = slotSize(c);
  const p: i32 = baseOf(slab) + multiply(slot, bytes);
  if (!endsInSlab(p, bytes, slab)) corrupt();
  if (SHARED) flipBit(bitsOf(slab), slot);
  else setFirstClear(bitsOf(slab), slot);
  return p;
}

/** Whether `bytes` from `p` on end in the slots of a slab. They do, unless the slab is full or a word was overwritten. */
export function endsInSlab(p: i32, bytes: i32, slab: i32): bool {
  return !below(MAX_SMALL, bytes) && below(slotsEnd(slab) - p - bytes, MAX_CELLS << CELL_SHIFT);
}

/** The first slab of a class that has free slots and is not current, taken out of the list; 0 if there is none. */
export function popPartial(c: i32): i32 {
  const slab: i32 = firstPartial(c);
  if (slab != 0) unlink(c, slab);
  return slab;
}

/** Makes a slab of class `c` that is in no list the current one, instead of one that is full. */
export function makeCurrent(c: i32, slab: i32): void {
  const before: i32 = currentSlab(c);
  if (CHECKED && !SHARED) assertThat(before == noSlab() || !hasFreeSlot(before));
  if (before != noSlab()) {
    expectSlab(c, before);
    // Marked as full, so that the next slot that is freed takes the slow path.
    setKind(before, kindFor(c, 0));
  }
  setKind(slab, kindOf(slab) | CURRENT);
  setCurrentSlab(c, slab);
  // Other threads may have freed slots before it was marked, and their hint may be gone.
  if (SHARED && hasFreeSlot(before)) unmarkFull(c, before);
}

/** Stops with CORRUPT if `slab` is not the header of a slab of class `c`. */
function expectSlab(c: i32, slab: i32): void {
  if (!isMapped(slab) || classOf(slab) != c) corrupt();
}

/** Whether `slab`, any word, is an address for a header: enough for the neighbour in a list, whose links are compared. */
function isPlace(slab: i32): bool {
  return (slab & 7) == 4 && isInside(slab);
}

/** Whether the map has a slab with its header at `slab`, any word. The block's header, which may be in no cache, is not loaded. */
function isMapped(slab: i32): bool {
  if (!isPlace(slab)) return false;
  const p: i32 = PINNED ? blockOf(slab) : slab;
  if (!below(p - first, top() - first)) return false;
  return isSlab(entryOf(p)) && slabOf(p, entryOf(p)) == slab;
}

/** The whole proof that `slab`, any word, is the header of a slab: header, block and map agree. */
export function isSlabHeader(slab: i32): bool {
  if ((slab & 7) != 4 || !below(slab - first, top() - first)) return false;
  const p: i32 = blockOf(slab);
  if (!below(p - first, top() - first) || !endsBy(p, sizeOf(p), top())) return false;
  if (!isSlab(entryOf(p)) || slabOf(p, entryOf(p)) != slab) return false;
  return PINNED || headerIn(p, sizeOf(p) >>> CELL_SHIFT) == slab;
}

// Freeing -----------------------------------------------------------------------------------------------------------------

/**
 * Frees the slot at `p` of a slab; returns OK or the error.
 *
 * Cost: four loads and a store, unless the slab was full or becomes empty.
 */
export function freeSlot(p: i32, slab: i32): i32 {
  if (SHARED) return freeSlotShared(p, slab);
  if (!isInside(slab)) return freeSlotSlowly(p, slab);
  const kind: i32 = kindOf(slab);
  const reciprocal: i32 = kind >>> KIND_SHIFT;
  const product: i32 = multiply(p - baseOf(slab), reciprocal);
  // Never in a slab that is marked as full.
  if (!startsSlot(product, reciprocal)) return freeSlotSlowly(p, slab);
  const bits: i32 = bitsOf(slab);
  const slot: i32 = slotIn(product);
  if (!hasBitAndMore(bits, slot, kind & CURRENT)) return freeSlotSlowly(p, slab);
  flipBit(bits, slot);
  return OK;
}

/** The same for a slab that was full or becomes empty, and for an invalid pointer. */
function freeSlotSlowly(p: i32, slab: i32): i32 {
  if (!isMapped(slab)) corrupt();
  return freeOwnSlot(p, slab);
}

/** Frees the slot at `p` of a slab of this thread, if it is in use. */
function freeOwnSlot(p: i32, slab: i32): i32 {
  const code: i32 = slotError(p, slab);
  if (code != OK) return report(code);
  const c: i32 = classOf(slab);
  flipBit(bitsOf(slab), slotIn(multiply(p - baseOf(slab), reciprocalOf(c)))); // SHARED: the commit
  if (isFull(slab)) unmarkFull(c, slab);
  keepOrRelease(c, slab);
  return OK;
}

/** Puts a slab that was marked as full into the list. */
function unmarkFull(c: i32, slab: i32): void {
  setKind(slab, kindFor(c, reciprocalOf(c)));
  append(c, slab);
}

/** If a slab in the list is empty: puts it first there, or releases it if there is an empty one already. */
function keepOrRelease(c: i32, slab: i32): void {
  if (!isEmpty(slab) || isCurrent(slab) || firstPartial(c) == slab) return;
  unlink(c, slab);
  const head: i32 = firstPartial(c);
  if (!isPlace(head)) corrupt();
  if (isEmpty(head) && (!SHARED || tryLock())) {
    releaseSlab(c, slab);
    if (SHARED) release();
    return;
  }
  setNextPartial(slab, head);
  setPreviousPartial(slab, 0);
  setPreviousPartial(head, slab);
  setFirstPartial(c, slab);
}

/** The error for `p`, an address in a slab; OK if it is a pointer to a slot in use. */
export function slotError(p: i32, slab: i32): i32 {
  const reciprocal: i32 = reciprocalOf(classOf(slab));
  const product: i32 = multiply(p - baseOf(slab), reciprocal);
  if (!startsSlot(product, reciprocal)) return INVALID_POINTER;
  if (isUsed(slab, slotIn(product))) return OK;
  return slotIn(product) < slotCount(slab) ? DOUBLE_FREE : INVALID_POINTER;
}

// A class's list ----------------------------------------------------------------------------------------------------------

function append(c: i32, slab: i32): void {
  const last: i32 = lastPartial(c);
  setNextPartial(slab, 0);
  setPreviousPartial(slab, last);
  if (last == 0) setFirstPartial(c, slab);
  else {
    if (!isPlace(last) || nextPartial(last) != 0) corrupt();
    setNextPartial(last, slab);
  }
  setLastPartial(c, slab);
}

function unlink(c: i32, slab: i32): void {
  expectSlab(c, slab);
  const next: i32 = nextPartial(slab);
  const previous: i32 = previousPartial(slab);
  if (next == 0) setLastPartial(c, previous);
  else {
    if (!isPlace(next) || previousPartial(next) != slab) corrupt();
    setPreviousPartial(next, previous);
  }
  if (previous == 0) setFirstPartial(c, next);
  else {
    if (!isPlace(previous) || nextPartial(previous) != slab) corrupt();
    setNextPartial(previous, next);
  }
}

// Creating and releasing --------------------------------------------------------------------------------------------------

/** Cells that a slab has at least. */
export function leastCells(c: i32): i32 {
  return roundUp(LEAST_SLOTS * slotSize(c) + SLAB_END, CELL) >>> CELL_SHIFT;
}

/** Cells for a new slab, at most `most`: about a share of the class's cells. */
export function cellsFor(c: i32, most: i32): i32 {
  const enough: i32 = slotSize(c) >>> 3; // for less than 64 slots
  let cells: i32 = cellsOf(c) >>> SHARE_SHIFT;
  if (cells < leastCells(c)) cells = leastCells(c);
  else if (cells > enough) cells = enough;
  if (cells > MAX_CELLS) cells = MAX_CELLS;
  if (cells <= 0) corrupt();
  return leanest(cells < most ? cells : most, c);
}

/** From `most` cells down to half of them, the number that leaves the smallest share unused. */
function leanest(most: i32, c: i32): i32 {
  let best: i32 = most;
  let leastUnused: i32 = 0x7fffffff;
  for (let cells: i32 = most; cells > most >>> 1; cells--) {
    const bytes: i32 = cells << CELL_SHIFT;
    const used: i32 = multiply(slotsIn(bytes - SLAB_END, reciprocalOf(c)), slotSize(c));
    // In 1/4096 of the slab. Of equals the larger slab.
    const unused: i32 = (((bytes - used) << 12) / bytes) | 0;
    if (unused < leastUnused) {
      leastUnused = unused;
      best = cells;
    }
  }
  return best;
}

/** Makes a block in use that starts at a cell's start an empty slab; returns its header. `slab`: one of a group, if PINNED. */
export function createSlab(c: i32, base: i32, slab: i32): i32 {
  const cells: i32 = sizeOf(base) >>> CELL_SHIFT;
  if (CHECKED) assertThat((base & (CELL - 1)) == 0 && cells <= MAX_CELLS);
  if (!PINNED) slab = headerIn(base, cells);
  addSlab(base, cells, slab);
  setBase(slab, base);
  store32(bitsOf(slab), SHARED ? load32(freedOf(slab)) : 0);
  store32(bitsOf(slab) + 4, SHARED ? load32(freedOf(slab) + 4) : 0);
  setKind(slab, kindFor(c, reciprocalOf(c)));
  if (PINNED) store32(slab + END_AT, base + (cells << CELL_SHIFT) - SLAB_END);
  setCellsOf(c, cellsOf(c) + cells);
  return slab;
}

/** Frees the block of a slab that has no slot in use and is in no list; returns the free block that it is part of. */
function releaseSlab(c: i32, slab: i32): i32 {
  if (!isSlabHeader(slab)) corrupt();
  const p: i32 = blockOf(slab);
  const cells: i32 = sizeOf(p) >>> CELL_SHIFT;
  setCellsOf(c, cellsOf(c) - cells);
  if (cellsOf(c) == 0) setWarmup(c, 0);
  removeSlab(p, cells);
  if (PINNED) freeHeader(slab);
  return checkAndFree(p);
}

/** Releases an empty slab of the largest class that has one; returns the free block that it is part of then, 0 if there is none. */
export function releaseEmptySlab(): i32 {
  for (let i: i32 = CLASS_COUNT - 1; i >= 0; i--) {
    const c: i32 = classAt(i);
    const partial: i32 = firstPartial(c);
    if (partial != 0 && isEmpty(partial)) {
      unlink(c, partial);
      return releaseSlab(c, partial);
    }
    const current: i32 = currentSlab(c); // NO_SLAB is not empty
    if (isEmpty(current)) {
      expectSlab(c, current);
      setCurrentSlab(c, noSlab());
      return releaseSlab(c, current);
    }
  }
  return 0;
}

/** Empties the classes. The slabs' blocks and their entries in the map stay. */
export function forgetSlabs(): void {
  store32(bitsOf(noSlab()), -1);
  store32(bitsOf(noSlab()) + 4, -1);
  for (let i: i32 = 0; i < CLASS_COUNT; i++) {
    const c: i32 = classAt(i);
    setCurrentSlab(c, noSlab());
    setFirstPartial(c, 0);
    setLastPartial(c, 0);
    setCellsOf(c, 0);
    setWarmup(c, 0);
  }
}

// Splitting sparse slabs --------------------------------------------------------------------------------------------------
//
// Phases of different sizes leave slabs in which few slots are in use, and other classes cannot use the rest. Before the heap
// grows, free cells of some of them are freed: the cells before the first slot in use, behind the last one, and between two slots
// that are far apart, where the slab is split:
//
//     ┌──────┬──────┬──────┬──────┬──────┬──────┬──────┬──────┐
//     │      │   ██ │ █    │      │      │      │  █   │     H│
//     └──────┴──────┴──────┴──────┴──────┴──────┴──────┴──────┘
//      free  └──────────────────┘ free   free   └─────────────┘
//             new slab          H                old slab        each part ends with a header, in a cell of its own if there
//                                                                is no room behind its last slot
//
// Not in the PINNED layout, where headers do not move.

/** Slabs of a class that one call tries to split. */
const SLABS_TRIED: i32 = 2;
/** A slab is sparse if less than this part of its slots is in use: a quarter. */
const SPARSE_SHIFT: i32 = 2;

/** Splits sparse slabs of class `c`, the first few of its list; returns whether that freed memory. */
export function splitSparse(c: i32): bool {
  let freed: bool = false;
  const last: i32 = lastPartial(c);
  for (let left: i32 = SLABS_TRIED; left > 0 && firstPartial(c) != 0; left--) {
    const slab: i32 = popPartial(c);
    const used: i32 = bitCount(bitsOf(slab));
    const isSparse: bool = used != 0 && used << SPARSE_SHIFT < slotCount(slab);
    if (isSparse && splitSlab(c, slab)) freed = true;
    else append(c, slab);
    if (slab == last) break;
  }
  return freed;
}

/** Splits a slab that is in no list, and puts its parts into the list; false, with nothing changed, if it has no free cells. */
function splitSlab(c: i32, slab: i32): bool {
  if (!isSlabHeader(slab)) corrupt();
  let freed: bool = freeCellsFrom(c, slab, blockOf(slab));
  for (;;) {
    const slot: i32 = gapAfter(c, slab);
    if (slot == 64) break;
    const start: i32 = splitAfter(c, slab, slot);
    if (isEmpty(slab)) {
      setBase(slab, start);
      releaseSlab(c, slab);
      return true;
    }
    freeCellsFrom(c, slab, start);
    freed = true;
  }
  if (freed) putBack(c, slab);
  return freed;
}

/** Puts a part of a split slab into the list, or marks it as full: it may have one slot. */
function putBack(c: i32, slab: i32): void {
  if (firstFreeSlot(slab) < slotCount(slab)) append(c, slab);
  else setKind(slab, kindFor(c, 0));
}

/** The first slot in use behind which whole cells are free, beside those for a header; 64 if there is none. */
function gapAfter(c: i32, slab: i32): i32 {
  const size: i32 = slotSize(c);
  for (let slot: i32 = firstSet(bitsOf(slab)); slot < 64;) {
    const next: i32 = nextSet(bitsOf(slab), slot + 1);
    const start: i32 = next < 64 ? slotAt(slab, size, next) & -CELL : endOfCells(slab);
    if (below(partEnd(slab, size, slot), start)) return slot;
    slot = next;
  }
  return 64;
}

function slotAt(slab: i32, size: i32, slot: i32): i32 {
  return baseOf(slab) + multiply(slot, size);
}

/** The end of the cells of a slab. */
function endOfCells(slab: i32): i32 {
  return slab + SLAB_END;
}

/** Where a part with this last slot ends: a cell's end, with room for the header. */
function partEnd(slab: i32, size: i32, slot: i32): i32 {
  return roundUp(slotAt(slab, size, slot + 1) + SLAB_END, CELL);
}

/** Makes the cells up to those of `slot` a slab of their own; returns where the rest of the slab starts. */
function splitAfter(c: i32, slab: i32, slot: i32): i32 {
  const start: i32 = blockOf(slab);
  const end: i32 = partEnd(slab, slotSize(c), slot);
  const h: i32 = header(start);
  const part: i32 = headerIn(start, (end - start) >>> CELL_SHIFT);
  setHeader(end, sizeIn(h) - (end - start), IN_USE | PREVIOUS_IN_USE);
  setHeader(start, end - start, h & FLAGS);
  addSlab(start, (end - start) >>> CELL_SHIFT, part);
  setBase(part, baseOf(slab));
  store32(bitsOf(part), 0);
  store32(bitsOf(part) + 4, 0);
  setKind(part, kindOf(slab));
  for (let i: i32 = firstSet(bitsOf(slab)); i <= slot; i = nextSet(bitsOf(slab), i)) {
    flipBit(bitsOf(part), i);
    flipBit(bitsOf(slab), i);
  }
  putBack(c, part);
  moveBase(c, slab, end);
  return end;
}

/** Frees the whole cells of a slab from `from`, its start, to the first slot in use; returns whether there were any. */
function freeCellsFrom(c: i32, slab: i32, from: i32): bool {
  const start: i32 = slotAt(slab, slotSize(c), firstSet(bitsOf(slab))) & -CELL;
  moveBase(c, slab, start);
  if (start == from) return false;
  const cells: i32 = (start - from) >>> CELL_SHIFT;
  setHeader(start, sizeOf(from) - (start - from), IN_USE | PREVIOUS_IN_USE);
  setHeader(from, start - from, header(from) & FLAGS);
  setCellsOf(c, cellsOf(c) - cells);
  removeSlab(from, cells);
  freeBlock(from);
  return true;
}

/** Drops the slots that start below `address`, of which none is in use: the base and the bits move. */
function moveBase(c: i32, slab: i32, address: i32): void {
  if (!below(baseOf(slab), address)) return;
  const size: i32 = slotSize(c);
  const slots: i32 = ((address - baseOf(slab) + size - 1) / size) | 0;
  shiftBits(bitsOf(slab), slots);
  setBase(slab, slotAt(slab, size, slots));
}

// PINNED layout: groups of headers ----------------------------------------------------------------------------------------

export const GROUP: i32 = 1024;
export const GROUP_HEADERS: i32 = SHARED ? 14 : 30;
const NEXT_GROUP_AT: i32 = 8;
const GROUP_LINK_AT: i32 = NEXT_GROUP_AT + 4;
/** The first header: 32 bytes each, of which the first 4 are not used, so that the bits are at a multiple of 8. */
const HEADERS_AT: i32 = SHARED ? 68 : 36;
const HEADER_SHIFT: i32 = SHARED ? 6 : 5;

export function nextGroup(group: i32): i32 {
  return load32(group + NEXT_GROUP_AT);
}

/** The word that leads to a group: that of another one, or of the control block. */
export function groupLink(group: i32): i32 {
  return load32(group + GROUP_LINK_AT);
}

/** The word of a group that leads to the next one; that of the control block for 0. */
export function groupLinkAt(group: i32): i32 {
  if (SHARED) return group == 0 ? openGroups() : group + NEXT_GROUP_AT;
  return group == 0 ? heap + GROUPS_AT : group + NEXT_GROUP_AT;
}

/** The header in a group with this number. */
export function headerAt(group: i32, index: i32): i32 {
  return group + HEADERS_AT + (index << HEADER_SHIFT);
}

/** A header of a group for a new slab; 0 if there is no group with a free one. */
export function popHeader(): i32 {
  const group: i32 = SHARED ? load32(openGroups()) : firstGroup();
  if (group == 0) return 0;
  const index: i32 = firstClear(group);
  if (SHARED) store32(group, load32(group) | (1 << index));
  else setFirstClear(group, index);
  if (firstClear(group) == GROUP_HEADERS) unlinkGroup(group);
  return headerAt(group, index);
}

/** Makes a block in use, of GROUP bytes at a multiple of GROUP, the first group. */
export function createGroup(group: i32): void {
  setHeader(group, sizeOf(group), (header(group) & FLAGS) | METADATA);
  if (SHARED) clearFree(group, sizeOf(group));
  store32(group, 0);
  store32(group + 4, 0);
  if (SHARED) ownNewGroup(group);
  linkGroup(group);
}

/** Frees a header. Its memory stays a header, so that a late double free finds no slot in use there. */
export function freeHeader(slab: i32): void {
  const group: i32 = slab & -GROUP;
  if (firstClear(group) == GROUP_HEADERS) linkGroup(group);
  const index: i32 = (slab - headerAt(group, 0)) >>> HEADER_SHIFT;
  if (SHARED) store32(group, load32(group) ^ (1 << index));
  else flipBit(group, index);
}

function linkGroup(group: i32): void {
  const next: i32 = SHARED ? load32(openGroups()) : firstGroup();
  store32(groupLinkAt(group), next);
  store32(group + GROUP_LINK_AT, groupLinkAt(0));
  if (next != 0) store32(next + GROUP_LINK_AT, groupLinkAt(group));
  if (SHARED) store32(openGroups(), group);
  else setFirstGroup(group);
}

function unlinkGroup(group: i32): void {
  const next: i32 = nextGroup(group);
  store32(groupLink(group), next);
  if (next != 0) store32(next + GROUP_LINK_AT, groupLink(group));
}

// Slabs of several threads ------------------------------------------------------------------------------------------------
//
// With SHARED each group of headers has an owner, the only thread that allocates slots of its slabs, frees them by plain stores,
// and keeps them in its lists. A slot is in use if and only if its two bits differ:
//
//     G   bitsOf(slab)    flipped by the owner: a plain store
//     R   freedOf(slab)   flipped by any other thread that frees the slot: a compare-and-swap
//
// Neither bit is cleared. So each allocation and each free is one store, and a thread may end before or after it.
//
// A thread that frees another's slot sets a bit of the group's DIRTY after it has written R. The owner clears DIRTY before it loads
// R (`notice`). The lists, the marks of full slabs and CURRENT are the owner's; if it dies, they are made again. (The model:
// tools/model/slots.ts.)
//
//     group      16        20         24                   64                        960
//     ┌──────────┬─────────┬──────────┬──────────┬─────────┬──────────┬──────────┬───┬─────────┐
//     │ in use,  │ owner,  │ group    │ next of  │         │ header 0 │ header 1 │ … │ DIRTY   │     14 headers of 64 bytes
//     │ next …   │ 0: none │ before   │ owner    │         │          │          │   │         │
//     └──────────┴─────────┴──────────┴──────────┴─────────┴──────────┴──────────┴───┴─────────┘

const OWNER_AT: i32 = 16;
const GROUP_BEFORE_AT: i32 = 20;
const NEXT_OWN_AT: i32 = 24;
const DIRTY_AT: i32 = 960;
/** Groups that one search for freed slots looks at. */
const GROUPS_TRIED: i32 = 8;

export function ownerOf(group: i32): i32 {
  return load32(group + OWNER_AT);
}

/** The first group of this thread; 0 if it has none. */
export function ownGroup(): i32 {
  return load32(ownGroups());
}

/** The group that was made before this one; 0 for the first. */
export function groupBefore(group: i32): i32 {
  return load32(group + GROUP_BEFORE_AT);
}

export function nextOwn(group: i32): i32 {
  return load32(group + NEXT_OWN_AT);
}

function dirtyOf(group: i32): i32 {
  return group + DIRTY_AT;
}

/** Whether other threads have freed slots of a slab, and its owner has not looked since. */
export function isDirty(slab: i32): bool {
  const group: i32 = slab & -GROUP;
  return (atomicLoad(dirtyOf(group)) & bitIn(group, slab)) != 0;
}

/** The bit of a header in its group's words. */
function bitIn(group: i32, slab: i32): i32 {
  return 1 << ((slab - headerAt(group, 0)) >>> HEADER_SHIFT);
}

/** A new group of this thread. */
function ownNewGroup(group: i32): void {
  zero(group + 8, GROUP - 12);
  store32(group + GROUP_BEFORE_AT, lastGroup());
  setLastGroup(group);
  own(group);
}

function own(group: i32): void {
  store32(group + OWNER_AT, me);
  store32(group + NEXT_OWN_AT, load32(ownGroups()));
  store32(ownGroups(), group);
}

/** Holder: nobody owns a group any more. */
export function abandon(group: i32): void {
  store32(group + OWNER_AT, 0);
  setOrphans(orphans() + 1);
}

/** Frees the slot at `p` of a slab, whoever owns it. */
function freeSlotShared(p: i32, slab: i32): i32 {
  const group: i32 = slab & -GROUP;
  if (!isPlace(slab)) corrupt();
  if (ownerOf(group) != me) return report(freeOthers(p, slab, group));
  return freeOwnSlot(p, slab);
}

/** Frees a slot of a slab that this thread does not own. Never waits. */
function freeOthers(p: i32, slab: i32, group: i32): i32 {
  const reciprocal: i32 = reciprocalOf(classOf(slab));
  const product: i32 = multiply(p - baseOf(slab), reciprocal);
  if (!startsSlot(product, reciprocal)) return INVALID_POINTER;
  const slot: i32 = slotIn(product);
  const half: i32 = (slot >>> 5) << 2;
  if (!flipFreed(bitsOf(slab) + half, freedOf(slab) + half, 1 << (slot & 31)))
    return slot < slotCount(slab) ? DOUBLE_FREE : INVALID_POINTER;
  setHint(dirtyOf(group), bitIn(group, slab));
  return OK;
}

/** Looks for slots of this thread's slabs that others have freed, in a few groups; whether a slab was put into its list. */
export function notice(): bool {
  let group: i32 = load32(handOfGroups());
  let found: bool = false;
  for (let left: i32 = GROUPS_TRIED; left > 0 && !found; left--) {
    if (group == 0) group = load32(ownGroups());
    if (group == 0) return false;
    if (noticeIn(group)) found = true;
    group = nextOwn(group);
  }
  store32(handOfGroups(), group);
  return found;
}

/** The same in one group of this thread. */
export function noticeIn(group: i32): bool {
  let dirty: i32 = atomicLoad(dirtyOf(group));
  if (dirty == 0) return false;
  atomicAnd(dirtyOf(group), ~dirty);
  let found: bool = false;
  for (dirty &= load32(group); dirty != 0; dirty &= dirty - 1) {
    const slab: i32 = headerAt(group, trailingZeros(dirty));
    const c: i32 = classOf(slab);
    if (isFull(slab) && hasFreeSlot(slab)) {
      unmarkFull(c, slab);
      found = true;
    }
    if (!isFull(slab)) keepOrRelease(c, slab);
  }
  return found;
}

/** Sets the hints of a group again: of all slabs with free slots, since its owner may be about to mark one as full. */
export function hintGroup(group: i32): void {
  for (let live: i32 = load32(group); live != 0; live &= live - 1) {
    const index: i32 = trailingZeros(live);
    if (firstFreeSlot(headerAt(group, index)) < slotCount(headerAt(group, index)))
      atomicOr(dirtyOf(group), 1 << index);
  }
}

/** Holder: makes a group that nobody owns, and its slabs, this thread's. Empty slabs are released. */
export function adopt(group: i32): void {
  own(group);
  setOrphans(orphans() - 1);
  if (firstClear(group) < GROUP_HEADERS) linkGroup(group);
  atomicAnd(dirtyOf(group), 0);
  for (let live: i32 = load32(group); live != 0; live &= live - 1) {
    const slab: i32 = headerAt(group, trailingZeros(live));
    const c: i32 = classOf(slab);
    const isFree: bool = hasFreeSlot(slab);
    setKind(slab, kindFor(c, isFree ? reciprocalOf(c) : 0));
    setCellsOf(c, cellsOf(c) + (sizeOf(blockOf(slab)) >>> CELL_SHIFT));
    if (isFree) append(c, slab);
  }
}
