/** The estimate of how long a policy searches. */

import { expect, test } from "vitest";

import { countVisits, estimateSearch } from "../../cli/estimate.ts";
import { openInputs } from "../../cli/traces.ts";
import { fileOf } from "./run-cli.ts";
import { setting } from "./runs.ts";

test("a policy that searches all blocks takes time for each of them", { retry: 3 }, async () => {
  // No block is ever freed, so that a request looks at all of them.
  const blocks = 30_000;
  const ops = Array.from({ length: blocks }, (_, id) => `a ${id} 1100\n`);
  const file = fileOf("growing.rep", `0\n${blocks}\n${blocks}\n1\n${ops.join("")}`);
  const [input] = await openInputs([file]);
  const visits = await countVisits(input!);
  expect(visits).toBe((blocks * (blocks - 1)) / 2);
  const seconds = await estimateSearch(input!, { ...setting, fit: "first" }, visits);
  // No visit takes less than a tenth of a nanosecond, or more than a microsecond.
  expect(seconds).toBeGreaterThan(visits * 1e-10);
  expect(seconds).toBeLessThan(visits * 1e-6);
});

test("a trace with few live blocks does not take long, however long it is", async () => {
  const pairs = Array.from({ length: 50_000 }, (_, id) => `a ${id} 1100\nf ${id}\n`);
  const file = fileOf("pairs.rep", `0\n50000\n100000\n1\n${pairs.join("")}`);
  const [input] = await openInputs([file]);
  expect(await countVisits(input!)).toBe(0);
  expect(await estimateSearch(input!, { ...setting, fit: "first" }, 0)).toBe(0);
});

test("frees and reallocations change the number of live blocks", async () => {
  const text = "0\n3\n7\n1\na 0 9\nz 1 9\nf 0\nf -1\nr 1 9\nm 2 9 64\nr 0 9\n";
  const [input] = await openInputs([fileOf("visits.rep", text)]);
  // 0, 1, then 1 for the reallocation, 1 and 2.
  expect(await countVisits(input!)).toBe(5);
});
