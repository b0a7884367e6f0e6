/** The memories that a heap can live in. */

import { badOptions, HeapError } from "./errors.ts";
import { NATIVE } from "./native/tag.ts";
import type { HeapMemory, WasmMemory } from "./types.ts";

const PAGE = 65536;
const ADDRESS_SPACE = 2 ** 32;
/** Sizes (bytes) that a resizable ArrayBuffer of our own may grow to; the first that is available is used. */
const LARGEST = [ADDRESS_SPACE - PAGE, 2 ** 30, 2 ** 28];

/** Makes a memory that grows as needed: a WebAssembly.Memory if there is WebAssembly. */
export function ownMemory(): HeapMemory {
  if (typeof WebAssembly === "object") {
    try {
      return new WebAssembly.Memory({ initial: 1 });
    } catch (cause) {
      throw new HeapError(
        "OUT_OF_MEMORY",
        `Could not create a WebAssembly.Memory (${cause}): release unused heaps, or pass memory.`,
        { cause },
      );
    }
  }
  for (const maxByteLength of LARGEST) {
    try {
      const buffer = new ArrayBuffer(PAGE, { maxByteLength });
      if (buffer.resizable) return buffer;
    } catch {
      // Not that much address space is available: try less.
    }
  }
  throw badOptions("Could not create a memory: pass memory.");
}

/** The tag that names what a value is, even if it comes from another realm. */
export function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}

/** Throws `BAD_OPTIONS` for a value that no heap can live in. */
export function expectMemory(memory: unknown): HeapMemory {
  const tag = tagOf(memory);
  if (
    tag !== "WebAssembly.Memory" &&
    tag !== "ArrayBuffer" &&
    tag !== "SharedArrayBuffer" &&
    tag !== NATIVE
  ) {
    throw badOptions(
      `Invalid memory (${tag}): expected a WebAssembly.Memory, an ArrayBuffer or a SharedArrayBuffer.`,
    );
  }
  const found = memory as HeapMemory;
  try {
    new Uint8Array(bufferOf(found), 0, 0);
  } catch (error) {
    throw badOptions("Invalid memory: the ArrayBuffer was transferred.", error);
  }
  if (isWasmMemory(found) && has64Bits(found)) {
    throw badOptions("Invalid memory: its addresses have 64 bits, expected 32.");
  }
  return found;
}

/** Whether a memory takes BigInt addresses. Such a memory refuses to grow by so many pages, others refuse the type. */
function has64Bits(memory: WasmMemory): boolean {
  try {
    memory.grow((2n ** 64n - 1n) as never);
    return true;
  } catch (error) {
    return (error as Error).name === "RangeError";
  }
}

export function isWasmMemory(memory: HeapMemory): memory is WasmMemory {
  return "grow" in memory && "buffer" in memory;
}

/** Returns the buffer that a memory has now. */
export function bufferOf(memory: HeapMemory): ArrayBuffer | SharedArrayBuffer {
  return "buffer" in memory ? memory.buffer : memory;
}

/**
 * Returns the memory's buffer, which reaches at least to `end` if the memory does. The buffer of a shared WebAssembly.Memory may
 * be from before another thread grew it; growing by 0 pages updates it.
 */
export function bufferUpTo(memory: HeapMemory, end: number): ArrayBuffer | SharedArrayBuffer {
  if (end > bufferOf(memory).byteLength && isWasmMemory(memory) && isShared(memory)) memory.grow(0);
  return bufferOf(memory);
}

export function isShared(memory: HeapMemory): boolean {
  return tagOf(bufferOf(memory)) === "SharedArrayBuffer";
}

/**
 * Returns why a heap in this memory, with its break at `end`, cannot get `size` more bytes, and what to do: the end of a
 * sentence. `limit` is undefined if the heap has none.
 */
export function hindranceOf(
  memory: HeapMemory,
  size: number,
  end: number,
  limit: number | undefined,
): string {
  const { byteLength } = bufferOf(memory);
  const isWasm = isWasmMemory(memory);
  const most = isWasm ? byteLength : (memory.maxByteLength ?? byteLength);
  const isNative = "hindrance" in memory;
  if (limit !== undefined) {
    if (limit <= most) return `the limit is ${limit}: pass a higher one`;
  } else if (!isNative && byteLength - end >= size + PAGE) {
    return `bytes ${end} to ${byteLength} were grown by other code: pass limit if they belong to this heap`;
  } else if ((isWasm ? byteLength : end) + size > ADDRESS_SPACE) {
    return "a heap uses at most 4 GiB: make another heap";
  }
  if (isNative) return memory.hindrance;
  return `the ${tagOf(memory)} cannot grow beyond ${most} bytes: pass a larger one`;
}
