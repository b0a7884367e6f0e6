// Model 2: the lock, and the undo log of what is done under it.
//
// The lock's word has the holder, whether somebody waits, whether the holder is proved dead, and the number of takeovers, the
// epoch. What it guards are two words A and B that are equal whenever nobody is inside. Each is written through the log:
//
//     log[n] := {address, old value};   n := n + 1;   store           and at the end, the commit:   n := 0
//
// A thread that takes the lock over from a dead one undoes what the log has, last to first, and goes on. Threads die at any step.

import { broken, type Model, numbered } from "./explore.ts";
import { threadsFrom } from "./threads.ts";

export type LockFault =
  /** A takeover and a recovery without a new epoch. */
  | "no epoch"
  /** Only a takeover has a new epoch, a recovery without one does not. */
  | "epoch at takeover only"
  /** The proof of a death does not mark the lock. */
  | "no mark"
  /** The proof of a death does not wake those who wait. */
  | "no wake"
  /** Who has waited and takes the lock forgets that others wait too. */
  | "forget waiters"
  /** The lock is released by a plain store. */
  | "store to release"
  /** A takeover without undo. */
  | "no undo"
  /** The log counts an entry before it is written. */
  | "count first"
  /** The word is stored before its entry counts. */
  | "store first"
  /** Undo marks the log as empty before the last word is undone. */
  | "commit during undo"
  /** A thread is declared dead and goes on. */
  | "declared dead alive";

export interface LockOptions {
  readonly threads: number;
  readonly rounds: number;
  readonly deaths: number;
  /** So many of the threads do not wait. */
  readonly tryOnly?: number;
  /** The place of a dead thread is used again. */
  readonly reuse?: boolean;
  readonly fault?: LockFault;
}

const HOLDER = 0;
const WAITERS = 1;
const DIED = 2;
const EPOCH = 3;
const A = 4;
const B = 5;
const LOGGED = 6;
/** Address and old value of each of the two entries of the log. */
const LOG = 7;
const DEATHS = 11;
const THREADS = 12;
// Of each thread: its next step, the lock's word as it has seen it, rounds that are done, whether it has slept, and how many
// entries of the log are left to undo.
const STEP = 0;
const SEEN = 1;
const ROUND = 5;
const SLEPT = 6;
const LEFT = 7;
const WIDTH = 8;

const AT = numbered(
  "load the lock",
  "look",
  "take over",
  "mark as waiting",
  "sleep",
  "asleep",
  "log A",
  "count A",
  "store A",
  "log B",
  "count B",
  "store B",
  "commit",
  "release: load",
  "release: swap",
  "notify",
  "undo",
  "undo ends",
  "new epoch",
  "free the places",
  "done",
  "dead",
  "state is dead",
  "lock is marked",
  "proved dead",
  "buried",
);
const NAMES = Object.keys(AT);
const PROOF = ["is proved dead: state", "is proved dead: lock", "is proved dead: wakes all"];

export function lock(options: LockOptions): Model {
  const { threads, rounds, deaths, tryOnly = 0, reuse = false, fault } = options;
  const { at, end, forEach, reset } = threadsFrom(THREADS, WIDTH, threads);
  const isInside = (step: number): boolean =>
    (step >= AT["log A"] && step <= AT["release: swap"]) ||
    (step >= AT.undo && step <= AT["free the places"]);
  const isProved = (step: number): boolean =>
    step >= AT["state is dead"] && step <= AT["proved dead"];
  const hasSeen = (s: Uint8Array, o: number): boolean => {
    const seen = o + SEEN;
    return (
      s[HOLDER] === s[seen] &&
      s[WAITERS] === s[seen + 1] &&
      s[DIED] === s[seen + 2] &&
      s[EPOCH] === s[seen + 3]
    );
  };
  const forget = (s: Uint8Array, o: number): void => void s.fill(0, o + SEEN, o + SEEN + 4);

  function enter(s: Uint8Array, me: number): void {
    if (s[LOGGED] !== 0) broken("a thread enters while the log is not empty");
    if (s[A] !== s[B]) broken("a thread enters and finds half of an operation");
    expectAlone(s, me);
    s[at(me) + STEP] = AT["log A"];
  }

  function expectAlone(s: Uint8Array, me: number): void {
    forEach((thread, o) => {
      if (thread !== me && isInside(s[o + STEP]!)) broken("two threads are inside");
    });
  }

  function advance(s: Uint8Array, me: number): void {
    const o = at(me);
    const goto = (step: number): void => void (s[o + STEP] = step);
    const again = (): void => {
      forget(s, o);
      goto(AT["load the lock"]);
    };
    const nextRound = (): void => {
      s[o + ROUND]!++;
      again();
    };
    /** The compare-and-swap that makes this thread the holder. */
    const take = (): boolean => {
      if (!hasSeen(s, o)) return false;
      s[HOLDER] = me + 1;
      s[WAITERS] = s[o + SEEN + 1]! | s[o + SLEPT]!;
      forget(s, o);
      s[o + SLEPT] = 0;
      return true;
    };
    const log = (entry: number, word: number): void => {
      s[LOG + 2 * entry] = word;
      s[LOG + 2 * entry + 1] = s[word]!;
    };
    switch (s[o + STEP]) {
      case AT["load the lock"]:
        if (s[o + ROUND] === rounds) {
          reset(s, o);
          return goto(AT.done);
        }
        for (let i = 0; i < 4; i++) s[o + SEEN + i] = s[HOLDER + i]!;
        return goto(AT.look);
      case AT.look: {
        const holder = s[o + SEEN]!;
        if (holder === 0) {
          if (!take()) return again();
          if (fault === "forget waiters") s[WAITERS] = 0;
          let anyDead = false;
          forEach((_, other) => (anyDead ||= s[other + STEP] === AT["proved dead"]));
          if (!anyDead) return enter(s, me);
          expectAlone(s, me);
          return goto(AT["new epoch"]);
        }
        if (s[o + SEEN + 2] || isProved(s[at(holder - 1) + STEP]!)) return goto(AT["take over"]);
        if (me >= threads - tryOnly) return nextRound();
        return goto(s[o + SEEN + 1] ? AT.sleep : AT["mark as waiting"]);
      }
      case AT["take over"]:
        if (!take()) return again();
        s[DIED] = 0;
        if (fault !== "no epoch") s[EPOCH] = (s[EPOCH]! + 1) & 7;
        expectAlone(s, me);
        return goto(fault === "no undo" ? AT["undo ends"] : AT.undo);
      case AT["mark as waiting"]:
        if (hasSeen(s, o)) s[WAITERS] = 1;
        return again();
      case AT.sleep:
        if (!hasSeen(s, o)) return again();
        forget(s, o);
        s[o + SLEPT] = 1;
        return goto(AT.asleep);
      case AT["log A"]:
        if (fault === "count first") s[LOGGED] = 1;
        else log(0, A);
        return goto(AT["count A"]);
      case AT["count A"]:
        if (fault === "count first") log(0, A);
        else if (fault === "store first") s[A]! ^= 1;
        else s[LOGGED] = 1;
        return goto(AT["store A"]);
      case AT["store A"]:
        if (fault === "store first") s[LOGGED] = 1;
        else s[A]! ^= 1;
        return goto(AT["log B"]);
      case AT["log B"]:
        log(1, B);
        return goto(AT["count B"]);
      case AT["count B"]:
        s[LOGGED] = 2;
        return goto(AT["store B"]);
      case AT["store B"]:
        s[B]! ^= 1;
        return goto(AT.commit);
      case AT.commit:
        s[LOGGED] = 0;
        return goto(AT["release: load"]);
      case AT["release: load"]:
        s[o + SEEN + 1] = s[WAITERS]!;
        return goto(AT["release: swap"]);
      case AT["release: swap"]: {
        const wakes = s[o + SEEN + 1];
        if (fault !== "store to release") {
          if (s[HOLDER] !== me + 1 || s[DIED]) broken("a thread that is alive was declared dead");
          if (s[WAITERS] !== wakes) {
            forget(s, o);
            return goto(AT["release: load"]);
          }
        }
        s[HOLDER] = 0;
        s[WAITERS] = 0;
        if (!wakes) return nextRound();
        forget(s, o);
        return goto(AT.notify);
      }
      case AT.notify:
        return nextRound(); // whom it wakes: see `moves`
      case AT.undo: {
        const left = s[o + LEFT] === 0 ? s[LOGGED]! : s[o + LEFT]! - 1;
        if (left === 0) return goto(AT["undo ends"]);
        s[s[LOG + 2 * left - 2]!] = s[LOG + 2 * left - 1]!;
        if (fault === "commit during undo") s[LOGGED] = 0;
        s[o + LEFT] = left === 1 ? 0 : left;
        return left === 1 ? goto(AT["undo ends"]) : undefined;
      }
      case AT["undo ends"]:
        s[LOGGED] = 0;
        return goto(AT["free the places"]);
      case AT["new epoch"]:
        // A place that is used again may be named by a word that somebody has seen before.
        if (fault !== "no epoch" && fault !== "epoch at takeover only")
          s[EPOCH] = (s[EPOCH]! + 1) & 7;
        return goto(AT["free the places"]);
      case AT["free the places"]:
        forEach((thread, other) => {
          if (s[other + STEP] !== AT["proved dead"] || s[HOLDER] === thread + 1) return;
          reset(s, other);
          s[other + STEP] = reuse ? AT["load the lock"] : AT.buried;
          if (reuse) s[other + ROUND] = rounds - 1;
        });
        return enter(s, me);
    }
  }

  /** The proof of a death, one step at a time, by a thread that sees others end. */
  function prove(s: Uint8Array, thread: number): void {
    const o = at(thread);
    const step = s[o + STEP];
    if (step === AT.dead) s[o + STEP] = AT["state is dead"];
    else if (step === AT["state is dead"]) {
      if (fault !== "no mark" && s[HOLDER] === thread + 1) s[DIED] = 1;
      s[o + STEP] = AT["lock is marked"];
    } else {
      forEach((_, other) => {
        if (s[other + STEP] === AT.asleep && fault !== "no wake")
          s[other + STEP] = AT["load the lock"];
      });
      s[o + STEP] = AT["proved dead"];
    }
  }

  return {
    name: `lock: ${threads} threads${tryOnly ? ` (${tryOnly} never wait)` : ""}, ${rounds} rounds, ${deaths} deaths${reuse ? ", places used again" : ""}${fault ? `; fault: ${fault}` : ""}`,
    width: end,
    moves(s, go) {
      forEach((me, o) => {
        const step = s[o + STEP]!;
        const name = `thread ${me}: `;
        if (step >= AT.dead && step <= AT["lock is marked"])
          return go(`${name}${PROOF[step - AT.dead]}`, (n) => prove(n, me));
        if (step >= AT.done) return;
        if (s[DEATHS]! < deaths)
          go(
            `${name}dies before: ${NAMES[step]}`,
            (n) => {
              n[DEATHS]!++;
              if (fault === "declared dead alive" && isInside(step)) {
                n[DIED] = 1;
                return;
              }
              reset(n, o);
              n[o + STEP] = AT.dead;
            },
            true,
          );
        if (step === AT.asleep) return; // until it is woken
        if (step !== AT.notify) return go(name + NAMES[step], (n) => advance(n, me));
        let anyAsleep = false;
        forEach((other, place) => {
          if (s[place + STEP] !== AT.asleep) return;
          anyAsleep = true;
          go(`${name}wakes thread ${other}`, (n) => {
            n[place + STEP] = AT["load the lock"];
            advance(n, me);
          });
        });
        if (!anyAsleep) go(`${name}wakes nobody`, (n) => advance(n, me));
      });
    },
    checkLast(s) {
      forEach((_, o) => {
        if (s[o + STEP] === AT.asleep) broken("a thread sleeps for ever");
      });
    },
    show: (s) =>
      `holder ${s[HOLDER]} waiters ${s[WAITERS]} died ${s[DIED]} epoch ${s[EPOCH]} A ${s[A]} B ${s[B]} log ${s[LOGGED]}`,
  };
}
