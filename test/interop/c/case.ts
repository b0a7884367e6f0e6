import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Case } from "../case.ts";
import { ARCHIVE, HEAP } from "../paths.ts";
import { C } from "../tools.ts";

/** C without a library: only the allocator differs, and the reference takes it from wasi-libc. */
export default {
  title: "C without libc",
  needs: C,
  build(kit) {
    const compile = (name: string, target: string, ...args: string[]): string => {
      const path = join(kit.out, `${name}.wasm`);
      const flags = [
        `--target=${target}`,
        "-O2",
        "-Wl,--no-entry,--export=__heap_base,--strip-debug",
      ];
      kit.run("clang", [...flags, "list.c", ...args, "-o", path]);
      return path;
    };
    const reactor = "-mexec-model=reactor";
    const free = ["-nostdlib", "-Wl,--allow-undefined"];
    return [
      kit.optimised("wasi-libc's dlmalloc", compile("dlmalloc", "wasm32-wasi", reactor)),
      kit.optimised("heapwright, linked", compile("object", "wasm32", "-nostdlib", ARCHIVE)),
      kit.merged("heapwright, merged", compile("unmerged", "wasm32", ...free)),
      {
        ...kit.optimised(
          "heapwright, at run time",
          compile("imported", "wasm32", ...free, "-Wl,--import-memory"),
        ),
        heap: readFileSync(HEAP),
      },
    ];
  },
  run: ({ churn }) => String((churn as (rounds: number) => number)(200_000) >>> 0),
} satisfies Case;
