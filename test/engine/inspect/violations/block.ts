/** What breaks the invariants of engine/block.ts: sizes, tags, free neighbours and the top block. */

import { HEADER, IN_USE, METADATA, PREVIOUS_IN_USE } from "../../../../engine/block.ts";
import { CELL, GRANULE, HIGH_WATER_AT, TOP_AT, TOP_END_AT } from "../../../../engine/control.ts";
import type { Violations } from "../violation.ts";

export const block: Violations = {
  both: [
    ["B1", "a block of size 0", (heap) => heap.setHeader(heap.last(), IN_USE | PREVIOUS_IN_USE)],
    [
      "B1",
      "a block that ends beyond the top block",
      (heap) => heap.setHeader(heap.last(), (1 << 30) | IN_USE | PREVIOUS_IN_USE),
    ],
    [
      "B1",
      "a block that ends within the top block",
      (heap) => heap.setHeader(heap.last(), heap.header(heap.last()) + GRANULE),
    ],
    [
      "B1",
      "a free block with a kind",
      (heap) => heap.setHeader(heap.free()[0]!, heap.header(heap.free()[0]!) | METADATA),
    ],
    [
      "B2",
      "PREVIOUS_IN_USE after a free block",
      (heap) => {
        const p = heap.free()[0]!;
        const next = p + heap.size(p);
        heap.setHeader(next, heap.header(next) | PREVIOUS_IN_USE);
      },
    ],
    [
      "B2",
      "no PREVIOUS_IN_USE after a block in use",
      (heap) => heap.setHeader(heap.last(), heap.header(heap.last()) & ~PREVIOUS_IN_USE),
    ],
    [
      "B3",
      "another size in the last word of a free block",
      (heap) => {
        const p = heap.free()[0]!;
        heap.set(p + heap.size(p) - 2 * HEADER, heap.size(p) + 16);
      },
    ],
    [
      "B4",
      "a free block cut in two",
      (heap) => {
        const p = heap.free().find((each) => each % CELL < CELL - 64 && heap.size(each) > 64)!;
        const size = heap.size(p);
        heap.setHeader(p, 32 | PREVIOUS_IN_USE);
        heap.setFooter(p, 32);
        heap.setHeader(p + 32, size - 32);
        heap.setFooter(p + 32, size - 32);
      },
    ],
    [
      "B4",
      "a free block before the top block",
      (heap) => {
        const p = heap.last();
        const size = heap.size(p);
        heap.setHeader(p, size | PREVIOUS_IN_USE);
        heap.setFooter(p, size);
        heap.setHeader(p + size, heap.header(p + size) & ~PREVIOUS_IN_USE);
      },
    ],
    [
      "B5",
      "a top block that ends below TOP_END",
      (heap) => heap.setHeader(heap.top.address, heap.header(heap.top.address) - 16),
    ],
    [
      "B5",
      "a high-water mark below the top block",
      (heap) => heap.setControl(HIGH_WATER_AT, heap.top.address - 16),
    ],
    ["B5", "TOP that is not aligned", (heap) => heap.setControl(TOP_AT, heap.top.address + 8)],
    ["B5", "TOP below the first block", (heap) => heap.setControl(TOP_AT, heap.at)],
    ["B5", "TOP_END below TOP", (heap) => heap.setControl(TOP_END_AT, heap.top.address - 16)],
  ],
  plain: [
    [
      "B1",
      "a block of metadata",
      (heap) => heap.setHeader(heap.last(), heap.header(heap.last()) | METADATA),
    ],
  ],
};
