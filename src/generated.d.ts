// What the build generates (build/js-engine.ts, build/library.ts).

declare module "*/generated/js-engine.js" {
  /** A new engine on a memory, without a heap yet. */
  export function createEngine(
    memory: import("./memories.ts").HeapMemory,
  ): import("./engine.ts").Engine;
}

declare module "*/generated/wasm.js" {
  /** The bytes of heap.wasm. */
  export function heapWasm(): Uint8Array<ArrayBuffer>;
  /** The bytes of heap.shared.wasm. */
  export function heapSharedWasm(): Uint8Array<ArrayBuffer>;
}

declare module "*/generated/invariants.js" {
  /** What each invariant of engine/layout.ts says, by its name: "B3". */
  export const INVARIANTS: Readonly<Record<string, string>>;
}
