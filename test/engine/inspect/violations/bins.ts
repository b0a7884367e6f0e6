/** What breaks the invariants of engine/bins.ts: free blocks in their bins. */

import { LISTED } from "../../../../engine/bins.ts";
import { BIN_COUNT } from "../../../../engine/control.ts";
import { LEFT, LINK, RIGHT } from "../busy-heap.ts";
import type { Violations } from "../violation.ts";

export const bins: Violations = {
  both: [
    [
      "F1",
      "a link that leads back to another word",
      (heap) => heap.set(heap.free()[0]! + LINK, heap.free()[1]!),
    ],
    [
      "F1",
      "a bin that leads to a block in use",
      (heap) => heap.set(heap.binsOfOne()[0]!, heap.last()),
    ],
    [
      "F1",
      "a bin that leads into a block",
      (heap) => heap.set(heap.binsOfOne()[0]!, heap.last() + 16),
    ],
    [
      "F1",
      "a bin that leads into a slab",
      (heap) => heap.set(heap.binsOfOne()[0]!, heap.slab("full").base),
    ],
    [
      "F1",
      "a bin that leads out of the heap",
      (heap) => heap.set(heap.binsOfOne()[0]!, heap.breakAt + 16),
    ],
    [
      "F1",
      "blocks in each other's bins",
      (heap) => {
        const [a, b] = heap.binsOfOne() as [number, number];
        const [p, q] = [heap.word(a), heap.word(b)];
        heap.set(a, q);
        heap.set(q + LINK, a);
        heap.set(b, p);
        heap.set(p + LINK, b);
      },
    ],
    [
      "F1",
      "a node on the wrong side",
      (heap) => {
        const node = heap.nodes().find((each) => heap.children(each).length === 1)!;
        const from = heap.word(node + LEFT) === 0 ? RIGHT : LEFT;
        const to = from === LEFT ? RIGHT : LEFT;
        const child = heap.word(node + from);
        heap.set(node + from, 0);
        heap.set(node + to, child);
        heap.set(child + LINK, node + to);
      },
    ],
    [
      "F1",
      "a block of another size in a node's list",
      (heap) => {
        const leaf = heap
          .nodes()
          .flatMap((each) => heap.children(each))
          .find((each) => heap.children(each).length === 0 && heap.word(each) === 0)!;
        const node = heap.nodes().find((each) => heap.children(each).includes(leaf))!;
        const next = heap.word(node);
        heap.set(heap.word(leaf + LINK), 0);
        heap.set(node, leaf);
        heap.set(leaf, next);
        heap.set(leaf + LINK, node);
        heap.set(leaf + LEFT, LISTED);
        if (next !== 0) heap.set(next + LINK, leaf);
      },
    ],
    [
      "F1",
      "a block in a node's list that is not marked",
      (heap) => {
        const node = heap.nodes().find((each) => heap.word(each) !== 0)!;
        heap.set(heap.word(node) + LEFT, 0);
      },
    ],
    [
      "F2",
      "no bit for a bin that is not empty",
      (heap) => heap.flipBit((heap.binsOfOne()[0]! - heap.bin(0)) / 4),
    ],
    [
      "F2",
      "a bit for an empty bin",
      (heap) => {
        const bins = Array.from({ length: BIN_COUNT - 1 }, (_, i) => i + 1);
        heap.flipBit(bins.find((bin) => heap.word(heap.bin(bin)) === 0)!);
      },
    ],
    ["F2", "a bit for a bin that does not exist", (heap) => heap.flipBit(BIN_COUNT)],
    ["F2", "a block in bin 0, which has no size", (heap) => heap.set(heap.bin(0), heap.free()[0]!)],
    [
      "F3",
      "a free block in no bin",
      (heap) => {
        const head = heap.binsOfOne()[0]!;
        heap.set(head, 0);
        heap.flipBit((head - heap.bin(0)) / 4);
      },
    ],
    [
      "F1",
      "a list that leads to itself",
      (heap) => {
        const node = heap.nodes().find((each) => heap.word(each) !== 0)!;
        const listed = heap.word(node);
        heap.set(listed, listed);
        heap.set(listed + LINK, listed);
        heap.set(node, listed);
      },
    ],
  ],
};
