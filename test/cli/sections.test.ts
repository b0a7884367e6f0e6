/** cli/sections.ts: modules that are read and written. */

import binaryen from "binaryen";
import { describe, expect, test } from "vitest";

import { readModule, writeModule, writeSections } from "../../cli/sections.ts";

function moduleOf(text: string): Uint8Array {
  const module = binaryen.parseText(text);
  module.setFeatures(binaryen.Features.All);
  const binary = module.emitBinary();
  module.dispose();
  return binary;
}

const app = moduleOf(`(module
  (import "env" "malloc" (func $malloc (param i32) (result i32)))
  (import "env" "memory" (memory 2 5))
  (global $base i32 (i32.const 300))
  (func $twice (param i32 i32) (drop (call $malloc (local.get 0))))
  (export "__heap_base" (global $base))
  (export "twice" (func $twice)))`);

describe("readModule", () => {
  test("imports, exports, memories and the types of functions", () => {
    const { imports, exports, memories, signatures } = readModule(app);
    expect(imports.map(({ module, name, kind }) => [module, name, kind])).toEqual([
      ["env", "malloc", "function"],
      ["env", "memory", "memory"],
    ]);
    expect(exports).toEqual([
      { name: "__heap_base", kind: "global", index: 0 },
      { name: "twice", kind: "function", index: 1 },
    ]);
    expect(memories).toEqual([
      { initial: 2, maximum: 5, shared: false, wide: false, pageSize: 65536 },
    ]);
    expect(signatures).toEqual(["(i32) -> i32", "(i32, i32) -> nothing"]);
  });

  test.each([
    ["nothing", [], "it ends too early"],
    ["text", [...Buffer.from("hello, world")], "it does not begin like one"],
    ["a part of a module", [...app.subarray(0, 30)], "it ends too early"],
    ["a component", [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0], "it is a component"],
  ])("%s is refused", (_, bytes, message) => {
    expect(() => readModule(Uint8Array.from(bytes))).toThrow(message);
  });
});

test("writeSections returns the bytes that were read", () => {
  expect(writeSections(readModule(app).sections)).toEqual(Buffer.from(app));
});

test("writeModule changes names of imports and exports, and nothing else", () => {
  const module = readModule(app);
  const imports = module.imports.map((each) => ({ ...each, module: "heap" }));
  const exports = [{ name: "other", kind: "function", index: 1 }] as const;
  const written = readModule(Uint8Array.from(writeModule(module, imports, exports)));
  expect(written.imports).toEqual(imports);
  expect(written.exports).toEqual(exports);
  const others = ({ sections }: typeof module) => sections.filter(({ id }) => id !== 2 && id !== 7);
  expect(others(written)).toEqual(others(module));
});
