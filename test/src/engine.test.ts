/** src/engine.ts: which engine a heap gets. */

import { afterEach, describe, expect, it, vi } from "vitest";

import { type EngineName, Heap } from "../../src/index.ts";
import { errorOf, fill } from "../suite/heaps.ts";
import { MEMORIES, MOST, PAGE } from "../suite/place.ts";

describe("which engine", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  const expected: Record<string, EngineName> = {
    "WebAssembly.Memory": "wasm",
    "shared WebAssembly.Memory": "wasm",
  };

  it.each(MEMORIES)("auto chooses the engine for a $name", ({ name, make }) => {
    const heap = new Heap({ memory: make(PAGE, MOST) });
    expect(heap.engine).toBe(expected[name] ?? "js");
    heap.deallocate(heap.allocate(100));
  });

  it("a heap without a memory gets the wasm engine, and grows", () => {
    const heap = new Heap();
    expect(heap.engine).toBe("wasm");
    expect(heap.memory).toBeInstanceOf(WebAssembly.Memory);
    heap.allocate(40 * PAGE);
    expect(heap.buffer.byteLength).toBeGreaterThan(40 * PAGE);
    expect(new Heap({ engine: "js" }).memory).toBeInstanceOf(WebAssembly.Memory);
  });

  it("without WebAssembly, a heap gets the JavaScript engine and a resizable ArrayBuffer", async () => {
    vi.stubGlobal("WebAssembly", undefined);
    vi.resetModules();
    const { Heap: OtherHeap } = await import("../../src/index.ts");
    const heap = new OtherHeap();
    expect(heap.engine).toBe("js");
    expect((heap.memory as ArrayBuffer).resizable).toBe(true);
    const p = heap.allocate(40 * PAGE);
    fill(heap as Heap, p, 40 * PAGE);
    heap.deallocate(p);
    expect(heap.trim()).toBeGreaterThan(0);
    heap.check();
    expect(() => new OtherHeap({ engine: "wasm" })).toThrow(/engine "wasm"/);
  });

  it.each([
    [
      "CompileError",
      () => new WebAssembly.CompileError("Wasm code generation disallowed by embedder"),
    ],
    ["EvalError", () => new EvalError("refused to compile")],
  ])("a heap gets the JavaScript engine if WebAssembly is forbidden by a %s", async (_, error) => {
    class Forbidden {
      constructor() {
        throw error();
      }
    }
    const { Memory, CompileError } = WebAssembly;
    vi.stubGlobal("WebAssembly", { Memory, CompileError, Module: Forbidden });
    vi.resetModules();
    const { Heap: OtherHeap } = await import("../../src/index.ts");
    const heap = new OtherHeap();
    expect(heap.engine).toBe("js");
    expect(heap.memory).toBeInstanceOf(Memory);
    heap.deallocate(heap.allocate(100));
    expect(() => new OtherHeap({ engine: "wasm" })).toThrow(/engine "wasm" is not allowed \(/);
  });
});

it("the wasm engine requires a WebAssembly.Memory", () => {
  for (const memory of [new ArrayBuffer(PAGE), new SharedArrayBuffer(PAGE)]) {
    expect(errorOf(() => new Heap({ memory, engine: "wasm" })).code).toBe("BAD_OPTIONS");
  }
});
