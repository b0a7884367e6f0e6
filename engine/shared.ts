// What the engine for threads exports beside the rest; see heap.ts and lock.ts.

import { report } from "./errors.ts";
import { detach, join } from "./heap.ts";
import { me, noteDeath, reserve, useThread } from "./lock.ts";

/** Reserves a place for a new thread; returns its id, 0 if all are taken. */
export function heap_reserve(): i32 {
  return reserve();
}

/** Makes this thread the one with this id (0: a new one); see `join`. Returns an error code, 0 for none. */
export function heap_join(id: i32, looks: i32): i32 {
  return report(join(id, looks));
}

/** This thread leaves the heap; returns an error code, 0 for none. */
export function heap_detach(): i32 {
  return report(detach());
}

/** How often this thread looks at the lock before a call fails with BUSY; 0: never waits; -1: sleeps until it gets the lock. */
export function heap_patience(looks: i32): void {
  useThread(me, looks);
}

/** The id of this thread; 0 if it has not joined. */
export function heap_thread(): i32 {
  return me;
}

/** Notes that a thread has ended, of which there must be proof. 1 if that is news, 0 if it was known. */
export function heap_died(id: i32): i32 {
  return noteDeath(id) ? 1 : 0;
}
