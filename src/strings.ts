/** Strings in a heap: UTF-8, with or without a terminating zero. */

import { Block } from "./block.ts";
import { badOptions, HeapError, isWord, noAddress, shown } from "./errors.ts";
import type { Heap } from "./heap.ts";
import { expectMemory } from "./memories.ts";
import { decode, encode } from "./utf8.ts";

export function newString(heap: Heap, text: string): Block {
  expectText(text);
  const bytes = encode(text);
  const block = new Block(heap, heap.allocate(bytes.length), bytes.length);
  block.view(Uint8Array).set(bytes);
  return block;
}

export function newCString(heap: Heap, text: string): Block {
  expectText(text);
  const zero = text.indexOf("\0");
  if (zero >= 0) {
    throw badOptions(
      `the text has a zero at index ${zero}, where C would end it: leave it out, or use string and its size`,
    );
  }
  return newString(heap, `${text}\0`);
}

function expectText(text: unknown): void {
  if (typeof text !== "string") throw badOptions(`text is ${shown(text)}: expected a string`);
}

export function stringAt(heap: Heap, pointer: number, size: number): string {
  const bytes = bytesFrom(heap, pointer);
  if (!Number.isInteger(size) || size < 0 || size > bytes.length) {
    throw new HeapError(
      "INVALID_SIZE",
      `size ${shown(size)} is not a whole number of bytes from 0 to ${bytes.length}: the memory ends there`,
      { pointer, size },
    );
  }
  return decode(bytes.subarray(0, size));
}

export function cStringAt(heap: Heap, pointer: number): string {
  const bytes = bytesFrom(heap, pointer);
  const size = bytes.indexOf(0);
  if (size >= 0) return decode(bytes.subarray(0, size));
  throw new HeapError(
    "INVALID_POINTER",
    `no zero ends the string at ${pointer}: it goes on to the end of the memory; read it by its size with readString`,
    { pointer },
  );
}

/** What the memory holds from an address on, which need not be in the heap: a module has strings of its own. */
function bytesFrom({ buffer, memory }: Heap, pointer: number): Uint8Array {
  if (!isWord(pointer)) throw noAddress(pointer);
  if (pointer > 0 && pointer <= buffer.byteLength) return new Uint8Array(buffer, pointer);
  expectMemory(memory);
  throw new HeapError(
    "OUT_OF_HEAP",
    pointer === 0
      ? "pointer 0 leads to no string: it is what C calls NULL"
      : `pointer ${pointer} is beyond the end of the memory, which has ${buffer.byteLength} bytes`,
    { pointer },
  );
}
