/**
 * What a trace is made of.
 *
 * A trace is what a program asked of its allocator, in order: four header lines, then one op a line. The same op is a
 * line of text in a file and one index into six columns in memory, or eight if the trace has call sites and times:
 *
 *     file     m 7 4096 64 @3 +250    chunk    kinds[i]       MEMALIGN
 *                                              ids[i]         7
 *                                              sizes[i]       4096
 *                                              alignments[i]  64
 *                                              threads[i]     0      (the last "t" line before it)
 *                                              lines[i]       12     (where it stands in the file)
 *                                              sites[i]       3      (an "s" line before it)
 *                                              times[i]       8250   (250 ns after the op before it)
 */

/** A kind of op is the character code of its letter in the file. */
export const MALLOC = 0x61; // a ID SIZE
export const CALLOC = 0x7a; // z ID SIZE
export const MEMALIGN = 0x6d; // m ID SIZE ALIGNMENT
export const REALLOC = 0x72; // r ID SIZE
export const FREE = 0x66; // f ID
/** `f -1`: a free of NULL, which names no id; the letter is one that no file has. */
export const FREE_NULL = 0x46;
/** Not an op: the ops that follow were made by this thread. */
export const THREAD = 0x74; // t THREAD
/** Not an op: a call site that the ops that follow can name. */
export const SITE = 0x73; // s SITE CALLER FRAME

/** Largest size (bytes) an op can name. */
export const LARGEST_SIZE = 2 ** 32 - 1;
/** Largest id: readers have a table with an element for each, which has to fit in memory. */
export const LARGEST_ID = 2 ** 27 - 1;
export const LARGEST_ALIGNMENT = 2 ** 31;
export const LARGEST_THREAD = 2 ** 31;

/** Largest time (nanoseconds). */
export const LARGEST_TIME = Number.MAX_SAFE_INTEGER;

/** Ops in a full chunk: 21 bytes each, so a chunk is 1.3 MiB; with call sites and times 2.1 MiB. */
export const CHUNK_OPS = 65536;

/** The four header lines. */
export interface TraceHeader {
  /** Suggested size of the heap in bytes; 0: none. Nothing here uses it. */
  readonly heapSize: number;
  /** Number of ids: one more than the largest. */
  readonly ids: number;
  /** Number of ops; lines that name a thread are not ops. */
  readonly ops: number;
  /** Weight of the trace in a score; nothing here uses it. */
  readonly weight: number;
}

/** Ops in a row, as columns; only the first `count` of each column are meant. */
export interface OpChunk {
  readonly count: number;
  readonly kinds: Uint8Array;
  /** Ids of live blocks for `REALLOC` and `FREE`, of new ones for the rest; 0 for `FREE_NULL`. */
  readonly ids: Uint32Array;
  /** Bytes; 0 for `FREE` and `FREE_NULL`. */
  readonly sizes: Uint32Array;
  /** Bytes, a power of two; 0 unless `MEMALIGN`. */
  readonly alignments: Uint32Array;
  readonly threads: Uint32Array;
  /** Line in the file, from 1. */
  readonly lines: Uint32Array;
  /** Call sites; absent if no op of the chunk has one. See `siteOf`. */
  readonly sites?: Uint32Array | undefined;
  /** Nanoseconds since the trace began; absent if no op of the chunk has a time. See `timeOf`. */
  readonly times?: Float64Array | undefined;
}

/** The call site of an op; 0 if its stack is not known. */
export function siteOf(ops: OpChunk, at: number): number {
  return ops.sites?.[at] ?? 0;
}

/** When an op was made, in nanoseconds since the trace began. Ops without a time have that of the op before them. */
export function timeOf(ops: OpChunk, at: number): number {
  return ops.times?.[at] ?? 0;
}

/** A chunk with room for `capacity` ops, to be filled in order. */
export class ChunkBuilder implements OpChunk {
  count = 0;
  readonly capacity: number;
  readonly kinds: Uint8Array;
  readonly ids: Uint32Array;
  readonly sizes: Uint32Array;
  readonly alignments: Uint32Array;
  readonly threads: Uint32Array;
  readonly lines: Uint32Array;
  sites: Uint32Array | undefined;
  times: Float64Array | undefined;

  constructor(capacity = CHUNK_OPS) {
    this.capacity = capacity;
    this.kinds = new Uint8Array(capacity);
    this.ids = new Uint32Array(capacity);
    this.sizes = new Uint32Array(capacity);
    this.alignments = new Uint32Array(capacity);
    this.threads = new Uint32Array(capacity);
    this.lines = new Uint32Array(capacity);
  }

  get full(): boolean {
    return this.count === this.capacity;
  }

  add(
    kind: number,
    id: number,
    size: number,
    alignment: number,
    thread: number,
    line: number,
    site = 0,
    time = 0,
  ): void {
    const at = this.count++;
    this.kinds[at] = kind;
    this.ids[at] = id;
    this.sizes[at] = size;
    this.alignments[at] = alignment;
    this.threads[at] = thread;
    this.lines[at] = line;
    if (site !== 0) (this.sites ??= new Uint32Array(this.capacity))[at] = site;
    if (time !== 0) (this.times ??= new Float64Array(this.capacity))[at] = time;
  }
}

/** A column twice as long, beginning with the same numbers. */
export function doubled<Column extends Uint8Array | Uint32Array | Int32Array>(
  column: Column,
): Column {
  const longer = new (column.constructor as new (length: number) => Column)(2 * column.length);
  longer.set(column);
  return longer;
}

/** The op at `at` as its line in a file, without its call site and time. */
export function opText(ops: OpChunk, at: number): string {
  if (ops.kinds[at] === FREE_NULL) return "f -1";
  const text = `${String.fromCharCode(ops.kinds[at]!)} ${ops.ids[at]}`;
  switch (ops.kinds[at]) {
    case FREE:
      return text;
    case MEMALIGN:
      return `${text} ${ops.sizes[at]} ${ops.alignments[at]}`;
    default:
      return `${text} ${ops.sizes[at]}`;
  }
}
