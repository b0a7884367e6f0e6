/** The progress bar. */

import { expect, test } from "vitest";

import { progressOn } from "../../cli/progress.ts";

test("a progress bar on a terminal, nothing in a pipe", () => {
  const drawnOn = (isTTY: boolean, columns: number): string[] => {
    const drawn: string[] = [];
    const write = (text: string): boolean => drawn.push(text) > 0;
    const stream = { isTTY, write, columns, clearLine() {}, cursorTo() {}, moveCursor() {} };
    const progress = progressOn(stream as unknown as NodeJS.WriteStream, false);
    progress.start("lua", 1000);
    progress.update(500);
    progress.stop();
    return drawn;
  };
  const wide = drawnOn(true, 80);
  expect(wide.join("")).toMatch(/lua .* of 1000 ops/);
  // No mode of the terminal is set, since a signal would leave it so.
  expect(wide.join("")).not.toContain("\x1b[?");
  expect(Math.max(...drawnOn(true, 40).map((text) => text.length))).toBe(40);
  expect(drawnOn(false, 80)).toEqual([]);
});
