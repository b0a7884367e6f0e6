// Blocks: allocated from the bins or from the top block, split, freed, coalesced, resized; and the top block, from which the
// heap grows. block.ts has the picture of a block, and the invariants.

import { assertThat, below, CHECKED, copy, PINNED, SHARED, zero } from "#memory";
import { find, findAligned, insert, remove } from "./bins.ts";
import {
  clearPreviousInUse,
  FLAGS,
  FOREIGN,
  header,
  HEADER,
  IN_USE,
  endsBy,
  METADATA,
  payloadOf,
  PREVIOUS_IN_USE,
  previousSize,
  BLOCK_KIND,
  QUICK,
  setFree,
  setHeader,
  setPreviousInUse,
  sizeIn,
  sizeOf,
  alignedBytes,
} from "./block.ts";
import {
  CELL,
  chunkCount,
  first,
  fit,
  footprint,
  GRANULE,
  limit,
  reserved,
  PAGE,
  programBreak,
  quickBlock,
  quickCount,
  QUICK_ROOM,
  quickList,
  quickListFor,
  QUICK_LISTS,
  setQuickBlock,
  setQuickCount,
  raiseHighWater,
  root,
  roundUp,
  rover,
  setChunk,
  setChunkCount,
  setRoot,
  setRover,
  setTop,
  top,
  topEnd,
} from "./control.ts";
import { corrupt } from "./errors.ts";
import { commit } from "./lock.ts";
import {
  canLowerBreak,
  growBreak,
  HIGHEST_BREAK,
  lowerBreak,
  moveBreak,
  growthStart,
} from "./growth.ts";
import {
  blocksEnd,
  addStart,
  CHUNK_BYTES,
  entryOf,
  findMap,
  isHeapSound,
  isSlab,
  isStart,
  mapBytes,
  missingChunks,
  moveTopEnd,
  removeStart,
  span,
} from "./map.ts";

export const BEST_FIT: i32 = 0;
export const FIRST_FIT: i32 = 1;
export const NEXT_FIT: i32 = 2;

/** A remainder smaller than this stays with the block that was split, in bytes. */
const LEAST_REMAINDER: i32 = 32;
/**
 * Blocks from LARGE bytes on are whole lines if there is room. So arrays that are aligned to a line leave no holes between
 * them in which small blocks would keep them apart (imagemagick: 18% less memory).
 */
const LARGE: i32 = 16384;
const LINE: i32 = 64;
/** The plain layout's map moves by at least this many bytes, or a 64th of the heap. */
const LEAST_STEP: i32 = 4096;
const STEP_SHIFT: i32 = 6;

/** Size of the block to split off `room` bytes for `size`: in whole lines if it is large and there is room. */
function sizeWithin(room: i32, size: i32): i32 {
  if (below(size, LARGE)) return size;
  const whole: i32 = roundUp(size, LINE);
  return below(room, whole) ? room : whole;
}

// Allocating --------------------------------------------------------------------------------------------------------------

/**
 * Allocates a block of `size` bytes, header included, whose payload is at a multiple of `alignment`, from the bins; or 0. `all`:
 * looks at every free block, if the alignment is more than a granule.
 *
 * Cost: bounded for best fit, see bins.ts; linear in the number of blocks for first and next fit, and for `all`.
 */
export function allocateFromBins(size: i32, alignment: i32, all: bool): i32 {
  let p: i32 = 0;
  if (fit() != BEST_FIT) p = walkToFit(size, alignment);
  else if (alignment == GRANULE) p = find(size);
  else p = findAligned(size, alignment, all);
  return p == 0 ? 0 : split(p, size, alignment);
}

/** Splits a free block into free memory before the aligned payload, the block in use, and the free remainder. */
function split(p: i32, size: i32, alignment: i32): i32 {
  let room: i32 = sizeOf(p);
  const q: i32 = roundUp(p, alignment);
  if (below(room, q - p + size)) corrupt();
  remove(p, room);
  let flags: i32 = IN_USE | PREVIOUS_IN_USE;
  if (q != p) {
    room -= q - p;
    freeUpTo(p, q);
    flags = IN_USE;
  }
  size = sizeWithin(room, size);
  const rest: i32 = room - size;
  if (below(rest, LEAST_REMAINDER)) {
    setPreviousInUse(q + room);
    setHeader(q, room, flags);
  } else {
    setFree(q + size, rest);
    addStart(q + size);
    insert(q + size, rest);
    setHeader(q, size, flags);
  }
  return q;
}

/** Makes the memory from `p`, where a block starts, up to `q` a free block; a block starts at `q` now. */
function freeUpTo(p: i32, q: i32): void {
  setFree(p, q - p);
  insert(p, q - p);
  addStart(q);
}

/** Allocates from the start of the top block, if it is large enough; or 0. */
export function allocateFromTop(size: i32, alignment: i32): i32 {
  if (PINNED && !addMetadata(size, alignment)) return 0;
  const p: i32 = top();
  let room: i32 = topSize();
  if (below(room, alignedBytes(p, size, alignment))) return 0;
  const q: i32 = roundUp(p, alignment);
  let flags: i32 = IN_USE | PREVIOUS_IN_USE;
  if (q != p) {
    room -= q - p;
    freeUpTo(p, q);
    flags = IN_USE;
  }
  size = sizeWithin(room, size);
  raiseTop(q + size, room - size);
  setHeader(q, size, flags);
  return q;
}

/** Bytes of the top block. Stops with CORRUPT if its header was overwritten: the memory behind it may be another heap's. */
function topSize(): i32 {
  const size: i32 = topEnd() - top();
  if (header(top()) != (size | PREVIOUS_IN_USE)) corrupt();
  return size;
}

/** Moves the start of the top block up to `p`; `size` bytes remain. */
function raiseTop(p: i32, size: i32): void {
  if (CHECKED) assertThat(p + size == topEnd());
  setHeader(p, size, PREVIOUS_IN_USE);
  addStart(p);
  setTop(p);
  raiseHighWater(p);
}

/** First and next fit: walks in address order, from the first block or from where the last search ended. */
function walkToFit(size: i32, alignment: i32): i32 {
  const last: i32 = blocksEnd();
  let from: i32 = first;
  if (fit() == NEXT_FIT && isBlockStart(rover())) from = rover();
  let p: i32 = from;
  let wrapped: bool = false;
  do {
    if (p == last) {
      // Headers that were overwritten lead past the block where the walk began.
      if (wrapped) corrupt();
      wrapped = true;
      p = first;
    } else {
      const h: i32 = header(p);
      if (!endsBy(p, sizeIn(h), last)) corrupt();
      if ((h & IN_USE) == 0 && !below(sizeIn(h), alignedBytes(p, size, alignment))) {
        setRover(p);
        return p;
      }
      p = (p + sizeIn(h)) | 0;
    }
  } while (p != from && (p != last || from != first));
  return 0;
}

/** Whether a block that is no slab starts at `p`, any address. */
function isBlockStart(p: i32): bool {
  if (below(p, first) || !below(p, top())) return false;
  return !isSlab(entryOf(p)) && isStart(p, entryOf(p));
}

// Growing -----------------------------------------------------------------------------------------------------------------

/**
 * Makes the top block large enough for `size` bytes at a multiple of `alignment`. `mayMoveBreak`: otherwise only up to the break.
 * Returns false if that is not far enough; the break may have moved up to RESERVED.
 */
export function growTop(size: i32, alignment: i32, mayMoveBreak: bool): bool {
  if (!isHeapSound()) corrupt();
  const p: i32 = top();
  const room: i32 = topSize();
  const needed: i32 = alignedBytes(p, size, alignment) + metadataBytes(size, alignment);
  if (!below(room, needed)) return true;
  const from: i32 = programBreak();
  if (below(HIGHEST_BREAK - p, needed)) return false;
  const all: i32 = needed + mapBytes(p + needed);
  if (below(from - p, all)) {
    if (!mayMoveBreak) return false;
    const more: i32 = all - (from - p);
    if (growthStart(more) != from || !growBreak(from, more)) {
      // Other code may have grown the memory since.
      const start: i32 = growthStart(more);
      return start != from && growBehind(start, size, alignment);
    }
  }
  moveTopEndBeyond(p + needed);
  setHeader(p, topEnd() - p, PREVIOUS_IN_USE);
  return true;
}

/** The same if other code has grown the memory between the break and `start`: a block with the flag FOREIGN leads over it. */
function growBehind(start: i32, size: i32, alignment: i32): bool {
  const from: i32 = programBreak();
  const left: i32 = reserved() - from;
  // First the remaining memory of the heap itself.
  if (!below(left, PAGE) && moveBreak(from, left, 0)) return growTop(size, alignment, true);
  const before: i32 = top();
  const p: i32 = start + GRANULE;
  if (below(HIGHEST_BREAK - p, size + alignment)) return false;
  const needed: i32 = alignedBytes(p, size, alignment) + chunkBytes(missingChunks(p) + 1);
  if (!growBreak(start, GRANULE + needed + mapBytes(p + needed)))
    return below(start, growthStart(needed)) && growTop(size, alignment, true);
  moveTopEndBeyond(p + needed);
  startTop(p);
  if (before != from) freeUpTo(before, from);
  setHeader(from, p - from, before != from ? IN_USE | FOREIGN : IN_USE | FOREIGN | PREVIOUS_IN_USE);
  return true;
}

/** Moves the end of the top block to `least`, or a step beyond if the break is that far: so the map moves rarely. */
function moveTopEndBeyond(least: i32): void {
  const stop: i32 = programBreak();
  if (PINNED) return moveTopEnd(stop);
  let room: i32 = roundUp(mapBytes(least) + (footprint() >>> STEP_SHIFT), LEAST_STEP);
  room = roundUp(least + room, LEAST_STEP) - least;
  if (below(stop - least, room)) room = stop - least;
  const end: i32 = least + room - mapBytes(least + room);
  moveTopEnd(below(end, least) ? least : end);
}

/** Creates the top block and the map, for which the heap is large enough. */
export function createBlocks(): void {
  setRover(first);
  moveTopEndBeyond(first);
  startTop(first);
}

/** Makes the top block start at `p`: in a new heap, or behind a foreign region. */
function startTop(p: i32): void {
  if (PINNED) {
    setHeader(p, topEnd() - p, PREVIOUS_IN_USE);
    setTop(p);
    addChunks(missingChunks(p) + 1);
  } else raiseTop(p, topEnd() - p);
}

/** Moves the break down to `keep` bytes above the top block's start, if the memory can shrink; returns the bytes freed. */
export function trimTop(keep: i32): i32 {
  const from: i32 = programBreak();
  if (!canLowerBreak()) return 0;
  if (!isHeapSound()) corrupt();
  const end: i32 = below(keep, topSize()) ? roundUp(top() + keep, GRANULE) : topEnd();
  const to: i32 = end + mapBytes(end);
  if (!below(to, from)) return 0;
  moveTopEnd(PINNED ? to : end);
  setHeader(top(), topEnd() - top(), PREVIOUS_IN_USE);
  lowerBreak(to);
  return from - to;
}

// PINNED layout: the map's chunks -------------------------------------------------------------------------------------------

/** A block of a chunk, and of the first root. */
const CHUNK_BLOCK: i32 = CHUNK_BYTES + GRANULE;
const ROOT_BLOCK: i32 = 80;

/** Bytes of the blocks of `count` chunks, and of a longer root if they need one. */
function chunkBytes(count: i32): i32 {
  return PINNED && count > 0 ? count * CHUNK_BLOCK + rootBytes(count) : 0;
}

/** Size of the longer root that `count` more chunks need; 0 if they fit. */
function rootBytes(count: i32): i32 {
  // The root has room for all chunks up to the limit: other threads read it at any time, so it stays.
  if (SHARED) return root() == 0 ? roundUp(((limit >>> 18) << 2) + 8, GRANULE) : 0;
  const had: i32 = root() == 0 ? 0 : payloadOf(root()) >>> 2;
  const wanted: i32 = chunkCount() + count;
  if (wanted <= had) return 0;
  const least: i32 = roundUp((wanted << 2) + HEADER, GRANULE);
  const twice: i32 = root() == 0 ? ROOT_BLOCK : sizeOf(root()) << 1;
  return least < twice ? twice : least;
}

/** Bytes of metadata that go into the top block before a block of `size` bytes. */
function metadataBytes(size: i32, alignment: i32): i32 {
  return chunkBytes(chunksFor(size, alignment));
}

/** Chunks that are missing for such a block, its follower and the chunks. */
function chunksFor(size: i32, alignment: i32): i32 {
  if (!PINNED) return 0;
  // A large block may be rounded up to a line.
  const end: i32 = top() + alignedBytes(top(), size, alignment) + LINE;
  let beyond: i32 = end + chunkBytes(missingChunks(end));
  if (below(beyond, end)) beyond = HIGHEST_BREAK;
  const missing: i32 = missingChunks(beyond);
  return missing > 0 ? missing + 1 : 0;
}

/** Makes room in the map for a block of `size` bytes in the top block; false if that is too small. */
function addMetadata(size: i32, alignment: i32): bool {
  const count: i32 = chunksFor(size, alignment);
  if (count == 0) return true;
  if (below(topSize(), alignedBytes(top(), size, alignment) + chunkBytes(count))) return false;
  addChunks(count);
  return true;
}

/** Puts `count` chunks, and a longer root if they need one, at the start of the top block, which has the room. */
function addChunks(count: i32): void {
  const from: i32 = top();
  let p: i32 = from;
  const size: i32 = rootBytes(count);
  if (size != 0) {
    setHeader(p, size, IN_USE | PREVIOUS_IN_USE | METADATA);
    zero(p, size - HEADER);
    if (root() != 0) copy(p, root(), payloadOf(root()));
    setRoot(p);
    p += size;
  }
  if (SHARED && size == 0) return addChunksOneByOne(count);
  for (let i: i32 = 0; i < count; i++) {
    addChunk(p);
    p += CHUNK_BLOCK;
  }
  findMap();
  for (let q: i32 = from; q != p; q += sizeOf(q)) addStart(q);
  raiseTop(p, topEnd() - p);
}

/** Makes the memory at `p` a block with the next chunk of the map. */
function addChunk(p: i32): void {
  setHeader(p, CHUNK_BLOCK, IN_USE | PREVIOUS_IN_USE | METADATA);
  zero(p, CHUNK_BYTES);
  setChunk(chunkCount(), p);
  setChunkCount(chunkCount() + 1);
}

/** `addChunks` for a heap that threads share, which has a root: a section for each chunk, since the undo log is short. */
function addChunksOneByOne(count: i32): void {
  for (let i: i32 = 0; i < count; i++) {
    const p: i32 = top() + CHUNK_BLOCK;
    addChunk(top());
    raiseTop(p, topEnd() - p);
    commit();
  }
}

// Freeing -----------------------------------------------------------------------------------------------------------------

/** Frees a block and coalesces it with its free neighbours; returns the free block, or the top block. */
export function freeBlock(p: i32): i32 {
  const h: i32 = header(p);
  if (CHECKED) assertThat((h & (IN_USE | BLOCK_KIND)) == IN_USE);
  let size: i32 = sizeIn(h);
  const next: i32 = (p + size) | 0;
  if ((h & PREVIOUS_IN_USE) == 0) {
    const before: i32 = previousSize(p);
    p = (p - before) | 0;
    remove(p, before);
    removeStart(p + before, next);
    size += before;
  }
  if (next == top()) {
    removeTopStart();
    size += topSize();
    setHeader(p, size, PREVIOUS_IN_USE);
    setTop(p);
    return p;
  }
  const n: i32 = header(next);
  if ((n & IN_USE) == 0) {
    remove(next, sizeIn(n));
    removeStart(next, next + sizeIn(n));
    size += sizeIn(n);
  } else clearPreviousInUse(next);
  setFree(p, size);
  insert(p, size);
  return p;
}

/** The same if `blockError` has not been asked: stops with CORRUPT if the free block before `p` would start outside the heap. */
export function checkAndFree(p: i32): i32 {
  if ((header(p) & PREVIOUS_IN_USE) == 0 && !below(previousSize(p) - 1, p - first)) corrupt();
  return freeBlock(p);
}

/** No block follows the top block's start in its cell. */
function removeTopStart(): void {
  removeStart(top(), top() + CELL);
}

// Quick lists -------------------------------------------------------------------------------------------------------------
//
// A program that frees a block often asks for one of the same size soon. So a freed block that is a small part of the heap is not
// coalesced at once: it goes into a quick list, and the next request of its size is served by it in a few accesses. To its
// neighbours it looks in use. All quick blocks are coalesced before the break moves. A list is a small stack in the control block,
// for blocks of one size at a time. Blocks of another size with the same list empty it: so sizes that the program no longer uses
// make room. (Quick lists: Weinstock and Wulf, "An efficient algorithm for heap storage allocation", 1988.)
//
//     quick list            ┌─────────┬─────────┬─────────┬─────────┐
//     of 3,040 bytes        │ 2       │ ●       │ ●       │         │
//                           └─────────┴─│───────┴─│───────┴─────────┘
//                                       ▼         ▼
//     blocks of that size       3,040 │ QUICK │ I
//
// Invariants:
//   Q1  a quick list has room for its quick blocks, which are of one size; each quick block is in its list, and in no other

/** A quick block is smaller than this part of the heap, a 64th, and than QUICK_LIMIT bytes. */
const QUICK_SHIFT: i32 = 6;
const QUICK_LIMIT: i32 = 65536;

function isQuickSize(size: i32): bool {
  return below(size, span >>> QUICK_SHIFT) && below(size, QUICK_LIMIT);
}

/** Puts a block into its quick list if it is small enough and there is room; otherwise frees it at once. */
export function freeToQuickList(p: i32): void {
  const size: i32 = sizeOf(p);
  if (!isQuickSize(size)) {
    freeBlock(p);
    return;
  }
  const list: i32 = quickListFor(size);
  let count: i32 = quickCount(list);
  let hasRoom: bool = below(count, QUICK_ROOM);
  if (count != 0 && sizeOf(quickBlock(list, 0)) != size) {
    // A list for another size loses a block at each free, and is empty soon.
    releaseFrom(list);
    count--;
    hasRoom = count == 0;
  }
  if (!hasRoom) {
    freeBlock(p);
    return;
  }
  setQuickBlock(list, count, p);
  setQuickCount(list, count + 1);
  // Releasing may have freed the block before `p`, so its header is loaded again.
  setHeader(p, size, (header(p) & FLAGS) | QUICK);
}

/** Allocates a block of exactly `size` bytes from its quick list; or 0. */
export function allocateQuick(size: i32): i32 {
  const list: i32 = quickListFor(size);
  const last: i32 = quickCount(list) - 1;
  if (!below(last, QUICK_ROOM)) return 0;
  const p: i32 = quickBlock(list, last);
  const h: i32 = header(p);
  if ((h & ~PREVIOUS_IN_USE) != (size | IN_USE | QUICK)) return 0;
  setQuickCount(list, last);
  setHeader(p, size, h & (IN_USE | PREVIOUS_IN_USE));
  return p;
}

/** Whether `p`, any word, is a quick block. */
function isQuick(p: i32): bool {
  if ((p & (GRANULE - 1)) != 0 || !isBlockStart(p)) return false;
  return (
    (header(p) & (IN_USE | BLOCK_KIND)) == (IN_USE | QUICK) && endsBy(p, sizeOf(p), blocksEnd())
  );
}

/** Frees a quick block; returns the free block that it is part of then, or 0 if all quick lists are empty. */
export function releaseQuick(): i32 {
  for (let i: i32 = 0; i < QUICK_LISTS; i++) {
    const list: i32 = quickList(i);
    if (quickCount(list) != 0) return releaseFrom(list);
  }
  return 0;
}

/** The same for the last block of a quick list that is not empty. */
function releaseFrom(list: i32): i32 {
  const last: i32 = quickCount(list) - 1;
  if (!below(last, QUICK_ROOM)) corrupt();
  const p: i32 = quickBlock(list, last);
  if (!isQuick(p)) corrupt();
  setQuickCount(list, last);
  setHeader(p, sizeOf(p), header(p) & (IN_USE | PREVIOUS_IN_USE));
  return checkAndFree(p);
}

/** Empties the quick lists of a heap in which everything is freed. */
export function forgetQuick(): void {
  for (let i: i32 = 0; i < QUICK_LISTS; i++) setQuickCount(quickList(i), 0);
}

// Resizing ----------------------------------------------------------------------------------------------------------------

/** Frees the memory beyond the first `size` bytes of a block in use. */
export function shrinkBlock(p: i32, size: i32): void {
  const h: i32 = header(p);
  size = sizeWithin(sizeIn(h), size);
  const rest: i32 = sizeIn(h) - size;
  if (below(rest, LEAST_REMAINDER)) return;
  const r: i32 = (p + size) | 0;
  setHeader(p, size, h & FLAGS);
  setHeader(r, rest, IN_USE | PREVIOUS_IN_USE);
  addStart(r);
  freeBlock(r);
}

/** Makes a block in use at least `size` bytes without moving it, from the free block behind it; false if that is impossible. */
export function growInPlace(p: i32, size: i32): bool {
  const h: i32 = header(p);
  const oldSize: i32 = sizeIn(h);
  const next: i32 = (p + oldSize) | 0;
  const more: i32 = size - oldSize;
  if (next == top()) return growIntoTop(p, size);
  const n: i32 = header(next);
  if ((n & IN_USE) != 0 || below(sizeIn(n), more)) return false;
  const after: i32 = removeFree(next);
  setHeader(p, after - p, h & FLAGS);
  shrinkBlock(p, size);
  return true;
}

/** Removes the free block at `p`, which becomes part of the block before it; returns the address of the block behind it. */
function removeFree(p: i32): i32 {
  const after: i32 = (p + sizeOf(p)) | 0;
  remove(p, sizeOf(p));
  removeStart(p, after);
  setPreviousInUse(after);
  return after;
}

/** `growInPlace` for the last block, which the top block follows. */
function growIntoTop(p: i32, size: i32): bool {
  const h: i32 = header(p);
  const more: i32 = size - sizeIn(h);
  if (PINNED && missingChunks(p + size + LINE) > 0) return false;
  if (below(topSize(), more)) {
    const next: i32 = top();
    if (!growTop(more, GRANULE, true) || top() != next) return false;
  }
  const room: i32 = sizeIn(h) + topSize();
  size = sizeWithin(room, size);
  removeTopStart();
  raiseTop(p + size, room - size);
  setHeader(p, size, h & FLAGS);
  return true;
}

/**
 * Makes a block in use at least `size` bytes by moving its payload down into the free block before it, and using the one
 * behind it too if it is free. Returns the new block, or 0 if there is not enough room. Cost: linear in the payload.
 */
export function slideDown(p: i32, size: i32): i32 {
  const h: i32 = header(p);
  if ((h & PREVIOUS_IN_USE) != 0) return 0;
  const q: i32 = (p - previousSize(p)) | 0;
  const next: i32 = (p + sizeIn(h)) | 0;
  const n: i32 = header(next);
  const isNextFree: bool = (n & IN_USE) == 0 && next != top();
  const after: i32 = isNextFree ? (next + sizeIn(n)) | 0 : next;
  if (below(after - q, size)) return 0;
  remove(q, p - q);
  removeStart(p, next);
  if (isNextFree) removeFree(next);
  copy(q, p, sizeIn(h) - HEADER);
  setHeader(q, after - q, (h & FLAGS) | PREVIOUS_IN_USE);
  shrinkBlock(q, size);
  return q;
}
