/**
 * The heap as a picture: its footprint cut into cells of one size, shaded by how much of each is in use.
 *
 *     00000000  ████████████▓▓▓▓▓▓▒▒▒████░░░··········██████████████████████████
 *     00100000  ██████████████▓···
 */

import type { EntryKind, Snapshot } from "../trace/snapshot.ts";
import { bytes } from "./report.ts";
import type { Terminal } from "./terminal.ts";

const CELLS_PER_ROW = 64;
const MOST_ROWS = 8;
const SMALLEST_CELL = 16;

/** Shades from nothing in use to all. */
const UNICODE_SHADES = "·░▒▓█";
const ASCII_SHADES = ".-+*#";
const OTHERS_SHADE = "/";

/** Bytes of a cell by what they are for. */
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

/** The rows of the map, and under them what the shades mean. Cost: linear in the entries of the heap. */
export function drawMap(snapshot: Snapshot, terminal: Terminal): string {
  const { start, end, cellBytes, cells } = cellsOf(snapshot);
  const shades = terminal.unicode ? UNICODE_SHADES : ASCII_SHADES;
  const lines: string[] = [];
  for (let row = 0; row < cells.length; row += CELLS_PER_ROW) {
    const address = (start + row * cellBytes).toString(16).padStart(8, "0");
    const drawn = cells.slice(row, row + CELLS_PER_ROW).map((cell, column) => {
      const from = start + (row + column) * cellBytes;
      return drawCell(cell, Math.min(from + cellBytes, end) - from, shades, terminal);
    });
    lines.push(`${terminal.paint.dim(address)}  ${paintRuns(drawn)}`);
  }
  lines.push(legend(cellBytes, shades, terminal));
  return `${lines.join("\n")}\n`;
}

/** Cuts the heap into cells: a power of two of bytes each, as few as fill no more than the rows. */
export function cellsOf({ entries }: Pick<Snapshot, "entries">): {
  /** Address of the first cell. */
  start: number;
  /** Where the last entry ends: the program break. */
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
  while (end - rounded() > cellBytes * CELLS_PER_ROW * MOST_ROWS) cellBytes *= 2;
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

/** A cell's shade and the colour that says what most of it is. */
interface DrawnCell {
  readonly shade: string;
  readonly paint: (text: string) => string;
}

/** @param size how many bytes of the cell are within the heap */
function drawCell(cell: Cell, size: number, shades: string, { paint }: Terminal): DrawnCell {
  const { blocks, slots, tables, free, others } = cell;
  if (others > size / 2) return { shade: OTHERS_SHADE, paint: paint.dim };
  const inUse = (size - free - others) / size;
  // A header or two do not make an empty cell used, nor a free slot or two a full one less than full.
  const level = inUse < 0.02 ? 0 : inUse > 0.98 ? 4 : 1 + Math.min(2, Math.floor(inUse * 3));
  const shade = shades[level]!;
  if (level === 0) return { shade, paint: paint.dim };
  const most = Math.max(blocks, slots, tables);
  if (most === blocks) return { shade, paint: paint.green };
  return { shade, paint: most === slots ? paint.cyan : paint.yellow };
}

/** Cells of one colour that follow each other are painted as one. */
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

function legend(cellBytes: number, shades: string, { paint }: Terminal): string {
  const [free, little, half, most, full] = shades;
  const cell = `a cell is ${bytes(cellBytes)}`;
  const shade = `${full} in use ${most} mostly ${half} half ${little} little ${free} free`;
  const colours = paint.isColorSupported
    ? `\n${" ".repeat(10)}${paint.green("blocks")} ${paint.cyan("slots")} ${paint.yellow("tables")}`
    : "";
  return `${" ".repeat(10)}${cell}: ${shade}${colours}`;
}
