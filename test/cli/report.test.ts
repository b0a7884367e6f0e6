/** Numbers, names and tables as reports print them. */

import { expect, test } from "vitest";

import { bytes, count, percent, table, traceName } from "../../cli/report.ts";
import { terminalOf } from "../../cli/terminal.ts";

const plain = terminalOf({}, { LANG: "C" });

test("numbers", () => {
  expect([999, 46931].map(count)).toEqual(["999", "46,931"]);
  expect([0, 999, 1000, 65536, 15_728_640, 2 ** 32].map(bytes)).toEqual([
    "0 B",
    "999 B",
    "1.0 KiB",
    "64 KiB",
    "15 MiB",
    "4 GiB",
  ]);
  expect(percent(0.9314)).toBe("93.1%");
});

test("names of traces", () => {
  const files = ["trace/recorded/lua.rep.gz", "C:\\traces\\lua.rep", "lua", "-", "/dev/stdin"];
  expect(files.map(traceName)).toEqual(["lua", "lua", "lua", "-", "stdin"]);
});

test("a table", () => {
  const drawn = table(["name", "peak\nlive"], [["lua", "1"]], 1, plain);
  expect(drawn).toBe("name peak\n     live\n---------\nlua     1\n");
});
