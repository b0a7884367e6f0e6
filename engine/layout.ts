// Every word of the heap: the control block, a block, the starts, a slab, the map. All of a heap's state lives in its
// memory, so that another engine can attach to it; the one thing an engine keeps to itself is where the control block is.
//
//     heap                                                                                           break
//     ┌───────────────┬────────┬───────┬─────────────┬───────┬─────┬────────┬───────┬──────────────┐
//     │ control block │ starts │ block │ slab        │ block │ map │ block  │ table │ trailing     │
//     └───────────────┴────────┴───────┴─────────────┴───────┴─────┴────────┴───────┴──────────────┘
//
// Sizes and addresses are bytes; addresses are unsigned 32-bit numbers (compare them with `below`). Blocks are counted in
// granules of 16 bytes. A "cell" is a stretch of 512 bytes, aligned to 512; a "card" one of 2 KiB, aligned to 2 KiB, or of 512
// bytes where slabs don't serve what is small.
//
// A block is named by the address of its payload, which is a multiple of 16; its header is the word before.
//
//     p-4               p                                                            p+size-4
//     ┌────────────────┬────────────────────────────────────────────────────────────┐
//     │ size │O│H│P│I  │ payload: size - 4 bytes                                    │  in use
//     └────────────────┴────────────────────────────────────────────────────────────┘
//     ┌────────────────┬──────┬──────────┬────────────────────────────────┬─────────┐
//     │ size │0│0│1│0  │ next │ previous │                                │ size    │  free, in a bin
//     └────────────────┴──────┴──────────┴────────────────────────────────┴─────────┘
//      31  4  3 2 1 0
//
//     I  IN_USE            the block is not free
//     P  PREVIOUS_IN_USE   the block before it is not free; if it is free, its size stands in its last word, at p-8
//     H  HELD              freed, but kept whole for the next request of its size; I stays set
//     O  OWN               the heap's own: the starts, a slab, the map, the table; with H: a gap, memory between two
//                          regions that somebody else grew
//
// The last block is the trailing one: free, maybe of size 0, in no bin, its size in its header alone; it ends at the break.
//
// Invariants (proved by check.ts, broken one by one in test/engine/check.test.ts):
//   H1  the control block begins with MAGIC, the break is a multiple of 16 and not above the limit
//   H2  the footprint's parts are right: gaps add up to GAPS, the peak is not below the footprint
//   H3  the memory up to the break is the heap's: OWNED is not below it
//   B1  from FIRST, each block's size leads to the next and the last is the trailing one; sizes are whole granules
//   B2  P of a block is I of the block before it
//   B3  a free block repeats its size in its last word
//   B4  no two free blocks are neighbours, and the block before the trailing one is in use
//   B5  the trailing block ends at the break, and FRESH is not below it
//   B6  with first and next fit, ROVER leads to a block
//   F1  a free block is in the bin of its size, linked both ways
//   F2  a bin's bit is set if and only if the bin is not empty, and a summary bit if and only if its word is not zero
//   F3  the bins hold all free blocks but the trailing one
//   Q1  a place holds a held block of a size that belongs there, and every held block is in its place
//   M1  a card's start is that of the first block that starts in it (0: none does)
//   M2  the map has an entry for each cell below REACH: of a slab's cell its descriptor, of any other 0
//   M3  no cell from MAP_USED on is a slab's, and the map reaches as far
//   M4  the blocks that are the heap's own are slabs, starts, map and table; starts and map are what their blocks have room for
//   S1  a slab is a block of whole cells, or a granule more, and its descriptor leads back to it
//   S2  a slab's slots in use are within its number of slots
//   S3  a slab marked as full has no free slot to give; one that is not, and is not current, is in its class's list
//   S4  a class's list is linked both ways and holds slabs of the class, none full or current, and none empty but KEPT
//   S5  a class's current slab is marked as such, and no other; what is available are free slots of it
//   S6  each descriptor below NEXT_DESCRIPTOR is that of a slab, and a class's count of cells is its slabs' sum
//   S7  the table's block has room for the descriptors and, behind that, for their links

import { below, load8, load16, load32, multiply, store32, trap } from "#memory";

/** Address of the control block; 0 before there is a heap. */
export let heap: i32 = 0;
/** The first block; before there is a heap, beyond every pointer. */
export let first: i32 = -1;
/** Requests below this size are for slabs: one more than the option; 0 for none, and before there is a heap. */
export let small: i32 = 0;
/** The size of a card, as a shift: so that not many blocks are in one. */
export let cardShift: i32 = 11;

/** Goes to the heap at `at`, or to none (0). All that an engine keeps of it never changes. */
export function useHeap(at: i32): void {
  heap = at;
  first = at == 0 ? -1 : at + CONTROL;
  small = at == 0 ? 0 : load32(at + SMALL);
  cardShift = small < 512 ? 9 : 11;
}

// Errors ----------------------------------------------------------------------------------------------------------------

export const OK: i32 = 0;
export const OUT_OF_MEMORY: i32 = 1;
export const INVALID_SIZE: i32 = 2;
export const INVALID_ALIGNMENT: i32 = 3;
export const DOUBLE_FREE: i32 = 4;
export const INVALID_POINTER: i32 = 5;
export const OUT_OF_HEAP: i32 = 6;
export const CORRUPT: i32 = 7;
export const BAD_OPTIONS: i32 = 8;

/** Code of the last call that failed. */
export let lastError: i32 = 0;

/** Records why a call failed and answers 0, which is what a failed request returns. */
export function fail(code: i32): i32 {
  lastError = code;
  return 0;
}

/** Answers the code of a call that gives memory back; for an error, records it, and traps where the caller can't be told. */
export function answer(code: i32, traps: bool): i32 {
  if (code == OK) return OK;
  lastError = code;
  if (traps) trap();
  return code;
}

// Units -----------------------------------------------------------------------------------------------------------------

export const GRANULE: i32 = 16;
export const PAGE: i32 = 65536;
export const PAGE_SHIFT: i32 = 16;
/** The largest card. */
export const CARD: i32 = 2048;
export const CELL: i32 = 512;
export const CELL_SHIFT: i32 = 9;
/** Largest request, in bytes: a block's size and a sum of two stay clear of 4 GiB. */
export const MAX_SIZE: i32 = 0x7fff0000;
export const MAX_ALIGNMENT: i32 = 65536;

// Blocks ----------------------------------------------------------------------------------------------------------------

export const HEADER: i32 = 4;
export const LARGE: i32 = 16384;
export const LINE: i32 = 64;
export const IN_USE: i32 = 1;
export const PREVIOUS_IN_USE: i32 = 2;
export const HELD: i32 = 4;
export const OWN: i32 = 8;
export const GAP: i32 = 12; // OWN and HELD
export const FLAGS: i32 = 15;

/** `address` rounded up to a power of two: the one way to round up. */
export function roundUp(address: i32, to: i32): i32 {
  return (address + to - 1) & -to;
}

/** Bytes from `p` on in which there are `size` that begin at a multiple of `alignment`. */
export function spanFrom(p: i32, size: i32, alignment: i32): i32 {
  return roundUp(p, alignment) - p + size;
}

/** Size of the block that serves a request: the header and the payload in whole granules. */
export function blockSizeFor(bytes: i32): i32 {
  return roundUp(bytes + HEADER, GRANULE);
}

/**
 * The same for a block of `size` bytes that is cut off `has`: large ones are whole lines where there is the room, so that
 * arrays aligned to a line leave no holes between them, in which a small block would keep them apart for good.
 */
export function wholeSize(size: i32, has: i32): i32 {
  if (below(size, LARGE)) return size;
  const whole: i32 = roundUp(size, LINE);
  return below(has, whole) ? has : whole;
}

export function header(p: i32): i32 {
  return load32(p - HEADER);
}

export function sizeOf(p: i32): i32 {
  return load32(p - HEADER) & ~FLAGS;
}

/** Whether a block's size leads from `p` to another block, or to the trailing one at `top`. */
export function leadsOn(p: i32, size: i32, top: i32): bool {
  return below(size - 1, top - p);
}

/** Writes the tags of a block that is not free. */
export function tagUsed(p: i32, size: i32, flags: i32): void {
  store32(p - HEADER, size | flags);
}

/** Makes a block that was taken the heap's own. */
export function own(p: i32): void {
  store32(p - HEADER, header(p) | OWN);
}

/** Writes the tags of a free block; what is before a free block is in use (B4). */
export function tagFree(p: i32, size: i32): void {
  store32(p - HEADER, size | PREVIOUS_IN_USE);
  store32(p + size - 2 * HEADER, size);
}

/** The block before `p`, which must be free. */
export function previousFree(p: i32): i32 {
  return p - load32(p - 2 * HEADER);
}

// The control block -----------------------------------------------------------------------------------------------------

export const MAGIC: i32 = 0x32505748; // "HWP2", the layout's version
export const MAGIC_AT: i32 = 0;
/** Payload of the trailing block. */
export const TOP: i32 = 4;
/** The program break: where the heap's memory ends. (`enter` of the JavaScript seam reads it at 8.) */
export const BREAK: i32 = 8;
/** Biased: the map's entry for address a is the half word at MAP + (a >>> 9) * 2. */
export const MAP: i32 = 12;
/** Biased: the descriptor for map entry e is at TABLE + e * 16. */
export const TABLE: i32 = 16;
/** What `small` is read from. */
export const SMALL: i32 = 20;
export const FIT: i32 = 24;
/** Up to here the map has entries, and beyond there is no slab; 0 before there is a map. */
export const REACH: i32 = 28;
export const MAP_BLOCK: i32 = 32;
export const TABLE_BLOCK: i32 = 36;
/** Biased: the start of the card of address a is the byte at STARTS + (a >>> cardShift). */
export const STARTS: i32 = 40;
/** Entry of the next slab's descriptor: those before it are in use. */
export const NEXT_DESCRIPTOR: i32 = 44;
export const LIMIT: i32 = 48;
/** Bytes taken beyond what is needed when the break moves; -1: a share of the heap. */
export const MARGIN: i32 = 52;
/** Up to here the memory is this heap's to use without asking; beyond it, whatever appears is somebody else's. */
export const OWNED: i32 = 56;
export const MOVES: i32 = 60;
export const PEAK: i32 = 64;
export const GAPS: i32 = 68;
/** From here on, in the trailing block, no block ever was. */
export const FRESH: i32 = 72;
/** Where first fit and next fit begin their walk. */
export const ROVER: i32 = 76;
/** Not 0 where a block may be held. */
export const HOLDING: i32 = 80;
export const SUMMARY: i32 = 84;
export const BITMAP: i32 = 88; // 7 words
/** 129 bytes: the class for a size, by (size + 7) / 8. */
export const CLASS_OF: i32 = 116;
/** 64 bits, all set: a slab without free slots, which CURRENT leads to where there is none. */
export const NO_SLAB: i32 = 248;
/**
 * A word a class, ceil(2 ** 26 / SLOT): a multiplication instead of a division. An offset times this has the slot's number
 * in its upper 6 bits; the lower 26 are less than the word if and only if nothing is left over. (Right for 64 slots of at
 * most 1008 bytes: 63 × 1007 < 2 ** 26 / 1008. Lemire, Kaser, Kurz, "Faster remainder by direct computation", 2019.)
 */
export const RECIPROCALS: i32 = 256;
export const QUOTIENT_SHIFT: i32 = 26;
export const FRACTION: i32 = 0x3ffffff;
export const STARTS_BLOCK: i32 = 388; // RECIPROCALS + 4 * CLASS_COUNT
/** The first card that the starts do not have; they have the break's. (Cards are numbered from address 0.) */
export const STARTS_END: i32 = 392;
/** From this cell on, the map is empty. */
export const MAP_USED: i32 = 396;
export const CLASSES: i32 = 400;
export const CLASS_COUNT: i32 = 33;
export const BINS: i32 = 1456; // CLASSES + CLASS_BYTES * CLASS_COUNT
export const BIN_COUNT: i32 = 216;
/** Blocks that are held: a word each, by the size in granules modulo PLACES. */
export const HOLD: i32 = 2320; // BINS + 4 * BIN_COUNT
export const PLACES: i32 = 16;
/** Biased: the links of map entry e are at LINKS + e * 4. */
export const LINKS: i32 = 2384; // HOLD + 4 * PLACES
/** The control block's size: what is above and the header of the first block, in whole granules. */
export const CONTROL: i32 = 2400;

// A size class, 32 bytes. A class is named by the address of the heap and 32 times its number, so that these constants hold
// all of the way to a field.

export const CLASS_BYTES: i32 = 32;
export const CLASS_SHIFT: i32 = 5;
/** Address of the descriptor of the slab that slots are taken from; NO_SLAB where there is none. */
export const CURRENT: i32 = 400;
/** Slots of that slab: at most 63. */
export const SLOTS: i32 = 404;
/** Where the first of them begins. */
export const ORIGIN: i32 = 408;
/** Size of a slot. */
export const SLOT: i32 = 412;
/** First and last entry of the list of slabs with free slots. */
export const HEAD: i32 = 416;
export const TAIL: i32 = 418;
/** Cells of all slabs of the class. */
export const CELLS: i32 = 420;
/** Entry of an empty slab that is kept, or 0. */
export const KEPT: i32 = 424;
/** Requests that blocks served where else the class would have got a slab. */
export const WARMUP: i32 = 426;

// The starts -----------------------------------------------------------------------------------------------------------------
//
// A byte for a card: 0 where no block starts in it, else 1 + the granule of the card at which the first one's payload does.
// (A crossing map, as collectors of garbage have for their cards: Jones, Hosking, Moss, "The Garbage Collection Handbook",
// 2011.)

/** Address of the start of the card of `address`. */
export function startAt(address: i32): i32 {
  return load32(heap + STARTS) + (address >>> cardShift);
}

/** The start of a card, by its number. */
export function startIn(card: i32): i32 {
  return load8(load32(heap + STARTS) + card);
}

export function startOf(address: i32): i32 {
  return startIn(address >>> cardShift);
}

// The map and the descriptors -----------------------------------------------------------------------------------------------
//
// An entry of the map is a half word for a cell: the entry of the descriptor of the slab that the cell is part of, or 0.
//
// A descriptor is four words; a set bit is a slot in use. Its links are apart, in a word of their own. Descriptors are dense:
// where one becomes free, the last one takes its place.
//
//     0                        8            12                            NEXT            PREVIOUS
//     ┌────────────────────────┬────────────┬────────────┬───────┬───┬───┐┌───────────────┬───────────────┐
//     │ slots 0 to 62          │ base       │ reciprocal │ class │ 0 │ C ││ entry         │ entry         │
//     └────────────────────────┴────────────┴────────────┴───────┴───┴───┘└───────────────┴───────────────┘
//                                            31         8 7     2  1   0
//
//     C  IS_CURRENT. A slab that is full has 0 for the reciprocal, and is in no list.

export const FIRST_ENTRY: i32 = 1;
export const LAST_ENTRY: i32 = 65535;
export const DESCRIPTOR_BYTES: i32 = 16;
export const DESCRIPTOR_SHIFT: i32 = 4;
/** Where the slab begins. */
export const BASE: i32 = 8;
export const KIND: i32 = 12;
/** The class in KIND: 4 times its number. */
export const CLASS: i32 = 0xfc;
export const CLASS_UNIT: i32 = 2;
export const RECIPROCAL_SHIFT: i32 = 8;
export const IS_CURRENT: i32 = 1;
/** In the links. */
export const NEXT: i32 = 0;
export const PREVIOUS: i32 = 2;
export const LINKS_BYTES: i32 = 4;
export const LINKS_SHIFT: i32 = 2;
/** As many slots as there are bits, less one: 64 slots of a power of two would not leave room for the next header. */
export const MAX_SLOTS: i32 = 63;
export const MAX_SLAB_CELLS: i32 = 32;
/** Largest size that slabs can serve. */
export const MAX_SMALL: i32 = 1008;

/** Address of the map's entry for the cell of `address`, which must be below REACH. */
export function mapAt(address: i32): i32 {
  return load32(heap + MAP) + ((address >>> CELL_SHIFT) << 1);
}

/** The descriptor's entry of the slab that `address` is in; 0 where it is in none. */
export function entryOf(address: i32): i32 {
  return below(address, load32(heap + REACH)) ? load16(mapAt(address)) : 0;
}

/** Address of the descriptor for a map entry. */
export function descriptorAt(entry: i32): i32 {
  return load32(heap + TABLE) + (entry << DESCRIPTOR_SHIFT);
}

/** Address of the links for a map entry. */
export function linksAt(entry: i32): i32 {
  return load32(heap + LINKS) + (entry << LINKS_SHIFT);
}

export function classAt(index: i32): i32 {
  return heap + (index << CLASS_SHIFT);
}

/** The class for a size in bytes, 0 to MAX_SMALL. */
export function classFor(bytes: i32): i32 {
  return load8(heap + CLASS_OF + ((bytes + 7) >>> 3));
}

/** Number of slots of a slab of `cells` cells: its last word is the next block's header. */
export function slotsIn(cells: i32, c: i32): i32 {
  return multiply((cells << CELL_SHIFT) - HEADER, reciprocalOf(c)) >>> QUOTIENT_SHIFT;
}

export function reciprocalOf(c: i32): i32 {
  return load32(heap + ((c - heap) >>> (CLASS_SHIFT - CLASS_UNIT)) + RECIPROCALS);
}

/** The class of a descriptor. */
export function classOf(d: i32): i32 {
  return heap + ((load32(d + KIND) & CLASS) << (CLASS_SHIFT - CLASS_UNIT));
}

/** Whether the slab of a descriptor is marked as full. */
export function isFull(d: i32): bool {
  return load32(d + KIND) >>> RECIPROCAL_SHIFT == 0;
}

/** Whether no slot of a descriptor's slab is in use. */
export function isEmpty(d: i32): bool {
  return load32(d) == 0 && load32(d + 4) == 0;
}

/** Whether there is a heap of this layout at `at`. */
export function isHeap(at: i32): bool {
  return at != 0 && load32(at + MAGIC_AT) == MAGIC;
}
