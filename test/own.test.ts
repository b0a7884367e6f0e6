/** Blocks that are freed when an object is collected. */

import { setFlagsFromString } from "node:v8";
import { setImmediate } from "node:timers/promises";
import { runInNewContext } from "node:vm";
import { describe, expect, it, vi } from "vitest";

import { Heap } from "../src/index.ts";
import { errorOf, expectError, imageOf, PLACES } from "./heaps.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/**
 * Collects until something was found out; a finaliser runs some turns of the loop after the collection, and what it frees in a
 * shared memory waits for the heap's next turn.
 */
async function collectUntil(heap: Heap, done: () => boolean): Promise<void> {
  for (let turn = 0; turn < 200 && !done(); turn += 1) {
    collect();
    await setImmediate();
    heap.deallocate(heap.allocate(200));
  }
  expect(done()).toBe(true);
}

/** Gives a block an owner that is lost at once. */
function lose(heap: Heap, pointer: number): void {
  heap.own({}, pointer);
}

/** Gives blocks owners that are lost at once, and waits until the platform has told of each. */
async function loseAll(heap: Heap, pointers: readonly number[]): Promise<void> {
  let collected = 0;
  const seen = new FinalizationRegistry(() => (collected += 1));
  for (const pointer of pointers) (() => seen.register(heap.own({}, pointer), undefined))();
  for (let turn = 0; turn < 200 && collected < pointers.length; turn += 1) {
    collect();
    await setImmediate();
  }
  expect(collected).toBe(pointers.length);
  await setImmediate();
}

/** A block whose owner is lost too: when it is freed, the finalisers of earlier owners have run, or never will. */
async function collectAll(heap: Heap): Promise<void> {
  const last = heap.allocate(3);
  lose(heap, last);
  await collectUntil(heap, () => !heap.owns(last));
}

describe.each(PLACES)("$name", ({ makeHeap, name }) => {
  const isShared = /shared/i.test(name);

  it("frees a block once its owner is collected, and not before", async () => {
    const heap = makeHeap();
    const owner = { name: "mesh" };
    const kept = heap.allocate(100);
    expect(heap.own(owner, kept)).toBe(owner);
    const lost = heap.allocate(5000);
    lose(heap, lost);
    await collectUntil(heap, () => !heap.owns(lost));
    expect(heap.owns(kept)).toBe(true);
    expect(owner.name).toBe("mesh");
    heap.check();
  });

  it("leaves alone what was deallocated by hand, though its address was given out again", async () => {
    const heap = makeHeap();
    const pointer = heap.allocate(100);
    lose(heap, pointer);
    heap.deallocate(pointer);
    expect(heap.allocate(100)).toBe(pointer);
    await collectAll(heap);
    expect(heap.owns(pointer)).toBe(true);
    heap.check();
  });

  it("follows a block that is reallocated", async () => {
    const heap = makeHeap();
    const pointer = heap.allocate(100);
    heap.allocate(100);
    lose(heap, pointer);
    const moved = heap.reallocate(pointer, 5000);
    expect(moved).not.toBe(pointer);
    expect(heap.allocate(100)).toBe(pointer);
    await collectUntil(heap, () => !heap.owns(moved));
    expect(heap.owns(pointer)).toBe(true);
  });

  it("leaves alone what was disowned, or freed by a reset", async () => {
    const heap = makeHeap();
    const before = heap.allocate(100);
    lose(heap, before);
    heap.reset();
    const pointers = [100, 200].map((size) => heap.allocate(size));
    expect(pointers[0]).toBe(before);
    lose(heap, pointers[1]!);
    expect(heap.disown(pointers[1]!)).toBe(true);
    expect(heap.disown(pointers[1]!)).toBe(false);
    await collectAll(heap);
    for (const pointer of pointers) expect(heap.owns(pointer)).toBe(true);
  });

  it("works where nobody else keeps the heap", async () => {
    const heap = new WeakRef(makeHeap());
    const owner = heap.deref()!.own({}, heap.deref()!.allocate(100));
    await setImmediate();
    collect();
    await setImmediate();
    expect(heap.deref()).toBeDefined();
    expect(owner).toBeDefined();
  });

  it(`frees ${isShared ? "in its turn" : "at any time"}`, async () => {
    const heap = makeHeap();
    const lost = heap.allocate(5000);
    const last = heap.allocate(10);
    const before = imageOf(heap);
    await loseAll(heap, [lost]);
    expect(heap.owns(lost)).toBe(isShared);
    expect(imageOf(heap).equals(before)).toBe(isShared);
    heap.own({}, last); // has its turn
    expect(heap.owns(lost)).toBe(false);
  });

  it("takes no block whose owner was collected", async () => {
    const heap = makeHeap();
    const lost = heap.allocate(5000);
    heap.allocate(10);
    await loseAll(heap, [lost]);
    expect(errorOf(() => heap.own({}, lost)).code).toBe("DOUBLE_FREE");
  });

  it.runIf(isShared)("frees the others where one was freed behind its back", async () => {
    const heap = makeHeap();
    const pointers = [1, 2, 3].map(() => heap.allocate(5000));
    const last = heap.allocate(10);
    await loseAll(heap, pointers);
    const { memory, engine } = heap;
    Heap.attach(memory, 0, { engine }).deallocate(pointers[1]!);
    const told: unknown[] = [];
    vi.spyOn(Promise, "reject").mockImplementation(
      (error) => Promise.resolve(told.push(error)) as never,
    );
    heap.own({}, last);
    vi.restoreAllMocks();
    expect(told).toMatchObject([{ code: "DOUBLE_FREE", pointer: pointers[1] }]);
    for (const pointer of pointers) expect(heap.owns(pointer)).toBe(false);
    const again = pointers.map(() => heap.allocate(5000));
    expect(again).toContain(pointers[1]);
    for (const pointer of again) heap.own({}, pointer); // none has an owner from before
  });

  it("gives a block one owner at a time", () => {
    const heap = makeHeap();
    const pointer = heap.allocate(100);
    const [first, second] = [{}, {}];
    heap.own(first, pointer);
    const error = expectError(heap, () => heap.own(second, pointer), "INVALID_POINTER", {
      pointer,
    });
    expect(error.message).toContain(`pointer ${pointer} has an owner already`);
    heap.disown(pointer);
    heap.own(second, pointer);
    heap.deallocate(pointer);
    expect(heap.disown(pointer)).toBe(false);
  });

  it("refuses owners that can't be collected, and pointers that are none", () => {
    const heap = makeHeap();
    const pointer = heap.allocate(100);
    for (const owner of [null, undefined, 5, "mesh"]) {
      const error = errorOf(() => heap.own(owner as never, pointer));
      expect(error.code).toBe("BAD_OPTIONS");
      expect(error.message).toContain(`expected an object`);
    }
    expect(heap.disown(pointer)).toBe(false);
    expect(heap.own(() => 1, pointer)()).toBe(1);
    expectError(heap, () => heap.own({}, pointer + 4), "INVALID_POINTER");
    expectError(heap, () => heap.own({}, 0), "OUT_OF_HEAP");
    heap.deallocate(pointer);
    expectError(heap, () => heap.own({}, pointer), "DOUBLE_FREE");
  });
});
