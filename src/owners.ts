/** Blocks that are freed when an object is collected. */

import { badOptions, HeapError, shown } from "./errors.ts";
import type { Heap } from "./heap.ts";

/** A block to free. It must not lead to its owner, which would then never be collected. */
interface Owned {
  readonly heap: Heap;
  /** 0 once it is somebody else's to free. */
  pointer: number;
}

/** One for all heaps, so that it outlives them: a heap stays as long as one of its blocks has an owner. */
let registry: FinalizationRegistry<Owned> | undefined;

/** Which blocks of a heap have an owner. */
export class Owners {
  readonly #owned = new Map<number, Owned>();

  /** `pointer` is that of a live block. */
  add(heap: Heap, owner: object, pointer: number): void {
    if ((typeof owner !== "object" || owner === null) && typeof owner !== "function") {
      throw badOptions(
        `the owner of ${pointer} is ${shown(owner)}: expected an object, since nothing else is collected`,
      );
    }
    if (this.#owned.has(pointer)) {
      throw new HeapError(
        "INVALID_POINTER",
        `pointer ${pointer} has an owner already: disown it before it gets another`,
        { pointer },
      );
    }
    registry ??= new FinalizationRegistry(freeOwned);
    const owned = { heap, pointer };
    registry.register(owner, owned, owned);
    this.#owned.set(pointer, owned);
  }

  /** Whether there was one to forget. */
  forget(pointer: number): boolean {
    const owned = this.#owned.get(pointer);
    if (owned === undefined) return false;
    this.#owned.delete(pointer);
    owned.pointer = 0;
    registry!.unregister(owned);
    return true;
  }

  /** The block was moved. */
  move(from: number, to: number): void {
    const owned = this.#owned.get(from);
    if (owned === undefined) return;
    this.#owned.delete(from);
    owned.pointer = to;
    this.#owned.set(to, owned);
  }

  forgetAll(): void {
    for (const pointer of [...this.#owned.keys()]) this.forget(pointer);
  }
}

/** The heap makes its owners forget what it deallocates. */
function freeOwned({ heap, pointer }: Owned): void {
  heap.deallocate(pointer);
}
