/** What a terminal can show: its width, colours and characters beyond ASCII. */

import { expect, test } from "vitest";

import { terminalOf } from "../../cli/terminal.ts";

test("the width is that of the terminal, and fixed for files and pipes", () => {
  expect(terminalOf({ isTTY: true, columns: 50 }, {}).columns).toBe(50);
  expect(terminalOf({ columns: 50 }, {}).columns).toBe(80);
  // A terminal that does not know its width.
  expect(terminalOf({ isTTY: true, columns: 0 }, {}).columns).toBe(80);
});

test.each<[boolean, NodeJS.ProcessEnv, boolean | undefined, boolean]>([
  [true, {}, undefined, true],
  [false, {}, undefined, false],
  [true, { TERM: "dumb" }, undefined, false],
  [true, { NO_COLOR: "1" }, undefined, false],
  [true, { NO_COLOR: "" }, undefined, true],
  [false, { FORCE_COLOR: "1" }, undefined, true],
  [true, { FORCE_COLOR: "0" }, undefined, false],
  [true, { FORCE_COLOR: "false" }, undefined, false],
  [true, { FORCE_COLOR: "1", NO_COLOR: "1" }, undefined, false],
  [true, { FORCE_COLOR: "1" }, false, false],
  [false, { NO_COLOR: "1", TERM: "dumb" }, true, true],
])("terminal %j, environment %j, option %j: colours %j", (isTTY, env, option, expected) => {
  expect(terminalOf({ isTTY }, env, option).paint.red("x")).toBe(
    expected ? "\x1b[31mx\x1b[39m" : "x",
  );
});

test("characters beyond ASCII need a UTF-8 locale", () => {
  const locales = [{ LANG: "en_GB.UTF-8" }, { LC_ALL: "C", LANG: "en_GB.UTF-8" }, {}];
  expect(locales.map((env) => terminalOf({}, env).unicode)).toEqual([true, false, false]);
});
