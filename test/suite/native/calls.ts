/** C functions for the tests of native memory, called as the runtime calls C. */

/** Some of the C library, and of zlib. Addresses are BigInts. */
export interface Calls {
  strlen(text: bigint): number;
  qsort(base: bigint, count: number, size: number, compare: (a: bigint, b: bigint) => number): void;
  /** Moves the program break; returns where it was. */
  sbrk(increment: number): bigint;
  /** Undefined if there is no zlib. `size` is the address of a 64-bit size, which becomes that of the result. */
  readonly compress?: (to: bigint, size: bigint, from: bigint, length: number) => number;
  readonly uncompress?: (to: bigint, size: bigint, from: bigint, length: number) => number;
}

type Address = number | bigint;
type Call = (...values: Address[]) => Address;
type Compare = (a: Address, b: Address) => number;

const LIBC = {
  strlen: { parameters: ["i64"], result: "i64" },
  sbrk: { parameters: ["i64"], result: "i64" },
} as const;
const ZLIB = {
  compress: { parameters: ["i64", "i64", "i64", "i64"], result: "i32" },
  uncompress: { parameters: ["i64", "i64", "i64", "i64"], result: "i32" },
} as const;
type Functions = typeof LIBC | typeof ZLIB;

/** What loads a library, and calls qsort, in one of the runtimes. */
interface Loader {
  load(path: string, functions: Functions): Record<string, Call>;
  qsort(base: bigint, count: number, size: number, compare: Compare): void;
}

/** `require`: finds koffi, or `bun:ffi`. Throws if the runtime cannot call C. */
export function callsOf(require: (name: string) => unknown): Calls {
  const { Deno, Bun } = globalThis as { Deno?: DenoFfi; Bun?: object };
  const loader = Deno
    ? inDeno(Deno)
    : Bun
      ? inBun(require("bun:ffi") as BunFfi)
      : inNode(require("koffi") as Koffi);
  const { strlen, sbrk } = loader.load("libc.so.6", LIBC);
  const calls: Calls = {
    strlen: (text) => Number(strlen!(text)),
    sbrk: (increment) => BigInt(sbrk!(BigInt(increment))),
    qsort(base, count, size, compare) {
      loader.qsort(base, count, size, (a, b) => compare(BigInt(a), BigInt(b)));
    },
  };
  try {
    const { compress, uncompress } = loader.load("libz.so.1", ZLIB);
    return {
      ...calls,
      compress: (to, size, from, length) => Number(compress!(to, size, from, BigInt(length))),
      uncompress: (to, size, from, length) => Number(uncompress!(to, size, from, BigInt(length))),
    };
  } catch {
    return calls;
  }
}

interface Koffi {
  load(path: string): { func(name: string, result: string, parameters: unknown[]): Call };
  proto(name: string, result: string, parameters: string[]): unknown;
  pointer(type: unknown): unknown;
}

function inNode(koffi: Koffi): Loader {
  const types = { i32: "int32_t", i64: "int64_t" };
  const compareType = koffi.pointer(koffi.proto("Compare", "int", ["int64_t", "int64_t"]));
  const qsort = koffi
    .load("libc.so.6")
    .func("qsort", "void", ["int64_t", "int64_t", "int64_t", compareType]);
  return {
    load(path, functions) {
      const library = koffi.load(path);
      const found = Object.entries(functions).map(([name, { parameters, result }]) => [
        name,
        library.func(
          name,
          types[result as "i32"],
          parameters.map((each: "i32" | "i64") => types[each]),
        ),
      ]);
      return Object.fromEntries(found) as Record<string, Call>;
    },
    qsort: (base, count, size, compare) => void qsort(base, count, size, compare as never),
  };
}

interface BunFfi {
  dlopen(path: string, functions: object): { symbols: Record<string, Call> };
  readonly JSCallback: new (
    callback: Compare,
    type: object,
  ) => { readonly ptr: never; close(): void };
}

function inBun({ dlopen, JSCallback }: BunFfi): Loader {
  const { qsort } = dlopen("libc.so.6", {
    qsort: { args: ["i64", "i64", "i64", "function"], returns: "void" },
  }).symbols;
  return {
    load(path, functions) {
      const found = Object.entries(functions).map(([name, { parameters, result }]) => [
        name,
        { args: parameters, returns: result },
      ]);
      return dlopen(path, Object.fromEntries(found) as object).symbols;
    },
    qsort(base, count, size, compare) {
      const callback = new JSCallback(compare, { args: ["i64", "i64"], returns: "i32" });
      qsort!(base, count, size, callback.ptr);
      callback.close();
    },
  };
}

interface DenoFfi {
  dlopen(path: string, functions: object): { symbols: Record<string, Call> };
  readonly UnsafeCallback: new (
    type: object,
    callback: Compare,
  ) => { readonly pointer: never; close(): void };
}

function inDeno({ dlopen, UnsafeCallback }: DenoFfi): Loader {
  const { qsort } = dlopen("libc.so.6", {
    qsort: { parameters: ["i64", "i64", "i64", "function"], result: "void" },
  }).symbols;
  return {
    load: (path, functions) => dlopen(path, functions).symbols,
    qsort(base, count, size, compare) {
      const callback = new UnsafeCallback({ parameters: ["i64", "i64"], result: "i32" }, compare);
      qsort!(base, BigInt(count), BigInt(size), callback.pointer);
      callback.close();
    },
  };
}
