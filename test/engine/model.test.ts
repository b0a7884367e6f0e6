/**
 * Random sequences of all calls against the model. A sequence that fails is made as short as possible and printed with its
 * seed; `SEED=… npx vitest run model` runs it again.
 */

import fc from "fast-check";
import { expect, test } from "vitest";

import * as exports from "../../engine/exports.ts";
import * as inspector from "../../engine/inspect/exports.ts";
import { mount } from "../../engine/memory/counting.ts";
import { forgetHeap, resizable } from "./engines.ts";
import { beginnings, calls, compare, Model } from "./model.ts";
import { TestHeap } from "./test-heap.ts";

const engine = { ...exports, ...inspector };

test("random programs do what the model says", () => {
  const { SEED } = process.env;
  fc.assert(
    fc.property(
      beginnings,
      fc.commands(calls, { maxCommands: 200, size: "max" }),
      (beginning, program) => {
        const { created, base, margin, fit, small, pages, most } = beginning;
        const memory = resizable(pages, most);
        mount(memory);
        forgetHeap();
        const heap = new TestHeap(engine, memory);
        if (created) expect(engine.heap_create(base, 0, margin, fit, small)).toBe(0);
        const model = new Model();
        fc.modelRun(() => ({ model, real: heap }), program);
        compare(model, heap);
        for (const { address } of model.live) expect(heap.release(address)).toBe("OK");
        model.live = [];
        compare(model, heap);
      },
    ),
    {
      numRuns: 200,
      interruptAfterTimeLimit: 12_000,
      ...(SEED === undefined ? {} : { seed: Number(SEED) }),
    },
  );
});
