/** A heap that two threads use, to break: it reads and writes its words by the offsets of the drawings. */

import { CONTROL, GRANULE, ROOT_AT } from "../../../engine/control.ts";
import { begin, expectOk, newThreads, sharedMemory } from "../threads.ts";

const memory = sharedMemory();
const threads = await newThreads(memory, 2);

/** Offsets from the words of engine/lock.ts. */
export const LOCK = 0;
export const RETURNED = 64;
export const ORPHANS = 136;
export const GROUPS = 140;
export const THREADS = 192;
export const LOG = 1216;

/** Offsets in a record of a thread. */
export const FRONT = 4;
export const RECORD = 16;

/** Offsets in a group of slab headers. */
export const OWNER = 16;
export const BEFORE = 20;
const DIRTY_SLABS = 960;

/** Offsets in a chunk of the map. */
export const G = 2048;
export const DIRTY = 3072;

/**
 * The first thread has full slabs and others, and blocks. The second one has freed a slot of a full slab, and a block while another
 * thread had the lock: hints lead to both.
 */
export class SharedHeap {
  readonly engine = threads[0]!.engine;
  readonly #words = new Int32Array(memory.buffer);
  /** Address of the control block. */
  readonly at: number;
  /** A slot of a full slab that the second thread has freed. */
  readonly slot: number;
  /** A block in use. */
  readonly block: number;
  /** A block that was freed, and that nobody has given back yet. */
  readonly returned: number;

  constructor() {
    begin(memory, threads);
    const [{ engine }, other] = threads as [(typeof threads)[0], (typeof threads)[0]];
    this.at = engine.heap_stat(3);
    const slots = Array.from({ length: 200 }, () => engine.allocate(100));
    this.slot = slots[60]!;
    this.block = engine.allocate(3000);
    this.returned = engine.allocate(3000);
    engine.allocate(3000);
    expectOk(other.engine.heap_release(this.slot));
    // As if a third thread had the lock.
    this.setShared(LOCK, 3);
    expectOk(other.engine.heap_release(this.returned));
    this.setShared(LOCK, 0);
  }

  word(address: number): number {
    return this.#words[address >>> 2]!;
  }

  set(address: number, value: number): void {
    this.#words[address >>> 2] = value;
  }

  /** Address of a word of engine/lock.ts. */
  #sharedAt(offset: number): number {
    return this.at + CONTROL - GRANULE - 12288 + offset;
  }

  shared(offset: number): number {
    return this.word(this.#sharedAt(offset));
  }

  setShared(offset: number, value: number): void {
    this.set(this.#sharedAt(offset), value);
  }

  /** The front of a thread. */
  front(place: number): number {
    return this.shared(THREADS + place * RECORD + FRONT);
  }

  setFront(place: number, front: number): void {
    this.setShared(THREADS + place * RECORD + FRONT, front);
  }

  /** The last group that was made. */
  group(): number {
    return this.shared(GROUPS);
  }

  /** Clears the hints of all groups. */
  clearHints(): void {
    for (let group = this.group(); group !== 0; group = this.word(group + BEFORE))
      this.set(group + DIRTY_SLABS, 0);
  }

  /** The chunk with the bits of `p`. */
  chunk(p: number): number {
    return this.word(this.word(this.at + ROOT_AT) + 4 * ((p >>> 18) - (this.at >>> 18)));
  }

  /** Flips the bit of `p` in G. */
  flip(p: number): void {
    const at = this.chunk(p) + G + ((p >>> 11) & 127) * 4;
    this.set(at, this.word(at) ^ (1 << ((p >>> 6) & 31)));
  }
}
