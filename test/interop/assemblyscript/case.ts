import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Case } from "../case.ts";
import { ASC, HEAPWRIGHT_TS } from "../kit.ts";
import { HEAP } from "../paths.ts";

/** AssemblyScript's collector, on its own TLSF and on the heap. The compiler comes from npm, so this runs everywhere. */
export default {
  title: "AssemblyScript objects",
  needs: [],
  build(kit) {
    const compile = (name: string, ...flags: string[]): string => {
      const path = join(kit.out, `${name}.wasm`);
      kit.run(process.execPath, [ASC, "objects.ts", "-O3", ...flags, "--outFile", path]);
      return path;
    };
    const runtime = ["--runtime", HEAPWRIGHT_TS];
    return [
      kit.optimised("AssemblyScript's TLSF", compile("tlsf")),
      {
        ...kit.optimised(
          "heapwright, at run time",
          compile("linked", ...runtime, "--importMemory", "--noExportMemory"),
        ),
        heap: readFileSync(HEAP),
      },
      kit.merged("heapwright, merged", compile("unmerged", ...runtime)),
    ];
  },
  run: ({ work }) => String((work as (rounds: number) => number)(200_000) >>> 0),
} satisfies Case;
