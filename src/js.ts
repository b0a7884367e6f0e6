/** The library with JavaScript as its only engine. */

import { createEngine } from "../tools/build/generated/js-engine.js";
import type { Engines } from "./types.ts";
import { HeapBase } from "./library.ts";

export { HeapError, struct } from "./library.ts";
export type * from "./library.ts";

/** A heap in a memory; see src/index.ts. */
export class Heap extends HeapBase {
  /** @internal */
  static override readonly engines: Engines = { js: createEngine };
}
