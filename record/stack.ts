/** The stack of the running program, from the text that engines give an error. */

import { frameText } from "../trace/sites.ts";

/** Frames of the recorder itself, at most. */
const OWN = 8;

/** V8: `    at name (place)` or `    at place`. */
const V8 = /^\s+at (?:(.*?) \()?(.*?)\)?$/;

/** SpiderMonkey and JavaScriptCore: `name@place`. */
const OTHERS = /^(.*?)@(.*)$/;

/** The frames of the caller of the recorder, from the innermost out, as texts of a trace. */
export function framesOf(depth: number): string[] {
  const before = Error.stackTraceLimit;
  // Only V8 has the limit.
  if (before !== undefined) Error.stackTraceLimit = depth + OWN;
  const { stack = "" } = new Error();
  if (before !== undefined) Error.stackTraceLimit = before;
  const frames = parseStack(stack);
  const first = frames.findIndex(({ name }) => !OWN_NAME.test(name));
  return frames
    .slice(Math.max(0, first), Math.max(0, first) + depth)
    .map(({ name, place }) => frameText(name || "(anonymous)", place));
}

/** The lines of a stack that are frames. */
export function parseStack(stack: string): { name: string; place: string }[] {
  return stack.split("\n").flatMap((line) => {
    const match = V8.exec(line) ?? OTHERS.exec(line);
    if (match === null) return [];
    const [, name = "", place = ""] = match;
    const [wasm] = /wasm-function\[\d+\]/.exec(place) ?? [];
    // The address of a module is made up by the engine. A name is enough, or else the function's number.
    if (wasm !== undefined) return [{ name: name || wasm, place: name && wasm }];
    return [{ name, place: shortened(place) }];
  });
}

/** `file:///app/main.js:3:7` without the column: a place is a file and a line. */
function shortened(place: string): string {
  return place.replace(/^file:\/\//, "").replace(/^(.*:\d+):\d+$/, "$1");
}

/** Functions of the recorder, which come first, under the names that engines give them. */
const OWN_NAME =
  /(^|[./ ])(framesOf|#?before|allocated|reallocated|event|heapwrightRecorded)( \[as .*\])?$/;
