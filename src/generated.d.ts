// What the build generates (tools/build/js-engine.ts, tools/build/library.ts).

declare module "*/generated/js-engine.js" {
  /** A new engine on a memory, without a heap yet. */
  export const createEngine: NonNullable<import("./types.ts").Engines["js"]>;
}

declare module "*/generated/inspector.js" {
  /** A new inspector on a memory, of no heap yet. */
  export function createInspector(
    memory: import("./types.ts").HeapMemory,
  ): import("./types.ts").Inspector;
}

declare module "*/generated/wasm.js" {
  /** The bytes of heap.wasm, or of heap.shared.wasm. */
  export function heapWasm(shared: boolean): Uint8Array<ArrayBuffer>;
}

declare module "*/generated/threads-wasm.js" {
  /** The bytes of heap.threads.wasm, together with what inspects a heap. */
  export function threadsWasm(): Uint8Array<ArrayBuffer>;
}

declare module "*/generated/invariants.js" {
  /** The sentence of each invariant of the engine, by its name: "B3". */
  export const INVARIANTS: Readonly<Record<string, string>>;
}
