/**
 * A trace as a page contains it: columns of numbers, which gzip makes small.
 *
 * An allocation gets a number when it happens, from 0 on: its record. A reallocation ends a record and begins another one, so a
 * record has one size and one address for its whole life:
 *
 *     op       a 7 100    a 9 20    r 7 300    f 9       f 7
 *     record   0          1         2          (ends 1)  (ends 2)
 *     ends                          0          1         2
 *
 * An op names the record that it ends by its distance to the next record's number. Those distances repeat, and ids do not.
 */

import {
  CALLOC,
  FREE,
  FREE_NULL,
  MALLOC,
  MEMALIGN,
  REALLOC,
  siteOf,
  timeOf,
} from "../trace/ops.ts";
import type { Trace } from "../trace/read.ts";
import { CallSites } from "../trace/sites.ts";

/** Kinds of ops as they are packed: an index into the letters that traces have. */
const KINDS = [MALLOC, CALLOC, MEMALIGN, REALLOC, FREE, FREE_NULL] as const;
export const OP = { malloc: 0, calloc: 1, memalign: 2, realloc: 3, free: 4, freeNull: 5 } as const;

/** No record: what an op that ends none has in `ends`. */
export const NO_RECORD = 0xffffffff;

/** What a program asked of its allocator, in columns with an element for each op. */
export interface Program {
  readonly ops: number;
  readonly records: number;
  /** One of `OP`. */
  readonly kinds: Uint8Array;
  /** Bytes; 0 for a free. */
  readonly sizes: Uint32Array;
  /** Bytes, a power of two; 0 unless the kind is memalign. */
  readonly alignments: Uint32Array;
  /** The record that the op begins: the first `ops` of them are numbered in order. NO_RECORD for a free. */
  readonly begins: Uint32Array;
  /** The record that the op ends. */
  readonly ends: Uint32Array;
  readonly threads: Uint32Array;
  /** The op's call site, a number of `callSites`; 0 if it is unknown. */
  readonly sites: Uint32Array;
  readonly callSites: CallSites;
  /** Nanoseconds since the trace began; empty if no op has a time. */
  readonly times: Float64Array;
}

const VERSION = 1;

/**
 * The columns of a trace, not compressed yet. Cost: linear in the ops.
 * @param sites the call sites that the ops name; all of them once `chunks` has ended
 */
export async function packProgram({
  chunks,
  sites: callSites,
}: Pick<Trace, "chunks" | "sites">): Promise<Uint8Array> {
  const [kinds, sizes, alignments, ends, table] = Array.from({ length: 5 }, () => new Writer());
  const [threads, sites, times] = Array.from({ length: 3 }, () => new ChangeWriter());
  const recordOf = new Map<number, number>();
  let records = 0;
  let ops = 0;
  let lastTime = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.count; at += 1, ops += 1) {
      const kind = KINDS.indexOf(chunk.kinds[at] as (typeof KINDS)[number]);
      kinds!.byte(kind);
      threads!.note(ops, chunk.threads[at]!);
      sites!.note(ops, siteOf(chunk, at));
      const time = Math.max(lastTime, timeOf(chunk, at));
      times!.note(ops, time, time - lastTime);
      lastTime = time;
      if (kind === OP.freeNull) continue;
      const id = chunk.ids[at]!;
      if (kind >= OP.realloc) ends!.number(records - recordOf.get(id)!);
      if (kind === OP.free) {
        recordOf.delete(id);
        continue;
      }
      sizes!.number(chunk.sizes[at]!);
      if (kind === OP.memalign) alignments!.number(31 - Math.clz32(chunk.alignments[at]!));
      recordOf.set(id, records);
      records += 1;
    }
  }
  for (let site = 1; site <= callSites.count; site += 1) {
    table!.number(callSites.parentOf(site));
    table!.column(new TextEncoder().encode(callSites.textOf(site)));
  }
  const packed = new Writer();
  for (const each of [VERSION, ops, records]) packed.number(each);
  for (const column of [kinds, sizes, alignments, ends, threads, sites, table, times]) {
    packed.column(column!.bytes);
  }
  return packed.bytes;
}

/**
 * The columns again.
 * @throws {Error} if `packed` is not what `packProgram` of this version returned
 */
export function unpackProgram(packed: Uint8Array): Program {
  const reader = new Reader(packed);
  const version = reader.number();
  if (version !== VERSION) throw new Error(`the trace has version ${version}, expected ${VERSION}`);
  const ops = reader.number();
  const records = reader.number();
  const columns = Array.from({ length: 8 }, () => new Reader(reader.column()));
  const [kindReader, sizeReader, alignmentReader, endReader] = columns;
  const [threadReader, siteReader, tableReader, timeReader] = columns.slice(4);
  const kinds = kindReader!.bytes;
  const sizes = new Uint32Array(ops);
  const alignments = new Uint32Array(ops);
  const begins = new Uint32Array(ops).fill(NO_RECORD);
  const ends = new Uint32Array(ops).fill(NO_RECORD);
  const threads = new Uint32Array(ops);
  let record = 0;
  for (let op = 0; op < ops; op += 1) {
    const kind = kinds[op]!;
    if (kind === OP.freeNull) continue;
    if (kind >= OP.realloc) ends[op] = record - endReader!.number();
    if (kind === OP.free) continue;
    sizes[op] = sizeReader!.number();
    if (kind === OP.memalign) alignments[op] = 2 ** alignmentReader!.number();
    begins[op] = record++;
  }
  fillChanges(threads, threadReader!);
  const sites = new Uint32Array(ops);
  fillChanges(sites, siteReader!);
  const callSites = new CallSites();
  while (!tableReader!.done) {
    const parent = tableReader!.number();
    callSites.add(parent, new TextDecoder().decode(tableReader!.column()));
  }
  const times = new Float64Array(timeReader!.done ? 0 : ops);
  fillChanges(times, timeReader!, (time, since) => time + since);
  return {
    ops,
    records,
    kinds,
    sizes,
    alignments,
    begins,
    ends,
    threads,
    sites,
    callSites,
    times,
  };
}

/**
 * Fills a column of which only the changes are packed: after so many ops, another value.
 * @param valueAfter the next value, from the one before and the number that is packed
 */
function fillChanges(
  column: Uint32Array | Float64Array,
  changes: Reader,
  valueAfter = (_value: number, packed: number): number => packed,
): void {
  for (let at = 0, value = 0; at < column.length;) {
    const next = changes.done ? column.length : at + changes.number();
    column.fill(value, at, next);
    if (!changes.done) value = valueAfter(value, changes.number());
    at = next;
  }
}

/** Numbers as bytes: seven bits of a number in each, the lowest first; the eighth says that more follow. */
class Writer {
  #bytes = new Uint8Array(1024);
  #length = 0;

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  byte(value: number): void {
    this.#makeRoom(1);
    this.#bytes[this.#length++] = value;
  }

  number(value: number): void {
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) this.byte((rest % 128) | 128);
    this.byte(rest);
  }

  column(bytes: Uint8Array): void {
    this.number(bytes.length);
    this.#makeRoom(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #makeRoom(length: number): void {
    if (this.#length + length <= this.#bytes.length) return;
    const longer = new Uint8Array(2 * (this.#length + length));
    longer.set(this.#bytes);
    this.#bytes = longer;
  }
}

/** A column of which only the changes are written, for `fillChanges` to read. It starts with the value 0. */
class ChangeWriter extends Writer {
  #value = 0;
  #since = 0;

  /** Notes the value at an op, and writes `written` if it is another one than before. */
  note(op: number, value: number, written = value): void {
    if (value === this.#value) return;
    this.number(op - this.#since);
    this.number(written);
    this.#value = value;
    this.#since = op;
  }
}

class Reader {
  readonly bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.bytes.length;
  }

  number(): number {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const byte = this.bytes[this.#at++];
      if (byte === undefined) throw new Error("the trace ends too early");
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
  }

  column(): Uint8Array {
    const length = this.number();
    const column = this.bytes.subarray(this.#at, this.#at + length);
    if (column.length < length) throw new Error("the trace ends too early");
    this.#at += length;
    return column;
  }
}
