/**
 * What `heapwright/record` costs: processor time of a call, alone, recorded without stacks, with sampled stacks, and with all.
 *
 *     npm run build && node bench/recorder.js
 *
 * A heap of the library, and heap.wasm instrumented; blocks of 16 to 271 bytes, 1,000 of them live. The least of five rounds.
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { Heap } from "../dist/index.js";
import { record, recordWasm } from "../dist/record.js";

const CALLS = 40_000;
const ROUNDS = 5;

function nanoseconds(allocator) {
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round += 1) {
    const live = new Uint32Array(1000);
    const start = process.cpuUsage();
    for (let i = 0; i < CALLS / 2; i += 1) {
      allocator.deallocate(live[i % 1000]);
      live[i % 1000] = allocator.allocate(16 + (i & 255));
    }
    const { user, system } = process.cpuUsage(start);
    least = Math.min(least, ((user + system) * 1e3) / CALLS);
    for (const pointer of live) allocator.deallocate(pointer);
  }
  return least;
}

function instanceOf(bytes) {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 1000 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  exports.heap_create(1024, 0, -1, 0, -1);
  return { allocate: exports.malloc, deallocate: exports.free };
}

const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "heapwright-bench-"));
const [plain, instrumented] = [join(dist, "heap.wasm"), join(folder, "heap.rec.wasm")];
execFileSync(process.execPath, [join(dist, "cli.js"), "instrument", plain, "-o", instrumented]);
const [before, after] = [readFileSync(plain), readFileSync(instrumented)];
rmSync(folder, { recursive: true });

console.log("                        Heap   module");
for (const [name, stackEvery] of [
  ["alone", undefined],
  ["without stacks", Infinity],
  ["a stack each 64 KiB", 65536],
  ["all stacks", 0],
]) {
  const recorded = stackEvery !== undefined;
  const heap = new Heap();
  const ofHeap = recorded ? record(heap, { stackEvery }) : undefined;
  const first = nanoseconds(heap);
  ofHeap?.stop();
  const ofModule = recorded ? recordWasm({ stackEvery }) : undefined;
  const second = nanoseconds(instanceOf(recorded ? after : before));
  ofModule?.stop();
  const [a, b] = [first, second].map((each) => `${each.toFixed(0)} ns`.padStart(9));
  console.log(`${name.padEnd(19)}${a}${b}`);
}
