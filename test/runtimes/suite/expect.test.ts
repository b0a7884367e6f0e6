/** The `expect` of the suite accepts and rejects the same as vitest's. */

import { expect as vitestExpect, it } from "vitest";

import { expect } from "./expect.ts";

const VALUES: readonly unknown[] = [
  undefined,
  null,
  true,
  0,
  -0,
  NaN,
  1,
  1n,
  "",
  "abc",
  [],
  [1],
  [1, 2],
  [undefined],
  [1, [2, { a: 3 }]],
  {},
  { a: 1 },
  { a: 1, b: undefined },
  { a: 1, b: 2 },
  { length: 0 },
  { a: { b: 1 } },
  { a: { b: 1, c: 2 } },
  new Uint8Array(2),
  new Uint8Array([0, 1]),
  new Int8Array(2),
  new Float64Array([NaN]),
  new RangeError("abc"),
];

const THROWING: readonly (() => void)[] = [
  () => {},
  () => {
    throw new RangeError("abc");
  },
  () => {
    throw new Error("of abc and more");
  },
];

/** Whether an expectation holds. */
function holds(call: () => void): boolean {
  try {
    call();
    return true;
  } catch {
    return false;
  }
}

/** What both expect say of a matcher, which must be the same. */
function compare(found: unknown, matcher: string, ...wanted: unknown[]): boolean {
  type Matchers = Record<string, (...values: unknown[]) => void>;
  const [ours, theirs] = [expect, vitestExpect].map((each) =>
    holds(() => (each(found) as unknown as Matchers)[matcher]!(...wanted)),
  );
  const not = holds(() => (expect(found).not as unknown as Matchers)[matcher]!(...wanted));
  vitestExpect([ours, not], `${String(found)} ${matcher} ${String(wanted)}`).toEqual([
    theirs,
    !theirs,
  ]);
  return ours!;
}

it.each(["toBe", "toEqual"])("%s compares any two values as vitest does", (matcher) => {
  for (const found of VALUES) for (const wanted of VALUES) compare(found, matcher, wanted);
});

it("toMatchObject ignores further properties, as vitest does", () => {
  const objects = VALUES.filter(
    (each) => typeof each === "object" && each !== null && !ArrayBuffer.isView(each),
  ).filter((each) => !Array.isArray(each));
  for (const found of objects)
    for (const wanted of objects) compare(found, "toMatchObject", wanted);
});

it("numbers are compared as vitest does", () => {
  const names = [
    "toBeGreaterThan",
    "toBeGreaterThanOrEqual",
    "toBeLessThan",
    "toBeLessThanOrEqual",
  ];
  for (const name of names)
    for (const a of [-1, 0, 1, Infinity]) for (const b of [-1, 0, 1]) compare(a, name, b);
});

it("contents, types and lengths are compared as vitest does", () => {
  for (const wanted of ["abc", "b", "x", ""]) compare("abc", "toContain", wanted);
  for (const wanted of [1, 2, NaN]) compare([1, NaN], "toContain", wanted);
  for (const wanted of [[1], [2], { a: 1 }]) compare([[1], { a: 1 }], "toContainEqual", wanted);
  for (const value of VALUES.filter((each) => each !== null))
    for (const type of ["number", "bigint", "object", "undefined"])
      compare(value, "toBeTypeOf", type);
  for (const length of [0, 1, 2])
    for (const list of [[], [1], "ab"]) compare(list, "toHaveLength", length);
  for (const pattern of [/^a/, /b$/]) compare("abc", "toMatch", pattern);
  for (const value of VALUES.slice(8))
    for (const type of [Array, Uint8Array, Error, RangeError, Object])
      compare(value, "toBeInstanceOf", type);
});

it("what is thrown is compared as vitest does", () => {
  for (const call of THROWING)
    for (const wanted of ["abc", "other", RangeError, Error, TypeError])
      compare(call, "toThrow", wanted);
});
