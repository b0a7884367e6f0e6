/** What a heap does, on every engine and in every memory. */

import { describe, expect, it } from "vitest";

import { Heap } from "../../src/index.ts";
import { binsSuite } from "../suite/bins.ts";
import { blocksSuite } from "../suite/blocks.ts";
import { growthSuite } from "../suite/growth.ts";
import { churn, heapSuite } from "../suite/heap.ts";
import { FITS } from "../suite/heaps.ts";
import { mapSuite } from "../suite/map.ts";
import { slabsSuite } from "../suite/slabs.ts";
import { walkSuite } from "../suite/walk.ts";
import { PLACES } from "./places.ts";

const SUITES = {
  heap: heapSuite,
  growth: growthSuite,
  bins: binsSuite,
  blocks: blocksSuite,
  map: mapSuite,
  slabs: slabsSuite,
  walk: walkSuite,
};

describe.each(PLACES)("$name", (place) => {
  for (const [name, suite] of Object.entries(SUITES)) describe(name, () => suite(place));
});

it("both engines return the same pointers, and leave the same bytes", () => {
  for (const fit of FITS) {
    for (const small of [0, 1008]) {
      const [wasm, js] = (["wasm", "js"] as const).map((engine) => {
        const heap = new Heap({ engine, fit, small, margin: 0 });
        return [churn(heap, 3000, 5), heap.stats(), Buffer.from(heap.buffer)] as const;
      });
      expect(js![0]).toEqual(wasm![0]);
      expect(js![1]).toEqual(wasm![1]);
      expect(js![2].equals(wasm![2])).toBe(true);
    }
  }
});
