// Builds dist/: the wasm engines, the JavaScript engine, the library with its typings, the command line, the engine in C,
// and libraries for wasm32. With --quick, only what the library and the command line need to run.
//
// Most of the time goes to compiling modules, each on its own: so the steps run in processes side by side, as many as there
// are cores. They are bundled first: tsx would take 30 seconds to load Binaryen in each process, plain Node takes 2.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { runInPool } from "./pool.ts";
import { ENGINES, LIBRARY, OTHERS } from "./steps.ts";

const STEPS = "tools/build/generated/steps";

const quick = process.argv.includes("--quick");
const rounds = [Object.keys(ENGINES), Object.keys({ ...LIBRARY, ...(quick ? {} : OTHERS) })];
const total = rounds.flat().length;
let done = 0;

async function runStep(name: string, signal: AbortSignal): Promise<void> {
  const start = performance.now();
  const child = spawn(process.execPath, [`${STEPS}/steps.js`, name], {
    stdio: ["ignore", "inherit", "inherit"],
    signal,
  });
  const [status] = (await once(child, "exit")) as [number | null];
  if (status !== 0) throw new Error(`npm run build: the step "${name}" failed`);
  const seconds = (performance.now() - start) / 1000;
  console.log(`${`${(done += 1)} of ${total}`.padEnd(9)}${name}, ${seconds.toFixed(1)} s`);
}

/** Prints the size of a file in dist/. */
function printSize(name: string): void {
  const bytes = readFileSync(`dist/${name}`);
  const kib = (length: number): string => `${(length / 1024).toFixed(1)} KiB`.padStart(9);
  console.log(`dist/${name.padEnd(17)}${kib(bytes.length)} ${kib(gzipSync(bytes).length)} gzipped`);
}

for (const folder of ["dist", STEPS]) rmSync(folder, { recursive: true, force: true });
await build({
  entryPoints: ["tools/build/steps.ts"],
  outdir: STEPS,
  bundle: true,
  splitting: true,
  packages: "external",
  platform: "node",
  format: "esm",
  logLevel: "warning",
});
for (const steps of rounds) await runInPool(steps, availableParallelism(), runStep);
for (const name of readdirSync("dist")) if (/\.(html|js|wasm)$/.test(name)) printSize(name);
