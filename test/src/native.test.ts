/** heapwright/native from its sources, in this Node: skipped without koffi, and on other systems than Linux. */

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import * as native from "../../src/native.ts";
import { arraySuite } from "../suite/data/array.ts";
import { stringsSuite } from "../suite/data/strings.ts";
import { heapSuite } from "../suite/heap.ts";
import { scopeSuite } from "../suite/lifetimes/scope.ts";
import { type Calls, callsOf } from "../suite/native/calls.ts";
import { nativeSuite } from "../suite/native/suite.ts";
import { type Library, type MemoryKind, placesOf } from "../suite/place.ts";
import { walkSuite } from "../suite/walk.ts";

/** What is missing for these tests. */
let missing: string | undefined;
let calls: Calls | undefined;
try {
  calls = callsOf(createRequire(import.meta.url));
} catch (error) {
  missing = (error as Error).message.split("\n")[0];
  console.warn(`native memory is not tested: ${missing}`);
}

/** Resident bytes of this process. */
const residentBytes = (): number =>
  Number(/^Rss:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/smaps_rollup", "utf8"))![1]) * 1024;

const MAPPING: MemoryKind = {
  name: "mapping",
  make(bytes, most) {
    const memory = native.mapping({ reserve: most });
    memory.growTo(bytes);
    return memory;
  },
  grows: true,
  shrinks: true,
  shared: false,
  engines: ["js"],
};

describe.skipIf(calls === undefined)("native memory", () => {
  if (calls === undefined) return;
  nativeSuite(native, calls, residentBytes);

  describe.each(placesOf(native as unknown as Library, ["js"], [MAPPING]))("$name", (place) => {
    describe("heap", () => heapSuite(place));
    describe("walk", () => walkSuite(place));
    describe("heap.array", () => arraySuite(place));
    describe("heap.string", () => stringsSuite(place));
    describe("heap.scope", () => scopeSuite(place));
  });
});

describe("where native memory is unavailable, the error says what to do", () => {
  /** A folder with the built entry and without koffi. */
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "heapwright-native-"));
    for (const name of ["native", "library", "javascript"]) {
      copyFileSync(`dist/${name}.js`, join(folder, `${name}.mjs`));
      const path = join(folder, `${name}.mjs`);
      writeFileSync(
        path,
        readFileSync(path, "utf8").replaceAll(/from "(\.\/\w+)\.js"/g, 'from "$1.mjs"'),
      );
    }
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** The error that `make` throws, in a Node that runs `before`. */
  function messageOf(make: string, before: string): string {
    const source = `${before}
      const { Heap, HeapError, mapping, processBreak } = await import("./native.mjs");
      try { ${make}; console.log("no error"); }
      catch (error) { console.log(error instanceof HeapError, error.code, error.message); }`;
    writeFileSync(join(folder, "program.mjs"), source);
    return execFileSync(process.execPath, ["program.mjs"], { cwd: folder, encoding: "utf8" });
  }

  it.each(["processBreak()", "mapping()", "new Heap()"])("%s without koffi", (make) => {
    const linux = `Object.defineProperties(process, { platform: { value: "linux" }, arch: { value: "x64" } });`;
    expect(messageOf(make, linux)).toMatch(
      /^true BAD_OPTIONS Native memory is unavailable \(Cannot find module 'koffi'\): run "npm install koffi"\.\n$/,
    );
  });

  it("on Windows", () => {
    const windows = `Object.defineProperty(process, "platform", { value: "win32" });`;
    expect(messageOf("mapping()", windows)).toMatch(
      /^true BAD_OPTIONS Native memory needs Linux on x64 or arm64, and this is win32 on \w+\.\n$/,
    );
  });

  it("in a page", () => {
    expect(messageOf("mapping()", "delete globalThis.process;")).toBe(
      "true BAD_OPTIONS Native memory needs Node 20.19 or later, Bun or Deno.\n",
    );
  });
});
