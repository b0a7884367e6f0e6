// A block serves a request that is too large for slabs. It is named by the address of its payload, a multiple of 16; its
// header is the word before. Boundary tags (Knuth, TAOCP vol. 1, 2.5): a free block repeats its size in its last word, so that
// the block after it finds its start and coalesces in constant time.
//
//     p-4              p                                                            p+size-4
//     ┌───────────────┬────────────────────────────────────────────────────────────┐
//     │ size │F│M│P│I │ payload: size - 4 bytes                                    │  in use
//     └───────────────┴────────────────────────────────────────────────────────────┘
//     ┌───────────────┬──────┬──────┬──────┬───────┬───────────────────────┬───────┐
//     │ size │0│0│1│0 │ next │ link │ left │ right │                       │ size  │  free, in a bin
//     └───────────────┴──────┴──────┴──────┴───────┴───────────────────────┴───────┘
//      31  4 3 2 1 0                                                        p+size-8
//
//     I  IN_USE            the block is not free
//     P  PREVIOUS_IN_USE   the block before it is not free; if it is free, its size is at p-8
//     M  METADATA          PINNED layout: a block of the heap itself, which has no pointer that could be freed
//     F  FOREIGN           memory between two regions of the heap that was grown by other code
//     both                 a quick block: freed, but not coalesced yet (blocks.ts)
//
//     next, link           of the list that the block is in, see bins.ts
//     left, right          of a block of 512 bytes or more, see bins.ts; smaller ones have no room for them
//
// Blocks follow one another from the end of the control block. The last is the top block: free, maybe of size 0, in no bin,
// its size in its header alone.
//
// Invariants:
//   B1  from the first block, each block's size leads to the next, and the last is the top block; sizes are multiples of 16
//   B2  P of a block equals I of the block before it
//   B3  a free block repeats its size in its last word
//   B4  no two free blocks are neighbours; so the block before the top block is in use
//   B5  the top block ends at TOP_END, and the high-water mark is not below its start

import { assertThat, below, CHECKED, load32, store32 } from "#memory";
import { GRANULE, roundUp } from "./control.ts";

export const HEADER: i32 = 4;
export const IN_USE: i32 = 1;
export const PREVIOUS_IN_USE: i32 = 2;
export const METADATA: i32 = 4;
export const FOREIGN: i32 = 8;
/** Mask of the two flags that tell a program's block (0) from METADATA, FOREIGN and QUICK. */
export const BLOCK_KIND: i32 = METADATA | FOREIGN;
/** Both: a free block in a quick list, which looks in use to its neighbours. */
export const QUICK: i32 = METADATA | FOREIGN;
export const FLAGS: i32 = 15;

/** Largest request, in bytes: the sum of two sizes stays below 4 GiB. */
export const MAX_SIZE: i32 = 0x7fff0000;
/** Largest alignment, in bytes. */
export const MAX_ALIGNMENT: i32 = 0x40000000;

/** Size of the block for a request of `bytes`: the header and the payload, in granules. */
export function blockSizeFor(bytes: i32): i32 {
  return roundUp(bytes + HEADER, GRANULE);
}

/** Bytes that a block at `p` needs to have room for `size` bytes at a multiple of `alignment`. */
export function alignedBytes(p: i32, size: i32, alignment: i32): i32 {
  return roundUp(p, alignment) - p + size;
}

// Accessors ---------------------------------------------------------------------------------------------------------------

export function header(p: i32): i32 {
  return load32(p - HEADER);
}

export function setHeader(p: i32, size: i32, flags: i32): void {
  if (CHECKED) assertThat(((p | size) & FLAGS) == 0);
  store32(p - HEADER, size | flags);
}

export function sizeIn(h: i32): i32 {
  return h & ~FLAGS;
}

export function sizeOf(p: i32): i32 {
  return sizeIn(header(p));
}

/** Bytes of payload of a block in use. */
export function payloadOf(p: i32): i32 {
  return sizeOf(p) - HEADER;
}

export function footer(p: i32, size: i32): i32 {
  return load32(p + size - 2 * HEADER);
}

/** Writes header and footer of a free block; the block before it is in use (B4). */
export function setFree(p: i32, size: i32): void {
  setHeader(p, size, PREVIOUS_IN_USE);
  store32(p + size - 2 * HEADER, size);
}

/** Size of the free block before `p`. */
export function previousSize(p: i32): i32 {
  return load32(p - 2 * HEADER);
}

export function setPreviousInUse(p: i32): void {
  store32(p - HEADER, header(p) | PREVIOUS_IN_USE);
}

export function clearPreviousInUse(p: i32): void {
  store32(p - HEADER, header(p) & ~PREVIOUS_IN_USE);
}

/** Whether a block of `size` bytes at `p`, not 0, ends at or below `end`, where the top block starts. */
export function endsBy(p: i32, size: i32, end: i32): bool {
  return below(size - 1, end - p);
}

/**
 * SHARED: forgets a free block whose memory another block at `p` has now, of `size` bytes. The undo log then has the words that it
 * kept there, and whatever is written there without the log can be undone.
 */
export function clearFree(p: i32, size: i32): void {
  for (let i: i32 = 0; i < 4; i++) store32(p + (i << 2), 0);
  store32(p + size - 2 * HEADER, 0);
}

// Links of a free block. A link is the address of the word that leads to the block: a bin's head, or a link of another block.

export function nextFree(p: i32): i32 {
  return load32(p);
}

export function setNextFree(p: i32, next: i32): void {
  store32(p, next);
}

/** The link to the next block of the list of `p`. */
export function nextWord(p: i32): i32 {
  return p;
}

/** The link that leads to `p`. */
export function linkTo(p: i32): i32 {
  return load32(p + 4);
}

export function setLinkTo(p: i32, link: i32): void {
  store32(p + 4, link);
}

/** The link to a child of `p`. */
export function childWord(p: i32, right: bool): i32 {
  return right ? p + 12 : p + 8;
}

export function loadLink(link: i32): i32 {
  return load32(link);
}

export function storeLink(link: i32, p: i32): void {
  store32(link, p);
}
