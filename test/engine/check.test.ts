/** Each invariant of engine/*.ts is broken on purpose, and `heap_check` names it. */

import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { LISTED } from "../../engine/bins.ts";
import {
  FLAGS,
  FOREIGN,
  HEADER,
  IN_USE,
  METADATA,
  PREVIOUS_IN_USE,
  QUICK,
} from "../../engine/block.ts";
import * as control from "../../engine/control.ts";
import {
  BIN_BITS_AT,
  BIN_COUNT,
  BINS_AT,
  BREAK_AT,
  CELL,
  CELL_SHIFT,
  CELLS_AT,
  CHUNKS_AT,
  CLASS_COUNT,
  CLASS_OF_AT,
  CLASS_SHIFT,
  CLASSES_AT,
  CONTROL,
  CURRENT_AT,
  FIRST_AT,
  FIT_AT,
  FOREIGN_AT,
  GRANULE,
  GROUPS_AT,
  HIGH_WATER_AT,
  LAST_AT,
  LIMIT_AT,
  MAGIC_AT,
  MARGIN_AT,
  MOVES_AT,
  NO_SLAB_AT,
  OWNED_AT,
  PEAK_AT,
  QUICK_AT,
  QUICK_LISTS,
  QUICK_LISTS_AT,
  RECIPROCAL_AT,
  ROOT_AT,
  ROVER_AT,
  SLOT_SIZE_AT,
  SMALL_AT,
  TOP_AT,
  TOP_END_AT,
  VICTIM_AT,
  WARMUP_AT,
} from "../../engine/control.ts";
import * as exported from "../../engine/exports.ts";
import * as inspector from "../../engine/inspect/exports.ts";
import { CHUNK_BYTES } from "../../engine/map.ts";
import * as seam from "../../engine/memory/counting.ts";
import { GROUP } from "../../engine/slabs.ts";
import { brokenIn, type Engine, PAGE, PINNED, resizable } from "./engines.ts";
import { blocksOf, setWord, word, wordsOf } from "../suite/picture.ts";
import { DEFAULT_SMALL, FIT, TestHeap } from "./test-heap.ts";

const engine: Engine = { ...exported, ...inspector };

/** Offsets in a free block, see engine/block.ts. */
const LINK = 4;
const LEFT = 8;
const RIGHT = 12;
/** Offsets in a slab header, and the parts of its kind, see engine/slabs.ts. */
const BASE = 0;
const BITS = 4;
const KIND = 12;
const NEXT = 16;
const PREVIOUS = 20;
const END = 24;
const CURRENT = 1;
const CLASS = 0xfc;
/** Offsets in a group of slab headers. */
const NEXT_GROUP = 8;
const GROUP_LINK = 12;
/** The entry of a cell with a slab is above it. */
const LAST_START = 32;

interface Slab {
  /** Address of its header. */
  readonly at: number;
  readonly base: number;
  readonly cells: number;
  readonly kind: number;
  /** Its class record, named as in engine/control.ts. */
  readonly c: number;
  readonly state: "current" | "full" | "listed";
}

/** A heap with blocks, slabs and lists of every kind. */
class BusyHeap extends TestHeap {
  /** Address of the control block. */
  readonly at: number;

  constructor(base = 0) {
    const memory = resizable(0);
    seam.mount(memory);
    control.useHeap(0);
    exported.heap_create(base, 0, -1, FIT.best, DEFAULT_SMALL);
    super(engine, memory);
    this.at = this.base;
    const slots = [8, 24, 100, 300, 1000].map((size) =>
      Array.from({ length: 200 }, () => this.allocate(size)),
    );
    const pairs = [200, 200, 200, 200, 200, 200, 3000, 3000, 3000].map((size) =>
      this.separate(size),
    );
    const blocks = Array.from({ length: 45 }, (_, i) => this.separate(1200 + i * 150));
    // Slabs of several classes: some stay full, some get free slots, empty ones are released but for the last of a class.
    for (const live of slots) {
      live.forEach((p, i) => (i < 75 || (i < 150 && i % 7 === 0)) && this.release(p));
    }
    const emptied = Array.from({ length: 80 }, () => this.allocate(500));
    // A foreign region. The heap grows, so all that was freed before is coalesced and in bins.
    blocks.forEach((p, i) => i % 3 === 0 && this.release(p));
    for (const p of pairs) this.release(p);
    memory.resize(memory.byteLength + PAGE);
    this.allocate(2 * PAGE);
    for (const p of emptied.slice(32)) this.release(p); // the first requests of a class get blocks
    // Quick lists: two blocks in one, one in another.
    const quick = [1500, 1500, 1600].map((size) => this.separate(size));
    this.allocate(5000);
    for (const p of quick) this.release(p);
  }

  /** Allocates a block, and another one behind it that keeps it apart. */
  separate(size: number): number {
    const p = this.allocate(size);
    this.allocate(1100);
    return p;
  }

  word(address: number): number {
    return word(this.memory, address);
  }

  set(address: number, value: number): void {
    setWord(this.memory, address, value);
  }

  /** A word of the control block. */
  control(offset: number): number {
    return this.word(this.at + offset);
  }

  setControl(offset: number, value: number): void {
    this.set(this.at + offset, value);
  }

  get breakAt(): number {
    return this.control(BREAK_AT);
  }

  // Blocks.

  header(p: number): number {
    return this.word(p - HEADER);
  }

  setHeader(p: number, value: number): void {
    this.set(p - HEADER, value);
  }

  size(p: number): number {
    return this.header(p) & ~FLAGS;
  }

  setFooter(p: number, size: number): void {
    this.set(p + size - 2 * HEADER, size);
  }

  override get top(): { address: number; size: number } {
    return { address: this.control(TOP_AT), size: this.size(this.control(TOP_AT)) };
  }

  /** The blocks with these flags, apart from PREVIOUS_IN_USE, that are no slabs. */
  blocks(flags: number): number[] {
    const all = blocksOf(this.memory, this.at).slice(0, -1);
    return all
      .map(({ address }) => address)
      .filter((p) => (this.header(p) & (IN_USE | QUICK)) === flags)
      .filter((p) => this.entry(p) <= LAST_START);
  }

  free(): number[] {
    return this.blocks(0);
  }

  /** A block in use with room for several cells. */
  large(): number {
    return this.blocks(IN_USE).find((p) => this.size(p) > 8 * CELL)!;
  }

  /** The last block in use before the top block. */
  last(): number {
    return blocksOf(this.memory, this.at).at(-2)!.address;
  }

  // Bins.

  bin(number: number): number {
    return this.at + BINS_AT + 4 * number;
  }

  /** Heads of the bins with one block, in a tree or not. */
  binsOfOne(): number[] {
    return this.heads().filter((head) => {
      const p = this.word(head);
      return this.word(p) === 0 && (this.size(p) < 512 || this.children(p).length === 0);
    });
  }

  /** Heads of the bins that are not empty. */
  heads(): number[] {
    return Array.from({ length: BIN_COUNT }, (_, i) => this.bin(i)).filter((at) => this.word(at));
  }

  flipBit(bin: number): void {
    const at = BIN_BITS_AT + (bin >>> 5) * 4;
    this.setControl(at, this.control(at) ^ (1 << (bin & 31)));
  }

  /** Nodes of the trees. */
  nodes(): number[] {
    const nodes = this.heads().map((head) => this.word(head));
    const found = nodes.filter((p) => this.size(p) >= 512);
    for (const p of found) found.push(...this.children(p));
    return found;
  }

  children(node: number): number[] {
    return [LEFT, RIGHT].map((side) => this.word(node + side)).filter((p) => p !== 0);
  }

  // Quick lists.

  /** Heads of the quick lists that are not empty, the longest first. */
  quickHeads(): number[] {
    const heads = Array.from({ length: QUICK_LISTS }, (_, i) => this.at + QUICK_LISTS_AT + 4 * i);
    return heads
      .filter((head) => this.word(head) !== 0)
      .toSorted((a, b) => this.quickLength(b) - this.quickLength(a));
  }

  quickLength(head: number): number {
    let length = 0;
    for (let p = this.word(head); p !== 0; p = this.word(p)) length++;
    return length;
  }

  // The map.

  /** Address of the entry of the cell of `p`. */
  entryAt(p: number): number {
    if (!PINNED) return this.control(TOP_END_AT) + (p >>> CELL_SHIFT) - (this.at >>> CELL_SHIFT);
    const index = (p >>> 18) - (this.at >>> 18);
    return this.word(this.control(ROOT_AT) + 4 * index) + ((p >>> CELL_SHIFT) & 511) * 4;
  }

  entry(p: number): number {
    const at = this.entryAt(p);
    return PINNED ? this.word(at) : wordsOf(this.memory).getUint8(at);
  }

  setEntry(p: number, value: number): void {
    if (PINNED) this.set(this.entryAt(p), value);
    else wordsOf(this.memory).setUint8(this.entryAt(p), value);
  }

  /** The entry of a cell of a slab. */
  slabEntry(): number {
    return this.entry(this.slab("full").base);
  }

  // Slabs.

  slabs(): Slab[] {
    return blocksOf(this.memory, this.at)
      .filter(({ address, kind }) => kind === "used" && this.entry(address) > LAST_START)
      .map(({ address: base, size }) => {
        const cells = size >>> CELL_SHIFT;
        const at = PINNED ? this.entry(base) : base + cells * CELL - 28;
        const kind = this.word(at + KIND);
        const c = this.at + (((kind & CLASS) >>> 2) << CLASS_SHIFT);
        const isCurrent = (kind & CURRENT) !== 0;
        const state = kind >>> 8 === 0 ? "full" : isCurrent ? "current" : "listed";
        return { at, base, cells, kind, c, state } as const;
      });
  }

  slab(state: Slab["state"], which: (slab: Slab) => boolean = () => true): Slab {
    return this.slabs().find((slab) => slab.state === state && which(slab))!;
  }

  /** A listed slab that another one follows in its list. */
  followed(): Slab {
    return this.slab("listed", ({ at }) => this.word(at + NEXT) !== 0);
  }

  /** Class records without a slab. */
  unused(): number[] {
    const all = Array.from({ length: CLASS_COUNT }, (_, i) => this.at + (i << CLASS_SHIFT));
    return all.filter((c) => this.word(c + CELLS_AT) === 0);
  }

  isEmpty({ at }: Slab): boolean {
    return this.word(at + BITS) === 0 && this.word(at + BITS + 4) === 0;
  }

  /** Makes all slots free of the slab whose header is at `at`. */
  empty(at: number): void {
    this.set(at + BITS, 0);
    this.set(at + BITS + 4, 0);
  }

  slotSize({ c }: Slab): number {
    return this.word(c + SLOT_SIZE_AT);
  }

  /** Whether the base of a slab may be `value`: that of one that was split is above its block's start by less than a slot. */
  mayStartAt(slab: Slab, value: number): boolean {
    const skipped = value - slab.base;
    if (PINNED) return skipped === 0;
    return skipped >= 0 && skipped < this.slotSize(slab) && skipped % 8 === 0;
  }

  // Groups.

  group(): number {
    return this.control(GROUPS_AT);
  }
}

type Crime = [invariant: string, what: string, commit: (heap: BusyHeap) => void];

/** What breaks each invariant, in both layouts. */
const crimes: Crime[] = [
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

  ["H3", "OWNED below the break", (heap) => heap.setControl(OWNED_AT, heap.breakAt - 16)],
  [
    "H3",
    "a memory that ends below the break",
    (heap) => (heap.memory as ArrayBuffer).resize(heap.breakAt - 16),
  ],

  ["B1", "a block of size 0", (heap) => heap.setHeader(heap.last(), IN_USE | PREVIOUS_IN_USE)],
  [
    "B1",
    "a block that ends beyond the top block",
    (heap) => heap.setHeader(heap.last(), (1 << 30) | IN_USE | PREVIOUS_IN_USE),
  ],
  [
    "B1",
    "a block that ends within the top block",
    (heap) => heap.setHeader(heap.last(), heap.header(heap.last()) + GRANULE),
  ],
  [
    "B1",
    "a free block with a kind",
    (heap) => heap.setHeader(heap.free()[0]!, heap.header(heap.free()[0]!) | METADATA),
  ],
  [
    "B2",
    "PREVIOUS_IN_USE after a free block",
    (heap) => {
      const p = heap.free()[0]!;
      const next = p + heap.size(p);
      heap.setHeader(next, heap.header(next) | PREVIOUS_IN_USE);
    },
  ],
  [
    "B2",
    "no PREVIOUS_IN_USE after a block in use",
    (heap) => heap.setHeader(heap.last(), heap.header(heap.last()) & ~PREVIOUS_IN_USE),
  ],
  [
    "B3",
    "another size in the last word of a free block",
    (heap) => {
      const p = heap.free()[0]!;
      heap.set(p + heap.size(p) - 2 * HEADER, heap.size(p) + 16);
    },
  ],
  [
    "B4",
    "a free block cut in two",
    (heap) => {
      const p = heap.free().find((each) => each % CELL < CELL - 64 && heap.size(each) > 64)!;
      const size = heap.size(p);
      heap.setHeader(p, 32 | PREVIOUS_IN_USE);
      heap.setFooter(p, 32);
      heap.setHeader(p + 32, size - 32);
      heap.setFooter(p + 32, size - 32);
    },
  ],
  [
    "B4",
    "a free block before the top block",
    (heap) => {
      const p = heap.last();
      const size = heap.size(p);
      heap.setHeader(p, size | PREVIOUS_IN_USE);
      heap.setFooter(p, size);
      heap.setHeader(p + size, heap.header(p + size) & ~PREVIOUS_IN_USE);
    },
  ],
  [
    "B5",
    "a top block that ends below TOP_END",
    (heap) => heap.setHeader(heap.top.address, heap.header(heap.top.address) - 16),
  ],
  [
    "B5",
    "a high-water mark below the top block",
    (heap) => heap.setControl(HIGH_WATER_AT, heap.top.address - 16),
  ],
  ["B5", "TOP that is not aligned", (heap) => heap.setControl(TOP_AT, heap.top.address + 8)],
  ["B5", "TOP below the first block", (heap) => heap.setControl(TOP_AT, heap.at)],
  ["B5", "TOP_END below TOP", (heap) => heap.setControl(TOP_END_AT, heap.top.address - 16)],

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

  ["M1", "no entry where a block starts", (heap) => heap.setEntry(heap.large(), 0)],
  [
    "M1",
    "an entry of another start",
    (heap) => heap.setEntry(heap.large(), (heap.entry(heap.large()) % LAST_START) + 1),
  ],
  ["M1", "an entry where no block starts", (heap) => heap.setEntry(heap.large() + CELL, 5)],
  [
    "M1",
    "the entry of a slab where no block starts",
    (heap) => heap.setEntry(heap.large() + CELL, heap.slabEntry()),
  ],
  [
    "M1",
    "the entry of a slab where a free block starts",
    (heap) => heap.setEntry(heap.free()[0]!, heap.slabEntry()),
  ],
  [
    "M1",
    "the entry of a slab where a quick block starts",
    (heap) => heap.setEntry(heap.word(heap.quickHeads()[0]!), heap.slabEntry()),
  ],
  [
    "M1",
    "the entry of a slab where the top block starts",
    (heap) => heap.setEntry(heap.top.address, heap.slabEntry()),
  ],
  ["M1", "an entry in the top block", (heap) => heap.setEntry(heap.top.address + CELL, 1)],
  [
    "M1",
    "an entry at the end of the top block",
    (heap) => heap.setEntry(heap.control(TOP_END_AT) - 1, 1),
  ],
  ["M1", "an entry for the control block's first cell", (heap) => heap.setEntry(heap.at, 1)],
  ["M1", "an entry for the control block", (heap) => heap.setEntry(heap.at + CELL, LAST_START + 1)],

  [
    "M2",
    "another slab's entry in a slab's cell",
    (heap) => {
      const { base } = heap.slab("full", ({ cells }) => cells > 1);
      heap.setEntry(base + CELL, PINNED ? heap.slab("current").at : heap.entry(base));
    },
  ],
  [
    "M2",
    "no entry in a slab's cell",
    (heap) => heap.setEntry(heap.slab("full", ({ cells }) => cells > 1).base + CELL, 0),
  ],
  [
    "M2",
    "a start in a slab's cell",
    (heap) => heap.setEntry(heap.slab("full", ({ cells }) => cells > 1).base + CELL, 1),
  ],
  ["M3", "TOP_END above the break", (heap) => heap.setControl(TOP_END_AT, heap.breakAt + GRANULE)],

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
    "another class for a size",
    (heap) => wordsOf(heap.memory).setUint8(heap.at + CLASS_OF_AT + 5, CLASS_COUNT - 1),
  ],

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
    (heap) => heap.set(heap.unused()[0]! + CURRENT_AT, heap.slab("current").at + KIND),
  ],
  [
    "S6",
    "CURRENT that leads to a slab of another class",
    (heap) => heap.set(heap.unused()[0]! + CURRENT_AT, heap.slab("current").at),
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
      heap.set(c + CURRENT_AT, heap.at + NO_SLAB_AT);
      heap.set(current.at + KIND, current.kind & ~CURRENT);
    },
  ],
];

/** What breaks an invariant in the plain layout only. */
const plainCrimes: Crime[] = [
  [
    "B1",
    "a block of metadata",
    (heap) => heap.setHeader(heap.last(), heap.header(heap.last()) | METADATA),
  ],
  [
    "M1",
    "an entry behind the last cell of the top block",
    (heap) => heap.setEntry(heap.control(TOP_END_AT), 1),
  ],
  [
    "M3",
    "a map that ends above the break",
    (heap) => {
      const end = heap.control(TOP_END_AT);
      const cells = (end >>> CELL_SHIFT) - (heap.at >>> CELL_SHIFT) + 1;
      heap.setControl(BREAK_AT, end + ((cells + 15) & -16) - 16);
    },
  ],
];

/** What breaks an invariant in the PINNED layout only. */
const pinnedCrimes: Crime[] = [
  [
    "M1",
    "an entry in the last chunk, above the top block",
    (heap) => {
      const last = heap.word(heap.control(ROOT_AT) + 4 * (heap.control(CHUNKS_AT) - 1));
      heap.set(last + CHUNK_BYTES - 4, 1);
    },
  ],
  ["M3", "ROOT out of the heap", (heap) => heap.setControl(ROOT_AT, heap.breakAt)],
  ["M3", "ROOT below the first block", (heap) => heap.setControl(ROOT_AT, heap.at)],
  [
    "M3",
    "a root that is not metadata",
    (heap) => {
      const p = heap.control(ROOT_AT);
      heap.setHeader(p, heap.header(p) & ~METADATA);
    },
  ],
  [
    "M3",
    "one chunk less than the root has",
    (heap) => heap.setControl(CHUNKS_AT, heap.control(CHUNKS_AT) - 1),
  ],
  ["M3", "too few chunks", (heap) => heap.setControl(CHUNKS_AT, 1)],
  ["M3", "more chunks than the root has room for", (heap) => heap.setControl(CHUNKS_AT, 1000)],
  ["M3", "a chunk out of the heap", (heap) => heap.set(heap.control(ROOT_AT), heap.breakAt)],
  [
    "M3",
    "a chunk that ends beyond the top block's start",
    (heap) => heap.set(heap.control(ROOT_AT), heap.top.address - GRANULE),
  ],
  [
    "M3",
    "a chunk that is not metadata",
    (heap) => {
      const p = heap.word(heap.control(ROOT_AT));
      heap.setHeader(p, heap.header(p) & ~METADATA);
    },
  ],
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
];

const here = [...crimes, ...(PINNED ? pinnedCrimes : plainCrimes)];

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
  expect(heap.quickHeads().map((head) => heap.quickLength(head))).toEqual([2, 1]);
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
  const listed = ["control", "block", "blocks", "bins", "map", "classes", "slabs"].flatMap(
    (name) => {
      const source = readFileSync(new URL(`../../engine/${name}.ts`, import.meta.url), "utf8");
      return [...source.matchAll(/^\/\/ {3}([A-Z]\d+) {2}/gm)].map(([, invariant]) => invariant);
    },
  );
  expect(new Set(listed).size).toBe(listed.length);
  const named = (rows: Crime[]): string[] => [...new Set(rows.map(([name]) => name))].toSorted();
  expect(named([...crimes, ...plainCrimes, ...pinnedCrimes])).toEqual(listed.toSorted());
  const onlyPinned = PINNED ? [] : ["S8"];
  expect([...named(here), ...onlyPinned].toSorted()).toEqual(listed.toSorted());
});

// Every word --------------------------------------------------------------------------------------------------------------

/** Words of the control block that may have other values, by offset. */
const MAY_DIFFER = new Map<number, string>([
  [BREAK_AT, "the break is anywhere between the end of the map and OWNED"],
  [FIT_AT, "a setting: another fit is valid"],
  [LIMIT_AT, "a setting: any limit above the break is valid"],
  [MARGIN_AT, "a setting: any margin is valid"],
  [OWNED_AT, "OWNED is anywhere above the break"],
  [MOVES_AT, "a counter"],
  [PEAK_AT, "the peak may be any footprint above this one"],
  [HIGH_WATER_AT, "the mark may be anywhere above the top block"],
  [ROVER_AT, "next fit checks it before each use"],
  [VICTIM_AT, "any value leads to one of the quick lists"],
  [CLASS_OF_AT + 124, "the last bytes of CLASS_OF, see the test of its bytes, and an unused one"],
  [CLASS_OF_AT + 128, "unused bytes after CLASS_OF"],
  [NO_SLAB_AT - 4, "unused bytes before NO_SLAB"],
  ...Array.from(
    { length: CLASS_COUNT },
    (_, i) => [WARMUP_AT + (i << CLASS_SHIFT), "a counter"] as const,
  ),
  ...Array.from(
    { length: CLASS_COUNT },
    (_, i) =>
      [WARMUP_AT + 4 + (i << CLASS_SHIFT), "the unused last word of a class record"] as const,
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

describe("every damage is detected", () => {
  test("to a word of the control block", () => {
    const heap = new BusyHeap();
    const words = Array.from({ length: CONTROL / 4 }, (_, i) => 4 * i);
    const checked = words.filter((offset) => !MAY_DIFFER.has(offset));
    expect(words.length - checked.length).toBe(MAY_DIFFER.size);
    for (const offset of checked) {
      const values = damagesOf(heap, heap.control(offset));
      expect(undetected(heap, heap.at + offset, values, 4)).toEqual([]);
    }
    expect(brokenIn(engine)).toBe("");
  });

  test("to a byte of CLASS_OF", () => {
    const heap = new BusyHeap();
    for (let i = 0; i <= (DEFAULT_SMALL + 7) >>> 3; i++) {
      const at = heap.at + CLASS_OF_AT + i;
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
    control.useHeap(0);
    const base = 2 * GROUP - CONTROL; // the first block, the first root, starts at a multiple of GROUP
    exported.heap_create(base, 0, 0, FIT.best, DEFAULT_SMALL);
    const heap = new TestHeap(engine, memory);
    for (let i = 0; i < 30; i++) heap.allocate(4 * PAGE);
    expect(word(memory, base + ROOT_AT)).not.toBe(base + CONTROL);
    expect(brokenIn(engine)).toBe("");
  });
});
