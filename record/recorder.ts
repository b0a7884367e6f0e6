/** Collects the calls of heaps and modules, with sampled stacks, and makes a trace of them. */

import type { OpChunk } from "../trace/ops.ts";
import { Recording } from "../trace/recording.ts";
import { CallSites } from "../trace/sites.ts";
import { traceText } from "../trace/write.ts";
import { framesOf } from "./stack.ts";

/** How a recorder takes call stacks. */
export interface RecordOptions {
  /**
   * Takes the stack of an allocation each time that so many bytes were allocated. 0 takes the stack of every allocation,
   * `Infinity` none. A stack takes 10 to 40 microseconds.
   *
   * @defaultValue 65536
   */
  readonly stackEvery?: number | undefined;
  /**
   * Frames of a stack to keep, from the innermost out; 1 to 200.
   *
   * @defaultValue 32
   */
  readonly depth?: number | undefined;
}

const ADDRESSES = 2 ** 32;

/** Calls from one look at the clock to the next: a look can take as long as all the rest. */
const CLOCK_EVERY = 64;

/** A recorder that was started by `record` or `recordWasm`. */
export class Recorder {
  readonly #chunks: OpChunk[] = [];
  readonly #sites = new CallSites();
  readonly #recording = new Recording((chunk) => this.#chunks.push(chunk));
  readonly #stackEvery: number;
  readonly #depth: number;
  readonly #began = performance.now();
  /** Bytes until the next stack. */
  #left: number;
  /** Calls until the next look at the clock. */
  #untilClock = 0;
  #spaces = 0;
  #stop: (() => void) | undefined;

  /** @internal */
  constructor({ stackEvery = 65536, depth = 32 }: RecordOptions) {
    this.#stackEvery = Math.max(0, stackEvery);
    this.#depth = Math.min(Math.max(1, depth), 200);
    this.#left = this.#stackEvery;
  }

  /** How many calls were recorded. */
  get ops(): number {
    return this.#recording.ops;
  }

  /** Ends the recording. What was recorded stays. */
  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  /**
   * Returns the calls so far as the text of a trace, the format of `heapwright report` and `heapwright leaks`. Cost: linear in
   * the calls.
   */
  trace(): string {
    this.#recording.end();
    return traceText(this.#chunks, { sites: this.#sites });
  }

  /** @internal What `stop` does. */
  onStop(stop: () => void): void {
    const before = this.#stop;
    this.#stop = () => {
      before?.();
      stop();
    };
  }

  /**
   * @internal Another memory: its addresses are others than those before.
   * @returns what to add to each of its addresses
   */
  newSpace(): number {
    return ADDRESSES * this.#spaces++;
  }

  /** @internal `kind` is `MALLOC`, `CALLOC` or `MEMALIGN`. */
  allocated(kind: number, address: number, size: number, alignment = 0): void {
    this.#before(size);
    this.#recording.allocate(kind, address, size, alignment);
  }

  /** @internal */
  freed(address: number): void {
    this.#before(0);
    this.#recording.free(address);
  }

  /** @internal */
  freedNull(): void {
    this.#before(0);
    this.#recording.freeNull();
  }

  /** @internal `moved` is where the block is now, 0 if it could not be reallocated. */
  reallocated(address: number, moved: number, size: number): void {
    this.#before(size);
    const id = this.#recording.beginReallocate(address);
    this.#recording.endReallocate(id, address, moved, size);
  }

  #before(size: number): void {
    const recording = this.#recording;
    if (this.#untilClock-- === 0) {
      this.#untilClock = CLOCK_EVERY - 1;
      recording.time = Math.round((performance.now() - this.#began) * 1e6);
    }
    recording.site = 0;
    if (size === 0) return;
    this.#left -= size;
    if (this.#left > 0) return;
    this.#left = this.#stackEvery;
    recording.site = this.#sites.ofStack(framesOf(this.#depth));
  }
}
