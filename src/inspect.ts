/** Inspecting: what is in a heap, and whether its invariants hold. Nothing here changes the heap. */

import { INVARIANTS } from "../tools/build/generated/invariants.js";
import { corrupt } from "./errors.ts";
import type { Entry, EntryKind, Inspector } from "./types.ts";

/** In the order of the engine's numbers. */
const KINDS: readonly EntryKind[] = [
  "free",
  "used",
  "free-slot",
  "used-slot",
  "metadata",
  "foreign",
];

/** The figures of `HeapStats` that need a walk. */
export interface Counts {
  usedBytes: number;
  freeBytes: number;
  usedBlocks: number;
  freeBlocks: number;
  largestFree: number;
}

/** Calls `visit` for each entry, in address order; throws `CORRUPT` if a header leads nowhere. */
function visitEntries(
  inspector: Inspector,
  visit: (address: number, size: number, kind: EntryKind) => void,
): void {
  for (let last = 0, at = inspector.heap_walk(0) >>> 0; at !== 0;) {
    if (at <= last) throw corrupt("the header of the block was overwritten", last);
    visit(at, inspector.heap_walked_size() >>> 0, KINDS[inspector.heap_walked_kind()]!);
    last = at;
    at = inspector.heap_walk(at) >>> 0;
  }
}

/** Returns the entries as they are now: the heap may change while a program iterates over them. */
export function entriesOf(inspector: Inspector): IterableIterator<Entry> {
  const entries: Entry[] = [];
  visitEntries(inspector, (address, size, kind) => entries.push({ address, size, kind }));
  return entries.values();
}

/** Counts blocks and bytes. */
export function countsOf(inspector: Inspector): Counts {
  const counts = { usedBytes: 0, freeBytes: 0, usedBlocks: 0, freeBlocks: 0, largestFree: 0 };
  visitEntries(inspector, (_, size, kind) => {
    if (kind === "used" || kind === "used-slot") {
      counts.usedBytes += size;
      counts.usedBlocks += 1;
    } else if (kind === "free" || kind === "free-slot") {
      counts.freeBytes += size;
      if (size > 0) counts.freeBlocks += 1;
      if (kind === "free" && size > counts.largestFree) counts.largestFree = size;
    }
  });
  return counts;
}

/** Throws `CORRUPT` with the first violated invariant, if there is one. */
export function expectSound(inspector: Inspector): void {
  const code = inspector.heap_check();
  if (code === 0) return;
  const name = String.fromCharCode(code >> 8) + (code & 255);
  const at = inspector.heap_check_at() >>> 0;
  throw corrupt(`invariant ${name} is violated: ${INVARIANTS[name]}`, at);
}
