// engine/c-abi.ts → dist/heap.wasm and dist/heap.shared.wasm: the AssemblyScript compiler, then Binaryen with settings of
// our own. What is rarely called stays out of line, so that the paths that are taken all the time are short and in one piece.

import { mkdirSync, writeFileSync } from "node:fs";
import asc from "assemblyscript/asc";
import binaryen from "binaryen";

const COMMON = [
  "engine/c-abi.ts",
  "--lib",
  "engine/memory/wasm",
  "--runtime",
  "stub",
  "--importMemory",
  "--noExportMemory",
];
const PLAIN = ["--noAssert", "--debug", "--enable", "bulk-memory", "--disable", "mutable-globals"];
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
const HOT = [
  ...["heap/deallocate", "heap/blockError", "heap/mostHeld", "slabs/takeBlock"],
  ...["slabs/takeSlot", "slabs/giveSlot"],
  ...[
    "blocks/takeHeld",
    "blocks/hold",
    "blocks/carve",
    "blocks/addStart",
    "blocks/removeStart",
    "blocks/placeFor",
    "blocks/mark",
  ],
  ...["bins/find", "bins/bestOf", "bins/nextBin", "bins/binOf", "bins/remove", "bins/insert"],
].map((name) => `engine/${name}`);

/** What is long or seldom run stays out of line, also where it has one caller. */
const COLD = [
  ...[
    "heap/createAtEnd",
    "heap/deallocateStray",
    "heap/strayError",
    "heap/allocateAligned",
    "heap/isPreviousSound",
    "heap/allocateBlock",
    "heap/deallocateBlock",
  ],
  ...["slabs/refill", "slabs/giveSlotSlowly", "slabs/createSlab", "slabs/releaseSlab"],
  ...[
    "blocks/takeTop",
    "blocks/cutTop",
    "blocks/expand",
    "blocks/walkToFit",
    "blocks/settle",
    "blocks/leave",
    "blocks/join",
    "blocks/give",
    "blocks/takeFree",
    "blocks/takeNew",
    "blocks/takeMore",
    "blocks/takeLast",
    "bins/findAny",
    "slabs/releaseEmpty",
    "blocks/isBlock",
    "blocks/lowerRover",
  ],
].map((name) => `engine/${name}`);

async function compile(args: string[]): Promise<Uint8Array> {
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main([...args, "--outFile", "out.wasm"], {
    writeFile: (name, contents) => {
      if (name === "out.wasm") binary = contents as Uint8Array;
    },
  });
  if (error || !binary) throw new Error(`asc ${args.join(" ")}\n${stderr.toString()}`);
  return binary;
}

function optimise(binary: Uint8Array, shared: boolean): { binary: Uint8Array; text: string } {
  let module = binaryen.readBinary(binary);
  const { MutableGlobals, BulkMemory, BulkMemoryOpt, Atomics } = binaryen.Features;
  module.setFeatures(MutableGlobals | BulkMemory | BulkMemoryOpt | (shared ? Atomics : 0));
  binaryen.setOptimizeLevel(3);
  binaryen.setShrinkLevel(1);
  // No address that the engine computes wraps around into the first KiB: constants can go into the instructions.
  binaryen.setLowMemoryUnused(true);
  binaryen.setDebugInfo(true);
  module = inline(module, (name) => !HOT.includes(name), 1000);
  module = inline(module, (name) => COLD.includes(name), 20);
  module.runPasses(["optimize-added-constants-propagate"]);
  module.optimize();
  binaryen.setDebugInfo(process.env.NAMES === "1");
  const text = module.emitText();
  const optimised = module.emitBinary();
  module.dispose();
  return { binary: optimised, text };
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
  for (let index = 0; index < module.getNumFunctions(); index++) {
    const { name } = binaryen.getFunctionInfo(module.getFunctionByIndex(index));
    if (!isKept(name)) continue;
    binaryen.setPassArgument("no-inline", name);
    module.runPasses(["no-inline"]);
  }
  module.optimize();
  // Read again, the module has forgotten which functions are to be kept.
  const again = binaryen.readBinary(module.emitBinary());
  again.setFeatures(module.getFeatures());
  module.dispose();
  return again;
}

export async function buildWasm(): Promise<void> {
  mkdirSync("dist", { recursive: true });
  mkdirSync("build/generated", { recursive: true });
  const heap = optimise(await compile([...COMMON, ...PLAIN]), false);
  writeFileSync("dist/heap.wasm", heap.binary);
  writeFileSync("build/generated/heap.wat", heap.text);
  writeFileSync(
    "dist/heap.shared.wasm",
    optimise(await compile([...COMMON, ...PLAIN, ...SHARED]), true).binary,
  );
}
