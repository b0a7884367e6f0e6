// Model 3: blocks, which are allocated under the lock and freed without it.
//
//     G   a bit for each block, flipped by the lock's holder when it allocates; a logged store
//     S   the same, flipped when the freed block is released to the bins; a logged store
//     R   flipped by the thread that frees the block, by compare-and-swap
//
// In use: G and R differ. Freed, but not released: S and R differ. H stands for everything else that allocating and releasing
// change: headers, bins, neighbours. Two hints, DIRTY for a part of the heap and TOP above it, lead the next holder to freed
// blocks: cleared from the top down before R is loaded, set from the bottom up after R was written.

import { bitsOf, broken, type Go, lowestBit, type Model, numbered } from "./explore.ts";
import { threadsFrom } from "./threads.ts";

export type BlockFault =
  /** R is loaded before DIRTY is cleared. */
  | "clear DIRTY late"
  /** A free sets TOP before DIRTY. */
  | "top hint first"
  /** Recovery does not set the hints again. */
  | "no hints in recovery"
  /** A thread that gets the lock after its free does not check whether the block was released meanwhile. */
  | "give without a look"
  /** S is stored without the log. */
  | "S not logged"
  /** What a holder does not get to is not hinted at again. */
  | "forget the rest";

export interface BlockOptions {
  readonly threads: number;
  readonly blocks: number;
  readonly deaths: number;
  /** So many of the threads never take the lock. */
  readonly lockless?: number;
  readonly fault?: BlockFault;
}

const G = 0;
const S = 1;
const R = 2;
const H = 3;
const LIVE = 4;
const DIRTY = 5;
const TOP = 6;
const LOCK = 7;
const LOGGED = 8;
const DEATHS = 13;
const THREADS = 14;
/** Address and old value of the two entries of the log. */
const LOG = 9;
// Of each thread: its next step, the block, what it has loaded, and what happened to the block since the call began.
const STEP = 0;
const BLOCK = 1;
const SEEN = 2;
const EVENTS = 3;
const WIDTH = 4;
const WAS_FREE = 1;
const ALLOCATED = 2;
const DIRECT = 4;

const AT = numbered(
  "idle",
  "load R",
  "load G",
  "swap R",
  "try the lock",
  "still freed",
  "look at dirty",
  "set dirty",
  "look at top",
  "set top",
  "drain: look at top",
  "clear top",
  "drain: look at dirty",
  "clear dirty",
  "drain: load R",
  "log S",
  "store S",
  "log H",
  "clear H",
  "commit give",
  "dirty again",
  "top again",
  "choose",
  "log G",
  "store G",
  "log H too",
  "set H",
  "commit take",
  "unlock",
  "undo second",
  "undo first",
  "undo ends",
  "find dead",
  "hint dirty",
  "hint top",
  "bury",
  "dead",
  "proved dead",
);
const NAMES = Object.keys(AT);

export function blocks(options: BlockOptions): Model {
  const { threads, blocks: count, deaths, lockless = 0, fault } = options;
  const all = (1 << count) - 1;
  const { at, end, forEach, reset } = threadsFrom(THREADS, WIDTH, threads);
  const isFreeing = (step: number): boolean => step >= AT["load R"] && step <= AT["swap R"];
  const note = (s: Uint8Array, me: number, block: number, event: number): void =>
    forEach((thread, o) => {
      if (thread !== me && isFreeing(s[o + STEP]!) && s[o + BLOCK] === block)
        s[o + EVENTS]! |= event;
    });
  /** Blocks that are being allocated, and not yet for sure. */
  const pending = (s: Readonly<Uint8Array>): number =>
    s[LOGGED]! > 0 && s[LOG] === G ? s[LOG + 1]! ^ s[G]! : 0;
  const deadNow = (s: Readonly<Uint8Array>): number => {
    let dead = 0;
    forEach((thread, o) => {
      if (s[o + STEP] === AT["proved dead"]) dead |= 1 << thread;
    });
    return dead;
  };

  function log(s: Uint8Array, word: number): void {
    if (fault === "S not logged" && word === S) return;
    s.set([word, s[word]!], LOG + 2 * s[LOGGED]!);
    s[LOGGED]!++;
  }

  const commit = (s: Uint8Array): void => void s.fill(0, LOGGED, LOG + 4);
  const undo = (s: Uint8Array, entry: number): void => {
    if (s[LOGGED]! > entry) s[s[LOG + 2 * entry]!] = s[LOG + 2 * entry + 1]!;
  };

  function advance(s: Uint8Array, me: number): void | false {
    const o = at(me);
    const block = s[o + BLOCK]!;
    const bit = 1 << block;
    const goto = (step: number): void => void (s[o + STEP] = step);
    switch (s[o + STEP]) {
      case AT["load R"]:
        s[o + SEEN] = s[R]!;
        return goto(AT["load G"]);
      case AT["load G"]:
        if ((s[G]! ^ s[o + SEEN]!) & bit) return goto(AT["swap R"]);
        if (!(s[o + EVENTS]! & WAS_FREE)) broken("a right free is refused");
        return reset(s, o);
      case AT["swap R"]: {
        if (s[R] !== s[o + SEEN]) {
          s[o + SEEN] = 0;
          return goto(AT["load R"]);
        }
        const events = s[o + EVENTS]!;
        s[R]! ^= bit; // the commit
        s[o + SEEN] = s[o + EVENTS] = 0;
        if (s[LIVE]! & bit) s[LIVE]! &= ~bit;
        // D4: the block is given out again during the second free.
        else if (pending(s) & bit || events & ALLOCATED) return false;
        else broken("a double free is accepted");
        note(s, me, block, WAS_FREE);
        if (me < threads - lockless) return goto(AT["try the lock"]);
        s[o + BLOCK] = 0;
        return goto(AT[fault === "top hint first" ? "look at top" : "look at dirty"]);
      }
      case AT["try the lock"]:
        if (s[LOCK] === 0 && deadNow(s) === 0) {
          s[LOCK] = me + 1;
          return goto(AT["still freed"]);
        }
        s[o + BLOCK] = 0;
        return goto(AT[fault === "top hint first" ? "look at top" : "look at dirty"]);
      case AT["still freed"]:
        if (fault !== "give without a look" && ((s[S]! ^ s[R]!) & bit) === 0) {
          s[o + BLOCK] = 0;
          return goto(AT.unlock);
        }
        s[o + EVENTS] = DIRECT;
        return goto(AT["log S"]);
      case AT["look at dirty"]:
        if (!s[DIRTY]) return goto(AT["set dirty"]);
        return fault === "top hint first" ? reset(s, o) : goto(AT["look at top"]);
      case AT["set dirty"]:
        s[DIRTY] = 1;
        return fault === "top hint first" ? reset(s, o) : goto(AT["look at top"]);
      case AT["look at top"]:
        if (!s[TOP]) return goto(AT["set top"]);
        return fault === "top hint first" ? goto(AT["look at dirty"]) : reset(s, o);
      case AT["set top"]:
        s[TOP] = 1;
        return fault === "top hint first" ? goto(AT["look at dirty"]) : reset(s, o);
      // The holder returns one block to the free ones, and hints at the rest again.
      case AT["drain: look at top"]:
        return goto(s[TOP] ? AT["clear top"] : AT.choose);
      case AT["clear top"]:
        s[TOP] = 0;
        return goto(AT["drain: look at dirty"]);
      case AT["drain: look at dirty"]:
        if (!s[DIRTY]) return goto(AT.choose);
        return goto(fault === "clear DIRTY late" ? AT["drain: load R"] : AT["clear dirty"]);
      case AT["clear dirty"]:
        s[DIRTY] = 0;
        return fault === "clear DIRTY late" ? pick() : goto(AT["drain: load R"]);
      case AT["drain: load R"]:
        s[o + SEEN] = s[S]! ^ s[R]!;
        return fault === "clear DIRTY late" ? goto(AT["clear dirty"]) : pick();
      case AT["log S"]:
        log(s, S);
        return goto(AT["store S"]);
      case AT["store S"]:
        s[S]! ^= bit;
        return goto(AT["log H"]);
      case AT["log H"]:
        log(s, H);
        return goto(AT["clear H"]);
      case AT["clear H"]:
        if (!(s[H]! & bit)) broken("a block is released twice");
        s[H]! &= ~bit;
        return goto(AT["commit give"]);
      case AT["commit give"]: {
        commit(s);
        const isDirect = s[o + EVENTS] === DIRECT;
        const hasMore = s[o + SEEN] !== 0 && fault !== "forget the rest";
        s[o + BLOCK] = s[o + SEEN] = s[o + EVENTS] = 0;
        if (isDirect) return goto(AT.unlock);
        return goto(hasMore ? AT["dirty again"] : AT.choose);
      }
      case AT["dirty again"]:
        s[DIRTY] = 1;
        return goto(AT["top again"]);
      case AT["top again"]:
        s[TOP] = 1;
        return goto(AT.choose);
      case AT["log G"]:
        log(s, G);
        return goto(AT["store G"]);
      case AT["store G"]:
        s[G]! ^= bit;
        note(s, me, block, ALLOCATED);
        return goto(AT["log H too"]);
      case AT["log H too"]:
        log(s, H);
        return goto(AT["set H"]);
      case AT["set H"]:
        if (s[H]! & bit) broken("a block is allocated twice");
        s[H]! |= bit;
        return goto(AT["commit take"]);
      case AT["commit take"]:
        if (s[LIVE]! & bit) broken("a block has two holders");
        commit(s);
        s[LIVE]! |= bit;
        note(s, me, block, ALLOCATED);
        s[o + BLOCK] = 0;
        return goto(AT.unlock);
      case AT.unlock:
        s[LOCK] = 0;
        return reset(s, o);
      case AT["undo second"]:
        undo(s, 1);
        return goto(AT["undo first"]);
      case AT["undo first"]:
        undo(s, 0);
        return goto(AT["undo ends"]);
      case AT["undo ends"]:
        commit(s);
        return goto(AT["find dead"]);
      case AT["find dead"]:
        s[o + SEEN] = deadNow(s);
        return goto(AT["hint dirty"]);
      case AT["hint dirty"]:
        if (fault === "no hints in recovery" || s[S] === s[R]) return goto(AT.bury);
        s[DIRTY] = 1;
        return goto(AT["hint top"]);
      case AT["hint top"]:
        s[TOP] = 1;
        return goto(AT.bury);
      case AT.bury:
        forEach((thread, other) => {
          if (s[o + SEEN]! & (1 << thread)) reset(s, other);
        });
        s[o + SEEN] = 0;
        return goto(AT["drain: look at top"]);
    }

    function pick(): void {
      const first = lowestBit(s[o + SEEN]!);
      if (first < 0) return goto(AT.choose);
      s[o + SEEN]! &= ~(1 << first);
      s[o + BLOCK] = first;
      return goto(AT["log S"]);
    }
  }

  function choices(s: Readonly<Uint8Array>, me: number, go: Go): void {
    const o = at(me);
    const name = `thread ${me}: `;
    for (let block = 0; block < count; block++) {
      const bit = 1 << block;
      const events = (s[LIVE]! & bit ? 0 : WAS_FREE) | (pending(s) & bit ? ALLOCATED : 0);
      go(`${name}free(${block})`, (n) => void n.set([AT["load R"], block, 0, events], o));
    }
    if (me >= threads - lockless) return;
    const dead = deadNow(s);
    const holder = s[LOCK]!;
    if (holder === 0)
      go(`${name}takes the lock`, (n) => {
        n[LOCK] = me + 1;
        n[o + STEP] = dead ? AT["find dead"] : AT["drain: look at top"];
      });
    else if (dead & (1 << (holder - 1)))
      go(`${name}takes the lock over`, (n) => {
        n[LOCK] = me + 1;
        n[o + STEP] = AT["undo second"];
      });
  }

  return {
    name: `blocks: ${threads} threads${lockless ? ` (${lockless} never lock)` : ""}, ${count} blocks, ${deaths} deaths${fault ? `; fault: ${fault}` : ""}`,
    width: end,
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
              reset(n, o);
              n[o + STEP] = AT.dead;
            },
            true,
          );
        if (step === AT.idle) return choices(s, me, go);
        if (step !== AT.choose) return go(name + NAMES[step], (n) => advance(n, me));
        const free = lowestBit(~(s[G]! ^ s[S]!) & all);
        if (free >= 0)
          go(`${name}allocates block ${free}`, (n) => {
            n[o + BLOCK] = free;
            n[o + STEP] = AT["log G"];
          });
        go(`${name}allocates nothing`, (n) => void (n[o + STEP] = AT.unlock));
      });
    },
    check(s) {
      const sure = ~pending(s) & all;
      if (((s[G]! ^ s[R]!) & sure) !== (s[LIVE]! & sure))
        broken("a block's bits differ, but it is not in use");
      if (s[LOCK]) return;
      if (s[LOGGED] || s[H] !== (s[G]! ^ s[S]!)) broken("half of an operation is left");
      let allIdle = true;
      forEach((_, o) => (allIdle &&= s[o + STEP] === AT.idle));
      if (allIdle && s[S] !== s[R] && !(s[TOP] && s[DIRTY])) broken("a freed block is forgotten");
    },
    show: (s) =>
      `G ${bitsOf(s[G]!, count)} S ${bitsOf(s[S]!, count)} R ${bitsOf(s[R]!, count)} H ${bitsOf(s[H]!, count)} ` +
      `live ${bitsOf(s[LIVE]!, count)} dirty ${s[DIRTY]} top ${s[TOP]} lock ${s[LOCK]} log ${s[LOGGED]}`,
  };
}
