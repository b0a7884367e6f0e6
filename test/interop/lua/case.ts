import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import type { Case } from "../case.ts";
import { source, sources } from "../debian.ts";
import { C } from "../tools.ts";

/** What main.c does without: the commands, and the libraries of the system. */
const LEFT_OUT = ["lua.c", "luac.c", "linit.c", "liolib.c", "loadlib.c", "loslib.c"];

/** So that every run makes the same blocks in the same order: not the time decides how tables and sorts go. */
const FIXED = ["-Dluai_makeseed(L)=1u", "-Dl_randomizePivot()=0u"];

const thrown = new Error("a Lua error that lua_try did not catch");

/** Lua of Debian's source package, whose errors are exceptions of JavaScript (setjmp.h). */
export default {
  title: "Lua 5.4",
  needs: [...C, ...sources],
  build(kit) {
    const folder = `${source("lua5.4")}/src`;
    const files = readdirSync(folder).filter((file) => /^l.*\.c$/.test(file));
    return kit.wasi(
      [
        "main.c",
        ...files.filter((file) => !LEFT_OUT.includes(file)).map((file) => `${folder}/${file}`),
      ],
      {
        flags: ["-DNDEBUG", "-D_WASI_EMULATED_SIGNAL", ...FIXED, `-I${folder}`, `-I${kit.folder}`],
        libraries: ["-lwasi-emulated-signal", "-Wl,--export-table,-z,stack-size=262144"],
      },
    );
  },
  wasi: { input: fileURLToPath(new URL("workload.lua", import.meta.url)) },
  host(exports) {
    return {
      lua_try(f: number, state: number, argument: number): void {
        const table = exports()["__indirect_function_table"] as WebAssembly.Table;
        try {
          (table.get(f) as (state: number, argument: number) => void)(state, argument);
        } catch (error) {
          if (error !== thrown) throw error;
        }
      },
      lua_throw(): void {
        throw thrown;
      },
    };
  },
} satisfies Case;
