/** A heap with blocks, slabs and lists of every kind, to break: it reads and writes its words by the offsets of the drawings. */

import { FLAGS, HEADER, IN_USE, QUICK } from "../../../engine/block.ts";
import {
  BIN_BITS_AT,
  BIN_COUNT,
  BINS_AT,
  BREAK_AT,
  CELL,
  CELL_SHIFT,
  CELLS_AT,
  CLASS_COUNT,
  CLASS_SHIFT,
  CURRENT_AT,
  GROUPS_AT,
  QUICK_LISTS,
  QUICK_LISTS_AT,
  ROOT_AT,
  SLOT_BYTES_AT,
  SLOT_SIZE_AT,
  TOP_AT,
  TOP_END_AT,
} from "../../../engine/control.ts";
import * as exported from "../../../engine/exports.ts";
import * as inspector from "../../../engine/inspect/exports.ts";
import * as seam from "../../../engine/memory/counting.ts";
import { blocksOf, setWord, word, wordsOf } from "../../suite/picture.ts";
import { type Engine, forgetHeap, PAGE, PINNED, resizable } from "../engines.ts";
import { DEFAULT_SMALL, FIT, TestHeap } from "../test-heap.ts";

export const engine: Engine = { ...exported, ...inspector };

/** Offsets in a free block, see engine/block.ts. */
export const LINK = 4;

export const LEFT = 8;

export const RIGHT = 12;

/** Offsets in a slab header, and the parts of its kind, see engine/slabs.ts. */
export const BASE = 0;

export const BITS = 4;

export const KIND = 12;

export const NEXT = 16;

export const PREVIOUS = 20;

export const END = 24;

export const CURRENT = 1;

export const CLASS = 0xfc;

/** Offsets in a group of slab headers. */
export const NEXT_GROUP = 8;

export const GROUP_LINK = 12;

/** The entry of a cell with a slab is above it. */
export const LAST_START = 32;

export interface Slab {
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
export class BusyHeap extends TestHeap {
  /** Address of the control block. */
  readonly at: number;

  constructor(base = 0) {
    const memory = resizable(0);
    seam.mount(memory);
    forgetHeap();
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
    const quick = [1500, 1500, 1700].map((size) => this.separate(size));
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

  /** Addresses of the quick lists that are not empty, the longest first: the number of blocks, and their addresses. */
  quickLists(): number[] {
    return Array.from({ length: QUICK_LISTS }, (_, i) => this.at + QUICK_LISTS_AT + 16 * i)
      .filter((list) => this.word(list) !== 0)
      .toSorted((a, b) => this.word(b) - this.word(a));
  }

  /** Offsets in the control block of the words of quick lists that have no block's address. */
  unusedInQuickLists(): number[] {
    return Array.from({ length: QUICK_LISTS }, (_, i) => QUICK_LISTS_AT + 16 * i).flatMap((list) =>
      [0, 1, 2].slice(this.control(list)).map((number) => list + 4 + 4 * number),
    );
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

  /** Writes the current slab of class `c`, for each size that it serves. */
  setCurrent(c: number, slab: number): void {
    const bytes = this.word(c + SLOT_SIZE_AT);
    const sizes = wordsOf(this.memory);
    for (let size = 0; size <= bytes; size += 8) {
      if (sizes.getUint8(this.at + SLOT_BYTES_AT + size / 8) === bytes / 8)
        this.setControl(CURRENT_AT + size / 2, slab);
    }
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
