/** What breaks the invariants of engine/lock.ts: the lock, the log and the threads. */

import { LOCK, LOG } from "../shared-heap.ts";
import type { Violations } from "../violation.ts";

export const lock: Violations = {
  both: [],
  shared: [
    ["L1", "a lock that a thread has", (heap) => heap.setShared(LOCK, 1)],
    ["L1", "a log with an entry", (heap) => heap.setShared(LOG, 1)],
    ["L2", "a thread without words", (heap) => heap.setFront(0, 0)],
    ["L2", "words of no thread", (heap) => heap.setFront(7, heap.front(0))],
    ["L2", "words in a block of a program", (heap) => heap.setFront(1, heap.block)],
    ["L2", "words beyond the heap", (heap) => heap.setFront(1, 1 << 27)],
    ["L2", "words in a block that is too small", (heap) => heap.setFront(1, heap.group())],
    ["L2", "two threads with the same words", (heap) => heap.setFront(1, heap.front(0))],
  ],
};
