/** What the suites ask about heaps, and expect of them. */

import { expect, onTestFinished } from "vitest";

import { HEADER, IN_USE, QUICK } from "../../engine/block.ts";
import { CELL, GRANULE, QUICK_LISTS, QUICK_LISTS_AT } from "../../engine/control.ts";
import type { HeapError, HeapErrorCode } from "../../src/index.ts";
import { type Block, blocksOf, pictureFrom, word } from "./picture.ts";
import { type Heap, type MemoryKind, PAGE, type Place, type PlaceOptions } from "./place.ts";

/** The break of a new heap at base 0. */
export const FIRST_BREAK = PAGE;
export const MAX_SIZE = 0x7fff0000;
/** Largest size that slabs serve. */
export const MAX_SMALL = 1008;
/** Blocks from LARGE bytes on are whole lines if there is room: see engine/blocks.ts. */
export const LARGE = 16384;
export const LINE = 64;
/** A remainder smaller than this stays with the block that was split: see engine/blocks.ts. */
export const LEAST_REMAINDER = 32;
/** `Symbol.dispose`, or what compilers of `using` take where the platform has none. */
export const DISPOSE: typeof Symbol.dispose =
  Symbol.dispose ?? (Symbol.for("Symbol.dispose") as never);
export const FITS = ["best", "first", "next"] as const;

/** Returns a function that makes heaps without slabs and margin, whose blocks are easy to predict. All are sound at the end. */
export function plainHeaps(place: Place): (options?: PlaceOptions) => Heap {
  return (options) => {
    const heap = place.makeHeap({ small: 0, margin: 0, ...options });
    onTestFinished(() => expectSound(heap));
    return heap;
  };
}

// Blocks ------------------------------------------------------------------------------------------------------------------

/** Size of a large block for a request: whole lines. */
export const whole = (bytes: number): number => Math.ceil((bytes + HEADER) / LINE) * LINE;

/** Size of a block for a request that is not large. */
export const blockSize = (bytes: number): number => Math.ceil((bytes + HEADER) / GRANULE) * GRANULE;

/** The blocks from `p` on: "used 112, free 48, top". */
export const pictureOf = (heap: Heap, p: number): string => pictureFrom(heap.memory, heap.base, p);

/** Address of the top block's payload, and its size with the header. */
export const topOf = (heap: Heap): Block => blocksOf(heap.memory, heap.base).at(-1)!;

/** The free blocks, without the top block. */
export const freeBlocks = (heap: Heap): Block[] =>
  blocksOf(heap.memory, heap.base).filter(({ kind }) => kind === "free");

/** Bytes of the block map after a top block that ends at `end`: one for each cell. */
export function mapBytes(heap: Heap, end: number): number {
  const cells = Math.floor(end / CELL) - Math.floor(heap.base / CELL) + 1;
  return Math.ceil(cells / GRANULE) * GRANULE;
}

/** Size of the largest block that the top block has room for before the break moves. */
export function roomOf(heap: Heap): number {
  const { address } = topOf(heap);
  let end = heap.break;
  while (end > address && end + mapBytes(heap, end) > heap.break) end -= GRANULE;
  return end - address;
}

/** Bytes from the top block's start to the break, with the map. */
export const roomToBreak = (heap: Heap): number => heap.break - topOf(heap).address;

/** Allocates all of the top block, so that it must grow for the next request; returns the size of that block. */
export function fillTop(heap: Heap): number {
  const { address, size } = topOf(heap);
  expect(heap.allocate(size - HEADER)).toBe(address);
  expect(topOf(heap).size).toBe(0);
  return size;
}

/** Number of blocks and slots in use. */
export const usedBlocks = (heap: Heap): number => heap.stats().usedBlocks;

/** Makes the memory of a heap grow, if memories of its kind do. */
export function growMemory(heap: Heap, kind: MemoryKind): void {
  const bytes = (): number => ("end" in heap.memory ? heap.memory.end : heap.buffer.byteLength);
  const before = bytes();
  heap.deallocate(heap.allocate(8 * PAGE));
  if (kind.grows) expect(bytes()).toBeGreaterThan(before);
}

/** Number of blocks in quick lists. */
export function quickCount(heap: Heap): number {
  let count = 0;
  for (let i = 0; i < QUICK_LISTS; i++)
    count += word(heap.memory, heap.base + QUICK_LISTS_AT + 16 * i);
  return count;
}

/** Whether the block at `p` is in a quick list. */
export const isQuick = (heap: Heap, p: number): boolean =>
  (word(heap.memory, p - HEADER) & (QUICK | IN_USE)) === (QUICK | IN_USE);

// Slots -------------------------------------------------------------------------------------------------------------------

/** Whether `p` is a slot in use, and not a block. */
export const isSlot = (heap: Heap, p: number): boolean =>
  [...heap.walk()].some(({ address, kind }) => address === p && kind === "used-slot");

/** Allocates a slot. Blocks serve the first requests of a size class, more of them the larger the heap is. */
export function allocateSlot(heap: Heap, size: number): number {
  for (let left = 200; left > 0; left--) {
    const p = heap.allocate(size);
    if (isSlot(heap, p)) return p;
  }
  throw new Error(`no slot for ${size} bytes`);
}

// Contents ----------------------------------------------------------------------------------------------------------------

/** Fills a block with a byte of its own. */
export function fill(heap: Heap, pointer: number, length: number, byte = pointer / 16): void {
  heap.view(Uint8Array, pointer, length).fill(byte);
}

export function expectFilled(
  heap: Heap,
  pointer: number,
  length: number,
  byte = pointer / 16,
): void {
  const stray = heap.view(Uint8Array, pointer, length).findIndex((each) => each !== (byte & 255));
  expect(stray, `the first byte of the block at ${pointer} that was overwritten`).toBe(-1);
}

/** A copy of the heap's memory up to the break. */
export function imageOf(heap: Heap): Uint8Array {
  return new Uint8Array(heap.buffer, 0, heap.break).slice();
}

/** The first byte that differs, or -1. */
export function firstDifference(one: Uint8Array, other: Uint8Array): number {
  const count = Math.min(one.length, other.length);
  const words = [one, other].map(
    (bytes) => new Int32Array(bytes.buffer, bytes.byteOffset, count >>> 2),
  ) as [Int32Array, Int32Array];
  let at = 0;
  while (at < words[0].length && words[0][at] === words[1][at]) at++;
  for (at *= 4; at < count; at++) if (one[at] !== other[at]) return at;
  return one.length === other.length ? -1 : count;
}

// Expectations ------------------------------------------------------------------------------------------------------------

/** Calls `action`, which must not change a byte of the heap. */
export function unchanged<Result>(heap: Heap, action: () => Result): Result {
  const before = imageOf(heap);
  const result = action();
  expect(firstDifference(before, imageOf(heap)), "the first byte that changed").toBe(-1);
  return result;
}

/** Returns the HeapError that a call throws. */
export function errorOf(call: () => unknown): HeapError {
  try {
    call();
  } catch (error) {
    expect((error as Error).name, String(error)).toBe("HeapError");
    return error as HeapError;
  }
  throw new Error("no error was thrown");
}

/** Expects an error that changes nothing: neither a byte nor an invariant. */
export function expectError(
  heap: Heap,
  call: () => unknown,
  code: HeapErrorCode,
  about: { pointer?: number; size?: number } = {},
): HeapError {
  const error = unchanged(heap, () => errorOf(call));
  expect(error.code, error.message).toBe(code);
  if ("pointer" in about) expect(error.pointer).toBe(about.pointer);
  if ("size" in about) expect(error.size).toBe(about.size);
  heap.check();
  return error;
}

/** The invariants hold, and the library's walk lists what the headers say. */
export function expectSound(heap: Heap): void {
  heap.check();
  const walked = [...heap.walk()].filter(({ kind }) => !kind.endsWith("slot"));
  const blocks = blocksOf(heap.memory, heap.base);
  const slabs = new Set(blocks.map(({ address }) => address));
  for (const { address } of walked) slabs.delete(address);
  const listed = blocks
    .filter(({ address }) => !slabs.has(address))
    .map(({ address, size, kind }) => ({
      address,
      size: Math.max(size - HEADER, 0),
      kind: kind === "top" ? "free" : kind,
    }));
  // One by one: a heap can have tens of thousands.
  const different = walked.findIndex(
    ({ address, size, kind }, i) =>
      address !== listed[i]?.address || size !== listed[i].size || kind !== listed[i].kind,
  );
  if (different >= 0) expect(walked[different]).toEqual(listed[different]);
  expect(walked.length).toBe(listed.length);
}
