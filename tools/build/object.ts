// A WebAssembly module → an object file for wasm-ld, as a compiler would write it.
//
// The format is https://github.com/WebAssembly/tool-conventions/blob/main/Linking.md: an object is a module with two sections
// more. "linking" lists its symbols; "reloc.CODE" lists the places in the code where the linker puts the index of a function or
// global, or an address. Such a place has five bytes, so that any number fits. In the module that becomes an object,
//
//     an exported function     is a symbol, under the names that `names` has for it
//     an imported function     is defined by another object
//     an imported i32 global   is the address of a symbol that another object or the linker defines
//     the memory               is the program's

import { leb, readModule, Reader, type Section, text, writeSections } from "../../cli/sections.ts";

/** A symbol of another object. */
export interface Foreign {
  readonly name: string;
  /** It may be missing: its address is then 0. Nothing is linked only because of it. */
  readonly isWeak?: boolean;
}

export interface ObjectOptions {
  /** The symbols of each export; an export that is not listed has none. */
  readonly names: Readonly<Record<string, readonly string[]>>;
  /** The symbol for each import. */
  readonly imports: Readonly<Record<string, Foreign>>;
  /** Features of WebAssembly, in LLVM's names: "+" before those that the code needs, "-" before those that it excludes. */
  readonly features: readonly string[];
}

const TYPES = 1;
const IMPORTS = 2;
const FUNCTIONS = 3;
const GLOBALS = 6;
const EXPORTS = 7;
const START = 8;
const CODE = 10;
/** What can become part of an object. */
const OBJECT_SECTIONS = [0, TYPES, IMPORTS, FUNCTIONS, GLOBALS, EXPORTS, START, CODE];

/** Kinds and flags of symbols, and kinds of places, as the format numbers them. */
const FUNCTION = 0;
const DATA = 1;
const GLOBAL = 2;
const WEAK = 0x01;
const LOCAL = 0x02;
const UNDEFINED = 0x10;
const EXPLICIT_NAME = 0x40;
const FUNCTION_INDEX = 0;
const ADDRESS = 4;
const GLOBAL_INDEX = 7;
/** Bytes of a place: any number fits. */
const PLACE_BYTES = 5;
const VERSION = 2;
const SYMBOL_TABLE = 8;

/** A place in the code. */
interface Place {
  readonly kind: number;
  /** Bytes from the start of its function, or of the section. */
  readonly offset: number;
  readonly symbol: number;
}

/** The object made of a module. Throws if the module has what an object of this kind cannot have. */
export function objectFile(binary: Uint8Array, options: ObjectOptions): Uint8Array {
  const { sections, imports, exports } = readModule(binary);
  const payload = (id: number): Uint8Array =>
    sections.find((each) => each.id === id)?.payload ?? Uint8Array.of(0);
  const count = (id: number): number => new Reader(payload(id)).number();
  const foreign = (kind: string) =>
    imports
      .filter((each) => each.kind === kind)
      .map(({ name, type }) => ({ ...foreignOf(name, options), type }));
  const functions = foreign("function");
  const addresses = foreign("global");
  const refused = sections.find(({ id }) => id !== 0 && !OBJECT_SECTIONS.includes(id));
  if (refused) throw new Error(`object: a section ${refused.id} cannot be in it`);
  expectIdleStart(sections, functions.length);

  // Functions come first, so that the number of a symbol is that of its function.
  const symbols: Uint8Array[] = functions.map(({ name, flags }, index) =>
    bytes(FUNCTION, leb(flags | EXPLICIT_NAME), leb(index), text(name)),
  );
  const aliases: Uint8Array[] = [];
  for (let index = functions.length; index < functions.length + count(FUNCTIONS); index++) {
    const [first, ...others] = exports
      .filter((each) => each.kind === "function" && each.index === index)
      .flatMap((each) => options.names[each.name] ?? []);
    const name = first ?? `heapwright.${index}`;
    symbols.push(bytes(FUNCTION, leb(first === undefined ? LOCAL : 0), leb(index), text(name)));
    aliases.push(...others.map((each) => bytes(FUNCTION, leb(0), leb(index), text(each))));
  }
  const firstAddress = symbols.length;
  // Two imports may be of one symbol, which is listed once.
  const distinct = [...new Map(addresses.map((each) => [each.name, each])).values()];
  const names = distinct.map(({ name }) => name);
  symbols.push(...distinct.map(({ name, flags }) => bytes(DATA, leb(flags), text(name))));
  const firstGlobal = symbols.length;
  const globals = count(GLOBALS);
  for (let index = 0; index < globals; index++)
    symbols.push(bytes(GLOBAL, leb(LOCAL), leb(index), text(`heapwright.global.${index}`)));
  symbols.push(...aliases);

  /** The instruction and its place for the global with this number. */
  const globalPlace = (
    opcode: number,
    index: number,
  ): { head: number; kind: number; symbol: number; value: number } => {
    const own = index - addresses.length;
    if (own >= 0)
      return { head: opcode, kind: GLOBAL_INDEX, symbol: firstGlobal + own, value: own };
    return {
      head: I32_CONST,
      kind: ADDRESS,
      symbol: firstAddress + names.indexOf(addresses[index]!.name),
      value: 0,
    };
  };
  const { code, places } = relocatable(payload(CODE), globalPlace);
  const memory = bytes(text("env"), text("__linear_memory"), 2, 0, 0);
  const imported = functions.map(({ name, type }) => bytes(text("env"), text(name), type));
  const kept: Section[] = [
    { id: TYPES, payload: payload(TYPES) },
    { id: IMPORTS, payload: bytes(leb(1 + imported.length), memory, ...imported) },
    { id: FUNCTIONS, payload: payload(FUNCTIONS) },
    ...(globals > 0 ? [{ id: GLOBALS, payload: payload(GLOBALS) }] : []),
    { id: CODE, payload: code },
  ];
  const table = bytes(leb(symbols.length), ...symbols);
  return writeSections([
    ...kept,
    custom("linking", leb(VERSION), SYMBOL_TABLE, leb(table.length), table),
    custom("reloc.CODE", leb(kept.length - 1), leb(places.length), ...places.map(written)),
    custom(
      "target_features",
      leb(options.features.length),
      ...options.features.map((name) => bytes(name.charCodeAt(0), text(name.slice(1)))),
    ),
  ]);
}

/** An object has no start function. One that stores zeros into globals, which have them already, can be left out. */
function expectIdleStart(sections: readonly Section[], imported: number): void {
  const start = sections.find(({ id }) => id === START);
  if (start === undefined) return;
  const index = new Reader(start.payload).number() - imported;
  const code = new Reader(sections.find(({ id }) => id === CODE)!.payload);
  let body = new Reader(Uint8Array.of());
  for (let i = Math.min(code.number() - 1, index); i >= 0; i--)
    body = new Reader(code.take(code.number()));
  let isIdle = index >= 0 && body.number() === 0;
  for (let opcode = body.byte(); isIdle && opcode !== END; opcode = body.byte()) {
    isIdle = opcode === I32_CONST && body.number() === 0 && body.byte() === GLOBAL_SET;
    body.number();
  }
  if (!isIdle) throw new Error("object: the start function does more than store zeros");
}

function foreignOf(name: string, { imports }: ObjectOptions): { name: string; flags: number } {
  const symbol = imports[name];
  if (symbol === undefined) throw new Error(`object: there is no symbol for the import ${name}`);
  return { name: symbol.name, flags: UNDEFINED | (symbol.isWeak === true ? WEAK : 0) };
}

function written({ kind, offset, symbol }: Place): Uint8Array {
  const addend = kind === ADDRESS ? leb(0) : bytes();
  return bytes(kind, leb(offset), leb(symbol), addend);
}

// Instructions: how many numbers follow an opcode, as far as engines have them.

const BLOCK = 0x02;
const IF = 0x04;
const END = 0x0b;
const BR = 0x0c;
const BR_IF = 0x0d;
const BR_TABLE = 0x0e;
const CALL = 0x10;
const CALL_INDIRECT = 0x11;
const SELECT_TYPED = 0x1c;
const LOCAL_GET = 0x20;
const LOCAL_TEE = 0x22;
const GLOBAL_GET = 0x23;
const GLOBAL_SET = 0x24;
const LOAD = 0x28;
const STORE8_64 = 0x3e;
const MEMORY_SIZE = 0x3f;
const I64_CONST = 0x42;
const I32_CONST = 0x41;
const F32_CONST = 0x43;
const F64_CONST = 0x44;
const LAST_PLAIN = 0xc4;
const BULK = 0xfc;
const MEMORY_COPY = 10;
const MEMORY_FILL = 11;
const ATOMIC = 0xfe;
const FENCE = 3;

type GlobalPlace = (
  opcode: number,
  index: number,
) => { head: number; kind: number; symbol: number; value: number };

/** The code section with room for what the linker fills in, and the places. */
function relocatable(
  payload: Uint8Array,
  place: GlobalPlace,
): { code: Uint8Array; places: Place[] } {
  const reader = new Reader(payload);
  const count = reader.number();
  const parts: Uint8Array[] = [leb(count)];
  const places: Place[] = [];
  let at = parts[0]!.length;
  for (let i = 0; i < count; i++) {
    const body = relocatableBody(reader.take(reader.number()), place);
    const size = leb(body.code.length);
    at += size.length;
    places.push(...body.places.map((each) => ({ ...each, offset: each.offset + at })));
    at += body.code.length;
    parts.push(size, body.code);
  }
  return { code: bytes(...parts), places };
}

function relocatableBody(
  body: Uint8Array,
  place: GlobalPlace,
): { code: Uint8Array; places: Place[] } {
  const reader = new Reader(body);
  const parts: Uint8Array[] = [];
  const places: Place[] = [];
  let length = 0;
  let from = 0;
  const flush = (): void => {
    const part = body.subarray(from, reader.at);
    parts.push(part);
    length += part.length;
  };
  for (let groups = reader.number(); groups > 0; groups--) {
    reader.number();
    reader.byte();
  }
  while (!reader.done) {
    const start = reader.at;
    const opcode = reader.byte();
    if (opcode === CALL || opcode === GLOBAL_GET || opcode === GLOBAL_SET) {
      const index = reader.number();
      const { head, kind, symbol, value } =
        opcode === CALL
          ? { head: CALL, kind: FUNCTION_INDEX, symbol: index, value: index }
          : place(opcode, index);
      const after = reader.at;
      reader.at = start;
      flush();
      reader.at = from = after;
      places.push({ kind, offset: length + 1, symbol });
      parts.push(bytes(head, leb(value, PLACE_BYTES)));
      length += 6;
    } else skip(reader, opcode);
  }
  flush();
  return { code: bytes(...parts), places };
}

/** Reads what follows an opcode. */
function skip(reader: Reader, opcode: number): void {
  const numbers = (count: number): void => {
    for (; count > 0; count--) reader.number();
  };
  if (opcode >= BLOCK && opcode <= IF) numbers(1);
  else if (opcode === BR || opcode === BR_IF) numbers(1);
  else if (opcode === BR_TABLE || opcode === SELECT_TYPED)
    numbers(reader.number() + (opcode === BR_TABLE ? 1 : 0));
  else if (opcode >= LOCAL_GET && opcode <= LOCAL_TEE) numbers(1);
  else if (opcode >= LOAD && opcode <= STORE8_64) numbers(2);
  else if (opcode >= MEMORY_SIZE && opcode <= I64_CONST) numbers(1);
  else if (opcode === BULK) {
    const operation = reader.number();
    if (operation !== MEMORY_COPY && operation !== MEMORY_FILL) refuse(opcode, operation);
    numbers(operation === MEMORY_COPY ? 2 : 1);
  } else if (opcode === ATOMIC) numbers(reader.number() === FENCE ? 1 : 2);
  else if (opcode === F32_CONST || opcode === F64_CONST) reader.take(opcode === F32_CONST ? 4 : 8);
  else if (opcode === CALL_INDIRECT || opcode > LAST_PLAIN) refuse(opcode);
}

function refuse(...opcodes: number[]): never {
  throw new Error(
    `object: no object can have the instruction ${opcodes.map((each) => each.toString(16)).join(" ")}`,
  );
}

// Bytes -------------------------------------------------------------------------------------------------------------------

function bytes(...parts: readonly (number | Uint8Array)[]): Uint8Array {
  return Buffer.concat(
    parts.map((part) => (typeof part === "number" ? Uint8Array.of(part) : part)),
  );
}

function custom(name: string, ...parts: readonly (number | Uint8Array)[]): Section {
  return { id: 0, name, payload: bytes(text(name), ...parts) };
}
