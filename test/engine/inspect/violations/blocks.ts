/** What breaks the invariants of engine/blocks.ts: quick lists. */

import { QUICK } from "../../../../engine/block.ts";
import { QUICK_ROOM } from "../../../../engine/control.ts";
import type { Violations } from "../violation.ts";

export const blocks: Violations = {
  both: [
    ["Q1", "quick blocks in no list", (heap) => heap.set(heap.quickLists()[0]!, 0)],
    [
      "Q1",
      "a quick block in another list",
      (heap) => {
        const [two, one] = heap.quickLists() as [number, number];
        heap.set(one + 8, heap.word(two + 8));
        heap.set(one, 2);
        heap.set(two, 1);
      },
    ],
    [
      "Q1",
      "a list in the place of another",
      (heap) => {
        const [two, one] = heap.quickLists() as [number, number];
        const words = [0, 4, 8].map((offset) => [heap.word(two + offset), heap.word(one + offset)]);
        for (const [i, [a, b]] of words.entries()) {
          heap.set(two + 4 * i, b!);
          heap.set(one + 4 * i, a!);
        }
      },
    ],
    [
      "Q1",
      "a quick list that leads to a block in use",
      (heap) => heap.set(heap.quickLists()[0]! + 4, heap.last()),
    ],
    [
      "Q1",
      "a quick list that leads into a block",
      (heap) => heap.set(heap.quickLists()[0]! + 4, heap.last() + 16),
    ],
    [
      "Q1",
      "a quick list that has a block twice",
      (heap) => heap.set(heap.quickLists()[0]! + 8, heap.word(heap.quickLists()[0]! + 4)),
    ],
    [
      "Q1",
      "a quick list that is longer than its room",
      (heap) => heap.set(heap.quickLists()[0]!, QUICK_ROOM + 1),
    ],
    [
      "Q1",
      "a quick block that is marked as in use",
      (heap) => {
        const p = heap.word(heap.quickLists()[0]! + 4);
        heap.setHeader(p, heap.header(p) & ~QUICK);
      },
    ],
  ],
};
