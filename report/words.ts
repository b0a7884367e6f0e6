/** A name for each word of a heap: what it is, in the terms of docs/architecture.md. */

import {
  BIN_BITS_AT,
  BIN_COUNT,
  BINS_AT,
  BREAK_AT,
  CELL,
  CELLS_AT,
  CHUNKS_AT,
  CLASSES_AT,
  CONTROL,
  CURRENT_AT,
  FIRST_AT,
  FIT_AT,
  FOREIGN_AT,
  GROUPS_AT,
  HIGH_WATER_AT,
  LAST_AT,
  LIMIT_AT,
  MAGIC_AT,
  MARGIN_AT,
  MOVES_AT,
  NO_SLAB_AT,
  PEAK_AT,
  QUICK_LISTS_AT,
  RECIPROCAL_AT,
  RESERVED_AT,
  ROOT_AT,
  ROVER_AT,
  SLOT_BYTES_AT,
  SLOT_SIZE_AT,
  SMALL_AT,
  TOP_AT,
  TOP_END_AT,
  WARMUP_AT,
} from "../engine/control.ts";
import type { WatchedEngine } from "../tools/build/generated/watched-engine.js";
import { hex } from "./text.ts";

const SINGLE: Readonly<Record<number, string>> = {
  [MAGIC_AT]: "MAGIC: the version of the layout",
  [TOP_AT]: "TOP: the top block",
  [TOP_END_AT]: "TOP_END: the end of the top block",
  [BREAK_AT]: "BREAK: the program break",
  [SMALL_AT]: "SMALL: one more than the largest size that slabs serve",
  [FIT_AT]: "FIT: the policy",
  [LIMIT_AT]: "LIMIT: the break never goes beyond it",
  [MARGIN_AT]: "MARGIN: extra bytes when the break moves",
  [RESERVED_AT]: "RESERVED: memory below it is the heap's",
  [MOVES_AT]: "MOVES: how often the break moved",
  [PEAK_AT]: "PEAK: the largest footprint",
  [FOREIGN_AT]: "FOREIGN: bytes of foreign regions",
  [HIGH_WATER_AT]: "HIGH_WATER: no block has started above it",
  [ROVER_AT]: "ROVER: where next fit continues",
  [ROOT_AT]: "ROOT (pinned layout)",
  [CHUNKS_AT]: "CHUNKS (pinned layout)",
  [GROUPS_AT]: "GROUPS (pinned layout)",
};

const CLASS_FIELDS: Readonly<Record<number, string>> = {
  [SLOT_SIZE_AT]: "SLOT_SIZE",
  [RECIPROCAL_AT]: "RECIPROCAL",
  [FIRST_AT]: "FIRST partial slab",
  [LAST_AT]: "LAST partial slab",
  [CELLS_AT]: "CELLS of its slabs",
  [WARMUP_AT]: "WARMUP: requests that blocks served",
};

const SLAB_FIELDS = [
  "base",
  "bits of slots 0–31",
  "bits of slots 32–62",
  "kind",
  "next",
  "previous",
];
const FREE_FIELDS = ["next", "link", "left", "right"];
/** From this size on a free block has left and right. */
const TREE_SIZE = 512;

/** A block or slab, and what of it has an address. */
export interface Place {
  /** The block around the address; the block of the slab, if it is in one. */
  readonly block: number;
  /** Bytes of the block, with its header. */
  readonly size: number;
  readonly header: number;
  /** The header of the slab; 0 if it is none. */
  readonly slab: number;
}

/**
 * The block that has an address, its header included; undefined outside of blocks.
 *
 * Cost: linear in the cells of the block.
 */
export function placeAt(engine: WatchedEngine, address: number): Place | undefined {
  const first = engine.firstBlock() >>> 0;
  const top = engine.top() >>> 0;
  const topEnd = engine.topEnd() >>> 0;
  if (address < first - 4 || address >= topEnd) return undefined;
  engine.findMap();
  const placed = (p: number, slab: number): Place => {
    const header = engine.header(p) >>> 0;
    return { block: p, size: engine.sizeIn(header) >>> 0, header, slab };
  };
  if (address >= top - 4) return placed(top, 0);
  // A header belongs to the block after it.
  const inside = Math.max(first, address % 16 >= 12 ? address + 4 - (address % 4) : address);
  for (let at = inside; ; at = Math.floor(at / CELL) * CELL - 1) {
    if (at < first) return placed(first, 0);
    const entry = engine.entryOf(at);
    if (engine.isSlab(entry)) {
      const slab = engine.slabOf(at, entry) >>> 0;
      const block = engine.blockOf(slab) >>> 0;
      const place = placed(block, slab);
      const next = block + place.size;
      return address < next - 4 ? place : placed(next, 0);
    }
    if (entry === 0) continue;
    let p = engine.startIn(at, entry) >>> 0;
    if (p > inside) continue;
    for (;;) {
      const size = engine.sizeOf(p) >>> 0;
      if (size === 0 || p + size > inside) return placed(p, 0);
      p += size;
    }
  }
}

/** The slot of a slab that has an address, and the slab's number of slots and bytes of each. Below the first it is negative. */
export function slotAt(
  engine: WatchedEngine,
  slab: number,
  address: number,
): { slot: number; slots: number; bytes: number } {
  const bytes = engine.slotSize(engine.classOf(slab));
  const slot = Math.floor((address - (engine.baseOf(slab) >>> 0)) / bytes);
  return { slot, slots: engine.slotCount(slab), bytes };
}

/** What the word at an address, a multiple of 4, is. */
export function nameWord(engine: WatchedEngine, address: number): string {
  const base = engine.controlBlock() >>> 0;
  const topEnd = engine.topEnd() >>> 0;
  const offset = address - base;
  if (offset < 0) return "not of the heap";
  if (offset < CONTROL - 4) return nameControl(engine, offset);
  if (address >= topEnd) return nameBeyond(engine, address, topEnd);
  const place = placeAt(engine, address);
  return place === undefined ? "not of the heap" : nameInBlock(engine, address, place);
}

function nameControl(engine: WatchedEngine, offset: number): string {
  const single = SINGLE[offset];
  if (single !== undefined) return single;
  if (offset < BIN_BITS_AT) {
    const list = Math.floor((offset - QUICK_LISTS_AT) / 16);
    const room = ((offset - QUICK_LISTS_AT) % 16) / 4;
    return room === 0
      ? `quick list ${list}: number of blocks`
      : `quick list ${list}: block ${room}`;
  }
  if (offset < BINS_AT)
    return `BIN_BITS: bins ${8 * (offset - BIN_BITS_AT)}–${8 * (offset - BIN_BITS_AT) + 31}`;
  if (offset < BINS_AT + 4 * BIN_COUNT) return `bin ${(offset - BINS_AT) / 4}: first block`;
  if (offset < SLOT_BYTES_AT) return `CURRENT slab for ${sizesOf((offset - CURRENT_AT) / 4)} bytes`;
  if (offset < NO_SLAB_AT) {
    const from = offset - SLOT_BYTES_AT;
    return `SLOT_BYTES for ${8 * from - (from === 0 ? 0 : 7)}–${8 * (from + 3)} bytes`;
  }
  if (offset < CLASSES_AT) return `NO_SLAB: ${SLAB_FIELDS[(offset - NO_SLAB_AT) / 4] ?? "unused"}`;
  const record = Math.floor((offset - CLASSES_AT) / 32);
  const field = CLASS_FIELDS[CLASSES_AT + ((offset - CLASSES_AT) % 32)] ?? "unused";
  const slot = engine.slotSize(engine.classAt(record));
  return `class of ${slot} bytes: ${field}`;
}

function sizesOf(units: number): string {
  return units === 0 ? "0" : `${8 * units - 7}–${8 * units}`;
}

function nameBeyond(engine: WatchedEngine, address: number, topEnd: number): string {
  const bytes = engine.mapBytes(topEnd);
  if (address >= topEnd + bytes) return "unused, up to the break";
  const cell = (address - topEnd) * CELL + Math.floor((engine.controlBlock() >>> 0) / CELL) * CELL;
  return `map: cells from ${hex(cell)} to ${hex(cell + 4 * CELL - 1)}`;
}

function nameInBlock(engine: WatchedEngine, address: number, place: Place): string {
  const { block, size, header, slab } = place;
  if (address === block - 4) {
    if (slab !== 0) return `header of the slab's block ${hex(block)}`;
    return block === engine.top() >>> 0
      ? "header of the top block"
      : `header of block ${hex(block)}`;
  }
  if (slab !== 0) return nameInSlab(engine, address, slab);
  if (block === engine.top() >>> 0) return "top block: free";
  if (engine.isQuick(header)) return `quick block ${hex(block)}: free`;
  if (engine.isInUse(header)) return `payload of block ${hex(block)}`;
  if (address === block + size - 8) return `footer of free block ${hex(block)}`;
  const field = FREE_FIELDS[(address - block) / 4];
  const has = field !== undefined && (address - block < 8 || size >= TREE_SIZE);
  return has ? `${field} of free block ${hex(block)}` : `free block ${hex(block)}`;
}

function nameInSlab(engine: WatchedEngine, address: number, slab: number): string {
  if (address >= slab)
    return `slab header ${hex(slab)}: ${SLAB_FIELDS[(address - slab) / 4] ?? "unused"}`;
  const { slot, slots, bytes } = slotAt(engine, slab, address);
  return slot >= 0 && slot < slots
    ? `slot ${slot} of the slab of ${bytes}-byte slots`
    : "unused end of a slab";
}
