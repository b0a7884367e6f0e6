/**
 * A heap that fills and verifies every block, to find blocks that overlap.
 *
 * Each block is filled with its own pattern, over its whole usable size. The pattern is verified before the block is freed
 * or reallocated. After `reallocate`, the kept part is verified; zeroed blocks must be zero. If two live blocks share a
 * byte, one of them differs from its pattern.
 */

import type { Heap } from "../src/heap.ts";

/** What a replay needs of a heap. */
export type ReplayHeap = Pick<
  Heap,
  | "allocateZeroed"
  | "check"
  | "deallocate"
  | "reallocate"
  | "stats"
  | "tryAllocate"
  | "usableSize"
  | "view"
  | "walk"
>;

interface Block {
  /** Bytes that hold the pattern: the usable size when the block was filled. */
  readonly filled: number;
  readonly seed: number;
}

/**
 * Wraps a heap. A call does the same as the heap's, and throws the same errors. `takeProblem` returns what the verification
 * finds. Cost: linear in the bytes of the block.
 */
export class GuardedHeap {
  readonly #heap: ReplayHeap;
  readonly #blocks = new Map<number, Block>();
  #seed = 0;
  #problem: string | undefined;
  /** Time (milliseconds) spent in the heap's calls, without the guard's work. */
  milliseconds = 0;

  constructor(heap: ReplayHeap) {
    this.#heap = heap;
  }

  /** Returns the first problem since the last `takeProblem`, if there was one. */
  takeProblem(): string | undefined {
    const problem = this.#problem;
    this.#problem = undefined;
    return problem;
  }

  tryAllocate(size: number, alignment?: number): number {
    const pointer = this.#timed(() =>
      alignment === undefined
        ? this.#heap.tryAllocate(size)
        : this.#heap.tryAllocate(size, alignment),
    );
    if (pointer !== 0) this.#adopt(pointer, size, alignment);
    return pointer;
  }

  allocateZeroed(size: number): number {
    const pointer = this.#timed(() => this.#heap.allocateZeroed(size));
    const at = this.#heap.view(Uint8Array, pointer, size).findIndex((byte) => byte !== 0);
    if (at >= 0) this.#problem ??= `byte ${at} of the zeroed block ${pointer} is not 0`;
    this.#adopt(pointer, size);
    return pointer;
  }

  reallocate(pointer: number, size: number): number {
    this.#verify(pointer);
    const moved = this.#timed(() => this.#heap.reallocate(pointer, size));
    const block = this.#blocks.get(pointer);
    this.#blocks.delete(pointer);
    if (block !== undefined) {
      this.#verifyBytes(moved, { ...block, filled: Math.min(size, block.filled) });
    }
    this.#adopt(moved, size);
    return moved;
  }

  deallocate(pointer: number): void {
    this.#verify(pointer);
    this.#timed(() => this.#heap.deallocate(pointer));
    this.#blocks.delete(pointer);
  }

  #timed<Result>(call: () => Result): Result {
    const start = performance.now();
    try {
      return call();
    } finally {
      this.milliseconds += performance.now() - start;
    }
  }

  /** Fills a new block, and compares its address and usable size with the request. */
  #adopt(pointer: number, size: number, alignment = size >= 16 ? 16 : 8): void {
    if (this.#blocks.has(pointer)) {
      this.#problem ??= `block ${pointer} was allocated while it was live`;
    }
    const filled = this.#heap.usableSize(pointer);
    if (filled < size) {
      this.#problem ??= `block ${pointer} holds ${filled} bytes; ${size} were requested`;
    }
    if (pointer % alignment !== 0) {
      this.#problem ??= `block ${pointer} is not aligned to ${alignment} bytes`;
    }
    const seed = (this.#seed = (this.#seed + 0x9e3779b1) | 0);
    this.#blocks.set(pointer, { filled, seed });
    this.#fill(pointer, filled, seed);
  }

  #fill(pointer: number, length: number, seed: number): void {
    const words = this.#heap.view(Uint32Array, pointer, length >>> 2);
    for (let i = 0; i < words.length; i += 1) words[i] = pattern(seed, i);
    const tail = length & 3;
    if (tail === 0) return;
    const bytes = this.#heap.view(Uint8Array, pointer, length);
    for (let i = length - tail; i < length; i += 1) bytes[i] = patternByte(seed, i);
  }

  #verify(pointer: number): void {
    const block = this.#blocks.get(pointer);
    if (block !== undefined) this.#verifyBytes(pointer, block);
  }

  #verifyBytes(pointer: number, { filled, seed }: Block): void {
    const words = this.#heap.view(Uint32Array, pointer, filled >>> 2);
    let i = 0;
    while (i < words.length && words[i] === pattern(seed, i) >>> 0) i += 1;
    const bytes = this.#heap.view(Uint8Array, pointer, filled);
    for (let at = 4 * i; at < filled; at += 1) {
      if (bytes[at] === patternByte(seed, at)) continue;
      this.#problem ??= `byte ${at} of the ${filled} of block ${pointer} was overwritten`;
      return;
    }
  }
}

/** Word `i` of the pattern of a block. No two words near each other are the same, in one block or in two. */
function pattern(seed: number, i: number): number {
  const mixed = Math.imul(seed ^ i, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}

/** Byte `at` of the same pattern: the words as they lie in little-endian memory. */
function patternByte(seed: number, at: number): number {
  return (pattern(seed, at >>> 2) >>> (8 * (at & 3))) & 0xff;
}
