// Looks at the whole heap: walks it, and proves the invariants of layout.ts.

import { below, enter, hasBit, load16, load32 } from "#memory";
import { binOf, firstIn } from "./bins.ts";
import { BEST_FIT, isBlock, mark, placeFor, settle } from "./blocks.ts";
import {
  BASE,
  BIN_COUNT,
  BINS,
  BITMAP,
  BREAK,
  cardShift,
  CELL,
  CELLS,
  CELL_SHIFT,
  classAt,
  CLASS_BYTES,
  CLASS_COUNT,
  classOf,
  CURRENT,
  DESCRIPTOR_BYTES,
  DESCRIPTOR_SHIFT,
  descriptorAt,
  entryOf,
  first,
  FIRST_ENTRY,
  FIT,
  FRESH,
  GAP,
  GAPS,
  GRANULE,
  HEAD,
  header,
  HEADER,
  heap,
  HELD,
  HOLD,
  HOLDING,
  IN_USE,
  isHeap,
  IS_CURRENT,
  isEmpty,
  isFull,
  KEPT,
  KIND,
  leadsOn,
  LIMIT,
  MAP,
  linksAt,
  mapAt,
  MAP_BLOCK,
  MAP_USED,
  NEXT,
  NEXT_DESCRIPTOR,
  NO_SLAB,
  ORIGIN,
  OWN,
  OWNED,
  PEAK,
  PLACES,
  PREVIOUS,
  PREVIOUS_IN_USE,
  sizeOf,
  SLOT,
  SLOTS,
  REACH,
  RECIPROCAL_SHIFT,
  reciprocalOf,
  ROVER,
  slotsIn,
  startIn,
  startOf,
  STARTS,
  STARTS_BLOCK,
  STARTS_END,
  SUMMARY,
  TABLE,
  TABLE_BLOCK,
  TAIL,
  TOP,
} from "./layout.ts";
import { reachOfMap, roomIn, tableRoom } from "./slabs.ts";

// The walk ------------------------------------------------------------------------------------------------------------------

export const FREE_BLOCK: i32 = 0;
export const USED_BLOCK: i32 = 1;
export const FREE_SLOT: i32 = 2;
export const USED_SLOT: i32 = 3;
export const TABLE_KIND: i32 = 4;
export const GAP_KIND: i32 = 5;

/** Bytes of payload of the entry that the last `walk` answered. */
export let walkedSize: i32 = 0;
/** Its kind: FREE_BLOCK to GAP_KIND. */
export let walkedKind: i32 = 0;

/**
 * The entry after `p` in address order, 0 to begin (held blocks are joined with their neighbours first); 0 at the end,
 * and `p` again where its header can't be true. Entries are blocks and, in slabs, slots. `p` is an entry
 * of a walk during which nothing was allocated or freed.
 */
export function walk(p: i32): i32 {
  enter(heap);
  if (heap == 0) return 0;
  if (p == 0) {
    settle(PLACES);
    return arriveAt(first);
  }
  const entry: i32 = entryOf(p);
  if (entry == 0) {
    const top: i32 = load32(heap + TOP);
    if (p == top) return 0;
    return leadsOn(p, sizeOf(p), top) ? arriveAt((p + sizeOf(p)) | 0) : p;
  }
  const d: i32 = descriptorAt(entry);
  const base: i32 = load32(d + BASE);
  const c: i32 = classOf(d);
  const slot: i32 = load32(c + SLOT);
  const end: i32 = base + slot * slotsIn(sizeOf(base) >>> CELL_SHIFT, c);
  return below(p + slot, end) ? arriveAt((p + slot) | 0) : arriveAt((base + sizeOf(base)) | 0);
}

function arriveAt(p: i32): i32 {
  const entry: i32 = entryOf(p);
  if (entry != 0) {
    const d: i32 = descriptorAt(entry);
    walkedSize = load32(classOf(d) + SLOT);
    const slot: i32 = ((p - load32(d + BASE)) / walkedSize) | 0;
    walkedKind = hasBit(d, slot) ? USED_SLOT : FREE_SLOT;
    return p;
  }
  const h: i32 = header(p);
  const size: i32 = h & -GRANULE;
  // The trailing block may be empty.
  walkedSize = size == 0 ? 0 : size - HEADER;
  if ((h & IN_USE) == 0) walkedKind = FREE_BLOCK;
  else walkedKind = (h & GAP) == GAP ? GAP_KIND : (h & OWN) != 0 ? TABLE_KIND : USED_BLOCK;
  return p;
}

// The checks ----------------------------------------------------------------------------------------------------------------

/** Where the last `broken` found something. */
export let brokenAt: i32 = 0;

const H: i32 = 0x4800;
const B: i32 = 0x4200;
const F: i32 = 0x4600;
const M: i32 = 0x4d00;
const Q: i32 = 0x5100;
const S: i32 = 0x5300;

function found(code: i32, at: i32): i32 {
  brokenAt = at;
  return code;
}

/** 0 where all invariants hold, else the first broken one: the character code of its letter × 256 + its number. */
export function broken(): i32 {
  enter(heap);
  if (heap == 0) return 0;
  brokenAt = 0;
  const stop: i32 = load32(heap + BREAK);
  if (!isHeap(heap) || (stop & (GRANULE - 1)) != 0 || below(load32(heap + LIMIT), stop))
    return found(H + 1, heap);
  if (below(load32(heap + OWNED), stop)) return found(H + 3, heap);
  let code: i32 = checkBlocks();
  if (code == 0) code = checkTables();
  if (code == 0) code = checkBins();
  if (code == 0) code = checkMap();
  if (code == 0) code = checkClasses();
  return code;
}

/** Free blocks but the trailing one, counted by checkBlocks for checkBins. */
let freeBlocks: i32 = 0;
/** Slabs, likewise for checkClasses. */
let slabs: i32 = 0;
/** Cells of those, likewise for checkMap. */
let slabCells: i32 = 0;
/** Blocks of starts, map and table, likewise for checkTables. */
let tables: i32 = 0;

function checkBlocks(): i32 {
  const top: i32 = load32(heap + TOP);
  const stop: i32 = load32(heap + BREAK);
  let before: i32 = IN_USE;
  let gaps: i32 = 0;
  let held: i32 = 0;
  let lastCard: i32 = (heap >>> cardShift) - 1;
  freeBlocks = 0;
  slabs = 0;
  slabCells = 0;
  tables = 0;
  let roving: bool = load32(heap + FIT) != BEST_FIT;
  let p: i32 = first;
  while (p != top) {
    const h: i32 = header(p);
    const size: i32 = h & -GRANULE;
    if (!leadsOn(p, size, top)) return found(B + 1, p);
    if (((h & PREVIOUS_IN_USE) != 0) != (before != 0)) return found(B + 2, p);
    if (!isStartSound(p, lastCard)) return found(M + 1, p);
    lastCard = p >>> cardShift;
    if (p == load32(heap + ROVER)) roving = false;
    if ((h & IN_USE) == 0) {
      if (load32(p + size - 2 * HEADER) != size) return found(B + 3, p);
      if (before == 0) return found(B + 4, p);
      freeBlocks++;
    } else if ((h & GAP) == GAP) gaps += size - GRANULE;
    else if ((h & HELD) != 0) {
      if (load32(placeFor(size)) != p) return found(Q + 1, p);
      held++;
    } else if (entryOf(p) != 0) {
      const wrong: i32 = checkSlab(p, h, size);
      if (wrong != 0) return found(wrong, p);
      slabs++;
      slabCells += size >>> CELL_SHIFT;
    } else if (isTable(p)) tables++;
    else if ((h & OWN) != 0) return found(M + 4, p);
    before = h & IN_USE;
    p = (p + size) | 0;
  }
  if (before == 0) return found(B + 4, top);
  if (roving && top != load32(heap + ROVER)) return found(B + 6, load32(heap + ROVER));
  if (header(top) != ((stop - top) | PREVIOUS_IN_USE)) return found(B + 5, top);
  if (below(load32(heap + FRESH), top)) return found(B + 5, top);
  if (!isStartSound(top, lastCard)) return found(M + 1, top);
  if (!isEmptyBetween(top >>> cardShift, (stop >>> cardShift) + 1)) return found(M + 1, top);
  for (let i: i32 = 0; i < PLACES; i++) {
    if (load32(heap + HOLD + (i << 2)) == 0) continue;
    held--;
    if (load32(heap + HOLDING) == 0) return found(Q + 1, heap + HOLDING);
  }
  if (held != 0) return found(Q + 1, heap + HOLD);
  if (load32(heap + NEXT_DESCRIPTOR) - FIRST_ENTRY != slabs) return found(S + 6, heap);
  if (load32(heap + GAPS) != gaps || below(load32(heap + PEAK), stop - heap - gaps))
    return found(H + 2, heap);
  return 0;
}

/** Whether the starts tell the block at `p`, and none between the last card with a start and its own. */
function isStartSound(p: i32, lastCard: i32): bool {
  const card: i32 = p >>> cardShift;
  if (card >= load32(heap + STARTS_END) || !isEmptyBetween(lastCard, card)) return false;
  return card == lastCard || startOf(p) == mark(p);
}

/** Whether no block starts in the cards between two. */
function isEmptyBetween(card: i32, end: i32): bool {
  for (let between: i32 = card + 1; between < end; between++) {
    if (startIn(between) != 0) return false;
  }
  return true;
}

/** Whether the block at `p` is that of the starts, the map or the table, and the heap's own. */
function isTable(p: i32): bool {
  if ((header(p) & OWN) == 0) return false;
  return (
    p == load32(heap + STARTS_BLOCK) ||
    p == load32(heap + MAP_BLOCK) ||
    p == load32(heap + TABLE_BLOCK)
  );
}

/** The words that lead to starts, map and table are what their blocks say. */
function checkTables(): i32 {
  const starts: i32 = load32(heap + STARTS_BLOCK);
  const map: i32 = load32(heap + MAP_BLOCK);
  const table: i32 = load32(heap + TABLE_BLOCK);
  if (tables != 1 + (map != 0 ? 1 : 0) + (table != 0 ? 1 : 0)) return found(M + 4, heap);
  const card: i32 = heap >>> cardShift;
  const end: i32 = load32(heap + STARTS_END);
  if (
    load32(heap + STARTS) != ((starts - card) | 0) ||
    end != card + sizeOf(starts) - HEADER ||
    end <= load32(heap + BREAK) >>> cardShift
  )
    return found(M + 4, starts);
  if (
    map == 0
      ? load32(heap + REACH) != 0
      : load32(heap + MAP) != ((map - ((heap >>> CELL_SHIFT) << 1)) | 0) ||
        load32(heap + REACH) != reachOfMap()
  )
    return found(M + 4, map);
  if (map != 0 && load32(heap + MAP_USED) > load32(heap + REACH) >>> CELL_SHIFT)
    return found(M + 3, map);
  const has: i32 = load32(heap + NEXT_DESCRIPTOR) - FIRST_ENTRY;
  if (
    table == 0
      ? has != 0
      : load32(heap + TABLE) != ((table - (FIRST_ENTRY << DESCRIPTOR_SHIFT)) | 0) ||
        has > tableRoom() ||
        tableRoom() > roomIn(sizeOf(table))
  )
    return found(S + 7, table);
  return 0;
}

/** The map has entries in the cells of slabs, all of them and no others. */
function checkMap(): i32 {
  const end: i32 = load32(heap + REACH) >>> CELL_SHIFT;
  let left: i32 = slabCells;
  for (let cell: i32 = heap >>> CELL_SHIFT; cell < end; cell++) {
    const address: i32 = cell << CELL_SHIFT;
    const entry: i32 = load16(mapAt(address));
    if (entry == 0) continue;
    if (!isDescriptor(entry)) return found(M + 2, address);
    if (cell >= load32(heap + MAP_USED)) return found(M + 3, address);
    const base: i32 = load32(descriptorAt(entry) + BASE);
    if (!below(address - base, sizeOf(base) & -CELL)) return found(M + 2, address);
    left--;
  }
  return left == 0 ? 0 : found(M + 2, load32(heap + MAP_BLOCK));
}

function checkSlab(p: i32, h: i32, size: i32): i32 {
  if (!isDescriptor(entryOf(p))) return M + 2;
  const d: i32 = descriptorAt(entryOf(p));
  const kind: i32 = load32(d + KIND);
  if (
    (h & GAP) != OWN ||
    (size & (CELL - 1)) > GRANULE ||
    load32(d + BASE) != p ||
    !isClass(classOf(d))
  )
    return S + 1;
  const c: i32 = classOf(d);
  const reciprocal: i32 = kind >>> RECIPROCAL_SHIFT;
  if (reciprocal != 0 && reciprocal != reciprocalOf(c)) return S + 1;
  const slots: i32 = slotsIn(size >>> CELL_SHIFT, c);
  const low: i32 = load32(d);
  const high: i32 = load32(d + 4);
  const allLow: i32 = slots >= 32 ? -1 : ~(-1 << slots);
  const allHigh: i32 = slots > 32 ? ~(-1 << (slots - 32)) : 0;
  if ((low & ~allLow) != 0 || (high & ~allHigh) != 0) return S + 2;
  const current: bool = load32(c + CURRENT) == d;
  if (current != ((kind & IS_CURRENT) != 0) || (current && !isCurrentSound(c, p, slots)))
    return S + 5;
  const full: bool = low == allLow && high == allHigh && !current;
  return full == isFull(d) ? 0 : S + 3;
}

/** Whether `c` is the address of a class. */
function isClass(c: i32): bool {
  return ((c - heap) & (CLASS_BYTES - 1)) == 0 && below(c - heap, CLASS_COUNT * CLASS_BYTES);
}

/** SLOTS and ORIGIN tell the current slab's slots. */
function isCurrentSound(c: i32, base: i32, slots: i32): bool {
  return load32(c + SLOTS) == slots && load32(c + ORIGIN) == base;
}

function checkBins(): i32 {
  let left: i32 = freeBlocks;
  for (let bin: i32 = 0; bin < BIN_COUNT; bin++) {
    const word: i32 = bin >>> 5;
    const bits: i32 = load32(heap + BITMAP + (word << 2));
    let p: i32 = firstIn(bin);
    if (((bits & (1 << (bin & 31))) != 0) != (p != 0))
      return found(F + 2, heap + BITMAP + (word << 2));
    if (((load32(heap + SUMMARY) & (1 << word)) != 0) != (bits != 0))
      return found(F + 2, heap + SUMMARY);
    let previous: i32 = heap + BINS + (bin << 2);
    while (p != 0) {
      if (left == 0) return found(F + 3, p);
      if (!isInside(p) || !isBlock(p, startOf(p)) || (header(p) & IN_USE) != 0)
        return found(F + 1, p);
      if (binOf(sizeOf(p)) != bin || load32(p + 4) != previous) return found(F + 1, p);
      left--;
      previous = p;
      p = load32(p);
    }
  }
  return left == 0 ? 0 : found(F + 3, heap + BINS);
}

function isInside(p: i32): bool {
  return !below(p, first) && below(p, load32(heap + TOP));
}

function checkClasses(): i32 {
  for (let i: i32 = 0; i < CLASS_COUNT; i++) {
    const c: i32 = classAt(i);
    if (!leadsToSlab(c)) return found(S + 5, c);
    let previous: i32 = 0;
    let entry: i32 = load16(c + HEAD);
    let length: i32 = 0;
    while (entry != 0) {
      if (!isDescriptor(entry) || length > slabs) return found(S + 4, c);
      const d: i32 = descriptorAt(entry);
      if (!isListed(d) || classOf(d) != c) return found(S + 4, d);
      if (load16(linksAt(entry) + PREVIOUS) != previous) return found(S + 4, d);
      if (isEmpty(d) && load16(c + KEPT) != entry) return found(S + 4, d);
      previous = entry;
      entry = load16(linksAt(entry) + NEXT);
      length++;
    }
    if (load16(c + TAIL) != previous) return found(S + 4, c);
    let cells: i32 = 0;
    for (let e: i32 = FIRST_ENTRY; e < load32(heap + NEXT_DESCRIPTOR); e++) {
      const d: i32 = descriptorAt(e);
      const base: i32 = load32(d + BASE);
      if (classOf(d) != c) continue;
      cells += sizeOf(base) >>> CELL_SHIFT;
      if (isListed(d)) length--;
    }
    if (length != 0) return found(S + 3, c);
    if (!isKeptSound(c)) return found(S + 4, c);
    if (cells != load32(c + CELLS)) return found(S + 6, c);
  }
  return 0;
}

/** CURRENT leads to the descriptor of a slab of the class, or to NO_SLAB. */
function leadsToSlab(c: i32): bool {
  const d: i32 = load32(c + CURRENT);
  if (d == heap + NO_SLAB) return true;
  if (((d - descriptorAt(0)) & (DESCRIPTOR_BYTES - 1)) != 0) return false;
  if (!isDescriptor((d - descriptorAt(0)) >>> DESCRIPTOR_SHIFT)) return false;
  return classOf(d) == c;
}

/** Whether the slab of a descriptor belongs into its class's list. */
function isListed(d: i32): bool {
  return !isFull(d) && (load32(d + KIND) & IS_CURRENT) == 0;
}

function isDescriptor(entry: i32): bool {
  return entry >= FIRST_ENTRY && entry < load32(heap + NEXT_DESCRIPTOR);
}

/** The slab that a class keeps is an empty one of its list. */
function isKeptSound(c: i32): bool {
  const kept: i32 = load16(c + KEPT);
  if (kept == 0) return true;
  if (!isDescriptor(kept)) return false;
  const d: i32 = descriptorAt(kept);
  return classOf(d) == c && isListed(d) && isEmpty(d);
}
