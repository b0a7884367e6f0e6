/**
 * The heap at one moment, as entries in address order, and from far away as levels of detail.
 *
 * A level is a row of cells of one size, each with the mean colour of its bytes. The next level has cells twice as large. So a
 * pixel of a map takes its colour from the level whose cells are about as large as the pixel, whatever the number of blocks.
 * Cells of the first level are so large that there are at most `MOST_CELLS`; closer than that, entries are drawn one by one.
 */

import type { WatchedEngine } from "../tools/build/generated/watched-engine.js";
import { doubled } from "../trace/ops.ts";

/** What an entry is: the engine's numbers, and two of the page. */
export const KIND = {
  freeBlock: 0,
  block: 1,
  freeSlot: 2,
  slot: 3,
  metadata: 4,
  foreign: 5,
  margin: 6,
  /** Freed, but not coalesced yet: in a quick list. */
  quickBlock: 7,
} as const;

/** A colour for each of `KIND`: red in the lowest 8 bits, then green, blue and 255. */
export type Palette = readonly number[];

const FIRST_CELL = 16;
const MOST_CELLS = 2 ** 20;
const HEADER = 4;

/** Entries of a heap. Entry i has the bytes from `from[i]` to `to[i]`, with the header of a block. */
export class Layout {
  /** Where the heap begins and where the break is. */
  readonly base: number;
  readonly end: number;
  /** Where the map ends: the margin begins there. */
  readonly mapEnd: number;
  count = 0;
  from = new Uint32Array(4096);
  to = new Uint32Array(4096);
  kinds = new Uint8Array(4096);

  constructor(base: number, end: number, mapEnd: number) {
    this.base = base;
    this.end = end;
    this.mapEnd = mapEnd;
  }

  add(from: number, to: number, kind: number): void {
    if (this.count === this.kinds.length) {
      this.from = doubled(this.from);
      this.to = doubled(this.to);
      this.kinds = doubled(this.kinds);
    }
    this.from[this.count] = from;
    this.to[this.count] = to;
    this.kinds[this.count] = kind;
    this.count += 1;
  }

  /** The first entry that ends above an address; `count` if there is none. Cost: logarithmic. */
  firstEndingAbove(address: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.to[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The entry that has an address; -1 for metadata between entries and for the margin. */
  entryAt(address: number): number {
    const at = this.firstEndingAbove(address);
    return at < this.count && this.from[at]! <= address ? at : -1;
  }

  /** Address of an entry's payload: the pointer of a block in use. */
  pointerOf(entry: number): number {
    const isSlot = this.kinds[entry] === KIND.slot || this.kinds[entry] === KIND.freeSlot;
    return this.from[entry]! + (isSlot ? 0 : HEADER);
  }
}

/** Walks the heap of an engine. Cost: linear in its blocks and slots. */
export function layoutOf(engine: WatchedEngine): Layout {
  engine.findMap();
  const topEnd = engine.topEnd() >>> 0;
  const layout = new Layout(
    engine.controlBlock() >>> 0,
    engine.programBreak() >>> 0,
    topEnd + engine.mapBytes(topEnd),
  );
  for (let p = engine.advance(0); p !== 0;) {
    const kind = engine.entryKind();
    const pointer = p >>> 0;
    const size = engine.entrySize() >>> 0;
    const isSlot = kind === KIND.slot || kind === KIND.freeSlot;
    const isQuick = kind === KIND.freeBlock && engine.isQuick(engine.header(p));
    layout.add(pointer - (isSlot ? 0 : HEADER), pointer + size, isQuick ? KIND.quickBlock : kind);
    const next = engine.advance(p);
    if (next === p) throw new Error(`the header of the block at ${pointer} was overwritten`);
    p = next;
  }
  return layout;
}

export interface Levels {
  /** Bytes of a cell of the first level, a power of two. */
  readonly cellBytes: number;
  /** Colours of the cells of each level. */
  readonly cells: readonly Uint32Array[];
}

/** Cost: linear in the entries and in the cells, of which there are at most two million. */
export function levelsOf(layout: Layout, palette: Palette): Levels {
  const { base, end } = layout;
  let cellBytes = FIRST_CELL;
  while ((end - base) / cellBytes > MOST_CELLS) cellBytes *= 2;
  const first = firstLevel(layout, palette, cellBytes);
  const cells = [first];
  for (let below = first; below.length > 1;) {
    const above = new Uint32Array((below.length + 1) >>> 1);
    for (let i = 0; i < above.length; i += 1) {
      const a = below[2 * i]!;
      const b = below[2 * i + 1] ?? a;
      // The mean of each byte of two words.
      above[i] = (((a ^ b) & 0xfefefefe) >>> 1) + (a & b);
    }
    cells.push(above);
    below = above;
  }
  return { cellBytes, cells };
}

function firstLevel(layout: Layout, palette: Palette, cellBytes: number): Uint32Array {
  const { base, end, mapEnd, count, from, to, kinds } = layout;
  const length = Math.ceil((end - base) / cellBytes);
  const cells = new Uint32Array(length).fill(palette[KIND.metadata]!);
  cells.fill(palette[KIND.margin]!, Math.floor((mapEnd - base) / cellBytes));
  const reds = palette.map((colour) => colour & 255);
  const greens = palette.map((colour) => (colour >>> 8) & 255);
  const blues = palette.map((colour) => (colour >>> 16) & 255);
  let [red, green, blue, filled] = [0, 0, 0, 0];
  let open = -1;
  const close = (): void => {
    if (open < 0) return;
    const rest = cellBytes - filled;
    const metadata = KIND.metadata;
    const mean = (sum: number, own: number): number => Math.floor((sum + rest * own) / cellBytes);
    cells[open] =
      ((255 << 24) |
        (mean(blue, blues[metadata]!) << 16) |
        (mean(green, greens[metadata]!) << 8) |
        mean(red, reds[metadata]!)) >>>
      0;
    [red, green, blue, filled] = [0, 0, 0, 0];
    open = -1;
  };
  for (let i = 0; i < count; i += 1) {
    const kind = kinds[i]!;
    const stop = to[i]!;
    for (let at = from[i]!; at < stop;) {
      const cell = Math.floor((at - base) / cellBytes);
      const cellStart = base + cell * cellBytes;
      const next = Math.min(stop, cellStart + cellBytes);
      if (at === cellStart && next === cellStart + cellBytes) {
        close();
        const last = Math.floor((stop - base) / cellBytes);
        cells.fill(palette[kind]!, cell, last);
        at = base + last * cellBytes;
        continue;
      }
      if (cell !== open) close();
      open = cell;
      const bytes = next - at;
      red += bytes * reds[kind]!;
      green += bytes * greens[kind]!;
      blue += bytes * blues[kind]!;
      filled += bytes;
      at = next;
    }
  }
  close();
  return cells;
}

/** What part of the heap a map shows: rows of `2 ** zoom` bytes, the first from address `origin` on. */
export interface View {
  readonly origin: number;
  readonly zoom: number;
}

/** The closest: rows of 64 bytes, in which words can be read. */
export const CLOSEST = 6;

/** Pixels of a row: more when it is closer. */
export function rowHeight(zoom: number): number {
  return Math.max(4, Math.min(24, Math.round(36 - 1.6 * zoom)));
}

/** The view that shows all of a heap on so many pixels of height. */
export function wholeView(layout: Layout, height: number): View {
  let zoom = CLOSEST;
  const fits = (): boolean =>
    Math.ceil((layout.end - layout.base) / 2 ** zoom) * rowHeight(zoom) <= height;
  while (!fits() && zoom < 32) zoom += 1;
  return { origin: layout.base, zoom };
}

/** The address at a pixel; it may be beyond the heap. */
export function addressAt(view: View, width: number, x: number, y: number): number {
  const row = Math.floor(y / rowHeight(view.zoom));
  return Math.floor(view.origin + (row + x / width) * 2 ** view.zoom);
}

/** Where an address is, in pixels from the top left corner. */
export function placeOf(view: View, width: number, address: number): { x: number; y: number } {
  const rows = (address - view.origin) / 2 ** view.zoom;
  const row = Math.floor(rows);
  return { x: (rows - row) * width, y: row * rowHeight(view.zoom) };
}

/**
 * Draws the pixels of a map.
 *
 * Cost: linear in the pixels; not in the blocks, since closer than the first level's cells there are fewer blocks than pixels.
 */
export function drawPixels(
  pixels: Uint32Array,
  width: number,
  height: number,
  view: View,
  layout: Layout,
  levels: Levels,
  palette: Palette,
  background: number,
): void {
  const rowBytes = 2 ** view.zoom;
  const pixelBytes = rowBytes / width;
  const tall = rowHeight(view.zoom);
  const gap = tall >= 6 ? 1 : 0;
  pixels.fill(background);
  for (let y = 0, start = view.origin; y < height && start < layout.end; y += tall) {
    const line = pixels.subarray(y * width, (y + 1) * width);
    if (pixelBytes >= levels.cellBytes) drawFar(line, start, pixelBytes, layout, levels);
    else drawNear(line, start, pixelBytes, layout, palette);
    const lines = Math.min(tall - gap, height - y);
    for (let copy = 1; copy < lines; copy += 1) pixels.set(line, (y + copy) * width);
    start += rowBytes;
  }
}

function drawFar(
  line: Uint32Array,
  start: number,
  pixelBytes: number,
  { base, end }: Layout,
  { cellBytes, cells }: Levels,
): void {
  const wanted = Math.floor(Math.log2(pixelBytes / cellBytes));
  const level = Math.min(Math.max(0, wanted), cells.length - 1);
  const colours = cells[level]!;
  const step = pixelBytes / (cellBytes * 2 ** level);
  const from = (start - base) / (cellBytes * 2 ** level);
  const inside = Math.min(line.length, Math.ceil((end - start) / pixelBytes));
  for (let x = Math.max(0, Math.ceil((base - start) / pixelBytes)); x < inside; x += 1) {
    line[x] = colours[Math.floor(from + x * step)] ?? line[x]!;
  }
}

function drawNear(
  line: Uint32Array,
  start: number,
  pixelBytes: number,
  layout: Layout,
  palette: Palette,
): void {
  const { base, end, mapEnd, count, from, to, kinds } = layout;
  const width = line.length;
  const pixel = (address: number): number =>
    Math.min(width, Math.max(0, Math.round((address - start) / pixelBytes)));
  line.fill(palette[KIND.metadata]!, pixel(base), pixel(mapEnd));
  line.fill(palette[KIND.margin]!, pixel(mapEnd), pixel(end));
  const stop = start + width * pixelBytes;
  for (let i = layout.firstEndingAbove(start); i < count && from[i]! < stop; i += 1) {
    const left = pixel(from[i]!);
    const right = pixel(to[i]!);
    line.fill(palette[kinds[i]!]!, left, right);
    // A darker edge separates neighbours, if there is room for it.
    if (right - left >= 3 && from[i]! >= start) line[left] = darker(palette[kinds[i]!]!);
  }
}

function darker(colour: number): number {
  return (((colour & 0x00fefefe) >>> 1) | 0xff000000) >>> 0;
}
