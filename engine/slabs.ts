// Small objects without headers. A slab is a block of whole cells (or a granule more, which no slot uses), cut into equal
// slots; what describes it is outside, in a table of descriptors: a bit a slot and little else. A half word a cell, in the
// map, leads from a pointer to there. The map reaches as far as there are slabs, so a heap of large blocks has hardly any.
//
//     map       … │ 70 │ 70 │ 71 │ …            table    … │ 70: 0b…0111 base class │ 71: … │ …
//                   │    │    └───────────────────────────────────────────────────────┘
//     heap      … │ slab 70        │ slab 71 │ …
//                 │ slot │ slot │ slot │ … │h│     behind the slots, the header of the block that follows
//
// So a double free is a bit that is not set, and a pointer inside an object fails one multiplication.
//
// A class allocates from its current slab, the lowest free slot. When that is full the next of its list takes its place, and
// when the list is empty a new slab. A full slab comes back to the list when a slot of it is freed. An empty one is given
// back to the blocks, except one a class: a program that frees and allocates around the edge of a slab would pay for it
// again and again. (Slabs: Bonwick, "The Slab Allocator", 1994; bitmaps in place of lists: jemalloc, arena and bin.)

import {
  copy,
  firstClear,
  flipBit,
  hasBit,
  hasOnly,
  load16,
  load32,
  multiply,
  setFirstClear,
  store16,
  store32,
  store8,
  zero,
} from "#memory";
import { findLarge } from "./bins.ts";
import {
  give,
  isLast,
  placeFor,
  shrink,
  take,
  takeBeyond,
  takeFree,
  takeHeld,
  takeMore,
  takeNew,
} from "./blocks.ts";
import {
  answer,
  BASE,
  blockSizeFor,
  CELL,
  CELLS,
  CELL_SHIFT,
  CLASS,
  classAt,
  CLASS_COUNT,
  CLASS_OF,
  classOf,
  CLASS_SHIFT,
  CLASS_UNIT,
  CURRENT,
  descriptorAt,
  DESCRIPTOR_BYTES,
  DESCRIPTOR_SHIFT,
  DOUBLE_FREE,
  entryOf,
  fail,
  FIRST_ENTRY,
  FRACTION,
  GRANULE,
  HEAD,
  header,
  HEADER,
  heap,
  INVALID_POINTER,
  IS_CURRENT,
  isEmpty,
  isFull,
  KEPT,
  KIND,
  LAST_ENTRY,
  LINKS,
  linksAt,
  LINKS_BYTES,
  LINKS_SHIFT,
  MAP,
  mapAt,
  MAP_BLOCK,
  MAP_USED,
  MAX_SLAB_CELLS,
  MAX_SLOTS,
  NEXT,
  NEXT_DESCRIPTOR,
  NO_SLAB,
  OK,
  ORIGIN,
  OUT_OF_MEMORY,
  own,
  PAGE_SHIFT,
  PREVIOUS,
  QUOTIENT_SHIFT,
  reciprocalOf,
  RECIPROCALS,
  REACH,
  RECIPROCAL_SHIFT,
  roundUp,
  sizeOf,
  SLOT,
  SLOTS,
  slotsIn,
  TABLE,
  TABLE_BLOCK,
  TAIL,
  TOP,
  WARMUP,
  wholeSize,
} from "./layout.ts";

/**
 * Requests of a class that blocks serve where else it would get a slab: so many, and one for each page of the heap. A class
 * hardly used costs no slab, and the larger the heap, the more is hardly.
 */
const WARMUP_REQUESTS: i32 = 12;
/** Pages that count for that. */
const MOST_PAGES: i32 = 32;
/** A new slab is about this part of what its class holds: 8 for an eighth. */
const SHARE_SHIFT: i32 = 3;
/** Slots that a slab has at least. */
const LEAST_SLOTS: i32 = 8;
/** A new map reaches so much farther than it has to: a quarter, and 32 KiB. */
const AHEAD_SHIFT: i32 = 2;
const LEAST_AHEAD: i32 = 64;
/** Cells at the end of the map that a request looks at, before the break moves for it, to see what the map has too much. */
const MOST_LOOKED: i32 = 64;
/** Where the map ends at most: the cell with the end of 4 GiB can't be a slab's, whose follower has its header there. */
const LAST_CELL: i32 = 0x7fffff;
/** Descriptors that a table has room for beyond its share. */
const LEAST_DESCRIPTORS: i32 = 16;
/** Empty slabs that a request gives back, at most, before the break moves for it. */
const MOST_RELEASED: i32 = 2;

/** No class has a slab any more, and there is neither map nor table; their blocks are still there. */
export function forgetSlabs(): void {
  store32(heap + REACH, 0);
  store32(heap + MAP_BLOCK, 0);
  store32(heap + MAP_USED, heap >>> CELL_SHIFT);
  store32(heap + TABLE_BLOCK, 0);
  store32(heap + NEXT_DESCRIPTOR, FIRST_ENTRY);
  for (let i: i32 = 0; i < CLASS_COUNT; i++) {
    const c: i32 = classAt(i);
    store32(c + CURRENT, heap + NO_SLAB);
    store32(c + SLOTS, 0);
    store32(c + HEAD, 0); // and the tail
    store32(c + CELLS, 0);
    store32(c + KEPT, 0); // and the warm-up
  }
}

/** Writes the table of classes: 8, then steps of 16 to 256, of 32 to 512, of 64 to 960, and 1008. */
export function createClasses(): void {
  store32(heap + NO_SLAB, -1);
  store32(heap + NO_SLAB + 4, -1);
  forgetSlabs();
  let size: i32 = 8;
  let index: i32 = 1;
  for (let i: i32 = 0; i < CLASS_COUNT; i++) {
    const c: i32 = classAt(i);
    store32(c + SLOT, size);
    store32(
      heap + (i << CLASS_UNIT) + RECIPROCALS,
      (((1 << QUOTIENT_SHIFT) + size - 1) / size) | 0,
    );
    for (; index <= size >>> 3; index++) store8(heap + CLASS_OF + index, i);
    size =
      size < 16
        ? 16
        : size < 256
          ? size + 16
          : size < 512
            ? size + 32
            : size < 960
              ? size + 64
              : 1008;
  }
}

// Taking ----------------------------------------------------------------------------------------------------------------

/**
 * A slot of a class. Where blocks are to serve (the class is hardly used, or no slab can be had), a block of `size` bytes that
 * begins at a multiple of `alignment`, as the class's slots do; or 0, with the reason in `lastError`.
 */
export function takeSlot(c: i32, size: i32, alignment: i32): i32 {
  const d: i32 = load32(c + CURRENT);
  const origin: i32 = load32(c + ORIGIN);
  const step: i32 = load32(c + SLOT);
  const slot: i32 = firstClear(d);
  if (slot >= load32(c + SLOTS)) return refill(c, size, alignment);
  setFirstClear(d, slot);
  return origin + multiply(slot, step);
}

/** Makes the next slab with free slots, or a new one, the current one, and takes a slot of it. */
function refill(c: i32, size: i32, alignment: i32): i32 {
  let entry: i32 = load16(c + HEAD);
  if (entry == 0) {
    const early: bool = isEarly(c);
    entry = early ? 0 : createSlab(c);
    if (entry == 0) {
      const p: i32 = takeBlock(size, alignment);
      // Where no slab can be had, blocks serve for a while before the next try.
      if (p != 0) store16(c + WARMUP, early ? load16(c + WARMUP) + 1 : 0);
      return p;
    }
  } else unlink(c, entry);
  if (hasCurrent(c)) retire(load32(c + CURRENT));
  makeCurrent(c, descriptorAt(entry));
  return takeSlot(c, size, alignment);
}

function makeCurrent(c: i32, d: i32): void {
  const base: i32 = load32(d + BASE);
  store32(d + KIND, load32(d + KIND) | IS_CURRENT);
  store32(c + CURRENT, d);
  store32(c + SLOTS, slotsIn(sizeOf(base) >>> CELL_SHIFT, c));
  store32(c + ORIGIN, base);
}

/** The current slab is full: without a reciprocal, the next slot that is given back is noticed. */
function retire(d: i32): void {
  store32(d + KIND, load32(d + KIND) & CLASS);
}

function hasCurrent(c: i32): bool {
  return load32(c + CURRENT) != heap + NO_SLAB;
}

/** A block of `size` bytes that begins at a multiple of `alignment`, or 0 with the reason in `lastError`. */
export function takeBlock(size: i32, alignment: i32): i32 {
  const needed: i32 = blockSizeFor(size);
  if (alignment == GRANULE) {
    const whole: i32 = wholeSize(needed, -1);
    const held: i32 = load32(placeFor(whole));
    if (held != 0) {
      if ((header(held) & -GRANULE) == whole) return takeHeld(held);
    }
  }
  const p: i32 = takeFree(needed, alignment);
  return p != 0 ? p : takeElsewhere(needed, alignment);
}

function takeElsewhere(needed: i32, alignment: i32): i32 {
  let p: i32 = takeInside(needed, alignment);
  if (p == 0) p = takeMore(needed, alignment);
  if (p == 0 && release(0, 0)) p = take(needed, alignment);
  return p != 0 ? p : fail(OUT_OF_MEMORY);
}

/** A block that no bin has and the break need not move for, last from what slabs took without need; or 0. */
function takeInside(needed: i32, alignment: i32): i32 {
  const p: i32 = takeNew(needed, alignment);
  if (p != 0) return p;
  return release(MOST_RELEASED, MOST_LOOKED) ? takeFree(needed, alignment) : 0;
}

// Giving back -----------------------------------------------------------------------------------------------------------

/** Frees the slot at `p`, in the slab of map entry `entry`; OK or the error (see `answer`). */
export function giveSlot(p: i32, entry: i32, traps: bool): i32 {
  const d: i32 = descriptorAt(entry);
  const kind: i32 = load32(d + KIND);
  const reciprocal: i32 = kind >>> RECIPROCAL_SHIFT;
  const quotient: i32 = multiply(p - load32(d + BASE), reciprocal);
  const slot: i32 = quotient >>> QUOTIENT_SHIFT;
  // That of a full slab is 0, and nothing is below it.
  if ((quotient & FRACTION) >= reciprocal) return giveSlotSlowly(p, entry, traps);
  if (!hasBit(d, slot)) return giveSlotSlowly(p, entry, traps);
  if (hasOnly(d, slot, kind & IS_CURRENT)) return giveSlotSlowly(p, entry, traps);
  flipBit(d, slot);
  return OK;
}

/** The same where the slab was full, or becomes empty, or `p` is wrong. */
function giveSlotSlowly(p: i32, entry: i32, traps: bool): i32 {
  const code: i32 = slotError(p, entry);
  if (code != OK) return answer(code, traps);
  const d: i32 = descriptorAt(entry);
  const c: i32 = classOf(d);
  if (isFull(d)) {
    store32(d + KIND, kindFor(c));
    append(c, entry);
  }
  flipBit(d, multiply(p - load32(d + BASE), reciprocalOf(c)) >>> QUOTIENT_SHIFT);
  if (isEmpty(d)) emptied(c, entry);
  return OK;
}

/** What is wrong with `p` as a pointer into the slab of `entry`; OK where it is a slot in use. */
export function slotError(p: i32, entry: i32): i32 {
  const d: i32 = descriptorAt(entry);
  const c: i32 = classOf(d);
  const base: i32 = load32(d + BASE);
  const quotient: i32 = multiply(p - base, reciprocalOf(c));
  const slot: i32 = quotient >>> QUOTIENT_SHIFT;
  if ((quotient & FRACTION) >= reciprocalOf(c)) return INVALID_POINTER;
  if (hasBit(d, slot)) return OK;
  return slot < slotsIn(sizeOf(base) >>> CELL_SHIFT, c) ? DOUBLE_FREE : INVALID_POINTER;
}

/** Size of the slots in the slab of `entry`, in bytes. */
export function slotSize(entry: i32): i32 {
  return load32(classOf(descriptorAt(entry)) + SLOT);
}

/** Keeps an empty slab, or gives it back where the class keeps one already. */
function emptied(c: i32, entry: i32): void {
  const kept: i32 = load16(c + KEPT);
  if (kept == 0) {
    store16(c + KEPT, entry);
    return;
  }
  unlink(c, entry);
  releaseSlab(c, entry);
}

/**
 * Gives so many empty slabs back, and the end of a map that is too long, for which it looks at so many cells; or all (0, 0).
 * Whether there was anything.
 */
export function release(slabs: i32, cells: i32): bool {
  const released: bool = releaseEmpty(slabs);
  return shortenMap(cells) || released;
}

/**
 * Gives `most` of the empty slabs back, or all (0), kept and current ones too, those of the largest classes first; whether
 * there was any. Cost: linear in the classes.
 */
function releaseEmpty(most: i32): bool {
  let left: i32 = most;
  for (let i: i32 = CLASS_COUNT - 1; i >= 0; i--) {
    const c: i32 = classAt(i);
    const kept: i32 = load16(c + KEPT);
    if (kept != 0) {
      unlink(c, kept);
      releaseSlab(c, kept);
      if (--left == 0) return true;
    }
    const d: i32 = load32(c + CURRENT); // not empty where there is none
    if (!isEmpty(d)) continue;
    store32(c + CURRENT, heap + NO_SLAB);
    store32(c + SLOTS, 0);
    releaseSlab(c, entryOf(load32(d + BASE)));
    if (--left == 0) return true;
  }
  return left != most;
}

// A class's list: first in, first out ------------------------------------------------------------------------------------

function append(c: i32, entry: i32): void {
  const tail: i32 = load16(c + TAIL);
  store32(linksAt(entry), tail << 16); // next 0, previous the tail
  if (tail != 0) store16(linksAt(tail) + NEXT, entry);
  else store16(c + HEAD, entry);
  store16(c + TAIL, entry);
}

function unlink(c: i32, entry: i32): void {
  const links: i32 = load32(linksAt(entry));
  const next: i32 = links & 0xffff;
  const previous: i32 = links >>> 16;
  if (next != 0) store16(linksAt(next) + PREVIOUS, previous);
  else store16(c + TAIL, previous);
  if (previous != 0) store16(linksAt(previous) + NEXT, next);
  else store16(c + HEAD, next);
  if (load16(c + KEPT) == entry) store16(c + KEPT, 0);
}

// Slabs from blocks, and back --------------------------------------------------------------------------------------------

/** Least cells of a slab for slots of a size. */
function leastCells(slot: i32): i32 {
  return roundUp(LEAST_SLOTS * slot + HEADER, CELL) >>> CELL_SHIFT;
}

/** Cells for a new slab: about a share of what the class holds. */
function cellsFor(c: i32, slot: i32): i32 {
  const enough: i32 = roundUp(MAX_SLOTS * slot + HEADER, CELL) >>> CELL_SHIFT;
  let most: i32 = load32(c + CELLS) >>> SHARE_SHIFT;
  if (most < leastCells(slot)) most = leastCells(slot);
  if (most > enough) most = enough;
  return most > MAX_SLAB_CELLS ? MAX_SLAB_CELLS : most;
}

/** Of so many cells and down to half of them, the number that wastes least. */
function leanest(most: i32, c: i32, slot: i32): i32 {
  const reciprocal: i32 = reciprocalOf(c);
  let best: i32 = most;
  let leastWaste: i32 = 0x7fffffff;
  for (let cells: i32 = most; cells > most >>> 1; cells--) {
    const bytes: i32 = cells << CELL_SHIFT;
    const slots: i32 = multiply(bytes - HEADER, reciprocal) >>> QUOTIENT_SHIFT;
    // In 2 ** -12 of the slab; a smaller slab has to be better, not equal.
    const waste: i32 = (((bytes - multiply(slots, slot)) << 12) / bytes) | 0;
    if (waste < leastWaste) {
      leastWaste = waste;
      best = cells;
    }
  }
  return best;
}

/** Memory for a slab: a free block that holds it, or holds one that is smaller; else new memory. */
function takeCells(c: i32): i32 {
  const slot: i32 = load32(c + SLOT);
  const most: i32 = cellsFor(c, slot);
  const bytes: i32 = leanest(most, c, slot) << CELL_SHIFT;
  const base: i32 = takeFree(bytes, CELL);
  if (base != 0) return base;
  const hole: i32 = findLarge();
  if (hole != 0) {
    const cells: i32 =
      ((hole + sizeOf(hole)) >>> CELL_SHIFT) - (roundUp(hole, CELL) >>> CELL_SHIFT);
    if (cells >= leastCells(slot)) {
      const smaller: i32 = takeFree(
        leanest(cells < most ? cells : most, c, slot) << CELL_SHIFT,
        CELL,
      );
      if (smaller != 0) return smaller;
    }
  }
  const p: i32 = takeInside(bytes, CELL);
  return p != 0 ? p : takeBeyond(bytes, CELL);
}

/** Makes an empty slab for a class; its entry, or 0 where none can be had. */
function createSlab(c: i32): i32 {
  const base: i32 = takeCells(c);
  if (base == 0) return 0;
  const cells: i32 = sizeOf(base) >>> CELL_SHIFT;
  const end: i32 = (base >>> CELL_SHIFT) + cells;
  if (!hasDescriptor() || !reachTo(end)) {
    give(base);
    return 0;
  }
  own(base);
  if (load32(heap + MAP_USED) < end) store32(heap + MAP_USED, end);
  const entry: i32 = load32(heap + NEXT_DESCRIPTOR);
  store32(heap + NEXT_DESCRIPTOR, entry + 1);
  mapCells(base, cells, entry);
  const d: i32 = descriptorAt(entry);
  store32(d, 0);
  store32(d + 4, 0);
  store32(d + BASE, base);
  store32(d + KIND, kindFor(c));
  store32(c + CELLS, load32(c + CELLS) + cells);
  return entry;
}

/** Whether a block is to serve a request for which the class would need one more slab; always, if the map can name no more. */
function isEarly(c: i32): bool {
  if (load32(heap + NEXT_DESCRIPTOR) > LAST_ENTRY) return true;
  const pages: i32 = (load32(heap + TOP) - heap) >>> PAGE_SHIFT;
  return load16(c + WARMUP) < WARMUP_REQUESTS + (pages < MOST_PAGES ? pages : MOST_PAGES);
}

/** KIND of a slab that is neither full nor current. */
function kindFor(c: i32): i32 {
  return (reciprocalOf(c) << RECIPROCAL_SHIFT) | ((c - heap) >>> (CLASS_SHIFT - CLASS_UNIT));
}

/** Gives a slab that has no slot in use and is in no list back to the blocks. */
function releaseSlab(c: i32, entry: i32): void {
  const base: i32 = load32(descriptorAt(entry) + BASE);
  const cells: i32 = sizeOf(base) >>> CELL_SHIFT;
  const left: i32 = load32(c + CELLS) - cells;
  store32(c + CELLS, left);
  if (left == 0) store16(c + WARMUP, 0);
  mapCells(base, cells, 0);
  if ((base >>> CELL_SHIFT) + cells == load32(heap + MAP_USED))
    store32(heap + MAP_USED, base >>> CELL_SHIFT);
  freeDescriptor(entry);
  give(base);
}

// The map ----------------------------------------------------------------------------------------------------------------

/** Writes the map's entries of a slab's cells. */
function mapCells(base: i32, cells: i32, entry: i32): void {
  const map: i32 = mapAt(base);
  for (let i: i32 = 0; i < cells; i++) store16(map + (i << 1), entry);
}

/** Makes the map reach up to cell `end`, not included; false without memory for that. */
function reachTo(end: i32): bool {
  if (load32(heap + REACH) >>> CELL_SHIFT >= end) return true;
  const p: i32 = take(mapBytes(end), GRANULE);
  if (p == 0) return false;
  moveMap(p);
  return true;
}

/** Size of a block for a map that reaches up to cell `end` and some way ahead. */
function mapBytes(end: i32): i32 {
  const cells: i32 = end - (heap >>> CELL_SHIFT);
  return blockSizeFor((cells + (cells >>> AHEAD_SHIFT) + LEAST_AHEAD) << 1);
}

/**
 * Gives what the map has too much back, if it is much; looks at `most` of its cells to find out, or all (0). Whether it was
 * much.
 */
function shortenMap(most: i32): bool {
  const map: i32 = load32(heap + MAP_BLOCK);
  if (map == 0) return false;
  let end: i32 = load32(heap + MAP_USED);
  for (let left: i32 = most == 0 ? -1 : most; end != heap >>> CELL_SHIFT && left != 0; left--) {
    if (entryOf((end - 1) << CELL_SHIFT) != 0) break;
    end--;
  }
  store32(heap + MAP_USED, end);
  const bytes: i32 = mapBytes(end);
  if (sizeOf(map) - bytes <= bytes >>> AHEAD_SHIFT) return false;
  shrink(map, bytes);
  store32(heap + REACH, reachOfMap());
  return true;
}

/** How far the map reaches: as far as its block has entries for. */
export function reachOfMap(): i32 {
  const end: i32 = (heap >>> CELL_SHIFT) + ((sizeOf(load32(heap + MAP_BLOCK)) - HEADER) >>> 1);
  return (end < LAST_CELL ? end : LAST_CELL) << CELL_SHIFT;
}

/** Puts the map, if it is the last block, into a free block; false where it is not, or none has the room. */
export function lowerMap(): bool {
  const map: i32 = load32(heap + MAP_BLOCK);
  const p: i32 = isLast(map) ? takeFree(sizeOf(map), GRANULE) : 0;
  if (p == 0) return false;
  moveMap(p);
  return true;
}

/** Makes the block at `p`, not smaller than the one that was, that of the map. */
function moveMap(p: i32): void {
  const old: i32 = load32(heap + MAP_BLOCK);
  const firstCell: i32 = heap >>> CELL_SHIFT;
  const payload: i32 = sizeOf(p) - HEADER;
  const kept: i32 = old == 0 ? 0 : sizeOf(old) - HEADER;
  own(p);
  copy(p, old, kept);
  zero(p + kept, payload - kept);
  store32(heap + MAP_BLOCK, p);
  store32(heap + MAP, p - (firstCell << 1));
  store32(heap + REACH, reachOfMap());
  if (old != 0) give(old);
}

// Descriptors ------------------------------------------------------------------------------------------------------------

/** Whether there is a descriptor for one slab more; false without memory for it. */
function hasDescriptor(): bool {
  return load32(heap + NEXT_DESCRIPTOR) - FIRST_ENTRY < tableRoom() || extendTable();
}

/** Takes a descriptor out of the table, where the last one takes its place. */
function freeDescriptor(entry: i32): void {
  const last: i32 = load32(heap + NEXT_DESCRIPTOR) - 1;
  store32(heap + NEXT_DESCRIPTOR, last);
  if (entry != last) moveDescriptor(last, entry);
  if ((last - FIRST_ENTRY) << 2 < tableRoom() - 2 * LEAST_DESCRIPTORS) shortenTable();
}

/** Gives a slab another entry: all that leads to it is changed. */
function moveDescriptor(from: i32, to: i32): void {
  const d: i32 = descriptorAt(to);
  copy(d, descriptorAt(from), DESCRIPTOR_BYTES);
  const base: i32 = load32(d + BASE);
  mapCells(base, sizeOf(base) >>> CELL_SHIFT, to);
  const c: i32 = classOf(d);
  if ((load32(d + KIND) & IS_CURRENT) != 0) store32(c + CURRENT, d);
  else if (!isFull(d)) {
    const links: i32 = load32(linksAt(from));
    const next: i32 = links & 0xffff;
    const previous: i32 = links >>> 16;
    store32(linksAt(to), links);
    store16(next != 0 ? linksAt(next) + PREVIOUS : c + TAIL, to);
    store16(previous != 0 ? linksAt(previous) + NEXT : c + HEAD, to);
    if (load16(c + KEPT) == from) store16(c + KEPT, to);
  }
}

/** Descriptors that the table has room for: their links begin where that ends. */
export function tableRoom(): i32 {
  const table: i32 = load32(heap + TABLE_BLOCK);
  return table == 0 ? 0 : (linksAt(FIRST_ENTRY) - table) >>> DESCRIPTOR_SHIFT;
}

/** Descriptors, with their links, for which there is room in a block. */
export function roomIn(size: i32): i32 {
  return ((size - HEADER) / (DESCRIPTOR_BYTES + LINKS_BYTES)) | 0;
}

/** Size of a block for a table that has room for half as many descriptors again as there are. */
function tableBytes(): i32 {
  const has: i32 = load32(heap + NEXT_DESCRIPTOR) - FIRST_ENTRY;
  return blockSizeFor((has + (has >>> 1) + LEAST_DESCRIPTORS) * (DESCRIPTOR_BYTES + LINKS_BYTES));
}

/** Makes the table longer; false without memory for it. */
function extendTable(): bool {
  const p: i32 = take(tableBytes(), GRANULE);
  if (p == 0) return false;
  moveTable(p);
  return true;
}

/** Gives what a table has too much back. */
function shortenTable(): void {
  const table: i32 = load32(heap + TABLE_BLOCK);
  const bytes: i32 = tableBytes();
  const links: i32 = table + (roomIn(bytes) << DESCRIPTOR_SHIFT);
  copy(links, linksAt(FIRST_ENTRY), roomIn(bytes) << LINKS_SHIFT);
  store32(heap + LINKS, links - (FIRST_ENTRY << LINKS_SHIFT));
  shrink(table, bytes);
}

/** Puts the table, if it is the last block, into a free block; false where it is not, or none has the room. */
export function lowerTable(): bool {
  const table: i32 = load32(heap + TABLE_BLOCK);
  const p: i32 = isLast(table) ? takeFree(sizeOf(table), GRANULE) : 0;
  if (p == 0) return false;
  moveTable(p);
  return true;
}

/** Makes the block at `p` the table; what leads to descriptors by address moves along. */
function moveTable(p: i32): void {
  const old: i32 = load32(heap + TABLE_BLOCK);
  const oldLinks: i32 = linksAt(FIRST_ENTRY);
  const has: i32 = tableRoom();
  own(p);
  store32(heap + TABLE_BLOCK, p);
  const links: i32 = p + (roomIn(sizeOf(p)) << DESCRIPTOR_SHIFT);
  store32(heap + TABLE, p - (FIRST_ENTRY << DESCRIPTOR_SHIFT));
  store32(heap + LINKS, links - (FIRST_ENTRY << LINKS_SHIFT));
  if (old == 0) return;
  copy(p, old, has << DESCRIPTOR_SHIFT);
  copy(links, oldLinks, has << LINKS_SHIFT);
  for (let i: i32 = 0; i < CLASS_COUNT; i++) {
    const c: i32 = classAt(i);
    const d: i32 = load32(c + CURRENT);
    if (d != heap + NO_SLAB) store32(c + CURRENT, d - old + p);
  }
  give(old);
}
