/** A typed array in a heap, which stays whole when the memory grows. */

import { MAX_SIZE } from "../engine/block.ts";
import { Block } from "./block.ts";
import { badOptions, HeapError, shown } from "./errors.ts";
import type { Heap, TypedArrayType } from "./heap.ts";

/** Throws `BAD_OPTIONS` for what makes no typed arrays. */
export function expectTypedArray(type: unknown): void {
  if (typeof type === "function" && "BYTES_PER_ELEMENT" in type) return;
  throw badOptions(`${shown(type)} is no typed array: expected one such as Float32Array`);
}

/** Bytes of so many elements; NaN for what is no number of them. */
export function bytesOf(type: { readonly BYTES_PER_ELEMENT: number }, length: number): number {
  return typeof length === "number" ? length * type.BYTES_PER_ELEMENT : NaN;
}

/**
 * A block of typed elements, all zero at first. It frees itself as every block does.
 *
 * ```ts
 * using samples = heap.array(Float64Array, 1000);
 * samples.elements[0] = 1.5;
 * ```
 */
export class HeapArray<View extends { readonly length: number }> extends Block {
  /** Number of elements. */
  readonly length: number;
  readonly #type: TypedArrayType<View>;
  /** The last view that was made; none once the block is deallocated or released. */
  #elements: View | undefined;

  /** @internal */
  constructor(heap: Heap, type: TypedArrayType<View>, length: number) {
    expectTypedArray(type);
    const size = bytesOf(type, length);
    const most = Math.floor(MAX_SIZE / type.BYTES_PER_ELEMENT);
    if (!Number.isInteger(length) || length < 0 || length > most) {
      throw new HeapError(
        "INVALID_SIZE",
        `length ${shown(length)} is not a whole number of elements from 0 to ${most}`,
        { size },
      );
    }
    super(heap, heap.allocateZeroed(size), size);
    this.length = length;
    this.#type = type;
  }

  /**
   * The elements, as a typed array on the memory as it is now: the same one until the memory's buffer is replaced. So ask
   * for it again after anything that may have allocated: in `array.elements[0] = heap.allocate(8)` it is asked for too
   * early. Throws `DISPOSED`. Cost: a comparison; one object after the buffer was replaced.
   */
  get elements(): View {
    const elements = this.#elements;
    // A view has no length once it is detached; of one that never had any it can't be told.
    if (elements !== undefined && elements.length === this.length && this.length !== 0)
      return elements;
    return (this.#elements = this.view(this.#type));
  }

  override release(): number {
    this.#elements = undefined;
    return super.release();
  }
}
