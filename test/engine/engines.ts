/** The engine in its three forms, each with state of its own, and the memories to put them on. */

import { readFileSync } from "node:fs";
import { vi } from "vitest";

import type { AnyMemory } from "../../engine/memory/any-memory.ts";

/** All forms have the same functions. What they answer is an i32: addresses need `>>> 0`. */
export type Engine = typeof import("../../engine/c-abi.ts");
export type Seam = typeof import("../../engine/memory/counting.ts");

/** The source as it is, over the counting seam; what the build makes of it for JavaScript, and for WebAssembly. */
export const FORMS = ["source", "js", "wasm"] as const;
export type Form = (typeof FORMS)[number];

export const PAGE = 65536;

const wasm = new WebAssembly.Module(readFileSync(new URL("../../dist/heap.wasm", import.meta.url)));
const sharedWasm = new WebAssembly.Module(
  readFileSync(new URL("../../dist/heap.shared.wasm", import.meta.url)),
);
const generated = new URL("../../build/generated/js-engine.js", import.meta.url).href;

/** An engine that has no heap yet. The wasm takes a `WebAssembly.Memory` only. */
export async function createEngine(form: Form, memory: AnyMemory): Promise<Engine> {
  if (form === "source") return (await createSource(memory)).engine;
  if (form === "js") return (await import(/* @vite-ignore */ generated)).createEngine(memory);
  if (!(memory instanceof WebAssembly.Memory))
    throw new TypeError("the wasm takes a WebAssembly.Memory only");
  const module = memory.buffer instanceof SharedArrayBuffer ? sharedWasm : wasm;
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Engine;
}

/** The source, with the seam that it runs over. Constants are the same in all copies; import those. */
export async function createSource(memory: AnyMemory): Promise<{ engine: Engine; seam: Seam }> {
  vi.resetModules();
  const seam = await import("../../engine/memory/counting.ts");
  const engine = await import("../../engine/c-abi.ts");
  seam.mount(memory);
  return { engine, seam };
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
