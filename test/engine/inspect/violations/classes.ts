/** What breaks the invariants of engine/classes.ts: size classes. */

import { RECIPROCAL_AT, SLOT_BYTES_AT, SLOT_SIZE_AT } from "../../../../engine/control.ts";
import { wordsOf } from "../../../suite/picture.ts";
import type { Violations } from "../violation.ts";

export const classes: Violations = {
  both: [
    ["C1", "another slot size", (heap) => heap.set(heap.slab("full").c + SLOT_SIZE_AT, 40)],
    [
      "C1",
      "another reciprocal",
      (heap) => {
        const at = heap.slab("full").c + RECIPROCAL_AT;
        heap.set(at, heap.word(at) + 1);
      },
    ],
    [
      "C1",
      "larger slots for a size",
      (heap) => wordsOf(heap.memory).setUint8(heap.at + SLOT_BYTES_AT + 5, 8),
    ],
  ],
};
