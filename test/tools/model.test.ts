/** The models of the shared heap: small ones hold, and each planted fault is found. `npm run model` explores larger ones. */

import { describe, expect, test } from "vitest";

import { explore, type Model } from "../../tools/model/explore.ts";
import { FAULTS, QUICK } from "../../tools/model/runs.ts";

const named = (models: readonly Model[]): [string, Model][] =>
  models.map((model) => [model.name, model]);

test.each(named(QUICK))("%s: every state obeys the rules", (_, model) => {
  expect(explore(model)).toMatchObject({ broken: undefined, steps: [] });
});

describe("a fault breaks a rule", () => {
  test.each(named(FAULTS))("%s", (_, model) => {
    const { broken, steps } = explore(model);
    expect(broken).toBeTypeOf("string");
    expect(steps.length).toBeGreaterThan(2);
  });
});
