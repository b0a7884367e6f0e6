/** What can be wrong with a call, and the error that says it. */

import { MAX_ALIGNMENT, MAX_SIZE } from "../engine/block.ts";
import {
  BAD_OPTIONS,
  CORRUPT,
  DOUBLE_FREE,
  INVALID_ALIGNMENT,
  INVALID_POINTER,
  INVALID_SIZE,
  OUT_OF_HEAP,
  OUT_OF_MEMORY,
} from "../engine/errors.ts";

/**
 * What was wrong:
 *
 * - `OUT_OF_MEMORY`: no free block fits, and the memory can't grow or the limit is reached
 * - `INVALID_SIZE`: a size that is no whole number of bytes from 0 to 2147418112
 * - `INVALID_ALIGNMENT`: an alignment that is not a power of two from 1 to 1073741824 (1 GiB)
 * - `DOUBLE_FREE`: a pointer to a block that was deallocated before
 * - `INVALID_POINTER`: a pointer that is not the start of a block: inside one, misaligned, never allocated
 * - `OUT_OF_HEAP`: a pointer to memory that is not this heap's
 * - `CORRUPT`: something wrote where it should not; what the heap notes about its blocks can't be true
 * - `BAD_OPTIONS`: a heap, or what is to be in it, that can't be made as asked
 * - `DISPOSED`: a block, an array or a scope that was disposed of before
 */
export type HeapErrorCode =
  | "OUT_OF_MEMORY"
  | "INVALID_SIZE"
  | "INVALID_ALIGNMENT"
  | "DOUBLE_FREE"
  | "INVALID_POINTER"
  | "OUT_OF_HEAP"
  | "CORRUPT"
  | "BAD_OPTIONS"
  | "DISPOSED";

/** The engine's numbers for the codes. */
const CODES: Readonly<Record<number, HeapErrorCode>> = {
  [OUT_OF_MEMORY]: "OUT_OF_MEMORY",
  [INVALID_SIZE]: "INVALID_SIZE",
  [INVALID_ALIGNMENT]: "INVALID_ALIGNMENT",
  [DOUBLE_FREE]: "DOUBLE_FREE",
  [INVALID_POINTER]: "INVALID_POINTER",
  [OUT_OF_HEAP]: "OUT_OF_HEAP",
  [CORRUPT]: "CORRUPT",
  [BAD_OPTIONS]: "BAD_OPTIONS",
};

/**
 * Every error of the library. Every block is then as it was before the call, or else `code` is `CORRUPT`; a request that
 * fails for want of memory may have coalesced free memory or moved the break, so that later blocks lie elsewhere.
 */
export class HeapError extends Error {
  static {
    this.prototype.name = "HeapError";
  }

  /** What was wrong, for a program; the message says it to people. */
  readonly code: HeapErrorCode;
  /** The pointer that was wrong, as it was given; or the address where the heap is corrupt. */
  declare readonly pointer?: number;
  /** The size that was asked for, as it was given, in bytes. */
  declare readonly size?: number;

  /** The library makes these; `about` holds the pointer or size that was wrong, and the error behind this one. */
  constructor(
    code: HeapErrorCode,
    message: string,
    about: { pointer?: number; size?: number; cause?: unknown } = {},
  ) {
    super(message, about.cause === undefined ? undefined : { cause: about.cause });
    this.code = code;
    if (about.pointer !== undefined) this.pointer = about.pointer;
    if (about.size !== undefined) this.size = about.size;
  }
}

export function badOptions(message: string, cause?: unknown): HeapError {
  return new HeapError("BAD_OPTIONS", message, { cause });
}

/** `hindrance`: why there can't be more memory, and what to do: the end of a sentence. */
export function outOfMemory(size: number, hindrance: string): HeapError {
  return new HeapError(
    "OUT_OF_MEMORY",
    `no room for ${size} bytes: no free block fits, and ${hindrance}, or deallocate blocks`,
    { size },
  );
}

/** For the use of a block or scope that has ended. */
export function disposed(what: "block" | "scope"): HeapError {
  return new HeapError(
    "DISPOSED",
    what === "block"
      ? "the block was disposed of or released before: use it until then, and its pointer, once released, by itself"
      : "the scope has ended: use it until then, and make another one for what comes later",
  );
}

export function invalidSize(size: number): HeapError {
  return new HeapError(
    "INVALID_SIZE",
    `size ${shown(size)} is not a whole number of bytes from 0 to ${MAX_SIZE}`,
    { size },
  );
}

export function invalidAlignment(alignment: number): HeapError {
  return new HeapError(
    "INVALID_ALIGNMENT",
    `alignment ${shown(alignment)} is not a power of two from 1 to ${MAX_ALIGNMENT}`,
  );
}

/** Whether a value is what an engine takes for a size or an address: a whole number that fits 32 bits. */
export function isWord(value: unknown): boolean {
  return typeof value === "number" && value >>> 0 === value;
}

/** The error of an engine's `code` about a pointer. `extent`: where the heap is. */
export function pointerError(code: number, pointer: number, extent = ""): HeapError {
  const name = CODES[code] ?? "CORRUPT";
  const wrong =
    pointer === 0
      ? "is that of no block; allocate one first"
      : name === "OUT_OF_HEAP"
        ? `is outside of this heap${extent}; use a pointer in the heap that it was allocated from`
        : WRONG_POINTERS[name];
  return new HeapError(name, `pointer ${shown(pointer)} ${wrong}`, { pointer });
}

const WRONG_POINTERS: Readonly<Partial<Record<HeapErrorCode, string>>> = {
  DOUBLE_FREE:
    "leads to memory that was deallocated before; deallocate a block once and do not use its pointer afterwards",
  INVALID_POINTER:
    "is not the start of a block of this heap; use a pointer as it was answered by allocate, in the same heap",
  CORRUPT:
    "leads to a block whose header can't be true; something wrote before the start or beyond the end of its block",
};

/** What is wrong with a pointer that no engine could be asked about: not a 32-bit address. */
export function noAddress(pointer: number): HeapError {
  if (typeof pointer === "bigint") {
    return new HeapError(
      "INVALID_POINTER",
      `pointer ${shown(pointer)} is a BigInt, and pointers are numbers: use Number(pointer)`,
      { pointer },
    );
  }
  if (typeof pointer === "number" && pointer < 0 && pointer >> 0 === pointer) {
    return new HeapError(
      "OUT_OF_HEAP",
      `pointer ${pointer} is negative; if WebAssembly answered it, it is an address above 2 GiB: use pointer >>> 0`,
      { pointer },
    );
  }
  return pointerError(Number.isInteger(pointer) ? OUT_OF_HEAP : INVALID_POINTER, pointer);
}

/** `address`: where the heap contradicts itself, if that is known. */
export function corrupt(message: string, address?: number, cause?: unknown): HeapError {
  return new HeapError("CORRUPT", `${message}; something wrote outside of its block`, {
    ...(address === undefined ? {} : { pointer: address }),
    cause,
  });
}

/** A value that should have been a number, for a message. */
export function shown(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "string") return JSON.stringify(value);
  try {
    return String(value);
  } catch {
    return typeof value; // of an object that has no text
  }
}
