/**
 * The memory refuses to grow, at each attempt, once and for a while; and the engine is stopped after any write, as if its
 * thread had died.
 */

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import * as exports from "../../engine/exports.ts";
import * as inspector from "../../engine/inspect/exports.ts";
import { SMALL_AT } from "../../engine/control.ts";
import * as seam from "../../engine/memory/counting.ts";
import { brokenIn, forgetHeap, imageOf, PAGE, PINNED, resizable } from "./engines.ts";
import { type Beginning, beginnings, calls, type Call, compare, Model } from "./model.ts";
import { word } from "../suite/picture.ts";
import { ERRORS } from "./error-names.ts";
import { DEFAULT_SMALL, TestHeap } from "./test-heap.ts";

const engine = { ...exports, ...inspector };

/** Requests that fail are followed by smaller ones. */
function expectSmallerWork(heap: TestHeap): void {
  const largest = Math.max(0, ...heap.walk().map(({ kind, size }) => (kind === 0 ? size : 0)));
  // A free block serves any request that it is large enough for. (Small requests may take a slab first. A top block may also
  // have to hold chunks of the map, if metadata never moves.)
  const size = PINNED ? largest >>> 1 : largest;
  if (size < 50 || heap.base === 0 || size < word(heap.memory, heap.base + SMALL_AT)) return;
  expect(heap.release(heap.allocate(size))).toBe("OK");
}

function heapOn(memory: ArrayBuffer): TestHeap {
  seam.mount(memory);
  forgetHeap();
  return new TestHeap(engine, memory);
}

/** A heap as `beginning` says, or none where growing failed. */
function begin(
  { created, base, margin, fit, small, pages, most }: Beginning,
  arm: () => void,
): TestHeap {
  const memory = resizable(pages, most);
  const heap = heapOn(memory);
  arm();
  if (created) {
    const image = imageOf(memory);
    const code = ERRORS[engine.heap_create(base, 0, margin, fit, small)];
    expect(code).toBeOneOf(["OK", "OUT_OF_MEMORY"]);
    if (code !== "OK") expect(imageOf(memory).equals(image)).toBe(true);
  }
  return heap;
}

function run(program: readonly Call[], model: Model, heap: TestHeap): void {
  let failures = 0;
  for (const call of program) {
    if (!call.check(model)) continue;
    call.run(model, heap);
    if (model.refused === failures) continue;
    failures = model.refused;
    expectSmallerWork(heap);
  }
  compare(model, heap);
}

const [seed, count] = [20260101, 12];
const programs = fc.sample(
  fc.array(fc.oneof(...calls), { minLength: 100, maxLength: 150, size: "max" }),
  { seed, numRuns: count },
);
const starts = fc.sample(beginnings, { seed, numRuns: count });

const cases = programs.map((program, i) => ({ program, beginning: starts[i]! }));
type Case = (typeof cases)[0];

/** How often a program asks for memory where all of it is given. */
function growths({ program, beginning }: Case): number {
  const heap = begin(beginning, () => {});
  run(program, new Model(), heap);
  return seam.counts.growths;
}

describe.each(cases.map((each, i) => [i + 1, each] as const))("5 program %d", (_, each) => {
  test("the heap stays sound if the memory refuses to grow once, at any attempt", () => {
    for (let n = growths(each); n > 0; n--) {
      const heap = begin(each.beginning, () => seam.failGrowths(n));
      run(each.program, new Model(), heap);
    }
  });

  test("the heap stays sound if the memory refuses to grow for a while", () => {
    for (let n = growths(each); n > 0; n--) {
      const heap = begin(each.beginning, () => seam.failGrowths(n, Infinity));
      const model = new Model();
      run(each.program, model, heap);
      seam.reset();
      run(each.program, model, heap);
      for (const { address } of model.live) expect(heap.release(address)).toBe("OK");
      model.live = [];
      compare(model, heap);
    }
  });
});

test("the programs of these tests make the memory grow", () => {
  expect(cases.reduce((sum, each) => sum + growths(each), 0)).toBeGreaterThan(20);
});

describe.each([0, DEFAULT_SMALL])("out of memory, slabs up to %d bytes", (small) => {
  /** A heap with some blocks, whose memory does not grow any more. */
  function full(): { heap: TestHeap; live: number[] } {
    const heap = heapOn(resizable(0));
    expect(engine.heap_create(1008, 0, 0, 0, small)).toBe(0);
    const live = [100, 1000, 5000, 20_000].map((size) => heap.allocate(size));
    seam.failGrowths(1, Infinity);
    return { heap, live };
  }

  test.each<[string, (live: number[]) => number]>([
    ["malloc", () => engine.malloc(3 * PAGE)],
    ["calloc", () => engine.calloc(3, PAGE)],
    ["aligned_alloc", () => engine.aligned_alloc(4096, 3 * PAGE)],
    [
      "aligned_alloc, for the sake of the alignment",
      () => engine.aligned_alloc(PAGE, 2 * PAGE - 40_000),
    ],
    ["realloc of the last block", (live) => engine.realloc(live[3]!, 3 * PAGE)],
    ["realloc of another block", (live) => engine.realloc(live[1]!, 3 * PAGE)],
    ["allocate", () => engine.allocate(3 * PAGE)],
  ])("%s fails, and the memory is as it was", (_, request) => {
    const { heap, live } = full();
    expect(heap.unchanged(() => request(live))).toBe(0);
    expect(ERRORS[engine.heap_error()]).toBe("OUT_OF_MEMORY");
    expect(brokenIn(engine)).toBe("");
    expectSmallerWork(heap);
    for (const p of live) expect(heap.release(p)).toBe("OK");
    seam.reset();
    expect(request([0, 0, 0, 0])).not.toBe(0);
  });

  test("posix_memalign fails with ENOMEM, and leaves its result unchanged", () => {
    const { heap, live } = full();
    expect(heap.unchanged(() => engine.posix_memalign(live[0]!, 64, 3 * PAGE))).toBe(12);
  });

  test("after a failed first request, the next one creates the heap", () => {
    const heap = heapOn(resizable(1));
    seam.failGrowths(1, 2);
    expect(heap.unchanged(() => heap.request(100))).toBe("OUT_OF_MEMORY");
    expect(heap.base).toBe(0);
    seam.reset();
    expect(heap.allocate(100)).toBeGreaterThan(PAGE);
  });

  test("the remaining memory is used to the last block", () => {
    const { heap, live } = full();
    for (const size of [10_000, 1000, 100, 1]) {
      for (let p = heap.request(size); p !== "OUT_OF_MEMORY"; p = heap.request(size))
        live.push(p as number);
    }
    expect(brokenIn(engine)).toBe("");
    expect(heap.walk().filter(({ kind, size }) => kind === 0 && size > 100)).toEqual([]);
    for (const p of live) expect(heap.release(p)).toBe("OK");
    expect(heap.allocate(PAGE)).toBeGreaterThan(0);
  });
});

test("the engine can be stopped after any write, and continues with the next call", () => {
  const heap = heapOn(resizable(2));
  engine.heap_create(0, 0, 0, 0, 0);
  const p = heap.allocate(1000);
  heap.allocate(10);
  seam.reset();
  heap.release(p);
  const writes = seam.counts.stores;
  expect(writes).toBeGreaterThan(5);
  expect(heap.allocate(1000)).toBe(p);
  // Each write changes the memory: no byte has the value from the first time.
  heap.bytes(p, 1000).fill(0xee);
  const images = new Set<string>();
  for (let n = 1; n <= writes; n++) {
    const before = imageOf(heap.memory);
    seam.reset();
    seam.stopAfter(n);
    expect(() => heap.release(p)).toThrow(seam.Stopped);
    expect(seam.counts.stores).toBe(n);
    images.add(imageOf(heap.memory).toString("latin1"));
    heap.bytes(0, before.length).set(before);
  }
  expect(images.size).toBeGreaterThan(writes / 2);
  expect(heap.release(p)).toBe("OK");
  expect(brokenIn(engine)).toBe("");
});
