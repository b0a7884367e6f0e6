// The lock of a heap that several threads use (SHARED), its undo log, and the table of threads.
//
// Slots are allocated and freed without the lock (slabs.ts), and blocks are freed without it (returned.ts). The lock's holder does
// everything else, and each of its stores goes through the undo log: `store32` first notes the address and the old word. If the holder
// dies, the next thread takes the lock over, undoes what the log has, last to first, and goes on. A commit empties the log. So a
// section happens as a whole or not at all, and no order among the engine's stores is needed.
//
//     offset from `sharedWords()`; words that different threads write are on lines of their own
//        0  LOCK        ┌───────────────────┬──────┬─────────┬────────────────────┐
//                       │ epoch             │ DIED │ WAITERS │ holder's place + 1 │     0: nobody holds it
//                       └───────────────────┴──────┴─────────┴────────────────────┘
//                        31              10   9      8         7                0
//       64  RETURNED    a bit for the chunks that may have freed blocks, see returned.ts
//      128  DEATHS      deaths that were proved
//      132  BURIED      those after which the heap was put in order
//      136  ORPHANS     groups of slab headers without an owner
//      140  GROUPS      the last group that was made; each leads to the one before
//      192  THREADS     64 records of 16 bytes: STATE, FRONT, and 2 words that are not used
//     1216  LOG         the number of entries, an unused word, and 1280 entries: an address and the word that was there
//
//     STATE             ┌────────────────────────────────────────┬──────┐
//                       │ generation                             │ kind │     kind: FREE, RESERVED, LIVE, DEAD
//                       └────────────────────────────────────────┴──────┘
//                        31                                    2  1    0
//
// A thread's id is generation << 8 | place + 1, so that an id is not used twice. FRONT leads to the thread's own words (control.ts).
//
// DIED and the state DEAD are set by whoever has a proof that a thread has ended. Without a proof, other threads wait, or fail with
// BUSY: a thread that still runs could store at any time, and nothing could stop it.
//
// The epoch counts takeovers and recoveries. A thread that has seen a dead holder compares the whole word, so it does not take the
// lock from a new thread in the same place.
//
// Invariants:
//   L1  when nobody holds the lock, the log is empty
//   L2  a place that is LIVE has a front, or its thread is about to make or free it; one that is FREE has none

import {
  atomicAdd,
  atomicLoad,
  atomicStore,
  compareSwap,
  load32,
  notify,
  store32,
  trap,
  useLog,
  wait,
} from "#memory";
import { sharedWords } from "./control.ts";

const RETURNED_AT: i32 = 64;
const DEATHS_AT: i32 = 128;
const BURIED_AT: i32 = 132;
const ORPHANS_AT: i32 = 136;
const GROUPS_AT: i32 = 140;
const THREADS_AT: i32 = 192;
const LOG_AT: i32 = 1216;

const HOLDER: i32 = 255;
const WAITERS: i32 = 256;
const DIED: i32 = 512;
const EPOCH: i32 = 1024;

/** Threads that a heap has at most. */
export const PLACES: i32 = 64;
const PLACE_SHIFT: i32 = 4;
const FRONT_AT: i32 = 4;

export const FREE: i32 = 0;
export const RESERVED: i32 = 1;
export const LIVE: i32 = 2;
export const DEAD: i32 = 3;
const KIND: i32 = 3;
const GENERATION: i32 = 4;

/** Entries of the log. The longest section so far needs a third. */
const LOG_ROOM: i32 = 1280;
/** Looks at the lock before a thread goes to sleep. */
const SPINS: i32 = 100;
/** Milliseconds that a thread sleeps at most before it looks again: a death may not be proved yet. */
const NAP: i32 = 50;

/** Stands for the id of a thread that has not joined, or has left: it may free, but not allocate. */
export const NOBODY: i32 = -1;
/** The id of this thread. */
export let me: i32 = NOBODY;
/** How often this thread looks at a lock that another one has, before it fails with BUSY; -1: it sleeps until it gets the lock. */
let patience: i32 = -1;
/** Makes the thread with this id the one that runs this engine. */
export function useThread(id: i32, looks: i32): void {
  me = id;
  patience = looks;
}

/** Whether this thread never waits. */
export function isImpatient(): bool {
  return patience == 0;
}

// Threads -----------------------------------------------------------------------------------------------------------------

/** The place of the thread with this id; the same for an id that is used no more, and none for 0. */
export function placeOf(id: i32): i32 {
  return (id & HOLDER) - 1;
}

/** Address of the record of a place. */
function record(place: i32): i32 {
  return sharedWords() + THREADS_AT + (place << PLACE_SHIFT);
}

export function stateOf(place: i32): i32 {
  return atomicLoad(record(place));
}

export function kindIn(state: i32): i32 {
  return state & KIND;
}

/** The id of the thread at a place that has this state. */
function idAt(place: i32, state: i32): i32 {
  return ((state >>> 2) << 8) | (place + 1);
}

function stateFor(id: i32, kind: i32): i32 {
  return ((id >>> 8) << 2) | kind;
}

export function frontOf(place: i32): i32 {
  return load32(record(place) + FRONT_AT);
}

export function setFrontOf(place: i32, front: i32): void {
  store32(record(place) + FRONT_AT, front);
}

export function frontOfThread(id: i32): i32 {
  return frontOf(placeOf(id));
}

export function setMyFront(front: i32): void {
  setFrontOf(placeOf(me), front);
}

/** Whether `id` is one that a thread may have. */
function isThread(id: i32): bool {
  return placeOf(id) >= 0 && placeOf(id) < PLACES;
}

/** Changes the kind of a thread's place; false if it is not `from`, or if the place is another thread's. */
export function changeKind(id: i32, from: i32, to: i32): bool {
  if (!isThread(id)) return false;
  const state: i32 = stateFor(id, from);
  return compareSwap(record(placeOf(id)), state, stateFor(id, to)) == state;
}

/** Reserves a place for a new thread, and returns its id; 0 if all are taken. */
export function reserve(): i32 {
  for (let place: i32 = 0; place < PLACES; place++) {
    const state: i32 = stateOf(place);
    if (kindIn(state) != FREE) continue;
    if (compareSwap(record(place), state, state | RESERVED) == state) return idAt(place, state);
  }
  return 0;
}

/** Frees the place of a thread that is gone: a new one there has another id. */
export function freePlace(place: i32): void {
  atomicStore(record(place), (stateOf(place) & ~KIND) + GENERATION);
}

export function freeMyPlace(): void {
  freePlace(placeOf(me));
}

/** Notes that a thread has ended, which is certain. False if that is known, or if there is no such thread. */
export function noteDeath(id: i32): bool {
  if (!changeKind(id, LIVE, DEAD) && !changeKind(id, RESERVED, DEAD)) return false;
  const lock: i32 = sharedWords();
  for (;;) {
    const word: i32 = atomicLoad(lock);
    if ((word & HOLDER) != (id & HOLDER)) break;
    if (compareSwap(lock, word, word | DIED) == word) break;
  }
  atomicAdd(sharedWords() + DEATHS_AT, 1);
  notify(lock, -1);
  return true;
}

/** Whether the death of this thread was noted, and the heap is not yet in order. */
export function isDead(id: i32): bool {
  return isOfKind(id, DEAD);
}

/** Whether `id`, any word, is that of a thread that is alive. */
export function isLive(id: i32): bool {
  return isOfKind(id, LIVE);
}

function isOfKind(id: i32, kind: i32): bool {
  return isThread(id) && stateOf(placeOf(id)) == stateFor(id, kind);
}

export function deaths(): i32 {
  return atomicLoad(sharedWords() + DEATHS_AT);
}

export function buried(): i32 {
  return atomicLoad(sharedWords() + BURIED_AT);
}

export function setBuried(count: i32): void {
  atomicStore(sharedWords() + BURIED_AT, count);
}

// The lock ----------------------------------------------------------------------------------------------------------------

/** Takes the lock. Returns false, with nothing changed, if that would take longer than this thread may wait. */
export function acquire(): bool {
  if (me == NOBODY) return false;
  const lock: i32 = sharedWords();
  const mine: i32 = me & HOLDER;
  let slept: i32 = 0;
  for (let looks: i32 = 0; ; looks++) {
    const word: i32 = atomicLoad(lock);
    const holder: i32 = word & HOLDER;
    if (holder == 0) {
      if (compareSwap(lock, word, word | mine | slept) == word) break;
      continue;
    }
    // The last call of this thread ended in a trap.
    if (holder == mine) break;
    if ((word & DIED) != 0 || kindIn(stateOf(holder - 1)) == DEAD) {
      if (patience == 0) return false;
      const next: i32 = ((word & ~(HOLDER | DIED)) + EPOCH) | mine | slept;
      if (compareSwap(lock, word, next) == word) break;
      continue;
    }
    if (patience >= 0) {
      if (looks >= patience) return false;
      continue;
    }
    if (looks < SPINS) continue;
    const waiting: i32 = word | WAITERS;
    if (word != waiting && compareSwap(lock, word, waiting) != word) continue;
    wait(lock, waiting, NAP);
    slept = WAITERS;
  }
  begin();
  return true;
}

/** Takes the lock if nobody has it and nobody has died. Never waits. */
export function tryAcquire(): bool {
  if (me == NOBODY) return false;
  const lock: i32 = sharedWords();
  const word: i32 = atomicLoad(lock);
  if ((word & HOLDER) != 0 || deaths() != buried()) return false;
  if (compareSwap(lock, word, word | (me & HOLDER)) != word) return false;
  begin();
  return true;
}

function begin(): void {
  undo();
  useLog(sharedWords() + LOG_AT, LOG_ROOM);
}

/** Undoes what the log has. May be done again. */
function undo(): void {
  useLog(0, 0);
  const log: i32 = sharedWords() + LOG_AT;
  for (let count: i32 = load32(log); count > 0; count--) {
    const entry: i32 = log + (count << 3);
    store32(load32(entry), load32(entry + 4));
  }
  store32(log, 0);
}

/** Empties the log: what was done since the last commit will not be undone. */
export function commit(): void {
  useLog(0, 0);
  store32(sharedWords() + LOG_AT, 0);
  useLog(sharedWords() + LOG_AT, LOG_ROOM);
}

/** Entries of the log. */
export function logged(): i32 {
  return load32(sharedWords() + LOG_AT);
}

/** Commits, and releases the lock. */
export function release(): void {
  commit();
  useLog(0, 0);
  const lock: i32 = sharedWords();
  for (;;) {
    const word: i32 = atomicLoad(lock);
    // Declared dead, but alive: stop for good.
    if ((word & HOLDER) != (me & HOLDER) || (word & DIED) != 0) trap();
    if (compareSwap(lock, word, word & ~(HOLDER | WAITERS)) != word) continue;
    if ((word & WAITERS) != 0) notify(lock, 1);
    return;
  }
}

/** A new epoch: a thread that has seen an older word of the lock looks again. */
export function newEpoch(): void {
  atomicAdd(sharedWords(), EPOCH);
}

/** Whether somebody has the lock. */
export function isLocked(): bool {
  return (atomicLoad(sharedWords()) & HOLDER) != 0;
}

// Other words -------------------------------------------------------------------------------------------------------------

/** Address of the hints that lead to freed blocks. */
export function returnedHints(): i32 {
  return sharedWords() + RETURNED_AT;
}

export function orphans(): i32 {
  return load32(sharedWords() + ORPHANS_AT);
}

export function setOrphans(count: i32): void {
  store32(sharedWords() + ORPHANS_AT, count);
}

export function lastGroup(): i32 {
  return load32(sharedWords() + GROUPS_AT);
}

export function setLastGroup(group: i32): void {
  store32(sharedWords() + GROUPS_AT, group);
}
