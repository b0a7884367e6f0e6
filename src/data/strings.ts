/** Strings in a heap: UTF-8, with or without a terminating zero. */

import { badOptions, invalid, invalidPointer, invalidSize, isWord, noAddress } from "../errors.ts";
import { Block } from "../lifetimes/block.ts";
import { bufferUpTo, expectMemory } from "../memories.ts";
import type { HeapLike } from "../types.ts";
import { decode, encode } from "./utf8.ts";

export function newString(heap: HeapLike, text: string): Block {
  if (typeof text !== "string") throw invalid("text", text, "a string");
  const bytes = encode(text);
  const block = new Block(heap, heap.allocate(bytes.length), bytes.length);
  block.view(Uint8Array).set(bytes);
  return block;
}

export function newCString(heap: HeapLike, text: string): Block {
  const zero = typeof text === "string" ? text.indexOf("\0") : -1;
  if (zero >= 0) {
    throw badOptions(
      `Invalid text: it has a zero at index ${zero}, where C would end it. Use string().`,
    );
  }
  return newString(heap, typeof text === "string" ? `${text}\0` : text);
}

export function stringAt(heap: HeapLike, pointer: number, size: number): string {
  const bytes = bytesFrom(heap, pointer, size);
  if (!Number.isInteger(size) || size < 0 || size > bytes.length) {
    throw invalidSize(size, bytes.length, pointer);
  }
  return decode(bytes.subarray(0, size));
}

export function cStringAt(heap: HeapLike, pointer: number): string {
  const bytes = bytesFrom(heap, pointer, 1);
  const size = bytes.indexOf(0);
  if (size >= 0) return decode(bytes.subarray(0, size));
  throw invalidPointer("INVALID_POINTER", pointer, "no zero ends the string. Use readString().");
}

/** Returns the memory from an address on. It need not be in the heap: a module also has strings outside it. */
function bytesFrom({ memory }: HeapLike, pointer: number, size: number): Uint8Array {
  if (!isWord(pointer)) throw noAddress(pointer);
  const buffer = bufferUpTo(memory, pointer + (isWord(size) ? size : 0));
  if (pointer > 0 && pointer <= buffer.byteLength) return new Uint8Array(buffer, pointer);
  expectMemory(memory);
  throw invalidPointer(
    "OUT_OF_HEAP",
    pointer,
    `it is outside the memory of ${buffer.byteLength} bytes.`,
  );
}
