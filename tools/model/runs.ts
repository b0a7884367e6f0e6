// What is explored: models that must hold, and planted faults that must be found.

import { blocks, type BlockFault } from "./blocks.ts";
import type { Model } from "./explore.ts";
import { lock, type LockFault } from "./lock.ts";
import { slots, type SlotFault } from "./slots.ts";

/** Seconds each; the tests explore these. */
export const QUICK: readonly Model[] = [
  slots({ threads: 2, slots: 1, deaths: 2 }),
  slots({ threads: 2, slots: 2, deaths: 0 }),
  lock({ threads: 2, rounds: 2, deaths: 2 }),
  lock({ threads: 3, rounds: 1, deaths: 1 }),
  blocks({ threads: 2, blocks: 2, deaths: 0 }),
  blocks({ threads: 2, blocks: 1, deaths: 2 }),
];

/** Minutes together. */
export const LONG: readonly Model[] = [
  slots({ threads: 2, slots: 2, deaths: 2 }),
  slots({ threads: 2, slots: 3, deaths: 1 }),
  slots({ threads: 3, slots: 1, deaths: 2 }),
  slots({ threads: 3, slots: 2, deaths: 2, isLegal: true }),
  lock({ threads: 3, rounds: 1, deaths: 2, reuse: true }),
  lock({ threads: 3, rounds: 2, deaths: 2, tryOnly: 1 }),
  lock({ threads: 4, rounds: 1, deaths: 1 }),
  lock({ threads: 3, rounds: 2, deaths: 2, reuse: true }),
  blocks({ threads: 2, blocks: 2, deaths: 2 }),
  blocks({ threads: 2, blocks: 3, deaths: 1 }),
  blocks({ threads: 3, blocks: 1, deaths: 2, lockless: 1 }),
  blocks({ threads: 3, blocks: 2, deaths: 0, lockless: 1 }),
];

/** Twenty minutes and 8 GiB. */
export const HUGE: readonly Model[] = [slots({ threads: 3, slots: 2, deaths: 1 })];

/** Each has a fault, and breaks a rule. */
export const FAULTS: readonly Model[] = [
  faultySlots(2, 2, 0, "store to R"),
  faultySlots(3, 1, 0, "xor to R"),
  faultySlots(2, 2, 0, "clear DIRTY late"),
  faultySlots(2, 2, 0, "look at DIRTY early"),
  faultySlots(2, 2, 1, "no DIRTY in recovery"),
  faultySlots(3, 2, 1, "DIRTY in recovery if FULL"),
  faultySlots(2, 2, 0, "owner ignores R"),
  faultySlots(2, 1, 1, "declared dead alive"),
  faultyLock(3, 1, 2, "no epoch"),
  faultyLock(3, 2, 1, "epoch at takeover only"),
  faultyLock(3, 1, 1, "no mark"),
  faultyLock(3, 1, 1, "no wake"),
  faultyLock(3, 2, 0, "forget waiters"),
  faultyLock(3, 2, 0, "store to release"),
  faultyLock(2, 1, 1, "no undo"),
  faultyLock(2, 2, 1, "count first"),
  faultyLock(2, 1, 1, "store first"),
  faultyLock(3, 1, 2, "commit during undo"),
  faultyLock(2, 1, 1, "declared dead alive"),
  faultyBlocks(2, 2, 0, "clear DIRTY late"),
  faultyBlocks(3, 2, 0, "top hint first"),
  faultyBlocks(2, 2, 1, "no hints in recovery"),
  faultyBlocks(3, 2, 0, "give without a look"),
  faultyBlocks(2, 2, 1, "S not logged"),
  faultyBlocks(2, 2, 0, "forget the rest", 1),
];

function faultySlots(threads: number, count: number, deaths: number, fault: SlotFault): Model {
  // A double free would hide what these two break.
  const isLegal = fault === "store to R" || fault === "declared dead alive";
  return slots({ threads, slots: count, deaths, isLegal, fault });
}

function faultyLock(threads: number, rounds: number, deaths: number, fault: LockFault): Model {
  return lock({ threads, rounds, deaths, reuse: fault.includes("epoch"), fault });
}

function faultyBlocks(
  threads: number,
  count: number,
  deaths: number,
  fault: BlockFault,
  lockless = 0,
): Model {
  return blocks({ threads, blocks: count, deaths, lockless, fault });
}
