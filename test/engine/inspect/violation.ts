/** What breaks an invariant on purpose. */

import type { BusyHeap } from "./busy-heap.ts";
import type { SharedHeap } from "./shared-heap.ts";

/** A way to break an invariant: what it does to the heap, in words and as code. */
export type Violation = readonly [
  invariant: string,
  what: string,
  commit: (heap: BusyHeap) => void,
];

/** The same in a heap that several threads use. */
export type SharedViolation = readonly [
  invariant: string,
  what: string,
  commit: (heap: SharedHeap) => void,
];

/** The violations of the invariants in one file of the engine. */
export interface Violations {
  /** In both layouts. */
  readonly both: readonly Violation[];
  /** In the plain layout only. */
  readonly plain?: readonly Violation[];
  /** In the PINNED layout only. */
  readonly pinned?: readonly Violation[];
  /** In a heap that several threads use. */
  readonly shared?: readonly SharedViolation[];
}
