/** What breaks the invariants of engine/slabs.ts: slab headers, lists and groups. */

import { METADATA } from "../../../../engine/block.ts";
import {
  CELL,
  CELLS_AT,
  CURRENT_AT,
  FIRST_AT,
  GROUPS_AT,
  LAST_AT,
  NO_SLAB_AT,
  RECIPROCAL_AT,
  ROOT_AT,
} from "../../../../engine/control.ts";
import { GROUP } from "../../../../engine/slabs.ts";
import {
  BASE,
  BITS,
  CLASS,
  CURRENT,
  END,
  GROUP_LINK,
  KIND,
  NEXT,
  NEXT_GROUP,
  PREVIOUS,
} from "../busy-heap.ts";
import { BEFORE, GROUPS, ORPHANS, OWNER } from "../shared-heap.ts";
import type { Violations } from "../violation.ts";

export const slabs: Violations = {
  both: [
    [
      "S1",
      "the entry of a slab where a block starts",
      (heap) => heap.setEntry(heap.large(), heap.slabEntry()),
    ],
    [
      "S1",
      "a header that leads to another base",
      (heap) => heap.set(heap.slab("full").at + BASE, heap.slab("full").base + CELL),
    ],
    [
      "S1",
      "a base below the block's start",
      (heap) => heap.set(heap.slab("listed").at + BASE, heap.slab("listed").base - 8),
    ],
    [
      "S1",
      "a base above the block's start by a whole slot",
      (heap) => {
        const slab = heap.slab("listed");
        heap.set(slab.at + BASE, slab.base + heap.slotSize(slab));
      },
    ],
    [
      "S1",
      "a base above the block's start by half of 8",
      (heap) => heap.set(heap.slab("listed").at + BASE, heap.slab("listed").base + 4),
    ],
    [
      "S1",
      "a slab of half a cell more",
      (heap) => {
        const { base } = heap.slab("full");
        heap.setHeader(base, heap.header(base) + CELL / 2);
      },
    ],
    [
      "S2",
      "a bit beyond the last slot",
      (heap) => {
        const { at } = heap.slab("listed", (slab) => heap.word(slab.at + BITS + 4) >>> 31 === 0);
        heap.set(at + BITS + 4, heap.word(at + BITS + 4) | (1 << 31));
      },
    ],
    [
      "S3",
      "a class that does not exist",
      (heap) => heap.set(heap.slab("listed").at + KIND, heap.slab("listed").kind | CLASS),
    ],
    [
      "S3",
      "another reciprocal",
      (heap) => heap.set(heap.slab("listed").at + KIND, heap.slab("listed").kind + (1 << 8)),
    ],
    [
      "S3",
      "a slab marked as full that has a free slot",
      (heap) => heap.set(heap.slab("full").at + BITS, heap.word(heap.slab("full").at + BITS) & ~4),
    ],
    [
      "S3",
      "a full slab that is not marked as full",
      (heap) => {
        const { at, c, kind } = heap.slab("full");
        heap.set(at + KIND, kind | (heap.word(c + RECIPROCAL_AT) << 8));
      },
    ],
    [
      "S3",
      "a slab with a free slot that is marked as full",
      (heap) => heap.set(heap.slab("listed").at + KIND, heap.slab("listed").kind & CLASS),
    ],
    [
      "S4",
      "a slab in no list",
      (heap) => {
        const { c } = heap.slab("listed");
        heap.set(c + FIRST_AT, 0);
        heap.set(c + LAST_AT, 0);
      },
    ],
    [
      "S4",
      "a link that leads back to another slab",
      (heap) => heap.set(heap.word(heap.followed().at + NEXT) + PREVIOUS, heap.slab("full").at),
    ],
    ["S4", "a list that is cut off", (heap) => heap.set(heap.followed().at + NEXT, 0)],
    [
      "S4",
      "LAST that is not the last slab",
      (heap) => heap.set(heap.followed().c + LAST_AT, heap.word(heap.followed().c + FIRST_AT)),
    ],
    [
      "S4",
      "a list that leads to a full slab",
      (heap) => {
        const { at, c } = heap.slab("full");
        heap.set(c + FIRST_AT, at);
        heap.set(at + PREVIOUS, 0);
      },
    ],
    [
      "S4",
      "a list that leads to the current slab",
      (heap) => {
        const { at, c } = heap.slab("current");
        heap.set(c + FIRST_AT, at);
        heap.set(at + PREVIOUS, 0);
      },
    ],
    [
      "S4",
      "a list that leads to a slab of another class",
      (heap) => {
        const { c } = heap.slab("listed");
        heap.set(c + FIRST_AT, heap.slab("listed", (other) => other.c !== c).at);
      },
    ],
    [
      "S4",
      "a list that leads to no slab header",
      (heap) => heap.set(heap.slab("listed").c + FIRST_AT, heap.slab("listed").at + 8),
    ],
    [
      "S5",
      "an empty slab behind the first one of a list",
      (heap) => heap.empty(heap.word(heap.followed().at + NEXT)),
    ],
    [
      "S6",
      "the current slab is not marked",
      (heap) => heap.set(heap.slab("current").at + KIND, heap.slab("current").kind & ~CURRENT),
    ],
    [
      "S6",
      "another slab is marked",
      (heap) => heap.set(heap.slab("listed").at + KIND, heap.slab("listed").kind | CURRENT),
    ],
    [
      "S6",
      "CURRENT that leads to no slab header",
      (heap) => heap.setCurrent(heap.unused()[0]!, heap.slab("current").at + KIND),
    ],
    [
      "S6",
      "CURRENT that leads to a slab of another class",
      (heap) => heap.setCurrent(heap.unused()[0]!, heap.slab("current").at),
    ],
    [
      "S6",
      "another current slab for one of the sizes of a class",
      (heap) => heap.setControl(CURRENT_AT, heap.slab("listed").at),
    ],
    ["S6", "a free slot in NO_SLAB", (heap) => heap.setControl(NO_SLAB_AT + BITS, -2)],
    ["S6", "a kind in NO_SLAB", (heap) => heap.setControl(NO_SLAB_AT + KIND, CURRENT)],
    ["S7", "another count of cells", (heap) => heap.set(heap.slab("full").c + CELLS_AT, 1)],
    ["S7", "cells without slabs", (heap) => heap.set(heap.unused()[0]! + CELLS_AT, 1)],
    [
      "S7",
      "slabs of a class that has none",
      (heap) => {
        const { c } = heap.slab("listed");
        for (const at of [FIRST_AT, LAST_AT, CELLS_AT]) heap.set(c + at, 0);
        const current = heap.slabs().find((slab) => slab.c === c && slab.state === "current");
        if (current === undefined) return;
        heap.setCurrent(c, heap.at + NO_SLAB_AT);
        heap.set(current.at + KIND, current.kind & ~CURRENT);
      },
    ],
  ],
  pinned: [
    [
      "S1",
      "a header with another end of the slots",
      (heap) => heap.set(heap.slab("full").at + END, heap.word(heap.slab("full").at + END) + 8),
    ],
    [
      "S8",
      "a group that is not metadata",
      (heap) => heap.setHeader(heap.group(), heap.header(heap.group()) & ~METADATA),
    ],
    [
      "S8",
      "no bit for a header in use",
      (heap) => heap.set(heap.group(), heap.word(heap.group()) & (heap.word(heap.group()) - 1)),
    ],
    [
      "S8",
      "a bit for a free header",
      (heap) => heap.set(heap.group(), heap.word(heap.group()) | (heap.word(heap.group()) + 1)),
    ],
    ["S8", "a bit for a header beyond the last", (heap) => heap.set(heap.group() + 4, 1)],
    ["S8", "a group with free headers in no list", (heap) => heap.setControl(GROUPS_AT, 0)],
    [
      "S8",
      "a list that leads to a full group",
      (heap) => heap.setControl(GROUPS_AT, heap.slabs()[0]!.at & -GROUP),
    ],
    [
      "S8",
      "a list that leads to no group",
      (heap) => heap.setControl(GROUPS_AT, heap.control(ROOT_AT)),
    ],
    [
      "S8",
      "a link that leads back to another word",
      (heap) => heap.set(heap.group() + GROUP_LINK, heap.group()),
    ],
    [
      "S8",
      "a list of groups that leads to itself",
      (heap) => heap.set(heap.group() + NEXT_GROUP, heap.group()),
    ],
  ],
  shared: [
    ["S9", "no hint for a slot that was freed", (heap) => heap.clearHints()],
    ["S8", "a group of no thread", (heap) => heap.set(heap.group() + OWNER, 63)],
    ["S8", "a group of a place that is free", (heap) => heap.set(heap.group() + OWNER, 9)],
    ["S8", "a list of groups that leads to no group", (heap) => heap.setShared(GROUPS, 4096)],
    ["S8", "a list of all groups without one", (heap) => heap.setShared(GROUPS, 0)],
    [
      "S8",
      "a list of all groups that leads to itself",
      (heap) => heap.set(heap.group() + BEFORE, heap.group()),
    ],
    ["S8", "orphans that are not there", (heap) => heap.setShared(ORPHANS, 1)],
    ["S7", "slabs that their thread does not count", (heap) => heap.set(heap.group() + OWNER, 0)],
  ],
};
