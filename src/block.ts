/** A block of a heap that frees itself. */

import { dispose } from "./dispose.ts";
import { disposed } from "./errors.ts";
import type { Heap, TypedArrayType } from "./heap.ts";

/**
 * A block that is deallocated when it is disposed of: at the end of the code that `using` declares it in, or by hand.
 *
 * ```ts
 * using block = heap.block(1024);
 * block.view(Float32Array).fill(1);
 * ```
 *
 * It promises that the block is deallocated once, whatever is thrown before, and that its pointer can't be had afterwards.
 * It can't know what others do: neither deallocate its pointer by hand nor `reset` the heap while it is to be disposed of,
 * and keep no copy of the pointer and no view for afterwards. One that is lost without being disposed of is never freed.
 */
export class Block {
  /** The heap that it is in. */
  readonly heap: Heap;
  /** Bytes that were asked for. */
  readonly size: number;
  /** 0 once it is deallocated or released. */
  #pointer: number;

  /** @internal */
  constructor(heap: Heap, pointer: number, size: number) {
    this.heap = heap;
    this.size = size;
    this.#pointer = pointer;
  }

  /** Where it begins. Throws `DISPOSED` once it was disposed of or released. */
  get pointer(): number {
    if (this.#pointer === 0) throw disposed("block");
    return this.#pointer;
  }

  /**
   * A view onto it, of as many elements as its size has room for. When the memory grows, views onto an unshared
   * WebAssembly.Memory are detached: ask for the view again after allocating. Throws `DISPOSED`. Cost: one object.
   */
  view<View>(type: TypedArrayType<View>): View {
    const length = Math.floor(this.size / (type?.BYTES_PER_ELEMENT ?? 1)); // what is no type, `view` refuses
    return this.heap.view(type, this.pointer, length);
  }

  /** Lets go of it without deallocating; its pointer, which is the caller's from now on. Throws `DISPOSED`. */
  release(): number {
    const { pointer } = this;
    this.#pointer = 0;
    return pointer;
  }

  /** Deallocates it; nothing the second time, or once it was released. Throws as `Heap.deallocate` does. */
  dispose(): void {
    if (this.#pointer !== 0) this.heap.deallocate(this.release());
  }

  /** What `using` calls: `dispose`. */
  [dispose](): void {
    this.dispose();
  }
}
