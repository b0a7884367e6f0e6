/**
 * A plain model of a heap: a list of what is live, with what was written there; and calls that do the same to a heap and to
 * the model and compare.
 */

import fc from "fast-check";
import { expect } from "vitest";

import { MAX_SIZE } from "../../engine/block.ts";
import { CONTROL } from "../../engine/control.ts";
import { brokenIn, PAGE } from "./engines.ts";
import { ERRORS } from "./error-names.ts";
import { DEFAULT_SMALL, FIT, type TestHeap } from "./test-heap.ts";

interface Live {
  readonly address: number;
  /** What was asked for, and what there is. */
  readonly size: number;
  readonly usable: number;
  /** All of what there is is filled with it. */
  readonly byte: number;
}

export class Model {
  live: Live[] = [];
  /** Addresses that were freed, the latest last. */
  freed: number[] = [];
  /** Memory that other code grew, filled with 0xee. */
  readonly others: { from: number; to: number }[] = [];
  /** Requests that failed: memory was out. */
  refused = 0;
  #byte = 0;

  /** Notes a new block, after a look whether it is where nothing else is, and fills it. */
  add(heap: TestHeap, address: number, size: number, alignment: number): void {
    const usable = heap.usableSize(address);
    expect(usable, "usable size").toBeGreaterThanOrEqual(size);
    expect(address % alignment, "alignment").toBe(0);
    for (const other of this.live) {
      const overlap = address < other.address + other.usable && other.address < address + usable;
      if (overlap)
        throw new Error(`${address}+${usable} overlaps ${other.address}+${other.usable}`);
    }
    this.#byte = (this.#byte % 255) + 1;
    heap.bytes(address, usable).fill(this.#byte);
    this.live.push({ address, size, usable, byte: this.#byte });
    this.freed = this.freed.filter((each) => each !== address);
  }

  /** Takes one of the live blocks out; what was written to it must be there. */
  take(heap: TestHeap, index: number): Live {
    const [block] = this.live.splice(index % this.live.length, 1);
    expectFilled(heap, block!.address, block!.usable, block!.byte);
    return block!;
  }

  pick(index: number): Live {
    return this.live[index % this.live.length]!;
  }
}

function expectFilled(heap: TestHeap, address: number, length: number, byte: number): void {
  const held = heap.bytes(address, length);
  // Each like the next: no copy is made.
  const isFilled =
    length === 0 ||
    (held[0] === byte && Buffer.compare(held.subarray(1), held.subarray(0, -1)) === 0);
  if (!isFilled) throw new Error(`${address}+${length} does not hold ${byte} any more`);
}

/** Where no alignment was asked for (0), a request is aligned to 16 bytes from 16 bytes up, to 8 below. */
function alignmentOf(size: number, alignment: number): number {
  if (alignment !== 0) return alignment;
  return size < 16 ? 8 : 16;
}

/** One call, to the heap and to the model. All invariants hold after it. */
export class Call implements fc.Command<Model, TestHeap> {
  constructor(
    readonly text: string,
    readonly act: (model: Model, heap: TestHeap) => void,
    readonly needsLive = false,
  ) {}

  check(model: Readonly<Model>): boolean {
    return !this.needsLive || model.live.length > 0;
  }

  run(model: Model, heap: TestHeap): void {
    this.act(model, heap);
    const broken = brokenIn(heap.engine);
    if (broken !== "")
      throw new Error(`${broken} is broken at ${heap.engine.heap_check_at() >>> 0}`);
  }

  toString(): string {
    return this.text;
  }
}

function request(
  model: Model,
  heap: TestHeap,
  size: number,
  alignment: number,
  make: () => number,
): void {
  const p = make() >>> 0;
  if (p === 0) {
    expect(ERRORS[heap.engine.heap_error()]).toBe("OUT_OF_MEMORY");
    model.refused++;
  } else model.add(heap, p, size, alignmentOf(size, alignment));
}

function reallocate(model: Model, heap: TestHeap, index: number, size: number): void {
  const block = model.take(heap, index);
  const q = heap.reallocate(block.address, size);
  if (q === "OUT_OF_MEMORY") {
    expect(heap.reallocate(block.address, size), "the same call again").toBe("OUT_OF_MEMORY");
    model.live.push(block);
    model.refused++;
    return;
  }
  if (typeof q === "string") throw new Error(q);
  expectFilled(heap, q, Math.min(block.size, size), block.byte);
  if (q !== block.address) model.freed.push(block.address);
  model.add(heap, q, size, alignmentOf(size, 0));
}

/** What the heap says is in use is what the model says is live, and holds what was written there. */
export function compare(model: Model, heap: TestHeap): void {
  const inUse = heap.walk().filter(({ kind }) => kind === 1 || kind === 3);
  const live = model.live.toSorted((a, b) => a.address - b.address);
  expect(inUse.map(({ address, size }) => [address, size])).toEqual(
    live.map(({ address, usable }) => [address, usable]),
  );
  for (const { address, usable, byte } of live) expectFilled(heap, address, usable, byte);
  for (const { from, to } of model.others) expectFilled(heap, from, to - from, 0xee);
}

function expectBadFree(heap: TestHeap, p: number, errors: string[]): void {
  heap.unchanged(() => {
    expect(heap.release(p), `release ${p}`).toBeOneOf(errors);
    expect(heap.reallocate(p, 10), `reallocate ${p}`).toBeOneOf(errors);
    expect(heap.owns(p), `owns ${p}`).toBe(false);
  });
}

const sizes = fc.oneof(
  { weight: 5, arbitrary: fc.nat(64) },
  { weight: 4, arbitrary: fc.nat(1100) },
  { weight: 2, arbitrary: fc.nat(5000) },
  { weight: 1, arbitrary: fc.nat(200_000) },
);
const indexes = fc.nat(10_000);
const alignments = fc
  .oneof(
    { weight: 19, arbitrary: fc.nat(16) },
    { weight: 1, arbitrary: fc.integer({ min: 17, max: 22 }) },
  )
  .map((log) => 2 ** log);

export const calls: fc.Arbitrary<Call>[] = [
  ...Array.from({ length: 6 }, () =>
    sizes.map(
      (n) =>
        new Call(`malloc ${n}`, (model, heap) =>
          request(model, heap, n, 0, () => heap.engine.malloc(n)),
        ),
    ),
  ),
  fc
    .tuple(sizes, alignments)
    .map(
      ([n, to]) =>
        new Call(`aligned_alloc ${to} ${n}`, (model, heap) =>
          request(model, heap, n, to, () => heap.engine.aligned_alloc(to, n)),
        ),
    ),
  sizes.map(
    (n) =>
      new Call(`calloc ${n}`, (model, heap) => {
        const zeroed = (): number => {
          const p = heap.engine.calloc(n, 1) >>> 0;
          if (p !== 0) expectFilled(heap, p, n, 0);
          return p;
        };
        request(model, heap, n, 0, zeroed);
      }),
  ),
  ...Array.from({ length: 6 }, () =>
    indexes.map((i) => {
      const free = (model: Model, heap: TestHeap): void => {
        const { address } = model.take(heap, i);
        expect(heap.release(address)).toBe("OK");
        model.freed.push(address);
      };
      return new Call(`free #${i}`, free, true);
    }),
  ),
  ...Array.from({ length: 2 }, () =>
    fc
      .tuple(indexes, sizes)
      .map(
        ([i, n]) =>
          new Call(`realloc #${i} ${n}`, (model, heap) => reallocate(model, heap, i, n), true),
      ),
  ),
  fc.constantFrom(-1, -(2 ** 31), MAX_SIZE + 1).map(
    (n) =>
      new Call(`malloc ${n}`, (_, heap) => {
        expect(heap.unchanged(() => heap.request(n))).toBe("INVALID_SIZE");
        expect(heap.unchanged(() => heap.request(10, 24))).toBe("INVALID_ALIGNMENT");
      }),
  ),
  indexes.map(
    (i) =>
      new Call(`free again #${i}`, (model, heap) => {
        if (model.freed.length === 0) return;
        const p = model.freed[i % model.freed.length]!;
        // Its memory may be part of another block now, or of no heap: trimmed, and grown again by other code.
        const isOut = p >= heap.break || model.others.some(({ from, to }) => p >= from && p < to);
        expectBadFree(heap, p, isOut ? ["OUT_OF_HEAP"] : ["DOUBLE_FREE", "INVALID_POINTER"]);
      }),
  ),
  fc.tuple(indexes, fc.nat(300_000)).map(([i, offset]) => {
    const inside = (model: Model, heap: TestHeap): void => {
      const { address, usable } = model.pick(i);
      expectBadFree(heap, address + 1 + (offset % (usable - 1)), ["INVALID_POINTER"]);
    };
    return new Call(`free inside #${i} ${offset}`, inside, true);
  }),
  fc.nat(1_000_000).map(
    (offset) =>
      new Call(`free outside ${offset}`, (_, heap) => {
        const { base } = heap;
        if (base === 0) return expectBadFree(heap, offset + 1, ["OUT_OF_HEAP"]);
        expectBadFree(heap, 1 + (offset % (base + CONTROL - 1)), ["OUT_OF_HEAP"]);
        expectBadFree(heap, heap.break + offset, ["OUT_OF_HEAP"]);
        const { address, size } = heap.top;
        if (size > 0)
          expectBadFree(heap, address + (offset % size), ["DOUBLE_FREE", "INVALID_POINTER"]);
      }),
  ),
  indexes.map((i) => {
    const look = (model: Model, heap: TestHeap): void => {
      const { address, usable } = model.pick(i);
      expect(heap.unchanged(() => heap.usableSize(address))).toBe(usable);
      expect(heap.unchanged(() => heap.owns(address))).toBe(true);
    };
    return new Call(`usable size #${i}`, look, true);
  }),
  fc.constant(
    new Call("trim", (_, heap) => {
      const before = heap.break;
      expect(heap.engine.heap_trim()).toBe(before - heap.break);
    }),
  ),
  fc.constant(new Call("compare", compare)),
  fc.integer({ min: 1, max: 3 }).map(
    (pages) =>
      new Call(`somebody else grows ${pages} pages`, (model, heap) => {
        const memory = heap.memory as ArrayBuffer;
        const from = memory.byteLength;
        const to = from + pages * PAGE;
        if (to > memory.maxByteLength) return;
        memory.resize(to);
        heap.bytes(from, to - from).fill(0xee);
        model.others.push({ from, to });
      }),
  ),
  fc.constant(
    new Call("reset", (model, heap) => {
      heap.engine.heap_reset();
      model.freed = model.live.map(({ address }) => address);
      model.live = [];
    }),
  ),
];

/** Where and how a heap begins. */
export const beginnings = fc.record({
  /** No heap: the first request makes one. */
  created: fc.boolean(),
  base: fc.nat(5000),
  margin: fc.constantFrom(-1, 0, 100_000),
  fit: fc.constantFrom(...Object.values(FIT)),
  small: fc.constantFrom(0, 100, 512, DEFAULT_SMALL),
  /** Pages of memory at first, and at most. */
  pages: fc.nat(3),
  most: fc.constantFrom(6, 20, 60),
});

export type Beginning = typeof beginnings extends fc.Arbitrary<infer Value> ? Value : never;
