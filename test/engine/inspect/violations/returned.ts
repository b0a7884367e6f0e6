/** What breaks the invariants of engine/returned.ts: the bits of blocks, and the hints that lead to freed ones. */

import { DIRTY, RETURNED } from "../shared-heap.ts";
import type { Violations } from "../violation.ts";

export const returned: Violations = {
  both: [],
  shared: [
    ["R1", "a block in use whose bits are equal", (heap) => heap.flip(heap.block)],
    ["R1", "bits that differ in the middle of a block", (heap) => heap.flip(heap.block + 64)],
    ["R1", "bits that differ at a slab", (heap) => heap.flip(heap.slot & -512)],
    [
      "R2",
      "a freed block without a hint",
      (heap) => heap.set(heap.chunk(heap.returned) + DIRTY, 0),
    ],
    ["R2", "a chunk with freed blocks, but no hint", (heap) => heap.setShared(RETURNED, 0)],
  ],
};
