/** What a case declares: a program, how to build it, how to run it. One a folder: test/interop/NAME/case.ts, default export. */

import type { Kit } from "./kit.ts";
import type { Program } from "./program.ts";
import type { Tool } from "./tools.ts";

export interface Case {
  readonly title: string;
  /** Without one of these the case is skipped, with the sentence that says how to get it. */
  readonly needs: readonly Tool[];
  /** The same program on several allocators. The first is what the others are compared with. Throws `Missing` to skip. */
  build(kit: Kit): readonly Program[] | Promise<readonly Program[]>;
  /** How a WASI command runs. */
  readonly wasi?: {
    readonly arguments?: readonly string[];
    readonly environment?: Readonly<Record<string, string>>;
    /** A file for its standard input. There are no other files. */
    readonly input?: string;
  };
  /** What a WASI command imports from "host". `exports` answers what the module exports, once it runs. */
  host?(exports: () => WebAssembly.Exports): WebAssembly.ModuleImports;
  /** How a module that is no WASI command runs: calls what it exports, and answers what came out. */
  run?(exports: WebAssembly.Exports): string;
  /** What every program has to print. Left out, what the first one printed. */
  readonly output?: string;
  /** How often each program runs; the fastest run counts. 5 if left out. */
  readonly rounds?: number;
}
