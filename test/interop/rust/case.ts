import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Case } from "../case.ts";
import { HEAPWRIGHT_RS } from "../kit.ts";
import { HEAP } from "../paths.ts";
import { rust, rustc } from "../tools.ts";

/** Rust's library has an allocator of its own, dlmalloc in Rust; a global allocator takes its place. */
export default {
  title: "Rust collections",
  needs: [rust],
  build(kit) {
    // Compilers before 1.82, Debian 12's among them, do not take the keyword that later editions ask for.
    const allocator = readFileSync(HEAPWRIGHT_RS, "utf8");
    const minor = Number(/ 1\.(\d+)/.exec(kit.run(rustc()!, ["--version"]))?.[1]);
    writeFileSync(
      join(kit.out, "heapwright.rs"),
      minor < 82 ? allocator.replace("unsafe extern", "extern") : allocator,
    );
    const compile = (name: string, ...flags: string[]): string => {
      const path = join(kit.out, `${name}.wasm`);
      const target = ["--target", "wasm32-unknown-unknown", "--edition", "2021"];
      const settings = [
        "--crate-type",
        "cdylib",
        "-O",
        "-C",
        "panic=abort",
        "-C",
        "strip=debuginfo",
      ];
      kit.run(rustc()!, [...target, ...settings, ...flags, "collections.rs", "-o", path]);
      return path;
    };
    const heapwright = ["--cfg", "heapwright"];
    const importMemory = ["-C", "link-arg=--import-memory"];
    return [
      kit.optimised("Rust's dlmalloc", compile("dlmalloc")),
      {
        ...kit.optimised(
          "heapwright, at run time",
          compile("linked", ...heapwright, ...importMemory),
        ),
        heap: readFileSync(HEAP),
      },
      kit.merged("heapwright, merged", compile("unmerged", ...heapwright)),
    ];
  },
  run: ({ work }) => String((work as () => number)() >>> 0),
} satisfies Case;
