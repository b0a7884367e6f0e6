// The engine → libraries for programs in C, C++ or Rust that are linked for wasm32. No compiler of these languages is needed:
// object.ts writes the object files.
//
//     dist/native/libheapwright-wasm32.a      malloc and its family: clang, wasi-sdk
//     dist/native/libheapwright-emscripten.a  the same with Emscripten's names, over its program break
//     bindings/rust/lib/                      for the crate: with C's names for WASI, without them elsewhere

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { archive } from "./archive.ts";
import { type Foreign, objectFile } from "./object.ts";
import { COMMON, compile, optimise, PLAIN } from "./wasm.ts";

const ENTRY = "bindings/wasm32/malloc";
const SBRK = "bindings/wasm32/sbrk.ts";
const OUTPUT = "dist/native";
const CRATE = "bindings/rust/lib";

type Names = Readonly<Record<string, readonly string[]>>;

/** The symbols of each export of the entry. The first ones are our own, so that other code cannot define them too. */
const OWN: Names = {
  malloc: ["heapwright_malloc"],
  free: ["heapwright_free"],
  calloc: ["heapwright_calloc"],
  realloc: ["heapwright_realloc"],
  memalign: ["heapwright_memalign"],
};

/** wasi-libc calls some by names of its own: without them it would link its allocator too. */
const C: Names = {
  malloc: ["malloc", "__libc_malloc"],
  free: ["free", "__libc_free"],
  calloc: ["calloc", "__libc_calloc"],
  realloc: ["realloc"],
  memalign: ["aligned_alloc", "memalign"],
  posixMemalign: ["posix_memalign"],
  usableSize: ["malloc_usable_size"],
};

const EMSCRIPTEN: Names = {
  malloc: ["emscripten_builtin_malloc"],
  free: ["emscripten_builtin_free"],
  calloc: ["emscripten_builtin_calloc"],
  realloc: ["emscripten_builtin_realloc", "__libc_realloc"],
  memalign: ["emscripten_builtin_memalign"],
};

const IMPORTS: Readonly<Record<string, Foreign>> = {
  heapBase: { name: "__heap_base" },
  heapEnd: { name: "__heap_end", isWeak: true },
  errno: { name: "errno", isWeak: true },
};

/** Emscripten's break starts at the end of the data: if it is elsewhere, other code has moved it. */
const EMSCRIPTEN_IMPORTS: Readonly<Record<string, Foreign>> = {
  heapBase: { name: "__heap_base" },
  heapEnd: { name: "__heap_base" },
  errnoLocation: { name: "__errno_location" },
  sbrk: { name: "sbrk" },
};

/** Nothing is locked, so linkers must refuse a shared memory. */
const FEATURES = ["+bulk-memory", "-shared-mem"];

/** Copied into their callers, `malloc` and others. */
const HOT = ["engine/heap/allocate", "engine/heap/allocateBlock"];

/**
 * Settings that such a program cannot make, and the reason why a pointer is invalid, which it cannot ask for: all lead to a trap.
 * This saves about 1 KB.
 */
const FIXED = {
  "engine/control/fit": 0,
  "engine/control/marginSetting": -1,
  "engine/heap/noStartError": 5,
  "engine/heap/unusedError": 5,
};

/** Writes the libraries for WASI and for other places without Emscripten. */
export async function buildWasi(): Promise<void> {
  const module = await compile([`${ENTRY}.ts`, ...COMMON, ...PLAIN], []);
  const { binary } = optimise(module, false, { hot: HOT, constants: FIXED });
  const wasi = libraryOf(binary, joined(OWN, C), IMPORTS);
  write(OUTPUT, "libheapwright-wasm32.a", wasi);
  write(`${CRATE}/wasi`, "libheapwright.a", wasi);
  write(`${CRATE}/unknown`, "libheapwright.a", libraryOf(binary, OWN, IMPORTS));
}

/** Writes the library for Emscripten. */
export async function buildEmscripten(): Promise<void> {
  const module = await compile([`${ENTRY}.ts`, ...COMMON, ...PLAIN], [], withSbrk);
  const { binary } = optimise(module, false, {
    hot: HOT,
    constants: { ...FIXED, [`${ENTRY}/isEmscripten`]: 1 },
  });
  const names = joined(OWN, C, EMSCRIPTEN);
  write(OUTPUT, "libheapwright-emscripten.a", libraryOf(binary, names, EMSCRIPTEN_IMPORTS));
}

function libraryOf(
  binary: Uint8Array,
  names: Names,
  imports: Readonly<Record<string, Foreign>>,
): Uint8Array {
  const bytes = objectFile(binary, { names, imports, features: FEATURES });
  return archive([{ name: "heapwright.o", symbols: Object.values(names).flat(), bytes }]);
}

function joined(...parts: readonly Names[]): Names {
  const names: Record<string, string[]> = {};
  for (const part of parts)
    for (const [name, symbols] of Object.entries(part)) (names[name] ??= []).push(...symbols);
  return names;
}

/** The seam with the functions of sbrk.ts in place of its own. */
function withSbrk(seam: string): string {
  const start = seam.indexOf("/** The end of the memory in bytes");
  const end = seam.indexOf("/** Whether memory can be returned");
  if (start < 0 || end < start) throw new Error("wasm32: the seam has no memoryEnd and growTo");
  return seam.slice(0, start) + readFileSync(SBRK, "utf8") + seam.slice(end);
}

function write(folder: string, name: string, bytes: Uint8Array): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/${name}`, bytes);
}
