/** Where the build puts what programs are linked with. */

import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Merged or linked at run time. */
export const HEAP = join(ROOT, "dist/heap.wasm");
export const SHARED_HEAP = join(ROOT, "dist/heap.shared.wasm");

/** Linked into the program. */
export const ARCHIVE = join(ROOT, "dist/native/libheapwright-wasm32.a");
export const EMSCRIPTEN_ARCHIVE = join(ROOT, "dist/native/libheapwright-emscripten.a");
export const CRATE = join(ROOT, "bindings/rust");
