// What a thread does in a heap that several threads use (SHARED) beside allocating and freeing: it takes the lock, leaves, puts the
// heap in order after a death, and takes over slabs that nobody owns. lock.ts and slabs.ts have the pictures.
//
// Recovery, by the lock's holder, after a death was proved:
//
//     1  the undo log is undone: `acquire` has done that
//     2  the places that are DEAD now are noted, and a new epoch begins
//     3  the groups of the dead have no owner any more
//     4  all hints are set again: a dead thread may have freed something, and not yet set the hint
//     5  the words of the dead threads are freed
//     6  their places are free, and the deaths are buried
//
// Each step may be repeated, so the thread that does them may die too. Slots and blocks need no repair: their bits are correct
// after every store.

import { hasBit, multiply } from "#memory";
import { header, IN_USE, PREVIOUS_IN_USE, setHeader, sizeOf } from "./block.ts";
import { checkAndFree } from "./blocks.ts";
import { slotSize } from "./control.ts";
import { BAD_OPTIONS, BUSY, OK } from "./errors.ts";
import {
  acquire,
  buried,
  commit,
  DEAD,
  deaths,
  freeMyPlace,
  freePlace,
  frontOf,
  frontOfThread,
  isDead,
  kindIn,
  lastGroup,
  me,
  newEpoch,
  noteDeath,
  orphans,
  placeOf,
  PLACES,
  release,
  setBuried,
  setFrontOf,
  setMyFront,
  stateOf,
} from "./lock.ts";
import { prove } from "./map.ts";
import { drain, hintAgain } from "./returned.ts";
import {
  abandon,
  adopt,
  baseOf,
  classOf,
  GROUP_HEADERS,
  groupBefore,
  headerAt,
  hintGroup,
  isUsed,
  nextOwn,
  ownerOf,
  ownGroup,
  slotCount,
} from "./slabs.ts";

/** Freed blocks that a thread releases to the bins each time it takes the lock. */
const DRAINED: i32 = 8;

/** Takes the lock, and puts the heap in order after deaths. False if this thread may not wait as long as that takes. */
export function lockHeap(): bool {
  if (!acquire()) return false;
  prove();
  if (deaths() != buried()) recover();
  drain(DRAINED);
  return true;
}

// What a dead thread held: the slots in use in its slabs.

/** The dead thread; and the group, header and slot at which the search goes on. */
let dead: i32 = 0;
let group: i32 = 0;
let index: i32 = 0;
let slot: i32 = 0;
/** Bytes of the slot that `nextHeld` has returned. */
export let heldSize: i32 = 0;

/**
 * Notes that a thread has ended, which is certain. Returns OK: this thread has the lock until `endRecovery`, and `nextHeld` lists
 * what the dead one held. BAD_OPTIONS if it has left, or if the heap is in order already. BUSY if this thread may not wait.
 */
export function beginRecovery(id: i32): i32 {
  noteDeath(id);
  if (!isDead(id)) return BAD_OPTIONS;
  if (!acquire()) return BUSY;
  prove();
  if (!isDead(id)) {
    release();
    return BAD_OPTIONS;
  }
  dead = id;
  group = lastGroup();
  index = 0;
  slot = 0;
  return OK;
}

/** The next slot in use in the slabs of the dead thread; 0 at the end. */
export function nextHeld(): i32 {
  while (group != 0) {
    if (ownerOf(group) == dead) {
      while (index < GROUP_HEADERS) {
        const p: i32 = nextIn(group, index);
        if (p != 0) return p;
        index++;
        slot = 0;
      }
    }
    group = groupBefore(group);
    index = 0;
  }
  return 0;
}

/** The same in the slab whose header in a group has this number, if it is in use. */
function nextIn(group: i32, index: i32): i32 {
  if (!hasBit(group, index)) return 0;
  const slab: i32 = headerAt(group, index);
  while (slot < slotCount(slab)) {
    slot++;
    if (!isUsed(slab, slot - 1)) continue;
    heldSize = slotSize(classOf(slab));
    return baseOf(slab) + multiply(slot - 1, heldSize);
  }
  return 0;
}

/** Puts the heap in order, and releases the lock. */
export function endRecovery(): void {
  recover();
  drain(DRAINED);
  release();
}

function recover(): void {
  const proved: i32 = deaths();
  newEpoch();
  let low: i32 = 0;
  let high: i32 = 0;
  for (let place: i32 = 0; place < PLACES; place++) {
    if (kindIn(stateOf(place)) != DEAD) continue;
    if (place < 32) low |= 1 << place;
    else high |= 1 << (place - 32);
  }
  for (let group: i32 = lastGroup(); group != 0; group = groupBefore(group)) {
    if (isDead(ownerOf(group)) && isNoted(placeOf(ownerOf(group)), low, high)) {
      abandon(group);
      commit();
    } else if (ownerOf(group) != 0) hintGroup(group);
  }
  hintAgain();
  for (let place: i32 = 0; place < PLACES; place++) {
    if (!isNoted(place, low, high)) continue;
    const front: i32 = frontOf(place);
    if (front != 0) {
      setFrontOf(place, 0);
      freeFront(front);
      commit();
    }
    freePlace(place);
  }
  setBuried(proved);
}

/** Frees the words of a thread. */
function freeFront(front: i32): void {
  setHeader(front, sizeOf(front), header(front) & (IN_USE | PREVIOUS_IN_USE));
  checkAndFree(front);
}

/** Whether the bit of a place is set in these two words. */
function isNoted(place: i32, low: i32, high: i32): bool {
  return (((place < 32 ? low : high) >>> (place & 31)) & 1) != 0;
}

/** Holder: takes over the slabs of a group that nobody owns; false if there is none. */
export function adoptGroup(): bool {
  if (orphans() == 0) return false;
  for (let group: i32 = lastGroup(); group != 0; group = groupBefore(group)) {
    if (ownerOf(group) != 0) continue;
    adopt(group);
    commit();
    return true;
  }
  return false;
}

/** This thread leaves: others take over its slabs. False if it may not wait for the lock. */
export function leave(): bool {
  if (!lockHeap()) return false;
  const front: i32 = frontOfThread(me);
  for (let group: i32 = ownGroup(); group != 0; group = nextOwn(group)) {
    if (ownerOf(group) != me) continue;
    abandon(group);
    commit();
  }
  setMyFront(0);
  freeFront(front);
  release();
  freeMyPlace();
  return true;
}
