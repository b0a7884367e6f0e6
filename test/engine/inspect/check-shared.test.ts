/** engine/inspect/check.ts: the invariants of heaps that several threads use are broken on purpose. */

import { expect, test } from "vitest";

import { brokenIn, type Thread } from "../threads.ts";
import { SharedHeap } from "./shared-heap.ts";
import { lock } from "./violations/lock.ts";
import { returned } from "./violations/returned.ts";
import { slabs } from "./violations/slabs.ts";

/** The first invariant that is violated; "" if all hold. */
const broken = (heap: SharedHeap): string => brokenIn({ engine: heap.engine } as Thread);

test("a heap with freed slots and blocks that nobody has given back is sound", () => {
  expect(broken(new SharedHeap())).toBe("");
});

test.each([lock, returned, slabs].flatMap(({ shared = [] }) => shared))(
  "%s: %s",
  (invariant, _, commit) => {
    const heap = new SharedHeap();
    commit(heap);
    expect(broken(heap).split(" ")[0]).toBe(invariant);
  },
);
