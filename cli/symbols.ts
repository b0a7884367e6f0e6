/**
 * From return addresses to functions and lines: the ELF file's own symbols, and if it is installed `addr2line`, which knows
 * lines, inlined functions and the names behind C++'s.
 */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename } from "node:path";

import { frameText } from "../trace/sites.ts";

/** A piece of a file that was mapped for execution. */
export interface Module {
  readonly start: number;
  readonly end: number;
  /** Where the piece begins in the file. */
  readonly offset: number;
  /** The file, or a name in brackets; empty for memory without a file. */
  readonly path: string;
  /** Whether `offset` is an address in the file's own numbering instead. */
  readonly isVirtual?: boolean;
}

/** The frames of an address, from the innermost inlined function out, as texts of a trace. */
export type Frames = readonly string[];

const GENERATED: Frames = ["(generated code)"];

/**
 * Finds the functions of return addresses. The call is in the byte before.
 * @param modules if two contain an address, the last one counts
 */
export function framesOf(
  addresses: Iterable<number>,
  modules: readonly Module[],
): Map<number, Frames> {
  const found = new Map<number, Frames>();
  const byFile = new Map<string, { address: number; module: Module }[]>();
  for (const address of addresses) {
    const module = modules.findLast(({ start, end }) => start < address && address <= end);
    if (module === undefined || module.path === "") found.set(address, GENERATED);
    else if (module.path.startsWith("[")) found.set(address, [module.path]);
    else {
      const those = byFile.get(module.path) ?? [];
      byFile.set(module.path, those);
      those.push({ address, module });
    }
  }
  for (const [path, those] of byFile) {
    const file = openElf(path);
    const places = those.map(({ address, module }) => {
      const offset = address - 1 - module.start + module.offset;
      return {
        address,
        offset,
        virtual: module.isVirtual ? file && offset : file?.virtual(offset),
      };
    });
    const known = places.flatMap(({ virtual }) => virtual ?? []);
    const lines = addr2line(path, known);
    for (const { address, offset, virtual } of places) {
      const unknown = `${basename(path)}+0x${(virtual ?? offset).toString(16)}`;
      found.set(
        address,
        virtual === undefined
          ? [unknown]
          : framesAt(lines?.get(virtual), file!.symbol(virtual), unknown),
      );
    }
  }
  return found;
}

interface Line {
  readonly name: string;
  readonly place: string;
}

/** Without a line, addr2line takes the symbol before the address, however far away. Then the ELF file's own has to exist. */
function framesAt(lines: Line[] | undefined, symbol: string | undefined, unknown: string): Frames {
  const known = lines?.some(({ place }) => place !== "") ?? false;
  if (!known && symbol === undefined) return [unknown];
  if (lines === undefined || lines[0]?.name === "??") return [frameText(symbol ?? unknown)];
  return lines.map(({ name, place }) => frameText(name, place));
}

interface Elf {
  /** The address that a byte of the file has in the program's own numbering. */
  readonly virtual: (offset: number) => number | undefined;
  /** The function that contains an address. */
  readonly symbol: (virtual: number) => string | undefined;
}

/** Undefined if it is not a readable ELF file of 64 bits, least significant byte first. */
function openElf(path: string): Elf | undefined {
  try {
    return parseElf(readFileSync(path));
  } catch {
    return undefined;
  }
}

function parseElf(bytes: Buffer): Elf | undefined {
  if (bytes.toString("latin1", 0, 6) !== "\x7fELF\x02\x01") return undefined;
  const wide = (at: number): number => Number(bytes.readBigUInt64LE(at));
  const LOAD = 1;
  const segments = rows(wide(0x20), bytes.readUInt16LE(0x38), bytes.readUInt16LE(0x36))
    .filter((at) => bytes.readUInt32LE(at) === LOAD)
    .map((at) => ({ offset: wide(at + 8), address: wide(at + 16), size: wide(at + 32) }));
  const sections = rows(wide(0x28), bytes.readUInt16LE(0x3c), bytes.readUInt16LE(0x3a));
  const typed = (type: number): number | undefined =>
    sections.find((at) => bytes.readUInt32LE(at + 4) === type);
  const [ALL_SYMBOLS, DYNAMIC_SYMBOLS, FUNCTION, INDIRECT] = [2, 11, 2, 10];
  const table = typed(ALL_SYMBOLS) ?? typed(DYNAMIC_SYMBOLS);
  const functions: { address: number; size: number; name: number }[] = [];
  let names = 0;
  if (table !== undefined) {
    names = wide(sections[bytes.readUInt32LE(table + 40)]! + 24);
    for (const at of rows(wide(table + 24), wide(table + 32) / 24, 24)) {
      const type = bytes[at + 4]! & 15;
      if (type !== FUNCTION && type !== INDIRECT) continue;
      const size = wide(at + 16);
      if (size > 0)
        functions.push({ address: wide(at + 8), size, name: names + bytes.readUInt32LE(at) });
    }
    functions.sort((a, b) => a.address - b.address);
  }
  return {
    virtual: (offset) => {
      const piece = segments.find(
        (each) => offset >= each.offset && offset < each.offset + each.size,
      );
      return piece === undefined ? undefined : offset - piece.offset + piece.address;
    },
    symbol: (virtual) => {
      let [low, high] = [0, functions.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (functions[middle]!.address <= virtual) low = middle + 1;
        else high = middle;
      }
      const found = functions[low - 1];
      if (found === undefined || virtual >= found.address + found.size) return undefined;
      return bytes.toString("utf8", found.name, bytes.indexOf(0, found.name));
    },
  };
}

function rows(start: number, count: number, size: number): number[] {
  return Array.from({ length: count }, (_, i) => start + i * size);
}

/** Undefined if it is not installed, or cannot read the file. */
function addr2line(path: string, addresses: readonly number[]): Map<number, Line[]> | undefined {
  const args = ["--functions", "--demangle", "--inlines", "--addresses", `--exe=${path}`];
  const input = addresses.map((each) => `0x${each.toString(16)}\n`).join("");
  const { status, stdout } = spawnSync("addr2line", args, {
    input,
    encoding: "utf8",
    maxBuffer: 2 ** 30,
  });
  if (status !== 0) return undefined;
  const found = new Map<number, Line[]>();
  let current: Line[] = [];
  let name: string | undefined;
  for (const line of stdout.split("\n")) {
    if (/^0x[0-9a-f]+$/.test(line)) {
      current = [];
      found.set(Number(line), current);
    } else if (name === undefined) {
      name = line;
    } else {
      const place = line.replace(/ \(discriminator \d+\)$/, "");
      current.push({ name, place: place.startsWith("??") ? "" : place.replace(/:\?$/, "") });
      name = undefined;
    }
  }
  return found;
}
