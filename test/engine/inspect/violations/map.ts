/** What breaks the invariants of engine/map.ts: entries of the block map. */

import { METADATA } from "../../../../engine/block.ts";
import {
  BREAK_AT,
  CELL,
  CELL_SHIFT,
  CHUNKS_AT,
  GRANULE,
  ROOT_AT,
  TOP_END_AT,
} from "../../../../engine/control.ts";
import { CHUNK_BYTES } from "../../../../engine/map.ts";
import { PINNED } from "../../engines.ts";
import { LAST_START } from "../busy-heap.ts";
import type { Violations } from "../violation.ts";

export const map: Violations = {
  both: [
    ["M1", "no entry where a block starts", (heap) => heap.setEntry(heap.large(), 0)],
    [
      "M1",
      "an entry of another start",
      (heap) => heap.setEntry(heap.large(), (heap.entry(heap.large()) % LAST_START) + 1),
    ],
    ["M1", "an entry where no block starts", (heap) => heap.setEntry(heap.large() + CELL, 5)],
    [
      "M1",
      "the entry of a slab where no block starts",
      (heap) => heap.setEntry(heap.large() + CELL, heap.slabEntry()),
    ],
    [
      "M1",
      "the entry of a slab where a free block starts",
      (heap) => heap.setEntry(heap.free()[0]!, heap.slabEntry()),
    ],
    [
      "M1",
      "the entry of a slab where a quick block starts",
      (heap) => heap.setEntry(heap.word(heap.quickLists()[0]! + 4), heap.slabEntry()),
    ],
    [
      "M1",
      "the entry of a slab where the top block starts",
      (heap) => heap.setEntry(heap.top.address, heap.slabEntry()),
    ],
    ["M1", "an entry in the top block", (heap) => heap.setEntry(heap.top.address + CELL, 1)],
    [
      "M1",
      "an entry at the end of the top block",
      (heap) => heap.setEntry(heap.control(TOP_END_AT) - 1, 1),
    ],
    ["M1", "an entry for the control block's first cell", (heap) => heap.setEntry(heap.at, 1)],
    [
      "M1",
      "an entry for the control block",
      (heap) => heap.setEntry(heap.at + CELL, LAST_START + 1),
    ],
    [
      "M2",
      "another slab's entry in a slab's cell",
      (heap) => {
        const { base } = heap.slab("full", ({ cells }) => cells > 1);
        heap.setEntry(base + CELL, PINNED ? heap.slab("current").at : heap.entry(base));
      },
    ],
    [
      "M2",
      "no entry in a slab's cell",
      (heap) => heap.setEntry(heap.slab("full", ({ cells }) => cells > 1).base + CELL, 0),
    ],
    [
      "M2",
      "a start in a slab's cell",
      (heap) => heap.setEntry(heap.slab("full", ({ cells }) => cells > 1).base + CELL, 1),
    ],
    [
      "M3",
      "TOP_END above the break",
      (heap) => heap.setControl(TOP_END_AT, heap.breakAt + GRANULE),
    ],
  ],
  plain: [
    [
      "M1",
      "an entry behind the last cell of the top block",
      (heap) => heap.setEntry(heap.control(TOP_END_AT), 1),
    ],
    [
      "M3",
      "a map that ends above the break",
      (heap) => {
        const end = heap.control(TOP_END_AT);
        const cells = (end >>> CELL_SHIFT) - (heap.at >>> CELL_SHIFT) + 1;
        heap.setControl(BREAK_AT, end + ((cells + 15) & -16) - 16);
      },
    ],
  ],
  pinned: [
    [
      "M1",
      "an entry in the last chunk, above the top block",
      (heap) => {
        const last = heap.word(heap.control(ROOT_AT) + 4 * (heap.control(CHUNKS_AT) - 1));
        heap.set(last + CHUNK_BYTES - 4, 1);
      },
    ],
    ["M3", "ROOT out of the heap", (heap) => heap.setControl(ROOT_AT, heap.breakAt)],
    ["M3", "ROOT below the first block", (heap) => heap.setControl(ROOT_AT, heap.at)],
    [
      "M3",
      "a root that is not metadata",
      (heap) => {
        const p = heap.control(ROOT_AT);
        heap.setHeader(p, heap.header(p) & ~METADATA);
      },
    ],
    [
      "M3",
      "one chunk less than the root has",
      (heap) => heap.setControl(CHUNKS_AT, heap.control(CHUNKS_AT) - 1),
    ],
    ["M3", "too few chunks", (heap) => heap.setControl(CHUNKS_AT, 1)],
    ["M3", "more chunks than the root has room for", (heap) => heap.setControl(CHUNKS_AT, 1000)],
    ["M3", "a chunk out of the heap", (heap) => heap.set(heap.control(ROOT_AT), heap.breakAt)],
    [
      "M3",
      "a chunk that ends beyond the top block's start",
      (heap) => heap.set(heap.control(ROOT_AT), heap.top.address - GRANULE),
    ],
    [
      "M3",
      "a chunk that is not metadata",
      (heap) => {
        const p = heap.word(heap.control(ROOT_AT));
        heap.setHeader(p, heap.header(p) & ~METADATA);
      },
    ],
  ],
};
