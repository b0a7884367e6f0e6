/** Heaps that several threads use: simulated threads, interleaved at every store, and stopped after every store. */

import { afterAll, describe, expect, test } from "vitest";

import {
  begin,
  brokenIn,
  expectOk,
  LOOKS,
  newThreads,
  sharedMemory,
  type Thread,
} from "./threads.ts";

/** `npm run test:crashes`: a thread dies after every store, on more heaps. */
const EVERY = process.env["EVERY"] === "1";
const BUSY = 9;
const OUT_OF_MEMORY = 1;
const memory = sharedMemory();
const threads = await newThreads(memory, 3);

/** Random numbers below a limit, from a seed. */
type Random = (limit: number) => number;
function randomOf(seed: number): Random {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

const expectSound = (thread: Thread): void => expect(brokenIn(thread)).toBe("");

/** What the threads hold together, and the bytes in it. */
class Held {
  readonly blocks: { p: number; size: number; mark: number }[] = [];
  #marks = 0;

  add(p: number, size: number): void {
    this.#marks = (this.#marks + 1) & 255;
    const bytes = this.#bytes(p, size);
    for (const { p: q, size: other } of this.blocks)
      if (p < q + other && q < p + size) throw new Error(`${p} and ${q} overlap`);
    bytes.fill(this.#marks);
    this.blocks.push({ p, size, mark: this.#marks });
  }

  #bytes(p: number, size: number): Uint8Array {
    return new Uint8Array(memory.buffer, p, size);
  }

  /** Takes one out, which nobody else frees then. */
  take(random: Random): { p: number; size: number; mark: number } | undefined {
    if (this.blocks.length === 0) return undefined;
    const at = random(this.blocks.length);
    const found = this.blocks[at]!;
    this.blocks[at] = this.blocks.at(-1)!;
    this.blocks.pop();
    this.expectMark(found);
    return found;
  }

  expectMark({ p, size, mark }: { p: number; size: number; mark: number }): void {
    const bytes = this.#bytes(p, size);
    for (let i = 0; i < size; i++)
      if (bytes[i] !== mark) throw new Error(`byte ${i} of the ${size} at ${p} was overwritten`);
  }

  expectAll(): void {
    for (const each of this.blocks) this.expectMark(each);
  }
}

const SIZES = [8, 24, 24, 24, 100, 100, 500, 1000, 1500, 3000, 20000];

/** One call of a thread; an allocation may fail because another one has the lock. */
function step({ engine }: Thread, held: Held, random: Random, most: number): void {
  const kind = random(10);
  const size = SIZES[random(SIZES.length)]!;
  if (kind < 5 && held.blocks.length < most) {
    const p = engine.allocate(size) >>> 0;
    if (p !== 0) held.add(p, size);
    else expect(engine.heap_error()).toBeOneOf([BUSY, OUT_OF_MEMORY]);
    return;
  }
  const found = held.take(random);
  if (found === undefined) return;
  if (kind < 9) {
    expect(engine.heap_release(found.p)).toBe(0);
    return;
  }
  const q = engine.heap_reallocate(found.p, size) >>> 0;
  if (q === 0) {
    expect(engine.heap_error()).toBeOneOf([BUSY, OUT_OF_MEMORY]);
    held.expectMark(found);
    held.blocks.push(found);
    return;
  }
  held.expectMark({ p: q, size: Math.min(size, found.size), mark: found.mark });
  held.add(q, size);
}

/** Pointers that the heap says are in use. */
function used({ engine }: Thread): number[] {
  const found: number[] = [];
  for (let p = engine.heap_walk(0); p !== 0; p = engine.heap_walk(p)) {
    const kind = engine.heap_walked_kind();
    if (kind === 1 || kind === 3) found.push(p >>> 0);
  }
  return found.toSorted((a, b) => a - b);
}

const pointersOf = (held: Held): number[] =>
  held.blocks.map(({ p }) => p).toSorted((a, b) => a - b);

/** Threads that are not at work look for slots and blocks that others freed, and release them. */
function settle(alive: readonly Thread[]): void {
  for (const { engine } of alive) engine.heap_trim();
  for (const { engine } of alive) engine.heap_trim();
}

function freeAll(alive: readonly Thread[], held: Held): void {
  for (const [i, { p }] of held.blocks.entries())
    expect(alive[i % alive.length]!.engine.heap_release(p)).toBe(0);
  held.blocks.length = 0;
  settle(alive);
  expectSound(alive[0]!);
  expect(used(alive[0]!)).toEqual([]);
}

test("one thread allocates and frees slots and blocks", () => {
  begin(memory, threads);
  const [thread] = threads as [Thread];
  const { engine } = thread;
  expectSound(thread);
  const pointers: number[] = [];
  for (let i = 0; i < 500; i++) pointers.push(engine.allocate((i * 37) % 3000) >>> 0);
  expect(new Set(pointers).size).toBe(500);
  expect(pointers).not.toContain(0);
  expectSound(thread);
  for (const p of pointers) expect(engine.heap_release(p)).toBe(0);
  expectSound(thread);
  for (const p of pointers) expect(engine.heap_release(p)).not.toBe(0);
  expectSound(thread);
});

test("a thread that has left frees, but does not allocate", () => {
  begin(memory, threads);
  const [{ engine }, other] = threads as [Thread, Thread];
  const pointers = [24, 24, 3000].map((size) => engine.allocate(size));
  const slots = Array.from({ length: 60 }, () => engine.allocate(100));
  expect(engine.heap_detach()).toBe(0);
  expect(engine.heap_thread()).toBe(0);
  for (const size of [24, 100, 3000]) {
    expect(engine.allocate(size)).toBe(0);
    expect(engine.heap_error()).toBe(BUSY);
  }
  for (const p of [...pointers, ...slots]) expect(engine.heap_release(p)).toBe(0);
  settle([other]);
  expectSound(other);
  expect(used(other)).toEqual([]);
});

test("a thread releases many slabs that another one has emptied", () => {
  begin(memory, threads);
  const [{ engine }, other] = threads as [Thread, Thread];
  const pointers = Array.from({ length: 2000 }, () => engine.allocate(200));
  const footprint = engine.heap_stat(0);
  used(other); // an inspection changes what an engine remembers
  used(threads[0]!);
  for (const p of pointers) expect(other.engine.heap_release(p)).toBe(0);
  expect(engine.heap_collect()).toBe(0);
  expectSound(other);
  expect(used(other)).toEqual([]);
  // Other classes can use the memory.
  expect(other.engine.allocate(100_000)).not.toBe(0);
  expect(engine.heap_stat(0)).toBe(footprint);
});

test("recovery lists the slots that a dead thread held", () => {
  begin(memory, threads);
  const [{ engine }, other, third] = threads as [Thread, Thread, Thread];
  const slots = Array.from({ length: 100 }, () => other.engine.allocate(100)).slice(32);
  engine.heap_release(slots.pop()!);
  expect(engine.heap_recover(other.id)).toBe(0);
  const held: number[] = [];
  for (let p = engine.heap_held(); p !== 0; p = engine.heap_held()) {
    held.push(p);
    expect(engine.heap_held_size()).toBe(112);
  }
  // Meanwhile nobody else gets the lock.
  expect(third.engine.allocate(3000)).toBe(0);
  engine.heap_recovered();
  expect(held.toSorted((a, b) => a - b)).toEqual(slots.toSorted((a, b) => a - b));
  expect(engine.heap_recover(other.id)).not.toBe(0);
  expect(third.engine.allocate(3000)).not.toBe(0);
  expectSound(third);
});

describe("threads take turns, call by call", () => {
  test.each([1, 2, 3, 4])("program %i", (seed) => {
    const random = randomOf(seed);
    const held = new Held();
    begin(memory, threads);
    for (let i = 0; i < 3000; i++) {
      step(threads[random(3)]!, held, random, 300);
      if (i % 250 !== 0) continue;
      expectSound(threads[0]!);
      held.expectAll();
    }
    settle(threads);
    expect(used(threads[0]!)).toEqual(pointersOf(held));
    freeAll(threads, held);
  });
});

describe("threads go on in the middle of each other's calls", () => {
  test.each([1, 2, 3, 4, 5, 6])("program %i", (seed) => {
    const random = randomOf(100 + seed);
    const held = new Held();
    begin(memory, threads);
    /** After so many stores of this call the next thread makes a call or two, within which the third does. */
    const call = (order: readonly Thread[]): void => {
      const [thread, ...others] = order as [Thread, ...Thread[]];
      if (others.length > 0)
        thread.seam.interruptAfter(1 + random(random(4) === 0 ? 120 : 6), () => {
          for (let i = 0; i <= random(3); i++) call(others);
        });
      step(thread, held, random, 200);
      thread.seam.interruptAfter(Infinity, () => {});
    };
    for (let i = 0; i < 1500; i++) {
      const first = random(3);
      const second = (first + 1 + random(2)) % 3;
      call([threads[first]!, threads[second]!, threads[3 - first - second]!]);
      if (i % 50 !== 0) continue;
      expectSound(threads[0]!);
      held.expectAll();
    }
    settle(threads);
    expect(used(threads[0]!)).toEqual(pointersOf(held));
    freeAll(threads, held);
  });
});

/** What one thread does when it dies. */
const CALLS: Record<string, (thread: Thread, held: Held, random: Random) => void> = {
  "allocates a slot": ({ engine }) => void engine.allocate(24),
  "allocates 36 slots": ({ engine }) => {
    for (let i = 0; i < 36; i++) engine.allocate(100);
  },
  "allocates a block": ({ engine }) => void engine.allocate(3000),
  "allocates a large block": ({ engine }) => void engine.allocate(700_000),
  frees: ({ engine }, held, random) => {
    for (let i = 0; i < 12; i++) engine.heap_release(held.take(random)?.p ?? 0);
  },
  reallocates: ({ engine }, held, random) =>
    void engine.heap_reallocate(held.take(random)?.p ?? 0, 5000),
  trims: ({ engine }) => void engine.heap_trim(),
  leaves: ({ engine }) => void engine.heap_detach(),
  joins: (thread) => {
    thread.engine.heap_detach();
    thread.id = threads[1]!.engine.heap_reserve();
    expectOk(thread.engine.heap_attach(0));
    expectOk(thread.engine.heap_join(thread.id, LOOKS));
  },
};

/** Points at which a thread died, and those at which the one that recovered died too. */
const totals = { points: 0, nested: 0 };
afterAll(() => {
  if (EVERY)
    console.log(
      `${totals.points} deaths, after ${totals.nested} of which another thread died in recovery`,
    );
});

/** Stops the thread after its nth store in the call; false if the call had fewer. */
function dieIn(thread: Thread, call: () => void, n: number): boolean {
  thread.seam.stopAfter(n);
  try {
    call();
  } catch (error) {
    if ((error as Error).name !== "Stopped") throw error;
    return true;
  }
  thread.seam.stopAfter(Infinity);
  return false;
}

/** Work of all threads, the same for a seed. */
function shape(seed: number): { held: Held; random: Random } {
  const random = randomOf(seed);
  const held = new Held();
  begin(memory, threads);
  for (let i = 0; i < 60 + seed * 40; i++) step(threads[random(3)]!, held, random, 40 + seed * 40);
  return { held, random };
}

describe("a thread dies after any store, and the others go on", () => {
  const cases = Object.keys(CALLS).flatMap((name) =>
    (EVERY ? [1, 2, 3, 4, 5, 6] : [1, 3]).map((seed) => ({ name, seed })),
  );
  test.each(cases)("it $name, heap $seed", ({ name, seed }) => {
    const [dying, second, third] = threads as [Thread, Thread, Thread];
    let points = 0;
    for (let n = 1; ; n += EVERY || n < 100 ? 1 : 9) {
      const { held, random } = shape(seed);
      const before = held.blocks.length;
      if (!dieIn(dying, () => CALLS[name]!(dying, held, random), n)) break;
      points++;
      totals.points++;
      // A thread that has left has no place any more.
      const isGone = second.engine.heap_died(dying.id) === 0;
      expect(isGone && name !== "leaves" && name !== "joins").toBe(false);
      // The one that puts the heap in order may die too.
      const nested =
        (EVERY || n % 3 === 0) &&
        dieIn(second, () => second.engine.allocate(2000), 1 + ((n * 7) % 90));
      const alive = nested ? [third] : [second, third];
      if (nested) {
        totals.nested++;
        expect(third.engine.heap_died(second.id)).toBe(1);
      }
      settle(alive);
      expect(brokenIn(third), `after store ${n}`).toBe("");
      held.expectAll();
      const found = new Set(used(third));
      for (const p of pointersOf(held))
        expect(found.has(p), `${p} is lost after store ${n}`).toBe(true);
      // What the dead threads had is still in use; anybody can free it.
      expect(found.size).toBeLessThanOrEqual(before + 42);
      for (const p of found) expect(third.engine.heap_release(p)).toBe(0);
      settle(alive);
      expect(brokenIn(third)).toBe("");
      expect(used(third)).toEqual([]);
    }
    expect(points).toBeGreaterThan(name === "allocates a slot" ? 0 : 5);
  });
});
