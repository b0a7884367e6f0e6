/** The recorded traces: their sizes, their tables, and the programs that work on them. */

import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { Heap } from "../../src/index.ts";
import { openTrace, traceSource } from "../../trace/read.ts";
import { replay } from "../../trace/replay.ts";

const bundled = fileURLToPath(new URL("../../trace/recorded/", import.meta.url));

const bundledTraces = readdirSync(bundled).filter((name) => name.endsWith(".rep.gz"));

/** Runs a script of the project, as the documents say. */
function script(...args: string[]): SpawnSyncReturns<string> {
  const flags = ["--conditions=counting", "--import", "tsx"];
  const cwd = fileURLToPath(new URL("../..", import.meta.url));
  return spawnSync(process.execPath, [...flags, ...args], { cwd, encoding: "utf8" });
}

test("the recorded traces take less than 2 MB", () => {
  const sizes = bundledTraces.map((name) => statSync(join(bundled, name)).size);
  expect(sizes.length).toBeGreaterThan(4);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(2_000_000);
});

test("the recorded traces are all in the table of the README", () => {
  const table = readFileSync(join(bundled, "../README.md"), "utf8");
  for (const name of bundledTraces) {
    expect(table).toMatch(new RegExp(`^\\| ${name.replace(".rep.gz", "")} +\\|`, "m"));
  }
});

test("the README has the figures that table.ts prints", () => {
  const paths = bundledTraces.map((name) => join(bundled, name));
  const { status, stdout } = script("trace/recorded/table.ts", ...paths);
  expect(status).toBe(0);
  const rows = stdout.trimEnd().split("\n");
  expect(rows.length).toBe(bundledTraces.length);
  const table = readFileSync(join(bundled, "../README.md"), "utf8").replaceAll(/ +/g, " ");
  for (const row of rows) expect(table).toContain(`\n${row}\n`);
});

test.each([
  ["trace/recorded/table.ts", "missing.rep"],
  ["trace/recorded/cut.ts", "missing.rep", "10"],
  ["bench/accesses.ts", "missing.rep"],
])("%s reports the missing file %s", (...args) => {
  const { status, stderr } = script(...args);
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr:
      "cannot read missing.rep: no such file. Expected a trace: .rep, .rep.gz, or - for standard input\n",
  });
});

for (const engine of ["wasm", "js"] as const) {
  test.each(bundledTraces)(`%s replays without a failure on the ${engine} engine`, async (name) => {
    const { chunks, header } = await openTrace(traceSource(join(bundled, name)));
    const result = await replay(new Heap({ engine }), chunks, { check: 10_000 });
    expect(result).toMatchObject({ ops: header.ops, failures: 0, skipped: 0 });
    expect(result.firstFailure).toBeUndefined();
    expect(result.peakHeapBytes).toBeGreaterThanOrEqual(result.peakLiveBytes);
  });
}
