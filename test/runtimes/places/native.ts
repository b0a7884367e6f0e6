/** Native memory in Node, Bun and Deno: `native.js` prints the report. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Calls, callsOf } from "../../suite/native/calls.ts";
import { nativeSuite } from "../../suite/native/suite.ts";
import type { Report } from "../suite/main.ts";
import { runTests, skip } from "../suite/runner.ts";
import * as api from "./native-entry.js";

/** Resident bytes of this process. /proc shows them, and Deno has a function for them. */
function residentBytes(): number {
  const { Deno } = globalThis as { Deno?: { memoryUsage(): { rss: number } } };
  if (Deno) return Deno.memoryUsage().rss;
  const [, kib] = /^Rss:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/smaps_rollup", "utf8"))!;
  return Number(kib) * 1024;
}

const results = runTests(() => {
  let calls: Calls;
  try {
    calls = callsOf(createRequire(import.meta.url));
  } catch (error) {
    skip("native memory", `C cannot be called: ${(error as Error).message.split("\n")[0]}`);
    return;
  }
  nativeSuite(api, calls, residentBytes);
});
const report: Report = { ...results, picked: {}, pointers: "" };
console.log(JSON.stringify(report));
