/**
 * What a call costs, in memory accesses: loads and stores, counted by the seam. A lost bound shows here without a clock.
 * Moves of the break and copies are not counted: they cost what the platform takes for them.
 *
 * All bounds are what was measured. The programs are deterministic, so a change of the engine that costs more fails here.
 */

import { describe, expect, test } from "vitest";

import * as exports from "../../engine/exports.ts";
import * as inspector from "../../engine/inspect/exports.ts";
import { MOVES_AT } from "../../engine/control.ts";
import * as seam from "../../engine/memory/counting.ts";
import { forgetHeap, resizable } from "./engines.ts";
import { word } from "../suite/picture.ts";
import { DEFAULT_SMALL, FIT, TestHeap } from "./test-heap.ts";

const engine = { ...exports, ...inspector };

/** Exactly what a slot costs to allocate and to free if the current slab serves it. */
const SLOT_ALLOCATED = { loads: 5, stores: 1 };
const SLOT_FREED = { loads: 6, stores: 1 };

/** Loads and stores at most, of calls on blocks of a heap without slabs. */
const BLOCK = {
  "allocated from the top block": 20,
  "allocated, of exactly the size": 21,
  "allocated and split": 33,
  "allocated from a quick list": 8,
  "freed, no free neighbour": 22,
  "freed, coalesced with the next": 32,
  "freed, coalesced with the previous": 37,
  "freed, coalesced with both": 49,
  "freed, part of the top block": 18,
  "freed into a quick list": 16,
  "usable size": 9,
  owns: 7,
  "reallocated to the same size": 10,
};

/**
 * Over a long random program with 20,000 live blocks: the median, what 999 of 1000 calls cost at most, and what any call costs.
 * The worst requests coalesce all 24 quick blocks before the top block grows: fewer than one in a thousand do. A call that frees a
 * block may coalesce a quick block besides.
 */
const LONG: Record<
  string,
  Record<"malloc" | "free" | "realloc", readonly [median: number, p999: number, worst: number]>
> = {
  "any size, slabs": { malloc: [6, 104, 365], free: [7, 94, 132], realloc: [43, 150, 210] },
  "any size, no slabs": { malloc: [19, 67, 334], free: [41, 97, 131], realloc: [40, 109, 134] },
  "large sizes, slabs": { malloc: [37, 78, 93], free: [55, 101, 135], realloc: [51, 129, 150] },
  "aligned, no slabs": { malloc: [44, 112, 516], free: [70, 129, 142], realloc: [44, 126, 700] },
};

function heapWith(small: number): TestHeap {
  const memory = resizable(0, 8192);
  seam.mount(memory);
  forgetHeap();
  expect(engine.heap_create(0, 0, -1, FIT.best, small)).toBe(0);
  return new TestHeap(engine, memory);
}

function costOf(call: () => void): { loads: number; stores: number } {
  seam.counts.loads = 0;
  seam.counts.stores = 0;
  call();
  const { loads, stores } = seam.counts;
  return { loads, stores };
}

describe("slots", () => {
  test.each([0, 8, 24, 100, 250])(
    "a slot of %d bytes costs the same loads and stores each time",
    (size) => {
      const heap = heapWith(DEFAULT_SMALL);
      const live = [heap.allocateSlot(size), heap.allocate(size)];
      // The first free after a walk proves the control block again.
      engine.free(engine.malloc(size));
      let p = 0;
      expect(costOf(() => (p = engine.malloc(size)))).toEqual(SLOT_ALLOCATED);
      live.push(p);
      // The second of three: its slab was not full, and does not become empty.
      expect(costOf(() => engine.free(live[1]!))).toEqual(SLOT_FREED);
    },
  );
});

describe("blocks", () => {
  /** Blocks of 1008 bytes, behind one of `before` bytes. They go into quick lists only if that makes the heap large. */
  function row(count: number, before = 0): { heap: TestHeap; at: number[] } {
    const heap = heapWith(0);
    heap.allocate(before);
    return { heap, at: Array.from({ length: count }, () => heap.allocate(1000)) };
  }

  const cases: Record<keyof typeof BLOCK, () => () => void> = {
    "allocated from the top block": () => {
      row(1);
      return () => engine.malloc(1000);
    },
    "allocated, of exactly the size": () => {
      const { heap, at } = row(3);
      heap.release(at[1]!);
      return () => expect(engine.malloc(1000)).toBe(at[1]);
    },
    "allocated and split": () => {
      const { heap, at } = row(3);
      heap.release(at[1]!);
      return () => expect(engine.malloc(500)).toBe(at[1]);
    },
    "freed, no free neighbour": () => {
      const { at } = row(3);
      return () => engine.free(at[1]!);
    },
    "freed, coalesced with the next": () => {
      const { heap, at } = row(4);
      heap.release(at[2]!);
      return () => engine.free(at[1]!);
    },
    "freed, coalesced with the previous": () => {
      const { heap, at } = row(4);
      heap.release(at[1]!);
      return () => engine.free(at[2]!);
    },
    "freed, coalesced with both": () => {
      const { heap, at } = row(5);
      heap.release(at[1]!);
      heap.release(at[3]!);
      return () => engine.free(at[2]!);
    },
    "freed, part of the top block": () => {
      const { at } = row(2);
      return () => engine.free(at[1]!);
    },
    "allocated from a quick list": () => {
      const { heap, at } = row(3, 1 << 20);
      heap.release(at[1]!);
      return () => expect(engine.malloc(1000)).toBe(at[1]);
    },
    "freed into a quick list": () => {
      const { heap, at } = row(3, 1 << 20);
      heap.release(at[0]!);
      return () => engine.free(at[2]!);
    },
    "usable size": () => {
      const { at } = row(3);
      return () => engine.malloc_usable_size(at[1]!);
    },
    owns: () => {
      const { at } = row(3);
      return () => engine.heap_owns(at[1]!);
    },
    "reallocated to the same size": () => {
      const { at } = row(3);
      return () => expect(engine.realloc(at[1]!, 1000)).toBe(at[1]);
    },
  };

  test.each(Object.entries(BLOCK))("%s: %d at most", (name, most) => {
    const call = cases[name as keyof typeof BLOCK]();
    const { loads, stores } = costOf(call);
    expect(loads + stores).toBeLessThanOrEqual(most);
  });
});

test("small requests do not look for a slab each time if there is no memory for one", () => {
  const memory = resizable(0, 128);
  seam.mount(memory);
  forgetHeap();
  expect(engine.heap_create(0, 0, -1, FIT.best, DEFAULT_SMALL)).toBe(0);
  // Full of large blocks, some of them freed: each has room for a few blocks of this size, but not for a slab.
  const live: number[] = [];
  for (let p = engine.malloc(2000); p !== 0; p = engine.malloc(2000 + (live.length % 500)))
    live.push(p);
  live.forEach((p, i) => i > live.length / 2 && i % 4 === 0 && engine.free(p));
  const served: number[] = [];
  const { loads, stores } = costOf(() => {
    for (let left = 1000; left > 0; left--) served.push(engine.malloc(600));
  });
  expect(served).not.toContain(0);
  const heap = new TestHeap(engine, memory);
  expect(heap.walk().some(({ kind }) => kind === 2 || kind === 3)).toBe(false);
  expect((loads + stores) / 1000).toBeLessThan(56);
});

describe("a long random program", () => {
  const OPS = 200_000;
  const LIVE = 20_000;

  /** The same numbers each time, 0 to 1 (Knuth's linear congruence). */
  function numbers(): () => number {
    let state = 7;
    return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  }

  function anySize(next: () => number): number {
    const x = next();
    return Math.floor(next() * (x < 0.5 ? 64 : x < 0.8 ? 1100 : x < 0.98 ? 6000 : 60_000));
  }

  function largeSize(next: () => number): number {
    return Math.floor(next() < 0.9 ? 1100 + next() * 6000 : next() * 60_000);
  }

  const settings: Record<
    keyof typeof LONG,
    { small: number; size: typeof anySize; aligned?: boolean }
  > = {
    "any size, slabs": { small: DEFAULT_SMALL, size: anySize },
    "any size, no slabs": { small: 0, size: anySize },
    "large sizes, slabs": { small: DEFAULT_SMALL, size: largeSize },
    "aligned, no slabs": { small: 0, size: anySize, aligned: true },
  };

  test.each(Object.keys(LONG))("%s", (name) => {
    const { small, size, aligned } = settings[name]!;
    const heap = heapWith(small);
    const { base, memory } = heap;
    const next = numbers();
    const live: number[] = [];
    const costs: Record<"malloc" | "free" | "realloc", number[]> = {
      malloc: [],
      free: [],
      realloc: [],
    };

    function step(kind: keyof typeof costs): void {
      const at = Math.floor(next() * live.length);
      if (kind === "malloc")
        live.push(
          engine.heap_allocate(size(next), aligned ? 2 ** (4 + Math.floor(next() * 9)) : 0),
        );
      else if (kind === "realloc") live[at] = engine.realloc(live[at]!, size(next));
      else {
        engine.free(live[at]!);
        live[at] = live.at(-1)!;
        live.pop();
      }
    }

    for (let left = LIVE; left > 0; left--) step("malloc");
    for (let left = OPS; left > 0; left--) {
      const x = next();
      const kind = live.length < LIVE || x < 0.45 ? "malloc" : x < 0.95 ? "free" : "realloc";
      const moves = word(memory, base + MOVES_AT);
      const { loads, stores } = costOf(() => step(kind));
      if (word(memory, base + MOVES_AT) === moves) costs[kind].push(loads + stores);
    }
    const over = Object.entries(costs).flatMap(([kind, all]) => {
      const sorted = Float64Array.from(all).toSorted();
      const found = [0.5, 0.999].map((share) => sorted[Math.floor(sorted.length * share)]!);
      found.push(sorted.at(-1)!);
      const most = LONG[name]![kind as keyof typeof costs];
      return found.every((cost, i) => cost <= most[i]!)
        ? []
        : [`${kind}: median, 999 of 1000 and worst: ${found}, expected up to ${most}`];
    });
    expect(over).toEqual([]);
  });
});
