/** The error of the library, its codes and its messages. */

import { MAX_ALIGNMENT, MAX_SIZE } from "../engine/block.ts";
import {
  BAD_OPTIONS,
  BUSY,
  CORRUPT,
  DOUBLE_FREE,
  INVALID_ALIGNMENT,
  INVALID_POINTER,
  INVALID_SIZE,
  OUT_OF_HEAP,
  OUT_OF_MEMORY,
} from "../engine/errors.ts";
import { shown } from "./show.ts";

/**
 * What went wrong:
 *
 * - `OUT_OF_MEMORY`: no free block fits, and the memory cannot grow or the limit is reached
 * - `INVALID_SIZE`: a size that is not a whole number of bytes from 0 to 2147418112
 * - `INVALID_ALIGNMENT`: an alignment that is not a power of two from 1 to 1073741824 (1 GiB)
 * - `DOUBLE_FREE`: a pointer to a block that is already free
 * - `INVALID_POINTER`: a pointer that is not the start of a block: inside one, misaligned, never allocated
 * - `OUT_OF_HEAP`: a pointer to memory outside the heap
 * - `CORRUPT`: metadata of the heap was overwritten, or its memory shrank
 * - `BAD_OPTIONS`: an invalid option or argument, or an engine or memory that is unavailable
 * - `BUSY`: another thread has the lock of a heap that several threads use, and this one may not wait longer
 * - `DISPOSED`: a block, an array or a scope that was disposed of
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
  | "BUSY"
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
  [BUSY]: "BUSY",
};

/**
 * The error that the library throws. Unless `code` is `CORRUPT`, every block is as it was before the call. A request that fails
 * with `OUT_OF_MEMORY` may have coalesced free blocks or moved the break, so later blocks may get other addresses.
 *
 * @example
 * ```ts
 * try {
 *   heap.deallocate(p);
 * } catch (error) {
 *   if (error instanceof HeapError && error.code === "DOUBLE_FREE") report(error.pointer);
 *   else throw error;
 * }
 * ```
 */
export class HeapError extends Error {
  static {
    this.prototype.name = "HeapError";
  }

  /** What went wrong, for programs; the message is for people. */
  readonly code: HeapErrorCode;
  /** The invalid pointer, as it was passed; or the address where the heap is corrupt. */
  declare readonly pointer?: number;
  /** The requested size in bytes, as it was passed. */
  declare readonly size?: number;

  /**
   * Makes an error. Most programs never need this.
   *
   * @param code What went wrong.
   * @param message What went wrong, for people.
   * @param about The pointer or size that the error is about, and the error that caused it.
   */
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

/** A thread may not wait for the lock as long as it would have to. */
export function busy(): HeapError {
  return new HeapError(
    "BUSY",
    "Busy: another thread has the lock, and this one may not wait longer. Try again, or raise patience.",
  );
}

/** `value` is not what the option or argument `name` takes. */
export function invalid(name: string, value: unknown, expected: string): HeapError {
  return badOptions(`Invalid ${name} ${shown(value)}: expected ${expected}.`);
}

/** `hindrance`: why the memory cannot grow, and what to do; the end of a sentence. */
export function outOfMemory(size: number, hindrance: string): HeapError {
  return new HeapError(
    "OUT_OF_MEMORY",
    `Out of memory: cannot allocate ${size} bytes. No free block fits, and ${hindrance}, or free blocks.`,
    { size },
  );
}

/** The error for a block or scope that is used after it was disposed of. */
export function disposed(what: "block" | "scope"): HeapError {
  return new HeapError(
    "DISPOSED",
    `This ${what} was disposed of${what === "block" ? " or released" : " or moved"}. Use it before, or make another one.`,
  );
}

export function invalidSize(size: number, most: number = MAX_SIZE, pointer?: number): HeapError {
  const about = pointer === undefined ? { size } : { size, pointer };
  return new HeapError(
    "INVALID_SIZE",
    `Invalid size ${shown(size)}: expected a whole number of bytes from 0 to ${most}.`,
    about,
  );
}

/** `size`: the bytes of the elements. */
export function invalidLength(
  length: unknown,
  most: number,
  about: { pointer?: number; size?: number },
): HeapError {
  return new HeapError(
    "INVALID_SIZE",
    `Invalid length ${shown(length)}: expected a whole number of elements from 0 to ${most}.`,
    about,
  );
}

export function invalidAlignment(alignment: number): HeapError {
  return new HeapError(
    "INVALID_ALIGNMENT",
    `Invalid alignment ${shown(alignment)}: expected a power of two from 1 to ${MAX_ALIGNMENT}.`,
  );
}

/** Whether a value is what an engine takes for a size or an address: a whole number that fits 32 bits. */
export function isWord(value: unknown): boolean {
  return typeof value === "number" && value >>> 0 === value;
}

/** The error of an engine's `code` about a pointer. `extent`: where the heap is. */
export function pointerError(code: number, pointer: number, extent = ""): HeapError {
  const name = CODES[code] ?? "CORRUPT";
  if (name === "CORRUPT") return corrupt("the header of the block was overwritten", pointer);
  return invalidPointer(
    name,
    pointer,
    name === "DOUBLE_FREE"
      ? "its block is already free. Free a block once, and don't use its pointer afterwards."
      : name === "OUT_OF_HEAP" && pointer !== 0
        ? `it is outside this heap${extent}. Pass a pointer from this heap.`
        : "no block starts there. Pass a pointer returned by allocate() of this heap.",
  );
}

/** `why`: the rest of the message. */
export function invalidPointer(code: HeapErrorCode, pointer: number, why: string): HeapError {
  return new HeapError(code, `Invalid pointer ${shown(pointer)}: ${why}`, { pointer });
}

/** The error for a pointer that no engine can take: not a 32-bit address. */
export function noAddress(pointer: number): HeapError {
  if (typeof pointer === "bigint") {
    return invalidPointer(
      "INVALID_POINTER",
      pointer,
      "it is a BigInt, and pointers are numbers. Use Number(pointer).",
    );
  }
  if (typeof pointer === "number" && pointer < 0 && pointer >> 0 === pointer) {
    return invalidPointer(
      "OUT_OF_HEAP",
      pointer,
      "it is negative. If WebAssembly returned it, the address is above 2 GiB: use pointer >>> 0.",
    );
  }
  return pointerError(Number.isInteger(pointer) ? OUT_OF_HEAP : INVALID_POINTER, pointer);
}

/** The error for a memory that ends at `length`, below the break. */
export function shrunk(end: number, length: number): HeapError {
  return new HeapError(
    "CORRUPT",
    `The heap is corrupt: it ends at ${end}, but its memory at ${length}. Don't shrink the memory of a heap; call trim().`,
  );
}

/** `address`: where the metadata contradicts itself, if that is known. */
export function corrupt(what: string, address?: number, cause?: unknown): HeapError {
  const place = address === undefined ? "" : ` at ${address}`;
  return new HeapError(
    "CORRUPT",
    `The heap is corrupt${place}: ${what}. Something wrote outside its block.`,
    {
      ...(address === undefined ? {} : { pointer: address }),
      cause,
    },
  );
}
