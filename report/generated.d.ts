// What the build generates for the report's page (tools/build/js-engine.ts).

declare module "*/generated/watched-engine.js" {
  /** A new engine on a memory, without a heap yet. Addresses are words: above 2 GiB they are negative. */
  export function createWatchedEngine(memory: WebAssembly.Memory | ArrayBuffer): WatchedEngine;

  /** The functions that report/engine/exports.ts exports. */
  export type WatchedEngine = typeof import("./engine/exports.ts");
}
