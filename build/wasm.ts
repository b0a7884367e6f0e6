// engine/c-abi.ts → dist/heap.wasm and dist/heap.shared.wasm: the AssemblyScript compiler, then Binaryen with settings of
// our own. What is rarely called stays out of line, so that the paths that are taken all the time are short and in one piece.

import { mkdirSync, writeFileSync } from "node:fs";
import asc from "assemblyscript/asc";
import binaryen from "binaryen";

const COMMON = ["engine/c-abi.ts", "--lib", "engine/memory/wasm", "--runtime", "stub", "--importMemory", "--noExportMemory"];
const PLAIN = ["--noAssert", "--debug", "--enable", "bulk-memory", "--disable", "mutable-globals"];
const SHARED = ["--enable", "threads", "--sharedMemory", "--initialMemory", "0", "--maximumMemory", "65536"];

/** Functions that are never copied into their callers. */
const OUT_OF_LINE = [
  ...["takeAlignedSlot", "takeFromNext", "turned", "slotError", "createSlab", "releaseSlab", "giveSlab", "unlink", "append"].map((f) => `engine/slabs/${f}`),
  ...["extendTable", "newDescriptor", "freeDescriptor", "mapCells", "forgetSlabs", "slotSize"].map((f) => `engine/slabs/${f}`),
  ...["allocateBlock", "allocateAligned", "deallocateBlock", "createAtEnd", "create", "strayError", "pointerError"].map((f) => `engine/heap/${f}`),
  ...["take", "takeTop", "cutTop", "carve", "give", "expand", "expandBy", "walkToFit", "shrink"].map((f) => `engine/blocks/${f}`),
  ...["isBlock", "blockAround", "lowerRover", "removeStart"].map((f) => `engine/blocks/${f}`),
  ...["insert", "remove", "bestOf", "find", "nextBin", "binOf"].map((f) => `engine/bins/${f}`),
  "engine/layout/slotsIn",
];

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
  const module = binaryen.readBinary(binary);
  const { MutableGlobals, BulkMemory, BulkMemoryOpt, Atomics } = binaryen.Features;
  module.setFeatures(MutableGlobals | BulkMemory | BulkMemoryOpt | (shared ? Atomics : 0));
  binaryen.setOptimizeLevel(3);
  binaryen.setShrinkLevel(Number(process.env.SHRINK ?? 1));
  // No address that the engine computes wraps around into the first KiB: constants can go into the instructions.
  binaryen.setLowMemoryUnused(true);
  binaryen.setAlwaysInlineMaxSize(Number(process.env.ALWAYS ?? 90));
  binaryen.setFlexibleInlineMaxSize(Number(process.env.FLEX ?? 20));
  binaryen.setOneCallerInlineMaxSize(Number(process.env.ONE ?? 1000));
  for (const name of OUT_OF_LINE) {
    binaryen.setPassArgument("no-inline", name);
    module.runPasses(["no-inline"]);
  }
  module.optimize();
  module.optimize();
  module.runPasses(["optimize-added-constants-propagate", "vacuum"]);
  module.optimize();
  binaryen.setDebugInfo(false);
  const text = module.emitText();
  const optimised = module.emitBinary();
  module.dispose();
  return { binary: optimised, text };
}

export async function buildWasm(): Promise<void> {
  mkdirSync("dist", { recursive: true });
  mkdirSync("build/generated", { recursive: true });
  const heap = optimise(await compile([...COMMON, ...PLAIN]), false);
  writeFileSync("dist/heap.wasm", heap.binary);
  writeFileSync("build/generated/heap.wat", heap.text);
  writeFileSync("dist/heap.shared.wasm", optimise(await compile([...COMMON, ...PLAIN, ...SHARED]), true).binary);
}
