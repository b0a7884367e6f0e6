/**
 * Draws a heap: its footprint in cells of one size, shaded by how much of each is in use.
 *
 *     00000000  ████████████▓▓▓▓▓▓▒▒▒████░░░··········██████████████████████████
 *     00100000  ██████████████▓···
 */

import type { EntryKind, Snapshot } from "../trace/snapshot.ts";
import { bytes, wrap } from "./report.ts";
import type { Terminal } from "./terminal.ts";

/** Cells in a row: as many as the terminal has room for. */
const ROW_SIZES = [64, 32, 16];
/** Cells of the whole map, at most. */
const MOST_CELLS = 512;
/** Characters of an address and the space after it. */
const MARGIN = 10;
const SMALLEST_CELL = 16;

/** From nothing in use to everything. */
const UNICODE_SHADES = "·░▒▓█";
const ASCII_SHADES = ".-+*#";
const OTHERS_SHADE = "/";

/** Bytes of a cell by their use. */
interface Cell {
  blocks: number;
  slots: number;
  tables: number;
  free: number;
  others: number;
}

const PART_OF_CELL: Readonly<Record<EntryKind, keyof Cell>> = {
  used: "blocks",
  "used-slot": "slots",
  metadata: "tables",
  free: "free",
  "free-slot": "free",
  foreign: "others",
};

/** The rows of the map and a legend. Cost: linear in the entries of the heap. */
export function drawMap(snapshot: Snapshot, terminal: Terminal): string {
  const { start, end, cellBytes, cells } = cellsOf(snapshot);
  const rowSize = ROW_SIZES.find((size) => MARGIN + size <= terminal.columns) ?? ROW_SIZES.at(-1)!;
  const shades = terminal.unicode ? UNICODE_SHADES : ASCII_SHADES;
  const lines: string[] = [];
  for (let row = 0; row < cells.length; row += rowSize) {
    const address = (start + row * cellBytes).toString(16).padStart(8, "0");
    const drawn = cells.slice(row, row + rowSize).map((cell, column) => {
      const from = start + (row + column) * cellBytes;
      return drawCell(cell, Math.min(from + cellBytes, end) - from, shades, terminal);
    });
    lines.push(`${terminal.paint.dim(address)}  ${paintRuns(drawn)}`);
  }
  lines.push(legend(cellBytes, shades, terminal));
  return `${lines.join("\n")}\n`;
}

/** Cuts the heap into cells of a power of two of bytes: the smallest that need no more than `MOST_CELLS` cells. */
export function cellsOf({ entries }: Pick<Snapshot, "entries">): {
  /** Address of the first cell. */
  start: number;
  /** The end of the last entry, which is the program break. */
  end: number;
  cellBytes: number;
  cells: Cell[];
} {
  let first = Infinity;
  let end = 0;
  for (const { address, size } of entries) {
    if (address < first) first = address;
    if (address + size > end) end = address + size;
  }
  let cellBytes = SMALLEST_CELL;
  const rounded = (): number => first - (first % cellBytes);
  while (end - rounded() > cellBytes * MOST_CELLS) cellBytes *= 2;
  const start = rounded();

  const cells = Array.from({ length: Math.ceil((end - start) / cellBytes) }, (): Cell => ({
    blocks: 0,
    slots: 0,
    tables: 0,
    free: 0,
    others: 0,
  }));
  for (const { address, size, kind } of entries) {
    const part = PART_OF_CELL[kind];
    for (let at = address; at < address + size;) {
      const index = Math.floor((at - start) / cellBytes);
      const next = Math.min(start + (index + 1) * cellBytes, address + size);
      cells[index]![part] += next - at;
      at = next;
    }
  }
  return { start, end, cellBytes, cells };
}

/** A cell's shade, and the colour of what most of it is used for. */
interface DrawnCell {
  readonly shade: string;
  readonly paint: (text: string) => string;
}

/** @param size bytes of the cell that belong to the heap */
function drawCell(cell: Cell, size: number, shades: string, { paint }: Terminal): DrawnCell {
  const { blocks, slots, tables, free, others } = cell;
  if (others > size / 2) return { shade: OTHERS_SHADE, paint: paint.dim };
  const inUse = (size - free - others) / size;
  // An empty cell may have a header or two, and a full cell a free slot or two.
  const level = inUse < 0.02 ? 0 : inUse > 0.98 ? 4 : 1 + Math.min(2, Math.floor(inUse * 3));
  const shade = shades[level]!;
  if (level === 0) return { shade, paint: paint.dim };
  const most = Math.max(blocks, slots, tables);
  if (most === blocks) return { shade, paint: paint.green };
  return { shade, paint: most === slots ? paint.cyan : paint.yellow };
}

/** Paints neighbouring cells of one colour together. */
function paintRuns(cells: readonly DrawnCell[]): string {
  let drawn = "";
  for (let at = 0; at < cells.length;) {
    const { paint } = cells[at]!;
    let run = "";
    for (; cells[at]?.paint === paint; at += 1) run += cells[at]!.shade;
    drawn += paint(run);
  }
  return drawn;
}

function legend(cellBytes: number, shades: string, { columns, paint }: Terminal): string {
  const [free, little, half, most, full] = shades;
  const cell = `a cell is ${bytes(cellBytes)}`;
  const shade = `${full} in use ${most} mostly ${half} half ${little} little ${free} free`;
  // No break between a shade and its name.
  const joined = shade
    .replaceAll(/(?<=^|use |mostly |half |little )(\S) /g, "$1\0")
    .replace("in use", "in\0use");
  const lines = wrap(`${cell}: ${joined}`, columns - MARGIN);
  const indent = " ".repeat(MARGIN);
  const colours = paint.isColorSupported
    ? `\n${paint.green("blocks")} ${paint.cyan("slots")} ${paint.yellow("tables")}`
    : "";
  return `${lines}${colours}`.replaceAll("\0", " ").replaceAll(/^/gm, indent);
}
