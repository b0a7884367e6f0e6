/** engine/inspect/check.ts: each invariant of the engine is broken on purpose, and `heap_check` names it. */

import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { FOREIGN, IN_USE, METADATA } from "../../../engine/block.ts";
import { brokenIn, PINNED } from "../engines.ts";
import { BusyHeap, engine, PREVIOUS } from "./busy-heap.ts";
import type { Violations } from "./violation.ts";
import { bins } from "./violations/bins.ts";
import { block } from "./violations/block.ts";
import { blocks } from "./violations/blocks.ts";
import { classes } from "./violations/classes.ts";
import { control } from "./violations/control.ts";
import { lock } from "./violations/lock.ts";
import { map } from "./violations/map.ts";
import { returned } from "./violations/returned.ts";
import { slabs } from "./violations/slabs.ts";

/** By the file of the engine that states the invariants. */
const FILES: Readonly<Record<string, Violations>> = {
  control,
  lock,
  block,
  bins,
  map,
  blocks,
  returned,
  classes,
  slabs,
};

const here = Object.values(FILES).flatMap(({ both, plain = [], pinned = [] }) => [
  ...both,
  ...(PINNED ? pinned : plain),
]);

test("the heap has blocks, slabs and lists of every kind, and is sound", () => {
  const heap = new BusyHeap();
  expect(heap.unchanged(() => brokenIn(engine))).toBe("");
  const slabs = heap.slabs();
  for (const state of ["current", "full", "listed"] as const)
    expect(slabs.filter((each) => each.state === state).length, state).toBeGreaterThan(1);
  expect(slabs.some((slab) => heap.isEmpty(slab))).toBe(true);
  expect(heap.followed()).toBeDefined();
  expect(heap.unused().length).toBeGreaterThan(1);
  expect(heap.free().length).toBeGreaterThan(10);
  expect(heap.binsOfOne().length).toBeGreaterThan(1);
  const lists = heap.heads().map((head) => heap.word(head));
  expect(lists.some((p) => heap.size(p) < 512 && heap.word(p) !== 0)).toBe(true);
  expect(heap.nodes().some((node) => heap.children(node).length === 2)).toBe(true);
  expect(heap.blocks(IN_USE | FOREIGN)).toHaveLength(1);
  expect(heap.quickLists().map((list) => heap.word(list))).toEqual([2, 1]);
  expect(heap.blocks(IN_USE | METADATA).length > 3).toBe(PINNED);
});

test.each(here)("%s: %s", (invariant, _, commit) => {
  const heap = new BusyHeap();
  commit(heap);
  expect(heap.unchanged(() => brokenIn(engine))).toBe(invariant);
});

test("S5: the first slab of a list may be empty", () => {
  const heap = new BusyHeap();
  const { at } = heap.followed();
  expect(heap.word(at + PREVIOUS)).toBe(0);
  heap.empty(at);
  expect(brokenIn(engine)).toBe("");
});

test("every invariant of the engine is broken here", () => {
  const listed = Object.keys(FILES).flatMap(invariantsIn);
  expect(new Set(listed).size).toBe(listed.length);
  const named = (rows: readonly (readonly [string, ...unknown[]])[]): string[] =>
    [...new Set(rows.map(([name]) => name))].toSorted();
  expect(named(Object.values(FILES).flatMap(rowsOf))).toEqual(listed.toSorted());
  // check-shared.test.ts breaks those of threads.
  const elsewhere = [...(PINNED ? [] : ["S8"]), "L1", "L2", "R1", "R2", "S9"];
  expect([...named(here), ...elsewhere].toSorted()).toEqual(listed.toSorted());
});

test.each(Object.keys(FILES))("violations/%s.ts breaks the invariants of engine/%s.ts", (file) => {
  const named = new Set(rowsOf(FILES[file]!).map(([invariant]) => invariant));
  expect([...named].toSorted()).toEqual(invariantsIn(file).toSorted());
});

function rowsOf({ both, plain = [], pinned = [], shared = [] }: Violations) {
  return [...both, ...plain, ...pinned, ...shared];
}

/** The invariants in the comments of a file of the engine. */
function invariantsIn(file: string): string[] {
  const source = readFileSync(new URL(`../../../engine/${file}.ts`, import.meta.url), "utf8");
  return [...source.matchAll(/^\/\/ {3}([A-Z]\d+) {2}/gm)].map(([, invariant]) => invariant!);
}
