/** One random program, on every engine in every memory: the pointers have to be the same. */

import type { Form, Heap } from "./place.ts";
import { expect, randomFrom, type Run } from "./run.ts";

const OPS = 2000;
/** Live blocks that the program keeps to, give or take. */
const BLOCKS = 200;

/** The hash of the pointers; they depend on the seed alone. */
export function checkProgram(run: Run, forms: readonly Form[], seed: number): string {
  let wanted: readonly number[] | undefined;
  for (const form of forms) {
    const check = `${form.name}: the pointers of random program ${seed} are those of all`;
    if (form.lacks !== undefined) {
      run.skip(check, form.lacks);
      continue;
    }
    run.check(check, () => {
      const pointers = pointersOf(form.makeHeap(), seed);
      wanted ??= pointers;
      const op = pointers.findIndex((pointer, i) => pointer !== wanted![i]);
      expect(op === -1, `${wanted[op]} as the answer to op ${op}, found ${pointers[op]}`);
    });
  }
  return hashOf(wanted ?? []);
}

/** What each op answered. Contents are verified on the way, and invariants now and then. */
function pointersOf(heap: Heap, seed: number): number[] {
  const random = randomFrom(seed);
  const live: { pointer: number; size: number; mark: number }[] = [];
  const pointers: number[] = [];

  const keep = (pointer: number, size: number): void => {
    const mark = random(256);
    heap.view(Uint8Array, pointer, size).fill(mark);
    live.push({ pointer, size, mark });
    pointers.push(pointer);
  };
  const take = (): (typeof live)[number] => {
    const index = random(live.length);
    const block = live[index]!;
    live[index] = live.at(-1)!;
    live.pop();
    const bytes = heap.view(Uint8Array, block.pointer, block.size);
    const strayed = bytes.findIndex((byte) => byte !== block.mark);
    expect(strayed === -1, `byte ${strayed} of the block at ${block.pointer} to be as written`);
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
