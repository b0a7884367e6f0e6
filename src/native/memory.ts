/** Native memory: the program break of the process, and mappings. */

import { MAX_ALIGNMENT } from "../../engine/block.ts";
import { HeapError } from "../library.ts";
import type { NativeMemory } from "../types.ts";
import { system, type System } from "./system.ts";
import { NATIVE } from "./tag.ts";

const OS_PAGE = 4096;
const PAGE = 65536;
export const ADDRESS_SPACE = 2 ** 32;
/** When the break moves, it moves by at least this share of the memory: a new view of it makes V8 collect garbage. */
const STEP_SHARE = 8;

// Of Linux on x64 and arm64.
const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x4022;
const MADV_DONTNEED = 4;

const roundUp = (bytes: number, unit: number): number => Math.ceil(bytes / unit) * unit;

/** What both kinds share. */
abstract class SystemMemory implements NativeMemory {
  readonly address: bigint;
  abstract readonly buffer: ArrayBuffer;
  abstract readonly end: number;
  abstract readonly maxByteLength: number;
  abstract readonly sharesEnd: boolean;
  abstract readonly hindrance: string;
  protected readonly system: System;
  /** The address as a number. */
  protected readonly start: number;

  constructor(functions: System, start: number) {
    this.system = functions;
    this.start = start;
    this.address = BigInt(start);
  }

  get [Symbol.toStringTag](): string {
    return NATIVE;
  }

  abstract growTo(end: number): boolean;
  abstract shrinkTo(end: number): void;

  discard(from: number, to: number): number {
    const first = roundUp(from, OS_PAGE);
    const bytes = Math.floor(to / OS_PAGE) * OS_PAGE - first;
    if (bytes <= 0) return 0;
    return this.system.madvise(this.start + first, bytes, MADV_DONTNEED) === 0 ? bytes : 0;
  }
}

/**
 * A mapping. All of it has addresses and a view from the beginning; the system gives it pages when they are first used. So growth
 * needs neither a call nor a new view.
 */
export class Mapping extends SystemMemory {
  readonly buffer: ArrayBuffer;
  readonly maxByteLength: number;
  readonly sharesEnd = false;
  #end = 0;

  constructor(reserve: number) {
    const functions = system();
    // The start is aligned to the largest alignment: a block that is aligned in the heap is aligned in the process.
    const asked = reserve + MAX_ALIGNMENT;
    const found = functions.mmap(0, asked, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, 0);
    if (found === -1) {
      throw new HeapError(
        "OUT_OF_MEMORY",
        `Out of memory: could not reserve addresses for ${reserve} bytes. Pass a smaller reserve.`,
        { size: reserve },
      );
    }
    const start = roundUp(found, MAX_ALIGNMENT);
    const end = start + roundUp(reserve, OS_PAGE);
    if (start > found) functions.munmap(found, start - found);
    if (found + asked > end) functions.munmap(end, found + asked - end);
    super(functions, start);
    this.maxByteLength = reserve;
    this.buffer = functions.view(start, reserve);
  }

  get end(): number {
    return this.#end;
  }

  get hindrance(): string {
    return `the mapping cannot grow beyond ${this.maxByteLength} bytes: pass a larger reserve`;
  }

  growTo(end: number): boolean {
    if (end > this.maxByteLength) return false;
    this.#end = Math.max(this.#end, end);
    return true;
  }

  shrinkTo(end: number): void {
    this.discard(end, roundUp(this.#end, OS_PAGE));
    this.#end = end;
  }
}

/**
 * The memory from the program break on. Other code, such as `malloc`, moves the break too. `end` includes the memory that such code
 * adds, and the next growth continues behind it.
 */
export class ProcessBreak extends SystemMemory {
  readonly maxByteLength = ADDRESS_SPACE;
  readonly sharesEnd = true;
  #buffer: ArrayBuffer;
  /** Bytes that the heap asked for. A new heap owns all memory that there is, so there is none yet. */
  #asked = 0;
  /** Bytes up to where this memory moved the break, at least as many. */
  #taken: number;
  /** Bytes up to the break when `end` was read. A break that moved since is a reason not to grow. */
  #seen = 0;

  constructor() {
    const functions = system();
    const from = functions.sbrk(2 * PAGE);
    if (from === -1) {
      throw new HeapError(
        "OUT_OF_MEMORY",
        "Out of memory: the program break cannot move. Use mapping() instead.",
      );
    }
    super(functions, roundUp(from, PAGE));
    this.#taken = from + 2 * PAGE - this.start;
    this.#buffer = functions.view(this.start, this.#taken);
  }

  get buffer(): ArrayBuffer {
    return this.#buffer;
  }

  get end(): number {
    if (this.#asked === 0) return 0;
    let end = this.#break();
    if (end <= this.#taken) return this.#asked;
    // Addresses of a heap are multiples of 16.
    if (end % 16 !== 0 && this.system.sbrk(16 - (end % 16)) === this.start + end)
      end = this.#break();
    return (this.#seen = end);
  }

  get hindrance(): string {
    return "the program break cannot move further: use mapping() instead";
  }

  #break(): number {
    return this.system.sbrk(0) - this.start;
  }

  growTo(end: number): boolean {
    // In whole pages: a heap uses the rest of its last page.
    const least = roundUp(end, PAGE);
    if (least > this.#taken) {
      const now = this.#break();
      if (now > Math.max(this.#taken, this.#seen)) return false;
      const more = Math.min(now + roundUp(this.#taken / STEP_SHARE, PAGE), this.maxByteLength);
      if (!(more > least && this.#moveTo(now, more)) && !this.#moveTo(now, least)) return false;
    }
    this.#asked = Math.max(this.#asked, least);
    return true;
  }

  /** Moves the break from `now` up to `end`; returns false if the system refuses, or if other code moved it. */
  #moveTo(now: number, end: number): boolean {
    const before = this.system.sbrk(end - now);
    if (before === -1) return false;
    if (before !== this.start + now) {
      this.system.sbrk(now - end);
      return false;
    }
    this.#taken = end;
    this.#buffer = this.system.view(this.start, end);
    return true;
  }

  shrinkTo(end: number): void {
    this.#asked = end;
    const now = this.#break();
    if (now === this.#taken && this.system.sbrk(end - now) !== -1) {
      this.#taken = end;
      this.#buffer = this.system.view(this.start, end);
    } else this.discard(end, this.#taken);
  }
}
