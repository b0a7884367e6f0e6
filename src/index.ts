/**
 * The public surface of heapwright.
 *
 * @module heapwright
 */

import { createEngine } from "../tools/build/generated/js-engine.js";
import type { Engines } from "./types.ts";
import { HeapBase } from "./library.ts";
import { wasmEngine } from "./wasm.ts";

export { HeapError, struct } from "./library.ts";
export type * from "./library.ts";

/**
 * A heap in a memory: `allocate` returns a pointer, which is the byte offset of a block; `deallocate` frees the block.
 *
 * Every error is a `HeapError`. Except for `CORRUPT`, an error leaves every block as it was.
 *
 * @example
 * ```ts
 * const heap = new Heap();
 * const p = heap.allocate(1024);
 * heap.view(Float32Array, p, 256).fill(1);
 * heap.deallocate(p);
 * ```
 */
export class Heap extends HeapBase {
  /** @internal */
  static override readonly engines: Engines = { wasm: wasmEngine, js: createEngine };
}
