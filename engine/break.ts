// The program break: where the heap's memory ends, and the one way to move it.
//
// Memory up to OWNED is the heap's own: what it was given at the start and what it grew itself. Memory that appears beyond
// OWNED was grown by somebody else, who uses it; the heap then goes on behind it (a gap). With a limit of its own the heap
// owns all up to there, whoever grows the memory: so several heaps can share one.

import { below, growTo, memoryEnd, shrinkTo, load32, store32 } from "#memory";
import {
  BREAK,
  GAPS,
  GRANULE,
  heap,
  LIMIT,
  MARGIN,
  MOVES,
  OWNED,
  PAGE,
  PEAK,
  roundUp,
} from "./layout.ts";

/** Highest break there can be: the last granule of 4 GiB is left, so that the break fits a word. */
export const HIGHEST: i32 = -16;

/** What the heap would take beyond what is needed: MARGIN, or a 256th of the heap. */
export function marginNow(): i32 {
  const margin: i32 = load32(heap + MARGIN);
  return margin == -1 ? footprint() >>> 8 : margin;
}

/** Bytes between the base and the break that are the heap's. */
export function footprint(): i32 {
  return load32(heap + BREAK) - heap - load32(heap + GAPS);
}

/**
 * Where to move a break at `from` that must reach `least`: a page at least and `margin` more, in whole pages, not beyond
 * `limit`. 0 where the limit is too low.
 */
export function targetBreak(from: i32, least: i32, margin: i32, limit: i32): i32 {
  if (below(least, from) || below(limit, least)) return 0;
  const room: i32 = limit - from;
  let step: i32 = least - from;
  step = below(room - step, margin) ? room : step + margin;
  if (below(step, PAGE)) step = below(room, PAGE) ? room : PAGE;
  const target: i32 = roundUp(from + step, PAGE);
  return below(target, from + step) || below(limit, target) ? limit : target;
}

/** Where `bytes` more would begin: at the break, or behind memory that somebody else grew. */
export function startFor(bytes: i32): i32 {
  const from: i32 = load32(heap + BREAK);
  const owned: i32 = load32(heap + OWNED);
  const end: i32 = memoryEnd();
  const behind: bool = below(owned, end) && below(end, load32(heap + LIMIT));
  return behind && below(owned - from, bytes) ? end : from;
}

/**
 * Moves the break so that `bytes` from `start` on are the heap's, and `margin` beyond; false, and nothing changed, where the
 * memory does not grow so far, or there are not as many bytes below the limit.
 */
export function moveBreak(start: i32, bytes: i32, margin: i32): bool {
  const from: i32 = load32(heap + BREAK);
  const owned: i32 = load32(heap + OWNED);
  const limit: i32 = load32(heap + LIMIT);
  const end: i32 = memoryEnd();
  const least: i32 = roundUp(start + bytes, GRANULE);
  let target: i32 = targetBreak(start, least, margin, limit);
  if (target == 0) return false;
  if (start == from && below(owned, end) && below(owned, target)) target = owned; // up to the neighbour's memory
  if (below(end, target)) {
    if (!growTo(target)) {
      if (margin != 0) return false; // to be asked for less, with starts that need not reach as far
      target = below(end, least) ? least : end;
      if (!growTo(target)) return false;
    }
    const grown: i32 = below(limit, memoryEnd()) ? limit : memoryEnd();
    if (below(owned, grown)) store32(heap + OWNED, grown);
  } else if (below(owned, target)) store32(heap + OWNED, target);
  if (start != from) store32(heap + GAPS, load32(heap + GAPS) + start - from);
  setBreak(target);
  store32(heap + MOVES, load32(heap + MOVES) + 1);
  return true;
}

export function setBreak(to: i32): void {
  store32(heap + BREAK, to);
  const now: i32 = footprint();
  if (below(load32(heap + PEAK), now)) store32(heap + PEAK, now);
}

/** Moves the break down to `to` where nobody's memory lies beyond it and the memory can shrink; false where it can't. */
export function lowerBreak(to: i32): bool {
  if (load32(heap + BREAK) != memoryEnd() || !shrinkTo(to)) return false;
  if (below(to, load32(heap + OWNED)) && load32(heap + OWNED) != load32(heap + LIMIT))
    store32(heap + OWNED, to);
  setBreak(to);
  return true;
}
