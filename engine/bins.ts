// Free blocks by size. Bins 1 to 31 hold one size each, 16 to 496 bytes; from there eight bins share a doubling. A bit a
// bin, and a bit a word of those, find the next bin that is not empty in a few loads.
//
//     heap+BINS      a free block, newest first           another
//     ┌──────┐       ┌──────┬──────────┬───              ┌──────┬──────────┬───
//     │ head │──────▶│ next │ previous │        ───────▶ │ next │ previous │        ──▶ 0
//     └──────┘       └──────┴──────────┴───              └──────┴──────────┴───
//         ▲                     │                                   │
//         └─────────────────────┘  a head is the `next` of nobody: previous of the first leads to it
//
// (Segregated fits with a bitmap: Wilson et al., "Dynamic Storage Allocation: A Survey and Critical Review", 1995; the two
// levels as in Masmano et al., "TLSF", 2004.)

import { below, leadingZeros, load32, store32, trailingZeros } from "#memory";
import { BINS, BIN_COUNT, BITMAP, CONTROL, heap, sizeOf, spanFrom, SUMMARY } from "./layout.ts";

const EXACT: i32 = 32;
/** Blocks of one bin that a search looks at: what bounds it. */
const CANDIDATES: i32 = 4;
/** Bins that a search looks at before it goes to one where all fit. */
const MOST_BINS: i32 = 3;

/** The bin for blocks of `size` bytes. */
export function binOf(size: i32): i32 {
  if (below(size, EXACT << 4)) return size >>> 4;
  const log: i32 = 31 - leadingZeros(size);
  return EXACT + ((log - 9) << 3) + ((size >>> (log - 3)) & 7);
}

function headAt(bin: i32): i32 {
  return heap + BINS + (bin << 2);
}

/** Puts a free block into its bin. */
export function insert(p: i32, size: i32): void {
  const bin: i32 = binOf(size);
  const head: i32 = headAt(bin);
  const next: i32 = load32(head);
  store32(p, next);
  store32(p + 4, head);
  store32(head, p);
  if (next != 0) store32(next + 4, p);
  else {
    const word: i32 = bin >>> 5;
    const at: i32 = heap + BITMAP + (word << 2);
    store32(at, load32(at) | (1 << (bin & 31)));
    store32(heap + SUMMARY, load32(heap + SUMMARY) | (1 << word));
  }
}

/** Takes a free block out of its bin. */
export function remove(p: i32): void {
  const next: i32 = load32(p);
  const previous: i32 = load32(p + 4);
  store32(previous, next);
  if (next != 0) store32(next + 4, previous);
  else if (below(previous - heap, CONTROL)) {
    const bin: i32 = (previous - heap - BINS) >>> 2;
    const word: i32 = bin >>> 5;
    const at: i32 = heap + BITMAP + (word << 2);
    const left: i32 = load32(at) & ~(1 << (bin & 31));
    store32(at, left);
    if (left == 0) store32(heap + SUMMARY, load32(heap + SUMMARY) & ~(1 << word));
  }
}

/** The first bin from `bin` on that is not empty; 0 where there is none. */
function nextBin(bin: i32): i32 {
  if (bin >= BIN_COUNT) return 0;
  let word: i32 = bin >>> 5;
  let bits: i32 = load32(heap + BITMAP + (word << 2)) & (-1 << (bin & 31));
  if (bits == 0) {
    const words: i32 = load32(heap + SUMMARY) & (-2 << word);
    if (words == 0) return 0;
    word = trailingZeros(words);
    bits = load32(heap + BITMAP + (word << 2));
  }
  return (word << 5) + trailingZeros(bits);
}

/** Smallest of the first CANDIDATES blocks of a bin that holds `size` bytes from a multiple of `alignment` on, or 0. */
function bestOf(bin: i32, size: i32, alignment: i32): i32 {
  let best: i32 = 0;
  let bestSize: i32 = -1;
  let p: i32 = load32(headAt(bin));
  for (let left: i32 = CANDIDATES; p != 0 && left != 0; left--) {
    const has: i32 = sizeOf(p);
    if (below(has, bestSize) && !below(has, spanFrom(p, size, alignment))) {
      if (has == size) return p;
      best = p;
      bestSize = has;
    }
    p = load32(p);
  }
  return best;
}

/**
 * A free block in which `size` bytes begin at a multiple of `alignment`, as small as a bounded search finds, or 0.
 *
 * Cost: bounded; CANDIDATES blocks of two bins, of four where alignment is larger than a granule.
 */
export function find(size: i32, alignment: i32): i32 {
  let bin: i32 = binOf(size);
  for (let bins: i32 = 1; (bin = nextBin(bin)) != 0; bins++) {
    const p: i32 = bestOf(bin, size, alignment);
    if (p != 0) return p;
    bin += 1;
    // In the bin after that of the largest loss to alignment every block fits.
    if (bins == MOST_BINS && bin <= binOf(size + alignment)) bin = binOf(size + alignment) + 1;
  }
  return 0;
}

/** A free block in which `size` bytes begin at a multiple of `alignment`, or 0: none has. Cost: linear in larger blocks. */
export function findAny(size: i32, alignment: i32): i32 {
  for (let bin: i32 = binOf(size); (bin = nextBin(bin)) != 0; bin++) {
    let p: i32 = load32(headAt(bin));
    while (p != 0 && below(sizeOf(p), spanFrom(p, size, alignment))) p = load32(p);
    if (p != 0) return p;
  }
  return 0;
}

/** A free block of the last bin that is not empty, or 0. */
export function findLarge(): i32 {
  const words: i32 = load32(heap + SUMMARY);
  if (words == 0) return 0;
  const word: i32 = 31 - leadingZeros(words);
  return load32(headAt((word << 5) + 31 - leadingZeros(load32(heap + BITMAP + (word << 2)))));
}

/** Head of a bin, for the checks. */
export function firstIn(bin: i32): i32 {
  return load32(headAt(bin));
}
