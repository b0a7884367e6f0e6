/** src/lifetimes/registry.ts: blocks that are freed when an object is collected. */

import { setFlagsFromString } from "node:v8";
import { setImmediate } from "node:timers/promises";
import { runInNewContext } from "node:vm";
import { describe, expect, it, vi } from "vitest";

import { Heap } from "../../../src/index.ts";
import { errorOf, firstDifference, imageOf } from "../../suite/heaps.ts";
import { registrySuite } from "../../suite/lifetimes/registry.ts";
import { PLACES } from "../places.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/**
 * Collects until `done` holds; a finaliser runs some turns of the loop after the collection, and what it frees in a
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

/** Registers a block with an object that is unreachable at once. */
function lose(heap: Heap, pointer: number): void {
  heap.register({}, pointer);
}

/** Registers blocks with objects that are unreachable at once, and waits until the platform has collected each. */
async function loseAll(heap: Heap, pointers: readonly number[]): Promise<void> {
  let collected = 0;
  const seen = new FinalizationRegistry(() => (collected += 1));
  for (const pointer of pointers) {
    // A function of its own, so that no variable holds the object.
    (() => {
      const object = {};
      heap.register(object, pointer);
      seen.register(object, undefined);
    })();
  }
  for (let turn = 0; turn < 200 && collected < pointers.length; turn += 1) {
    collect();
    await setImmediate();
  }
  expect(collected).toBe(pointers.length);
  await setImmediate();
}

/** Waits for a last registered block: when it is freed, the finalizers of earlier objects have run, or never will. */
async function collectAll(heap: Heap): Promise<void> {
  const last = heap.allocate(3);
  lose(heap, last);
  await collectUntil(heap, () => !heap.owns(last));
}

describe.each(PLACES)("$name", (place) => {
  const { makeHeap, name } = place;
  registrySuite(place);

  const isShared = /shared/i.test(name);

  it("frees a block after its object was collected, and not before", async () => {
    const heap = makeHeap();
    const owner = { name: "mesh" };
    const kept = heap.allocate(100);
    heap.register(owner, kept);
    const lost = heap.allocate(5000);
    lose(heap, lost);
    await collectUntil(heap, () => !heap.owns(lost));
    expect(heap.owns(kept)).toBe(true);
    expect(owner.name).toBe("mesh");
    heap.check();
  });

  it("keeps a block at the address of one that was freed manually", async () => {
    const heap = makeHeap();
    const pointer = heap.allocate(100);
    lose(heap, pointer);
    heap.deallocate(pointer);
    expect(heap.allocate(100)).toBe(pointer);
    await collectAll(heap);
    expect(heap.owns(pointer)).toBe(true);
    heap.check();
  });

  it("follows a reallocated block", async () => {
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

  it("keeps blocks that were unregistered or freed by a reset", async () => {
    const heap = makeHeap();
    const before = heap.allocate(100);
    lose(heap, before);
    heap.reset();
    const pointers = [100, 200].map((size) => heap.allocate(size));
    expect(pointers[0]).toBe(before);
    lose(heap, pointers[1]!);
    expect(heap.unregister(pointers[1]!)).toBe(true);
    expect(heap.unregister(pointers[1]!)).toBe(false);
    await collectAll(heap);
    for (const pointer of pointers) expect(heap.owns(pointer)).toBe(true);
  });

  it("a heap is not collected while a block is registered", async () => {
    const heap = new WeakRef(makeHeap());
    const owner = {};
    heap.deref()!.register(owner, heap.deref()!.allocate(100));
    await setImmediate();
    collect();
    await setImmediate();
    expect(heap.deref()).toBeDefined();
    expect(owner).toBeDefined();
  });

  it(`frees ${isShared ? "at the next call of the heap" : "without a call of the heap"}`, async () => {
    const heap = makeHeap();
    const lost = heap.allocate(5000);
    const last = heap.allocate(10);
    const before = imageOf(heap);
    await loseAll(heap, [lost]);
    expect(heap.owns(lost)).toBe(isShared);
    expect(firstDifference(imageOf(heap), before) === -1).toBe(isShared);
    heap.register({}, last); // frees what was collected before
    expect(heap.owns(lost)).toBe(false);
  });

  it("rejects a block whose object was collected", async () => {
    const heap = makeHeap();
    const lost = heap.allocate(5000);
    heap.allocate(10);
    await loseAll(heap, [lost]);
    expect(errorOf(() => heap.register({}, lost)).code).toBe("DOUBLE_FREE");
  });

  it.runIf(isShared)("frees the others if another heap object freed one", async () => {
    const heap = makeHeap();
    const pointers = [1, 2, 3].map(() => heap.allocate(5000));
    const last = heap.allocate(10);
    await loseAll(heap, pointers);
    const { memory, engine } = heap;
    Heap.attach(memory, { engine }).deallocate(pointers[1]!);
    const reported: unknown[] = [];
    vi.spyOn(Promise, "reject").mockImplementation(
      (error) => Promise.resolve(reported.push(error)) as never,
    );
    heap.register({}, last);
    vi.restoreAllMocks();
    expect(reported).toMatchObject([{ code: "DOUBLE_FREE", pointer: pointers[1] }]);
    for (const pointer of pointers) expect(heap.owns(pointer)).toBe(false);
    const again = pointers.map(() => heap.allocate(5000));
    expect(again).toContain(pointers[1]);
    for (const pointer of again) heap.register({}, pointer); // none is registered from before
  });
});
