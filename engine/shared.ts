// Additional exports of the engine for threads; see heap.ts and lock.ts.

import { report } from "./errors.ts";
import { collect, detach, join } from "./heap.ts";
import { me, NOBODY, noteDeath, reserve, useThread } from "./lock.ts";
import { beginRecovery, endRecovery, heldSize, nextHeld } from "./threads.ts";

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
  return me == NOBODY ? 0 : me;
}

/** Notes that a thread has ended, which must be certain. Returns 1, or 0 if that was known. */
export function heap_died(id: i32): i32 {
  return noteDeath(id) ? 1 : 0;
}

/** Releases this thread's empty slabs and all blocks that were freed without the lock; returns an error code, 0 for none. */
export function heap_collect(): i32 {
  return report(collect());
}

/** `heap_died`, and 0 if this thread has the lock and `heap_held` lists what the dead one held; see `beginRecovery`. */
export function heap_recover(id: i32): i32 {
  return report(beginRecovery(id));
}

/** After `heap_recover` has returned 0: the next slot that the dead thread held; 0 at the end. */
export function heap_held(): i32 {
  return nextHeld();
}

/** Bytes of the slot that the last `heap_held` returned. */
export function heap_held_size(): i32 {
  return heldSize;
}

/** Ends what `heap_recover` has begun. */
export function heap_recovered(): void {
  endRecovery();
}
