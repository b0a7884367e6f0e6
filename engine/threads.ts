// What a thread does in a heap that several threads use (SHARED) beside allocating and freeing: it takes the lock, leaves, puts in
// order what a dead thread has left, and takes over slabs that nobody owns. lock.ts and slabs.ts have the pictures.
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
// Each step may be done again, so it does not matter if the thread dies that does them. No slot and no block is repaired: the bits
// of each are right after every store.

import { header, IN_USE, PREVIOUS_IN_USE, setHeader, sizeOf } from "./block.ts";
import { freeUnchecked } from "./blocks.ts";
import {
  acquire,
  buried,
  commit,
  DEAD,
  deaths,
  freeMyPlace,
  freePlace,
  frontOf,
  idAt,
  kindIn,
  lastGroup,
  me,
  newEpoch,
  orphans,
  PLACES,
  release,
  setBuried,
  setFrontOf,
  setMyFront,
  stateOf,
} from "./lock.ts";
import { prove } from "./map.ts";
import { drain, hintAgain } from "./returned.ts";
import { abandon, adopt, groupBefore, hintGroup, nextOwn, ownerOf, ownGroup } from "./slabs.ts";

/** Freed blocks that a thread gives back each time it takes the lock. */
const DRAINED: i32 = 8;

/** Takes the lock, and puts the heap in order after deaths. False if this thread may not wait as long as that takes. */
export function lockHeap(): bool {
  if (!acquire()) return false;
  prove();
  if (deaths() != buried()) recover();
  drain(DRAINED);
  return true;
}

/** Commits, and releases the lock. */
export function unlockHeap(): void {
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
    if (isOwnedByDead(group, low, high)) {
      abandon(group);
      commit();
    } else if (ownerOf(group) != 0) hintGroup(group);
  }
  hintAgain();
  for (let place: i32 = 0; place < PLACES; place++) {
    if ((((place < 32 ? low : high) >>> (place & 31)) & 1) == 0) continue;
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
  freeUnchecked(front);
}

function isOwnedByDead(group: i32, low: i32, high: i32): bool {
  const owner: i32 = ownerOf(group);
  if (owner == 0) return false;
  const place: i32 = (owner & 255) - 1;
  if ((((place < 32 ? low : high) >>> (place & 31)) & 1) == 0) return false;
  return owner == idAt(place, stateOf(place));
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

/** This thread leaves: others take over its slabs. `front`: its own words. False if it may not wait for the lock. */
export function leave(front: i32): bool {
  if (!lockHeap()) return false;
  for (let group: i32 = ownGroup(); group != 0; group = nextOwn(group)) {
    if (ownerOf(group) != me) continue;
    abandon(group);
    commit();
  }
  setMyFront(0);
  freeFront(front);
  unlockHeap();
  freeMyPlace();
  return true;
}
