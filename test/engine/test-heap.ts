/** A heap of any form of the engine, through its exports. When a test ends, its heaps must be sound. */

import { expect, onTestFinished } from "vitest";

import type { AnyMemory } from "../../engine/memory/any-memory.ts";
import {
  brokenIn,
  bytesOf,
  createEngine,
  type Engine,
  type Entry,
  type Form,
  walkOf,
  wasmMemory,
} from "./engines.ts";
import { type ErrorName, ERRORS } from "./error-names.ts";
import { blocksOf, pictureFrom } from "../suite/picture.ts";

export const FIT = { best: 0, first: 1, next: 2 } as const;
/** Largest size for slabs unless a heap asks for less. */
export const DEFAULT_SMALL = 1008;

export interface HeapOptions {
  readonly memory?: AnyMemory;
  readonly base?: number;
  readonly limit?: number;
  readonly margin?: number;
  readonly fit?: keyof typeof FIT;
  readonly small?: number;
}

/** A plain boundary-tag heap in an empty memory, which leaves no margin, unless the options say otherwise. */
export async function heapOf(form: Form, options: HeapOptions = {}): Promise<TestHeap> {
  const {
    memory = wasmMemory(0),
    base = 0,
    limit = 0,
    margin = 0,
    fit = "best",
    small = 0,
  } = options;
  const heap = await uncreated(form, memory);
  expect(ERRORS[heap.engine.heap_create(base, limit, margin, FIT[fit], small)]).toBe("OK");
  return heap;
}

/** An engine without a heap yet. */
export async function uncreated(form: Form, memory: AnyMemory): Promise<TestHeap> {
  const heap = new TestHeap(await createEngine(form, memory), memory);
  onTestFinished(() => heap.expectSound());
  return heap;
}

export class TestHeap {
  #image = Buffer.alloc(0);

  constructor(
    readonly engine: Engine,
    readonly memory: AnyMemory,
  ) {}

  get base(): number {
    return this.engine.heap_stat(3) >>> 0;
  }

  get break(): number {
    return this.engine.heap_break() >>> 0;
  }

  get breakMoves(): number {
    return this.engine.heap_stat(1);
  }

  /** The pointer, or the name of the error. */
  request(size: number, alignment = 0): number | ErrorName {
    const p = this.engine.heap_allocate(size, alignment) >>> 0;
    return p === 0 ? ERRORS[this.engine.heap_error()]! : p;
  }

  /** The pointer of a request that must succeed. */
  allocate(size: number, alignment = 0): number {
    const p = this.request(size, alignment);
    if (typeof p === "string") throw new Error(`${size} bytes: ${p}`);
    return p;
  }

  /** A slot of a slab: the first requests of a size class go to blocks, more of them the larger the heap. */
  allocateSlot(size: number): number {
    for (let left = 200; left > 0; left--) {
      const p = this.allocate(size);
      if (this.isSlot(p)) return p;
    }
    throw new Error(`no slot for ${size} bytes`);
  }

  /** Whether `p` is a slot in use, and no block. */
  isSlot(p: number): boolean {
    return this.walk().some(({ address, kind }) => address === p && kind === 3);
  }

  walk(): Entry[] {
    return walkOf(this.engine);
  }

  release(p: number): ErrorName {
    return ERRORS[this.engine.heap_release(p | 0)]!;
  }

  /** The new pointer, or the name of the error. */
  reallocate(p: number, size: number): number | ErrorName {
    const q = this.engine.heap_reallocate(p | 0, size) >>> 0;
    return q === 0 ? ERRORS[this.engine.heap_error()]! : q;
  }

  usableSize(p: number): number {
    return this.engine.malloc_usable_size(p | 0) >>> 0;
  }

  owns(p: number): boolean {
    return this.engine.heap_owns(p | 0) === 1;
  }

  bytes(p: number, length: number): Uint8Array {
    return new Uint8Array("buffer" in this.memory ? this.memory.buffer : this.memory, p, length);
  }

  /** The blocks from `p` on: "used 112, free 48, top". */
  picture(p: number): string {
    return pictureFrom(this.memory, this.base, p);
  }

  /** Address of the top block's payload, and its size. */
  get top(): { address: number; size: number } {
    return blocksOf(this.memory, this.base).at(-1)!;
  }

  /** Calls `action`, which must not change a byte of the memory. */
  unchanged<Result>(action: () => Result): Result {
    const { length } = bytesOf(this.memory);
    if (this.#image.length < length) this.#image = Buffer.alloc(length);
    this.#image.set(bytesOf(this.memory));
    const result = action();
    const isSame = this.#image.subarray(0, length).equals(bytesOf(this.memory));
    expect(isSame, "the memory is as it was").toBe(true);
    return result;
  }

  /** The invariants hold, and the engine's walk lists what the headers say. */
  expectSound(): void {
    expect(brokenIn(this.engine)).toBe("");
    if (this.base === 0) return;
    const walked = this.walk().filter(({ kind }) => kind !== 2 && kind !== 3);
    const blocks = blocksOf(this.memory, this.base);
    const slabs = new Set(blocks.map(({ address }) => address));
    for (const { address } of walked) slabs.delete(address);
    const kinds = { used: 1, free: 0, metadata: 4, foreign: 5, top: 0 };
    const listed = blocks
      .filter(({ address }) => !slabs.has(address))
      .map(({ address, size, kind }) => ({
        address,
        size: Math.max(size - 4, 0),
        kind: kinds[kind],
      }));
    expect(walked).toEqual(listed);
  }
}
