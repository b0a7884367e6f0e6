/**
 * The heap at one moment: what every byte of its footprint is for.
 *
 *     footprint = live + internal + external + overhead
 *
 *     live       the requested bytes
 *     internal   usable bytes of blocks in use beyond the requested ones: sizes are rounded up
 *     external   free blocks and free slots
 *     overhead   the rest: headers of blocks and slabs, the heap's metadata before the first block and after the last
 */

import type { Heap } from "../src/heap.ts";
import { doubled } from "./ops.ts";

/** What an entry of the heap is; see `Heap.walk`. */
export type EntryKind = ReturnType<Heap["walk"]> extends Iterable<{ kind: infer K }> ? K : never;

/** One block, slot, table or gap of the heap. */
export interface Entry {
  /** Where its payload begins: a byte offset into the memory. */
  readonly address: number;
  /** Bytes of payload. */
  readonly size: number;
  readonly kind: EntryKind;
}

export interface Snapshot {
  /** How many ops of the trace had been replayed. */
  readonly op: number;
  /** The four parts of the footprint, and their sum, in bytes. */
  readonly liveBytes: number;
  readonly internalBytes: number;
  readonly externalBytes: number;
  readonly overheadBytes: number;
  readonly heapBytes: number;
  /** Every entry, in address order; the heap's metadata before the first and after the last as entries too. */
  readonly entries: Iterable<Entry>;
}

/**
 * Walks the heap. Cost: linear in its blocks, in time and in what is kept (9 bytes an entry).
 * @param op number of ops that have been replayed
 * @param liveBytes requested bytes of the live blocks
 */
export function takeSnapshot(
  heap: Pick<Heap, "walk" | "stats">,
  op: number,
  liveBytes: number,
): Snapshot {
  const { base, break: end, heapBytes } = heap.stats();
  const entries = new PackedEntries();
  let usableBytes = 0;
  let externalBytes = 0;
  let reached = base;
  for (const { address, size, kind } of heap.walk()) {
    // Before the first there is the heap's own control block.
    if (entries.count === 0) entries.add(base, address - base, "metadata");
    entries.add(address, size, kind);
    reached = address + size;
    if (kind === "used" || kind === "used-slot") usableBytes += size;
    if (kind === "free" || kind === "free-slot") externalBytes += size;
  }
  // Between the top block and the break there is the byte map.
  if (reached < end) entries.add(reached, end - reached, "metadata");
  return {
    op,
    liveBytes,
    internalBytes: usableBytes - liveBytes,
    externalBytes,
    overheadBytes: heapBytes - usableBytes - externalBytes,
    heapBytes,
    entries,
  };
}

/** Entries in columns that double when they are full: a heap may have millions. */
class PackedEntries implements Iterable<Entry> {
  count = 0;
  #addresses = new Uint32Array(1024);
  #sizes = new Uint32Array(1024);
  #kinds = new Uint8Array(1024);
  /** The kinds met so far; a column holds their index. */
  readonly #names: EntryKind[] = [];

  add(address: number, size: number, kind: EntryKind): void {
    const at = this.count;
    if (at === this.#kinds.length) {
      this.#addresses = doubled(this.#addresses);
      this.#sizes = doubled(this.#sizes);
      this.#kinds = doubled(this.#kinds);
    }
    let name = this.#names.indexOf(kind);
    if (name < 0) name = this.#names.push(kind) - 1;
    this.#addresses[at] = address;
    this.#sizes[at] = size;
    this.#kinds[at] = name;
    this.count += 1;
  }

  *[Symbol.iterator](): Iterator<Entry> {
    for (let i = 0; i < this.count; i += 1) {
      yield {
        address: this.#addresses[i]!,
        size: this.#sizes[i]!,
        kind: this.#names[this.#kinds[i]!]!,
      };
    }
  }
}
