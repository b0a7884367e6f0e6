// The block map: from an address to the slab or block that contains it. It has an entry for each cell, 512 bytes of memory.
//
//     0          no block starts in the cell
//     1 … 32     the first payload that starts in the cell starts at this granule, counted from 1
//     above 32   the cell is part of a slab, and the entry leads to the slab's header
//
// So no pointer has to be trusted: a pointer into a slab leads to the slab's header, and for any other one the blocks of its
// cell can be walked, at most 31, to see whether one starts there. (A crossing map: Jones, Hosking, Moss, "The Garbage
// Collection Handbook", 2011, 11.8.)
//
// The layout of the map is a constant of the seam:
//
//     plain     a byte a cell, in one piece behind the top block, and moved when that grows. An entry above 32 is 32 plus the
//               number of cells to the end of the slab, where its header is: 35, 34, 33 for a slab of three cells. No metadata
//               lies between a program's blocks.
//     PINNED    for heaps that several threads use: what others read never moves. A word a cell, in chunks for 256 KiB each; an
//               entry above 32 is the address of the slab's header, which lies in a group (slabs.ts).
//
// Invariants:
//   M1  the entry of a cell outside of slabs leads to the first payload that starts in it, and is 0 if there is none
//   M2  the entries of a slab's cells lead to its header, and no other entries do
//   M3  plain: the map ends at or below the break; PINNED: root and chunks are blocks of metadata, up to the top block's start

import {
  assertThat,
  below,
  CHECKED,
  copy,
  load32,
  load8,
  memoryEnd,
  PINNED,
  refresh,
  SHARED,
  store32,
  store8,
  zero,
} from "#memory";
import { sizeOf } from "./block.ts";
import {
  CELL,
  CELL_SHIFT,
  chunkCount,
  first,
  GRANULE,
  heap,
  isHeap,
  limit,
  reserved,
  programBreak,
  root,
  roundUp,
  setTopEnd,
  top,
  topEnd,
} from "./control.ts";
import { corrupt } from "./errors.ts";
import { isImpatient, tryAcquire } from "./lock.ts";

/** The largest entry of a cell in which blocks start. */
const LAST_START: i32 = 32;
/** From the end of a slab's cells back to its header, in the plain layout. */
const FROM_HEADER: i32 = 28;
/** A chunk has the entries of 512 cells, and if SHARED the bits of returned.ts behind them. */
const CHUNK_SHIFT: i32 = 18;
export const CHUNK_BYTES: i32 = SHARED ? 3648 : 2048;

/** Plain: the entry of cell n is the byte at `map` + n. PINNED: the chunk of the cells from n << 18 is at `map` + 4 * n. */
let map: i32 = 0;
/** The end of the top block when `map` was computed. */
export let seenTopEnd: i32 = 0;
/** Bytes from the first block to there. */
export let span: i32 = 0;

/**
 * Comes before anything that trusts the control block. Proves it if the top block's end is not what this engine remembers: another
 * engine has used the heap, or the memory was overwritten or replaced. Stops with CORRUPT if the control block is damaged.
 */
export function enter(): void {
  if (topEnd() != seenTopEnd) enterAgain();
}

function enterAgain(): void {
  refresh();
  // Another thread may be changing the control block. The lock's holder proves it.
  if (!SHARED && !isHeapSound()) corrupt();
  findMap();
}

/** SHARED: takes the lock if no thread has it. A thread that never waits does not try. */
export function tryLock(): bool {
  if (isImpatient() || !tryAcquire()) return false;
  prove();
  return true;
}

/** SHARED, called with the lock: the same as `enter`, with the proof. */
export function prove(): void {
  enter();
  if (!isHeapSound()) corrupt();
}

/** PINNED: the first address that the map has an entry for. */
export function firstCovered(): i32 {
  return chunkNumber(heap) << CHUNK_SHIFT;
}

/** PINNED: the number of the chunk with the entry of an address, counted from the first one. */
export function chunkIndex(address: i32): i32 {
  return chunkNumber(address) - chunkNumber(heap);
}

/** Computes what this engine remembers of the map. */
export function findMap(): void {
  seenTopEnd = topEnd();
  span = seenTopEnd - first;
  map = PINNED ? root() - (chunkNumber(heap) << 2) : seenTopEnd - (heap >>> CELL_SHIFT);
}

/** Forgets what `findMap` computed: no address is inside the heap until `enter` has proved the control block. */
export function forgetMap(): void {
  seenTopEnd = 0;
  span = 0;
}

/** Whether the addresses in the control block are in order, and inside the memory. */
export function isHeapSound(): bool {
  const end: i32 = topEnd();
  const stop: i32 = programBreak();
  if (!isHeap(heap) || ((top() | end | stop) & (GRANULE - 1)) != 0) return false;
  if (below(top(), first) || below(end, top()) || below(stop, end)) return false;
  if (below(memoryEnd(), stop) || below(limit, stop) || below(reserved(), stop)) return false;
  return PINNED ? !below(root(), first) && below(root(), top()) : !below(stop - end, mapBytes(end));
}

/**
 * Where the top block starts; all other blocks end there. Stops with CORRUPT if TOP was overwritten with an address outside the
 * heap. SHARED: another thread may just have moved both ends.
 */
export function blocksEnd(): i32 {
  const end: i32 = top();
  if (!SHARED && below(seenTopEnd, end)) corrupt();
  return end;
}

// Entries -----------------------------------------------------------------------------------------------------------------

function chunkNumber(address: i32): i32 {
  return address >>> CHUNK_SHIFT;
}

/** Address of the entry of the cell of `address`. */
function entryAt(address: i32): i32 {
  return PINNED
    ? load32(map + (chunkNumber(address) << 2)) + (((address >>> CELL_SHIFT) & 511) << 2)
    : map + (address >>> CELL_SHIFT);
}

/** Whether `address` is between the first block and the end of the top block. */
export function isInside(address: i32): bool {
  return below(address - first, span);
}

/** The entry of the cell of `address`, which is in the heap; not above the top block's start if PINNED. */
export function entryOf(address: i32): i32 {
  return PINNED ? load32(entryAt(address)) : load8(entryAt(address));
}

function setEntry(address: i32, entry: i32): void {
  if (CHECKED) assertThat(isInside(address) || address == first + span);
  if (PINNED) store32(entryAt(address), entry);
  else store8(entryAt(address), entry);
}

/** Whether an entry is that of a cell of a slab. */
export function isSlab(entry: i32): bool {
  return below(LAST_START, entry);
}

/** The header of the slab that `p` is in, whose cell has this entry. */
export function slabOf(p: i32, entry: i32): i32 {
  return PINNED ? entry : (((p >>> CELL_SHIFT) + entry - LAST_START) << CELL_SHIFT) - FROM_HEADER;
}

/** The header of a slab of `cells` cells, in the plain layout. */
export function headerIn(base: i32, cells: i32): i32 {
  return base + (cells << CELL_SHIFT) - FROM_HEADER;
}

/** Sets the entries of a slab's cells. */
export function addSlab(base: i32, cells: i32, slab: i32): void {
  for (let i: i32 = 0; i < cells; i++)
    setEntry(base + (i << CELL_SHIFT), PINNED ? slab : LAST_START + cells - i);
}

/** Sets the entries of a slab's cells to those of a block. */
export function removeSlab(base: i32, cells: i32): void {
  for (let i: i32 = 1; i < cells; i++) setEntry(base + (i << CELL_SHIFT), 0);
  setEntry(base, startEntry(base));
}

/** The entry of a cell in which `p` is the first payload. */
export function startEntry(p: i32): i32 {
  return ((p & (CELL - 1)) >>> 4) + 1;
}

/** The first payload of the cell of `address`, which has this entry and is not part of a slab. */
export function startIn(address: i32, entry: i32): i32 {
  return (address & -CELL) + ((entry - 1) << 4);
}

/** Enters the start of a block at `p`. */
export function addStart(p: i32): void {
  const entry: i32 = entryOf(p);
  if (entry == 0 || startEntry(p) < entry) setEntry(p, startEntry(p));
}

/** Removes the start at `p`; `next` is the next start. */
export function removeStart(p: i32, next: i32): void {
  if (entryOf(p) != startEntry(p)) return;
  setEntry(p, p >>> CELL_SHIFT == next >>> CELL_SHIFT ? startEntry(next) : 0);
}

/**
 * Whether a block starts at `p`, an address in the heap but in no slab, whose cell has this entry. Exact, whatever a program
 * has written. Cost: at most 31 headers.
 */
export function isStart(p: i32, entry: i32): bool {
  if ((p & (GRANULE - 1)) != 0 || entry == 0) return false;
  let granules: i32 = startEntry(p) - entry;
  let q: i32 = p - (granules << 4);
  while (granules > 0) {
    const size: i32 = sizeOf(q) >>> 4;
    if (size == 0 || below(granules, size)) return false;
    granules -= size;
    q += size << 4;
  }
  return granules == 0;
}

// Placing the map ---------------------------------------------------------------------------------------------------------

/** Plain layout: bytes of the map behind a top block that ends at `end`. */
export function mapBytes(end: i32): i32 {
  return PINNED ? 0 : roundUp((end >>> CELL_SHIFT) - (heap >>> CELL_SHIFT) + 1, GRANULE);
}

/** Makes `end` the end of the top block. Plain layout: moves the map there; cells beyond those it had are empty. */
export function moveTopEnd(end: i32): void {
  if (!PINNED) {
    const had: i32 = topEnd() == 0 ? 0 : mapBytes(topEnd());
    const bytes: i32 = mapBytes(end);
    copy(end, topEnd(), below(bytes, had) ? bytes : had);
    if (below(had, bytes)) zero(end + had, bytes - had);
  }
  setTopEnd(end);
  findMap();
}

/** PINNED layout: chunks that are missing for a top block that starts at `address`. */
export function missingChunks(address: i32): i32 {
  return chunkNumber(address) - chunkNumber(heap) + 1 - chunkCount();
}
