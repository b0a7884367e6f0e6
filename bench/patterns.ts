// Patterns of requests for which some allocators take far more memory than is live. test/engine/patterns.test.ts limits the
// footprint of each.
import type { Calls } from "./allocators.ts";

/** The calls that a pattern makes. */
export type PatternCalls = Pick<Calls, "malloc" | "realloc" | "free">;

/** A pattern. `run` returns the peak of live bytes. */
export interface Pattern {
  readonly name: string;
  readonly what: string;
  run(calls: PatternCalls): number;
}

/** Returns a generator of numbers from 0 to `below` - 1; the same seed gives the same numbers (xorshift). */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** The live blocks and their sizes. */
class Live {
  readonly pointers: number[] = [];
  readonly sizes: number[] = [];
  bytes = 0;
  most = 0;

  constructor(readonly calls: PatternCalls) {}

  add(size: number): void {
    const p = this.calls.malloc(size);
    if (p === 0) throw new Error(`no memory for ${size} bytes`);
    this.pointers.push(p);
    this.sizes.push(size);
    this.bytes += size;
    this.most = Math.max(this.most, this.bytes);
  }

  /** Frees block `index`. The last block takes its place in the list. */
  free(index: number): void {
    this.calls.free(this.pointers[index]!);
    this.bytes -= this.sizes[index]!;
    const pointer = this.pointers.pop()!;
    const size = this.sizes.pop()!;
    if (index === this.pointers.length) return;
    this.pointers[index] = pointer;
    this.sizes[index] = size;
  }
}

export const PATTERNS: readonly Pattern[] = [
  {
    name: "two kinds",
    what: "blocks of 4,400 and of 4,700 bytes replace each other at random, in waves of one kind",
    run(calls) {
      const random = randomFrom(1);
      const live = new Live(calls);
      for (let i = 0; i < 1600; i++) live.add(4400);
      for (let wave = 0; wave < 40; wave++) {
        const size = wave % 2 === 0 ? 4700 : 4400;
        for (let i = 0; i < 800; i++) {
          live.free(random(live.pointers.length));
          live.add(size + random(200));
        }
      }
      return live.most;
    },
  },
  {
    name: "phases",
    what: "phases of one small size each: 8 MiB are allocated, then all but every 40th object are freed",
    run(calls) {
      const random = randomFrom(2);
      const live = new Live(calls);
      for (const size of [16, 32, 48, 64, 96, 128, 160, 224, 320, 448, 640, 896]) {
        const phase = new Live(calls);
        while (phase.bytes < 8 * 2 ** 20) phase.add(size);
        live.most = Math.max(live.most, live.bytes + phase.bytes);
        for (const [i, p] of phase.pointers.entries()) {
          if (random(40) !== 0) calls.free(p);
          else {
            live.pointers.push(p);
            live.sizes.push(phase.sizes[i]!);
            live.bytes += phase.sizes[i]!;
          }
        }
      }
      return live.most;
    },
  },
  {
    name: "two vectors",
    what: "two vectors grow by 8 bytes in turn, beside blocks that stay",
    run(calls) {
      let [a, b, bytes] = [calls.malloc(8), calls.malloc(8), 16];
      const random = randomFrom(3);
      for (let size = 16; size <= 200_000; size += 8) {
        a = calls.realloc(a, size);
        b = calls.realloc(b, size);
        bytes += 16;
        if (random(8) === 0) {
          const pinned = 16 + random(100);
          calls.malloc(pinned);
          bytes += pinned;
        }
      }
      return bytes;
    },
  },
  {
    name: "above a class",
    what: "100,000 objects of 513 bytes",
    run(calls) {
      const live = new Live(calls);
      for (let i = 0; i < 100_000; i++) live.add(513);
      return live.most;
    },
  },
  {
    name: "emptied",
    what: "22 MiB of mixed sizes are freed, then half of them requested at once",
    run(calls) {
      const random = randomFrom(4);
      const live = new Live(calls);
      while (live.bytes < 22 * 2 ** 20)
        live.add(random(4) === 0 ? random(20_000) : 8 + random(1000));
      while (live.pointers.length > 0) live.free(random(live.pointers.length));
      live.add(11 * 2 ** 20);
      return live.most;
    },
  },
];
