/** What a terminal can show: colours and characters beyond ASCII. */

import { expect, test } from "vitest";

import { terminalOf } from "../../cli/terminal.ts";

test("colours on a terminal, not against NO_COLOR; shades where UTF-8 is", () => {
  const red = (isTTY: boolean, env: NodeJS.ProcessEnv): string =>
    terminalOf({ isTTY }, env).paint.red("x");
  expect(red(true, {})).toBe("\x1b[31mx\x1b[39m");
  expect([red(true, { NO_COLOR: "1" }), red(true, { TERM: "dumb" }), red(false, {})]).toEqual(
    Array(3).fill("x"),
  );
  const locales = [{ LANG: "en_GB.UTF-8" }, { LC_ALL: "C", LANG: "en_GB.UTF-8" }, {}];
  expect(locales.map((env) => terminalOf({}, env).unicode)).toEqual([true, false, false]);
});
