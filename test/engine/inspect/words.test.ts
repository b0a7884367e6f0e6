/** engine/inspect/check.ts detects damage to every word: of the control block, the map, slab headers and free blocks. */

import { describe, expect, test } from "vitest";

import { HEADER, IN_USE, METADATA } from "../../../engine/block.ts";
import {
  BREAK_AT,
  CELL,
  CHUNKS_AT,
  CLASS_COUNT,
  CLASS_SHIFT,
  CLASSES_AT,
  CONTROL,
  FIT_AT,
  GRANULE,
  GROUPS_AT,
  HIGH_WATER_AT,
  LIMIT_AT,
  MARGIN_AT,
  MOVES_AT,
  NO_SLAB_AT,
  RESERVED_AT,
  PEAK_AT,
  ROOT_AT,
  ROVER_AT,
  SLOT_BYTES_AT,
  TOP_END_AT,
  WARMUP_AT,
} from "../../../engine/control.ts";
import * as exported from "../../../engine/exports.ts";
import * as seam from "../../../engine/memory/counting.ts";
import { GROUP } from "../../../engine/slabs.ts";
import { word, wordsOf } from "../../suite/picture.ts";
import { brokenIn, forgetHeap, PAGE, PINNED, resizable } from "../engines.ts";
import { DEFAULT_SMALL, FIT, TestHeap } from "../test-heap.ts";
import {
  BASE,
  BusyHeap,
  END,
  engine,
  KIND,
  LAST_START,
  LINK,
  NEXT,
  PREVIOUS,
} from "./busy-heap.ts";

// Every word --------------------------------------------------------------------------------------------------------------

/** Words of the control block that may have other values, by offset. */
const MAY_DIFFER = new Map<number, string>([
  [BREAK_AT, "the break is anywhere between the end of the map and RESERVED"],
  [FIT_AT, "a setting: another fit is valid"],
  [LIMIT_AT, "a setting: any limit above the break is valid"],
  [MARGIN_AT, "a setting: any margin is valid"],
  [RESERVED_AT, "RESERVED is anywhere above the break"],
  [MOVES_AT, "a counter"],
  [PEAK_AT, "the peak may be any footprint above this one"],
  [HIGH_WATER_AT, "the mark may be anywhere above the top block"],
  [ROVER_AT, "next fit checks it before each use"],
  [SLOT_BYTES_AT + 124, "the last bytes of SLOT_BYTES, and an unused one; its bytes have a test"],
  [NO_SLAB_AT - 4, "unused bytes before NO_SLAB"],
  ...Array.from(
    { length: CLASS_COUNT },
    (_, i) => [WARMUP_AT + (i << CLASS_SHIFT), "a counter"] as const,
  ),
  ...Array.from(
    { length: CLASS_COUNT },
    (_, i) => [WARMUP_AT + 4 + (i << CLASS_SHIFT), "an unused word of a class record"] as const,
  ),
  ...Array.from(
    { length: CLASS_COUNT },
    (_, i) => [WARMUP_AT + 8 + (i << CLASS_SHIFT), "its unused last word"] as const,
  ),
  ...Array.from(
    { length: (CONTROL - HEADER - CLASSES_AT - (CLASS_COUNT << CLASS_SHIFT)) / 4 },
    (_, i) =>
      [CLASSES_AT + (CLASS_COUNT << CLASS_SHIFT) + 4 * i, "unused words at the end"] as const,
  ),
  ...(PINNED
    ? []
    : ([
        [ROOT_AT, "the plain layout has no root"],
        [CHUNKS_AT, "the plain layout has no chunks"],
        [GROUPS_AT, "the plain layout has no groups"],
        [NO_SLAB_AT + END, "a header of the plain layout has no end of the slots"],
      ] as const)),
]);

/** Values that a word is overwritten with: small and large numbers, values close to its own, and addresses. */
function damagesOf(heap: BusyHeap, value: number): number[] {
  const near = [1, -1, 4, -4, GRANULE, -GRANULE].map((by) => (value + by) | 0);
  const flipped = [1, 1 << 8, 1 << 16, 1 << 31].map((bit) => value ^ bit);
  const addresses = [
    heap.at + CONTROL,
    heap.at + NO_SLAB_AT,
    heap.free()[0]!,
    heap.large(),
    heap.top.address,
    heap.breakAt,
    ...(["current", "full", "listed"] as const).map((state) => heap.slab(state).at),
  ];
  const all = [0, 1, -1, ...near, ...flipped, ...addresses];
  return [...new Set(all)].filter((each) => each !== value);
}

/** Overwrites the word or byte at `at` with each of these values; returns those that `heap_check` does not detect. */
function undetected(heap: BusyHeap, at: number, values: number[], bytes: 1 | 4): string[] {
  const view = wordsOf(heap.memory);
  const before = bytes === 1 ? view.getUint8(at) : view.getInt32(at, true);
  const set = (value: number): void =>
    bytes === 1 ? view.setUint8(at, value) : view.setInt32(at, value, true);
  const missed = values.filter((value) => {
    set(value);
    return brokenIn(engine) === "";
  });
  set(before);
  return missed.map((value) => `${at - heap.at}: ${before} → ${value}`);
}

describe("heap_check detects damage", () => {
  test("to a word of the control block", () => {
    const heap = new BusyHeap();
    const words = Array.from({ length: CONTROL / 4 }, (_, i) => 4 * i);
    const mayDiffer = new Set([...MAY_DIFFER.keys(), ...heap.unusedInQuickLists()]);
    const checked = words.filter((offset) => !mayDiffer.has(offset));
    expect(words.length - checked.length).toBe(mayDiffer.size);
    for (const offset of checked) {
      const values = damagesOf(heap, heap.control(offset));
      expect(undetected(heap, heap.at + offset, values, 4)).toEqual([]);
    }
    expect(brokenIn(engine)).toBe("");
  });

  test("to a byte of SLOT_BYTES", () => {
    const heap = new BusyHeap();
    for (let i = 0; i <= (DEFAULT_SMALL + 7) >>> 3; i++) {
      const at = heap.at + SLOT_BYTES_AT + i;
      const value = wordsOf(heap.memory).getUint8(at);
      const values = [0, 1, value + 1, value + 2, value ^ 128, 255].filter(
        (each) => each !== value,
      );
      expect(undetected(heap, at, values, 1)).toEqual([]);
    }
  });

  test("to an entry of the map", () => {
    const heap = new BusyHeap();
    const addresses = [heap.slab("full").at, heap.slab("current").at, heap.large()];
    for (let p = heap.at; p < heap.control(TOP_END_AT); p += CELL) {
      const value = heap.entry(p);
      const values = [0, 1, LAST_START, LAST_START + 1, value ^ 1, value ^ 64, value ^ 128];
      if (PINNED) values.push(...addresses, value ^ (1 << 31));
      const isFar = [p - CELL, p, p + CELL].every(
        (each) => heap.entry(Math.max(each, heap.at)) === 0,
      );
      const others = isFar ? [1, LAST_START + 1] : values.filter((each) => each !== value);
      expect(undetected(heap, heap.entryAt(p), others, PINNED ? 4 : 1)).toEqual([]);
    }
  });

  test("to the base, the kind and the links of a slab header", () => {
    const heap = new BusyHeap();
    for (const slab of heap.slabs()) {
      const { at, state } = slab;
      const offsets = state === "listed" ? [BASE, KIND, NEXT, PREVIOUS] : [BASE, KIND];
      if (PINNED) offsets.push(END);
      for (const offset of offsets) {
        const values = damagesOf(heap, heap.word(at + offset)).filter(
          (value) => offset !== BASE || !heap.mayStartAt(slab, value),
        );
        expect(undetected(heap, at + offset, values, 4)).toEqual([]);
      }
    }
  });

  test("to a bit of a header or a link of a free block", () => {
    const heap = new BusyHeap();
    const bits = Array.from({ length: 32 }, (_, i) => 1 << i);
    for (const p of [...heap.free(), ...heap.blocks(IN_USE)]) {
      // In the PINNED layout a block that is metadata may be the root that another one replaced.
      const flips = PINNED ? bits.filter((bit) => bit !== METADATA) : bits;
      const values = flips.map((bit) => heap.header(p) ^ bit);
      expect(undetected(heap, p - HEADER, values, 4)).toEqual([]);
    }
    for (const p of heap.free()) {
      for (const at of [p, p + LINK, p + heap.size(p) - 2 * HEADER])
        expect(undetected(heap, at, damagesOf(heap, heap.word(at)), 4)).toEqual([]);
    }
  });
});

describe.runIf(PINNED)("PINNED", () => {
  test("a chunk's address near the end of the memory is proved before it is read", () => {
    const heap = new BusyHeap(4096);
    exported.heap_trim();
    heap.set(heap.control(ROOT_AT), heap.top.address - GRANULE);
    expect(heap.unchanged(() => brokenIn(engine))).toBe("M3");
  });

  test("a root that another one replaced is not taken for a group", () => {
    const memory = resizable(0);
    seam.mount(memory);
    forgetHeap();
    const base = 4 * GROUP - CONTROL; // the first block, the first root, starts at a multiple of GROUP
    exported.heap_create(base, 0, 0, FIT.best, DEFAULT_SMALL);
    const heap = new TestHeap(engine, memory);
    for (let i = 0; i < 30; i++) heap.allocate(4 * PAGE);
    expect(word(memory, base + ROOT_AT)).not.toBe(base + CONTROL);
    expect(brokenIn(engine)).toBe("");
  });
});
