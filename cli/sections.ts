/** A WebAssembly module as its sections, as far as linking reads and rewrites them: imports, exports, memories. */

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
}

export interface Module {
  readonly sections: readonly Section[];
  readonly imports: readonly Import[];
  readonly exports: readonly Export[];
  /** Imported ones first, as they are numbered. */
  readonly memories: readonly MemoryType[];
}

const KINDS: readonly Kind[] = ["function", "table", "memory", "global", "tag"];

const CUSTOM = 0;
const IMPORTS = 2;
const MEMORIES = 5;
const EXPORTS = 7;

const HAS_MAXIMUM = 1;
const SHARED = 2;
const WIDE = 4;
const HAS_PAGE_SIZE = 8;

/** Reads a module. Throws where the bytes are no module of the binary format, version 1. */
export function readModule(bytes: Uint8Array): Module {
  const reader = new Reader(bytes);
  const start = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  if (!start.every((byte) => byte === reader.byte())) throw new Error("it does not begin as one");
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
  };
}

/** The module with these imports and exports in place of its own; imports as many, and in the same order. */
export function writeModule(
  { sections }: Module,
  imports: readonly Import[],
  exports: readonly Export[],
): Uint8Array {
  const rewritten = new Map([
    [IMPORTS, imports.flatMap((each) => [...name(each.module), ...name(each.name), ...each.type])],
    [
      EXPORTS,
      exports.flatMap((each) => [
        ...name(each.name),
        KINDS.indexOf(each.kind),
        ...number(each.index),
      ]),
    ],
  ]);
  const counts = new Map([
    [IMPORTS, imports.length],
    [EXPORTS, exports.length],
  ]);
  const parts: Uint8Array[] = [Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00)];
  const write = (id: number, payload: Uint8Array): void => {
    parts.push(Uint8Array.of(id, ...number(payload.length)), payload);
  };
  for (const { id, payload } of sections) {
    const entriesOf = rewritten.get(id);
    write(
      id,
      entriesOf === undefined ? payload : Uint8Array.of(...number(counts.get(id)!), ...entriesOf),
    );
  }
  return Buffer.concat(parts);
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
  const { flags, initial, maximum } = readLimits(reader);
  return { initial, maximum, shared: (flags & SHARED) !== 0, wide: (flags & WIDE) !== 0 };
}

function readLimits(reader: Reader): { flags: number } & Pick<MemoryType, "initial" | "maximum"> {
  const flags = reader.byte();
  const initial = reader.number();
  const maximum = flags & HAS_MAXIMUM ? reader.number() : undefined;
  if (flags & HAS_PAGE_SIZE) reader.number();
  return { flags, initial, maximum };
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
    return new TextDecoder().decode(this.take(this.number()));
  }

  kind(): Kind {
    const kind = KINDS[this.byte()];
    if (kind === undefined) throw new Error("an import or export of a kind that is not known");
    return kind;
  }

  /** A value type: a byte, and a heap type after those of references that are written out. */
  valueType(): void {
    const byte = this.byte();
    if (byte === 0x63 || byte === 0x64) this.number();
  }
}

function number(value: number): number[] {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return [...bytes, left];
    bytes.push((left % 128) | 128);
  }
}

function name(text: string): number[] {
  const bytes = new TextEncoder().encode(text);
  return [...number(bytes.length), ...bytes];
}
