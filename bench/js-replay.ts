// The replay loop for an allocator called from JavaScript. Every allocator gets a module of its own (imported under
// another query), so that its calls are the only ones V8 ever sees there, as in a program that uses one allocator.
import type { Calls } from "./allocators.ts";
import { Kind, OP_WORDS, type Trace } from "./trace.ts";

/** How many ops pass between two looks at the clock. */
const STRETCH = 1000;

/**
 * Replays the trace's ops `from` to `end` until `deadline` (as performance.now()). Answers the op where it stopped; throws
 * at one that got no memory.
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
