// The steps of the build. Each runs in a process of its own; `npx tsx tools/build/steps.ts NAME` runs one alone. Steps of one
// round read nothing that another one of the round writes. Each imports only what it needs.

import { pathToFileURL } from "node:url";

type Round = Readonly<Record<string, () => Promise<void>>>;

/** The engines that the library contains. */
export const ENGINES: Round = {
  "JavaScript engine": async () => (await import("./js-engine.ts")).buildJsEngine(),
  "heap.wasm": async () => (await import("./wasm.ts")).buildHeap(),
  "heap.shared.wasm": async () => (await import("./wasm.ts")).buildSharedHeap(),
  "threads with the inspector": async () => (await import("./wasm.ts")).buildThreadsDebugHeap(),
};

export const LIBRARY: Round = {
  library: async () => (await import("./library.ts")).buildLibrary(),
};

/** The library and the command line run without these. The longest come first. */
export const OTHERS: Round = {
  "heap.debug.wasm": async () => (await import("./wasm.ts")).buildDebugHeap(),
  "heap.threads.wasm": async () => (await import("./wasm.ts")).buildThreadsHeap(),
  "pinned layout, for tests": async () => (await import("./wasm.ts")).buildPinnedHeap(),
  "library for Emscripten": async () => (await import("./wasm32.ts")).buildEmscripten(),
  "library for wasm32": async () => (await import("./wasm32.ts")).buildWasi(),
  typings: async () => (await import("./typings.ts")).buildTypings(),
  C: async () => (await import("./c.ts")).buildC(),
};

if (import.meta.url === pathToFileURL(process.argv[1]!).href) {
  await { ...ENGINES, ...LIBRARY, ...OTHERS }[process.argv[2]!]!();
}
