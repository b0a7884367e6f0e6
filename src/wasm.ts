/** The WebAssembly engine: heap.wasm or heap.shared.wasm, instantiated on a memory. */

import { heapWasm } from "../tools/build/generated/wasm.js";
import { isShared, isWasmMemory } from "./memories.ts";
import type { Engine, HeapMemory, Unavailable } from "./types.ts";

/** The result of compiling, by whether the memory is shared: it is tried once. */
const compiled = /* @__PURE__ */ new Map<boolean, WebAssembly.Module | Unavailable>();

/** Returns a new engine on a memory, without a heap yet. Cost: the first of each kind compiles a few KB. */
export function wasmEngine(memory: HeapMemory): Engine | Unavailable {
  if (typeof WebAssembly !== "object") return { reason: "needs WebAssembly, which is unavailable" };
  if (!isWasmMemory(memory)) {
    return { reason: "needs a WebAssembly.Memory", advice: "pass one as memory, or " };
  }
  const shared = isShared(memory);
  const found = compiled.get(shared) ?? compile(shared);
  compiled.set(shared, found);
  if (!(found instanceof WebAssembly.Module)) return found;
  try {
    return new WebAssembly.Instance(found, { env: { memory: memory as WebAssembly.Memory } })
      .exports as unknown as Engine;
  } catch (cause) {
    return { reason: `does not fit the memory (${cause})`, cause };
  }
}

function compile(shared: boolean): WebAssembly.Module | Unavailable {
  try {
    return new WebAssembly.Module(heapWasm(shared));
  } catch (cause) {
    return {
      reason: `is not allowed (${cause})`,
      cause,
      note: "If a content security policy forbids it, add 'wasm-unsafe-eval' to script-src.",
    };
  }
}
