/**
 * From calls with addresses, as a recorder sees them, to the ops of a trace.
 *
 * Each block gets an id of its own. Calls about blocks that are not known, because the recording began after they were
 * allocated, are left out and counted: a trace is always valid.
 */

import { AddressTable } from "./addresses.ts";
import {
  ChunkBuilder,
  FREE,
  FREE_NULL,
  LARGEST_ALIGNMENT,
  LARGEST_ID,
  LARGEST_SIZE,
  LARGEST_THREAD,
  MALLOC,
  MEMALIGN,
  REALLOC,
  type OpChunk,
} from "./ops.ts";

/** What a recording had to leave out or change. */
export interface Repairs {
  /** Frees of blocks that were never seen. They are left out. */
  unknownFrees: number;
  /** Reallocations of blocks that were never seen. They are allocations. */
  unknownReallocations: number;
  /** Blocks at an address that was still in use: its free was not seen, and is added. */
  missedFrees: number;
  /** Sizes of 4 GiB and more. They are 4 GiB less one byte. */
  largeSizes: number;
  /** Calls after the last id was used. They are left out. */
  beyondLastId: number;
}

export class Recording {
  /** The thread, the call site and the time of the next calls. */
  thread = 0;
  site = 0;
  /** Nanoseconds since the trace began. It never decreases. */
  time = 0;

  /** Ops so far. */
  ops = 0;
  readonly repairs: Repairs = {
    unknownFrees: 0,
    unknownReallocations: 0,
    missedFrees: 0,
    largeSizes: 0,
    beyondLastId: 0,
  };
  readonly #write: (chunk: OpChunk) => void;
  readonly #live = new AddressTable();
  #ids = 0;
  #chunk = new ChunkBuilder();

  /** @param write receives the ops, chunk by chunk; it may keep them */
  constructor(write: (chunk: OpChunk) => void) {
    this.#write = write;
  }

  /** @param kind `MALLOC`, `CALLOC` or `MEMALIGN` */
  allocate(kind: number, address: number, size: number, alignment = 0): void {
    if (this.#ids > LARGEST_ID) {
      this.repairs.beyondLastId += 1;
      return;
    }
    const id = this.#ids++;
    this.#enter(address, id);
    if (kind !== MEMALIGN) this.#add(kind, id, size, 0);
    else if (alignment > 0) this.#add(MEMALIGN, id, size, Math.min(alignment, LARGEST_ALIGNMENT));
    else this.#add(MALLOC, id, size, 0);
  }

  free(address: number): void {
    const id = this.#live.take(address);
    if (id < 0) this.repairs.unknownFrees += 1;
    else this.#add(FREE, id, 0, 0);
  }

  freeNull(): void {
    this.#add(FREE_NULL, 0, 0, 0);
  }

  /**
   * A reallocation begins: its block may be given to another thread before `endReallocate`.
   * @returns the block for `endReallocate`, -1 if it is not known
   */
  beginReallocate(address: number): number {
    return this.#live.take(address);
  }

  /**
   * @param id what `beginReallocate` returned
   * @param from the address it was called with
   * @param address where the block is now; 0 if the call failed, or if the block was freed because `size` is 0
   */
  endReallocate(id: number, from: number, address: number, size: number): void {
    if (address === 0) {
      if (id < 0) return;
      if (size > 0) this.#enter(from, id);
      else this.#add(FREE, id, 0, 0);
    } else if (id < 0) {
      this.repairs.unknownReallocations += 1;
      this.allocate(MALLOC, address, size);
    } else {
      this.#enter(address, id);
      this.#add(REALLOC, id, size, 0);
    }
  }

  /** Writes the last ops. */
  end(): void {
    if (this.#chunk.count > 0) this.#write(this.#chunk);
    this.#chunk = new ChunkBuilder();
  }

  #enter(address: number, id: number): void {
    const before = this.#live.set(address, id);
    if (before < 0) return;
    this.repairs.missedFrees += 1;
    this.#add(FREE, before, 0, 0);
  }

  #add(kind: number, id: number, size: number, alignment: number): void {
    if (size > LARGEST_SIZE) {
      this.repairs.largeSizes += 1;
      size = LARGEST_SIZE;
    }
    const thread = Math.min(this.thread, LARGEST_THREAD);
    this.#chunk.add(kind, id, size, alignment, thread, 0, this.site, this.time);
    this.ops += 1;
    if (this.#chunk.full) this.end();
  }
}
