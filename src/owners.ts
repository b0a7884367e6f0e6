/** Blocks that are freed when an object is collected. */

import { badOptions, HeapError, shown } from "./errors.ts";
import type { Heap } from "./heap.ts";
import { isShared } from "./memories.ts";

/** A block to free. It must not lead to its owner, which would then never be collected. */
interface Owned {
  readonly owners: Owners;
  /** 0 once it is somebody else's to free. */
  pointer: number;
}

/** One for all heaps, so that it outlives them: a heap stays as long as one of its blocks has an owner. */
let registry: FinalizationRegistry<Owned> | undefined;

/** Which blocks of a heap have an owner. */
export class Owners {
  readonly #heap: Heap;
  readonly #owned = new Map<number, Owned>();
  /** Those whose owner was collected when it may have been another thread's turn. */
  #late: Owned[] = [];

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /** `pointer` is that of a live block. */
  add(owner: object, pointer: number): void {
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
    registry ??= new FinalizationRegistry((owned) => owned.owners.#collected(owned));
    const owned = { owners: this, pointer };
    registry.register(owner, owned, owned);
    this.#owned.set(pointer, owned);
  }

  /** The block was deallocated. */
  freed(pointer: number): void {
    this.forget(pointer);
    this.freeLate();
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

  #collected(owned: Owned): void {
    if (isShared(this.#heap.memory)) this.#late.push(owned);
    else this.#free(owned.pointer);
  }

  /** Frees what waited for this thread's turn. An error is nobody's who called: it is told as that of a finaliser is. */
  freeLate(): void {
    if (this.#late.length === 0) return;
    const late = this.#late;
    this.#late = [];
    for (const { pointer } of late) {
      try {
        if (pointer !== 0) this.#free(pointer);
      } catch (error) {
        void Promise.reject(error);
      }
    }
  }

  /** It is forgotten first, so that it is also where it can't be deallocated. */
  #free(pointer: number): void {
    this.forget(pointer);
    this.#heap.deallocate(pointer);
  }
}
