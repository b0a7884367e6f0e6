/** What cases build with: clang, `heapwright link`, and the ways to give a program its allocator. */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";

import { ENVIRONMENT } from "../../bench/debian.ts";
import { binaryen, featuresOf } from "../../cli/binaryen.ts";
import { ARCHIVE, HEAP, ROOT, SHARED_HEAP } from "./paths.ts";
import type { Program } from "./program.ts";

/** The C names as imports: compiled with a program, the linker takes no allocator from the C library. */
export const HEAPWRIGHT_C = join(ROOT, "bindings/c/heapwright.c");

export const HEAPWRIGHT_RS = join(ROOT, "bindings/rust/heapwright.rs");

/** The same for AssemblyScript, as `--runtime` wants it: relative, and without its ending. */
export const HEAPWRIGHT_TS = "../../../bindings/assemblyscript/heapwright";

export const ASC = join(ROOT, "node_modules/assemblyscript/bin/asc.js");

/** A compiler that ran and failed. */
export class BuildError extends Error {}

export interface WasiOptions {
  /** Command of the compiler: `clang`, or `clang++` for C++. */
  readonly compiler?: string;
  /** Flags for compiler and linker, before the sources. */
  readonly flags?: readonly string[];
  /** Libraries, behind the sources. */
  readonly libraries?: readonly string[];
}

/** Builds the programs of one case. */
export class Kit {
  /** @param name the case's */
  constructor(readonly name: string) {
    mkdirSync(this.out, { recursive: true });
  }

  /** The case's own folder. */
  get folder(): string {
    return join(ROOT, "test/interop", this.name);
  }

  /** Where the case may write; kept from run to run, and not tracked. */
  get out(): string {
    return join(ROOT, "test/interop/out", this.name);
  }

  /**
   * A WASI command on wasi-libc's own allocator, linked with the archive, merged with the heap, and on a heap at run time.
   * Sources are compiled once each, into objects that all of them share.
   */
  wasi(
    sources: readonly string[],
    { compiler = "clang", flags = [], libraries = [] }: WasiOptions = {},
  ): Program[] {
    const target = ["--target=wasm32-wasi", "-O2", ...flags];
    const headers = readdirSync(this.folder).filter((name) => name.endsWith(".h"));
    const objects = sources.map((source, index) => {
      const object = join(this.out, `${index}.o`);
      const path = resolve(this.folder, source);
      const inputs = [path, ...headers.map((name) => join(this.folder, name))];
      this.command(object, inputs, compiler, [...target, "-c", path, "-o", object]);
      return object;
    });
    const stub = join(this.out, "heapwright.o");
    this.run("clang", ["--target=wasm32-wasi", "-O2", "-c", HEAPWRIGHT_C, "-o", stub]);
    const link = (name: string, inputs: readonly string[]): string => {
      const path = join(this.out, `${name}.wasm`);
      this.run(compiler, [...target, ...inputs, ...libraries, "-Wl,--strip-debug", "-o", path]);
      return path;
    };
    const base = "-Wl,--export=__heap_base";
    return [
      this.optimised("wasi-libc's dlmalloc", link("dlmalloc", objects)),
      this.optimised("heapwright, linked", link("object", [...objects, ARCHIVE])),
      this.merged("heapwright, merged", link("unmerged", [...objects, stub, base])),
      {
        ...this.optimised(
          "heapwright, at run time",
          link("imported", [...objects, stub, base, "-Wl,--import-memory"]),
        ),
        heap: readFileSync(HEAP),
      },
    ];
  }

  /** A program merged by `heapwright link`. */
  merged(allocator: string, path: string): Program {
    const output = path.replace(/(\.wasm)?$/, ".merged.wasm");
    const cli = join(ROOT, "dist/cli.js");
    const inputs = [path, cli, HEAP, SHARED_HEAP];
    this.command(output, inputs, process.execPath, [cli, "link", path, "-o", output]);
    return { allocator, binary: readFileSync(output) };
  }

  /**
   * A program that goes through the optimiser that merged ones go through too, so that only the allocator differs. It comes to
   * need no more of WebAssembly than it did, as they do not.
   */
  optimised(allocator: string, path: string): Program {
    const output = path.replace(/(\.wasm)?$/, ".optimised.wasm");
    const optimiser = join(ROOT, "node_modules/binaryen/bin/wasm-opt");
    const args = ["-O3", "-o", output];
    this.make(output, [path, optimiser], ["wasm-opt", "what is needed", ...args], () =>
      binaryen("wasm-opt", path, [path, ...featuresOf(path, path, []), ...args]),
    );
    return { allocator, binary: readFileSync(output) };
  }

  /** Runs a command that makes a file. */
  private command(
    output: string,
    inputs: readonly string[],
    command: string,
    args: readonly string[],
  ): void {
    this.make(output, inputs, [command, ...args], () => void this.run(command, args));
  }

  /** Makes a file, unless it was made of the same inputs the same way before; `way` says which. */
  private make(
    output: string,
    inputs: readonly string[],
    way: readonly string[],
    build: () => void,
  ): void {
    const hash = createHash("sha256").update(JSON.stringify(way));
    for (const input of inputs) hash.update(readFileSync(input));
    const key = hash.digest("hex");
    const record = `${output}.key`;
    if (existsSync(record) && readFileSync(record, "utf8") === key && existsSync(output)) return;
    rmSync(record, { force: true });
    process.stderr.write(`  ${basename(inputs[0]!)} → ${basename(output)}\n`);
    build();
    writeFileSync(record, key);
  }

  /** Runs a command in the case's folder; answers what it printed. Throws `BuildError` with what it complained about. */
  run(command: string, args: readonly string[], folder = this.folder): string {
    const { status, stdout, stderr, error } = spawnSync(command, args, {
      cwd: folder,
      env: ENVIRONMENT,
      encoding: "utf8",
      maxBuffer: 2 ** 28,
    });
    if (error) throw new BuildError(`${command} can't be started: ${error.message}`);
    if (status !== 0) {
      throw new BuildError(
        `${command} failed with ${status}: ${stderr.trim().split("\n").slice(-8).join("\n  ")}`,
      );
    }
    return stdout;
  }
}
