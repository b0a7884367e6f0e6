// Blocks with boundary tags (Knuth, TAOCP 1, 2.5): taken, split, given back and joined with free neighbours; the trailing
// block, from which the heap expands; the starts, which know where blocks begin.

import { below, copy, load8, load32, store32, store8, zero } from "#memory";
import { find, findAny, insert, remove } from "./bins.ts";
import { lowerBreak, marginNow, moveBreak, startFor } from "./break.ts";
import {
  BREAK,
  CARD,
  cardShift,
  FLAGS,
  first,
  FIT,
  FRESH,
  GAP,
  GRANULE,
  header,
  HEADER,
  HELD,
  HOLD,
  HOLDING,
  heap,
  IN_USE,
  leadsOn,
  LIMIT,
  OWN,
  OWNED,
  PAGE,
  PLACES,
  own,
  PREVIOUS_IN_USE,
  previousFree,
  roundUp,
  ROVER,
  sizeOf,
  spanFrom,
  startAt,
  startIn,
  STARTS,
  STARTS_BLOCK,
  STARTS_END,
  tagFree,
  tagUsed,
  TOP,
  wholeSize,
} from "./layout.ts";

export const BEST_FIT: i32 = 0;
export const FIRST_FIT: i32 = 1;
export const NEXT_FIT: i32 = 2;

/** A rest smaller than this stays with the block it is the rest of. */
export const LEAST_REST: i32 = 32;
/** Held blocks that one request joins with their neighbours at most. */
const MOST_SETTLED: i32 = 2;

// The starts ------------------------------------------------------------------------------------------------------------

/** 1 + the granule of `p` in its card: what the starts hold of the first block in a card. */
export function mark(p: i32): i32 {
  return ((p & ((1 << cardShift) - 1)) >>> 4) + 1;
}

/** Notes that a block starts at `p`. */
function addStart(p: i32): void {
  const at: i32 = startAt(p);
  const start: i32 = load8(at);
  if (start == 0 || mark(p) < start) store8(at, mark(p));
}

/** Notes that no block starts at `p` any more; `following` is the next start, or in any other card. */
function removeStart(p: i32, following: i32): void {
  const at: i32 = startAt(p);
  if (load8(at) != mark(p)) return;
  store8(at, p >>> cardShift == following >>> cardShift ? mark(following) : 0);
}

/**
 * Whether a block starts at `p`, an address inside the heap, where it need not be the first of its card, whose start is
 * `start`. Exact, whatever programs wrote. At most 127 steps, or 31 where slabs don't serve what is small.
 */
export function isBlock(p: i32, start: i32): bool {
  if ((p & (GRANULE - 1)) != 0 || start == 0) return false;
  let steps: i32 = mark(p) - start;
  let q: i32 = p - (steps << 4);
  while (steps > 0) {
    const size: i32 = sizeOf(q) >>> 4;
    if (size == 0 || below(steps, size)) return false;
    steps -= size;
    q += size << 4;
  }
  return steps == 0;
}

/**
 * The block that `address`, inside the heap, is part of; 0 in a heap that is corrupt. Cost: linear in the block's cards;
 * for errors only.
 */
export function blockAround(address: i32): i32 {
  let card: i32 = address >>> cardShift;
  let start: i32 = startIn(card);
  while (start == 0 || below(address, firstStart(card, start) - HEADER)) {
    card -= 1;
    if (below(card, first >>> cardShift)) return 0;
    start = startIn(card);
  }
  let p: i32 = firstStart(card, start);
  const top: i32 = load32(heap + TOP);
  while (p != top) {
    const size: i32 = sizeOf(p);
    if (!leadsOn(p, size, top)) return 0;
    if (below(address, p + size - HEADER)) return p;
    p = (p + size) | 0;
  }
  return p;
}

function firstStart(card: i32, start: i32): i32 {
  return (card << cardShift) + ((start - 1) << 4);
}

// Taking ----------------------------------------------------------------------------------------------------------------

/** The place where a block of `size` bytes can be held. */
export function placeFor(size: i32): i32 {
  return heap + HOLD + ((size >>> 2) & (4 * (PLACES - 1)));
}

/** Takes a block out of the place where it is held. */
export function takeHeld(p: i32): i32 {
  const h: i32 = header(p);
  store32(placeFor(h), 0);
  store32(p - HEADER, h ^ HELD);
  return p;
}

/**
 * A block of `size` bytes, header included, whose payload begins at a multiple of `alignment`; 0 without memory.
 *
 * Cost: bounded for best fit (see bins.ts), but for a request that is about to fail; linear in the number of blocks for
 * first and next fit.
 */
export function take(size: i32, alignment: i32): i32 {
  let p: i32 = takeFree(size, alignment);
  if (p == 0) p = takeNew(size, alignment);
  return p != 0 ? p : takeMore(size, alignment);
}

/** The same where no bin has one and the trailing block has not the room: the break moves. */
export function takeMore(size: i32, alignment: i32): i32 {
  const p: i32 = takeBeyond(size, alignment);
  return p != 0 ? p : takeLast(size, alignment);
}

/** Before a request fails: all that is held is joined, and every free block is looked at. Cost: linear in those. */
function takeLast(size: i32, alignment: i32): i32 {
  let p: i32 = 0;
  if (load32(heap + HOLDING) != 0) {
    settle(PLACES);
    p = takeFree(size, alignment);
    if (p == 0) p = takeTop(size, alignment);
    if (p == 0) p = takeBeyond(size, alignment);
    if (p != 0) return p;
  }
  if (load32(heap + FIT) == BEST_FIT) p = findAny(size, alignment);
  return p != 0 ? takeFrom(p, size, alignment) : 0;
}

/** The same from the free block `p`, which holds it. (`takeFree` has a copy of its own, with all of it inlined.) */
function takeFrom(p: i32, size: i32, alignment: i32): i32 {
  remove(p);
  return carve(p, size, alignment);
}

/** The same from the trailing block as it is, where no bin has one; or 0. */
export function takeNew(size: i32, alignment: i32): i32 {
  const top: i32 = load32(heap + TOP);
  // Before the heap becomes larger than it ever was, some of what is held is joined with its neighbours.
  if (
    load32(heap + HOLDING) != 0 &&
    below(load32(heap + FRESH) - top, spanFrom(top, size, alignment))
  ) {
    settle(MOST_SETTLED);
    const p: i32 = takeFree(size, alignment);
    if (p != 0) return p;
  }
  return takeTop(size, alignment);
}

/** The same from the bins alone, or 0. */
export function takeFree(size: i32, alignment: i32): i32 {
  const p: i32 =
    load32(heap + FIT) == BEST_FIT ? find(size, alignment) : walkToFit(size, alignment);
  if (p == 0) return 0;
  remove(p);
  return carve(p, size, alignment);
}

/** Splits a free block, out of its bin, into what is before the payload, the block itself, and the rest. */
function carve(p: i32, size: i32, alignment: i32): i32 {
  let has: i32 = sizeOf(p);
  const q: i32 = roundUp(p, alignment);
  let flags: i32 = IN_USE | PREVIOUS_IN_USE;
  if (q != p) {
    has -= q - p;
    leave(p, q);
    flags = IN_USE;
  }
  size = wholeSize(size, has);
  const rest: i32 = has - size;
  if (below(rest, LEAST_REST)) {
    const next: i32 = q + has;
    store32(next - HEADER, header(next) | PREVIOUS_IN_USE);
    tagUsed(q, has, flags);
  } else {
    const r: i32 = (q + size) | 0;
    tagFree(r, rest);
    addStart(r);
    insert(r, rest);
    tagUsed(q, size, flags);
  }
  return q;
}

/** Makes what is from `p`, where a block starts, up to `q` a free block. */
function leave(p: i32, q: i32): void {
  tagFree(p, q - p);
  insert(p, q - p);
  addStart(q);
}

/** Takes a free block out of its bin, to be joined with the block before it; `following` is the start after it. */
function join(p: i32, following: i32): void {
  remove(p);
  removeStart(p, following);
}

/** The same from the trailing block, which the heap expands first. */
export function takeBeyond(size: i32, alignment: i32): i32 {
  return expand(size, alignment, 0) ? takeTop(size, alignment) : 0;
}

/** Takes from the trailing block, where it has the room; or 0. */
function takeTop(size: i32, alignment: i32): i32 {
  const top: i32 = load32(heap + TOP);
  const q: i32 = roundUp(top, alignment);
  const room: i32 = sizeOf(top);
  if (below(room, q - top + size)) return 0;
  cutTop(top, q, wholeSize(size, room - (q - top)), 0);
  return q;
}

/** Makes [q, q + size) a block of its own, and what is before it in the trailing block a free one. */
function cutTop(top: i32, q: i32, size: i32, flags: i32): void {
  const rest: i32 = sizeOf(top) - (q - top) - size;
  const newTop: i32 = (q + size) | 0;
  if (q != top) leave(top, q);
  else flags |= PREVIOUS_IN_USE;
  raiseTop(newTop, rest);
  tagUsed(q, size, flags | IN_USE);
}

/** The trailing block begins at `newTop` now, beyond where it began, and has `rest` bytes. */
function raiseTop(newTop: i32, rest: i32): void {
  tagUsed(newTop, rest, PREVIOUS_IN_USE);
  addStart(newTop);
  store32(heap + TOP, newTop);
  if (below(load32(heap + FRESH), newTop)) store32(heap + FRESH, newTop);
}

/** Address-ordered search from the rover on: from the start for first fit, from the last find for next fit. */
function walkToFit(size: i32, alignment: i32): i32 {
  const top: i32 = load32(heap + TOP);
  const from: i32 = load32(heap + ROVER);
  const fromStart: bool = load32(heap + FIT) == FIRST_FIT;
  let p: i32 = from;
  let lowest: i32 = 0;
  for (let wrapped: bool = fromStart; ;) {
    while (p != top) {
      const h: i32 = header(p);
      const has: i32 = h & -GRANULE;
      if (!leadsOn(p, has, top)) return 0;
      if ((h & IN_USE) == 0) {
        if (lowest == 0) lowest = p;
        if (!below(has, spanFrom(p, size, alignment))) {
          store32(heap + ROVER, fromStart ? lowest : p);
          return p;
        }
      }
      p = (p + has) | 0;
      if (p == from) break;
    }
    if (wrapped) break;
    wrapped = true;
    p = first;
    if (p == from) break;
  }
  if (fromStart) store32(heap + ROVER, lowest != 0 ? lowest : top);
  return 0;
}

// Expanding ---------------------------------------------------------------------------------------------------------------

/**
 * Makes the trailing block large enough for `size` bytes that begin at a multiple of `alignment`; false where the break can't
 * move that far (before memory that others grew, it is then where the heap's own ends). Should longer starts be cut off it,
 * its first `keep` bytes are a free block afterwards.
 */
function expand(size: i32, alignment: i32, keep: i32): bool {
  const margin: i32 = marginNow();
  if (expandBy(size, alignment, keep, margin, true)) return true;
  if (margin != 0 && expandBy(size, alignment, keep, 0, true)) return true;
  return expandBy(size, alignment, keep, 0, false);
}

/** `ahead`: should longer starts be needed, some that reach a quarter as far again. */
function expandBy(size: i32, alignment: i32, keep: i32, margin: i32, ahead: bool): bool {
  const top: i32 = load32(heap + TOP);
  const from: i32 = load32(heap + BREAK);
  const has: i32 = sizeOf(top);
  const needed: i32 = spanFrom(top, size, alignment);
  if (!below(has, needed)) return true;
  let more: i32 = needed - has;
  let bytes: i32 = startsBytesFor(from, more, margin, ahead);
  let hole: i32 = holeFor(bytes);
  if (hole == 0) more = bytes + spanFrom(top + bytes, size, alignment) - has;
  const start: i32 = startFor(more);
  if (start != from) {
    const left: i32 =
      load32(heap + OWNED) - from - startsBytesFor(load32(heap + OWNED), 0, 0, false);
    if (left >= PAGE && expandBy(has + left, GRANULE, 0, 0, false))
      return expandBy(size, alignment, keep, margin, ahead);
    const newTop: i32 = start + GRANULE; // behind the padding before the first header of the new region
    more = GRANULE + spanFrom(newTop, size, alignment);
    bytes = startsBytesFor(start, more, margin, ahead);
    hole = holeFor(bytes);
    if (hole == 0) more = GRANULE + bytes + spanFrom(newTop + bytes, size, alignment);
  }
  if (!moveBreak(start, more, margin)) return false;
  if (start == from) tagUsed(top, load32(heap + BREAK) - top, PREVIOUS_IN_USE);
  else leaveGap(top, from, start + GRANULE);
  if (hole != 0) moveStarts(hole, bytes);
  else if (bytes != 0) extendStarts(bytes, start == from ? keep : 0);
  addStart(load32(heap + TOP));
  return true;
}

/**
 * A free block for starts of so many bytes, or 0; not the one before those that there are, since the block before that may
 * be what grows.
 */
function holeFor(bytes: i32): i32 {
  const hole: i32 = bytes == 0 ? 0 : findAny(bytes, GRANULE);
  return hole != 0 && hole + sizeOf(hole) == load32(heap + STARTS_BLOCK) ? 0 : hole;
}

/** Ends the region at `from` with a gap and makes `newTop`, behind it, the trailing block. */
function leaveGap(top: i32, from: i32, newTop: i32): void {
  let flags: i32 = IN_USE | GAP;
  if (top != from) leave(top, from);
  else flags |= PREVIOUS_IN_USE;
  tagUsed(from, newTop - from, flags);
  tagUsed(newTop, load32(heap + BREAK) - newTop, PREVIOUS_IN_USE);
  store32(heap + TOP, newTop);
  store32(heap + FRESH, newTop);
}

/**
 * Size of a block for starts that reach `bytes` and `margin`, themselves and the rounding of a break beyond `start`; 0 where
 * those that there are do already.
 */
function startsBytesFor(start: i32, bytes: i32, margin: i32, ahead: bool): i32 {
  const limit: i32 = load32(heap + LIMIT) >>> cardShift;
  const firstCard: i32 = heap >>> cardShift;
  // In cards, since a sum of bytes could be beyond 4 GiB.
  let card: i32 = (start >>> cardShift) + (bytes >>> cardShift) + (margin >>> cardShift);
  card += (2 * PAGE) >>> cardShift;
  if (card > limit) card = limit;
  if (card < load32(heap + STARTS_END)) return 0;
  card += ((card - firstCard) >>> cardShift) + 1; // for themselves, too
  if (ahead) card += (card - firstCard) >>> 2;
  if (card > limit) card = limit;
  return roundUp(card - firstCard + 1 + HEADER, GRANULE);
}

/** Puts longer starts into the free block `p`, where they part nothing. */
function moveStarts(p: i32, bytes: i32): void {
  own(takeFrom(p, bytes, GRANULE));
  const old: i32 = load32(heap + STARTS_BLOCK);
  copyStarts(p, sizeOf(p));
  give(old);
}

/** Puts longer starts `keep` bytes from the start of the trailing block, which has the room. */
function extendStarts(bytes: i32, keep: i32): void {
  const old: i32 = load32(heap + STARTS_BLOCK);
  const top: i32 = load32(heap + TOP);
  const p: i32 = (top + keep) | 0;
  copyStarts(p, bytes);
  addStart(top);
  cutTop(top, p, bytes, OWN);
  if (old != 0) give(old);
}

/** Makes a block of `bytes` at `p` that of the starts, with what there was of them. */
function copyStarts(p: i32, bytes: i32): void {
  const old: i32 = load32(heap + STARTS_BLOCK);
  const firstCard: i32 = heap >>> cardShift;
  const payload: i32 = bytes - HEADER;
  let kept: i32 = 0;
  if (old != 0) {
    kept = sizeOf(old) - HEADER;
    copy(p, old, kept);
  }
  zero(p + kept, payload - kept);
  store32(heap + STARTS_BLOCK, p);
  store32(heap + STARTS, p - firstCard);
  store32(heap + STARTS_END, firstCard + payload);
}

/** Whether `next` is a free block of at least `more` bytes. */
function isFreeFor(next: i32, more: i32): bool {
  const h: i32 = header(next);
  return (h & IN_USE) == 0 && !below(h & -GRANULE, more);
}

/** Makes room for `more` bytes at `next` if only the trailing block and the starts, which give way, are there. */
function expandAt(next: i32, more: i32): void {
  const top: i32 = load32(heap + TOP);
  const starts: i32 = load32(heap + STARTS_BLOCK);
  const free: i32 = next != top && (header(next) & IN_USE) == 0 ? sizeOf(next) : 0;
  const last: i32 = next + free;
  if (last == starts && starts + sizeOf(starts) == top) {
    const behind: i32 = more - free - sizeOf(starts); // should there be longer ones, they are behind what grows
    if (!below(sizeOf(top), more - free) || expand(more - free, GRANULE, behind > 0 ? behind : 0))
      raiseStarts(starts, top);
  } else if (last == top) expand(more, GRANULE, more);
}

/** Puts the starts, if they are before the trailing block, to its end; what they leave is free. */
function raiseStarts(p: i32, top: i32): void {
  if (load32(heap + STARTS_BLOCK) != p || load32(heap + TOP) != top) return;
  const size: i32 = sizeOf(p);
  const bytes: i32 = sizeOf(top);
  const to: i32 = (p + bytes) | 0;
  const newTop: i32 = (top + bytes) | 0;
  copy(to, p, size - HEADER);
  store32(heap + STARTS_BLOCK, to);
  store32(heap + STARTS, load32(heap + STARTS) + bytes);
  removeStart(top, top + CARD);
  addStart(to);
  tagUsed(to, size, IN_USE | PREVIOUS_IN_USE | OWN);
  raiseTop(newTop, 0);
  if (below(p, load32(heap + ROVER))) store32(heap + ROVER, p); // what it led to may be in the starts now
  tagUsed(p, bytes, IN_USE | (header(p) & PREVIOUS_IN_USE));
  give(p);
}

/** The heap's first block and first starts, for which it is large enough. */
export function createBlocks(): void {
  tagUsed(first, load32(heap + BREAK) - first, PREVIOUS_IN_USE);
  store32(heap + TOP, first);
  store32(heap + FRESH, first);
  store32(heap + ROVER, first);
  extendStarts(startsBytesFor(load32(heap + BREAK), 0, 0, false), 0);
}

// Giving back -----------------------------------------------------------------------------------------------------------

/** Gives a block back, joined with its free neighbours; the block that it is now part of. */
export function give(p: i32): i32 {
  const h: i32 = header(p);
  let size: i32 = h & -GRANULE;
  const top: i32 = load32(heap + TOP);
  let next: i32 = (p + size) | 0;
  if ((h & PREVIOUS_IN_USE) == 0) {
    const q: i32 = previousFree(p);
    remove(q);
    removeStart(p, next);
    size += p - q;
    p = q;
  }
  if (next == top) {
    size += sizeOf(top);
    removeStart(top, top + CARD);
    tagUsed(p, size, PREVIOUS_IN_USE);
    store32(heap + TOP, p);
    if (below(p, load32(heap + ROVER))) store32(heap + ROVER, p);
    return p;
  }
  const n: i32 = header(next);
  if ((n & IN_USE) == 0) {
    remove(next);
    size += n & -GRANULE;
    removeStart(next, p + size);
  } else store32(next - HEADER, n & ~PREVIOUS_IN_USE);
  tagFree(p, size);
  insert(p, size);
  if (load32(heap + FIT) != BEST_FIT) lowerRover(p, next);
  return p;
}

/** Keeps a block, with header `h`, for the next request of its size; the one that was kept in its place is given back. */
export function hold(p: i32, h: i32): void {
  const place: i32 = placeFor(h);
  const before: i32 = load32(place);
  store32(place, p);
  store32(p - HEADER, h | HELD);
  if (before == 0) {
    store32(heap + HOLDING, 1);
    return;
  }
  store32(before - HEADER, header(before) ^ HELD);
  give(before);
}

/** Joins held blocks with their neighbours: so many, or all that there are. */
export function settle(most: i32): void {
  let left: i32 = most;
  for (let place: i32 = placeFor(0); place != placeFor(-GRANULE) + 4; place += 4) {
    const p: i32 = load32(place);
    if (p == 0) continue;
    if (left == 0) return;
    left--;
    store32(place, 0);
    store32(p - HEADER, header(p) ^ HELD);
    give(p);
  }
  store32(heap + HOLDING, 0);
}

/** First fit starts at the lowest free block; next fit's rover must not lead into what was joined. */
function lowerRover(p: i32, joined: i32): void {
  const rover: i32 = load32(heap + ROVER);
  const fromStart: bool = load32(heap + FIT) == FIRST_FIT;
  if (fromStart ? below(p, rover) : below(p, rover) && !below(joined, rover))
    store32(heap + ROVER, p);
}

/** Gives what is beyond the first `size` bytes of a block in use back. */
export function shrink(p: i32, size: i32): void {
  const h: i32 = header(p);
  size = wholeSize(size, h & -GRANULE);
  const rest: i32 = (h & -GRANULE) - size;
  if (below(rest, LEAST_REST)) return;
  const r: i32 = (p + size) | 0;
  tagUsed(p, size, h & FLAGS);
  tagUsed(r, rest, IN_USE | PREVIOUS_IN_USE);
  addStart(r);
  give(r);
}

/** Makes a block in use at least `size` bytes without moving it, from the free block behind it; false if that can't be. */
export function growInPlace(p: i32, size: i32): bool {
  const has: i32 = sizeOf(p);
  const next: i32 = (p + has) | 0;
  const more: i32 = size - has;
  if (!isFreeFor(next, more)) {
    expandAt(next, more);
    if (!isFreeFor(next, more)) return false;
  }
  const h: i32 = header(p); // its flags may have changed: the starts may have been the block before
  const all: i32 = has + sizeOf(next);
  if (next == load32(heap + TOP)) {
    const whole: i32 = wholeSize(size, all);
    removeStart(next, next + CARD);
    if (load32(heap + FIT) != BEST_FIT) lowerRover(p, next);
    raiseTop((p + whole) | 0, all - whole);
    tagUsed(p, whole, h & FLAGS);
    return true;
  }
  join(next, p + all);
  if (load32(heap + FIT) != BEST_FIT) lowerRover(p, next);
  tagUsed(p, all, h & FLAGS);
  const after: i32 = p + all;
  store32(after - HEADER, header(after) | PREVIOUS_IN_USE);
  shrink(p, size);
  return true;
}

/**
 * Makes a block in use at least `size` bytes by sliding it down into the free block before it, with the one behind it if
 * need be; its new payload, or 0 where there is no room. Cost: a copy of the payload.
 */
export function growDown(p: i32, size: i32): i32 {
  const h: i32 = header(p);
  if ((h & PREVIOUS_IN_USE) != 0) return 0;
  const has: i32 = h & -GRANULE;
  const q: i32 = previousFree(p);
  const next: i32 = (p + has) | 0;
  const behind: i32 = header(next);
  const joins: bool = (behind & IN_USE) == 0 && next != load32(heap + TOP);
  let all: i32 = p - q + has;
  if (joins) all += behind & -GRANULE;
  if (below(all, size)) return 0;
  remove(q);
  removeStart(p, next);
  if (joins) {
    join(next, q + all);
    store32(q + all - HEADER, header(q + all) | PREVIOUS_IN_USE);
  }
  if (load32(heap + FIT) != BEST_FIT) lowerRover(q, next);
  tagUsed(q, all, (h & FLAGS) | PREVIOUS_IN_USE);
  copy(q, p, has - HEADER);
  shrink(q, size);
  return q;
}

/** Puts the starts, if they are the last block, into a free block; false where they are not, or none has the room. */
export function lowerStarts(): bool {
  const starts: i32 = load32(heap + STARTS_BLOCK);
  const p: i32 = isLast(starts) ? findAny(sizeOf(starts), GRANULE) : 0;
  if (p == 0) return false;
  moveStarts(p, sizeOf(starts));
  return true;
}

/** Whether `p`, a block in use or 0, is the one before the trailing block. */
export function isLast(p: i32): bool {
  return p != 0 && p + sizeOf(p) == load32(heap + TOP);
}

/** Gives the free tail of the heap back to the memory; the bytes given back. */
export function trimTop(keep: i32): i32 {
  const top: i32 = load32(heap + TOP);
  const from: i32 = load32(heap + BREAK);
  const to: i32 = roundUp(top + keep, GRANULE);
  if (!below(to, from) || !lowerBreak(to)) return 0;
  tagUsed(top, to - top, PREVIOUS_IN_USE);
  return from - to;
}
