// Model 1: the slots of one slab, whose owner allocates and frees by plain stores while other threads free by compare-and-swap.
//
//     G   a bit for each slot, flipped by the owner's stores
//     R   a bit for each slot, flipped by others, by compare-and-swap
//
// A slot is in use if and only if its bits differ. So each allocation and each free is one store, and a thread may die after any.
// Any thread frees any slot at any time, so every kind of double free is in the model.
//
// Left out: the class's list, cells, empty slabs. A slab that is marked FULL stands for one that no list holds.

import { bitsOf, broken, lowestBit, type Model, numbered } from "./explore.ts";
import { threadsFrom } from "./threads.ts";

export type SlotFault =
  /** A plain store in place of the compare-and-swap. */
  | "store to R"
  /** An exclusive or in place of the compare-and-swap. */
  | "xor to R"
  /** R is loaded before DIRTY is cleared. */
  | "clear DIRTY late"
  /** A free looks at DIRTY before it writes R. */
  | "look at DIRTY early"
  /** Recovery does not set DIRTY again. */
  | "no DIRTY in recovery"
  /** Recovery sets DIRTY only for a slab that is marked FULL: the owner may be about to mark it. */
  | "DIRTY in recovery if FULL"
  /** The owner frees without looking at R. */
  | "owner ignores R"
  /** A thread is declared dead and goes on. */
  | "declared dead alive";

export interface SlotOptions {
  readonly threads: number;
  readonly slots: number;
  readonly deaths: number;
  /** Without double frees. */
  readonly isLegal?: boolean;
  readonly fault?: SlotFault;
}

const G = 0;
const R = 1;
const FULL = 2;
const OWNER = 3;
const DIRTY = 4;
const LOCK = 5;
const DEATHS = 6;
const LIVE = 7;
const LOST = 8;
const THREADS = 9;
// Of each thread: its next step, the slot, what it has loaded, and what happened to the slot since the call began.
const STEP = 0;
const SLOT = 1;
const SEEN = 2;
const EVENTS = 3;
const WIDTH = 4;
const WAS_FREE = 1;
const FREED_BY_OWNER = 2;
const FREED_BY_OTHER = 4;
const ALLOCATED = 8;
const DIRTY_BEFORE = 16;

const AT = numbered(
  "idle",
  "take",
  "mark full",
  "unmark",
  "whose",
  "own look",
  "own flip",
  "look early",
  "load R",
  "load G",
  "swap R",
  "look at dirty",
  "set dirty",
  "clear dirty",
  "clear dirty late",
  "load all",
  "set full",
  "find dead",
  "orphan",
  "hint",
  "bury",
  "choose",
  "unlock",
  "dead",
  "proved dead",
);
const NAMES = Object.keys(AT);

export function slots(options: SlotOptions): Model {
  const { threads, slots: count, deaths, isLegal = false, fault } = options;
  const all = (1 << count) - 1;
  const { at, end, forEach, reset } = threadsFrom(THREADS, WIDTH, threads);
  const isFreeing = (step: number): boolean => step >= AT.whose && step <= AT["swap R"];
  /** Notes an event of a slot for all other calls that are about to free it. */
  const note = (s: Uint8Array, me: number, slot: number, event: number): void =>
    forEach((thread, o) => {
      if (thread !== me && isFreeing(s[o + STEP]!) && s[o + SLOT] === slot) s[o + EVENTS]! |= event;
    });

  function allocated(s: Uint8Array, me: number, slot: number): void {
    if ((s[LIVE]! | s[LOST]!) & (1 << slot)) broken("a slot has two holders");
    s[LIVE]! |= 1 << slot;
    note(s, me, slot, ALLOCATED);
  }

  /** A free that took effect: right, or one of the races that are documented; false for those that end the model. */
  function freed(s: Uint8Array, me: number, slot: number, byOwner: boolean): void | false {
    const bit = 1 << slot;
    const events = s[at(me) + EVENTS]!;
    let again = (events & ALLOCATED) !== 0;
    forEach((_, o) => {
      if (s[o + STEP] === AT.take && s[o + SLOT] === slot) again = true;
    });
    if (s[LIVE]! & bit) s[LIVE]! &= ~bit;
    else if (s[LOST]! & bit) s[LOST]! &= ~bit;
    // D4: the slot was given out again during the second free. No allocator without generations can tell.
    else if (again) return false;
    // D3: the owner's free and another's at the same time. The slot is lost.
    else if (events & (byOwner ? FREED_BY_OTHER : FREED_BY_OWNER)) s[LOST]! |= bit;
    else broken("a double free is accepted");
    note(s, me, slot, WAS_FREE | FREED_BY_OTHER | (byOwner ? FREED_BY_OWNER : 0));
  }

  function refused(s: Uint8Array, o: number): void {
    if (!(s[o + EVENTS]! & WAS_FREE)) broken("a right free is refused");
    reset(s, o);
  }

  /** What a thread does next, one store or load at a time. */
  function advance(s: Uint8Array, me: number): void | false {
    const o = at(me);
    const slot = s[o + SLOT]!;
    const bit = 1 << slot;
    const goto = (step: number): void => void (s[o + STEP] = step);
    switch (s[o + STEP]) {
      case AT.take:
        s[G] = s[o + SEEN]! ^ bit; // the commit
        reset(s, o);
        return allocated(s, me, slot);
      case AT["mark full"]:
        s[FULL] = 1;
        return reset(s, o);
      case AT.unmark:
        s[FULL] = 0;
        return reset(s, o);
      case AT.whose:
        if (s[OWNER] === me + 1) return goto(AT["own look"]);
        return goto(fault === "look at DIRTY early" ? AT["look early"] : AT["load R"]);
      case AT["own look"]:
        if (((s[G]! ^ s[R]!) & bit) === 0 && fault !== "owner ignores R") return refused(s, o);
        s[o + SEEN] = s[G]!;
        return goto(AT["own flip"]);
      case AT["own flip"]: {
        s[G] = s[o + SEEN]! ^ bit; // the commit
        const result = freed(s, me, slot, true);
        reset(s, o);
        if (s[FULL]) goto(AT.unmark);
        return result;
      }
      case AT["look early"]:
        if (s[DIRTY]) s[o + EVENTS]! |= DIRTY_BEFORE;
        return goto(AT["load R"]);
      case AT["load R"]:
        s[o + SEEN] = s[R]!;
        return goto(AT["load G"]);
      case AT["load G"]:
        return ((s[G]! ^ s[o + SEEN]!) & bit) === 0 ? refused(s, o) : goto(AT["swap R"]);
      case AT["swap R"]: {
        if (fault === "store to R") s[R] = s[o + SEEN]! ^ bit;
        else if (fault === "xor to R") s[R]! ^= bit;
        else if (s[R] !== s[o + SEEN]) {
          s[o + SEEN] = 0;
          return goto(AT["load R"]);
        } else s[R]! ^= bit; // the commit
        const wasDirty = (s[o + EVENTS]! & DIRTY_BEFORE) !== 0;
        const result = freed(s, me, slot, false);
        reset(s, o);
        if (fault !== "look at DIRTY early") goto(AT["look at dirty"]);
        else if (!wasDirty) goto(AT["set dirty"]);
        return result;
      }
      case AT["look at dirty"]:
        return s[DIRTY] ? reset(s, o) : goto(AT["set dirty"]);
      case AT["set dirty"]:
        s[DIRTY] = 1;
        return reset(s, o);
      case AT["clear dirty"]:
        if (fault === "clear DIRTY late") {
          s[o + SEEN] = s[G]! ^ s[R]!;
          return goto(AT["clear dirty late"]);
        }
        s[DIRTY] = 0;
        return goto(AT["load all"]);
      case AT["clear dirty late"]:
        s[DIRTY] = 0;
        return goto(AT["set full"]);
      case AT["load all"]:
        s[o + SEEN] = s[G]! ^ s[R]!;
        return goto(AT["set full"]);
      case AT["set full"]:
        s[FULL] = s[o + SEEN] === all ? 1 : 0;
        return reset(s, o);
      // With the lock: recovery of those that are proved dead now; then the slab may change hands.
      case AT["find dead"]:
        forEach((thread, other) => {
          if (s[other + STEP] === AT["proved dead"]) s[o + SEEN]! |= 1 << thread;
        });
        return goto(s[o + SEEN] ? AT.orphan : AT.choose);
      case AT.orphan:
        if (s[OWNER] && s[o + SEEN]! & (1 << (s[OWNER]! - 1))) s[OWNER] = 0;
        return goto(AT.hint);
      case AT.hint:
        if (fault === "no DIRTY in recovery") return goto(AT.bury);
        if ((s[G]! ^ s[R]!) !== all && (s[FULL] || fault !== "DIRTY in recovery if FULL"))
          s[DIRTY] = 1;
        return goto(AT.bury);
      case AT.bury:
        forEach((thread, other) => {
          if (s[o + SEEN]! & (1 << thread)) reset(s, other);
        });
        s[o + SEEN] = 0;
        return goto(AT.choose);
      case AT.unlock:
        s[LOCK] = 0;
        reset(s, o);
        // An adopted slab is looked at once.
        return s[OWNER] === me + 1 ? goto(AT["clear dirty"]) : undefined;
    }
  }

  /** What an idle thread may begin. */
  function choices(s: Readonly<Uint8Array>, me: number, go: Parameters<Model["moves"]>[1]): void {
    const o = at(me);
    const name = `thread ${me}: `;
    if (s[OWNER] === me + 1) {
      const free = lowestBit(~(s[G]! ^ s[R]!) & all);
      if (free >= 0 && !s[FULL])
        go(`${name}allocate finds slot ${free}`, (n) => {
          n.set([AT.take, free, n[G]!], o);
        });
      if (free < 0) go(`${name}allocate finds none`, (n) => void (n[o + STEP] = AT["mark full"]));
      go(`${name}looks for freed slots`, (n) => void (n[o + STEP] = AT["clear dirty"]));
    }
    for (let slot = 0; slot < count; slot++) {
      if (isLegal && !isRight(s, me, slot)) continue;
      go(`${name}free(${slot})`, (n) => {
        n.set([AT.whose, slot, 0, (n[LIVE]! >> slot) & 1 ? 0 : WAS_FREE], o);
      });
    }
    let anyDead = false;
    forEach((_, other) => (anyDead ||= s[other + STEP] === AT["proved dead"]));
    const holder = s[LOCK]!;
    const canTake = holder === 0 || s[at(holder - 1) + STEP] === AT["proved dead"];
    if (canTake && (anyDead || s[OWNER] === 0 || s[OWNER] === me + 1))
      go(`${name}takes the lock`, (n) => {
        n[LOCK] = me + 1;
        n[o + STEP] = AT["find dead"];
      });
  }

  /** Whether a slot is live and nobody else is about to free it. */
  function isRight(s: Readonly<Uint8Array>, me: number, slot: number): boolean {
    let right = ((s[LIVE]! >> slot) & 1) === 1;
    forEach((thread, o) => {
      if (thread !== me && isFreeing(s[o + STEP]!) && s[o + SLOT] === slot) right = false;
    });
    return right;
  }

  return {
    name: `slots: ${threads} threads, ${count} slots, ${deaths} deaths${isLegal ? ", no double frees" : ""}${fault ? `; fault: ${fault}` : ""}`,
    width: end,
    start: (s) => void (s[OWNER] = 1),
    moves(s, go) {
      forEach((me, o) => {
        const step = s[o + STEP]!;
        const name = `thread ${me}: `;
        if (step === AT.dead)
          return go(`${name}is proved dead`, (n) => void (n[o + STEP] = AT["proved dead"]));
        if (step === AT["proved dead"]) return;
        if (s[DEATHS]! < deaths)
          go(
            `${name}dies before: ${NAMES[step]}`,
            (n) => {
              n[DEATHS]!++;
              if (fault === "declared dead alive") {
                if (n[OWNER] === me + 1) n[OWNER] = 0;
                return;
              }
              reset(n, o);
              n[o + STEP] = AT.dead;
            },
            true,
          );
        if (step === AT.idle) return choices(s, me, go);
        if (step !== AT.choose) return go(name + NAMES[step], (n) => advance(n, me));
        if (s[OWNER] === 0)
          go(`${name}adopts the slab`, (n) => {
            n[OWNER] = me + 1;
            n[o + STEP] = AT.unlock;
          });
        if (s[OWNER] === me + 1)
          go(`${name}detaches`, (n) => {
            n[OWNER] = 0;
            n[o + STEP] = AT.unlock;
          });
        go(`${name}unlocks`, (n) => {
          n[LOCK] = 0;
          reset(n, o);
        });
      });
    },
    check(s) {
      if ((s[G]! ^ s[R]!) !== (s[LIVE]! | s[LOST]!))
        broken("a slot's bits differ, but it is not in use");
      if (!s[OWNER] || !s[FULL] || s[DIRTY] || (s[G]! ^ s[R]!) === all || s[LOCK]) return;
      let allIdle = true;
      forEach((_, o) => (allIdle &&= s[o + STEP] === AT.idle));
      if (allIdle) broken("a freed slot is forgotten");
    },
    show: (s) =>
      `G ${bitsOf(s[G]!, count)} R ${bitsOf(s[R]!, count)} live ${bitsOf(s[LIVE]!, count)} ` +
      `full ${s[FULL]} dirty ${s[DIRTY]} owner ${s[OWNER]} lock ${s[LOCK]}`,
  };
}
