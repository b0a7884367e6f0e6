/**
 * Replays a trace on a heap and measures both.
 *
 * Ops are replayed in stretches. A stretch is timed as a whole. The trace is read, live bytes are counted and the heap is
 * checked between stretches, so these are not in the time.
 *
 *     chunk   |------------------------------------------------------|
 *     stretch |-----------------------------|------------------------|
 *                                           an op that failed
 *
 * The moment when most bytes are live is known only at the end of the trace. A replay returns the op after which it was. To
 * look at the heap at that moment, the ops up to there are replayed again on another new heap.
 */

import { GuardedHeap, type ReplayHeap } from "./guard.ts";
import {
  CALLOC,
  FREE,
  FREE_NULL,
  MALLOC,
  MEMALIGN,
  REALLOC,
  doubled,
  opText,
  type OpChunk,
} from "./ops.ts";
import { takeSnapshot, type Snapshot } from "./snapshot.ts";

export type { ReplayHeap } from "./guard.ts";

export interface ReplayOptions {
  /**
   * Prove the heap's invariants after each so many ops (1 or more) and at the end; fill every block and verify its
   * contents. If it is left out, nothing is checked.
   */
  readonly check?: number;
  /** Called between chunks with the number of ops replayed so far. */
  readonly onProgress?: (ops: number) => void;
}

/** What a replay found. Sizes are bytes. */
export interface Replay {
  /** Ops replayed: all of the trace, unless an invariant did not hold. */
  readonly ops: number;
  /** Requests that were refused, and blocks or invariants that were found broken. */
  readonly failures: number;
  /** Ops left out because the block they name was never given out. */
  readonly skipped: number;
  /** The first failure, as a sentence that names the op and its line. */
  readonly firstFailure: string | undefined;
  /** Time (nanoseconds) in the heap's calls over ops that were not skipped. */
  readonly nsPerOp: number;
  /** Most bytes that the program held at once. */
  readonly peakLiveBytes: number;
  /** After how many ops that was, the first time; 0 when none were ever live. */
  readonly peakOp: number;
  /** Most bytes that the heap took of its memory. */
  readonly peakHeapBytes: number;
  /** `peakLiveBytes` over `peakHeapBytes`: 1 is a heap without waste. */
  readonly utilisation: number;
  /** How often the break was moved up, the first time included. */
  readonly breakMoves: number;
  /** Whether the heap was whole and empty at the end. */
  readonly whole: boolean;
}

/**
 * Replays `chunks` on `heap`, which should be new, or empty where only the time is wanted.
 *
 * A request that fails is counted and the replay goes on: after a failed allocation the ops that name its id are
 * skipped; after a failed reallocation the block stays as it was. What the program never freed is freed at the end,
 * outside the count, the clock and the figures, so that the heap has to be whole and empty then. An invariant that does
 * not hold ends the replay.
 *
 * With several threads in the trace its order is kept, and all ops are made by this one.
 */
export async function replay(
  heap: ReplayHeap,
  chunks: AsyncIterable<OpChunk>,
  options: ReplayOptions = {},
): Promise<Replay> {
  const replayer = new Replayer(heap, options);
  for await (const chunk of chunks) {
    if (!replayer.chunk(chunk)) break;
    options.onProgress?.(replayer.ops);
  }
  return replayer.finish();
}

/** The heap after the first `op` ops of `chunks`, replayed on `heap`, which should be new. */
export async function snapshotAfter(
  op: number,
  heap: ReplayHeap,
  chunks: AsyncIterable<OpChunk>,
  { onProgress }: Pick<ReplayOptions, "onProgress"> = {},
): Promise<Snapshot> {
  const replayer = new Replayer(heap, {});
  for await (const chunk of chunks) {
    replayer.chunk(chunk, op - replayer.ops);
    onProgress?.(replayer.ops);
    if (replayer.ops === op) break;
  }
  return takeSnapshot(heap, replayer.ops, replayer.live);
}

class Replayer {
  readonly #heap: ReplayHeap;
  /** Ops between checks; Infinity: no checks. */
  readonly #checkEvery: number;
  readonly #guard: GuardedHeap | undefined;

  ops = 0;
  /** Bytes that the program holds. */
  live = 0;
  #failures = 0;
  #skipped = 0;
  #firstFailure: string | undefined;
  #milliseconds = 0;
  #peakLive = 0;
  #peakOp = 0;
  #broken = false;

  /** By id: where its block is, 0 when it is not live. */
  #pointers = new Uint32Array(1024);
  /** By id: one more than the bytes its live block was asked to hold, 0 when it is not live. */
  #held = new Uint32Array(1024);
  #ids = 0;

  /** Why the last stretch ended early. */
  #refusal = "";

  constructor(heap: ReplayHeap, { check = Infinity }: ReplayOptions) {
    this.#heap = heap;
    this.#checkEvery = check;
    this.#guard = check < Infinity ? new GuardedHeap(heap) : undefined;
  }

  /** Replays one chunk, or its first ops, `most` of them; false when the heap is broken. */
  chunk(ops: OpChunk, most = Infinity): boolean {
    const before = this.ops;
    const count = Math.min(ops.count, most);
    this.#makeRoom(ops);
    for (let at = 0; at < count;) {
      // With a guard, a stretch is a single op: so what the guard reports after it belongs to that op.
      const end = this.#guard === undefined ? count : at + 1;

      const start = performance.now();
      const reached = this.#stretch(ops, at, end);
      this.#milliseconds += performance.now() - start;
      this.#account(ops, at, reached);
      at = reached;
      if (reached < end) {
        this.#failAt(ops, at, this.#refusal);
        at += 1;
      }
      this.ops = before + at;

      const problem = this.#guard?.takeProblem();
      if (problem !== undefined) this.#failAt(ops, at - 1, problem);
      if (this.ops % this.#checkEvery === 0) this.#prove(`after line ${ops.lines[at - 1]}`);
      if (this.#broken) return false;
    }
    return true;
  }

  finish(): Replay {
    const stats = this.#attempt("at the end", () => this.#heap.stats());
    if (this.#guard !== undefined) this.#prove("at the end");
    if (!this.#broken) this.#freeTheRest();
    const called = this.ops - this.#skipped;
    const milliseconds = this.#guard?.milliseconds ?? this.#milliseconds;
    const peakHeapBytes = stats?.peakHeapBytes ?? 0;
    return {
      ops: this.ops,
      failures: this.#failures,
      skipped: this.#skipped,
      firstFailure: this.#firstFailure,
      nsPerOp: called === 0 ? 0 : (milliseconds * 1e6) / called,
      peakLiveBytes: this.#peakLive,
      peakOp: this.#peakOp,
      peakHeapBytes,
      utilisation: peakHeapBytes === 0 ? 0 : this.#peakLive / peakHeapBytes,
      breakMoves: stats?.breakMoves ?? 0,
      whole: !this.#broken,
    };
  }

  /** For the ids of the chunk. */
  #makeRoom({ count, kinds, ids }: OpChunk): void {
    for (let i = 0; i < count; i += 1) {
      if (kinds[i] !== FREE_NULL) this.#ids = Math.max(this.#ids, ids[i]! + 1);
    }
    while (this.#pointers.length < this.#ids) {
      this.#pointers = doubled(this.#pointers);
      this.#held = doubled(this.#held);
    }
  }

  /** The hot loop. Returns `end`, or the op that failed; then `#refusal` says why. */
  #stretch(ops: OpChunk, from: number, end: number): number {
    const heap = this.#guard ?? this.#heap;
    const pointers = this.#pointers;
    const { kinds, ids, sizes, alignments } = ops;
    let i = from;
    try {
      for (; i < end; i += 1) {
        const id = ids[i]!;
        let pointer = 0;
        switch (kinds[i]) {
          case MALLOC:
            pointer = heap.tryAllocate(sizes[i]!);
            break;
          case FREE:
            pointer = pointers[id]!;
            if (pointer !== 0) heap.deallocate(pointer);
            pointers[id] = 0;
            continue;
          case REALLOC:
            pointer = pointers[id]!;
            if (pointer !== 0) pointers[id] = heap.reallocate(pointer, sizes[i]!);
            continue;
          case FREE_NULL:
            heap.deallocate(0);
            continue;
          case CALLOC:
            pointer = heap.allocateZeroed(sizes[i]!);
            break;
          case MEMALIGN:
            pointer = heap.tryAllocate(sizes[i]!, alignments[i]!);
            break;
        }
        pointers[id] = pointer;
        if (pointer === 0) {
          this.#refusal = "out of memory";
          break;
        }
      }
    } catch (error) {
      this.#refusal = messageOf(error);
    }
    return i;
  }

  /** Counts what ops `from` to `end`, the next ones, none of which failed, made of the live bytes. */
  #account(ops: OpChunk, from: number, end: number): void {
    const held = this.#held;
    for (let i = from; i < end; i += 1) {
      const id = ops.ids[i]!;
      const kind = ops.kinds[i];
      if (kind === FREE_NULL) continue;
      if (kind === FREE || kind === REALLOC) {
        if (held[id] === 0) {
          this.#skipped += 1;
          continue;
        }
        this.live -= held[id]! - 1;
        held[id] = 0;
      }
      if (kind === FREE) continue;
      held[id] = ops.sizes[i]! + 1;
      this.live += ops.sizes[i]!;
      if (this.live > this.#peakLive) {
        this.#peakLive = this.live;
        this.#peakOp = this.ops + i + 1 - from;
      }
    }
  }

  /** Counts an op that failed. An id it would have allocated is never live; a block it would have moved or freed stays. */
  #failAt(ops: OpChunk, at: number, why: string): void {
    this.#fail(`line ${ops.lines[at]} (${opText(ops, at)})`, why);
  }

  #prove(where: string): void {
    this.#attempt(where, () => this.#heap.check());
  }

  /** Frees what the program left; then no block may be in use. */
  #freeTheRest(): void {
    const where = "after the last op";
    const heap = this.#guard ?? this.#heap;
    this.#attempt(where, () => {
      for (let id = 0; id < this.#ids; id += 1) {
        const pointer = this.#pointers[id]!;
        if (pointer === 0) continue;
        heap.deallocate(pointer);
        const problem = this.#guard?.takeProblem();
        if (problem !== undefined) this.#fail(`${where} (f ${id})`, problem);
      }
      const { usedBlocks } = this.#heap.stats();
      if (usedBlocks !== 0) {
        this.#broken = true;
        this.#fail(where, `${usedBlocks} blocks are in use though all were freed`);
      }
    });
    if (this.#guard !== undefined && !this.#broken) this.#prove(where);
  }

  #fail(where: string, why: string): void {
    this.#failures += 1;
    this.#firstFailure ??= `${where}: ${why}`;
  }

  /** An error here means that the heap can't be gone on with. */
  #attempt<Result>(where: string, action: () => Result): Result | undefined {
    try {
      return action();
    } catch (error) {
      this.#broken = true;
      this.#fail(where, messageOf(error));
      return undefined;
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
