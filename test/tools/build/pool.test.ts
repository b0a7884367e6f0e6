/** tools/build/pool.ts: the order of tasks, how many run at a time, and what happens if one fails. */

import { setTimeout as wait } from "node:timers/promises";

import { expect, test } from "vitest";

import { runInPool } from "../../../tools/build/pool.ts";

test.each([1, 2, 3, 10])("%i at a time, in order", async (size) => {
  const started: number[] = [];
  let running = 0;
  let most = 0;
  await runInPool([5, 1, 4, 2, 3], size, async (task) => {
    started.push(task);
    most = Math.max(most, (running += 1));
    await wait(task);
    running -= 1;
  });
  expect({ started, running, most }).toEqual({
    started: [5, 1, 4, 2, 3],
    running: 0,
    most: Math.min(size, 5),
  });
});

test("an error aborts the tasks that run, starts no other, and is thrown", async () => {
  const started: string[] = [];
  const aborted: string[] = [];
  const whole = runInPool(["good", "bad", "never"], 2, async (task, signal) => {
    started.push(task);
    signal.addEventListener("abort", () => aborted.push(task));
    await wait(task === "bad" ? 1 : 20);
    if (task === "bad") throw new Error("bad failed");
    signal.throwIfAborted();
  });
  await expect(whole).rejects.toThrow("bad failed");
  expect({ started, aborted }).toEqual({ started: ["good", "bad"], aborted: ["good", "bad"] });
});
