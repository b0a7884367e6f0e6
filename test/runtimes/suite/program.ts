/** One random program, on every engine in every memory: the pointers have to be the same. */

import { describe, expect, it } from "vitest";

import { fill, expectFilled } from "../../suite/heaps.ts";
import type { Heap } from "../../suite/place.ts";
import type { Form } from "./place.ts";
import { skip } from "./runner.ts";

const OPS = 2000;
/** Live blocks that the program keeps, about. */
const BLOCKS = 200;

/** Returns a hash of the pointers, which depend on the seed alone. */
export function programSuite(forms: readonly Form[], seed: number): string {
  let wanted: readonly number[] | undefined;
  const name = `the pointers of random program ${seed} are those of all`;
  for (const form of forms) {
    describe(form.name, () => {
      if (form.lacks !== undefined) return skip(name, form.lacks);
      it(name, () => {
        const pointers = pointersOf(form.makeHeap({ pages: 64 }), seed);
        wanted ??= pointers;
        const op = pointers.findIndex((pointer, i) => pointer !== wanted![i]);
        expect(op, `the first op that returned another pointer: ${pointers[op]}`).toBe(-1);
      });
    });
  }
  return hashOf(wanted ?? []);
}

/** Returns what each op returned. Verifies the contents on the way, and the invariants now and then. */
function pointersOf(heap: Heap, seed: number): number[] {
  const random = randomFrom(seed);
  const live: { pointer: number; size: number; mark: number }[] = [];
  const pointers: number[] = [];

  const keep = (pointer: number, size: number): void => {
    const mark = random(256);
    fill(heap, pointer, size, mark);
    live.push({ pointer, size, mark });
    pointers.push(pointer);
  };
  const take = (): (typeof live)[number] => {
    const index = random(live.length);
    const block = live[index]!;
    live[index] = live.at(-1)!;
    live.pop();
    expectFilled(heap, block.pointer, block.size, block.mark);
    return block;
  };

  for (let op = 0; op < OPS; op += 1) {
    const size = random(50) === 0 ? random(20_000) : random(10) === 0 ? random(2000) : random(200);
    const what = random(16);
    if (live.length === 0 || (what < 9 && live.length < BLOCKS)) {
      if (what === 0) keep(heap.allocateZeroed(size), size);
      else if (what === 1) keep(heap.allocate(size, 1 << random(10)), size);
      else keep(heap.allocate(size), size);
    } else if (what < 12) {
      keep(heap.reallocate(take().pointer, size), size);
    } else {
      heap.deallocate(take().pointer);
    }
    if (op % 500 === 0) heap.check();
  }
  heap.check();
  return pointers;
}

/** FNV-1a over the words. */
function hashOf(words: readonly number[]): string {
  let hash = 0x811c9dc5;
  for (const word of words) {
    for (let shift = 0; shift < 32; shift += 8) {
      hash = Math.imul(hash ^ ((word >>> shift) & 255), 0x01000193);
    }
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/** Numbers that look random: `below(n)` is a whole number from 0 to n - 1. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    // A counter stirred by two multiplications (splitmix).
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) % below;
  };
}
