/** A heap with known addresses, for tests of code that runs on heaps: blocks follow each other, and no address is used twice. */

import type { Heap } from "../../src/index.ts";
import type { ReplayHeap } from "../../trace/replay.ts";

/** Bytes before the payload of each block. */
export const HEADER = 16;
export const BASE = 1024;

export class ToyHeap implements ReplayHeap {
  readonly buffer: ArrayBuffer;
  /** Usable size by address. */
  readonly blocks = new Map<number, number>();
  readonly freed = new Map<number, number>();
  checks = 0;
  protected top = BASE;

  constructor(bytes = 1 << 20) {
    this.buffer = new ArrayBuffer(bytes);
  }

  tryAllocate(size: number, alignment = 16): number {
    const usable = Math.max(16, Math.ceil(size / 16) * 16);
    const pointer = Math.ceil((this.top + HEADER) / alignment) * alignment;
    if (pointer + usable > this.buffer.byteLength) return 0;
    this.top = pointer + usable;
    this.blocks.set(pointer, usable);
    return pointer;
  }

  allocateZeroed(size: number): number {
    const pointer = this.tryAllocate(size);
    if (pointer === 0) throw new Error("no memory for a zeroed block");
    return pointer;
  }

  reallocate(pointer: number, size: number): number {
    const moved = this.tryAllocate(size);
    if (moved === 0) throw new Error("no memory to reallocate");
    const kept = Math.min(size, this.usableSize(pointer));
    new Uint8Array(this.buffer).copyWithin(moved, pointer, pointer + kept);
    this.deallocate(pointer);
    return moved;
  }

  deallocate(pointer: number): void {
    const size = this.usableSize(pointer);
    this.blocks.delete(pointer);
    this.freed.set(pointer, size);
  }

  usableSize(pointer: number): number {
    const size = this.blocks.get(pointer);
    if (size === undefined) throw new Error(`no block at ${pointer}`);
    return size;
  }

  readonly view: Heap["view"] = (Type, pointer, length) => new Type(this.buffer, pointer, length);

  stats(): ReturnType<Heap["stats"]> {
    const heapBytes = this.top - BASE;
    return {
      heapBytes,
      peakHeapBytes: heapBytes,
      breakMoves: 1,
      base: BASE,
      break: this.top,
      limit: 0,
      usedBytes: 0,
      freeBytes: 0,
      usedBlocks: this.blocks.size,
      freeBlocks: this.freed.size,
      largestFree: 0,
    };
  }

  *walk(): ReturnType<Heap["walk"]> {
    const all = [...this.blocks.keys(), ...this.freed.keys()].toSorted((a, b) => a - b);
    for (const address of all) {
      const size = this.blocks.get(address);
      yield size === undefined
        ? { address, size: this.freed.get(address)!, kind: "free" }
        : { address, size, kind: "used" };
    }
  }

  check(): void {
    this.checks += 1;
  }
}
