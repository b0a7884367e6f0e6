/** heap.wasm, heap.shared.wasm and heap.debug.wasm without the library, as another module's malloc and free. */

import { lacking, PAGE, type Place, type WasmFile } from "./place.ts";
import { expect, expectEqual, type Run } from "./run.ts";

type Export = (...words: number[]) => number;

/** The first invariant that is violated, or 0: heap.debug.wasm alone can tell. */
function violated(call: Record<string, Export>): number {
  return call.heap_check === undefined ? 0 : call.heap_check();
}

export function checkFile(run: Run, { name, shared, bytes }: WasmFile, place: Place): void {
  const lacks = lacking(place, { sharing: shared, wasm: true, compiling: true });
  if (lacks !== undefined) return run.skip(name, lacks);

  run.check(`${name}: imports env.memory and nothing else`, () => {
    const imports = WebAssembly.Module.imports(new WebAssembly.Module(bytes));
    expectEqual(
      imports.map((each) => [each.module, each.name, each.kind]),
      [["env", "memory", "memory"]],
    );
  });

  const instantiate = (): { memory: WebAssembly.Memory; call: Record<string, Export> } => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 100, shared });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
    return { memory, call: instance.exports as Record<string, Export> };
  };

  run.check(`${name}: malloc, calloc, realloc and free, behind what is in the memory`, () => {
    const { memory, call } = instantiate();
    const p = call.malloc!(1000);
    expect(p >= PAGE && p % 16 === 0, `a pointer beyond the first page, found ${p}`);
    new Uint8Array(memory.buffer, p, 1000).fill(7);
    const q = call.calloc!(10, 100);
    expect(
      new Uint8Array(memory.buffer, q, 1000).every((byte) => byte === 0),
      "zeros",
    );
    const moved = call.realloc!(p, 200_000);
    expect(
      new Uint8Array(memory.buffer, moved, 1000).every((byte) => byte === 7),
      "contents kept",
    );
    call.free!(moved);
    call.free!(q);
    call.free!(0);
    expectEqual(violated(call), 0, "the violated invariant");
  });

  run.check(`${name}: aligned_alloc and posix_memalign align`, () => {
    const { memory, call } = instantiate();
    expectEqual(call.aligned_alloc!(4096, 100) % 4096, 0);
    const at = call.malloc!(4);
    expectEqual(call.posix_memalign!(at, 256, 100), 0);
    expectEqual(new Int32Array(memory.buffer, at, 1)[0]! % 256, 0);
  });

  run.check(`${name}: free traps on a block that is free, and the heap stays sound`, () => {
    const { call } = instantiate();
    const p = call.malloc!(100);
    call.free!(p);
    let trap: unknown;
    try {
      call.free!(p);
    } catch (error) {
      trap = error;
    }
    expect(trap instanceof WebAssembly.RuntimeError, `a trap, found ${String(trap)}`);
    // DOUBLE_FREE is the fourth of the errors.
    expectEqual([call.heap_error!(), violated(call)], [4, 0]);
  });

  run.check(`${name}: malloc answers 0 when memory is out`, () => {
    const { call } = instantiate();
    expectEqual(call.malloc!(101 * PAGE), 0);
    expectEqual([call.heap_error!(), violated(call)], [1, 0]);
    expect(call.malloc!(100) !== 0, "a block after that");
  });
}
