/** The memories that a heap can live in. */

import { badOptions, HeapError } from "./errors.ts";

/**
 * Whatever a heap can live in: a WebAssembly.Memory, shared or not; an ArrayBuffer, fixed or resizable; a
 * SharedArrayBuffer, fixed or growable. At most 4 GiB of it are used.
 */
export type HeapMemory = WasmMemory | ArrayBuffer | SharedArrayBuffer;

/** `WebAssembly.Memory`; what we need of it where a project has no typings of WebAssembly, which are the DOM's. */
export type WasmMemory = typeof globalThis extends {
  WebAssembly: { Memory: { readonly prototype: infer Memory } };
}
  ? Memory
  : { readonly buffer: ArrayBuffer | SharedArrayBuffer; grow(pages: number): number };

const PAGE = 65536;
const ADDRESS_SPACE = 2 ** 32;
/** Sizes (bytes) that a resizable ArrayBuffer of our own may grow to, the first that can be had. */
const LARGEST = [ADDRESS_SPACE - PAGE, 2 ** 30, 2 ** 28];

/** A memory of our own that grows as needed: a WebAssembly.Memory wherever there is WebAssembly. */
export function ownMemory(): HeapMemory {
  if (typeof WebAssembly === "object") {
    try {
      return new WebAssembly.Memory({ initial: 1 });
    } catch (cause) {
      throw new HeapError(
        "OUT_OF_MEMORY",
        `no WebAssembly.Memory can be had here (${cause}): let go of heaps that are not used, or give a memory`,
        { cause },
      );
    }
  }
  for (const maxByteLength of LARGEST) {
    try {
      const buffer = new ArrayBuffer(PAGE, { maxByteLength });
      if (buffer.resizable) return buffer;
    } catch {
      // Not that much address space: less of it.
    }
  }
  throw badOptions("there is neither WebAssembly nor a resizable ArrayBuffer here: give a memory");
}

/** The tag that names what a value is, also where it comes from another realm. */
export function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}

/** Throws `BAD_OPTIONS` for what no heap can live in. */
export function expectMemory(memory: unknown): HeapMemory {
  const tag = tagOf(memory);
  if (tag !== "WebAssembly.Memory" && tag !== "ArrayBuffer" && tag !== "SharedArrayBuffer") {
    throw badOptions(
      `memory is ${tag === "Object" || tag === "Function" ? "something else" : tag}: ` +
        `expected a WebAssembly.Memory, an ArrayBuffer or a SharedArrayBuffer`,
    );
  }
  const found = memory as HeapMemory;
  try {
    new Uint8Array(bufferOf(found), 0, 0);
  } catch (error) {
    throw badOptions("memory is an ArrayBuffer that was transferred: nothing is left of it", error);
  }
  return found;
}

export function isWasmMemory(memory: HeapMemory): memory is WasmMemory {
  return "buffer" in memory;
}

/** Whether a buffer was made with a largest length. */
function canChange(buffer: ArrayBuffer | SharedArrayBuffer): boolean {
  return "growable" in buffer ? buffer.growable : "resizable" in buffer && buffer.resizable;
}

/** The buffer that a memory has now. */
export function bufferOf(memory: HeapMemory): ArrayBuffer | SharedArrayBuffer {
  return "buffer" in memory ? memory.buffer : memory;
}

export function isShared(memory: HeapMemory): boolean {
  return tagOf(bufferOf(memory)) === "SharedArrayBuffer";
}

/**
 * Why a heap in this memory, with its break at `end`, can't have `size` bytes more, and what to do: the end of a sentence.
 * `limit` is undefined where the heap has none.
 */
export function hindranceOf(
  memory: HeapMemory,
  size: number,
  end: number,
  limit: number | undefined,
): string {
  const { byteLength } = bufferOf(memory);
  if (limit === undefined && byteLength - end >= size + PAGE) {
    return (
      `what lies behind it, from ${end} to ${byteLength}, was grown by others: ` +
      `make the heap with a limit if that is its own`
    );
  }
  if (isWasmMemory(memory)) {
    const its = `its WebAssembly.Memory of ${byteLength} bytes`;
    if (limit === undefined) {
      return byteLength + size > ADDRESS_SPACE
        ? `${its} can't grow beyond 4 GiB: make another heap for more`
        : `${its} does not grow that far, its maximum or the system's is reached: give it a larger one`;
    }
    if (limit > byteLength) {
      return `${its} does not grow that far, or not below the heap's limit, ${limit}: make either larger`;
    }
  } else {
    const { maxByteLength = byteLength } = memory;
    if (limit === undefined || limit > maxByteLength) {
      const kind = tagOf(memory);
      if (end + size > ADDRESS_SPACE)
        return `its ${kind} is used up to 4 GiB at most: make another heap for more`;
      return !canChange(memory)
        ? `its ${kind} of ${byteLength} bytes can't grow: give a larger one, or one with a maxByteLength`
        : `its ${kind} can't grow beyond ${maxByteLength} bytes: give one with a larger maxByteLength`;
    }
  }
  return `the heap's limit is ${limit}: make the heap with a higher one`;
}
