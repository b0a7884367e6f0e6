/** What breaks the invariants of engine/control.ts: the heap as a whole. */

import { FOREIGN } from "../../../../engine/block.ts";
import {
  BREAK_AT,
  FIT_AT,
  FOREIGN_AT,
  LIMIT_AT,
  MAGIC_AT,
  RESERVED_AT,
  PEAK_AT,
  SMALL_AT,
} from "../../../../engine/control.ts";
import { DEFAULT_SMALL, FIT } from "../../test-heap.ts";
import type { Violations } from "../violation.ts";

export const control: Violations = {
  both: [
    ["H1", "no MAGIC", (heap) => heap.setControl(MAGIC_AT, 0)],
    ["H1", "FIT above NEXT_FIT", (heap) => heap.setControl(FIT_AT, FIT.next + 1)],
    ["H1", "a negative FIT", (heap) => heap.setControl(FIT_AT, -1)],
    ["H1", "SMALL above the largest slot", (heap) => heap.setControl(SMALL_AT, DEFAULT_SMALL + 2)],
    ["H1", "a break that is not aligned", (heap) => heap.setControl(BREAK_AT, heap.breakAt - 8)],
    ["H1", "a break above the limit", (heap) => heap.setControl(LIMIT_AT, heap.breakAt - 16)],
    [
      "H2",
      "foreign bytes without a foreign region",
      (heap) => heap.setControl(FOREIGN_AT, heap.control(FOREIGN_AT) + 16),
    ],
    [
      "H2",
      "a foreign region that is not counted",
      (heap) => {
        const p = heap.large();
        heap.setHeader(p, heap.header(p) | FOREIGN);
      },
    ],
    [
      "H2",
      "a peak below the footprint",
      (heap) => heap.setControl(PEAK_AT, heap.engine.heap_stat(0) - 16),
    ],
    ["H3", "RESERVED below the break", (heap) => heap.setControl(RESERVED_AT, heap.breakAt - 16)],
    [
      "H3",
      "a memory that ends below the break",
      (heap) => (heap.memory as ArrayBuffer).resize(heap.breakAt - 16),
    ],
  ],
};
