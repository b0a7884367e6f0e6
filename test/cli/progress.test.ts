/** The progress bar. */

import { expect, test, vi } from "vitest";

import { progressOn, type Progress } from "../../cli/progress.ts";
import { good, onTerminal, packed, withoutCodes } from "./run-cli.ts";

/** What `work` draws on a terminal of this width, without the codes that move the cursor. */
function drawn(columns: number, work: (progress: Progress) => void, isTTY = true): string[] {
  const written: string[] = [];
  const write = (text: string): boolean => written.push(text) > 0;
  work(progressOn({ isTTY, write, columns } as unknown as NodeJS.WriteStream, false));
  return written.filter((text) => !text.startsWith("\x1b"));
}

/** Three of four units of work, done in 30 seconds. */
function work(progress: Progress): void {
  vi.useFakeTimers();
  try {
    progress.start(4, "2 of 17 lua.rep");
    vi.advanceTimersByTime(10_000);
    progress.describe("3 of 17 nginx.rep.gz, fit first");
    progress.update(1);
    vi.advanceTimersByTime(20_000);
    progress.update(3);
    vi.advanceTimersByTime(1000);
    progress.stop();
  } finally {
    vi.useRealTimers();
  }
}

test("the bar has the task, the share of the work that is done, and the time left", () => {
  const bar = "######################........";
  expect(drawn(120, work)).toContain(`3 of 17 nginx.rep.gz, fit first  ${bar}   75%  10 s left`);
  expect(drawn(120, work)).toContain(
    `3 of 17 nginx.rep.gz, fit first  ${"#".repeat(7)}${".".repeat(23)}   25%  30 s left`,
  );
  expect(drawn(120, work)[0]).toBe(`2 of 17 lua.rep  ${".".repeat(30)}    0%`);
});

test("a line is never longer than the terminal is wide", () => {
  expect(drawn(80, work)).toContain(
    `3 of 17 nginx.rep.gz, fit first  ${"#".repeat(22)}${".".repeat(8)}   75%  10 s left`,
  );
  // No room for a bar; then the task is cut.
  expect(drawn(50, work)).toContain("3 of 17 nginx.rep.gz, fit first   75%  10 s left");
  expect(drawn(40, work)).toContain("3 of 17 nginx.rep.gz...   75%  10 s left");
});

test("nothing is drawn in a pipe", () => {
  expect(drawn(80, work, false)).toEqual([]);
});

test("no mode of the terminal is set, since a signal would leave it so", () => {
  const written: string[] = [];
  const write = (text: string): boolean => written.push(text) > 0;
  const stream = { isTTY: true, write, columns: 80 };
  work(progressOn(stream as unknown as NodeJS.WriteStream, false));
  expect(written.length).toBeGreaterThan(0);
  expect(written.join("")).not.toContain("\x1b[?");
});

test("replay names the trace and its place, compare the setting too; the bar is removed", async () => {
  const replay = await onTerminal(100, "replay", good, packed);
  const shown = withoutCodes(replay.err);
  expect(shown).toContain("1 of 2 good.rep");
  expect(shown).toContain("2 of 2 packed.rep.gz");
  expect(shown).not.toContain("ops");
  expect(replay.err.endsWith("\x1b[2K")).toBe(true);

  const compare = await onTerminal(100, "compare", good, "--margin", "0,64K");
  const settings = withoutCodes(compare.err);
  expect(settings).toContain("good.rep, a sample of first fit  ");
  expect(settings).toContain("good.rep, fit best, margin 0  ");
  expect(settings).toContain("good.rep, fit next, margin 64K  ");
  expect(settings).not.toContain("1 of 1");
});
