// Compares builds of the JavaScript engine with the wasm engine, called from JavaScript: whole traces, warm.
//   npx tsx bench/js-engines.ts ENGINE.js... -- TRACE...
// Each ENGINE.js is a copy of tools/build/generated/js-engine.js. Prints ns per operation, and each engine's ratio to wasm.
import { readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { orExit } from "../trace/recorded/or-exit.ts";
import { HEAPWRIGHT_WASM, type Calls } from "./allocators.ts";
import { ownReplay } from "./from-js.ts";
import { OP_WORDS, readTrace } from "./trace.ts";

type Engine = Calls & {
  heap_init(base: number, limit: number): number;
  heap_reset(): number;
};

const ROUNDS = 6;
const REPLAYS = 3;

const split = process.argv.indexOf("--");
if (split < 3 || split === process.argv.length - 1)
  throw new Error("usage: npx tsx bench/js-engines.ts ENGINE.js... -- TRACE...");
const paths = process.argv.slice(2, split);
const wasm = new WebAssembly.Module(readFileSync(HEAPWRIGHT_WASM));

/** Gives each engine a separate copy of the loop, so that V8 optimises it for that engine. */
async function prepare(name: string, create: (memory: WebAssembly.Memory) => Engine) {
  return { name, create, replay: await ownReplay(name) };
}

const engines = [
  await prepare(
    "wasm",
    (memory) => new WebAssembly.Instance(wasm, { env: { memory } }).exports as unknown as Engine,
  ),
];
for (const path of paths) {
  const { createEngine } = (await import(pathToFileURL(resolve(path)).href)) as {
    createEngine: (memory: WebAssembly.Memory) => Engine;
  };
  engines.push(await prepare(basename(path), createEngine));
}

const logs = engines.map(() => 0);
const traces = process.argv.slice(split + 1);
for (const path of traces) {
  const trace = await orExit(readTrace(path));
  const ops = trace.ops.length / OP_WORDS;
  const best = engines.map(() => Infinity);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, { create, replay }] of engines.entries()) {
      const engine = create(new WebAssembly.Memory({ initial: 4, maximum: 65536 }));
      const pointers = new Uint32Array(trace.ids);
      engine.heap_init(16, 0);
      for (let again = 0; again <= REPLAYS; again++) {
        engine.heap_reset();
        const start = performance.now();
        replay(trace, engine, pointers, 0, ops, Infinity);
        const time = ((performance.now() - start) * 1e6) / ops;
        if (again > 0) best[i] = Math.min(best[i]!, time);
      }
    }
  }
  for (const i of engines.keys()) logs[i]! += Math.log(best[i]! / best[0]!);
  const shown = engines.map(({ name }, i) => `${name} ${best[i]!.toFixed(1)}`).join("  ");
  console.log(`${basename(path).padEnd(20)} ${shown}`);
}
const ratios = engines.map(
  ({ name }, i) => `${name} ${Math.exp(logs[i]! / traces.length).toFixed(2)}`,
);
console.log(`${"ratio to wasm".padEnd(20)} ${ratios.join("  ")}`);
