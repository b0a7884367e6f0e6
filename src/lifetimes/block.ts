/** A block of a heap that frees itself. */

import { disposed } from "../errors.ts";
import { show } from "../show.ts";
import type { HeapLike, TypedArrayType } from "../types.ts";
import { dispose } from "./dispose.ts";

/**
 * A block that is freed when it is disposed of: at the end of the code block that declares it with `using`, or by `dispose`.
 *
 * It is freed once, even if an error is thrown before. Then its pointer is no longer available. Don't free its pointer manually
 * and don't `reset` the heap before it is disposed of, or it will be freed twice. A block that is never disposed of is never
 * freed.
 *
 * @example
 * ```ts
 * using block = heap.block(1024);
 * block.view(Float32Array).fill(1);
 * ```
 */
export class Block {
  /** The heap that the block is in. */
  readonly heap: HeapLike;
  /** The requested size in bytes. */
  readonly size: number;
  /** 0 after the block was freed or released. */
  #pointer: number;

  /** @internal */
  constructor(heap: HeapLike, pointer: number, size: number) {
    this.heap = heap;
    this.size = size;
    this.#pointer = pointer;
  }

  /**
   * The address (bytes) of the block.
   *
   * @throws {HeapError} `DISPOSED` if the block was disposed of or released.
   */
  get pointer(): number {
    if (this.#pointer === 0) throw disposed("block");
    return this.#pointer;
  }

  /** Whether the block was disposed of or released. */
  get disposed(): boolean {
    return this.#pointer === 0;
  }

  /**
   * Returns a typed array on the block, with as many elements as fit in its size. When an unshared WebAssembly.Memory grows,
   * earlier views are detached: ask for the view again after allocating. Cost: one object.
   *
   * @param type The constructor of a typed array, such as `Float32Array`.
   * @returns The view.
   * @throws {HeapError} `DISPOSED` if the block was disposed of or released. `BAD_OPTIONS` if `type` is not the constructor
   *   of a typed array.
   */
  view<View>(type: TypedArrayType<View>): View {
    const length = Math.floor(this.size / (type?.BYTES_PER_ELEMENT ?? 1)); // heap.view refuses what is not a type
    return this.heap.view(type, this.pointer, length);
  }

  /**
   * Ends the block's responsibility without freeing it.
   *
   * @returns The pointer, which the caller must free.
   * @throws {HeapError} `DISPOSED` if the block was disposed of or released.
   */
  release(): number {
    const { pointer } = this;
    this.#pointer = 0;
    return pointer;
  }

  /**
   * Frees the block. Does nothing if it was disposed of or released.
   *
   * @throws {HeapError} as `Heap.deallocate` does.
   */
  dispose(): void {
    if (this.#pointer !== 0) this.heap.deallocate(this.release());
  }

  /** Called by `using`: the same as `dispose`. */
  [dispose](): void {
    this.dispose();
  }

  /** @internal */
  [show](): string {
    return `Block(${this.state})`;
  }

  /** @internal Size and address, for the console. */
  protected get state(): string {
    return `${this.size} bytes${this.disposed ? ", disposed" : ` at ${this.#pointer}`}`;
  }
}
