/**
 * Bytes to ops. For an invalid trace, the error gives the line, what was found and what was expected.
 *
 * The caller passes blocks of bytes to the parser, which returns the chunks that are full. So the parser stores only one
 * chunk, the unfinished line, and one byte per id, which says whether the id is live.
 *
 * Chunks are simpler than the text: `REALLOC` and `FREE` always name a live id. A realloc of an id that is not
 * live, which is `realloc(NULL, size)`, becomes a `MALLOC`, and `f -1`, which is `free(NULL)`, becomes a `FREE_NULL`.
 */

import { TraceError } from "./error.ts";
import {
  CALLOC,
  ChunkBuilder,
  FREE,
  FREE_NULL,
  LARGEST_ALIGNMENT,
  LARGEST_ID,
  LARGEST_SIZE,
  LARGEST_THREAD,
  LARGEST_TIME,
  MALLOC,
  MEMALIGN,
  REALLOC,
  SITE,
  THREAD,
  type OpChunk,
  type TraceHeader,
} from "./ops.ts";
import { CallSites, MOST_SITES } from "./sites.ts";

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const HASH = 0x23;
const PLUS = 0x2b;
const MINUS = 0x2d;
const DIGIT_0 = 0x30;
const DIGIT_1 = 0x31;
const DIGIT_9 = 0x39;
const AT_SIGN = 0x40;
const UTF_8 = new TextDecoder();
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** No line of a trace is longer (bytes); what is, is not a trace, and is not kept in memory to find its end. */
const LONGEST_LINE = 4096;

const HEADER_LINES = [
  "the suggested heap size in bytes",
  "the number of ids",
  "the number of ops",
  "the weight",
] as const;

/** Largest number of each header line. */
const HEADER_LARGEST = [
  Number.MAX_SAFE_INTEGER,
  LARGEST_ID + 1,
  Number.MAX_SAFE_INTEGER,
  Number.MAX_SAFE_INTEGER,
] as const;

/** States of an id. */
const NEVER_ALLOCATED = 0;
const LIVE = 1;
const FREED = 2;

/** What the line of each kind of op looks like. */
const FORMS: Readonly<Record<number, string>> = {
  [MALLOC]: '"a ID SIZE"',
  [CALLOC]: '"z ID SIZE"',
  [MEMALIGN]: '"m ID SIZE ALIGNMENT"',
  [REALLOC]: '"r ID SIZE"',
  [FREE]: '"f ID", or "f -1" for NULL',
  [THREAD]: '"t THREAD"',
  [SITE]: '"s SITE CALLER FRAME"',
};

/**
 * Reads one trace. `push` each block of its text, then `end`; both return the chunks that are full, and throw
 * `TraceError` at the first invalid line. Cost: linear in the bytes.
 */
export class TraceParser {
  readonly #file: string;
  #header: TraceHeader | undefined;
  readonly #headerNumbers: number[] = [];

  /** Number of the line that is read. Bytes `#at` to `#lineEnd` of `#bytes` remain. */
  #line = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #lineStart = 0;
  #lineEnd = 0;
  #at = 0;
  /** Bytes after the last line feed, and how much of them has been searched for one. */
  #rest: Uint8Array = new Uint8Array(0);

  #ops = 0;
  /** One more than the largest id so far. */
  #ids = 0;
  #thread = 0;
  /** Nanoseconds since the trace began. */
  #time = 0;
  /** By id: its state. */
  #states = new Uint8Array(1024);
  #chunk = new ChunkBuilder();
  #filled: OpChunk[] = [];

  /** @param file the name that errors carry */
  constructor(file: string) {
    this.#file = file;
  }

  /** The header, once its four lines have been read. */
  get header(): TraceHeader | undefined {
    return this.#header;
  }

  /** The call sites that were read so far. An op names only those before it. */
  readonly sites = new CallSites();

  /** The line that is read next, or the last one, from 1. */
  get line(): number {
    return this.#line + 1;
  }

  push(block: Uint8Array): OpChunk[] {
    const searched = this.#rest.length;
    const bytes = searched === 0 ? block : concatenate(this.#rest, block);
    this.#bytes = bytes;
    let start = 0;
    for (
      let feed = bytes.indexOf(LINE_FEED, searched);
      feed >= 0;
      feed = bytes.indexOf(LINE_FEED, start)
    ) {
      this.#readLine(start, feed);
      start = feed + 1;
    }
    // A copy: the owner of the block may use it again.
    this.#rest = bytes.slice(start);
    if (this.#rest.length > LONGEST_LINE) {
      this.#line += 1;
      this.#fail(`a line of more than ${LONGEST_LINE} bytes`, "a trace, which is text");
    }
    return this.#takeFilled();
  }

  /** What is left, once the last block was pushed. Holds the header's counts against what was read. */
  end(): OpChunk[] {
    if (this.#rest.length > 0) {
      this.#bytes = this.#rest;
      this.#readLine(0, this.#rest.length);
      this.#rest = new Uint8Array(0);
    }
    this.#line += 1;
    const header = this.#header;
    if (header === undefined) {
      const wanted = HEADER_LINES[this.#headerNumbers.length]!;
      this.#fail("the end of the trace", `a header line: ${wanted}`);
    }
    if (this.#ops !== header.ops) {
      this.#fail(
        `the end after ${plural(this.#ops, "op")}`,
        `${plural(header.ops, "op")}, the number on line 3`,
      );
    }
    if (this.#ids !== header.ids) {
      this.#fail(
        `the end after ${plural(this.#ids, "id")}`,
        `${plural(header.ids, "id")}, the number on line 2 (one more than the largest id)`,
      );
    }
    if (this.#chunk.count > 0) this.#filled.push(this.#chunk);
    return this.#takeFilled();
  }

  #takeFilled(): OpChunk[] {
    const filled = this.#filled;
    this.#filled = [];
    return filled;
  }

  #readLine(start: number, end: number): void {
    this.#line += 1;
    if (this.#line === 1 && BYTE_ORDER_MARK.every((byte, i) => this.#bytes[start + i] === byte)) {
      start += BYTE_ORDER_MARK.length;
    }
    if (end > start && this.#bytes[end - 1] === CARRIAGE_RETURN) end -= 1;
    while (end > start && isBlank(this.#bytes[end - 1]!)) end -= 1;
    while (end > start && isBlank(this.#bytes[start]!)) start += 1;
    if (start >= end || this.#bytes[start] === HASH) return;
    this.#lineStart = this.#at = start;
    this.#lineEnd = end;
    if (this.#header === undefined) this.#readHeaderLine();
    else this.#readOp(this.#header);
  }

  #readHeaderLine(): void {
    const index = this.#headerNumbers.length;
    const wanted = `a header line: ${HEADER_LINES[index]!}`;
    this.#headerNumbers.push(this.#digits(HEADER_LARGEST[index]!, wanted, wanted));
    this.#expectEnd(wanted);
    if (this.#headerNumbers.length === HEADER_LINES.length) {
      const [heapSize, ids, ops, weight] = this.#headerNumbers as [number, number, number, number];
      this.#header = { heapSize, ids, ops, weight };
    }
  }

  #readOp(header: TraceHeader): void {
    let kind = this.#bytes[this.#at]!;
    const form = FORMS[kind];
    if (form === undefined) {
      this.#fail(this.#quoted(), "an op: a, z, m, r, f, or t for a thread, or s for a call site");
    }
    this.#at += 1;
    if (kind === THREAD) {
      this.#thread = this.#number(LARGEST_THREAD, form, "a thread");
      this.#expectEnd(form);
      return;
    }
    if (kind === SITE) {
      this.#readSite(form);
      return;
    }

    let id = 0;
    if (kind === FREE && this.#isNull()) kind = FREE_NULL;
    else id = this.#number(LARGEST_ID, form, "an id");
    const size =
      kind === FREE || kind === FREE_NULL ? 0 : this.#number(LARGEST_SIZE, form, "a size in bytes");
    const alignment =
      kind === MEMALIGN ? this.#number(LARGEST_ALIGNMENT, form, "an alignment in bytes") : 0;
    const site = this.#site();
    this.#passTime();
    this.#expectEnd(form);
    if (this.#ops === header.ops) {
      const all = plural(header.ops, "op");
      this.#fail(this.#quoted(), `the end of the trace after ${all}, the number on line 3`);
    }
    if (kind === MEMALIGN && (alignment === 0 || (alignment & (alignment - 1)) !== 0)) {
      this.#fail(this.#quoted(), "an alignment that is a power of two");
    }
    if (kind === REALLOC && this.#states[id] !== LIVE) kind = MALLOC;
    if (kind !== FREE_NULL) this.#follow(kind, id, header);

    this.#chunk.add(kind, id, size, alignment, this.#thread, this.#line, site, this.#time);
    this.#ops += 1;
    if (this.#chunk.full) {
      this.#filled.push(this.#chunk);
      this.#chunk = new ChunkBuilder();
    }
  }

  /** The rest of the line of a call site. Its last field is the frame, which may have blanks and a "#". */
  #readSite(form: string): void {
    const next = this.sites.count + 1;
    if (next > MOST_SITES) this.#fail(this.#quoted(), `at most ${plural(MOST_SITES, "call site")}`);
    const site = this.#number(MOST_SITES, form, "a call site");
    if (site !== next) this.#fail(this.#quoted(), `call site ${next}, the next number`);
    const parent = this.#number(MOST_SITES, form, "a caller");
    if (parent >= site) {
      this.#fail(this.#quoted(), `a caller below ${site}, or 0 for none`);
    }
    const end = this.#at;
    this.#skipBlanks();
    if (this.#at === end || this.#at === this.#lineEnd) this.#fail(this.#quoted(), form);
    this.sites.add(parent, UTF_8.decode(this.#bytes.subarray(this.#at, this.#lineEnd)));
  }

  /** The call site of an op, if the next field is one. */
  #site(): number {
    if (!this.#passSign(AT_SIGN)) return 0;
    const site = this.#digits(MOST_SITES, 'a call site: "@SITE"', "a call site");
    if (site > this.sites.count) {
      const last = this.sites.count;
      this.#fail(this.#quoted(), `a call site from 0 to ${last}, the last "s" line's number`);
    }
    return site;
  }

  /** The time since the last op, if the next field is one. */
  #passTime(): void {
    if (!this.#passSign(PLUS)) return;
    const form = 'a time in nanoseconds: "+TIME"';
    this.#time += this.#digits(LARGEST_TIME, form, "a time in nanoseconds");
    if (this.#time > LARGEST_TIME) {
      this.#fail(this.#quoted(), `times that add up to at most ${LARGEST_TIME} nanoseconds`);
    }
  }

  /** Whether the next field begins with this sign, which is passed then. */
  #passSign(sign: number): boolean {
    const start = this.#at;
    if (start === this.#lineEnd) return false;
    this.#skipBlanks();
    const found = this.#at > start && this.#at < this.#lineEnd && this.#bytes[this.#at] === sign;
    this.#at = found ? this.#at + 1 : start;
    return found;
  }

  /** Keeps the table of states, and holds the op against it. */
  #follow(kind: number, id: number, header: TraceHeader): void {
    const state = this.#states[id] ?? NEVER_ALLOCATED;
    if (kind === REALLOC) return;
    if (kind === FREE) {
      if (state !== LIVE) {
        const why = state === FREED ? "freed before" : "never allocated";
        this.#fail(this.#quoted(), `a live id (${id} was ${why})`);
      }
      this.#states[id] = FREED;
      return;
    }
    if (state === LIVE) {
      this.#fail(this.#quoted(), `an id that is not live (${id} was allocated and not freed)`);
    }
    if (id >= header.ids) {
      this.#fail(
        this.#quoted(),
        `an id below ${header.ids}, the number on line 2 (one more than the largest id)`,
      );
    }
    if (id >= this.#states.length) {
      let length = this.#states.length;
      while (length <= id) length *= 2;
      const longer = new Uint8Array(length);
      longer.set(this.#states);
      this.#states = longer;
    }
    this.#states[id] = LIVE;
    this.#ids = Math.max(this.#ids, id + 1);
  }

  /** Whether the next field is -1; then it is passed. */
  #isNull(): boolean {
    const start = this.#at;
    this.#skipBlanks();
    const at = this.#at;
    const isNull = at > start && this.#bytes[at] === MINUS && this.#bytes[at + 1] === DIGIT_1;
    this.#at = isNull ? at + 2 : start;
    return isNull;
  }

  #skipBlanks(): void {
    while (this.#at < this.#lineEnd && isBlank(this.#bytes[this.#at]!)) this.#at += 1;
  }

  /** The next field of the line: blanks, then a number up to `largest`. */
  #number(largest: number, form: string, what: string): number {
    const start = this.#at;
    this.#skipBlanks();
    if (this.#at === start || this.#at === this.#lineEnd) this.#fail(this.#quoted(), form);
    return this.#digits(largest, form, what);
  }

  #digits(largest: number, form: string, what: string): number {
    const start = this.#at;
    let value = 0;
    for (; this.#at < this.#lineEnd; this.#at += 1) {
      const byte = this.#bytes[this.#at]!;
      if (byte < DIGIT_0 || byte > DIGIT_9) break;
      value = value * 10 + (byte - DIGIT_0);
    }
    if (this.#at === start) this.#fail(this.#quoted(), form);
    if (value > largest) this.#fail(this.#quoted(), `${what} from 0 to ${largest}`);
    return value;
  }

  /** A comment may follow the last field. */
  #expectEnd(form: string): void {
    this.#skipBlanks();
    if (this.#bytes[this.#at] === HASH) return;
    if (this.#at !== this.#lineEnd) this.#fail(this.#quoted(), form);
  }

  /** The line as it can be shown in a message: its beginning, with what can't be printed escaped. */
  #quoted(): string {
    const line = this.#bytes.subarray(this.#lineStart, this.#lineEnd);
    const text = new TextDecoder("latin1").decode(line.subarray(0, 40));
    const shown = JSON.stringify(text).replaceAll(
      /[\u007f-\uffff]/g,
      (c) => `\\x${c.charCodeAt(0).toString(16)}`,
    );
    return line.length > 40 ? `${shown}…` : shown;
  }

  #fail(found: string, expected: string): never {
    throw new TraceError(this.#file, this.#line, found, expected);
  }
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}

function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
