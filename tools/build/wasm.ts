// engine/exports.ts → dist/heap.wasm and dist/heap.shared.wasm; with the inspector, dist/heap.debug.wasm; with engine/shared.ts,
// dist/heap.threads.wasm: the AssemblyScript compiler, then Binaryen with settings of our own. Functions that are rarely called
// stay out of line, so that the common paths are short and in one piece.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { main as asc } from "assemblyscript/asc";
import binaryen from "binaryen";

const GENERATED = "tools/build/generated";
/** The folder of `#memory.ts` for wasm. */
const MEMORY = "engine/memory/wasm";
const ENGINE = ["engine/exports.ts"];
const DEBUG = [...ENGINE, "engine/inspect/exports.ts"];
export const COMMON = ["--runtime", "stub", "--importMemory", "--noExportMemory"];
export const PLAIN = [
  "--noAssert",
  "--debug",
  "--enable",
  "bulk-memory",
  "--disable",
  "mutable-globals",
];
/** For heaps that several threads use at the same time. */
const THREADS = ["engine/shared.ts"];
const THREADED = ["PINNED", "SHARED"];
const SHARED = [
  "--enable",
  "threads",
  "--sharedMemory",
  "--initialMemory",
  "0",
  "--maximumMemory",
  "65536",
];

/** What a request runs through most of the time: copied into its callers, since a call costs V8 more than the work. */
const HOT = namesIn({
  heap: ["deallocate", "blockError", "allocateSlot"],
  slabs: ["freeSlot"],
  blocks: ["split"],
  map: ["addStart", "removeStart"],
  bins: ["find", "nextBin", "binFor", "insert", "remove"],
});

/** What is long or seldom run stays out of line, also where it has one caller. */
const COLD = namesIn({
  heap: [
    "createAtEnd",
    "allocateSmall",
    "allocateSlab",
    "allocateLarge",
    "allocateNew",
    "allocateFromReleased",
    "allocateLargerSlot",
    "pointerError",
    "deallocateBlock",
    "allocateFromSparseSlabs",
    "freeOutside",
    "noStartError",
    "unusedError",
    "isPreviousFree",
  ],
  slabs: ["splitSparse", "freeSlotSlowly", "releaseSlab", "createSlab", "isSlabHeader", "isMapped"],
  blocks: [
    "allocateFromTop",
    "growTop",
    "walkToFit",
    "freeBlock",
    "freeUpTo",
    "removeFree",
    "growInPlace",
    "slideDown",
    "shrinkBlock",
    "allocateFromBins",
  ],
  bins: ["findAligned", "insertInTree", "removeNode", "bestInTree", "smallestInTree"],
  map: ["enterAgain", "isStart", "moveTopEnd"],
});

function namesIn(files: Record<string, string[]>): string[] {
  return Object.entries(files).flatMap(([file, names]) =>
    names.map((name) => `engine/${file}/${name}`),
  );
}

/**
 * Returns a module of the compiler.
 *
 * @param constants Those of the memory's operations that are on.
 * @param change Applied to the text of `#memory.ts`.
 * @remarks Call it once in a process: the compiler remembers the `#memory.ts` of the first call.
 */
export async function compile(
  args: string[],
  constants: string[],
  change: (memory: string) => string = (memory) => memory,
): Promise<Uint8Array> {
  let binary: Uint8Array | undefined;
  const { error } = await asc([...args, "--lib", MEMORY, "--outFile", "unoptimised.wasm"], {
    stdout: process.stdout,
    stderr: process.stderr,
    readFile(name, folder) {
      const text = readIfThere(resolve(folder, name));
      return basename(name) === "#memory.ts" && text !== null
        ? constants.reduce(switchOn, change(text))
        : text;
    },
    writeFile: (_, contents) => void (binary = contents as Uint8Array),
  });
  if (error) throw error;
  return binary!;
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/** The source of the seam with one of its constants true. */
function switchOn(source: string, constant: string): string {
  const off = `export const ${constant}: bool = false;`;
  if (!source.includes(off)) throw new Error(`tools/build/wasm.ts: the seam has no ${off}`);
  return source.replace(off, off.replace("false", "true"));
}

/** What an optimised module has that another one does not. */
export interface Changes {
  /** More functions that are copied into their callers. */
  readonly hot?: readonly string[];
  /** Functions that always return this number. */
  readonly constants?: Readonly<Record<string, number>>;
}

export function optimise(
  binary: Uint8Array,
  shared: boolean,
  { hot = [], constants = {} }: Changes = {},
): { binary: Uint8Array; text: string } {
  expectFunctions(binary, [...hot, ...Object.keys(constants)]);
  let module = binaryen.readBinary(binary);
  for (const [name, value] of Object.entries(constants)) {
    const { params, results } = binaryen.getFunctionInfo(module.getFunction(name));
    module.removeFunction(name);
    module.addFunction(name, params, results, [], module.i32.const(value));
  }
  const { MutableGlobals, BulkMemory, BulkMemoryOpt, Atomics } = binaryen.Features;
  module.setFeatures(MutableGlobals | BulkMemory | BulkMemoryOpt | (shared ? Atomics : 0));
  binaryen.setOptimizeLevel(3);
  binaryen.setShrinkLevel(0);
  // No address that the engine computes wraps around into the first KiB: constants can go into the instructions.
  binaryen.setLowMemoryUnused(true);
  binaryen.setDebugInfo(true);
  module = inline(module, (name) => !HOT.includes(name) && !hot.includes(name), 1000);
  module = inline(module, (name) => COLD.includes(name), 20);
  module.runPasses(["optimize-added-constants-propagate"]);
  keep(module, (name) => COLD.includes(name));
  module.optimize();
  binaryen.setDebugInfo(process.env["NAMES"] === "1");
  const text = module.emitText();
  const optimised = module.emitBinary();
  module.dispose();
  return { binary: optimised, text };
}

/** A name that no function has any more would be ignored. */
function expectFunctions(binary: Uint8Array, names: readonly string[]): void {
  const module = binaryen.readBinary(binary);
  const has = new Set<string>();
  for (let index = 0; index < module.getNumFunctions(); index++)
    has.add(binaryen.getFunctionInfo(module.getFunctionByIndex(index)).name);
  const missing = names.filter((name) => !has.has(name));
  if (missing.length > 0)
    throw new Error(
      `tools/build/wasm.ts: HOT or COLD names ${missing.join(", ")}, which the engine does not have`,
    );
}

/** Copies functions of at most `size` nodes, but not those that `isKept` names, into their callers. */
function inline(
  module: binaryen.Module,
  isKept: (name: string) => boolean,
  size: number,
): binaryen.Module {
  binaryen.setAlwaysInlineMaxSize(size);
  binaryen.setFlexibleInlineMaxSize(size);
  binaryen.setOneCallerInlineMaxSize(1000);
  keep(module, isKept);
  module.optimize();
  // Read again, the module has forgotten which functions are to be kept.
  const again = binaryen.readBinary(module.emitBinary());
  again.setFeatures(module.getFeatures());
  module.dispose();
  return again;
}

/** Keeps the functions that `isKept` names out of line in what follows. */
function keep(module: binaryen.Module, isKept: (name: string) => boolean): void {
  for (let index = 0; index < module.getNumFunctions(); index++) {
    const { name } = binaryen.getFunctionInfo(module.getFunctionByIndex(index));
    if (!isKept(name)) continue;
    binaryen.setPassArgument("no-inline", name);
    module.runPasses(["no-inline"]);
  }
}

/** Returns a module with these entries; `constants` are those of the memory's operations that are on. */
async function build(entries: string[], shared: boolean, constants: string[] = []) {
  const args = [...entries, ...COMMON, ...PLAIN, ...(shared ? SHARED : [])];
  const binary = await compile(args, constants);
  // The PINNED layout leaves some out.
  if (constants.length === 0) expectFunctions(binary, [...HOT, ...COLD]);
  return optimise(binary, shared);
}

function write(path: string, contents: Uint8Array | string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, contents);
}

export async function buildHeap(): Promise<void> {
  const { binary, text } = await build(ENGINE, false);
  write("dist/heap.wasm", binary);
  write(`${GENERATED}/heap.wat`, text);
}

export async function buildSharedHeap(): Promise<void> {
  write("dist/heap.shared.wasm", (await build(ENGINE, true)).binary);
}

export async function buildDebugHeap(): Promise<void> {
  write("dist/heap.debug.wasm", (await build(DEBUG, false)).binary);
}

/** For tests: the layout in which metadata never moves. */
export async function buildPinnedHeap(): Promise<void> {
  write(`${GENERATED}/heap.pinned.wasm`, (await build(DEBUG, false, ["PINNED"])).binary);
}

/** For heaps that several threads use at the same time. */
export async function buildThreadsHeap(): Promise<void> {
  write("dist/heap.threads.wasm", (await build([...ENGINE, ...THREADS], true, THREADED)).binary);
}

/** The same with the inspector: what heapwright/threads contains. */
export async function buildThreadsDebugHeap(): Promise<void> {
  const { binary } = await build([...DEBUG, ...THREADS], true, THREADED);
  write(`${GENERATED}/heap.threads.debug.wasm`, binary);
}
