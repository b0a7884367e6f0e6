/** The library with WebAssembly as its only engine. */

import type { Engines } from "./types.ts";
import { HeapBase } from "./library.ts";
import { wasmEngine } from "./wasm.ts";

export { HeapError, struct } from "./library.ts";
export type * from "./library.ts";

/** A heap in a memory; see src/index.ts. */
export class Heap extends HeapBase {
  /** @internal */
  static override readonly engines: Engines = { wasm: wasmEngine };
}
