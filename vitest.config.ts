import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      { test: { name: "library", include: ["test/*.test.ts"], testTimeout: 30_000 } },
      {
        // The engine's source runs over the counting seam: "#memory" is engine/memory/counting.ts (package.json, imports).
        test: { name: "engine", include: ["test/engine/*.test.ts"], testTimeout: 30_000 },
        ssr: { resolve: { conditions: ["counting", "module", "node"] } },
      },
    ],
  },
});
