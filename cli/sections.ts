/** Reads and writes WebAssembly modules: sections, imports, exports, memories, types of functions. */

export interface Section {
  readonly id: number;
  /** The name of a custom section. */
  readonly name?: string;
  readonly payload: Uint8Array;
}

/** The kinds of imports and exports. */
export type Kind = "function" | "table" | "memory" | "global" | "tag";

export interface Import {
  readonly module: string;
  readonly name: string;
  readonly kind: Kind;
  /** Its kind and type, encoded. */
  readonly type: Uint8Array;
}

export interface Export {
  readonly name: string;
  readonly kind: Kind;
  readonly index: number;
}

export interface MemoryType {
  /** Pages at the start. */
  readonly initial: number;
  /** The largest number of pages. */
  readonly maximum: number | undefined;
  readonly shared: boolean;
  /** Whether addresses have 64 bits. */
  readonly wide: boolean;
  /** The size of a page in bytes. */
  readonly pageSize: number;
}

export interface Module {
  readonly sections: readonly Section[];
  readonly imports: readonly Import[];
  readonly exports: readonly Export[];
  /** Imported ones first: the order of their indices. */
  readonly memories: readonly MemoryType[];
  /** The types of functions, imported ones first: "(i32, i32) -> i32". Empty if the module has types of another form. */
  readonly signatures: readonly string[];
}

/** The size of a page in bytes, unless a memory has another one. */
export const PAGE = 65536;

const KINDS: readonly Kind[] = ["function", "table", "memory", "global", "tag"];

const CUSTOM = 0;
const TYPES = 1;
const IMPORTS = 2;
const FUNCTIONS = 3;
const MEMORIES = 5;
const EXPORTS = 7;
const TAGS = 13;
/** The order of sections that are not custom. */
const ORDER = [TYPES, IMPORTS, FUNCTIONS, 4, MEMORIES, TAGS, 6, EXPORTS, 8, 9, 12, 10, 11];

/** Magic number and version. */
const START = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
/** A component has this instead of the version. */
const COMPONENT = [0x0d, 0x00, 0x01, 0x00];

const FUNCTION_TYPE = 0x60;
const VALUES = new Map([
  [0x7f, "i32"],
  [0x7e, "i64"],
  [0x7d, "f32"],
  [0x7c, "f64"],
  [0x7b, "v128"],
]);

const HAS_MAXIMUM = 1;
const SHARED = 2;
const WIDE = 4;
const HAS_PAGE_SIZE = 8;

/** Reads a module. Throws if the bytes are not a module of the binary format, version 1. */
export function readModule(bytes: Uint8Array): Module {
  const reader = new Reader(bytes);
  if (COMPONENT.every((byte, index) => byte === bytes[4 + index]))
    throw new Error("it is a component. Link the module before it becomes one");
  if (!START.every((byte) => byte === reader.byte())) throw new Error("it does not begin like one");
  const sections: Section[] = [];
  while (!reader.done) {
    const id = reader.byte();
    const payload = reader.take(reader.number());
    sections.push(
      id === CUSTOM ? { id, name: new Reader(payload).name(), payload } : { id, payload },
    );
  }
  const imports = entries(sections, IMPORTS, readImport);
  const memories = imports
    .filter(({ kind }) => kind === "memory")
    .map(({ type }) => readMemory(new Reader(type.subarray(1))));
  return {
    sections,
    imports,
    exports: entries(sections, EXPORTS, readExport),
    memories: [...memories, ...entries(sections, MEMORIES, readMemory)],
    signatures: signaturesOf(sections, imports),
  };
}

/** The module with these imports and exports instead of its own. There must be as many imports, in the same order. */
export function writeModule(
  { sections }: Module,
  imports: readonly Import[],
  exports: readonly Export[],
): Uint8Array {
  const rewritten = new Map([
    [IMPORTS, list(imports.map((each) => [text(each.module), text(each.name), each.type]))],
    [
      EXPORTS,
      list(
        exports.map((each) => [
          text(each.name),
          Uint8Array.of(KINDS.indexOf(each.kind)),
          leb(each.index),
        ]),
      ),
    ],
  ]);
  const written = sections.map(({ id, payload }) => ({
    id,
    payload: rewritten.get(id) ?? payload,
  }));
  if (!sections.some(({ id }) => id === EXPORTS)) {
    const payload = rewritten.get(EXPORTS)!;
    written.splice(placeFor(sections, EXPORTS), 0, { id: EXPORTS, payload });
  }
  return writeSections(written);
}

/** Where a section that the module lacks is inserted. */
export function placeFor(sections: readonly Section[], id: number): number {
  const after = sections.findIndex((each) => ORDER.indexOf(each.id) > ORDER.indexOf(id));
  return after < 0 ? sections.length : after;
}

/** A module with these sections. */
export function writeSections(sections: readonly Section[]): Uint8Array {
  const parts = sections.flatMap(({ id, payload }) => [
    Uint8Array.of(id, ...leb(payload.length)),
    payload,
  ]);
  return Buffer.concat([Uint8Array.from(START), ...parts]);
}

/** The entries of the section with this id; none if the module lacks it. */
export function entries<Entry>(
  sections: readonly Section[],
  id: number,
  read: (reader: Reader) => Entry,
): Entry[] {
  const section = sections.find((each) => each.id === id);
  if (section === undefined) return [];
  const reader = new Reader(section.payload);
  return Array.from({ length: reader.number() }, () => read(reader));
}

/** Empty if a type is not a plain function: types of references can be anywhere in the list. */
function signaturesOf(sections: readonly Section[], imports: readonly Import[]): string[] {
  let types: string[];
  try {
    types = entries(sections, TYPES, readSignature);
  } catch {
    return [];
  }
  const imported = imports.filter(({ kind }) => kind === "function");
  return [
    ...imported.map(({ type }) => new Reader(type.subarray(1)).number()),
    ...entries(sections, FUNCTIONS, (reader) => reader.number()),
  ].map((index) => types[index] ?? "a function without a type");
}

function readSignature(reader: Reader): string {
  if (reader.byte() !== FUNCTION_TYPE) throw new Error("not the type of a function");
  const values = (): string =>
    Array.from({ length: reader.number() }, () => reader.valueType()).join(", ");
  const parameters = values();
  return `(${parameters}) -> ${values() || "nothing"}`;
}

function readImport(reader: Reader): Import {
  const module = reader.name();
  const named = reader.name();
  const from = reader.at;
  const kind = reader.kind();
  if (kind === "function") reader.number();
  else if (kind === "memory") readMemory(reader);
  else if (kind === "table") {
    reader.valueType();
    readLimits(reader);
  } else if (kind === "global") {
    reader.valueType();
    reader.byte();
  } else {
    reader.byte();
    reader.number();
  }
  return { module, name: named, kind, type: reader.since(from) };
}

function readExport(reader: Reader): Export {
  return { name: reader.name(), kind: reader.kind(), index: reader.number() };
}

function readMemory(reader: Reader): MemoryType {
  const { flags, ...limits } = readLimits(reader);
  return { ...limits, shared: (flags & SHARED) !== 0, wide: (flags & WIDE) !== 0 };
}

function readLimits(reader: Reader): { flags: number } & Omit<MemoryType, "shared" | "wide"> {
  const flags = reader.byte();
  const initial = reader.number();
  const maximum = flags & HAS_MAXIMUM ? reader.number() : undefined;
  const pageSize = flags & HAS_PAGE_SIZE ? 2 ** reader.number() : PAGE;
  return { flags, initial, maximum, pageSize };
}

/** Reads what a binary consists of, from the start on. */
export class Reader {
  at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw new Error("it ends too early");
    return byte;
  }

  take(length: number): Uint8Array {
    if (length > this.bytes.length - this.at) throw new Error("it ends too early");
    return this.bytes.subarray(this.at, (this.at += length));
  }

  since(from: number): Uint8Array {
    return this.bytes.subarray(from, this.at);
  }

  /** An unsigned LEB128 number, exact up to 53 bits. */
  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  name(): string {
    // A byte order mark is part of a name.
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(this.take(this.number()));
  }

  kind(): Kind {
    const kind = KINDS[this.byte()];
    if (kind === undefined) throw new Error("it has an import or export of an unknown kind");
    return kind;
  }

  /** A value type: a byte, followed by a heap type for some references. */
  valueType(): string {
    const byte = this.byte();
    if (byte === 0x63 || byte === 0x64) this.number();
    return VALUES.get(byte) ?? "a reference";
  }
}

function list(entries: readonly (readonly Uint8Array[])[]): Uint8Array {
  return Buffer.concat([leb(entries.length), ...entries.flat()]);
}

/** An unsigned LEB128 number of at least `width` bytes. */
export function leb(value: number, width = 1): Uint8Array {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128 || bytes.length < width - 1; left = Math.floor(left / 128))
    bytes.push((left % 128) | 128);
  return Uint8Array.of(...bytes, left);
}

/** A name, after its length. */
export function text(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name);
  return Buffer.concat([leb(bytes.length), bytes]);
}
