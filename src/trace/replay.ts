/**
 * Replays a trace on a heap and measures both.
 *
 * Ops are replayed in stretches. The clock runs over a stretch, never over a single op, and everything else is done
 * between stretches: reading the trace, counting what is live, looking at the heap.
 *
 *     chunk   |------------------------------------------------------|
 *     plan                              ^ most bytes live
 *     stretch |-------------------------|-------------|--------------|
 *                                       snapshot      check
 *
 * The heap at its fullest is known only once the trace is over, so a chunk's sizes are added up before it is replayed:
 * if more will be live somewhere in it than ever before, a stretch ends there, and the heap is looked at. That is at most
 * one look a chunk, and the last of them is the fullest moment of the trace. Where a request fails less is live than
 * planned, and the fullest moment may be missed; so the heap is also looked at when memory runs out.
 */

import { GuardedHeap, type ReplayHeap } from "./guard.ts";
import { CALLOC, FREE, MALLOC, MEMALIGN, REALLOC, opText, type OpChunk } from "./ops.ts";
import { doubled, takeSnapshot, type Snapshot } from "./snapshot.ts";

export type { ReplayHeap } from "./guard.ts";

export interface ReplayOptions {
  /**
   * Prove the heap's invariants every so many ops (1 or more) and at the end, fill every block and verify what it
   * holds. Unless given, neither.
   */
  readonly check?: number;
  /** Whether the heap is looked at when it is fullest, which costs time in between. Unless false, it is. */
  readonly look?: boolean;
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
  /** Most bytes that the heap took of its memory. */
  readonly peakHeapBytes: number;
  /** `peakLiveBytes` over `peakHeapBytes`: 1 is a heap without waste. */
  readonly utilisation: number;
  /** How often the break was moved up, the first time included. */
  readonly breakMoves: number;
  /** The heap when most bytes were live; undefined when none ever were, and where it was not looked at. */
  readonly fullest: Snapshot | undefined;
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

class Replayer {
  readonly #heap: ReplayHeap;
  /** Ops between checks; Infinity: no checks. */
  readonly #checkEvery: number;
  readonly #look: boolean;
  readonly #guard: GuardedHeap | undefined;

  ops = 0;
  #failures = 0;
  #skipped = 0;
  #firstFailure: string | undefined;
  #milliseconds = 0;
  #live = 0;
  #peakLive = 0;
  #fullest: Snapshot | undefined;
  #broken = false;

  /** By id: where its block is, 0 when it is not live. */
  #pointers = new Uint32Array(1024);
  /** By id: one more than the bytes its live block was asked to hold, 0 when it is not live. */
  #held = new Uint32Array(1024);
  /** By id: the bytes it was last asked to hold by the ops that are planned. */
  #planned = new Uint32Array(1024);
  #ids = 0;

  /** Why the last stretch ended early. */
  #refusal = "";

  constructor(heap: ReplayHeap, { check = Infinity, look = true }: ReplayOptions) {
    this.#heap = heap;
    this.#checkEvery = check;
    this.#look = look;
    this.#guard = check < Infinity ? new GuardedHeap(heap) : undefined;
  }

  /** Replays one chunk; false when the heap is broken. */
  chunk(ops: OpChunk): boolean {
    const before = this.ops;
    const fullest = this.#plan(ops);
    for (let at = 0; at < ops.count;) {
      let end = at < fullest ? fullest : ops.count;
      // What the guard finds is told between stretches: one op each, then, to know which it was.
      if (this.#guard !== undefined) end = at + 1;

      const start = performance.now();
      const reached = this.#stretch(ops, at, end);
      this.#milliseconds += performance.now() - start;
      this.#account(ops, at, reached);
      at = reached;
      if (reached < end) {
        this.#refuse(ops, at);
        at += 1;
      }
      this.ops = before + at;

      const line = ops.lines[at - 1]!;
      const problem = this.#guard?.takeProblem();
      if (problem !== undefined) this.#fail(`line ${line} (${opText(ops, at - 1)})`, problem);
      if (at === fullest || reached < end) this.#lookAtHeap(line, at === fullest ? 0 : 0.01);
      if (this.ops % this.#checkEvery === 0) this.#prove(`after line ${line}`);
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
      peakHeapBytes,
      utilisation: peakHeapBytes === 0 ? 0 : this.#peakLive / peakHeapBytes,
      breakMoves: stats?.breakMoves ?? 0,
      fullest: this.#fullest,
      whole: !this.#broken,
    };
  }

  /** Makes room for the chunk's ids, and finds how many of its ops lead to the most bytes live, if all succeed. */
  #plan(ops: OpChunk): number {
    let live = this.#live;
    let most = this.#look ? (this.#fullest?.liveBytes ?? 0) : Infinity;
    let at = 0;
    for (let i = 0; i < ops.count; i += 1) {
      const id = ops.ids[i]!;
      switch (ops.kinds[i]) {
        case FREE:
          live -= this.#planned[id]!;
          continue;
        case REALLOC:
          live -= this.#planned[id]!;
          break;
        default:
          this.#ids = id + 1;
          if (id >= this.#planned.length) {
            this.#pointers = doubled(this.#pointers);
            this.#held = doubled(this.#held);
            this.#planned = doubled(this.#planned);
          }
      }
      this.#planned[id] = ops.sizes[i]!;
      live += ops.sizes[i]!;
      if (live > most) {
        most = live;
        at = i + 1;
      }
    }
    return at;
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

  /** Counts what ops `from` to `end`, none of which failed, made of the live bytes. */
  #account(ops: OpChunk, from: number, end: number): void {
    const held = this.#held;
    for (let i = from; i < end; i += 1) {
      const id = ops.ids[i]!;
      const kind = ops.kinds[i];
      if (kind === FREE || kind === REALLOC) {
        if (held[id] === 0) {
          this.#skipped += 1;
          continue;
        }
        this.#live -= held[id]! - 1;
        held[id] = 0;
      }
      if (kind === FREE) continue;
      held[id] = ops.sizes[i]! + 1;
      this.#live += ops.sizes[i]!;
      if (this.#live > this.#peakLive) this.#peakLive = this.#live;
    }
  }

  /** Counts an op that failed. An id it would have allocated is never live; a block it would have moved or freed stays. */
  #refuse(ops: OpChunk, at: number): void {
    const id = ops.ids[at]!;
    const kind = ops.kinds[at];
    if (kind !== FREE && kind !== REALLOC) this.#planned[id] = 0;
    this.#fail(`line ${ops.lines[at]} (${opText(ops, at)})`, this.#refusal);
  }

  /** Takes a snapshot if more is live than at the last, by more than a share of it. */
  #lookAtHeap(line: number, share: number): void {
    if (!this.#look) return;
    if (this.#live <= (this.#fullest?.liveBytes ?? 0) * (1 + share)) return;
    this.#attempt(`after line ${line}`, () => {
      this.#fullest = takeSnapshot(this.#heap, this.ops, this.#live);
    });
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
