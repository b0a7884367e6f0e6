import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Case } from "../case.ts";
import { SHARED_HEAP } from "../paths.ts";
import { clang, lld } from "../tools.ts";

/** The lists of the case "c" in a shared memory, one thread. wasi-libc has no allocator for one to compare with. */
export default {
  title: "C in shared memory",
  needs: [clang, lld],
  build(kit) {
    const path = join(kit.out, "linked.wasm");
    const memory = "--import-memory,--shared-memory,--max-memory=67108864";
    kit.run("clang", [
      ...["--target=wasm32", "-O2", "-matomics", "-mbulk-memory", "-nostdlib"],
      `-Wl,--no-entry,--allow-undefined,--export=__heap_base,--strip-debug,${memory}`,
      ...["../c/list.c", "-o", path],
    ]);
    return [
      { ...kit.optimised("heapwright, at run time", path), heap: readFileSync(SHARED_HEAP) },
      kit.merged("heapwright, merged", path),
    ];
  },
  run: ({ churn }) => String((churn as (rounds: number) => number)(200_000) >>> 0),
} satisfies Case;
