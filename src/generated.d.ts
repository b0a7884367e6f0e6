// What the build generates (build/js-engine.ts, build/library.ts). An engine that an entry is built without is undefined.

declare module "*/generated/js-engine.js" {
  /** A new engine on a memory, without a heap yet. */
  export const createEngine:
    | ((memory: import("./memories.ts").HeapMemory) => import("./engine.ts").Engine)
    | undefined;
}

declare module "*/generated/inspector.js" {
  /** A new inspector on a memory, of no heap yet. */
  export function createInspector(
    memory: import("./memories.ts").HeapMemory,
  ): import("./engine.ts").Inspector;
}

declare module "*/generated/wasm.js" {
  /** The bytes of heap.wasm, or of heap.shared.wasm. */
  export const heapWasm: ((shared: boolean) => Uint8Array<ArrayBuffer>) | undefined;
}

declare module "*/generated/invariants.js" {
  /** The sentence of each invariant of the engine, by its name: "B3". */
  export const INVARIANTS: Readonly<Record<string, string>>;
}
