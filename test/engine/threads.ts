/** Several threads on one heap, simulated: each is an engine of its own over the counting seam, with variables of its own. */

import { vi } from "vitest";

import { ERRORS } from "./error-names.ts";

type Exports = typeof import("../../engine/exports.ts");
type Shared = typeof import("../../engine/shared.ts");
type Inspector = typeof import("../../engine/inspect/inspector.ts");
type Seam = typeof import("../../engine/memory/counting.ts");
export type ThreadEngine = Exports & Shared & Inspector;

export interface Thread {
  readonly engine: ThreadEngine;
  readonly seam: Seam;
  id: number;
}

/** An engine that has joined no heap. */
export async function newThread(memory: WebAssembly.Memory): Promise<Thread> {
  vi.resetModules();
  const seam = await import("../../engine/memory/counting.ts");
  const engine = {
    ...(await import("../../engine/exports.ts")),
    ...(await import("../../engine/shared.ts")),
    ...(await import("../../engine/inspect/inspector.ts")),
  };
  seam.mount(memory);
  return { engine, seam, id: 0 };
}

/** Looks at a lock that another thread has before a call fails with BUSY. */
export const LOOKS = 3;

/** Makes a thread join the heap at `base`. */
export function join(thread: Thread, base = 0): void {
  const { engine } = thread;
  expectOk(engine.heap_attach(base));
  expectOk(engine.heap_join(engine.heap_reserve(), LOOKS));
  thread.id = engine.heap_thread();
}

export function expectOk(code: number): void {
  if (code !== 0) throw new Error(`expected OK, got ${ERRORS[code] ?? code}`);
}

/** Engines for so many threads, on one memory. */
export async function newThreads(memory: WebAssembly.Memory, count: number): Promise<Thread[]> {
  const threads: Thread[] = [];
  for (let i = 0; i < count; i++) threads.push(await newThread(memory));
  return threads;
}

/** Makes a new heap in the memory, which all threads join. */
export function begin(
  memory: WebAssembly.Memory,
  threads: readonly Thread[],
  limit = 1 << 26,
): void {
  new Uint8Array(memory.buffer).fill(0);
  for (const { seam } of threads) seam.mount(memory);
  const [first, ...others] = threads;
  expectOk(first!.engine.heap_create(0, limit, 0, 0, 1008));
  first!.engine.heap_patience(LOOKS);
  first!.id = first!.engine.heap_thread();
  for (const thread of others) join(thread);
}

export function sharedMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 4, maximum: 1024, shared: true });
}

/** The invariant that is violated, like "S3 at 4096"; "" if all hold. */
export function brokenIn({ engine }: Thread): string {
  const code = engine.heap_check();
  if (code === 0) return "";
  return `${String.fromCharCode(code >>> 8)}${code & 255} at ${engine.heap_check_at() >>> 0}`;
}
