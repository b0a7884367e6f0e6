/** What breaks the invariants of engine/blocks.ts: quick lists. */

import { QUICK } from "../../../../engine/block.ts";
import { QUICK_AT } from "../../../../engine/control.ts";
import type { Violations } from "../violation.ts";

export const blocks: Violations = {
  both: [
    ["Q1", "quick blocks in no list", (heap) => heap.set(heap.quickHeads()[0]!, 0)],
    [
      "Q1",
      "a quick block in another list",
      (heap) => {
        const [two, one] = heap.quickHeads() as [number, number];
        const p = heap.word(two);
        heap.set(two, heap.word(p));
        heap.set(p, heap.word(one));
        heap.set(one, p);
      },
    ],
    [
      "Q1",
      "a list in the place of another",
      (heap) => {
        const [two, one] = heap.quickHeads() as [number, number];
        const [p, q] = [heap.word(two), heap.word(one)];
        heap.set(two, q);
        heap.set(one, p);
      },
    ],
    [
      "Q1",
      "a quick list that leads to a block in use",
      (heap) => heap.set(heap.quickHeads()[0]!, heap.last()),
    ],
    [
      "Q1",
      "a quick list that leads into a block",
      (heap) => heap.set(heap.quickHeads()[0]!, heap.last() + 16),
    ],
    [
      "Q1",
      "a quick list that leads to itself",
      (heap) => heap.set(heap.word(heap.quickHeads()[0]!), heap.word(heap.quickHeads()[0]!)),
    ],
    [
      "Q1",
      "a quick block that is marked as in use",
      (heap) => {
        const p = heap.word(heap.quickHeads()[0]!);
        heap.setHeader(p, heap.header(p) & ~QUICK);
      },
    ],
    ["Q1", "another count of quick blocks", (heap) => heap.setControl(QUICK_AT, 2)],
  ],
};
