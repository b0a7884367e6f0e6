// Free blocks by size: best fit in a bounded number of steps.
//
// Bin n, from 1 to 31, is a list of the free blocks of 16 × n bytes. From 512 bytes on each doubling has four bins: the highest bit
// of a size and the two below it lead to its bin. A bin holds a tree: the next bits of the size lead from its root to the left (0)
// or to the right (1). So all sizes in a left subtree are below those in the right one; the node's own size may be anywhere among
// them. Blocks of one size are in the list of one node. The bin for 640 to 752 bytes, 101xxxx0000 in binary:
//
//     bin head ──▶ ┌─────────────┐ next ┌─────────────┐ next
//                  │ 672 bytes   │─────▶│ 672 bytes   │─────▶ 0        link of each block: the word that leads to it
//                  └─────────────┘      └─────────────┘
//              left ↙           ↘ right
//          ┌───────────┐   ┌───────────┐
//          │ 656 bytes │   │ 736 bytes │
//          └───────────┘   └───────────┘
//
// (A bitwise trie, as in Doug Lea's malloc 2.8, "treebins"; the bits that tell empty bins from others are those of segregated
// fits: Wilson et al., "Dynamic Storage Allocation: A Survey and Critical Review", 1995.)
//
// A program may have written into a free block, so no word of it is trusted: a block is used only if what leads to it, what it
// leads to and its footer agree. That also bounds each search: no block has two links, so no path leads back.
//
// Invariants:
//   F1  a free block is in the bin of its size, in its list or where its size leads to; every link leads back
//   F2  a bin's bit is set if and only if the bin is not empty
//   F3  the bins hold all free blocks but the top block

import { below, leadingZeros, trailingZeros } from "#memory";
import {
  childWord,
  loadLink,
  footer,
  linkTo,
  nextFree,
  nextWord,
  storeLink,
  setLinkTo,
  setNextFree,
  sizeOf,
  alignedBytes,
} from "./block.ts";
import {
  binBits,
  BINS_SHIFT,
  BIN_COUNT,
  BIN_WORDS,
  binHead,
  binWithHead,
  GRANULE,
  setBinBits,
} from "./control.ts";
import { corrupt } from "./errors.ts";

/** The first bin with a tree. */
const TREES: i32 = 32;
/** Blocks smaller than this are in bins of one size, in bytes. */
export const LEAST_NODE: i32 = 512;
/** In the left-child word of a block that is in a node's list, and no node. */
export const LISTED: i32 = 1;
/** More than a path of a sound tree has: stops a search in a damaged one. */
const MOST_LEVELS: i32 = 32;
/** Sizes that a search for an aligned block looks at, before it takes one that fits wherever it starts. */
const ALIGNED_SIZES: i32 = 2;

/** The number of a word's highest bit. `31 ^ n` is `31 - n`; Binaryen would move the subtraction into the offset of a load. */
function highestBit(word: i32): i32 {
  return leadingZeros(word) ^ 31;
}

/** The bin for blocks of `size` bytes. */
export function binFor(size: i32): i32 {
  if (below(size, LEAST_NODE)) return size >>> 4;
  // The highest bit and the two below it: 4 to 7. For LEAST_NODE the sum is TREES: (9 - 10) × 4 + 4.
  const upper: i32 = (size << leadingZeros(size)) >>> (31 - BINS_SHIFT);
  return TREES + ((highestBit(size) - 10) << BINS_SHIFT) + upper;
}

/** The bits of a size that lead through its bin's tree, from the highest bit of the word down. */
export function pathTo(size: i32): i32 {
  return (size << leadingZeros(size)) << (1 + BINS_SHIFT);
}

// Inserting and removing --------------------------------------------------------------------------------------------------

/** Puts a free block into its bin. */
export function insert(p: i32, size: i32): void {
  const bin: i32 = binFor(size);
  const head: i32 = binHead(bin);
  const node: i32 = loadLink(head);
  if (node == 0) setBinBits(bin >>> 5, binBits(bin >>> 5) | (1 << (bin & 31)));
  if (bin < TREES) putInList(head, p, node);
  else insertInTree(head, p, size);
}

/** Puts `p` between the word at `link` and the block `next`. */
function putInList(link: i32, p: i32, next: i32): void {
  if (next != 0) {
    if (linkTo(next) != link) corrupt();
    setLinkTo(next, nextWord(p));
  }
  setNextFree(p, next);
  setLinkTo(p, link);
  storeLink(link, p);
}

function insertInTree(head: i32, p: i32, size: i32): void {
  let link: i32 = head;
  let path: i32 = pathTo(size);
  let node: i32 = loadLink(link);
  while (node != 0) {
    if (linkTo(node) != link) corrupt();
    if (sizeOf(node) == size) {
      storeLink(childWord(p, false), LISTED);
      putInList(nextWord(node), p, nextFree(node));
      return;
    }
    link = childWord(node, path < 0);
    path <<= 1;
    node = loadLink(link);
  }
  storeLink(childWord(p, false), 0);
  storeLink(childWord(p, true), 0);
  putInList(link, p, 0);
}

/** Takes a free block out of its bin. Stops with CORRUPT if its links or its footer were overwritten. */
export function remove(p: i32, size: i32): void {
  const next: i32 = nextFree(p);
  const link: i32 = linkTo(p);
  if (loadLink(link) != p) corrupt();
  if (footer(p, size) != size) corrupt();
  if (next != 0) {
    if (linkTo(next) != nextWord(p)) corrupt();
  }
  if (!below(size, LEAST_NODE)) {
    if (loadLink(childWord(p, false)) != LISTED) return removeNode(p, next, link);
  }
  storeLink(link, next);
  if (next != 0) setLinkTo(next, link);
  else clearBinBit(link);
}

/** Clears the bit of the bin whose head is at `link`, if `link` is a head. */
function clearBinBit(link: i32): void {
  const bin: i32 = binWithHead(link);
  if (!below(bin, BIN_COUNT)) return;
  setBinBits(bin >>> 5, binBits(bin >>> 5) & ~(1 << (bin & 31)));
}

/** Removes a node from its tree. The next block of its list replaces it, or else a leaf below it. */
function removeNode(p: i32, next: i32, link: i32): void {
  let replacement: i32 = next;
  if (replacement == 0) {
    replacement = leafBelow(p);
    if (replacement == 0) {
      storeLink(link, 0);
      clearBinBit(link);
      return;
    }
    storeLink(linkTo(replacement), 0);
  }
  storeLink(link, replacement);
  setLinkTo(replacement, link);
  moveChild(p, replacement, false);
  moveChild(p, replacement, true);
}

/** A node below `p` that has no children; 0 if `p` has none. */
function leafBelow(p: i32): i32 {
  let leaf: i32 = 0;
  let child: i32 = childOf(p);
  while (child != 0) {
    leaf = child;
    child = childOf(leaf);
  }
  return leaf;
}

/** A child of a node, the right one if there are two; 0 if there is none. */
function childOf(node: i32): i32 {
  let link: i32 = childWord(node, true);
  if (loadLink(link) == 0) link = childWord(node, false);
  const child: i32 = loadLink(link);
  if (child != 0 && linkTo(child) != link) corrupt();
  return child;
}

function moveChild(from: i32, to: i32, right: bool): void {
  const child: i32 = loadLink(childWord(from, right));
  storeLink(childWord(to, right), child);
  if (child == 0) return;
  if (linkTo(child) != childWord(from, right)) corrupt();
  setLinkTo(child, childWord(to, right));
}

// Searching ---------------------------------------------------------------------------------------------------------------

/** The first bin from `bin` on that is not empty; BIN_COUNT or more if there is none. */
function nextBin(bin: i32): i32 {
  let word: i32 = bin >>> 5;
  let bits: i32 = binBits(word) & (-1 << (bin & 31));
  while (bits == 0) {
    if (++word >= BIN_WORDS) return BIN_COUNT;
    bits = binBits(word);
  }
  return (word << 5) + trailingZeros(bits);
}

/**
 * The smallest free block of at least `size` bytes, the first of its list; or 0.
 *
 * Cost: bounded. A tree of the sizes from 2**k on has at most k - 5 levels, of which each is visited twice at most.
 */
function bestFit(size: i32): i32 {
  let bin: i32 = binFor(size);
  if (bin >= TREES) {
    const p: i32 = bestInTree(loadLink(binHead(bin)), size);
    if (p != 0) return p;
    bin++;
  }
  bin = nextBin(bin);
  if (bin >= BIN_COUNT) return 0;
  const head: i32 = loadLink(binHead(bin));
  return bin < TREES ? head : smallestInTree(head, 0, -1);
}

/** The smallest block of at least `size` bytes in the tree of the bin of `size`; or 0. */
function bestInTree(root: i32, size: i32): i32 {
  let best: i32 = 0;
  let bestSize: i32 = -1;
  let larger: i32 = 0; // the last right subtree that was passed: sizes above `size`, the smallest such subtree
  let path: i32 = pathTo(size);
  let node: i32 = root;
  for (let levels: i32 = MOST_LEVELS; node != 0 && levels != 0; levels--) {
    const nodeSize: i32 = sizeOf(node);
    if (nodeSize == size) return node;
    if (!below(nodeSize, size) && below(nodeSize, bestSize)) {
      best = node;
      bestSize = nodeSize;
    }
    const right: i32 = loadLink(childWord(node, true));
    if (path < 0) node = right;
    else {
      if (right != 0) larger = right;
      node = loadLink(childWord(node, false));
    }
    path <<= 1;
  }
  return smallestInTree(larger, best, bestSize);
}

/** The smallest block of a tree if it has less than `bestSize` bytes, else `best`. */
function smallestInTree(root: i32, best: i32, bestSize: i32): i32 {
  let node: i32 = root;
  for (let levels: i32 = MOST_LEVELS; node != 0 && levels != 0; levels--) {
    const nodeSize: i32 = sizeOf(node);
    if (below(nodeSize, bestSize)) {
      best = node;
      bestSize = nodeSize;
    }
    const left: i32 = loadLink(childWord(node, false));
    node = left != 0 ? left : loadLink(childWord(node, true));
  }
  return best;
}

/** The smallest free block of at least `size` bytes; or 0. If others have its size, it is no node: to remove a node costs more. */
export function find(size: i32): i32 {
  const p: i32 = bestFit(size);
  if (p == 0 || below(sizeOf(p), LEAST_NODE)) return p;
  const next: i32 = nextFree(p);
  return next != 0 ? next : p;
}

/**
 * A free block in which `size` bytes fit at a multiple of `alignment`, one of the smallest; or 0. `all`: looks at every free
 * block that is large enough before it returns 0.
 *
 * Cost: bounded; with `all`, linear in the number of free blocks.
 */
export function findAligned(size: i32, alignment: i32, all: bool): i32 {
  let least: i32 = size;
  let sizes: i32 = all ? -1 : ALIGNED_SIZES;
  let p: i32 = bestFit(least);
  while (p != 0) {
    const found: i32 = sizeOf(p);
    if (below(found, least)) corrupt();
    while (p != 0) {
      if (!below(found, alignedBytes(p, size, alignment))) return p;
      p = all ? nextInList(p) : 0;
    }
    // The last size that is tried fits wherever the block starts.
    least = --sizes == 0 ? size + alignment - GRANULE : found + GRANULE;
    p = bestFit(least);
  }
  return 0;
}

function nextInList(p: i32): i32 {
  const next: i32 = nextFree(p);
  if (next != 0 && linkTo(next) != nextWord(p)) corrupt();
  return next;
}

/** A block of the bin with the largest free blocks, or 0 if all bins are empty. */
export function blockOfLargestBin(): i32 {
  for (let word: i32 = BIN_WORDS - 1; word >= 0; word--) {
    const bits: i32 = binBits(word);
    if (bits != 0) return loadLink(binHead((word << 5) + highestBit(bits)));
  }
  return 0;
}
