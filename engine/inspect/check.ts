// Proves the invariants that stand in control.ts, block.ts, blocks.ts, bins.ts, map.ts, classes.ts and slabs.ts. It changes
// nothing, and trusts no word of the heap before it has proved it. Cost: linear in the number of blocks and slabs; in that of the
// blocks for each class that has slabs.

import { below, firstClear, hasBit, memoryEnd, PINNED, refresh, SHARED } from "#memory";
import { binFor, LEAST_NODE, LISTED, pathTo } from "../bins.ts";
import {
  childWord,
  loadLink,
  footer,
  FOREIGN,
  header,
  IN_USE,
  endsBy,
  linkTo,
  METADATA,
  nextFree,
  nextWord,
  payloadOf,
  PREVIOUS_IN_USE,
  BLOCK_KIND,
  QUICK,
  sizeIn,
  sizeOf,
} from "../block.ts";
import { NEXT_FIT } from "../blocks.ts";
import { classFor, currentSlab, MAX_SMALL, reciprocalFor, sizeAfter } from "../classes.ts";
import {
  BIN_COUNT,
  BIN_WORDS,
  binBits,
  binHead,
  CELL,
  CELL_SHIFT,
  cellsOf,
  chunk,
  chunkCount,
  CLASS_COUNT,
  classAt,
  currentFor,
  first,
  firstGroup,
  firstPartial,
  fit,
  footprint,
  foreignBytes,
  FRONT_BYTES,
  GRANULE,
  heap,
  highWater,
  isHeap,
  lastPartial,
  limitSetting,
  noSlab,
  reserved,
  peak,
  programBreak,
  QUICK_LISTS,
  QUICK_ROOM,
  quickBlock,
  quickCount,
  quickList,
  quickListFor,
  reciprocalOf,
  recordsInUse,
  root,
  roundUp,
  slotBytesFor,
  slotSize,
  sharedWords,
  small,
  smallSetting,
  top,
  topEnd,
  useRecords,
} from "../control.ts";
import {
  frontOf,
  frontOfThread,
  isLive,
  isLocked,
  kindIn,
  lastGroup,
  LIVE,
  logged,
  orphans,
  PLACES,
  stateOf,
} from "../lock.ts";
import {
  CHUNK_BYTES,
  entryOf,
  findMap,
  forgetMap,
  isSlab,
  isStart,
  mapBytes,
  missingChunks,
  slabOf,
  startEntry,
} from "../map.ts";
import { isTaken, takenBlocks } from "../returned.ts";
import {
  baseOf,
  bitsOf,
  blockOf,
  classOf,
  GROUP,
  GROUP_HEADERS,
  groupBefore,
  groupLink,
  groupLinkAt,
  isCurrent,
  isDirty,
  isEmpty,
  headerAt,
  isFull,
  isSlabHeader,
  isUsed,
  kindFor,
  kindOf,
  MAX_CELLS,
  nextGroup,
  nextPartial,
  ownerOf,
  previousPartial,
  SLAB_END,
  slotCount,
  slotsEnd,
} from "../slabs.ts";

const B: i32 = 0x4200;
const C: i32 = 0x4300;
const F: i32 = 0x4600;
const H: i32 = 0x4800;
const L: i32 = 0x4c00;
const M: i32 = 0x4d00;
const Q: i32 = 0x5100;
const R: i32 = 0x5200;
const S: i32 = 0x5300;

/** Bytes of memory whose entries a chunk of the map has. */
const CHUNK_SPAN: i32 = 512 << CELL_SHIFT;

/** Where the last `violated` found a violation. */
export let violatedAt: i32 = 0;

function found(code: i32, at: i32): i32 {
  violatedAt = at;
  return code;
}

/** 0 if all invariants hold, else the first that is violated: the character code of its letter × 256 + its number. */
export function violated(): i32 {
  violatedAt = 0;
  if (heap == 0) return 0;
  refresh();
  let code: i32 = checkControl();
  if (code != 0) return code;
  findMap();
  forgetMap();
  if (SHARED) return checkShared();
  code = checkClasses();
  if (code == 0) code = checkBlocks();
  if (code == 0) code = checkBins();
  if (code == 0) code = checkQuickLists();
  for (let i: i32 = 0; code == 0 && i < CLASS_COUNT; i++) code = checkSlabs(classAt(i));
  if (code == 0 && cellsLeft != 0) code = found(S + 7, heap);
  if (code == 0 && PINNED) code = checkGroups();
  return code;
}

// Control block and classes -----------------------------------------------------------------------------------------------

function checkControl(): i32 {
  const stop: i32 = programBreak();
  const setting: i32 = smallSetting();
  if (!isHeap(heap) || fit() < 0 || fit() > NEXT_FIT) return found(H + 1, heap);
  if (setting < 0 || setting > MAX_SMALL + 1 || setting != small) return found(H + 1, heap);
  if ((stop & (GRANULE - 1)) != 0 || below(limitSetting(), stop)) return found(H + 1, heap);
  if (below(reserved(), stop)) return found(H + 3, heap);
  if (below(memoryEnd(), stop)) return found(H + 3, heap);
  const end: i32 = topEnd();
  if (((top() | end) & (GRANULE - 1)) != 0 || below(top(), first) || below(end, top()))
    return found(B + 5, top());
  if (below(stop, end) || below(stop - end, mapBytes(end))) return found(M + 3, end);
  return PINNED ? checkRoot() : 0;
}

function checkRoot(): i32 {
  const at: i32 = root();
  if (below(at, first) || !below(at, top()) || (at & (GRANULE - 1)) != 0) return found(M + 3, at);
  const room: i32 = payloadOf(at) >>> 2;
  if (below(top() - at, payloadOf(at)) || below(room, chunkCount())) return found(M + 3, at);
  if (missingChunks(top()) > 0) return found(M + 3, at);
  for (let i: i32 = 0; i < chunkCount(); i++) {
    const p: i32 = chunk(i);
    if (below(p, first) || !below(p, top()) || (p & (GRANULE - 1)) != 0) return found(M + 3, at);
    if (below(top() - p, CHUNK_BYTES)) return found(M + 3, at);
  }
  for (let i: i32 = chunkCount(); i < room; i++) {
    if (chunk(i) != 0) return found(M + 3, at);
  }
  return 0;
}

function checkClasses(): i32 {
  let size: i32 = 8;
  let served: i32 = 0;
  for (let i: i32 = 0; i < CLASS_COUNT; i++) {
    const c: i32 = classAt(i);
    if (slotSize(c) != size || reciprocalOf(c) != reciprocalFor(size)) return found(C + 1, c);
    for (; served <= size; served += 8) {
      if (classFor(served) != c || slotBytesFor(served) != size) return found(C + 1, c);
      if (currentFor(served) != currentSlab(c)) return found(S + 6, c);
    }
    size = sizeAfter(size);
  }
  return isNoSlabSound() ? 0 : found(S + 6, noSlab());
}

/** Whether the bits of NO_SLAB are all set, and its other words are 0. */
function isNoSlabSound(): bool {
  const slab: i32 = noSlab();
  if (firstClear(bitsOf(slab)) != 64 || (PINNED && slotsEnd(slab) != 0)) return false;
  return (baseOf(slab) | kindOf(slab) | nextPartial(slab) | previousPartial(slab)) == 0;
}

// Blocks and map ----------------------------------------------------------------------------------------------------------

/** Free blocks but the top block, counted by checkBlocks for checkBins. */
let freeBlocks: i32 = 0;
/** Quick blocks, counted by checkBlocks for checkQuickLists. */
let quickBlocks: i32 = 0;
/** Cells of slabs, counted by checkBlocks; checkSlabs subtracts those of its class. */
let cellsLeft: i32 = 0;
/** Slabs, and groups with free headers, counted by checkBlocks for checkGroups. */
let slabs: i32 = 0;
let openGroups: i32 = 0;

function checkBlocks(): i32 {
  let before: i32 = IN_USE;
  let foreign: i32 = 0;
  let chunks: i32 = 0;
  let roots: i32 = 0;
  let cell: i32 = heap & -CELL;
  freeBlocks = 0;
  quickBlocks = 0;
  cellsLeft = 0;
  slabs = 0;
  openGroups = 0;
  if (entryOf(heap) != 0) return found(M + 1, heap);
  let p: i32 = first;
  while (p != top()) {
    const h: i32 = header(p);
    const size: i32 = sizeIn(h);
    if (!endsBy(p, size, top())) return found(B + 1, p);
    if (((h & PREVIOUS_IN_USE) != 0) != (before != 0)) return found(B + 2, p);
    if (!isStartNoted(p, cell, (h & (IN_USE | BLOCK_KIND)) == IN_USE)) return found(M + 1, p);
    cell = p & -CELL;
    const kind: i32 = h & BLOCK_KIND;
    if ((h & IN_USE) == 0) {
      if (kind != 0) return found(B + 1, p);
      if (footer(p, size) != size) return found(B + 3, p);
      if (before == 0) return found(B + 4, p);
      freeBlocks++;
    } else if (kind == QUICK) {
      quickBlocks++;
    } else if (kind == FOREIGN) {
      foreign += size - GRANULE;
    } else if (kind == METADATA) {
      if (!PINNED) return found(B + 1, p);
      if (p == root()) roots++;
      else if (isChunk(p)) chunks++;
      else if (isGroup(p) && firstClear(p) < GROUP_HEADERS) openGroups++;
    } else if (isSlab(entryOf(p))) {
      const code: i32 = checkSlab(p, size);
      if (code != 0) return found(code, p);
      cell = (p + size - GRANULE - 1) & -CELL;
      if (!SHARED || ownerOf(slabOf(p, entryOf(p)) & -GROUP) != 0) cellsLeft += size >>> CELL_SHIFT;
      slabs++;
    }
    before = h & IN_USE;
    p = (p + size) | 0;
  }
  if (before == 0) return found(B + 4, p);
  if (header(p) != ((topEnd() - p) | PREVIOUS_IN_USE) || below(highWater(), p))
    return found(B + 5, p);
  if (!isStartNoted(p, cell, false)) return found(M + 1, p);
  if (!areCellsEmpty(p, mapEnd())) return found(M + 1, p);
  if (PINNED && (roots != 1 || chunks != chunkCount())) return found(M + 3, root());
  if (foreignBytes() != foreign || below(peak(), footprint())) return found(H + 2, heap);
  return 0;
}

/** Whether the map has the start of the block at `p`, maybe as that of a slab, and none between `cell` and its cell. */
function isStartNoted(p: i32, cell: i32, mayBeSlab: bool): bool {
  if (!areCellsEmpty(cell, p)) return false;
  if ((p & -CELL) == cell || entryOf(p) == startEntry(p)) return true;
  return mayBeSlab && isSlab(entryOf(p));
}

/** Whether the entries of all cells above that of `from` and below that of `to` are 0. */
function areCellsEmpty(from: i32, to: i32): bool {
  for (let cell: i32 = (from >>> CELL_SHIFT) + 1; cell < to >>> CELL_SHIFT; cell++) {
    if (entryOf(cell << CELL_SHIFT) != 0) return false;
  }
  return true;
}

/** The end of the memory that the map has entries for. */
function mapEnd(): i32 {
  if (!PINNED) return (heap & -CELL) + (mapBytes(topEnd()) << CELL_SHIFT);
  return roundUp(top() + 1, CHUNK_SPAN) - missingChunks(top()) * CHUNK_SPAN;
}

function isChunk(p: i32): bool {
  for (let i: i32 = 0; i < chunkCount(); i++) {
    if (chunk(i) == p) return below(CHUNK_BYTES, payloadOf(p) + 1);
  }
  return false;
}

/** Checks the slab that is the block at `p`; the code of what is violated. */
function checkSlab(p: i32, size: i32): i32 {
  const slab: i32 = slabOf(p, entryOf(p));
  const cells: i32 = size >>> CELL_SHIFT;
  if ((p & (CELL - 1)) != 0 || (size & (CELL - 1)) > GRANULE || cells == 0 || cells > MAX_CELLS)
    return S + 1;
  if (!isSlabHeader(slab) || blockOf(slab) != p) return S + 1;
  if (PINNED && slotsEnd(slab) != p + (cells << CELL_SHIFT) - SLAB_END) return S + 1;
  for (let i: i32 = 1; i < cells; i++) {
    const address: i32 = p + (i << CELL_SHIFT);
    if (!isSlab(entryOf(address)) || slabOf(address, entryOf(address)) != slab) return M + 2;
  }
  const owner: i32 = SHARED ? ownerOf(slab & -GROUP) : 0;
  if (SHARED && owner != 0) {
    if (!isLive(owner)) return S + 8;
    useRecords(frontOfThread(owner));
  }
  const c: i32 = classOf(slab);
  if (!below(c, classAt(CLASS_COUNT))) return S + 3;
  // The first slot of a slab that was split may start above the block, but not by a whole slot.
  const skipped: i32 = baseOf(slab) - p;
  if (!below(skipped, slotSize(c)) || (skipped & 7) != 0) return S + 1;
  if (PINNED && skipped != 0) return S + 1;
  const slots: i32 = slotCount(slab);
  let used: i32 = 0;
  for (let slot: i32 = 0; slot < 64; slot++) {
    if (!isUsed(slab, slot)) continue;
    if (slot >= slots) return S + 2;
    used++;
  }
  if (SHARED && owner == 0) return 0;
  const current: bool = currentSlab(c) == slab;
  const full: bool = used == slots && !current;
  if (isCurrent(slab) != current) return S + 6;
  // Others have freed slots of a slab that is still marked as full: a hint says so.
  if (SHARED && !current && !full && isFull(slab)) {
    return isDirty(slab) ? 0 : S + 9;
  }
  const kind: i32 = kindFor(c, full ? 0 : reciprocalOf(c)) | (current ? 1 : 0);
  return kindOf(slab) == kind ? 0 : S + 3;
}

// Bins --------------------------------------------------------------------------------------------------------------------

/** Free blocks that checkBins has not yet seen. */
let unseen: i32 = 0;

function checkBins(): i32 {
  unseen = freeBlocks;
  for (let bin: i32 = 0; bin < BIN_WORDS << 5; bin++) {
    const isMarked: bool = (binBits(bin >>> 5) & (1 << (bin & 31))) != 0;
    if (bin >= BIN_COUNT) {
      if (isMarked) return found(F + 2, binHead(bin));
      continue;
    }
    const p: i32 = loadLink(binHead(bin));
    if (isMarked != (p != 0)) return found(F + 2, binHead(bin));
    const code: i32 = checkNode(p, binHead(bin), bin, 0, 0);
    if (code != 0) return code;
  }
  return unseen == 0 ? 0 : found(F + 3, binHead(0));
}

/** Checks a node, its list, and what is below it; its path has `depth` steps, the bits `path`. Bins of one size have one node. */
function checkNode(node: i32, link: i32, bin: i32, depth: i32, path: i32): i32 {
  if (node == 0) return 0;
  let code: i32 = checkFree(node, link, bin);
  if (code != 0) return code;
  const size: i32 = sizeOf(node);
  let last: i32 = node;
  for (let p: i32 = nextFree(node); p != 0; p = nextFree(p)) {
    code = checkFree(p, nextWord(last), bin);
    if (code != 0) return code;
    if (sizeOf(p) != size) return found(F + 1, p);
    if (!below(size, LEAST_NODE) && loadLink(childWord(p, false)) != LISTED) return found(F + 1, p);
    last = p;
  }
  if (below(size, LEAST_NODE)) return 0;
  if (depth > 0 && pathTo(size) >>> (32 - depth) != path) return found(F + 1, node);
  const left: i32 = childWord(node, false);
  const right: i32 = childWord(node, true);
  code = checkNode(loadLink(left), left, bin, depth + 1, path << 1);
  return code != 0 ? code : checkNode(loadLink(right), right, bin, depth + 1, (path << 1) | 1);
}

/** Checks that `p` is a free block of this bin to which `link` leads, and counts it. */
function checkFree(p: i32, link: i32, bin: i32): i32 {
  if (unseen == 0) return found(F + 3, p);
  if (below(p, first) || !below(p, top()) || isSlab(entryOf(p)) || !isStart(p, entryOf(p)))
    return found(F + 1, link);
  if ((header(p) & IN_USE) != 0 || binFor(sizeOf(p)) != bin || linkTo(p) != link)
    return found(F + 1, p);
  unseen--;
  return 0;
}

// Quick lists -------------------------------------------------------------------------------------------------------------

/** Checks that each list has different quick blocks of one size, which belongs there, and that all are in a list. */
function checkQuickLists(): i32 {
  for (let index: i32 = 0; index < QUICK_LISTS; index++) {
    const list: i32 = quickList(index);
    const count: i32 = quickCount(list);
    if (below(QUICK_ROOM, count)) return found(Q + 1, list);
    for (let number: i32 = 0; number < count; number++) {
      const p: i32 = quickBlock(list, number);
      const size: i32 = quickSize(p);
      if (size == 0 || quickListFor(size) != list || size != quickSize(quickBlock(list, 0)))
        return found(Q + 1, list);
      for (let other: i32 = 0; other < number; other++) {
        if (quickBlock(list, other) == p) return found(Q + 1, list);
      }
    }
    quickBlocks -= count;
  }
  return quickBlocks == 0 ? 0 : found(Q + 1, heap);
}

/** Size of the quick block at `p`, any word; 0 if there is none. */
function quickSize(p: i32): i32 {
  if (below(p, first) || !below(p, top()) || isSlab(entryOf(p)) || !isStart(p, entryOf(p)))
    return 0;
  return (header(p) & (IN_USE | BLOCK_KIND)) == (IN_USE | QUICK) ? sizeOf(p) : 0;
}

// Slabs -------------------------------------------------------------------------------------------------------------------

/** Checks the list, the current slab and the cells of a class. */
function checkSlabs(c: i32): i32 {
  const current: i32 = currentSlab(c);
  if (current != noSlab() && !isSlabOf(c, current)) return found(S + 6, c);
  let previous: i32 = 0;
  let listed: i32 = 0;
  for (let slab: i32 = firstPartial(c); slab != 0; slab = nextPartial(slab)) {
    if (!isSlabOf(c, slab) || previousPartial(slab) != previous) return found(S + 4, c);
    if (isFull(slab) || slab == current) return found(S + 4, slab);
    if (!SHARED && isEmpty(slab) && slab != firstPartial(c)) return found(S + 5, slab);
    previous = slab;
    listed++;
  }
  if (lastPartial(c) != previous) return found(S + 4, c);
  let cells: i32 = 0;
  if (cellsOf(c) == 0 && listed == 0 && current == noSlab()) return 0;
  for (let p: i32 = first; p != top(); p = (p + sizeOf(p)) | 0) {
    if (!isSlab(entryOf(p)) || (header(p) & (IN_USE | BLOCK_KIND)) != IN_USE) continue;
    const slab: i32 = slabOf(p, entryOf(p));
    if (classOf(slab) != c) continue;
    if (SHARED && frontOfThread(ownerOf(slab & -GROUP)) != recordsInUse()) continue;
    cells += sizeOf(p) >>> CELL_SHIFT;
    if (!isFull(slab) && slab != current) listed--;
  }
  if (listed != 0) return found(S + 4, c);
  cellsLeft -= cells;
  return cells == cellsOf(c) ? 0 : found(S + 7, c);
}

/** Whether `slab` is the header of a slab of class `c`. */
function isSlabOf(c: i32, slab: i32): bool {
  return isSlabHeader(slab) && classOf(slab) == c;
}

// PINNED layout: groups ---------------------------------------------------------------------------------------------------

/** Whether a block of metadata is a group. */
function isGroup(p: i32): bool {
  return (
    (p & (GROUP - 1)) == 0 && below(sizeOf(p) - GROUP, 2 * GRANULE) && p != root() && !isChunk(p)
  );
}

function checkGroups(): i32 {
  let link: i32 = groupLinkAt(0);
  for (let group: i32 = firstGroup(); group != 0; group = nextGroup(group)) {
    if (openGroups == 0 || below(group, first) || !below(group, top())) return found(S + 8, group);
    if (
      !isGroup(group) ||
      (header(group) & BLOCK_KIND) != METADATA ||
      firstClear(group) >= GROUP_HEADERS
    )
      return found(S + 8, group);
    if (groupLink(group) != link) return found(S + 8, group);
    link = groupLinkAt(group);
    openGroups--;
  }
  if (openGroups != 0) return found(S + 8, heap);
  for (let p: i32 = first; p != top(); p = (p + sizeOf(p)) | 0) {
    if ((header(p) & BLOCK_KIND) != METADATA || !isGroup(p)) continue;
    for (let i: i32 = 0; i < 64; i++) {
      if (!hasBit(p, i)) continue;
      if (i >= GROUP_HEADERS || !isSlabHeader(headerAt(p, i))) return found(S + 8, p);
      slabs--;
    }
  }
  return slabs == 0 ? 0 : found(S + 8, heap);
}

// Heaps that several threads use (SHARED) -----------------------------------------------------------------------------------

/** Nobody may be using the heap, and no death may be without a recovery. */
function checkShared(): i32 {
  if (isLocked() || logged() != 0) return found(L + 1, sharedWords());
  const records: i32 = recordsInUse();
  let code: i32 = checkFronts();
  if (code == 0) code = checkBlocks();
  if (code == 0) code = checkBins();
  if (code == 0) code = checkQuickLists();
  for (let place: i32 = 0; code == 0 && place < PLACES; place++) {
    if (frontOf(place) == 0) continue;
    useRecords(frontOf(place));
    for (let i: i32 = 0; code == 0 && i < CLASS_COUNT; i++) code = checkSlabs(classAt(i));
    if (code == 0) code = checkOpenGroups();
  }
  if (code == 0 && cellsLeft != 0) code = found(S + 7, heap);
  if (code == 0) code = checkOwners();
  if (code == 0) code = checkBits();
  useRecords(records);
  return code;
}

/** The words of each thread: where they are, and the sizes of the classes. */
function checkFronts(): i32 {
  for (let place: i32 = 0; place < PLACES; place++) {
    const front: i32 = frontOf(place);
    const isAlive: bool = kindIn(stateOf(place)) == LIVE;
    if ((front != 0) != isAlive) return found(L + 2, front);
    if (!isAlive) continue;
    if (!isMetadata(front) || below(sizeOf(front), FRONT_BYTES)) return found(L + 2, front);
    for (let other: i32 = 0; other < place; other++) {
      if (frontOf(other) == front) return found(L + 2, front);
    }
    useRecords(front);
    const code: i32 = checkClasses();
    if (code != 0) return code;
  }
  return 0;
}

/** Whether the header before `p`, any word, is that of a block of metadata. */
function isMetadata(p: i32): bool {
  if ((p & (GRANULE - 1)) != 0 || below(p, first) || !below(p, top())) return false;
  return (header(p) & (IN_USE | BLOCK_KIND)) == (IN_USE | METADATA) && endsBy(p, sizeOf(p), top());
}

/** The list of this thread's groups with free headers. */
function checkOpenGroups(): i32 {
  let link: i32 = groupLinkAt(0);
  for (let group: i32 = loadLink(link); group != 0; group = nextGroup(group)) {
    if (openGroups == 0 || !isMetadata(group) || !isGroup(group)) return found(S + 8, link);
    if (groupLink(group) != link || firstClear(group) >= GROUP_HEADERS) return found(S + 8, group);
    link = groupLinkAt(group);
    openGroups--;
  }
  return 0;
}

/** Each group has one owner that is alive, or none; together they have all slabs. */
function checkOwners(): i32 {
  let orphaned: i32 = 0;
  let left: i32 = (top() - first) >>> 10;
  for (let group: i32 = lastGroup(); group != 0; group = groupBefore(group)) {
    if (!isMetadata(group) || !isGroup(group)) return found(S + 8, group);
    const owner: i32 = ownerOf(group);
    if (owner == 0) {
      orphaned++;
      if (firstClear(group) < GROUP_HEADERS) openGroups--;
    } else if (!isLive(owner)) return found(S + 8, group);
    // A list that leads to itself has no end.
    if (left-- == 0) return found(S + 8, group);
    for (let i: i32 = 0; i < 64; i++) {
      if (!hasBit(group, i)) continue;
      if (i >= GROUP_HEADERS || !isSlabHeader(headerAt(group, i))) return found(S + 8, group);
      slabs--;
    }
  }
  return orphaned == orphans() && openGroups == 0 && slabs == 0 ? 0 : found(S + 8, heap);
}

/** The bits of blocks in use, the hints of freed ones, and the number of threads' words. */
function checkBits(): i32 {
  let used: i32 = 0;
  let fronts: i32 = 0;
  for (let p: i32 = first; p != top(); p = (p + sizeOf(p)) | 0) {
    const kind: i32 = header(p) & (IN_USE | BLOCK_KIND);
    if (kind == (IN_USE | METADATA)) {
      if (p != root() && !isChunk(p) && !isGroup(p)) fronts++;
    }
    if (kind != IN_USE || isSlab(entryOf(p))) continue;
    if (!isTaken(p)) return found(R + 1, p);
    used++;
  }
  for (let place: i32 = 0; place < PLACES; place++) {
    if (frontOf(place) != 0) fronts--;
  }
  if (fronts != 0) return found(L + 2, heap);
  const taken: i32 = takenBlocks();
  if (taken == -1) return found(R + 2, heap);
  return taken == used ? 0 : found(R + 1, heap);
}
