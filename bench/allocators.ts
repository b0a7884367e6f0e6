// The allocators to measure: each is a compiled module and a function that creates a fresh instance of it.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** The folder for everything that is built. Git ignores it. */
export const OUT = fileURLToPath(new URL("out/", import.meta.url));
/** The heap.wasm that `npm run build` makes. */
export const HEAPWRIGHT_WASM = fileURLToPath(new URL("../dist/heap.wasm", import.meta.url));

export const PEERS = ["em-dlmalloc", "wasi-dlmalloc", "mimalloc", "emmalloc", "as-tlsf"] as const;

/** The five calls that the driver imports. */
export interface Calls {
  malloc(bytes: number): number;
  calloc(count: number, bytes: number): number;
  memalign(alignment: number, bytes: number): number;
  realloc(pointer: number, bytes: number): number;
  free(pointer: number): void;
}

/** One heap, whose calls are exports of a wasm instance. */
export interface Instance extends Calls {
  readonly memory: WebAssembly.Memory;
  /** Where the heap begins, if known. */
  readonly base?: number;
}

export interface Allocator {
  readonly name: string;
  /** Alignment in bytes of every block of at least that size. */
  readonly alignment: number;
  /** The largest alignment that memalign accepts. */
  readonly memalign: number;
  /** SHA-256 of the module: the key of cached footprints. */
  readonly hash: string;
  readonly gzipped: number;
  create(): Instance;
}

/** The WASI error "not supported", for functions that a replay does not need. */
const refuse = (): number => 52;
const succeed = (): number => 0;

/** The functions that mimalloc imports: for options from the environment (there are none), the clock and messages. */
const WASI = {
  environ_get: succeed,
  environ_sizes_get: succeed,
  clock_time_get: succeed,
  sched_yield: succeed,
  fd_close: refuse,
  fd_fdstat_get: refuse,
  fd_seek: refuse,
  fd_write: refuse,
  proc_exit: (code: number): never => {
    throw new Error(`the allocator ended the process with code ${code}`);
  },
};

/** AssemblyScript calls this on an error. */
const abort = (): never => {
  throw new Error("the allocator aborted");
};

/** The base of heapwright's heaps. */
const BASE = 0;

type Exports = Record<string, unknown> & Instance;

/** Creates the heap of a heapwright engine and returns its base. For a peer it does nothing and returns 0. */
export function prepareHeap(engine: Record<string, unknown>): number {
  if (typeof engine["heap_init"] !== "function") return 0;
  const code: unknown = engine["heap_init"](BASE, 0);
  if (code !== 0) throw new Error(`heap_init(${BASE}, 0) returned error ${String(code)}`);
  return BASE;
}

/** Returns the allocator of a wasm file, or undefined if there is no such file. */
export function fromWasm(name: string, path: string): Allocator | undefined {
  if (!existsSync(path)) return undefined;
  const bytes = readFileSync(path);
  const module = new WebAssembly.Module(bytes);
  const takesMemory = WebAssembly.Module.imports(module).some(({ kind }) => kind === "memory");
  const create = (): Instance => {
    const own = takesMemory ? new WebAssembly.Memory({ initial: 1, maximum: 65536 }) : undefined;
    const imports = { env: { abort, ...(own && { memory: own }) }, wasi_snapshot_preview1: WASI };
    const exports = new WebAssembly.Instance(module, imports).exports as Exports;
    if (typeof exports["_initialize"] === "function") exports["_initialize"]();
    const base = prepareHeap(exports);
    return {
      ...(base && { base }),
      memory: own ?? exports.memory,
      malloc: exports.malloc,
      calloc: exports.calloc,
      memalign: exports.memalign ?? (exports["aligned_alloc"] as Calls["memalign"]),
      realloc: exports.realloc,
      free: exports.free,
    };
  };
  return {
    name,
    alignment: name === "em-dlmalloc" || name === "emmalloc" ? 8 : 16,
    memalign: name === "as-tlsf" ? 16 : 2 ** 31,
    hash: createHash("sha256").update(bytes).digest("hex"),
    gzipped: gzipSync(bytes, { level: 9 }).length,
    create,
  };
}

/** Returns the peers that were built. */
export function peers(): Allocator[] {
  return PEERS.flatMap((name) => fromWasm(name, `${OUT}peers/${name}.wasm`) ?? []);
}
