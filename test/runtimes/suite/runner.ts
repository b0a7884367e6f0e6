/**
 * Stands in for vitest where the suites of test/suite/ run in other runtimes (../project.ts): the few functions of it that
 * they use. It needs the language alone, runs each test at once and synchronously, and so works in an AudioWorklet too.
 */

import { expect } from "./expect.ts";

export { expect };

export interface Results {
  readonly passed: number;
  readonly failed: readonly { readonly check: string; readonly message: string }[];
  readonly skipped: readonly { readonly check: string; readonly why: string }[];
}

/** What is running: the names of the groups around it, what happened so far, and what to do when the test ends. */
let groups: string[] = [];
let results: {
  passed: number;
  failed: Results["failed"][number][];
  skipped: Results["skipped"][number][];
};
let endings: (() => void)[] = [];

/** Runs the tests that `body` declares. */
export function runTests(body: () => void): Results {
  groups = [];
  results = { passed: 0, failed: [], skipped: [] };
  body();
  return results;
}

/** How many tests have failed so far. */
export const failures = (): number => results.failed.length;

/** Notes that a test or a group is skipped, and why. */
export function skip(name: string, why: string): void {
  results.skipped.push({ check: [...groups, name].join(" > "), why });
}

type Body = (...row: never[]) => void;

function group(name: string, body: () => void): void {
  groups.push(name);
  try {
    body();
  } finally {
    groups.pop();
  }
}

function test(name: string, body: () => unknown): void {
  const check = [...groups, name].join(" > ");
  endings = [];
  try {
    if (body() instanceof Promise) throw new Error("the test is asynchronous");
    for (const end of endings) end();
    results.passed += 1;
  } catch (error) {
    const { stack = "", message } = error instanceof Error ? error : new Error(String(error));
    // V8's stack begins with the message, JavaScriptCore's does not contain it.
    const lines = stack.split("\n").filter((line) => !line.includes(message));
    results.failed.push({ check, message: [message, ...lines.slice(0, 4)].join("\n") });
  }
}

/** Calls `end` after the body of the test that is running. */
export function onTestFinished(end: () => void): void {
  endings.push(end);
}

/** Fills a row into a name: "%s" and the like in order, "$name" by property. */
function named(name: string, row: readonly unknown[]): string {
  const [first] = row;
  let next = 0;
  const filled = name.replaceAll(/%[a-z]/g, () => shown(row[next++]));
  return filled.replaceAll(/\$(\w+)/g, (_, key: string) => shown((first as never)[key]));
}

function shown(value: unknown): string {
  if (typeof value === "object" && value !== null) return JSON.stringify(value);
  return typeof value === "function" ? value.name : String(value);
}

const SKIP = (): void => {};

/** A way to declare tests or groups, with vitest's variants of it. */
function declaring(declare: (name: string, body: () => void) => void) {
  const each =
    (rows: readonly unknown[]) =>
    (name: string, body: Body): void => {
      for (const item of rows) {
        const row = Array.isArray(item) ? item : [item];
        declare(named(name, row), () => body(...(row as never[])));
      }
    };
  const runIf = (condition: boolean) => (condition ? declare : SKIP);
  return Object.assign(declare, { each, runIf });
}

export const describe = declaring(group);
export const it = declaring(test);
