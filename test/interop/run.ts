/** One run of a program: its output, its time, the memory it took. */

import { readFileSync } from "node:fs";

import { readModule } from "../../cli/sections.ts";
import type { Case } from "./case.ts";
import type { Program } from "./program.ts";
import { Wasi } from "./wasi.ts";

export interface Outcome {
  readonly output: string;
  /** Milliseconds of processor time in the program, instantiation left out: other work of the machine does not count. */
  readonly time: number;
  /** Bytes of the memory at the end. */
  readonly memory: number;
  /** Bytes of those pages of 4 KiB that are not all zero at the end: what the program has written to. */
  readonly touched: number;
}

/** A program that can be run again and again; compiled once, so that later runs have the platform's best code. */
export class Runnable {
  private readonly module: WebAssembly.Module;
  private readonly heap: WebAssembly.Module | undefined;

  constructor(
    readonly program: Program,
    private readonly how: Pick<Case, "wasi" | "host" | "run">,
  ) {
    this.module = new WebAssembly.Module(program.binary as BufferSource);
    this.heap = program.heap && new WebAssembly.Module(program.heap as BufferSource);
  }

  /** Runs it once, in an instance and a memory of its own. Throws what the program throws. */
  run(): Outcome {
    return this.how.run === undefined ? this.runCommand() : this.runExports(this.how.run);
  }

  private runExports(run: (exports: WebAssembly.Exports) => string): Outcome {
    const { exports, memory } = this.instantiate({});
    const before = process.cpuUsage();
    const output = run(exports);
    return { output, time: since(before), ...measured(memory) };
  }

  private runCommand(): Outcome {
    const { arguments: args = [], environment = {}, input } = this.how.wasi ?? {};
    const wasi = new Wasi({
      arguments: ["program", ...args],
      environment,
      input: input === undefined ? new Uint8Array() : readFileSync(input),
    });
    let running: WebAssembly.Exports | undefined;
    const { exports, memory } = this.instantiate({
      wasi_snapshot_preview1: wasi.importsOf(this.module),
      host: this.how.host?.(() => running!) ?? {},
    });
    running = exports;
    const before = process.cpuUsage();
    const status = wasi.start(exports, memory);
    const time = since(before);
    const { output } = wasi;
    if (status !== 0) throw new Error(`exit status ${status}: ${output.slice(-500)}`);
    return { output, time, ...measured(memory) };
  }

  /** An instance, with a heap beside it if the program has one: docs/interop.md shows the same. */
  private instantiate(imports: WebAssembly.Imports): {
    exports: WebAssembly.Exports;
    memory: WebAssembly.Memory;
  } {
    const memory = importedMemory(this.program.binary);
    const own = memory === undefined ? {} : { memory };
    const heap = this.heap && new WebAssembly.Instance(this.heap, { env: own }).exports;
    const env = { ...own, ...heap, abort };
    const { exports } = new WebAssembly.Instance(this.module, { ...imports, env });
    const base = exports["__heap_base"];
    if (heap !== undefined && base !== undefined) {
      const initialise = heap["heap_init"] as (base: number, limit: number) => number;
      initialise((base as WebAssembly.Global).value as number, 0);
    }
    return { exports, memory: memory ?? (exports["memory"] as WebAssembly.Memory) };
  }
}

/** What AssemblyScript imports for its errors. */
function abort(): never {
  throw new Error("the program aborted");
}

/** A memory as small as the module that imports it allows, so that what the program takes can be told. */
function importedMemory(binary: Uint8Array): WebAssembly.Memory | undefined {
  const { imports, memories } = readModule(binary);
  if (!imports.some(({ kind }) => kind === "memory")) return undefined;
  const { initial, maximum, shared } = memories[0]!;
  return new WebAssembly.Memory({
    initial,
    ...(maximum === undefined ? {} : { maximum }),
    shared,
  });
}

function since(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function measured(memory: WebAssembly.Memory): { memory: number; touched: number } {
  const PAGE = 4096;
  const words = new BigUint64Array(memory.buffer);
  let pages = 0;
  for (let at = 0; at < words.length; at += PAGE / 8) {
    if (words.subarray(at, at + PAGE / 8).some((word) => word !== 0n)) pages += 1;
  }
  return { memory: memory.buffer.byteLength, touched: pages * PAGE };
}
