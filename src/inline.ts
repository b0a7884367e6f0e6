/** The library with WebAssembly as its only engine. */

import { heapWasm } from "../build/generated/wasm.js";
import type { Engines } from "./engine.ts";
import { HeapBase } from "./library.ts";

export { HeapError, struct } from "./library.ts";
export type * from "./library.ts";

/** A heap in a memory; see src/index.ts. */
export class Heap extends HeapBase {
  /** @internal */
  static override readonly engines: Engines = { wasm: heapWasm };
}
