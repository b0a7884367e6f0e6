// The allocators that can be measured, each as a compiled module and a way to make a fresh instance of it.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** Where everything built goes; not tracked. */
export const OUT = fileURLToPath(new URL("out/", import.meta.url));
/** heap.wasm as the project's build leaves it. */
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

/** One heap: the calls are exports of wasm. */
export interface Instance extends Calls {
  readonly memory: WebAssembly.Memory;
  /** Where the heap begins, when that is known. */
  readonly base?: number;
}

export interface Allocator {
  readonly name: string;
  /** Bytes that every block of at least as many bytes is aligned to. */
  readonly alignment: number;
  /** The strictest alignment that memalign takes. */
  readonly memalign: number;
  /** SHA-256 of the module, the key for what need not be measured twice. */
  readonly hash: string;
  readonly gzipped: number;
  create(): Instance;
}

/** Says "not supported" to a module that asks WASI for something it does not need to replay a trace. */
const refuse = (): number => 52;
const succeed = (): number => 0;

/** mimalloc imports these for its options (there is no environment), its clock and its messages. */
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

/** AssemblyScript's way to fail. */
const abort = (): never => {
  throw new Error("the allocator aborted");
};

/** Base of a heap of ours that owns its memory. */
const BASE = 0;

type Exports = Record<string, unknown> & Instance;

/** Creates the heap of an engine of ours at its usual base, and answers that; does nothing to a peer, and answers 0. */
export function prepareHeap(engine: Record<string, unknown>): number {
  if (typeof engine["heap_init"] !== "function") return 0;
  const code: unknown = engine["heap_init"](BASE, 0);
  if (code !== 0) throw new Error(`heap_init(${BASE}, 0) answers ${String(code)}`);
  return BASE;
}

/** An allocator from a wasm file; undefined when there is no such file. */
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

/** The peers that are built. */
export function peers(): Allocator[] {
  return PEERS.flatMap((name) => fromWasm(name, `${OUT}peers/${name}.wasm`) ?? []);
}
