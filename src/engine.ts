/** Which of its engines a heap gets. */

import { badOptions } from "./errors.ts";
import type { Engine, EngineName, Engines, HeapMemory } from "./types.ts";

/**
 * Returns an engine on a memory. `auto` is WebAssembly if the memory is a WebAssembly.Memory and the platform allows
 * compiling, otherwise JavaScript. Throws `BAD_OPTIONS` if the wanted engine is unavailable.
 */
export function engineOn(
  memory: HeapMemory,
  wanted: EngineName | "auto",
  { wasm, js }: Engines,
): { name: EngineName; engine: Engine } {
  if (wanted !== "js" && (wasm || wanted === "wasm")) {
    if (!wasm) throw notIn("wasm", "js", "inline");
    const found = wasm(memory);
    if (!("reason" in found)) return { name: "wasm", engine: found };
    if (wanted === "wasm" || !js) {
      const { reason, advice = "", note, cause } = found;
      throw badOptions(
        `The engine "wasm" ${reason}: ${advice}${js ? 'use engine "js" or "auto"' : IMPORT + 'js" instead'}.` +
          (note ? ` ${note}` : ""),
        cause,
      );
    }
  }
  if (js) return { name: "js", engine: js(memory) };
  throw notIn("js", "inline", "js");
}

const IMPORT = 'import from "heapwright" or "heapwright/';

/** The entry `without` has no such engine, the entry `other` has. */
function notIn(engine: EngineName, without: string, other: string) {
  return badOptions(
    `The engine "${engine}" is not in heapwright/${without}: ${IMPORT}${other}" instead.`,
  );
}
