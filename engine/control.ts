// The control block: all the state of a heap that is not in its blocks, slabs and map. Another engine that is given the
// address of the control block can use the heap; that address is all that an engine keeps to itself.
//
// Sizes and addresses are in bytes. Addresses are unsigned 32-bit numbers: compare them with `below`.
//
// In a heap that threads share NO_SLAB has 8 bytes more, and the words of lock.ts follow the classes.
//
//     offset from `heap`
//        0  MAGIC        version of the layout
//        4  TOP          payload of the top block
//        8  TOP_END      end of the top block; the plain layout has its map there
//       12  BREAK        the program break: end of the heap's memory
//       16  SMALL        slabs serve requests below this size
//       20  FIT          BEST_FIT, FIRST_FIT or NEXT_FIT
//       24  LIMIT        the break never goes beyond it
//       28  MARGIN       bytes to take beyond what is needed when the break moves; -1: a share of the heap
//       32  RESERVED     end of the memory that is the heap's; other code has grown what is beyond it
//       36  MOVES        1 plus the number of times that the break moved up
//       40  PEAK         largest footprint so far
//       44  FOREIGN      bytes of foreign regions between the base and the break
//       48  HIGH_WATER   no block has ever started above it
//       52  ROVER        next fit: the block that the last search found
//       56  ROOT         pinned layout: the array of the addresses of the map's chunks
//       60  CHUNKS       pinned layout: chunks that there are
//       64  GROUPS       pinned layout: the first group with a free slab header
//       68  QUICK_LISTS  8 quick lists of 16 bytes: the number of blocks, and room for three addresses
//      196  BIN_BITS     a bit for each bin, set if the bin is not empty: 4 words
//      212  BINS         the first block of each bin: 124 words
//      708  CURRENT      by size, (size + 7) / 8: header of the slab that slots are allocated from, or NO_SLAB: 127 words
//     1216  SLOT_BYTES   by size: bytes of the slots for it, in units of 8: 127 bytes, and one unused
//     1348  NO_SLAB      a slab header without free slots: the current slab of a class that has none
//     1376  CLASSES      33 records of 32 bytes, see below
//     2444  HEADER       of the first block, whose payload starts where the control block ends, at 2448
//
//     offset in a class record
//        0  SLOT_SIZE    bytes of a slot
//        4  RECIPROCAL   of SLOT_SIZE, see classes.ts
//        8  FIRST        the partial slabs, those with free slots that are not current: first
//       12  LAST         and last header of their list
//       16  CELLS        cells of all slabs of the class
//       20  WARMUP       requests that blocks have served instead of a first slab
//       24  –
//
// Invariants (inspect/check.ts proves them, test/engine/check.test.ts breaks each):
//   H1  the control block starts with MAGIC; FIT and SMALL are valid; the break is a multiple of 16 and not above the limit
//   H2  FOREIGN is the sum of the foreign regions, and PEAK is not below the footprint
//   H3  the memory up to the break exists and is the heap's: RESERVED is not below it

import { below, load32, load8, SHARED, store32, store8, zero } from "#memory";

// Units -------------------------------------------------------------------------------------------------------------------

/** Addresses and sizes of blocks are multiples of it. SHARED: 64, a bit of returned.ts for each. */
export const GRANULE: i32 = SHARED ? 64 : 16;
/** The unit in which a WebAssembly memory grows. */
export const PAGE: i32 = 65536;
/** The unit of the map and of slabs. */
export const CELL: i32 = 512;
export const CELL_SHIFT: i32 = 9;

/** `address` rounded up to a multiple of `unit`, a power of two. */
export function roundUp(address: i32, unit: i32): i32 {
  return (address + unit - 1) & -unit;
}

// Offsets -----------------------------------------------------------------------------------------------------------------

const WORD: i32 = 4;
/** From 512 bytes on, each doubling of the size has four bins. */
export const BINS_SHIFT: i32 = 2;
export const BIN_COUNT: i32 = 32 + (23 << BINS_SHIFT);
/** Words with the bins' bits. */
export const BIN_WORDS: i32 = (BIN_COUNT + 31) >>> 5;
export const QUICK_LISTS: i32 = 8;
/** Blocks that a quick list has room for. */
export const QUICK_ROOM: i32 = 3;
/** A quick list has 16 bytes. */
const QUICK_LIST_SHIFT: i32 = 4;
/** Sizes that slabs serve, in units of 8 bytes: 0 to MAX_SMALL. */
export const SMALL_SIZES: i32 = 127;
export const CLASS_COUNT: i32 = 33;

export const MAGIC_AT: i32 = 0;
export const TOP_AT: i32 = MAGIC_AT + WORD;
export const TOP_END_AT: i32 = TOP_AT + WORD;
export const BREAK_AT: i32 = TOP_END_AT + WORD;
export const SMALL_AT: i32 = BREAK_AT + WORD;
export const FIT_AT: i32 = SMALL_AT + WORD;
export const LIMIT_AT: i32 = FIT_AT + WORD;
export const MARGIN_AT: i32 = LIMIT_AT + WORD;
export const RESERVED_AT: i32 = MARGIN_AT + WORD;
export const MOVES_AT: i32 = RESERVED_AT + WORD;
export const PEAK_AT: i32 = MOVES_AT + WORD;
export const FOREIGN_AT: i32 = PEAK_AT + WORD;
export const HIGH_WATER_AT: i32 = FOREIGN_AT + WORD;
export const ROVER_AT: i32 = HIGH_WATER_AT + WORD;
export const ROOT_AT: i32 = ROVER_AT + WORD;
export const CHUNKS_AT: i32 = ROOT_AT + WORD;
export const GROUPS_AT: i32 = CHUNKS_AT + WORD;
export const QUICK_LISTS_AT: i32 = GROUPS_AT + WORD;
export const BIN_BITS_AT: i32 = QUICK_LISTS_AT + (QUICK_LISTS << QUICK_LIST_SHIFT);
export const BINS_AT: i32 = BIN_BITS_AT + BIN_WORDS * WORD;
export const CURRENT_AT: i32 = BINS_AT + BIN_COUNT * WORD;
export const SLOT_BYTES_AT: i32 = CURRENT_AT + SMALL_SIZES * WORD;
/** A slab header's bits are at a multiple of 8, one word after its start. */
export const NO_SLAB_AT: i32 = ((SLOT_BYTES_AT + SMALL_SIZES + 3) & -8) + WORD;
export const CLASSES_AT: i32 = NO_SLAB_AT + (SHARED ? 36 : 28);

export const SLOT_SIZE_AT: i32 = CLASSES_AT;
export const RECIPROCAL_AT: i32 = SLOT_SIZE_AT + WORD;
export const FIRST_AT: i32 = RECIPROCAL_AT + WORD;
export const LAST_AT: i32 = FIRST_AT + WORD;
export const CELLS_AT: i32 = LAST_AT + WORD;
export const WARMUP_AT: i32 = CELLS_AT + WORD;
/** A class record has 32 bytes, so that its address is computed by a shift. */
export const CLASS_SHIFT: i32 = 5;
/** Bytes of the words of lock.ts. */
const SHARED_WORDS: i32 = 12288;

/** Bytes of the control block, with the header of the first block. */
export const CONTROL: i32 =
  (CLASSES_AT +
    (CLASS_COUNT << CLASS_SHIFT) +
    (SHARED ? 3 * WORD + SHARED_WORDS + 2 * GRANULE : WORD + GRANULE) -
    1) &
  -GRANULE;

// The heap in use ---------------------------------------------------------------------------------------------------------

export const MAGIC: i32 = SHARED ? 0x35535748 : 0x35505748; // "HWP5"; "HWS5" for a heap that plain engines must not use

/** Address of the control block; 0 before there is a heap. */
export let heap: i32 = 0;
/** The first block; 0 before there is a heap. */
export let first: i32 = 0;
/** Slabs serve requests below this size, in bytes; 0 before there is a heap. */
export let small: i32 = 0;

/** The break never goes beyond it, whatever a program writes into the control block. */
export let limit: i32 = 0;

/** SHARED: like `heap`, for the words from CURRENT_AT to the end of the class records: each thread has its own. */
let records: i32 = 0;

/** Address of the words that `classAt`, `currentFor` and `slotBytesFor` read. */
export function recordsInUse(): i32 {
  return records + CURRENT_AT;
}

export function useRecords(address: i32): void {
  records = address - CURRENT_AT;
}

/** Makes those of the control block the ones in use, which have no slabs: this thread allocates none. */
export function forgetRecords(): void {
  records = heap;
}

/** Makes the heap at `at` the one in use, or none for 0. SMALL and LIMIT never change, so the copies stay right. */
export function useHeap(at: i32): void {
  heap = at;
  if (SHARED) records = at;
  first = at == 0 ? 0 : at + CONTROL;
  small = at == 0 ? 0 : load32(at + SMALL_AT);
  limit = at == 0 ? 0 : load32(at + LIMIT_AT);
}

/** Whether a heap of this layout starts at `at`. */
export function isHeap(at: i32): bool {
  return at != 0 && load32(at + MAGIC_AT) == MAGIC;
}

/** Writes the control block of a new heap at `at`, which becomes the one in use. `markCreated` writes MAGIC last. */
export function createControl(
  at: i32,
  programBreak: i32,
  limit: i32,
  reserved: i32,
  margin: i32,
  fit: i32,
  small: i32,
): void {
  zero(at, CONTROL);
  store32(at + BREAK_AT, programBreak);
  store32(at + LIMIT_AT, limit);
  store32(at + RESERVED_AT, reserved);
  store32(at + MARGIN_AT, margin);
  store32(at + FIT_AT, fit);
  store32(at + SMALL_AT, small == 0 ? 0 : small + 1);
  store32(at + MOVES_AT, 1);
  store32(at + PEAK_AT, programBreak - at);
  useHeap(at);
}

export function markCreated(): void {
  store32(heap + MAGIC_AT, MAGIC);
}

// Accessors ---------------------------------------------------------------------------------------------------------------

export function top(): i32 {
  return load32(heap + TOP_AT);
}

export function setTop(p: i32): void {
  store32(heap + TOP_AT, p);
}

export function topEnd(): i32 {
  return load32(heap + TOP_END_AT);
}

export function setTopEnd(address: i32): void {
  store32(heap + TOP_END_AT, address);
}

export function programBreak(): i32 {
  return load32(heap + BREAK_AT);
}

export function setProgramBreak(address: i32): void {
  store32(heap + BREAK_AT, address);
}

/** The setting that `small` was read from. */
export function smallSetting(): i32 {
  return load32(heap + SMALL_AT);
}

export function fit(): i32 {
  return load32(heap + FIT_AT);
}

/** The setting that `limit` was read from. */
export function limitSetting(): i32 {
  return load32(heap + LIMIT_AT);
}

export function marginSetting(): i32 {
  return load32(heap + MARGIN_AT);
}

export function reserved(): i32 {
  return load32(heap + RESERVED_AT);
}

export function setReserved(address: i32): void {
  store32(heap + RESERVED_AT, address);
}

export function breakMoves(): i32 {
  return load32(heap + MOVES_AT);
}

export function setBreakMoves(count: i32): void {
  store32(heap + MOVES_AT, count);
}

export function peak(): i32 {
  return load32(heap + PEAK_AT);
}

export function setPeak(bytes: i32): void {
  store32(heap + PEAK_AT, bytes);
}

export function foreignBytes(): i32 {
  return load32(heap + FOREIGN_AT);
}

export function setForeignBytes(bytes: i32): void {
  store32(heap + FOREIGN_AT, bytes);
}

export function highWater(): i32 {
  return load32(heap + HIGH_WATER_AT);
}

export function raiseHighWater(p: i32): void {
  if (below(load32(heap + HIGH_WATER_AT), p)) store32(heap + HIGH_WATER_AT, p);
}

export function rover(): i32 {
  return load32(heap + ROVER_AT);
}

export function setRover(p: i32): void {
  store32(heap + ROVER_AT, p);
}

// PINNED layout: the array of the addresses of the map's chunks, and the list of groups.

export function root(): i32 {
  return load32(heap + ROOT_AT);
}

export function setRoot(address: i32): void {
  store32(heap + ROOT_AT, address);
}

export function chunkCount(): i32 {
  return load32(heap + CHUNKS_AT);
}

export function setChunkCount(count: i32): void {
  store32(heap + CHUNKS_AT, count);
}

export function chunk(index: i32): i32 {
  return load32(root() + (index << 2));
}

export function setChunk(index: i32, address: i32): void {
  store32(root() + (index << 2), address);
}

export function firstGroup(): i32 {
  return load32(heap + GROUPS_AT);
}

export function setFirstGroup(group: i32): void {
  store32(heap + GROUPS_AT, group);
}

/** Bytes between the base and the break that are the heap's. */
export function footprint(): i32 {
  return programBreak() - heap - foreignBytes();
}

// Quick lists.

export function quickList(index: i32): i32 {
  return heap + QUICK_LISTS_AT + (index << QUICK_LIST_SHIFT);
}

/** The quick list for blocks of `size` bytes. The hash puts powers of two into different lists. */
export function quickListFor(size: i32): i32 {
  return quickList(((size >>> 4) ^ (size >>> 8) ^ (size >>> 12)) & (QUICK_LISTS - 1));
}

export function quickCount(list: i32): i32 {
  return load32(list);
}

export function setQuickCount(list: i32, count: i32): void {
  store32(list, count);
}

/** A block of a quick list, from number 0 on. */
export function quickBlock(list: i32, number: i32): i32 {
  return load32(list + WORD + (number << 2));
}

export function setQuickBlock(list: i32, number: i32, p: i32): void {
  store32(list + WORD + (number << 2), p);
}

// Bins: a bin's head is named by its address.

export function binHead(bin: i32): i32 {
  return heap + BINS_AT + (bin << 2);
}

/** The bin whose head is at `address`; BIN_COUNT or more for any other address. */
export function binWithHead(address: i32): i32 {
  return (address - heap - BINS_AT) >>> 2;
}

/** The bits of the bins 32 × `word` to 32 × `word` + 31. */
export function binBits(word: i32): i32 {
  return load32(heap + BIN_BITS_AT + (word << 2));
}

export function setBinBits(word: i32, bits: i32): void {
  store32(heap + BIN_BITS_AT + (word << 2), bits);
}

// Size classes: a class is named by `heap` plus 32 times its number (not by its record's address), so that a field is one constant
// offset away. If SHARED these words are a thread's own: at the same offsets from `records`.

export function classAt(number: i32): i32 {
  return (SHARED ? records : heap) + (number << CLASS_SHIFT);
}

/** The current slab for a size in bytes, 0 to MAX_SMALL: that of its class. */
export function currentFor(size: i32): i32 {
  return load32((SHARED ? records : heap) + (((size + 7) >>> 3) << 2) + CURRENT_AT);
}

/** `size` is a multiple of 8. */
export function setCurrentFor(size: i32, slab: i32): void {
  store32((SHARED ? records : heap) + CURRENT_AT + (size >>> 1), slab);
}

/** Bytes of the slots for a size in bytes, 0 to MAX_SMALL. */
export function slotBytesFor(size: i32): i32 {
  return load8((SHARED ? records : heap) + ((size + 7) >>> 3) + SLOT_BYTES_AT) << 3;
}

/** `size` is a multiple of 8. */
export function setSlotBytesFor(size: i32, bytes: i32): void {
  store8((SHARED ? records : heap) + SLOT_BYTES_AT + (size >>> 3), bytes >>> 3);
}

/** The header that stands for no slab: none of its slots is free. */
export function noSlab(): i32 {
  return heap + NO_SLAB_AT;
}

export function slotSize(c: i32): i32 {
  return load32(c + SLOT_SIZE_AT);
}

export function setSlotSize(c: i32, bytes: i32): void {
  store32(c + SLOT_SIZE_AT, bytes);
}

export function reciprocalOf(c: i32): i32 {
  return load32(c + RECIPROCAL_AT);
}

export function setReciprocal(c: i32, reciprocal: i32): void {
  store32(c + RECIPROCAL_AT, reciprocal);
}

export function firstPartial(c: i32): i32 {
  return load32(c + FIRST_AT);
}

export function setFirstPartial(c: i32, slab: i32): void {
  store32(c + FIRST_AT, slab);
}

export function lastPartial(c: i32): i32 {
  return load32(c + LAST_AT);
}

export function setLastPartial(c: i32, slab: i32): void {
  store32(c + LAST_AT, slab);
}

export function cellsOf(c: i32): i32 {
  return load32(c + CELLS_AT);
}

export function setCellsOf(c: i32, cells: i32): void {
  store32(c + CELLS_AT, cells);
}

export function warmup(c: i32): i32 {
  return load32(c + WARMUP_AT);
}

export function setWarmup(c: i32, requests: i32): void {
  store32(c + WARMUP_AT, requests);
}

// A heap that threads share: where the words of lock.ts are, and the words of a thread behind its class records.

/** Address of the words of lock.ts. */
export function sharedWords(): i32 {
  return (first - GRANULE - SHARED_WORDS) | 0;
}

/** Bytes of a thread's own words: those from CURRENT_AT to the end of the class records, and three for its groups. */
export const FRONT_BYTES: i32 = CLASSES_AT - CURRENT_AT + (CLASS_COUNT << CLASS_SHIFT) + 3 * WORD;

/** The word that leads to the first group of this thread with a free slab header. */
export function openGroups(): i32 {
  return records + CLASSES_AT + (CLASS_COUNT << CLASS_SHIFT);
}

/** The word that leads to the first group of this thread. */
export function ownGroups(): i32 {
  return openGroups() + WORD;
}

/** The word that leads to the group at which the next search for freed slots starts. */
export function handOfGroups(): i32 {
  return ownGroups() + WORD;
}
