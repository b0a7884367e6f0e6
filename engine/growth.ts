// The program break: where the heap's memory ends, and the functions that move it once the heap exists.
//
// Memory below RESERVED is the heap's: what it was created with and what it has grown itself. Other code has grown and uses what is
// beyond it: the heap continues behind that, and what lies between is a foreign region. A heap with a limit has RESERVED at the
// limit: all memory up to there is the heap's, whoever grows it. So several heaps can share one memory.

import { below, canShrink, growTo, memoryEnd, SHARED, shrinkTo } from "#memory";
import {
  breakMoves,
  footprint,
  foreignBytes,
  GRANULE,
  limit,
  marginSetting,
  reserved,
  PAGE,
  peak,
  programBreak,
  roundUp,
  setBreakMoves,
  setForeignBytes,
  setReserved,
  setPeak,
  setProgramBreak,
} from "./control.ts";
import { corrupt } from "./errors.ts";

/** Highest possible break: 4 GiB less a granule, so that it is a 32-bit number. */
export const HIGHEST_BREAK: i32 = SHARED ? -64 : -16;
/** A margin that is a share of the heap is a 256th of its footprint. */
const MARGIN_SHIFT: i32 = 8;

/** Bytes to take beyond what is needed when the break moves. */
export function margin(): i32 {
  return marginSetting() == -1 ? footprint() >>> MARGIN_SHIFT : marginSetting();
}

/**
 * Where to move a break at `from` that must reach `least`: at least a page and `margin` bytes farther, in whole pages, not
 * beyond `highest`. 0 if that is too low.
 */
export function targetBreak(from: i32, least: i32, margin: i32, highest: i32): i32 {
  if (below(least, from) || below(highest, least)) return 0;
  const room: i32 = highest - from;
  let step: i32 = least - from;
  step = below(room - step, margin) ? room : step + margin;
  if (below(step, PAGE)) step = below(room, PAGE) ? room : PAGE;
  const target: i32 = roundUp(from + step, PAGE);
  return below(target, from + step) || below(highest, target) ? highest : target;
}

/** Where the next `bytes` start: at the break, or, if other code's memory is in the way, behind that. */
export function growthStart(bytes: i32): i32 {
  const end: i32 = memoryEnd();
  const isForeign: bool = below(reserved(), end) && below(end, limit);
  return isForeign && below(reserved() - programBreak(), bytes) ? end : programBreak();
}

/**
 * Moves the break so that `bytes` from `start` on are the heap's, with a margin if the memory grows that far. Returns false,
 * with nothing changed, if the memory does not grow far enough or the limit is too low.
 */
export function growBreak(start: i32, bytes: i32): bool {
  return moveBreak(start, bytes, margin()) || (margin() != 0 && moveBreak(start, bytes, 0));
}

/** The same with exactly this margin, unless the limit or memory of other code is in the way. */
export function moveBreak(start: i32, bytes: i32, margin: i32): bool {
  const from: i32 = programBreak();
  const end: i32 = memoryEnd();
  const least: i32 = roundUp(start + bytes, GRANULE);
  let target: i32 = targetBreak(start, least, margin, limit);
  if (target == 0) return false;
  // Up to the memory of other code, which may have appeared since `start` was computed.
  if (start != from) {
    if (start != end) return false;
  } else if (below(reserved(), end) && below(reserved(), target)) target = reserved();
  if (below(target, least)) {
    // With a limit, RESERVED is the limit, unless it was overwritten.
    if (limit != HIGHEST_BREAK) corrupt();
    return false;
  }
  if (below(end, target)) {
    if (!growTo(target)) {
      if (margin != 0) return false;
      target = below(end, least) ? least : end;
      if (!growTo(target)) return false;
    }
    const grown: i32 = grownEnd(target);
    if (below(reserved(), grown)) setReserved(below(limit, grown) ? limit : grown);
  } else if (below(reserved(), target)) setReserved(target);
  if (start != from) setForeignBytes(foreignBytes() + start - from);
  setBreakAndPeak(target);
  setBreakMoves(breakMoves() + 1);
  return true;
}

/** The end of the memory after it grew to `target`, in whole pages: other code may have grown it further at once. */
export function grownEnd(target: i32): i32 {
  const end: i32 = memoryEnd();
  const page: i32 = roundUp(target, PAGE);
  return below(page - 1, end) ? page : end; // at 4 GiB, the page's end is 0
}

function setBreakAndPeak(address: i32): void {
  setProgramBreak(address);
  if (below(peak(), footprint())) setPeak(footprint());
}

/** Whether the memory can shrink, and ends at the break. */
export function canLowerBreak(): bool {
  return canShrink() && programBreak() == memoryEnd();
}

/** Moves the break down to `address`; see `canLowerBreak`. */
export function lowerBreak(address: i32): void {
  shrinkTo(address);
  if (below(address, reserved()) && reserved() != limit) setReserved(address);
  setBreakAndPeak(address);
}
