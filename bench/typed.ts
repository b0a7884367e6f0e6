// Measures reads of typed data, in each of the ways that survive growth of the memory: npx tsx bench/typed.ts
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import type { TypedResult } from "./results.ts";

const LENGTH = 1000;
const TIMES = 200;
const ROUNDS = 30;

type Library = typeof import("../src/index.ts");

/** The ways to read a number, each as a function that reads LENGTH of them. */
function waysOf({ Heap, struct }: Library): Record<string, () => number> {
  const heap = new Heap();
  const array = heap.array(Float64Array, LENGTH);
  const Point = struct({ x: "f64", y: "f64", id: "u32" });
  const points = heap.block(LENGTH * Point.size);
  const point = Point.of(points);
  return {
    "a typed array in a variable"() {
      const { elements } = array;
      let sum = 0;
      for (let i = 0; i < LENGTH; i += 1) sum += elements[i]!;
      return sum;
    },
    "array.elements[i]"() {
      let sum = 0;
      for (let i = 0; i < LENGTH; i += 1) sum += array.elements[i]!;
      return sum;
    },
    "point.x"() {
      let sum = 0;
      for (let i = 0; i < LENGTH; i += 1) sum += point.x;
      return sum;
    },
    "Point.of(points, i).x"() {
      let sum = 0;
      for (let i = 0; i < LENGTH; i += 1) sum += Point.of(points, i).x;
      return sum;
    },
    "heap.view(Float64Array, p, n)[i]"() {
      const { pointer } = array;
      let sum = 0;
      for (let i = 0; i < LENGTH; i += 1) sum += heap.view(Float64Array, pointer, LENGTH)[i]!;
      return sum;
    },
  };
}

/** Times each way; the fastest round counts. Takes about a second. */
export async function measureTyped(): Promise<TypedResult[]> {
  const ways = waysOf(await import("../src/index.ts"));
  return Object.entries(ways).map(([way, read]) => {
    let time = Infinity;
    for (let round = 0; round < ROUNDS; round += 1) {
      const start = performance.now();
      for (let i = 0; i < TIMES; i += 1) read();
      time = Math.min(time, ((performance.now() - start) * 1e6) / (TIMES * LENGTH));
    }
    return { way, time };
  });
}

export function printTyped(results: readonly TypedResult[]): void {
  process.stdout.write("\nreads of typed data, ns per number\n");
  for (const { way, time } of results) {
    process.stdout.write(`${way.padEnd(34)}${time.toFixed(1).padStart(8)}\n`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) printTyped(await measureTyped());
