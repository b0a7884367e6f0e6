/** The C library of the process: koffi in Node, `bun:ffi` in Bun, `Deno.dlopen` in Deno. */

import { badOptions, type HeapError } from "../library.ts";

/** Functions of the C library. Addresses and sizes are numbers: those of a process are below 2 ** 53. */
export interface System {
  /** Moves the program break; returns where it was, or -1. */
  sbrk(increment: number): number;
  /** Returns the address of a mapping, or -1. */
  mmap(
    address: number,
    length: number,
    protection: number,
    flags: number,
    file: number,
    offset: number,
  ): number;
  munmap(address: number, length: number): number;
  madvise(address: number, length: number, advice: number): number;
  /** An ArrayBuffer on native memory, which is not copied. */
  view(address: number, length: number): ArrayBuffer;
}

type Call = (...values: number[]) => number | bigint;

/** The functions, with the types of their parameters and their results. The sizes are those of 64-bit Linux. */
const FUNCTIONS = {
  sbrk: { parameters: ["i64"], result: "i64" },
  mmap: { parameters: ["i64", "i64", "i32", "i32", "i32", "i64"], result: "i64" },
  munmap: { parameters: ["i64", "i64"], result: "i32" },
  madvise: { parameters: ["i64", "i64", "i32"], result: "i32" },
} as const;

const LIBRARY = "libc.so.6";
const ARCHITECTURES = ["x64", "arm64"];

/** What a runtime has for calling C. */
interface Binding {
  readonly functions: Record<keyof typeof FUNCTIONS, Call>;
  readonly view: (address: number, length: number) => ArrayBuffer;
}

/** The parts of koffi, of `bun:ffi` and of Deno that are used here. */
interface Koffi {
  load(path: string): { func(name: string, result: string, parameters: string[]): Call };
  view(address: bigint, length: number): ArrayBuffer;
}
interface BunFfi {
  dlopen(path: string, functions: object): { symbols: Record<string, Call> };
  toArrayBuffer(address: number, offset: number, length: number): ArrayBuffer;
}
interface DenoFfi {
  dlopen(path: string, functions: object): { symbols: Record<string, Call> };
  readonly UnsafePointer: { create(address: bigint): object };
  readonly UnsafePointerView: { getArrayBuffer(pointer: object, length: number): ArrayBuffer };
}
interface Globals {
  readonly Bun?: object;
  readonly Deno?: DenoFfi;
  readonly process?: {
    readonly platform: string;
    readonly arch: string;
    getBuiltinModule?(name: "node:module"): {
      createRequire(url: string): (name: string) => unknown;
    };
  };
}

let loaded: System | undefined;

/** Returns the system's functions; throws `BAD_OPTIONS` if the platform has none, with what to install or to allow. */
export function system(): System {
  return (loaded ??= load());
}

function load(): System {
  const { process, Bun, Deno } = globalThis as Globals;
  if (process?.getBuiltinModule === undefined) {
    throw unavailable("needs Node 20.19 or later, Bun or Deno");
  }
  if (process.platform !== "linux" || !ARCHITECTURES.includes(process.arch)) {
    throw unavailable(
      `needs Linux on x64 or arm64, and this is ${process.platform} on ${process.arch}`,
    );
  }
  const { createRequire } = process.getBuiltinModule("node:module");
  const require = createRequire(import.meta.url);
  if (Deno) return systemOf(attempt(() => inDeno(Deno), "run Deno with --allow-ffi"));
  if (Bun)
    return systemOf(attempt(() => inBun(require("bun:ffi") as BunFfi), "install a newer Bun"));
  const koffi = attempt(() => require("koffi") as Koffi, 'run "npm install koffi"');
  return systemOf(attempt(() => inNode(koffi), "use a Linux with the GNU C library"));
}

function inNode(koffi: Koffi): Binding {
  const types = { i32: "int32_t", i64: "int64_t" };
  const library = koffi.load(LIBRARY);
  const entries = Object.entries(FUNCTIONS).map(([name, { parameters, result }]) => [
    name,
    library.func(
      name,
      types[result],
      parameters.map((each) => types[each]),
    ),
  ]);
  return {
    functions: Object.fromEntries(entries) as Binding["functions"],
    view: (address, length) => koffi.view(BigInt(address), length),
  };
}

function inBun(ffi: BunFfi): Binding {
  const entries = Object.entries(FUNCTIONS).map(([name, { parameters, result }]) => [
    name,
    { args: parameters, returns: result },
  ]);
  const { symbols } = ffi.dlopen(LIBRARY, Object.fromEntries(entries) as object);
  return {
    functions: symbols as Binding["functions"],
    view: (address, length) => ffi.toArrayBuffer(address, 0, length),
  };
}

function inDeno({ dlopen, UnsafePointer, UnsafePointerView }: DenoFfi): Binding {
  const { symbols } = dlopen(LIBRARY, FUNCTIONS);
  return {
    functions: symbols as Binding["functions"],
    view: (address, length) =>
      UnsafePointerView.getArrayBuffer(UnsafePointer.create(BigInt(address)), length),
  };
}

/** A binding's functions return a number or a BigInt. */
function systemOf({ functions, view }: Binding): System {
  const { sbrk, mmap, munmap, madvise } = functions;
  return {
    sbrk: (increment) => Number(sbrk(increment)),
    mmap: (...values) => Number(mmap(...values)),
    munmap: (...values) => Number(munmap(...values)),
    madvise: (...values) => Number(madvise(...values)),
    view(address, length) {
      return attempt(
        () => view(address, length),
        "this platform, such as Electron, may forbid an ArrayBuffer on it",
      );
    },
  };
}

/** Returns what `work` returns; throws `BAD_OPTIONS` with the advice if it fails. */
function attempt<Result>(work: () => Result, advice: string): Result {
  try {
    return work();
  } catch (cause) {
    const [line] = String(cause instanceof Error ? cause.message : cause).split("\n");
    throw unavailable(`is unavailable (${line}): ${advice}`, cause);
  }
}

function unavailable(why: string, cause?: unknown): HeapError {
  return badOptions(`Native memory ${why}.`, cause);
}
