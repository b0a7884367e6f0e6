// engine/c-abi.ts → dist/heap.wasm and dist/heap.shared.wasm, by the AssemblyScript compiler.

import { mkdirSync, writeFileSync } from "node:fs";
import asc from "assemblyscript/asc";

const COMMON = ["engine/c-abi.ts", "--lib", "engine/memory/wasm", "--runtime", "stub", "--importMemory", "--noExportMemory"];
const OPTIMISED = ["-O3", "--noAssert", "--enable", "bulk-memory", "--disable", "mutable-globals"];
const SHARED = ["--enable", "threads", "--sharedMemory", "--initialMemory", "0", "--maximumMemory", "65536"];

async function compile(args: string[]): Promise<void> {
  const { error, stderr } = await asc.main(args);
  if (error) throw new Error(`asc ${args.join(" ")}\n${stderr.toString()}`);
}

export async function buildWasm(): Promise<void> {
  mkdirSync("dist", { recursive: true });
  await compile([...COMMON, ...OPTIMISED, "--outFile", "dist/heap.wasm", "--textFile", "dist/heap.wat"]);
  await compile([...COMMON, ...OPTIMISED, ...SHARED, "--outFile", "dist/heap.shared.wasm"]);
}
