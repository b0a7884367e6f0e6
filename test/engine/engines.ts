/** The engine in its three forms, each with state of its own, and the memories to put them on. */

import { readFileSync } from "node:fs";
import { vi } from "vitest";

import { useHeap } from "../../engine/control.ts";
import { forgetMap } from "../../engine/map.ts";
import type { AnyMemory } from "../../engine/memory/any-memory.ts";
import { PINNED } from "../../engine/memory/counting.ts";

type Exports = typeof import("../../engine/exports.ts");
type Inspector = typeof import("../../engine/inspect/inspector.ts");
/** All forms have the same functions, and the inspector's with them. They return an i32: addresses need `>>> 0`. */
export type Engine = Exports & Omit<Inspector, "heap_inspect">;
export type Seam = typeof import("../../engine/memory/counting.ts");

/** The source as it is, over the counting seam; what the build makes of it for JavaScript, and for WebAssembly. */
export type Form = "source" | "js" | "wasm";
export const FORMS: readonly Form[] = PINNED ? ["source", "wasm"] : ["source", "js", "wasm"];

export const PAGE = 65536;

const wasm = new WebAssembly.Module(readFileSync(new URL("../../dist/heap.wasm", import.meta.url)));
const sharedWasm = new WebAssembly.Module(
  readFileSync(new URL("../../dist/heap.shared.wasm", import.meta.url)),
);
const pinnedWasm = new WebAssembly.Module(
  readFileSync(new URL("../../tools/build/generated/heap.pinned.wasm", import.meta.url)),
);
const generated = (name: string): string =>
  new URL(`../../tools/build/generated/${name}`, import.meta.url).href;

/** Entries of a walk: 0 free block, 1 block in use, 2 free slot, 3 slot in use, 4 metadata, 5 foreign region. */
export interface Entry {
  readonly address: number;
  readonly size: number;
  readonly kind: number;
}

/** Whether these tests run with metadata that never moves; the JavaScript engine has the plain layout only. */
export { PINNED };

/** An engine that has no heap yet. The wasm takes a `WebAssembly.Memory` only. */
export async function createEngine(form: Form, memory: AnyMemory): Promise<Engine> {
  if (form === "source") return (await createSource(memory)).engine;
  if (form === "js") {
    const { createEngine: create } = await import(/* @vite-ignore */ generated("js-engine.js"));
    return inspected(create(memory), memory);
  }
  if (!(memory instanceof WebAssembly.Memory))
    throw new TypeError("the wasm takes a WebAssembly.Memory only");
  const instantiate = (module: WebAssembly.Module): Engine =>
    new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Engine;
  if (PINNED) return instantiate(pinnedWasm);
  return inspected(
    instantiate(memory.buffer instanceof SharedArrayBuffer ? sharedWasm : wasm),
    memory,
  );
}

/** An engine together with the inspector that the library has. */
async function inspected(engine: Exports, memory: AnyMemory): Promise<Engine> {
  const { createInspector } = await import(/* @vite-ignore */ generated("inspector.js"));
  const inspector: Inspector = createInspector(memory);
  const current = (): Inspector => {
    inspector.heap_inspect(engine.heap_stat(3));
    return inspector;
  };
  return {
    ...engine,
    heap_check: () => current().heap_check(),
    heap_check_at: inspector.heap_check_at,
    heap_walk: (p) => current().heap_walk(p),
    heap_walked_size: inspector.heap_walked_size,
    heap_walked_kind: inspector.heap_walked_kind,
  };
}

/** The source, with the seam that it runs over. Constants are the same in all copies; import those. */
export async function createSource(memory: AnyMemory): Promise<{ engine: Engine; seam: Seam }> {
  vi.resetModules();
  const seam = await import("../../engine/memory/counting.ts");
  const exports = await import("../../engine/exports.ts");
  const inspector = await import("../../engine/inspect/inspector.ts");
  seam.mount(memory);
  return { engine: { ...exports, ...inspector }, seam };
}

/** A memory of `pages` pages that grows up to `most`. */
export function wasmMemory(pages: number, most = 4096): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: pages, maximum: most });
}

/** A resizable buffer of `pages` pages that grows up to `most`. */
export function resizable(pages: number, most = 1024): ArrayBuffer {
  return new ArrayBuffer(pages * PAGE, { maxByteLength: most * PAGE });
}

export function bytesOf(memory: AnyMemory): Uint8Array {
  return new Uint8Array("buffer" in memory ? memory.buffer : memory);
}

/** A copy of all that the memory holds. */
export function imageOf(memory: AnyMemory): Buffer {
  return Buffer.from(bytesOf(memory));
}

/** The entries that the engine's own walk lists. */
export function walkOf(engine: Engine): Entry[] {
  const entries: Entry[] = [];
  for (let p = engine.heap_walk(0); p !== 0; p = engine.heap_walk(p)) {
    const previous = entries.at(-1)?.address ?? 0;
    if (p >>> 0 <= previous) throw new Error(`the walk goes from ${previous} to ${p >>> 0}`);
    entries.push({
      address: p >>> 0,
      size: engine.heap_walked_size() >>> 0,
      kind: engine.heap_walked_kind(),
    });
  }
  return entries;
}

/** The invariant that `heap_check` finds violated: "B3"; "" if all hold. */
export function brokenIn(engine: Engine): string {
  const code = engine.heap_check();
  return code === 0 ? "" : `${String.fromCharCode(code >> 8)}${code & 255}`;
}

/** Makes the source, which all tests of a file share, forget the heap that it has used. */
export function forgetHeap(): void {
  useHeap(0);
  forgetMap();
}
