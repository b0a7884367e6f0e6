/** What is freed together. */

import { dispose } from "./dispose.ts";
import { badOptions, disposed, HeapError, shown } from "./errors.ts";
import type { Heap } from "./heap.ts";

/** What a scope can hold: a pointer, or what frees itself, such as a block, an array or another scope. */
export type Held = number | { dispose(): void };

/**
 * Frees all that it holds when it is disposed of: at the end of the code that `using` declares it in, or by hand.
 *
 * ```ts
 * using scope = heap.scope();
 * const p = scope.allocate(1024);
 * const name = scope.add(heap.cString("a name"));
 * return scope.keep(p); // everything but p is freed
 * ```
 *
 * It promises that each is freed once, in the reverse of the order in which they came, whatever is thrown in between: an
 * error while freeing one does not save the others, and the first such error is thrown at the end. Scopes are independent:
 * one inside the other ends first if `using` declared both, and `outer.add(inner.keep(p))` moves a block outwards.
 *
 * It does not see what others do: deallocate a pointer that it holds by `heap.deallocate(scope.keep(p))`, and neither
 * `reset` the heap nor reallocate its blocks in the meantime.
 */
export class Scope {
  readonly #heap: Heap;
  /** Undefined once it has ended. */
  #held: Set<Held> | undefined = new Set();

  /** @internal */
  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /** `Heap.allocate`; the block is freed with the scope. Throws `DISPOSED` once the scope has ended. */
  allocate(size: number, alignment?: number): number {
    const held = this.#open();
    const pointer = this.#heap.allocate(size, alignment);
    held.add(pointer);
    return pointer;
  }

  /**
   * Has something freed with the scope that exists already: the pointer of a live block of this heap, or what has a method
   * `dispose`; answers it. Throws `DISPOSED` once the scope has ended, `BAD_OPTIONS` for anything else, and as
   * `Heap.deallocate` does for a wrong pointer.
   */
  add<Each extends Held>(each: Each): Each {
    const held = this.#open();
    if (typeof each === "number") this.#heap.usableSize(each);
    else if (typeof each?.dispose !== "function") {
      throw badOptions(
        `${shown(each)} can't be freed with a scope: expected a pointer, or what has a method dispose`,
      );
    }
    held.add(each);
    return each;
  }

  /**
   * Takes something out of the scope; answers it. It outlives the scope, and is the caller's to free. Throws
   * `INVALID_POINTER` for what the scope does not hold, `DISPOSED` once it has ended.
   */
  keep<Each extends Held>(each: Each): Each {
    if (this.#open().delete(each)) return each;
    const isPointer = typeof each === "number";
    throw new HeapError(
      "INVALID_POINTER",
      `${isPointer ? `pointer ${each}` : "this"} is not held by the scope: keep what its allocate or add answered, once`,
      isPointer ? { pointer: each } : {},
    );
  }

  /** Ends the scope: frees all that it holds. Nothing the second time. Throws the first error of what could not be freed. */
  dispose(): void {
    const held = [...(this.#held ?? [])].reverse();
    this.#held = undefined;
    const errors: unknown[] = [];
    for (const each of held) {
      try {
        if (typeof each === "number") this.#heap.deallocate(each);
        else each.dispose();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  /** What `using` calls: `dispose`. */
  [dispose](): void {
    this.dispose();
  }

  #open(): Set<Held> {
    if (this.#held === undefined) throw disposed("scope");
    return this.#held;
  }
}
