/** The suite on the packed package, in the Node that runs this. `npm run test:runtimes` runs it in the other runtimes. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { commandPlaces, type Start } from "./places.ts";
import { makeProject, type Project } from "./project.ts";

let project: Project;

beforeAll(async () => {
  project = await makeProject(mkdtempSync(join(tmpdir(), "heapwright-runtimes-")));
}, 120_000);

afterAll(() => rmSync(project.folder, { recursive: true, force: true }));

function place(name: string): Start {
  const node = { path: process.execPath, version: process.versions.node, env: {} };
  return commandPlaces("node", node, project).find((each) => each.name === name)!;
}

it.each(["worker thread", "without WebAssembly"])(
  "passes in Node, %s",
  async (name) => {
    const { has, start } = place(name);
    const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
    const { failed, passed, picked } = await start({ ...has, seed });
    expect(failed).toEqual([]);
    expect(passed).toBeGreaterThan(1000);
    expect(picked["heapwright"]).toBe(has.wasm === "allowed" ? "wasm" : "js");
  },
  120_000,
);

it("fails in a place that is not as described", async () => {
  const { failed } = await place("main thread").start({ wasm: "missing", shares: false, seed: 1 });
  expect(failed.map(({ check }) => check)).toEqual(
    expect.arrayContaining([
      "the place > WebAssembly is missing",
      "the place > there is no SharedArrayBuffer",
      "heapwright > auto chooses js",
    ]),
  );
}, 60_000);
