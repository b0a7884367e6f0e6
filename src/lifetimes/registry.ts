/** Blocks that are freed when an object is garbage-collected. */

import { badOptions, HeapError } from "../errors.ts";
import { isShared } from "../memories.ts";
import { shown } from "../show.ts";
import type { HeapLike } from "../types.ts";

/** A block to free. It must not refer to its object, which would then never be collected. */
interface Registration {
  readonly registry: Registry;
  /** 0 after it was unregistered. */
  pointer: number;
}

/** One for all heaps, so that it outlives them. A heap stays alive as long as one of its blocks is registered. */
let finalization: FinalizationRegistry<Registration> | undefined;

/** The registered blocks of a heap. */
export class Registry {
  readonly #heap: HeapLike;
  readonly #registrations = new Map<number, Registration>();
  /** Those whose object was collected when another thread may have been using the heap. */
  #late: Registration[] = [];

  constructor(heap: HeapLike) {
    this.#heap = heap;
  }

  /** `pointer` is that of a live block. */
  add(object: object, pointer: number): void {
    if ((typeof object !== "object" || object === null) && typeof object !== "function") {
      throw badOptions(
        `Invalid object ${shown(object)} for pointer ${pointer}: expected an object.`,
      );
    }
    if (this.#registrations.has(pointer)) {
      throw new HeapError(
        "INVALID_POINTER",
        `Pointer ${pointer} is already registered. Call unregister() first.`,
        { pointer },
      );
    }
    finalization ??= new FinalizationRegistry((each) => each.registry.#collected(each));
    const registration = { registry: this, pointer };
    finalization.register(object, registration, registration);
    this.#registrations.set(pointer, registration);
  }

  /** The block was freed. */
  freed(pointer: number): void {
    this.remove(pointer);
    this.freeLate();
  }

  /** Returns whether the block was registered. */
  remove(pointer: number): boolean {
    const registration = this.#registrations.get(pointer);
    if (registration === undefined) return false;
    this.#registrations.delete(pointer);
    registration.pointer = 0;
    finalization!.unregister(registration);
    return true;
  }

  /** The block was moved. */
  move(from: number, to: number): void {
    const registration = this.#registrations.get(from);
    if (registration === undefined) return;
    this.#registrations.delete(from);
    registration.pointer = to;
    this.#registrations.set(to, registration);
  }

  clear(): void {
    for (const pointer of [...this.#registrations.keys()]) this.remove(pointer);
  }

  #collected(registration: Registration): void {
    if (isShared(this.#heap.memory)) this.#late.push(registration);
    else this.#free(registration.pointer);
  }

  /**
   * Frees the blocks that waited until this thread uses the heap. An error is not the caller's: it becomes an unhandled
   * rejection, like an error of a finalizer.
   */
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

  /** Removes the registration first, so that it is gone even if freeing fails. */
  #free(pointer: number): void {
    this.remove(pointer);
    this.#heap.deallocate(pointer);
  }
}
