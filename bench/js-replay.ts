// The replay loop for an allocator called from JavaScript. Each allocator imports this module with another query, and so gets a
// copy of it. V8 then optimises the loop for the calls of one allocator, as in a program that uses only one.
import type { Calls } from "./allocators.ts";
import { Kind, OP_WORDS, type Trace } from "./trace.ts";

/** Operations between two checks of the clock. */
const STRETCH = 1000;

/**
 * Replays the operations `from` to `end` of a trace, until `deadline` (a value of performance.now()). Returns the index of the
 * operation at which it stopped. Throws if an allocation fails.
 */
export function replay(
  { ops }: Trace,
  calls: Calls,
  pointers: Uint32Array,
  from: number,
  end: number,
  deadline: number,
): number {
  for (; from < end; from += STRETCH) {
    if (performance.now() > deadline) return from;
    const to = Math.min(end, from + STRETCH);
    for (let op = from; op < to; op++) {
      const word = ops[op * OP_WORDS]!;
      const id = word >>> 8;
      const kind = word & 7;
      if (kind === Kind.free) {
        calls.free(pointers[id]!);
        continue;
      }
      const size = ops[op * OP_WORDS + 1]!;
      let pointer: number;
      if (kind === Kind.malloc) pointer = calls.malloc(size);
      else if (kind === Kind.realloc) pointer = calls.realloc(pointers[id]!, size);
      else if (kind === Kind.calloc) pointer = calls.calloc(1, size);
      else pointer = calls.memalign(1 << ((word >>> 3) & 31), size);
      if (pointer === 0) throw new Error(`out of memory at op ${op}`);
      pointers[id] = pointer;
    }
  }
  return end;
}
