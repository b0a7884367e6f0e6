/** `record(heap)`: a heap's calls as a trace, and stacks. */

import { expect, test } from "vitest";

import { record } from "../../record/index.ts";
import { parseStack } from "../../record/stack.ts";
import { Heap } from "../../src/index.ts";
import { callsOf, replayOf, sourceOf } from "../trace/traces.ts";

/** Each op, with the names of the innermost functions of its stack. */
async function opsOf(text: string): Promise<{ ops: string[]; stacks: string[]; times: number[] }> {
  const calls = await callsOf(sourceOf(text));
  return {
    ops: calls.map((call) => call.text),
    stacks: calls.map(({ stack }) => stack.map(({ name }) => name).join(" < ")),
    times: calls.map(({ time }) => time),
  };
}

test("records every kind of call, and those of blocks, arrays and scopes", async () => {
  const heap = new Heap({ limit: 2 ** 20 });
  const before = heap.allocate(8);
  const recorder = record(heap);
  const a = heap.allocate(100);
  const b = heap.allocateZeroed(200);
  const c = heap.allocate(64, 256);
  const d = heap.reallocate(a, 5000);
  const e = heap.reallocate(0, 7);
  expect(heap.tryAllocate(2 ** 21)).toBe(0);
  heap.deallocate(0);
  heap.deallocate(before);
  for (const each of [b, c, d, e]) heap.deallocate(each);
  heap.block(11)[Symbol.dispose]();
  const scope = heap.scope();
  scope.allocate(12);
  scope[Symbol.dispose]();
  heap.tryAllocate(13);
  heap.reset();
  recorder.stop();
  heap.allocate(99);
  const { ops } = await opsOf(recorder.trace());
  expect(ops).toEqual([
    ...["a 0 100", "z 1 200", "m 2 64 256", "r 0 5000", "a 3 7", "f -1"],
    ...["f 1", "f 2", "f 0", "f 3"],
    ...["a 4 11", "f 4", "a 5 12", "f 5", "a 6 13", "f 6"],
  ]);
  expect(recorder.ops).toBe(ops.length);
});

test("the heap does what it did, and its methods are its own again after stop", () => {
  const heap = new Heap();
  const recorder = record(heap);
  const pointer = heap.allocate(100);
  expect(() => heap.deallocate(pointer + 1)).toThrow(
    expect.objectContaining({ code: "INVALID_POINTER" }),
  );
  expect(() => heap.allocate(-1)).toThrow(expect.objectContaining({ code: "INVALID_SIZE" }));
  recorder.stop();
  recorder.stop();
  expect(Object.keys(heap)).toEqual(Object.keys(new Heap()));
  expect(Object.hasOwn(heap, "allocate")).toBe(false);
  expect(recorder.trace()).toMatch(/^0\n1\n1\n1\na 0 100/);
});

test("takes the stack of every allocation, of some, or of none", async () => {
  const heap = new Heap();
  function inner(): void {
    heap.allocate(1000);
  }
  function outer(): void {
    inner();
  }
  const stacksOf = async (stackEvery: number): Promise<string[]> => {
    const recorder = record(heap, { stackEvery, depth: 2 });
    for (let i = 0; i < 10; i += 1) outer();
    recorder.stop();
    return (await opsOf(recorder.trace())).stacks;
  };
  expect(await stacksOf(0)).toEqual(Array.from({ length: 10 }, () => "inner < outer"));
  expect((await stacksOf(3000)).filter(Boolean)).toEqual([
    "inner < outer",
    "inner < outer",
    "inner < outer",
  ]);
  expect((await stacksOf(Infinity)).filter(Boolean)).toEqual([]);
});

test("times never decrease, and the trace can be replayed", async () => {
  const heap = new Heap();
  const recorder = record(heap, { stackEvery: 0 });
  const pointers = Array.from({ length: 500 }, (_, i) => heap.allocate(i));
  for (const each of pointers) heap.deallocate(each);
  const text = recorder.trace();
  const { times } = await opsOf(text);
  expect(times).toEqual(times.toSorted((x, y) => x - y));
  expect(times.at(-1)).toBeGreaterThan(0);
  expect(await replayOf(new Heap(), text, { check: 50 })).toMatchObject({ ops: 1000, failures: 0 });
});

test.each([
  ["    at main (file:///app/main.js:3:7)", "main", "/app/main.js:3"],
  ["    at https://a.example/x.js:12:1", "", "https://a.example/x.js:12"],
  ["    at Shop.open [as run] (C:\\a b\\x.js:12:1)", "Shop.open [as run]", "C:\\a b\\x.js:12"],
  ["    at wasm://wasm/0097b0ba:wasm-function[525]:0x190c4f", "wasm-function[525]", ""],
  ["    at grow (wasm://wasm/0097b0ba:wasm-function[7]:0x19)", "grow", "wasm-function[7]"],
  ["main@https://a.example/x.js:12:1", "main", "https://a.example/x.js:12"],
  ["@https://a.example/x.wasm:wasm-function[9]:0x1", "wasm-function[9]", ""],
])("reads the frame %s", (line, name, place) => {
  expect(parseStack(`Error\n${line}`)).toEqual([{ name, place }]);
});
