// The inspector of the library: a module of its own, without an engine, that reads the heaps of either engine.

import { refresh } from "#memory";
import { useHeap } from "../control.ts";

export {
  heap_check,
  heap_check_at,
  heap_walk,
  heap_walked_kind,
  heap_walked_size,
} from "./exports.ts";

/** Inspects the heap whose control block is at `at`, which is what `heap_stat(3)` of its engine returns. */
export function heap_inspect(at: i32): void {
  refresh();
  useHeap(at);
}
