/** The memories that a heap can live in. */

import { badOptions } from "./errors.ts";

/**
 * Whatever a heap can live in: a WebAssembly.Memory, shared or not; an ArrayBuffer, fixed or resizable; a
 * SharedArrayBuffer, fixed or growable. At most 4 GiB of it are used.
 */
export type HeapMemory = WebAssembly.Memory | ArrayBuffer | SharedArrayBuffer;

const PAGE = 65536;
/** Sizes (bytes) that a resizable ArrayBuffer of our own may grow to, the first that can be had. */
const LARGEST = [2 ** 32 - PAGE, 2 ** 30, 2 ** 28];

/** A memory of our own that grows as needed: a WebAssembly.Memory wherever there is WebAssembly. */
export function ownMemory(): HeapMemory {
  if (typeof WebAssembly === "object") return new WebAssembly.Memory({ initial: 1 });
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

export function isWasmMemory(memory: HeapMemory): memory is WebAssembly.Memory {
  return "buffer" in memory;
}

/** The buffer that a memory has now. */
export function bufferOf(memory: HeapMemory): ArrayBuffer | SharedArrayBuffer {
  return "buffer" in memory ? memory.buffer : memory;
}

export function isShared(memory: HeapMemory): boolean {
  return tagOf(bufferOf(memory)) === "SharedArrayBuffer";
}
