import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "library",
          include: [
            "test/*.test.ts",
            "test/{src,cli,record,report,trace,tools,runtimes}/**/*.test.ts",
          ],
          testTimeout: 30_000,
        },
      },
      {
        // The engine's source runs over the counting seam: "#memory" is engine/memory/counting.ts (package.json, imports).
        test: {
          name: "engine",
          include: ["test/engine/**/*.test.ts"],
          exclude: ["test/engine/{shared,workers,inspect/check-shared}.test.ts"],
          testTimeout: 30_000,
        },
        ssr: { resolve: { conditions: ["counting", "module", "node"] } },
      },
      {
        // The engine in C, and what is made of it: skipped where there is no C compiler.
        test: { name: "native", include: ["test/native/*.test.ts"], testTimeout: 60_000 },
        ssr: { resolve: { conditions: ["counting", "module", "node"] } },
      },
      {
        // Programs that link the archives for wasm32: skipped where there is no clang, and no Emscripten.
        test: { name: "interop", include: ["test/interop/*.test.ts"], testTimeout: 60_000 },
      },
      {
        // Heaps that several threads use.
        test: {
          name: "shared",
          include: ["test/engine/{shared,workers,inspect/check-shared}.test.ts"],
          env: { PINNED: "1", SHARED: "1" },
          testTimeout: 60_000,
        },
        ssr: { resolve: { conditions: ["counting", "module", "node"] } },
      },
      {
        // The same with metadata that never moves: what depends on where it is in the plain layout is left out.
        test: {
          name: "pinned",
          include: [
            "test/engine/{inspect/check,inspect/words,model,differential,faults,errors,memories}.test.ts",
          ],
          env: { PINNED: "1" },
          testTimeout: 30_000,
        },
        ssr: { resolve: { conditions: ["counting", "module", "node"] } },
      },
    ],
  },
});
