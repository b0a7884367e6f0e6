// What typed data costs: ns for reading one number in each of the ways that survive growth. `npx tsx bench/typed.ts`
import { performance } from "node:perf_hooks";
import { Heap, struct } from "../src/index.ts";

const LENGTH = 1000;
const TIMES = 200;
const ROUNDS = 30;

const heap = new Heap();
const array = heap.array(Float64Array, LENGTH);
const Point = struct({ x: "f64", y: "f64", id: "u32" });
const points = heap.block(LENGTH * Point.size);
const point = Point.of(points);

const WAYS: Record<string, () => number> = {
  "a typed array, asked for once"() {
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

for (const [name, read] of Object.entries(WAYS)) {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = performance.now();
    for (let i = 0; i < TIMES; i += 1) read();
    best = Math.min(best, ((performance.now() - start) * 1e6) / (TIMES * LENGTH));
  }
  console.log(`${name.padEnd(34)}${best.toFixed(1).padStart(8)} ns`);
}
