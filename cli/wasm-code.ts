/** Reads the code of a WebAssembly module: where the functions are, what they are called and whom they call. */

import { entries, Reader, type Module } from "./sections.ts";

const CODE = 10;

/** Where a function is in the code section. */
export interface Body {
  /** Its size comes first. */
  readonly start: number;
  /** The first byte after its size. */
  readonly first: number;
  readonly end: number;
}

/** The functions that the module has itself, in order. */
export function functionBodies({ sections }: Module): Body[] {
  return entries(sections, CODE, (reader) => {
    const start = reader.at;
    const size = reader.number();
    const first = reader.at;
    reader.take(size);
    return { start, first, end: reader.at };
  });
}

/** The numbers of functions by name, as the name section has them; empty if there is none. */
export function functionNames({ sections }: Module): Map<string, number> {
  const names = new Map<string, number>();
  const section = sections.find(({ name }) => name === "name");
  if (section === undefined) return names;
  try {
    const reader = new Reader(section.payload);
    reader.name();
    const FUNCTION_NAMES = 1;
    while (!reader.done) {
      const kind = reader.byte();
      const part = new Reader(reader.take(reader.number()));
      if (kind !== FUNCTION_NAMES) continue;
      for (let left = part.number(); left > 0; left -= 1) {
        const index = part.number();
        names.set(part.name(), index);
      }
    }
  } catch {
    // A name section that is broken has no effect.
  }
  return names;
}

/** The functions that a function calls, in the order of the calls; those before an operation that is not known here. */
export function calleesOf({ sections }: Module, { first, end }: Body): number[] {
  const reader = new Reader(sections.find(({ id }) => id === CODE)!.payload.subarray(first, end));
  const found: number[] = [];
  for (let groups = reader.number(); groups > 0; groups -= 1) {
    reader.number();
    reader.valueType();
  }
  while (!reader.done) {
    const op = reader.byte();
    if (op === 0x10) found.push(reader.number());
    else if (!skipOperands(reader, op)) break;
  }
  return found;
}

/** False if the operation is not known. */
function skipOperands(reader: Reader, op: number): boolean {
  const numbers = (count: number): boolean => {
    for (let i = 0; i < count; i += 1) reader.number();
    return true;
  };
  // Block types, branches, locals and globals, and constants of integers: a number each.
  if (op >= 0x02 && op <= 0x04) return numbers(1);
  if (op === 0x0c || op === 0x0d || op === 0x12) return numbers(1);
  if (op === 0x0e) return numbers(reader.number() + 1);
  if (op === 0x11 || op === 0x13) return numbers(2);
  if (op >= 0x20 && op <= 0x26) return numbers(1);
  if (op >= 0x28 && op <= 0x3e) return numbers(2);
  if (op === 0x3f || op === 0x40 || op === 0x41 || op === 0x42) return numbers(1);
  if (op === 0x43 || op === 0x44) return reader.take(op === 0x43 ? 4 : 8).length > 0;
  if (op === 0xfc) {
    const more = reader.number();
    if (more < 8) return true;
    return numbers(more === 8 || more === 10 || more === 12 || more === 14 ? 2 : 1);
  }
  return op <= 0x01 || op === 0x05 || op === 0x0b || op === 0x0f || op === 0x1a || op === 0x1b
    ? true
    : op >= 0x45 && op <= 0xc4;
}
