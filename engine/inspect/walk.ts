// Walks the heap: each block and slot in address order. It reads the heap's words, and changes nothing.

import { below, multiply, refresh } from "#memory";
import {
  FOREIGN,
  header,
  HEADER,
  IN_USE,
  endsBy,
  METADATA,
  BLOCK_KIND,
  QUICK,
  sizeIn,
  sizeOf,
} from "../block.ts";
import { first, heap, slotSize, top } from "../control.ts";
import { entryOf, findMap, forgetMap, isSlab, slabOf } from "../map.ts";
import { baseOf, blockOf, classOf, isUsed, slotCount } from "../slabs.ts";

export const FREE_BLOCK: i32 = 0;
export const USED_BLOCK: i32 = 1;
export const FREE_SLOT: i32 = 2;
export const USED_SLOT: i32 = 3;
export const METADATA_BLOCK: i32 = 4;
export const FOREIGN_REGION: i32 = 5;

/** Bytes of payload of the entry that the last `walk` returned. */
export let walkedSize: i32 = 0;
/** Its kind: FREE_BLOCK to FOREIGN_REGION. */
export let walkedKind: i32 = 0;

/**
 * Returns the entry after `p` in address order, 0 to start: blocks and, in slabs, slots. Returns 0 at the end, and `p` itself if
 * its header was overwritten. `p` is an entry of this walk, during which nothing was allocated or freed.
 */
export function walk(p: i32): i32 {
  if (heap == 0) return 0;
  refresh();
  findMap();
  forgetMap();
  return advance(p);
}

/** The same for an engine that knows the heap, and the map, as they are now. */
export function advance(p: i32): i32 {
  if (p == 0) return arriveAt(first);
  if (p == top()) return 0;
  const entry: i32 = entryOf(p);
  if (!isSlab(entry)) return endsBy(p, sizeOf(p), top()) ? arriveAt((p + sizeOf(p)) | 0) : p;
  const slab: i32 = slabOf(p, entry);
  const size: i32 = slotSize(classOf(slab));
  const end: i32 = baseOf(slab) + multiply(size, slotCount(slab));
  if (below(p + size, end)) return arriveAt((p + size) | 0);
  const block: i32 = blockOf(slab);
  return arriveAt((block + sizeOf(block)) | 0);
}

function arriveAt(p: i32): i32 {
  const entry: i32 = entryOf(p);
  if (isSlab(entry)) {
    const slab: i32 = slabOf(p, entry);
    // The first slot may start above the block.
    if (below(p, baseOf(slab))) p = baseOf(slab);
    walkedSize = slotSize(classOf(slab));
    const slot: i32 = ((p - baseOf(slab)) / walkedSize) | 0;
    walkedKind = isUsed(slab, slot) ? USED_SLOT : FREE_SLOT;
    return p;
  }
  const h: i32 = header(p);
  // The top block may be empty.
  walkedSize = sizeIn(h) == 0 ? 0 : sizeIn(h) - HEADER;
  const kind: i32 = h & BLOCK_KIND;
  if ((h & IN_USE) == 0 || kind == QUICK) walkedKind = FREE_BLOCK;
  else if (kind == FOREIGN) walkedKind = FOREIGN_REGION;
  else walkedKind = kind == METADATA ? METADATA_BLOCK : USED_BLOCK;
  return p;
}
