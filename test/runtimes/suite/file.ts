/** heap.wasm, heap.shared.wasm and heap.debug.wasm without the library, as another module's malloc and free. */

import { expect, it } from "vitest";

import { PAGE } from "../../suite/place.ts";
import { type Here, lacking, type WasmFile } from "./place.ts";
import { skip } from "./runner.ts";

type Export = (...words: number[]) => number;

/** The first invariant that is violated, or 0: only heap.debug.wasm can check it. */
function violated(call: Record<string, Export>): number {
  return call.heap_check === undefined ? 0 : call.heap_check();
}

export function fileSuite({ name, shared, bytes }: WasmFile, here: Here): void {
  const lacks = lacking(here, { sharing: shared, wasm: true, compiling: true });
  if (lacks !== undefined) return skip(name, lacks);

  it("imports env.memory and nothing else", () => {
    const imports = WebAssembly.Module.imports(new WebAssembly.Module(bytes));
    expect(imports.map((each) => [each.module, each.name, each.kind])).toEqual([
      ["env", "memory", "memory"],
    ]);
  });

  const instantiate = (): { memory: WebAssembly.Memory; call: Record<string, Export> } => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 100, shared });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
    return { memory, call: instance.exports as Record<string, Export> };
  };

  it("malloc, calloc, realloc and free use memory after what is there", () => {
    const { memory, call } = instantiate();
    const p = call.malloc!(1000);
    expect(p).toBeGreaterThanOrEqual(PAGE);
    expect(p % 16).toBe(0);
    new Uint8Array(memory.buffer, p, 1000).fill(7);
    const q = call.calloc!(10, 100);
    expect(new Uint8Array(memory.buffer, q, 1000).every((byte) => byte === 0)).toBe(true);
    const moved = call.realloc!(p, 200_000);
    expect(new Uint8Array(memory.buffer, moved, 1000).every((byte) => byte === 7)).toBe(true);
    call.free!(moved);
    call.free!(q);
    call.free!(0);
    expect(violated(call)).toBe(0);
  });

  it("aligned_alloc and posix_memalign align", () => {
    const { memory, call } = instantiate();
    expect(call.aligned_alloc!(4096, 100) % 4096).toBe(0);
    const at = call.malloc!(4);
    expect(call.posix_memalign!(at, 256, 100)).toBe(0);
    expect(new Int32Array(memory.buffer, at, 1)[0]! % 256).toBe(0);
  });

  it("free traps on a free block, and the heap stays sound", () => {
    const { call } = instantiate();
    const p = call.malloc!(100);
    call.free!(p);
    expect(() => call.free!(p)).toThrow(WebAssembly.RuntimeError);
    // DOUBLE_FREE is the fourth of the errors.
    expect([call.heap_error!(), violated(call)]).toEqual([4, 0]);
  });

  it("malloc returns 0 when it is out of memory", () => {
    const { call } = instantiate();
    expect(call.malloc!(101 * PAGE)).toBe(0);
    expect([call.heap_error!(), violated(call)]).toEqual([1, 0]);
    expect(call.malloc!(100)).not.toBe(0);
  });
}
