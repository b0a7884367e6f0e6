/** A typed array in a heap, which survives growth of the memory. */

import { MAX_SIZE } from "../../engine/block.ts";
import { invalid, invalidLength } from "../errors.ts";
import { Block } from "../lifetimes/block.ts";
import { show } from "../show.ts";
import type { HeapLike, TypedArrayType } from "../types.ts";

/** Throws `BAD_OPTIONS` for what is not the constructor of a typed array. */
export function expectTypedArray(type: unknown): void {
  if (typeof type === "function" && "BYTES_PER_ELEMENT" in type) return;
  throw invalid("type", type, "a typed array's constructor such as Float32Array");
}

/** Bytes of so many elements; NaN for what is not a number. */
export function bytesOf(type: { readonly BYTES_PER_ELEMENT: number }, length: number): number {
  return typeof length === "number" ? length * type.BYTES_PER_ELEMENT : NaN;
}

/**
 * A block of typed elements, which are zero at first. It frees itself like every block.
 *
 * @example
 * ```ts
 * using samples = heap.array(Float64Array, 1000);
 * samples.elements[0] = 1.5;
 * ```
 */
export class HeapArray<View extends { readonly length: number }> extends Block {
  /** Number of elements. */
  readonly length: number;
  readonly #type: TypedArrayType<View>;
  /** The last view that was made; undefined after the block was freed or released. */
  #elements: View | undefined;

  /** @internal */
  constructor(heap: HeapLike, type: TypedArrayType<View>, length: number) {
    expectTypedArray(type);
    const size = bytesOf(type, length);
    const most = Math.floor(MAX_SIZE / type.BYTES_PER_ELEMENT);
    if (!Number.isInteger(length) || length < 0 || length > most) {
      throw invalidLength(length, most, { size });
    }
    super(heap, heap.allocateZeroed(size), size);
    this.length = length;
    this.#type = type;
  }

  /**
   * The elements, as a typed array on the memory as it is now. It is the same object until the memory's buffer is replaced. Ask
   * for it again after any call that may allocate. `array.elements[0] = heap.allocate(8)` asks too early. Cost: a comparison;
   * one object after the buffer was replaced.
   *
   * @throws {HeapError} `DISPOSED` if the array was disposed of or released.
   */
  get elements(): View {
    const elements = this.#elements;
    // A detached view has length 0. That does not show if it always had.
    if (elements !== undefined && elements.length === this.length && this.length !== 0)
      return elements;
    return (this.#elements = this.view(this.#type));
  }

  override release(): number {
    this.#elements = undefined;
    return super.release();
  }

  /** @internal */
  override [show](): string {
    return `HeapArray(${this.length} elements, ${this.state})`;
  }
}
