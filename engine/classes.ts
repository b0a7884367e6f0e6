// Size classes: the sizes of slots. 8 bytes, then multiples of 16 up to 256, of 32 up to 512, of 64 up to 960, and 1008. So
// rounding up takes less than an eighth of a size above 256, and slots are aligned to 16 bytes, those of 8 bytes to 8.
//
// A slot's number is found by a multiplication instead of a division: RECIPROCAL is 2 ** 26 / SLOT_SIZE, rounded up, and the
// product of an offset and RECIPROCAL has the slot's number in its upper 6 bits. Its lower 26 bits are less than RECIPROCAL if
// and only if the offset is a multiple of SLOT_SIZE. (Exact for offsets below 64 slots of up to 1008 bytes, since
// 63 × 1007 < 2 ** 26 / 1008. Lemire, Kaser, Kurz, "Faster remainder by direct computation", 2019.)
//
// Invariants:
//   C1  SLOT_SIZE, RECIPROCAL and SLOT_BYTES are those of the sizes above

import { multiply } from "#memory";
import {
  CLASS_COUNT,
  classAt,
  currentFor,
  setCurrentFor,
  setSlotBytesFor,
  setReciprocal,
  setSlotSize,
  slotBytesFor,
  slotSize,
} from "./control.ts";

/** Largest size that slabs can serve, in bytes. */
export const MAX_SMALL: i32 = 1008;
/** Requests of a class that blocks serve before its first slab: a class that is hardly used costs no slab. */
export const WARMUP_REQUESTS: i32 = 32;

const SHIFT: i32 = 26;
const FRACTION: i32 = (1 << SHIFT) - 1;

/** The slot that an offset lies in, by the product of the offset and RECIPROCAL. */
export function slotIn(product: i32): i32 {
  return product >>> SHIFT;
}

/** Whether the offset is a multiple of the slots' size. */
export function startsSlot(product: i32, reciprocal: i32): bool {
  return (product & FRACTION) < reciprocal;
}

/** The number of slots of a class in so many bytes, less than 64 slots. */
export function slotsIn(bytes: i32, reciprocal: i32): i32 {
  return slotIn(multiply(bytes, reciprocal));
}

/** The next larger slot size, in bytes. */
export function sizeAfter(size: i32): i32 {
  if (size < 16) return 16;
  if (size < 256) return size + 16;
  if (size < 512) return size + 32;
  return size < 960 ? size + 64 : MAX_SMALL;
}

/** 2 ** 26 / `size`, rounded up. */
export function reciprocalFor(size: i32): i32 {
  return (((1 << SHIFT) + size - 1) / size) | 0;
}

/** The class that serves a size in bytes, 0 to MAX_SMALL. */
export function classFor(size: i32): i32 {
  if (size <= 8) return classAt(0);
  if (size <= 256) return classAt((size + 15) >>> 4);
  if (size <= 512) return classAt(16 + ((size - 256 + 31) >>> 5));
  return classAt(size <= 960 ? 24 + ((size - 512 + 63) >>> 6) : 32);
}

/** The slab that slots of class `c` are allocated from; NO_SLAB if there is none. */
export function currentSlab(c: i32): i32 {
  return currentFor(slotSize(c));
}

/** Makes `slab` the current one for each size that class `c` serves. */
export function setCurrentSlab(c: i32, slab: i32): void {
  for (let size: i32 = slotSize(c); size >= 0 && slotBytesFor(size) == slotSize(c); size -= 8)
    setCurrentFor(size, slab);
}

/** Writes the classes' sizes into a new heap. */
export function createClasses(): void {
  let size: i32 = 8;
  let served: i32 = 0;
  for (let i: i32 = 0; i < CLASS_COUNT; i++) {
    setSlotSize(classAt(i), size);
    setReciprocal(classAt(i), reciprocalFor(size));
    for (; served <= size; served += 8) setSlotBytesFor(served, size);
    size = sizeAfter(size);
  }
}
