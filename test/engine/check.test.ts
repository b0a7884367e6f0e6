/** Each invariant of engine/layout.ts is broken on purpose, and `heap_check` names it. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

import * as engine from "../../engine/c-abi.ts";
import {
  BINS,
  BIN_COUNT,
  BITMAP,
  BREAK,
  CARD,
  cardShift,
  CELL,
  CELLS,
  CELL_SHIFT,
  BASE,
  CLASS,
  CLASS_BYTES,
  CLASS_COUNT,
  CLASS_UNIT,
  DESCRIPTOR_BYTES,
  FIRST_ENTRY,
  FIT as FIT_AT,
  FRESH,
  GAP,
  GAPS,
  GRANULE,
  HEAD,
  HEADER,
  HELD,
  HOLD,
  HOLDING,
  IN_USE,
  IS_CURRENT,
  KEPT,
  KIND,
  LINKS,
  LINKS_BYTES,
  RECIPROCAL_SHIFT,
  LIMIT,
  MAGIC_AT,
  MAP,
  MAP_BLOCK,
  MAP_USED,
  NEXT_DESCRIPTOR,
  NO_SLAB,
  ORIGIN,
  OWN,
  OWNED,
  PEAK,
  PLACES,
  PREVIOUS,
  PREVIOUS_IN_USE,
  REACH,
  ROVER,
  SLOTS,
  STARTS,
  STARTS_BLOCK,
  STARTS_END,
  SUMMARY,
  TABLE,
  TABLE_BLOCK,
  TAIL,
  TOP,
  useHeap,
  CURRENT,
} from "../../engine/layout.ts";
import * as seam from "../../engine/memory/counting.ts";
import { PAGE, resizable } from "./engines.ts";
import { blocksOf, brokenIn, setWord, word } from "./picture.ts";
import { DEFAULT_SMALL, FIT, TestHeap } from "./test-heap.ts";

/** A heap with some of everything, and what is where in it. */
class BusyHeap extends TestHeap {
  constructor() {
    const memory = resizable(0);
    seam.mount(memory);
    useHeap(0);
    engine.heap_create(0, 0, -1, FIT.best, DEFAULT_SMALL);
    super(engine, memory);
    const slots = [8, 24, 100, 1000].map((size) =>
      Array.from({ length: 400 }, () => this.allocate(size)),
    );
    // Blocks, free ones among them, and a gap.
    const blocks = Array.from({ length: 60 }, (_, i) => this.allocate(2000 + i * 150));
    memory.resize(memory.byteLength + PAGE);
    blocks.push(this.allocate(20 * PAGE), this.allocate(10));
    blocks.forEach((p, i) => i < 60 && i % 3 === 0 && this.release(p));
    this.allocate(30_000);
    // Slabs of several classes: some stay full, some get free slots, one that is empty is kept, others are given back.
    for (const live of slots)
      live.forEach((p, i) => (i < 150 || (i < 300 && i % 7 === 0)) && this.release(p));
  }

  word(address: number): number {
    return word(this.memory, address);
  }

  set(address: number, value: number): void {
    setWord(this.memory, address, value);
  }

  half(address: number): number {
    return new DataView(this.memory as ArrayBuffer).getUint16(address, true);
  }

  setHalf(address: number, value: number): void {
    new DataView(this.memory as ArrayBuffer).setUint16(address, value, true);
  }

  /** A word of the control block. */
  control(at: number): number {
    return this.word(this.base + at);
  }

  setControl(at: number, value: number): void {
    this.set(this.base + at, value);
  }

  setHeader(p: number, value: number): void {
    this.set(p - HEADER, value);
  }

  header(p: number): number {
    return this.word(p - HEADER);
  }

  size(p: number): number {
    return this.header(p) & -GRANULE;
  }

  /** The blocks whose flags, but for PREVIOUS_IN_USE, are these. */
  blocks(flags: number): number[] {
    const all = blocksOf(this.memory, this.base).slice(0, -1);
    return all
      .map(({ address }) => address)
      .filter((p) => (this.header(p) & (IN_USE | HELD | OWN)) === flags);
  }

  /** The block before the trailing one. */
  last(): number {
    return blocksOf(this.memory, this.base).at(-2)!.address;
  }

  byte(address: number): number {
    return new DataView(this.memory as ArrayBuffer).getUint8(address);
  }

  setByte(address: number, value: number): void {
    new DataView(this.memory as ArrayBuffer).setUint8(address, value);
  }

  startAt(p: number): number {
    return this.control(STARTS) + (p >>> cardShift);
  }

  mapAt(p: number): number {
    return this.control(MAP) + (p >>> CELL_SHIFT) * 2;
  }

  descriptor(entry: number): number {
    return this.control(TABLE) + entry * DESCRIPTOR_BYTES;
  }

  /** Descriptors of all slabs. */
  slabs(): {
    d: number;
    entry: number;
    base: number;
    kind: number;
    c: number;
    state: "current" | "full" | "listed";
  }[] {
    const slabs = [];
    for (let entry = FIRST_ENTRY; entry < this.control(NEXT_DESCRIPTOR); entry++) {
      const d = this.descriptor(entry);
      const kind = this.word(d + KIND);
      const base = this.word(d + BASE);
      const c = this.base + ((kind & CLASS) >> CLASS_UNIT) * CLASS_BYTES;
      const isFull = kind >>> RECIPROCAL_SHIFT === 0;
      const state = isFull ? "full" : (kind & IS_CURRENT) !== 0 ? "current" : "listed";
      slabs.push({ d, entry, base, kind, c, state } as const);
    }
    return slabs;
  }

  slab(
    state: "current" | "full" | "listed",
    which: (c: number) => boolean = () => true,
  ): ReturnType<BusyHeap["slabs"]>[0] {
    return this.slabs().find((slab) => slab.state === state && which(slab.c))!;
  }

  bin(number: number): number {
    return this.base + BINS + 4 * number;
  }

  /** Numbers of the bins that hold `count` blocks. */
  bins(count: number): number[] {
    return Array.from({ length: BIN_COUNT }, (_, i) => i).filter((number) => {
      let length = 0;
      for (let p = this.word(this.bin(number)); p !== 0; p = this.word(p)) length++;
      return length === count;
    });
  }

  flipBit(bin: number): void {
    const at = BITMAP + (bin >>> 5) * 4;
    this.setControl(at, this.control(at) ^ (1 << (bin & 31)));
  }

  places(): number[] {
    return Array.from({ length: PLACES }, (_, i) => HOLD + 4 * i).filter(
      (at) => this.control(at) !== 0,
    );
  }
}

/** What breaks each invariant. */
const crimes: [invariant: string, what: string, commit: (heap: BusyHeap) => void][] = [
  ["H1", "no MAGIC", (heap) => heap.setControl(MAGIC_AT, 0)],
  ["H1", "the break is no multiple of 16", (heap) => heap.setControl(BREAK, heap.break - 8)],
  ["H1", "the break is above the limit", (heap) => heap.setControl(LIMIT, heap.break - 16)],
  ["H2", "gaps that are not there", (heap) => heap.setControl(GAPS, heap.control(GAPS) + 16)],
  [
    "H2",
    "a peak below the footprint",
    (heap) => heap.setControl(PEAK, heap.engine.heap_stat(0) - 16),
  ],

  ["H3", "OWNED below the break", (heap) => heap.setControl(OWNED, heap.break - 16)],

  ["B1", "a block of size 0", (heap) => heap.setHeader(heap.last(), IN_USE | PREVIOUS_IN_USE)],
  [
    "B1",
    "a block that ends beyond the trailing one",
    (heap) => heap.setHeader(heap.last(), (1 << 30) | IN_USE | PREVIOUS_IN_USE),
  ],
  [
    "B2",
    "P without a block in use before",
    (heap) => {
      const p = heap.blocks(0)[0]!;
      const next = p + heap.size(p);
      heap.setHeader(next, heap.header(next) | PREVIOUS_IN_USE);
    },
  ],
  [
    "B2",
    "no P behind a block in use",
    (heap) => heap.setHeader(heap.last(), heap.header(heap.last()) & ~PREVIOUS_IN_USE),
  ],
  [
    "B3",
    "another size in the last word of a free block",
    (heap) => {
      const p = heap.blocks(0)[0]!;
      heap.set(p + heap.size(p) - 2 * HEADER, heap.size(p) + 16);
    },
  ],
  [
    "B4",
    "a free block cut in two",
    (heap) => {
      const p = heap.blocks(0).find((each) => each % CELL < CELL - 64)!; // both begin in one cell
      const size = heap.size(p);
      heap.setHeader(p, 32 | PREVIOUS_IN_USE);
      heap.set(p + 32 - 2 * HEADER, 32);
      heap.setHeader(p + 32, size - 32);
      heap.set(p + size - 2 * HEADER, size - 32);
    },
  ],
  [
    "B4",
    "a free block before the trailing one",
    (heap) => {
      const p = heap.last();
      const size = heap.size(p);
      heap.setHeader(p, size | PREVIOUS_IN_USE);
      heap.set(p + size - 2 * HEADER, size);
      heap.setHeader(p + size, heap.header(p + size) & ~PREVIOUS_IN_USE);
    },
  ],
  [
    "B5",
    "the trailing block ends before the break",
    (heap) => heap.setHeader(heap.control(TOP), heap.header(heap.control(TOP)) - 16),
  ],
  [
    "B5",
    "FRESH is below the trailing block",
    (heap) => heap.setControl(FRESH, heap.control(TOP) - 16),
  ],

  [
    "B6",
    "a rover within a block",
    (heap) => {
      heap.setControl(FIT_AT, 1);
      heap.setControl(ROVER, heap.last() + GRANULE);
    },
  ],

  [
    "F1",
    "a link that leads back to somewhere else",
    (heap) => heap.set(heap.blocks(0)[0]! + 4, heap.blocks(0)[1]!),
  ],
  [
    "F1",
    "a bin that leads to a block in use",
    (heap) => heap.set(heap.bin(heap.bins(1)[0]!), heap.last()),
  ],
  [
    "F1",
    "a bin that leads into a block",
    (heap) => heap.set(heap.bin(heap.bins(1)[0]!), heap.last() + 16),
  ],
  [
    "F1",
    "a bin that leads out of the heap",
    (heap) => heap.set(heap.bin(heap.bins(1)[0]!), heap.break + 16),
  ],
  [
    "F1",
    "blocks in each other's bin",
    (heap) => {
      const [a, b] = heap.bins(1).map((number) => heap.bin(number)) as [number, number];
      const [p, q] = [heap.word(a), heap.word(b)];
      heap.set(a, q);
      heap.set(q + 4, a);
      heap.set(b, p);
      heap.set(p + 4, b);
    },
  ],
  ["F2", "no bit for a bin that has blocks", (heap) => heap.flipBit(heap.bins(1)[0]!)],
  ["F2", "a bit for a bin that has none", (heap) => heap.flipBit(heap.bins(0)[0]!)],
  [
    "F2",
    "no summary bit for a word that is not 0",
    (heap) => heap.setControl(SUMMARY, heap.control(SUMMARY) & ~(1 << (heap.bins(1)[0]! >>> 5))),
  ],
  [
    "F2",
    "a summary bit for a word that is 0",
    (heap) => {
      const empty = [0, 1, 2, 3, 4, 5, 6].find((each) => heap.control(BITMAP + 4 * each) === 0)!;
      heap.setControl(SUMMARY, heap.control(SUMMARY) | (1 << empty));
    },
  ],
  [
    "F3",
    "a free block in no bin",
    (heap) => {
      const words = heap.bins(1).map((bin) => heap.control(BITMAP + (bin >>> 5) * 4));
      const bin = heap.bins(1).find((_, i) => (words[i]! & (words[i]! - 1)) !== 0)!; // its word has other bits
      heap.set(heap.bin(bin), 0);
      heap.flipBit(bin);
    },
  ],

  ["Q1", "a held block in no place", (heap) => heap.setControl(heap.places()[0]!, 0)],
  [
    "Q1",
    "a held block in another place",
    (heap) => heap.setControl(heap.places()[0]!, heap.control(heap.places()[1]!)),
  ],
  [
    "Q1",
    "a place with a block that is not held",
    (heap) => {
      const p = heap.control(heap.places()[0]!);
      heap.setHeader(p, heap.header(p) & ~HELD);
    },
  ],
  ["Q1", "HOLDING says that none is held", (heap) => heap.setControl(HOLDING, 0)],

  [
    "M1",
    "no start where a block starts",
    (heap) => heap.setByte(heap.startAt(heap.blocks(0)[0]!), 0),
  ],
  [
    "M1",
    "a start that is another",
    (heap) => {
      const at = heap.startAt(heap.blocks(0)[0]!);
      heap.setByte(at, (heap.byte(at) % 128) + 1);
    },
  ],
  [
    "M1",
    "a start where no block starts",
    (heap) => heap.setByte(heap.startAt(heap.last() + CARD), 5),
  ],
  [
    "M1",
    "a start in the trailing block",
    (heap) => heap.setByte(heap.startAt(heap.control(TOP) + CARD), 1),
  ],
  ["M1", "starts that end before the break", (heap) => heap.setControl(STARTS_END, 1)],
  [
    "M2",
    "the entry of a slab where there is none",
    (heap) => heap.setHalf(heap.mapAt(heap.base), FIRST_ENTRY), // in the control block
  ],
  [
    "M2",
    "an entry of no descriptor",
    (heap) => heap.setHalf(heap.mapAt(heap.control(REACH) - CELL), heap.control(NEXT_DESCRIPTOR)),
  ],
  [
    "M2",
    "another slab's entry in a slab's cell",
    (heap) => {
      const { base, entry } = heap.slabs().find(({ base }) => heap.size(base) > CELL)!;
      heap.setHalf(heap.mapAt(base + CELL), entry === FIRST_ENTRY ? FIRST_ENTRY + 1 : FIRST_ENTRY);
    },
  ],
  [
    "M2",
    "no entry in a slab's cell",
    (heap) => {
      const { base } = heap.slabs().find(({ base }) => heap.size(base) > CELL)!;
      heap.setHalf(heap.mapAt(base + CELL), 0);
    },
  ],
  [
    "M4",
    "no entry at a slab's start",
    (heap) => heap.setHalf(heap.mapAt(heap.slabs()[0]!.base), 0),
  ],
  ["M3", "MAP_USED beyond the map", (heap) => heap.setControl(MAP_USED, 1 << 20)],
  ["M3", "MAP_USED below the last slab", (heap) => heap.setControl(MAP_USED, 1)],

  [
    "M4",
    "starts that are not the heap's own",
    (heap) => {
      const p = heap.control(STARTS_BLOCK);
      heap.setHeader(p, heap.header(p) & ~OWN);
    },
  ],
  [
    "M4",
    "a block that is the heap's own, for nothing",
    (heap) => heap.setHeader(heap.last(), heap.header(heap.last()) | OWN),
  ],
  [
    "M4",
    "more starts than there is room for",
    (heap) => heap.setControl(STARTS_END, heap.control(STARTS_END) + 1),
  ],
  [
    "M4",
    "a map a cell shorter than its block",
    (heap) => heap.setControl(REACH, heap.control(REACH) - CELL),
  ],
  [
    "M4",
    "a map that begins elsewhere",
    (heap) => heap.setControl(MAP_BLOCK, heap.control(TABLE_BLOCK)),
  ],

  [
    "S1",
    "the entry of a slab where a block starts",
    (heap) => {
      const p = heap.blocks(IN_USE).find((each) => each < heap.control(REACH) - CELL)!;
      heap.setHalf(heap.mapAt(p), FIRST_ENTRY);
    },
  ],
  [
    "S1",
    "a descriptor that leads somewhere else",
    (heap) => heap.set(heap.slab("full").d + BASE, heap.slab("full").base + CELL),
  ],
  [
    "S1",
    "a descriptor of no class",
    (heap) => heap.set(heap.slab("listed").d + KIND, heap.slab("listed").kind | CLASS),
  ],
  [
    "S1",
    "a reciprocal of another class",
    (heap) =>
      heap.set(heap.slab("listed").d + KIND, heap.slab("listed").kind + (1 << RECIPROCAL_SHIFT)),
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
    "S1",
    "a slab that is not the heap's own",
    (heap) => heap.setHeader(heap.slab("full").base, heap.header(heap.slab("full").base) & ~OWN),
  ],
  ["S2", "a slot in use beyond the last", (heap) => heap.set(heap.slab("listed").d + 4, -1)],
  [
    "S3",
    "a slab marked as full with a free slot",
    (heap) => heap.set(heap.slab("full").d, heap.word(heap.slab("full").d) & ~4),
  ],
  [
    "S3",
    "a slab with a free slot marked as full",
    (heap) => heap.set(heap.slab("listed").d + KIND, heap.slab("listed").kind & CLASS),
  ],
  [
    "S3",
    "a slab in no list",
    (heap) => {
      const { c } = heap.slab("listed");
      heap.set(c + HEAD, 0); // and the tail
    },
  ],
  [
    "S4",
    "a link that leads back to somewhere else",
    (heap) =>
      heap.setHalf(
        heap.control(LINKS) + LINKS_BYTES * heap.half(heap.slab("listed").c + HEAD) + PREVIOUS,
        FIRST_ENTRY,
      ),
  ],
  [
    "S4",
    "a tail that is not the last",
    (heap) => heap.setHalf(heap.slab("listed").c + TAIL, FIRST_ENTRY),
  ],
  [
    "S4",
    "a list that leads to a slab that is full",
    (heap) => heap.setHalf(heap.slab("listed").c + HEAD, heap.slab("full").entry),
  ],
  [
    "S4",
    "a list that leads to the current slab",
    (heap) => heap.setHalf(heap.slab("listed").c + HEAD, heap.slab("current").entry),
  ],
  [
    "S4",
    "a list that leads to another class",
    (heap) => {
      const { c } = heap.slab("listed");
      heap.setHalf(c + HEAD, heap.slab("listed", (other) => other !== c).entry);
    },
  ],
  [
    "S4",
    "a list that leads to no descriptor",
    (heap) => heap.setHalf(heap.slab("listed").c + HEAD, heap.control(NEXT_DESCRIPTOR)),
  ],
  [
    "S4",
    "an empty slab is kept that is not empty",
    (heap) => heap.setHalf(heap.slab("full").c + KEPT, heap.slab("full").entry),
  ],
  [
    "S4",
    "an empty slab in a list that is not kept",
    (heap) => heap.setHalf(heap.slabs().find(({ c }) => heap.half(c + KEPT) !== 0)!.c + KEPT, 0),
  ],
  [
    "S5",
    "the current slab is not marked",
    (heap) => heap.set(heap.slab("current").d + KIND, heap.slab("current").kind & ~IS_CURRENT),
  ],
  [
    "S5",
    "another slab is marked",
    (heap) => heap.set(heap.slab("listed").d + KIND, heap.slab("listed").kind | IS_CURRENT),
  ],
  ["S5", "another number of slots", (heap) => heap.set(heap.slab("current").c + SLOTS, 1)],
  [
    "S5",
    "another place for them",
    (heap) =>
      heap.set(heap.slab("current").c + ORIGIN, heap.word(heap.slab("current").c + ORIGIN) + 8),
  ],
  [
    "S5",
    "a word that is none of the slots",
    (heap) => heap.set(heap.slab("current").c + CURRENT, heap.slab("current").d + KIND),
  ],
  [
    "S5",
    "a class that takes from a slab of another",
    (heap) => {
      const none = Array.from({ length: CLASS_COUNT }, (_, i) => heap.base + i * CLASS_BYTES);
      const c = none.find((each) => heap.word(each + CURRENT) === heap.base + NO_SLAB)!;
      heap.set(c + CURRENT, heap.slab("current").d);
    },
  ],
  ["S6", "another count of cells", (heap) => heap.set(heap.slab("full").c + CELLS, 1)],
  [
    "S6",
    "a descriptor more",
    (heap) => heap.setControl(NEXT_DESCRIPTOR, heap.control(NEXT_DESCRIPTOR) + 1),
  ],
  [
    "S7",
    "links beyond the table's block",
    (heap) => heap.setControl(LINKS, heap.control(LINKS) + 65536),
  ],
];

test("the heap has some of everything, and is sound", () => {
  const heap = new BusyHeap();
  expect(heap.unchanged(() => brokenIn(engine))).toBe("");
  const states = heap.slabs().map(({ state }) => state);
  for (const state of ["current", "full", "listed"] as const)
    expect(states.filter((each) => each === state).length).toBeGreaterThan(1);
  expect(heap.slabs().some(({ c }) => heap.half(c + KEPT) !== 0)).toBe(true);
  expect(heap.blocks(0).length).toBeGreaterThan(5);
  expect(heap.blocks(IN_USE | GAP)).toHaveLength(1);
  expect(heap.places().length).toBeGreaterThan(3);
  expect(heap.bins(1).length).toBeGreaterThan(3);
});

test.each(crimes)("%s: %s", (invariant, _, commit) => {
  const heap = new BusyHeap();
  commit(heap);
  expect(heap.unchanged(() => brokenIn(engine))).toBe(invariant);
});

test("every invariant of layout.ts is broken here", () => {
  const layout = readFileSync(new URL("../../engine/layout.ts", import.meta.url), "utf8");
  const listed = [...layout.matchAll(/^\/\/ {3}([A-Z]\d) {2}/gm)].map(([, name]) => name);
  expect(listed.length).toBeGreaterThan(15);
  expect([...new Set(crimes.map(([name]) => name))].toSorted()).toEqual(listed.toSorted());
});
