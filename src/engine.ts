/** The two engines behind one interface, and which of them a heap gets. */

import { badOptions } from "./errors.ts";
import { type HeapMemory, isShared, isWasmMemory } from "./memories.ts";

/** What runs: WebAssembly, or the same source as JavaScript. Both give the same pointers for the same calls. */
export type EngineName = "wasm" | "js";

/**
 * What the library calls of what `heap.wasm` exports; the JavaScript engine has the same names. Sizes and addresses are
 * words: above 2 GiB they come back negative.
 */
export interface Engine {
  allocate(size: number): number;
  calloc(count: number, size: number): number;
  malloc_usable_size(pointer: number): number;
  heap_create(base: number, limit: number, margin: number, fit: number, small: number): number;
  heap_attach(base: number): number;
  heap_allocate(size: number, alignment: number): number;
  heap_reallocate(pointer: number, size: number): number;
  heap_release(pointer: number): number;
  heap_owns(pointer: number): number;
  heap_reset(): number;
  heap_trim(): number;
  heap_stat(which: number): number;
  heap_error(): number;
}

/** What the library calls of the inspector, which reads the heap of either engine and changes nothing. */
export interface Inspector {
  heap_inspect(controlBlock: number): void;
  heap_walk(entry: number): number;
  heap_walked_size(): number;
  heap_walked_kind(): number;
  heap_check(): number;
  heap_check_at(): number;
}

/** The engines that an entry of the package contains. */
export interface Engines {
  /** The bytes of heap.wasm, or of heap.shared.wasm. */
  readonly wasm?: (shared: boolean) => Uint8Array<ArrayBuffer>;
  /** A new engine on a memory, without a heap yet. */
  readonly js?: (memory: HeapMemory) => Engine;
}

/**
 * An engine on a memory. `auto` is WebAssembly where the memory is a WebAssembly.Memory and the platform lets us compile,
 * else JavaScript. Cost: the first of each kind compiles a few KB. Throws `BAD_OPTIONS` where there is none of those wanted.
 */
export function engineOn(
  memory: HeapMemory,
  wanted: EngineName | "auto",
  engines: Engines,
): { name: EngineName; engine: Engine } {
  const { js } = engines;
  if (wanted !== "js") {
    const found = moduleFor(memory, engines);
    if ("module" in found) {
      return { name: "wasm", engine: instantiated(found.module, memory as WebAssembly.Memory) };
    }
    if (wanted === "wasm" || !js) {
      const instead = js ? 'use engine "js" or "auto"' : IMPORT_JS;
      throw badOptions(found.reason.replace(INSTEAD, instead), found.cause);
    }
  }
  if (js) return { name: "js", engine: js(memory) };
  throw badOptions(`engine "js" is not in heapwright/inline: ${IMPORT_JS}`);
}

const IMPORT_JS = 'import from "heapwright" or "heapwright/js" instead';
/** Stands for what to do instead, which depends on the entry. */
const INSTEAD = "%";

/** A module to instantiate, or why there is none. */
type Found = { module: WebAssembly.Module } | { reason: string; cause?: unknown };

/** What came of compiling, for memories that are not shared and for those that are: it is tried once. */
const compiled = new Map<boolean, Found>();

function moduleFor(memory: HeapMemory, { wasm }: Engines): Found {
  if (!wasm) {
    return {
      reason:
        'engine "wasm" is not in heapwright/js: import from "heapwright" or "heapwright/inline" instead',
    };
  }
  if (typeof WebAssembly !== "object") {
    return { reason: `engine "wasm" needs WebAssembly, which is missing here: ${INSTEAD}` };
  }
  if (!isWasmMemory(memory)) {
    return {
      reason: `engine "wasm" works in a WebAssembly.Memory only: give one as memory, or ${INSTEAD}`,
    };
  }
  const shared = isShared(memory);
  const found = compiled.get(shared) ?? compile(wasm(shared));
  compiled.set(shared, found);
  return found;
}

function compile(bytes: Uint8Array<ArrayBuffer>): Found {
  try {
    return { module: new WebAssembly.Module(bytes) };
  } catch (cause) {
    const reason =
      `engine "wasm" is not allowed here (${cause}): ${INSTEAD}; ` +
      `if a content security policy forbids it, 'wasm-unsafe-eval' among its script-src allows it`;
    return { reason, cause };
  }
}

function instantiated(module: WebAssembly.Module, memory: WebAssembly.Memory): Engine {
  try {
    return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Engine;
  } catch (error) {
    throw badOptions(
      "memory does not fit the engine: expected a WebAssembly.Memory of 32-bit addresses and at most 65536 pages",
      error,
    );
  }
}
