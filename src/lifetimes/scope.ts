/** A scope: resources that are freed together. */

import { badOptions, disposed } from "../errors.ts";
import { show, shown } from "../show.ts";
import type { HeapLike } from "../types.ts";
import { dispose } from "./dispose.ts";

/**
 * Frees everything that was added to it when it is disposed of: at the end of the code block that declares it with `using`, or
 * by `dispose`. It works like `DisposableStack`, and can also allocate.
 *
 * Resources are freed in reverse order, each once. If freeing one fails, the others are freed nevertheless. Don't free a pointer
 * manually that a scope holds, and neither `reset` the heap nor reallocate such a block.
 *
 * @example
 * ```ts
 * using scope = heap.scope();
 * const p = scope.allocate(1024);
 * const name = scope.use(heap.cString("a name"));
 * const result = scope.use(heap.block(64));
 * return result.release(); // the others are freed
 * ```
 */
export class Scope {
  readonly #heap: HeapLike;
  /** What to call at the end, in the order of adding; undefined after the scope has ended. */
  #stack: (() => void)[] | undefined;

  /** @internal */
  constructor(heap: HeapLike, stack: (() => void)[] = []) {
    this.#heap = heap;
    this.#stack = stack;
  }

  /** Whether the scope has ended: it was disposed of, or its resources were moved. */
  get disposed(): boolean {
    return this.#stack === undefined;
  }

  /**
   * Allocates a block that is freed with the scope.
   *
   * @param size Bytes, from 0 to 2147418112.
   * @param alignment Bytes, a power of two up to 1073741824 (1 GiB).
   * @returns The pointer.
   * @throws {HeapError} `DISPOSED` if the scope has ended, and as `Heap.allocate` does.
   */
  allocate(size: number, alignment?: number): number {
    this.#open();
    return this.adopt(this.#heap.allocate(size, alignment), (each) => this.#heap.deallocate(each));
  }

  /**
   * Adds a resource that frees itself, such as a block, an array or another scope.
   *
   * @param value An object with a `Symbol.dispose` method; null and undefined are ignored.
   * @returns The value.
   * @throws {HeapError} `DISPOSED` if the scope has ended. `BAD_OPTIONS` if the value has no such method.
   */
  use<Value extends Disposable | null | undefined>(value: Value): Value {
    const stack = this.#open();
    if (value === null || value === undefined) return value;
    const method: unknown = value[dispose];
    if (typeof method !== "function") {
      throw badOptions(
        `Cannot use ${shown(value)}: it has no Symbol.dispose method. Call adopt().`,
      );
    }
    stack.push(() => method.call(value));
    return value;
  }

  /**
   * Adds a value with the function that frees it.
   *
   * @param value Any value, such as a pointer.
   * @param onDispose Called with the value when the scope is disposed of.
   * @returns The value.
   * @throws {HeapError} `DISPOSED` if the scope has ended. `BAD_OPTIONS` if `onDispose` is not a function.
   * @example
   * ```ts
   * const p = scope.adopt(module.make(), module.destroy);
   * ```
   */
  adopt<Value>(value: Value, onDispose: (value: Value) => void): Value {
    this.#add(onDispose, () => onDispose(value));
    return value;
  }

  /**
   * Adds a function to call when the scope is disposed of.
   *
   * @param onDispose The function.
   * @throws {HeapError} `DISPOSED` if the scope has ended. `BAD_OPTIONS` if `onDispose` is not a function.
   */
  defer(onDispose: () => void): void {
    this.#add(onDispose, () => onDispose());
  }

  /**
   * Moves all resources to a new scope and ends this one without freeing them.
   *
   * @returns The new scope.
   * @throws {HeapError} `DISPOSED` if the scope has ended.
   * @example
   * ```ts
   * using scope = heap.scope();
   * const p = scope.allocate(100);
   * mayThrow(p);
   * this.resources = scope.move(); // nothing is freed at the end
   * ```
   */
  move(): Scope {
    const moved = new Scope(this.#heap, this.#open());
    this.#stack = undefined;
    return moved;
  }

  /**
   * Frees all resources, the last one first, and ends the scope. Does nothing if the scope has ended.
   *
   * @throws The error of a resource that could not be freed. If there are several, a `SuppressedError`: `error` is the last
   *   one, `suppressed` the one before it, which may be a `SuppressedError` too.
   */
  dispose(): void {
    const stack = this.#stack ?? [];
    this.#stack = undefined;
    let failed = false;
    let failure: unknown;
    for (const free of stack.reverse()) {
      try {
        free();
      } catch (error) {
        failure = failed ? suppressing(error, failure) : error;
        failed = true;
      }
    }
    if (failed) throw failure;
  }

  /** Called by `using`: the same as `dispose`. */
  [dispose](): void {
    this.dispose();
  }

  /** @internal */
  [show](): string {
    return `Scope(${this.#stack === undefined ? "disposed" : `${this.#stack.length} resources`})`;
  }

  #add(onDispose: unknown, free: () => void): void {
    const stack = this.#open();
    if (typeof onDispose !== "function") {
      throw badOptions(`Invalid onDispose ${shown(onDispose)}: expected a function.`);
    }
    stack.push(free);
  }

  #open(): (() => void)[] {
    if (this.#stack === undefined) throw disposed("scope");
    return this.#stack;
  }
}

/** A `SuppressedError`; if the platform has none, an Error of its form. */
function suppressing(error: unknown, suppressed: unknown): Error {
  const message = "Several resources could not be freed.";
  return typeof SuppressedError === "function"
    ? new SuppressedError(error, suppressed, message)
    : Object.assign(new Error(message), { name: "SuppressedError", error, suppressed });
}
