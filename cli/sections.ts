/** A WebAssembly module as its sections, as far as linking reads and rewrites them: imports, exports, memories, types. */

export interface Section {
  readonly id: number;
  /** Of a custom section. */
  readonly name?: string;
  readonly payload: Uint8Array;
}

/** What an import or export is. */
export type Kind = "function" | "table" | "memory" | "global" | "tag";

export interface Import {
  readonly module: string;
  readonly name: string;
  readonly kind: Kind;
  /** Its kind and type, as they are written. */
  readonly type: Uint8Array;
}

export interface Export {
  readonly name: string;
  readonly kind: Kind;
  readonly index: number;
}

export interface MemoryType {
  /** Pages it has at least. */
  readonly initial: number;
  /** Pages it may have. */
  readonly maximum: number | undefined;
  readonly shared: boolean;
  /** Whether addresses are 64 bits. */
  readonly wide: boolean;
  /** Bytes of a page. */
  readonly pageSize: number;
}

export interface Module {
  readonly sections: readonly Section[];
  readonly imports: readonly Import[];
  readonly exports: readonly Export[];
  /** Imported ones first, as they are numbered. */
  readonly memories: readonly MemoryType[];
  /** The types of functions, imported ones first: "(i32, i32) -> i32". None where a type is written in another form. */
  readonly signatures: readonly string[];
}

/** Bytes of a page, unless a memory says otherwise. */
export const PAGE = 65536;

const KINDS: readonly Kind[] = ["function", "table", "memory", "global", "tag"];

const CUSTOM = 0;
const TYPES = 1;
const IMPORTS = 2;
const FUNCTIONS = 3;
const MEMORIES = 5;
const EXPORTS = 7;
const TAGS = 13;

/** Magic number and version. */
const START = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
/** What a component has in place of the version. */
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

/** Reads a module. Throws where the bytes are no module of the binary format, version 1. */
export function readModule(bytes: Uint8Array): Module {
  const reader = new Reader(bytes);
  if (COMPONENT.every((byte, index) => byte === bytes[4 + index]))
    throw new Error("it is a component; link the module before it becomes one");
  if (!START.every((byte) => byte === reader.byte())) throw new Error("it does not begin as one");
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

/** The module with these imports and exports in place of its own; imports as many as it has, and in the same order. */
export function writeModule(
  { sections }: Module,
  imports: readonly Import[],
  exports: readonly Export[],
): Uint8Array {
  const rewritten = new Map([
    [IMPORTS, list(imports.map((each) => [name(each.module), name(each.name), each.type]))],
    [
      EXPORTS,
      list(
        exports.map((each) => [
          name(each.name),
          Uint8Array.of(KINDS.indexOf(each.kind)),
          number(each.index),
        ]),
      ),
    ],
  ]);
  const written = sections.map(({ id, payload }) => ({
    id,
    payload: rewritten.get(id) ?? payload,
  }));
  if (!sections.some(({ id }) => id === EXPORTS)) {
    const behind = sections.findIndex(({ id }) => id > EXPORTS && id !== TAGS);
    const at = behind < 0 ? sections.length : behind;
    written.splice(at, 0, { id: EXPORTS, payload: rewritten.get(EXPORTS)! });
  }
  return writeSections(written);
}

/** A module of these sections. */
export function writeSections(sections: readonly Section[]): Uint8Array {
  const parts = sections.flatMap(({ id, payload }) => [
    Uint8Array.of(id, ...number(payload.length)),
    payload,
  ]);
  return Buffer.concat([Uint8Array.from(START), ...parts]);
}

function entries<Entry>(
  sections: readonly Section[],
  id: number,
  read: (reader: Reader) => Entry,
): Entry[] {
  const section = sections.find((each) => each.id === id);
  if (section === undefined) return [];
  const reader = new Reader(section.payload);
  return Array.from({ length: reader.number() }, () => read(reader));
}

/** None where a type has another form than that of a plain function: those of references stand among others. */
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
  ].map((index) => types[index] ?? "of no type");
}

function readSignature(reader: Reader): string {
  if (reader.byte() !== FUNCTION_TYPE) throw new Error("not a plain function's");
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

class Reader {
  at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw new Error("it ends too soon");
    return byte;
  }

  take(length: number): Uint8Array {
    if (length > this.bytes.length - this.at) throw new Error("it ends too soon");
    return this.bytes.subarray(this.at, (this.at += length));
  }

  since(from: number): Uint8Array {
    return this.bytes.subarray(from, this.at);
  }

  /** An unsigned LEB128 number. Exact to 53 bits. */
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
    if (kind === undefined) throw new Error("an import or export of a kind that is not known");
    return kind;
  }

  /** A value type: a byte, and a heap type after those of references that are written out. */
  valueType(): string {
    const byte = this.byte();
    if (byte === 0x63 || byte === 0x64) this.number();
    return VALUES.get(byte) ?? "a reference";
  }
}

function list(entries: readonly (readonly Uint8Array[])[]): Uint8Array {
  return Buffer.concat([number(entries.length), ...entries.flat()]);
}

function number(value: number): Uint8Array {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
  return Uint8Array.of(...bytes, left);
}

function name(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  return Buffer.concat([number(bytes.length), bytes]);
}
