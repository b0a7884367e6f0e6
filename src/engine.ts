/** The two engines behind one interface, and which of them a heap gets. */

import { createEngine } from "../build/generated/js-engine.js";
import { heapWasm, heapSharedWasm } from "../build/generated/wasm.js";
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
  heap_walk(entry: number): number;
  heap_walked_size(): number;
  heap_walked_kind(): number;
  heap_check(): number;
  heap_check_at(): number;
  heap_error(): number;
}

/**
 * An engine on a memory. `auto` is WebAssembly where the memory is a WebAssembly.Memory and the platform lets us compile,
 * else JavaScript. Cost: the first of each kind compiles a few KB. Throws `BAD_OPTIONS` where `wasm` can't be had.
 */
export function engineOn(
  memory: HeapMemory,
  wanted: EngineName | "auto",
): { name: EngineName; engine: Engine } {
  if (wanted !== "js" && isWasmMemory(memory)) {
    const module = compiled(isShared(memory), wanted === "wasm");
    if (module) return { name: "wasm", engine: instantiated(module, memory) };
  }
  if (wanted === "wasm") {
    throw badOptions(
      'engine "wasm" works in a WebAssembly.Memory only: give one as memory, or use engine "js"',
    );
  }
  return { name: "js", engine: createEngine(memory) };
}

let plain: WebAssembly.Module | undefined;
let shared: WebAssembly.Module | undefined;

/** The module for a memory, shared or not; undefined where WebAssembly is missing or forbidden, unless it is required. */
function compiled(isShared: boolean, required: boolean): WebAssembly.Module | undefined {
  try {
    return isShared
      ? (shared ??= new WebAssembly.Module(heapSharedWasm()))
      : (plain ??= new WebAssembly.Module(heapWasm()));
  } catch (error) {
    if (!required) return undefined;
    throw badOptions('engine "wasm" is not allowed here: use engine "js" or "auto"', error);
  }
}

function instantiated(module: WebAssembly.Module, memory: WebAssembly.Memory): Engine {
  try {
    return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Engine;
  } catch (error) {
    throw badOptions("memory is not one of 32-bit addresses and at most 65536 pages", error);
  }
}
