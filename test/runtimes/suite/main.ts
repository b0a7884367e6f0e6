/**
 * What heapwright promises in every runtime: the suites of test/suite/, and what only a runtime can show. All of it needs the
 * language alone (no console, no timers, no TextEncoder) and is synchronous, so that it runs in an AudioWorklet as in Node.
 */

import { describe, expect, it } from "vitest";

import { binsSuite } from "../../suite/bins.ts";
import { blocksSuite } from "../../suite/blocks.ts";
import { arraySuite } from "../../suite/data/array.ts";
import { stringsSuite } from "../../suite/data/strings.ts";
import { structSuite } from "../../suite/data/struct.ts";
import { errorsSuite, messagesSuite } from "../../suite/errors.ts";
import { growthSuite } from "../../suite/growth.ts";
import { heapSuite } from "../../suite/heap.ts";
import { blockSuite } from "../../suite/lifetimes/block.ts";
import { registrySuite } from "../../suite/lifetimes/registry.ts";
import { scopeSuite } from "../../suite/lifetimes/scope.ts";
import { mapSuite } from "../../suite/map.ts";
import { memoriesSuite } from "../../suite/memories.ts";
import { optionsSuite } from "../../suite/options.ts";
import { type Place } from "../../suite/place.ts";
import { slabsSuite } from "../../suite/slabs.ts";
import { walkSuite } from "../../suite/walk.ts";
import { fileSuite } from "./file.ts";
import { picksSuite } from "./picks.ts";
import { type Entry, formsOf, type Here } from "./place.ts";
import { programSuite } from "./program.ts";
import { failures, type Results, runTests, skip } from "./runner.ts";
import { threadSuite } from "./thread.ts";

type Suites = Readonly<Record<string, (place: Place) => void>>;

/** What depends on the memory: on each kind. */
const MEMORY_SUITES: Suites = {
  growth: growthSuite,
  walk: walkSuite,
  messages: messagesSuite,
  options: optionsSuite,
  memories: memoriesSuite,
  "heap.block": blockSuite,
  "heap.scope": scopeSuite,
  "heap.register": registrySuite,
  "heap.array": arraySuite,
  "heap.string": stringsSuite,
  struct: structSuite,
};

/**
 * What depends on the engine, and takes longer: on one kind of memory, from the first entry, since all entries have the same
 * engines. The random program runs everywhere.
 */
const ENGINE_SUITES: Suites = {
  heap: heapSuite,
  bins: binsSuite,
  blocks: blocksSuite,
  map: mapSuite,
  slabs: slabsSuite,
  errors: errorsSuite,
};
const ONE_KIND = { wasm: "WebAssembly.Memory", js: "resizable ArrayBuffer" };

/** Plain data, to be sent to whoever started the suite. */
export interface Report extends Results {
  /** Entry → the engine that `new Heap()` got, or `none`. */
  readonly picked: Readonly<Record<string, string>>;
  /** A hash of all pointers of the random program; the same everywhere. */
  readonly pointers: string;
}

export function conformance(entries: readonly Entry[], here: Here): Report {
  const forms = formsOf(entries, here);
  let pointers = "";
  const results = runTests(() => {
    describe("the place", () => placeSuite(here));
    for (const entry of entries) {
      describe(entry.name, () => {
        it(`has the names that ${entries[0]!.name} has`, () => {
          expect(Object.keys(entry.api)).toEqual(Object.keys(entries[0]!.api));
        });
        picksSuite(entry, here);
      });
    }
    // A place that is not as described would prove nothing.
    if (failures() > 0) return;
    for (const form of forms) {
      if (form.lacks === undefined)
        describe(form.name, () => formSuite(form, form.api === entries[0]!.api));
      else skip(form.name, form.lacks);
    }
    pointers = programSuite(forms, here.seed);
    for (const file of here.files) describe(file.name, () => fileSuite(file, here));
    for (const entry of here.sent ? entries : []) threadSuite(entry, here.sent!);
  });
  const picked = Object.fromEntries(entries.map((entry) => [entry.name, pickedBy(entry)]));
  return { ...results, picked, pointers };
}

function formSuite(form: Place, isFirst: boolean): void {
  const isOne = isFirst && form.kind.name === ONE_KIND[form.engine];
  for (const [name, suite] of Object.entries({ ...MEMORY_SUITES, ...(isOne && ENGINE_SUITES) }))
    describe(name, () => suite(form));
}

/** The engine that a heap without options gets; picksSuite checks it. */
function pickedBy({ api }: Entry): string {
  try {
    return new api.Heap().engine;
  } catch {
    return "none";
  }
}

/** Whether the place is as described. */
function placeSuite(here: Here): void {
  it(`WebAssembly is ${here.wasm}`, () => expect(webAssemblyHere()).toBe(here.wasm));
  it(`there is ${here.shares ? "a" : "no"} SharedArrayBuffer`, () => {
    expect(typeof SharedArrayBuffer === "function").toBe(here.shares);
  });
}

function webAssemblyHere(): Here["wasm"] {
  if (typeof WebAssembly !== "object") return "missing";
  try {
    // The empty module: its magic and its version.
    void new WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
    return "allowed";
  } catch {
    return "forbidden";
  }
}
