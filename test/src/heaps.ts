/** Heaps in every memory and on every engine, for suites that all of them must pass. */

import { expect } from "vitest";

import {
  Heap,
  HeapError,
  type EngineName,
  type HeapErrorCode,
  type HeapMemory,
  type HeapOptions,
} from "../../src/index.ts";

export const PAGE = 65536;
export const MAX_SIZE = 0x7fff0000;

/** A way to make a memory of `bytes` bytes that can grow to `most`, where memories of its kind grow. */
export interface MemoryKind {
  readonly name: string;
  readonly make: (bytes: number, most: number) => HeapMemory;
  readonly grows: boolean;
  readonly shrinks: boolean;
  readonly engines: readonly EngineName[];
}

const pages = (bytes: number): number => Math.ceil(bytes / PAGE);

export const MEMORIES: readonly MemoryKind[] = [
  {
    name: "WebAssembly.Memory",
    make: (bytes, most) => new WebAssembly.Memory({ initial: pages(bytes), maximum: pages(most) }),
    grows: true,
    shrinks: false,
    engines: ["wasm", "js"],
  },
  {
    name: "shared WebAssembly.Memory",
    make: (bytes, most) =>
      new WebAssembly.Memory({ initial: pages(bytes), maximum: pages(most), shared: true }),
    grows: true,
    shrinks: false,
    engines: ["wasm", "js"],
  },
  {
    name: "fixed ArrayBuffer",
    make: (bytes) => new ArrayBuffer(bytes),
    grows: false,
    shrinks: false,
    engines: ["js"],
  },
  {
    name: "resizable ArrayBuffer",
    make: (bytes, most) => new ArrayBuffer(bytes, { maxByteLength: most }),
    grows: true,
    shrinks: true,
    engines: ["js"],
  },
  {
    name: "fixed SharedArrayBuffer",
    make: (bytes) => new SharedArrayBuffer(bytes),
    grows: false,
    shrinks: false,
    engines: ["js"],
  },
  {
    name: "growable SharedArrayBuffer",
    make: (bytes, most) => new SharedArrayBuffer(bytes, { maxByteLength: most }),
    grows: true,
    shrinks: false,
    engines: ["js"],
  },
];

/** An engine on a memory. */
export interface Place {
  readonly name: string;
  readonly engine: EngineName;
  readonly kind: MemoryKind;
  /** A heap in a new memory: two pages that can grow to MOST, or MOST that can't grow. */
  readonly makeHeap: (options?: HeapOptions) => Heap;
}

export const MOST = 32 * PAGE;

export const PLACES: readonly Place[] = MEMORIES.flatMap((kind) =>
  kind.engines.map((engine) => ({
    name: `${engine} in a ${kind.name}`,
    engine,
    kind,
    makeHeap: (options) =>
      new Heap({ engine, memory: kind.make(kind.grows ? 2 * PAGE : MOST, MOST), ...options }),
  })),
);

/** All that the heap's memory holds up to the break. */
export function imageOf(heap: Heap): Buffer {
  return Buffer.from(new Uint8Array(heap.buffer, 0, heap.stats().break));
}

/** Expects an error, and that the heap is as it was before: byte by byte, with all invariants. */
export function expectError(
  heap: Heap,
  call: () => unknown,
  code: HeapErrorCode,
  about: { pointer?: number; size?: number } = {},
): HeapError {
  const before = imageOf(heap);
  const error = errorOf(call);
  expect(error.code).toBe(code);
  if ("pointer" in about) expect(error.pointer).toBe(about.pointer);
  if ("size" in about) expect(error.size).toBe(about.size);
  expect(before.equals(imageOf(heap))).toBe(true);
  heap.check();
  return error;
}

/** The HeapError that a call throws. */
export function errorOf(call: () => unknown): HeapError {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(HeapError);
    return error as HeapError;
  }
  throw new Error("no error was thrown");
}

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
  const wanted = Buffer.alloc(length, byte & 255);
  expect(wanted.equals(heap.view(Uint8Array, pointer, length))).toBe(true);
}
