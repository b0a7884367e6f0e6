/** Random programs: sequences of calls that any form of the engine can run, with all that they return. */

import fc from "fast-check";

import type { Engine } from "./engines.ts";
import { DEFAULT_SMALL, FIT } from "./test-heap.ts";

/** Arguments of heap_create. */
export interface Creation {
  readonly base: number;
  readonly limit: number;
  readonly margin: number;
  readonly fit: number;
  readonly small: number;
}

/** `index` selects a pointer among all that were returned so far, freed ones too, modulo their number. */
export type Step =
  | { readonly call: "malloc" | "calloc"; readonly size: number }
  | { readonly call: "aligned_alloc"; readonly size: number; readonly alignment: number }
  | { readonly call: "realloc"; readonly index: number; readonly size: number }
  | { readonly call: "free" | "usable"; readonly index: number; readonly offset: number }
  | { readonly call: "reset" | "trim" }
  | { readonly call: "others"; readonly pages: number };

const sizes = fc.oneof(
  { weight: 50, arbitrary: fc.nat(64) },
  { weight: 40, arbitrary: fc.nat(1100) },
  { weight: 20, arbitrary: fc.nat(5000) },
  { weight: 10, arbitrary: fc.nat(200_000) },
  { weight: 1, arbitrary: fc.constantFrom(-1, 2 ** 31 - 1) },
);
const indexes = fc.nat(10_000);
const alignments = fc.oneof(
  { weight: 20, arbitrary: fc.nat(16).map((log) => 2 ** log) },
  { weight: 1, arbitrary: fc.nat(100) },
);
/** Mostly the pointer itself, else one near it. */
const offsets = fc.oneof(
  { weight: 9, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: -300, max: 300 }) },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 40, arbitrary: fc.record({ call: fc.constant("malloc"), size: sizes }) },
  { weight: 5, arbitrary: fc.record({ call: fc.constant("calloc"), size: sizes }) },
  {
    weight: 10,
    arbitrary: fc.record({
      call: fc.constant("aligned_alloc"),
      size: sizes,
      alignment: alignments,
    }),
  },
  {
    weight: 15,
    arbitrary: fc.record({ call: fc.constant("realloc"), index: indexes, size: sizes }),
  },
  {
    weight: 45,
    arbitrary: fc.record({ call: fc.constant("free"), index: indexes, offset: offsets }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ call: fc.constant("usable"), index: indexes, offset: offsets }),
  },
  { weight: 1, arbitrary: fc.record({ call: fc.constantFrom("reset", "trim") }) },
  { weight: 2, arbitrary: fc.record({ call: fc.constant("others"), pages: fc.nat(3) }) },
) as fc.Arbitrary<Step>;

/** Programs of at most so many steps. */
export function programs(maxLength: number): fc.Arbitrary<Step[]> {
  return fc.array(step, { maxLength, size: "max" });
}

export const creations: fc.Arbitrary<Creation> = fc.record({
  base: fc.nat(5000),
  limit: fc.constantFrom(0, 0, 5 * 65536),
  margin: fc.constantFrom(-1, 0, 100_000),
  fit: fc.constantFrom(...Object.values(FIT)),
  small: fc.constantFrom(0, 100, 512, DEFAULT_SMALL),
});

export function create(engine: Engine, { base, limit, margin, fit, small }: Creation): number {
  return engine.heap_create(base, limit, margin, fit, small);
}

/** What a step returned: a pointer or a number, and the code of the error if it failed. */
export type Answer = number | `error ${number}`;

/** Runs programs step by step. Pointers may be dead or bad: then the engine has to say so. */
export class Runner {
  readonly #pointers: number[] = [];

  constructor(
    readonly engine: Engine,
    /** Somebody else grows the memory by so many pages. */
    readonly growByOthers: (pages: number) => void,
  ) {}

  run(program: readonly Step[]): Answer[] {
    return program.map((each) => this.step(each));
  }

  step(each: Step): Answer {
    const { engine } = this;
    switch (each.call) {
      case "malloc":
        return this.#pointer(engine.malloc(each.size));
      case "calloc":
        return this.#pointer(engine.calloc(each.size, 1));
      case "aligned_alloc":
        return this.#pointer(engine.aligned_alloc(each.alignment, each.size));
      case "realloc":
        return this.#pointer(engine.heap_reallocate(this.#at(each.index, 0), each.size));
      case "free":
        return this.#answer(engine.heap_release(this.#at(each.index, each.offset)));
      case "usable":
        return engine.malloc_usable_size(this.#at(each.index, each.offset));
      case "reset":
        engine.heap_reset();
        return 0;
      case "trim":
        return engine.heap_trim();
      case "others":
        this.growByOthers(each.pages);
        return 0;
    }
  }

  #pointer(p: number): Answer {
    if (p === 0) return `error ${this.engine.heap_error()}`;
    this.#pointers.push(p);
    return p;
  }

  #answer(code: number): Answer {
    return code === 0 ? 0 : `error ${code}`;
  }

  #at(index: number, offset: number): number {
    const { length } = this.#pointers;
    return length === 0 ? offset : (this.#pointers[index % length]! + offset) | 0;
  }
}
