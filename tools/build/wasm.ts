// engine/exports.ts → dist/heap.wasm and dist/heap.shared.wasm; with the inspector, dist/heap.debug.wasm;
// with engine/shared.ts, dist/heap.threads.wasm: the AssemblyScript compiler, then Binaryen with settings of
// our own. What is rarely called stays out of line, so that the paths that are taken all the time are short and in one piece.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import binaryen from "binaryen";

const GENERATED = "tools/build/generated";
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
 * A module of the compiler, which runs in a process of its own: it would remember the seam of the module before. `constants` are
 * those of the seam that are on; `change` is applied to the seam's text.
 */
export function compile(
  args: string[],
  constants: string[],
  change: (seam: string) => string = (seam) => seam,
): Uint8Array {
  const seam = readFileSync("engine/memory/wasm/#memory.ts", "utf8");
  const lib = `${GENERATED}/seam`;
  mkdirSync(lib, { recursive: true });
  writeFileSync(
    `${lib}/#memory.ts`,
    constants.reduce((text, each) => switchOn(text, each), change(seam)),
  );
  const output = `${GENERATED}/unoptimised.wasm`;
  execFileSync(
    process.execPath,
    ["node_modules/assemblyscript/bin/asc.js", ...args, "--lib", lib, "--outFile", output],
    { stdio: "inherit" },
  );
  return readFileSync(output);
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

/** A module with these entries; `constants` are those of the seam that are on. */
function build(entries: string[], shared: boolean, constants: string[] = []) {
  const args = [...entries, ...COMMON, ...PLAIN, ...(shared ? SHARED : [])];
  const binary = compile(args, constants);
  // The PINNED layout leaves some out.
  if (constants.length === 0) expectFunctions(binary, [...HOT, ...COLD]);
  return optimise(binary, shared);
}

export function buildWasm(): void {
  mkdirSync("dist", { recursive: true });
  mkdirSync(GENERATED, { recursive: true });
  const heap = build(ENGINE, false);
  writeFileSync("dist/heap.wasm", heap.binary);
  writeFileSync(`${GENERATED}/heap.wat`, heap.text);
  writeFileSync("dist/heap.shared.wasm", build(ENGINE, true).binary);
  writeFileSync("dist/heap.debug.wasm", build(DEBUG, false).binary);
  writeFileSync("dist/heap.threads.wasm", build([...ENGINE, ...THREADS], true, THREADED).binary);
  const debug = build([...DEBUG, ...THREADS], true, THREADED).binary;
  writeFileSync(`${GENERATED}/heap.threads.debug.wasm`, debug);
  writeFileSync(`${GENERATED}/heap.pinned.wasm`, build(DEBUG, false, ["PINNED"]).binary);
}
