/** The options of a heap: their defaults, and the checks. */

import { MAX_SMALL } from "../engine/classes.ts";
import { badOptions, invalid } from "./errors.ts";
import { expectMemory, tagOf } from "./memories.ts";
import { shown } from "./show.ts";
import type { HeapOptions } from "./types.ts";

export const FITS = ["best", "first", "next"] as const;
const ENGINES = ["auto", "wasm", "js"] as const;
const OPTIONS: readonly string[] = [
  "memory",
  "base",
  "limit",
  "margin",
  "fit",
  "small",
  "engine",
] satisfies (keyof HeapOptions)[];

const ADDRESS_SPACE = 2 ** 32;
/** Bytes that the smallest heap gets. */
export const LEAST_ROOM = 4096;
/** The last granule of 4 GiB is never used, so that every address and size fits a word. */
export const HIGHEST = ADDRESS_SPACE - 16;

/** Returns the options with their defaults; throws `BAD_OPTIONS` for an invalid one. */
export function checkedOptions(options: HeapOptions) {
  expectOptions(options, OPTIONS);
  const {
    memory,
    base = 0,
    limit,
    margin,
    fit = "best",
    small = MAX_SMALL,
    engine = "auto",
  } = options;
  expectInteger("base", base, 0, ADDRESS_SPACE - 1);
  if (limit !== undefined) {
    expectInteger("limit", limit, 1, ADDRESS_SPACE);
    if (limit - base < LEAST_ROOM) {
      throw invalid("limit", limit, `at least ${base + LEAST_ROOM}, 4 KiB above base`);
    }
  }
  const room = memory === undefined ? undefined : expectMemory(memory);
  if (limit !== undefined && room !== undefined && "sharesEnd" in room && room.sharesEnd) {
    throw badOptions("Invalid limit: other code moves the program break too. Use mapping().");
  }
  if (margin !== undefined) expectInteger("margin", margin, 0, ADDRESS_SPACE);
  expectInteger("small", small, 0, MAX_SMALL);
  expectOneOf("fit", fit, FITS);
  expectOneOf("engine", engine, ENGINES);
  return {
    memory: room,
    base,
    limit: limit === undefined ? undefined : Math.min(limit, HIGHEST),
    margin: margin === undefined ? undefined : Math.min(margin, HIGHEST),
    fit,
    small,
    engine,
  };
}

/** Refuses something that is not an object of options, such as a memory: it would be ignored. */
export function expectOptions(options: unknown, allowed: readonly string[]): void {
  if (tagOf(options) !== "Object") {
    throw invalid("options", options, `an object such as { ${allowed[0]} }`);
  }
  const unknown = Object.keys(options as object).find((name) => !allowed.includes(name));
  if (unknown === undefined) return;
  throw badOptions(`Unknown option ${unknown}: expected ${allowed.join(", ")}.`);
}

function expectInteger(option: string, value: unknown, least: number, most: number): void {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return;
  throw invalid(option, value, `a whole number of bytes from ${least} to ${most}`);
}

function expectOneOf(option: string, value: unknown, allowed: readonly unknown[]): void {
  if (!allowed.includes(value)) throw invalid(option, value, allowed.map(shown).join(", "));
}
