/**
 * What heapwright promises wherever it runs. The suite asks nothing of a place but the language (no console, no timers, no
 * TextEncoder), and is synchronous throughout: so it runs in an AudioWorklet as it does in Node.
 */

import { checkData } from "./data.ts";
import { checkFile } from "./file.ts";
import { checkHeap, checkPicks } from "./heap.ts";
import { checkProgram } from "./program.ts";
import { type Entry, formsOf, type Place } from "./place.ts";
import { checkSent } from "./thread.ts";
import { expectEqual, type Results, Run } from "./run.ts";

/** Plain data, to be sent to whoever started the suite. */
export interface Report extends Results {
  /** Entry → the engine that `new Heap()` got, or `none`. */
  readonly picked: Readonly<Record<string, string>>;
  /** A hash of all pointers of the random program; the same everywhere. */
  readonly pointers: string;
}

export function conformance(entries: readonly Entry[], place: Place): Report {
  const run = new Run();
  checkPlace(run, place);

  const picked: Record<string, string> = {};
  for (const entry of entries) {
    const { name, api } = entry;
    run.check(`${name}: has the names that ${entries[0]!.name} has`, () => {
      expectEqual(Object.keys(api), Object.keys(entries[0]!.api));
    });
    checkPicks(run, entry, place);
    picked[name] = pickedBy(entry);
  }
  const forms = formsOf(entries, place);
  for (const form of forms) {
    if (form.lacks !== undefined) {
      run.skip(form.name, form.lacks);
      continue;
    }
    checkHeap(run, form);
    checkData(run, form);
  }
  const pointers = checkProgram(run, forms, place.seed);
  for (const file of place.files) checkFile(run, file, place);
  if (place.sent) checkSent(run, entries, place.sent);
  return { passed: run.passed, failed: run.failed, skipped: run.skipped, picked, pointers };
}

/** The engine that a heap gets that is told nothing; checkPicks has what it should be. */
function pickedBy({ api }: Entry): string {
  try {
    return new api.Heap().engine;
  } catch {
    return "none";
  }
}

/** A place that is not as it was said to be would prove nothing. */
function checkPlace(run: Run, place: Place): void {
  run.check(`the place: WebAssembly is ${place.wasm}`, () => {
    expectEqual(webAssemblyHere(), place.wasm, "WebAssembly");
  });
  run.check(`the place: ${place.shares ? "has" : "has no"} SharedArrayBuffer`, () => {
    expectEqual(typeof SharedArrayBuffer === "function", place.shares, "SharedArrayBuffer");
  });
}

function webAssemblyHere(): Place["wasm"] {
  if (typeof WebAssembly !== "object") return "missing";
  try {
    // The empty module: its magic and its version.
    void new WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
    return "allowed";
  } catch {
    return "forbidden";
  }
}
