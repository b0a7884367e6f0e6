/**
 * A heap that several threads use at the same time, in a shared WebAssembly.Memory, and workers of Node that use it. Any thread may
 * free what another one has allocated, and may end at any moment.
 *
 * @module heapwright/threads
 */

import { threadsWasm } from "../tools/build/generated/threads-wasm.js";
import { BUSY, OK, OUT_OF_MEMORY } from "../engine/errors.ts";
import { MAX_SMALL, WARMUP_REQUESTS } from "../engine/classes.ts";
import { badOptions, busy, HeapBase, HeapError, invalid, invalidSize } from "./library.ts";
import type { AttachOptions, HeapMemory, HeapOptions, WasmMemory } from "./library.ts";
import { isShared, isWasmMemory } from "./memories.ts";
import type { Engine, Engines, Inspector, Unavailable } from "./types.ts";

export { HeapError, struct } from "./library.ts";
export type * from "./library.ts";

/** What heap.threads.wasm exports beside the functions of heap.wasm. */
interface ThreadsEngine extends Engine, Omit<Inspector, "heap_inspect"> {
  heap_reserve(): number;
  heap_join(thread: number, looks: number): number;
  heap_detach(): number;
  heap_patience(looks: number): void;
  heap_thread(): number;
  heap_collect(): number;
  heap_recover(thread: number): number;
  heap_held(): number;
  heap_held_size(): number;
  heap_recovered(): void;
}

/** Options that each thread chooses for itself. */
export interface ThreadOptions {
  /**
   * How often this thread looks at a lock that another thread has, before a call fails with `BUSY`. 0: it never waits. `Infinity`: it
   * sleeps until it gets the lock, which the main thread of a page and an audio worklet cannot.
   *
   * @defaultValue `Infinity` in a worker, 0 in an audio worklet, 1,000,000 in the main thread of a page, 100,000,000 in other main
   *   threads: a thread that learns that others have ended must not sleep until they go on
   */
  patience?: number;
}

/** How a thread joins a heap. */
export interface ThreadAttachOptions extends AttachOptions, ThreadOptions {
  /**
   * The number that `reserve` has returned for this thread.
   *
   * @defaultValue a new one
   */
  thread?: number;
}

/** How a heap for several threads is made. `memory` is a shared WebAssembly.Memory. */
export interface ThreadsHeapOptions extends HeapOptions, ThreadOptions {
  /** Whether several threads use the heap at the same time. Heaps of this module are always shared. */
  shared?: true;
}

/** A block that a thread held when it ended. */
export interface Held {
  /** Its pointer. */
  readonly pointer: number;
  /** Its usable size in bytes. */
  readonly size: number;
}

/** Looks at the lock in the main thread of a page: some milliseconds. */
const PATIENCE = 1_000_000;
/** The same in another main thread: about a second. */
const LONG_PATIENCE = 100_000_000;
const LARGEST = 65536;

let compiled: WebAssembly.Module | undefined;

function threadsEngine(memory: HeapMemory): Engine | Unavailable {
  if (!isWasmMemory(memory) || !isShared(memory))
    return {
      reason: "for threads needs a shared WebAssembly.Memory",
      advice: "pass one as memory, or ",
    };
  compiled ??= new WebAssembly.Module(threadsWasm());
  const { exports } = new WebAssembly.Instance(compiled, {
    env: { memory: memory as WebAssembly.Memory },
  });
  return exports as unknown as ThreadsEngine;
}

/** The engine inspects its own heap. */
function inspectorOf(engine: Engine): Inspector {
  return { ...(engine as ThreadsEngine), heap_inspect() {} };
}

/** `Atomics.wait` throws where a thread must not sleep. */
function maySleep(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
    return true;
  } catch {
    return false;
  }
}

function defaultPatience(): number {
  if ("AudioWorkletGlobalScope" in globalThis) return 0;
  if (!maySleep()) return PATIENCE;
  const isMain = node()?.isMainThread ?? !("WorkerGlobalScope" in globalThis);
  return isMain ? LONG_PATIENCE : Infinity;
}

/** What the library uses of `node:worker_threads`. */
interface NodeThreads {
  readonly isMainThread: boolean;
  readonly workerData: unknown;
  readonly Worker: new (url: URL | string, options: { workerData: unknown }) => NodeWorker;
}

/** Node's module for workers; undefined on other platforms. */
function node(): NodeThreads | undefined {
  const { process } = globalThis as {
    process?: { getBuiltinModule?(name: string): NodeThreads | undefined };
  };
  return process?.getBuiltinModule?.("node:worker_threads");
}

/**
 * A heap that several threads use at the same time. It has the methods of `Heap` of `heapwright`, except `reset`.
 *
 * `deallocate` never waits. `allocate` of up to 1008 bytes does not wait, and needs no atomic store, while the thread has a free slot.
 *
 * @example
 * ```ts
 * const memory = new WebAssembly.Memory({ initial: 2, maximum: 16384, shared: true });
 * const heap = new Heap({ memory, shared: true }); // in one thread
 * const same = Heap.attach(memory); // in each other one
 * ```
 */
export class Heap extends HeapBase {
  /** @internal */
  static override readonly engines: Engines = { wasm: threadsEngine, inspector: inspectorOf };

  readonly #threads: ThreadsEngine;
  #patience = -1;

  /**
   * Makes a heap, which this thread joins. Its metadata for the address space takes a word for each 256 KiB up to `limit`.
   *
   * @param options `memory` is a shared WebAssembly.Memory, by default a new one. `limit` is where the memory that others grow
   *   begins: the heap owns all memory up to there.
   * @throws {HeapError} `BAD_OPTIONS` for an invalid option; `OUT_OF_MEMORY`.
   */
  constructor(options: ThreadsHeapOptions = {}) {
    const { patience, shared = true, ...rest } = options;
    if (shared !== true)
      throw badOptions(
        'A heap of heapwright/threads is shared: import Heap from "heapwright" for others.',
      );
    rest.memory ??= new WebAssembly.Memory({ initial: 2, maximum: LARGEST, shared: true });
    super(rest);
    this.#threads = this.engineInUse as ThreadsEngine;
    this.#setPatience(patience);
  }

  /**
   * Joins a heap that another thread has made.
   *
   * @param memory The memory that the heap lives in.
   * @param options The heap's `base`, by default 0; `thread`, if it was reserved; `patience`.
   * @returns The heap, for this thread.
   * @throws {HeapError} `BAD_OPTIONS` if there is no such heap, or if `thread` was not reserved or is in use. `BUSY` if 64 threads
   *   have joined already, or if this thread may not wait for the lock. `OUT_OF_MEMORY`.
   */
  static override attach(memory: HeapMemory, options: ThreadAttachOptions = {}): Heap {
    const { thread = 0, patience, ...rest } = options;
    const heap = super.attach(memory, rest) as Heap;
    heap.#setPatience(patience);
    // Joining waits for the lock for a while in any thread.
    const looks = heap.#patience === 0 ? LONG_PATIENCE : heap.#patience;
    const code = heap.#threads.heap_join(thread, looks);
    heap.#threads.heap_patience(heap.#patience);
    if (code === BUSY) throw busy();
    if (code === OUT_OF_MEMORY)
      throw new HeapError(
        "OUT_OF_MEMORY",
        "Out of memory: a thread needs 2 KiB of its own. Free blocks.",
      );
    if (code !== OK)
      throw invalid("thread", thread, "a number that reserve() returned, which no thread uses");
    return heap;
  }

  #setPatience(patience = defaultPatience()): void {
    if (
      patience !== Infinity &&
      !(Number.isInteger(patience) && patience >= 0 && patience < 2 ** 31)
    )
      throw invalid("patience", patience, "a whole number from 0 to 2147483647, or Infinity");
    this.#patience = patience === Infinity ? -1 : patience;
    this.#threads.heap_patience(this.#patience);
  }

  /** The number of this thread, not 0; 0 after `detach`. */
  get thread(): number {
    return this.#threads.heap_thread();
  }

  /**
   * Reserves a number for a thread that is about to start, which passes it to `attach`.
   *
   * @returns The number.
   * @throws {HeapError} `BUSY` if 64 threads have joined, or have a number.
   */
  reserve(): number {
    const thread = this.#threads.heap_reserve();
    if (thread === 0)
      throw new HeapError(
        "BUSY",
        "Busy: a heap has at most 64 threads at a time. Let one detach, or recover one that has ended.",
      );
    return thread;
  }

  /**
   * Gets slots ready for this thread, so that the next `count` requests of `size` bytes do not wait. Call it before a thread does
   * work that may not wait, with `patience` 0.
   *
   * @param size Bytes, from 0 to 1008.
   * @param count How many, from 0 on.
   * @throws {HeapError} `INVALID_SIZE`, `OUT_OF_MEMORY` or `BUSY`.
   * @remarks Linear in `count`. Other threads may wait meanwhile.
   */
  prefill(size: number, count: number): void {
    if (!Number.isInteger(size) || size < 0 || size > MAX_SMALL) throw invalidSize(size, MAX_SMALL);
    if (!Number.isInteger(count) || count < 0)
      throw invalid("count", count, "a whole number from 0 on");
    const pointers: number[] = [];
    if (this.#patience === 0) this.#threads.heap_patience(LONG_PATIENCE);
    try {
      for (let i = 0; i < count + WARMUP_REQUESTS; i++) pointers.push(this.allocate(size));
    } finally {
      // A thread that never waits keeps its empty slabs.
      this.#threads.heap_patience(0);
      for (const p of pointers) this.deallocate(p);
      this.#threads.heap_patience(this.#patience);
    }
  }

  /**
   * Frees memory for other sizes and threads: this thread's empty slabs, and all blocks that threads have freed without the lock.
   *
   * @throws {HeapError} `BUSY`.
   */
  collect(): void {
    if (this.#threads.heap_collect() !== OK) throw busy();
  }

  /**
   * This thread leaves the heap. Its blocks stay in use, and other threads take its slabs over. Afterwards it can free blocks, but
   * not allocate.
   *
   * @throws {HeapError} `BUSY`, with nothing changed.
   */
  detach(): void {
    if (this.#threads.heap_detach() !== OK) throw busy();
  }

  /**
   * Puts the heap in order after a thread has ended without `detach`. Call it only if the end is certain: after the `exit` event of
   * a worker, for example. Nothing can stop a thread that was declared dead, and it would damage the heap.
   *
   * @param thread Its number.
   * @returns The slots that are in use in its slabs: blocks of up to 1008 bytes that it has allocated and nobody has
   *   freed. Other threads may use some of them; only the program knows. Empty if the thread had left, or if another thread was faster.
   * @throws {HeapError} `BUSY`. Call it again then; the other threads go on meanwhile.
   */
  recover(thread: number): readonly Held[] {
    const engine = this.#threads;
    const code = engine.heap_recover(thread);
    if (code === BUSY) throw busy();
    const held: Held[] = [];
    if (code !== OK) return held;
    for (let p = engine.heap_held(); p !== 0; p = engine.heap_held())
      held.push({ pointer: p >>> 0, size: engine.heap_held_size() });
    engine.heap_recovered();
    return held;
  }

  /** Not for heaps that several threads use. */
  override reset(): never {
    throw badOptions("A heap that several threads use cannot be reset: free its blocks.");
  }
}

// Workers -----------------------------------------------------------------------------------------------------------------

/** How a worker is started. */
export interface StartOptions extends ThreadOptions {
  /** What `attachWorker` returns as `data` in the worker. */
  data?: unknown;
}

/** What `Worker` of `node:worker_threads` has, for projects without its typings. */
export interface NodeWorker {
  /** Calls the listener at each event of this name. */
  on(event: string, listener: (value: any) => void): unknown;
  /** Calls the listener at the next event of this name. */
  once(event: string, listener: (value: any) => void): unknown;
  /** Sends a copy of a value to the worker. */
  postMessage(value: unknown): void;
  /** Stops the worker where it is; resolves with its exit code. */
  terminate(): Promise<number>;
}

/** A worker that uses a heap. */
export interface Started {
  /** The `Worker` of `node:worker_threads`. */
  readonly worker: NodeWorker;
  /** Its number, see `Heap.thread`. */
  readonly thread: number;
  /** Resolves when the worker has ended and the heap is in order: with the slots that it held, see `Heap.recover`. */
  readonly ended: Promise<readonly Held[]>;
}

/** What a worker is passed. */
interface Ticket {
  readonly memory: WasmMemory;
  readonly base: number;
  readonly thread: number;
  readonly patience?: number;
}

/** Milliseconds until another attempt to recover. */
const PAUSE = 5;

/**
 * Starts a worker of Node that uses a heap, and recovers the heap when it ends, however it ends.
 *
 * @param heap The heap, in this thread, which must go on until the worker has ended.
 * @param url The worker's module, which calls `attachWorker`.
 * @param options `data` for the worker, and its `patience`.
 * @returns The worker, its number, and a promise of its end.
 * @throws {HeapError} `BUSY` if 64 threads have joined. `BAD_OPTIONS` where there are no workers of Node.
 */
export function startWorker(heap: Heap, url: URL | string, options: StartOptions = {}): Started {
  const threads = node();
  if (threads === undefined)
    throw badOptions(
      "startWorker needs node:worker_threads: start the worker yourself, and call recover() when it has ended.",
    );
  const { data, patience } = options;
  const thread = heap.reserve();
  const ticket: Ticket = {
    memory: heap.memory as WasmMemory,
    base: heap.base,
    thread,
    ...(patience === undefined ? {} : { patience }),
  };
  const worker = new threads.Worker(url, { workerData: { heapwright: ticket, data } });
  const ended = new Promise<readonly Held[]>((resolve, reject) => {
    const recover = (): void => {
      try {
        resolve(heap.recover(thread));
      } catch (error) {
        if (error instanceof HeapError && error.code === "BUSY") setTimeout(recover, PAUSE);
        else reject(error);
      }
    };
    worker.once("exit", recover);
  });
  return { worker, thread, ended };
}

/** What a worker was given. */
export interface Attached {
  /** The heap, which this thread has joined. */
  readonly heap: Heap;
  /** What `startWorker` was given. */
  readonly data: unknown;
}

/**
 * In a worker that `startWorker` has started: joins the heap.
 *
 * @returns The heap, and the `data` that `startWorker` was given.
 * @throws {HeapError} `BAD_OPTIONS` if the worker was started in another way; otherwise as `Heap.attach` does.
 */
export function attachWorker(): Attached {
  const passed = node()?.workerData as { heapwright?: Ticket; data?: unknown } | null | undefined;
  if (passed?.heapwright === undefined)
    throw badOptions(
      "attachWorker was called in a thread that startWorker did not start: use Heap.attach.",
    );
  const { memory, ...rest } = passed.heapwright;
  return { heap: Heap.attach(memory, rest), data: passed.data };
}
