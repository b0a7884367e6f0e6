// Blocks that are freed without the lock, in a heap that several threads use (SHARED). A chunk of the map has three bits for each unit
// of 64 bytes, about the block that starts there:
//
//     G   flipped by the lock's holder when it allocates the block
//     R   flipped by the thread that frees it, by compare-and-swap: one store, whatever other threads do
//     S   flipped by the holder when it releases the block to the bins
//
//     G ≠ R            a block in use
//     G ≠ S and S ≠ R  freed, not yet released to the bins
//
// Two hints lead the holder to freed blocks: a bit of the chunk's DIRTY for each 4 words of R, and a bit of RETURNED (lock.ts) for
// each 32nd chunk. A free sets them from the bottom up after it has written R. The holder clears them from the top down before it
// loads R. So none is lost, unless a thread dies between the two: recovery sets all of them again. (The model: tools/model/blocks.ts.)
//
//     chunk      2048       2560       3072       3136
//     ┌──────────┬──────────┬──────────┬──────────┬──────────┐
//     │ map      │ G        │ S        │ DIRTY    │ R        │ 3648
//     └──────────┴──────────┴──────────┴──────────┴──────────┘
//
// Invariants:
//   R1  G and S differ for exactly the blocks that are neither free, nor metadata, nor slabs
//   R2  the hints of a freed block that is not yet released are set

import {
  atomicAnd,
  atomicLoad,
  atomicOr,
  compareSwap,
  load32,
  store32,
  trailingZeros,
} from "#memory";
import { freeToQuickList } from "./blocks.ts";
import { chunk, chunkCount, GRANULE } from "./control.ts";
import { commit, release, returnedHints } from "./lock.ts";
import { chunkIndex, firstCovered, tryLock } from "./map.ts";

const G_AT: i32 = 2048;
const S_AT: i32 = 2560;
const DIRTY_AT: i32 = 3072;
const R_AT: i32 = 3136;
/** Words of each of G, S and R. */
const WORDS: i32 = 128;
const UNIT_SHIFT: i32 = 6;

/** Bytes from a chunk's start to the word of G with the bit of `p`. */
function offsetOf(p: i32): i32 {
  return ((p >>> 11) & (WORDS - 1)) << 2;
}

function bitOf(p: i32): i32 {
  return 1 << ((p >>> UNIT_SHIFT) & 31);
}

/** Where the bit of `p` is, less the offset of G, S or R. */
function wordOf(p: i32): i32 {
  return chunk(chunkIndex(p)) + offsetOf(p);
}

/** Whether a block in use starts at `p`, any address below the top block. */
export function isBlockInUse(p: i32): bool {
  if ((p & (GRANULE - 1)) != 0) return false;
  const at: i32 = wordOf(p);
  return ((load32(at + G_AT) ^ atomicLoad(at + R_AT)) & bitOf(p)) != 0;
}

/** Whether a block that is not free starts at `p`: in use, or freed and not yet released. */
export function isTaken(p: i32): bool {
  const at: i32 = wordOf(p);
  return ((load32(at + G_AT) ^ load32(at + S_AT)) & bitOf(p)) != 0;
}

/** Whether the block at `p` was freed, but not yet released. */
function isReturned(p: i32): bool {
  const at: i32 = wordOf(p);
  return ((load32(at + S_AT) ^ atomicLoad(at + R_AT)) & bitOf(p)) != 0 && isTaken(p);
}

/** Holder: the block at `p` is in use from the next commit on. */
export function takeBlock(p: i32): void {
  const at: i32 = wordOf(p);
  const bit: i32 = bitOf(p);
  const freed: i32 = atomicLoad(at + R_AT) & bit;
  store32(at + G_AT, (load32(at + G_AT) & ~bit) | (freed ^ bit));
  // Equal to R already, unless a double free came in a race with another.
  store32(at + S_AT, (load32(at + S_AT) & ~bit) | freed);
}

/** Flips a bit of the word at `r`, by which a block or a slot is freed; false if it equals that of the word at `g`: already free. */
export function flipFreed(g: i32, r: i32, bit: i32): bool {
  let freed: i32 = atomicLoad(r);
  for (;;) {
    if (((load32(g) ^ freed) & bit) == 0) return false;
    const seen: i32 = compareSwap(r, freed, freed ^ bit); // the commit
    if (seen == freed) break;
    freed = seen;
  }
  return true;
}

/** Frees the block at `p`, a multiple of the granule below the top block; false if none is in use there. Never waits. */
export function freeBlockShared(p: i32): bool {
  const at: i32 = wordOf(p);
  if (!flipFreed(at + G_AT, at + R_AT, bitOf(p))) return false;
  if (tryLock()) {
    // Another holder may have been faster.
    if (isReturned(p)) releaseToBins(p);
    release();
  } else hintAt(p);
  return true;
}

/** Holder: releases a freed block to the bins. */
function releaseToBins(p: i32): void {
  const at: i32 = wordOf(p) + S_AT;
  store32(at, load32(at) ^ bitOf(p));
  freeToQuickList(p);
}

function hintAt(p: i32): void {
  const index: i32 = chunkIndex(p);
  setHint(chunk(index) + DIRTY_AT, 1 << (offsetOf(p) >>> 4));
  setHint(returnedHints(), 1 << (index & 31));
}

/** Sets a bit of a word with hints. */
export function setHint(address: i32, bit: i32): void {
  if ((atomicLoad(address) & bit) == 0) atomicOr(address, bit);
}

/** Holder: releases up to `most` freed blocks; returns how many it released. */
export function drain(most: i32): i32 {
  let left: i32 = most;
  for (let tops: i32 = atomicLoad(returnedHints()); tops != 0; tops &= tops - 1) {
    const top: i32 = tops & -tops;
    atomicAnd(returnedHints(), ~top);
    for (let i: i32 = trailingZeros(top); i < chunkCount(); i += 32) {
      left = drainChunk(i, left);
      if (left < 0) return most;
    }
  }
  return most - left;
}

/** The same in one chunk; returns how many more it may release, -1 if there are more than that. */
function drainChunk(index: i32, most: i32): i32 {
  const at: i32 = chunk(index);
  let dirty: i32 = atomicLoad(at + DIRTY_AT);
  if (dirty == 0) return most;
  atomicAnd(at + DIRTY_AT, ~dirty);
  for (; dirty != 0; dirty &= dirty - 1) {
    const from: i32 = trailingZeros(dirty) << 2;
    for (let word: i32 = from; word < from + 4; word++) {
      for (let bits: i32 = returnedIn(at, word); bits != 0; bits &= bits - 1) {
        if (most == 0) {
          atomicOr(at + DIRTY_AT, dirty);
          atomicOr(returnedHints(), 1 << (index & 31));
          return -1;
        }
        releaseToBins(addressOf(index, word, trailingZeros(bits)));
        commit();
        most--;
      }
    }
  }
  return most;
}

/** The blocks of a word that were freed, but not yet released. */
function returnedIn(at: i32, word: i32): i32 {
  const offset: i32 = word << 2;
  const given: i32 = load32(at + S_AT + offset);
  return (load32(at + G_AT + offset) ^ given) & (given ^ atomicLoad(at + R_AT + offset));
}

function addressOf(index: i32, word: i32, bit: i32): i32 {
  return firstCovered() + (index << 18) + (word << 11) + (bit << UNIT_SHIFT);
}

/** Holder: sets all hints again. */
export function hintAgain(): void {
  for (let i: i32 = 0; i < chunkCount(); i++) {
    for (let word: i32 = 0; word < WORDS; word++) {
      if (returnedIn(chunk(i), word) == 0) continue;
      atomicOr(chunk(i) + DIRTY_AT, 1 << (word >>> 2));
      atomicOr(returnedHints(), 1 << (i & 31));
    }
  }
}

/** Blocks that are neither free, nor metadata, nor slabs, by the bits; -1 if a hint is missing. */
export function takenBlocks(): i32 {
  let count: i32 = 0;
  for (let i: i32 = 0; i < chunkCount(); i++) {
    const at: i32 = chunk(i);
    for (let word: i32 = 0; word < WORDS; word++) {
      let bits: i32 = load32(at + G_AT + (word << 2)) ^ load32(at + S_AT + (word << 2));
      for (; bits != 0; bits &= bits - 1) count++;
      if (returnedIn(at, word) == 0) continue;
      if ((atomicLoad(at + DIRTY_AT) & (1 << (word >>> 2))) == 0) return -1;
      if ((atomicLoad(returnedHints()) & (1 << (i & 31))) == 0) return -1;
    }
  }
  return count;
}
