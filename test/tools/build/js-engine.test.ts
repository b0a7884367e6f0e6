/** tools/build/js-engine.ts: what it makes of small engines. The real one is compared with the wasm in test/engine/. */

import fc from "fast-check";
import { expect, it } from "vitest";

import { makeFactory } from "../../../tools/build/js-engine.ts";

/** A seam over one Int32Array, as esbuild prints it. */
const SEAM = `
export const CHECKED = false;
let words;
export function mount(onto) { words = onto; }
export function load32(address) { return words[address >>> 2]; }
export function store32(address, value) { words[address >>> 2] = value; }
export function trap() { throw new Error("trap"); }
`;

type Calls = Record<string, (...words: number[]) => number>;

/** The code for an engine: functions that use the seam, of which `names` are exported. */
function codeFor(source: string, ...names: string[]): string {
  const engine = `import { CHECKED, load32, store32, trap } from "#memory";
${source}
export { ${names.join(", ")} };`;
  return makeFactory("createEngine", engine, SEAM);
}

/** That engine on a memory of eight words. */
function engineFor(source: string, ...names: string[]): { calls: Calls; memory: Int32Array } {
  const factory = codeFor(source, ...names).replace("export function", "return function");
  const memory = new Int32Array(8);
  const create = new Function(factory)() as (onto: Int32Array) => Calls;
  return { calls: create(memory), memory };
}

/** The body of a function in the code. */
const bodyOf = (code: string, name: string): string =>
  new RegExp(`function ${name}\\(.*?\\n\\}|function ${name}\\([^\\n]*`, "s").exec(code)![0];

it("sums, differences, products and negations wrap to 32 bits", () => {
  const { calls } = engineFor(
    `function add(a, b) { return a + b; }
     function subtract(a, b) { return a - b; }
     function multiply(a, b) { return a * b; }
     function negate(a) { return -a; }`,
    ...["add", "subtract", "multiply", "negate"],
  );
  const least = -(2 ** 31);
  expect(calls.add!(2 ** 31 - 1, 1)).toBe(least);
  expect(calls.subtract!(least, 1)).toBe(2 ** 31 - 1);
  expect(calls.multiply!(65537, 65537)).toBe(131073);
  expect(calls.negate!(least)).toBe(least);
});

it("random expressions compute what 32-bit words compute", () => {
  type Expression = { text: string; value: (a: number, b: number) => number };
  const word = fc.oneof(fc.integer(), fc.constantFrom(0, 1, -1, 2 ** 31 - 1, -(2 ** 31)));
  const leaf: fc.Arbitrary<Expression> = fc.oneof(
    fc.constant<Expression>({ text: "a", value: (a) => a }),
    fc.constant<Expression>({ text: "b", value: (_, b) => b }),
    fc.nat().map((n) => ({ text: `${n}`, value: () => n })),
  );
  const operators: Record<string, (x: number, y: number) => number> = {
    "+": (x, y) => (x + y) | 0,
    "-": (x, y) => (x - y) | 0,
    "*": (x, y) => Number(BigInt.asIntN(32, BigInt(x) * BigInt(y))),
    "&": (x, y) => x & y,
    "|": (x, y) => x | y,
    "^": (x, y) => x ^ y,
    "<<": (x, y) => x << y,
    ">>": (x, y) => x >> y,
    ">>>": (x, y) => (x >>> y) | 0,
  };
  const { expression } = fc.letrec<{ expression: Expression; binary: Expression }>((tie) => ({
    expression: fc.oneof({ maxDepth: 5, withCrossShrink: true }, leaf, tie("binary")),
    binary: fc
      .tuple(fc.constantFrom(...Object.keys(operators)), tie("expression"), tie("expression"))
      .map(([operator, x, y]) => ({
        text: `(${x.text} ${operator} ${y.text})`,
        value: (a, b) => operators[operator]!(x.value(a, b), y.value(a, b)),
      })),
  }));
  fc.assert(
    fc.property(expression, word, word, ({ text, value }, a, b) => {
      const { calls } = engineFor(
        `function inner(a, b) { return ${text}; }
         function outer(a, b) { return inner(a, b); }`,
        "inner",
        "outer",
      );
      expect([calls.inner!(a, b), calls.outer!(a, b)]).toEqual([value(a, b), value(a, b)]);
    }),
    { numRuns: 300 },
  );
});

it("arguments from outside are words too", () => {
  const { calls } = engineFor("function same(a) { return a; }", "same");
  expect([calls.same!(2 ** 32 - 1), calls.same!(2 ** 31)]).toEqual([-1, -(2 ** 31)]);
});

it("a function of one expression is expanded where it is called, the seam's as well", () => {
  const source = `function size(p) { return load32(p - 4) & ~15; }
    function setSize(p, to) { store32(p - 4, to | (load32(p - 4) & 15)); }
    function grow(p) { setSize(p, size(p) + 16); return size(p); }`;
  const body = bodyOf(codeFor(source, "grow"), "grow");
  expect(body).not.toMatch(/size\(|setSize\(|load32\(|store32\(/);
  const { calls, memory } = engineFor(source, "grow");
  memory[1] = 32 | 3;
  expect([calls.grow!(8), memory[1]]).toEqual([48, 48 | 3]);
});

const NEXT = `let count = 0;
  function next() { count = count + 1; return count; }`;

it("an argument with effects is evaluated once", () => {
  const { calls } = engineFor(
    `${NEXT} function twice(x) { return x + x; } function f() { return twice(next()); }`,
    "f",
  );
  expect([calls.f!(), calls.f!()]).toEqual([2, 4]);
});

it("an argument with effects that is not used is evaluated too", () => {
  const { calls } = engineFor(
    `${NEXT} function seven(x) { return 7; } function f() { return seven(next()) + count; }`,
    "f",
  );
  expect(calls.f!()).toBe(8);
});

it("arguments are evaluated in order", () => {
  const { calls } = engineFor(
    `${NEXT} function minus(x, y) { return y - x; } function f() { return minus(next(), next()); }`,
    "f",
  );
  expect(calls.f!()).toBe(1);
});

it("an argument is evaluated before what the body writes", () => {
  const { calls } = engineFor(
    `${NEXT} function late(x) { return next() * 10 + x; } function f() { return late(count); }`,
    "f",
  );
  expect([calls.f!(), calls.f!()]).toEqual([10, 21]);
});

it("a memory that is written before is read as it was", () => {
  const { calls } = engineFor(
    `function put(v) { store32(0, v); return v; }
     function sum(x) { return put(5) + x; }
     function f() { return sum(load32(0)); }`,
    "f",
  );
  expect([calls.f!(), calls.f!()]).toEqual([5, 10]);
});

it("a function that assigns to its parameter stays a call", () => {
  const { calls } = engineFor(
    `function up(x) { return x = x + 1; } function f(a) { return up(a) * 100 + a; }`,
    "f",
  );
  expect(calls.f!(1)).toBe(201);
});

it("code that the seam's constants rule out is removed", () => {
  const code = codeFor("function f(a) { if (CHECKED) trap(); return CHECKED ? 1 : a; }", "f");
  expect(code).not.toMatch(/CHECKED|trap/);
  expect(bodyOf(code, "f")).toContain("return a");
});

it("functions that nothing calls are left out", () => {
  const code = codeFor(
    "function unused(a) { for (;;) a = a + 1; } function f(a) { return a; }",
    "f",
  );
  expect(code).not.toContain("unused");
});

it("each engine that a factory makes has variables of its own", () => {
  const source = codeFor(`${NEXT}`, "next").replace("export function", "return function");
  const create = new Function(source)() as (onto: Int32Array) => Calls;
  const [one, other] = [create(new Int32Array(1)), create(new Int32Array(1))];
  expect([one.next!(), one.next!(), other.next!()]).toEqual([1, 2, 1]);
});

it("a local that hides a variable of its module is an error", () => {
  expect(() =>
    codeFor(
      "let count = 0; function f(count) { return count; } function g() { count = 1; return f(2); }",
      "g",
    ),
  ).toThrow("f: count is hidden by a local");
});

it("a function of the engine with the name of one of the seam is an error", () => {
  const engine = "function load32(a) { return a; }\nexport { load32 };";
  expect(() => makeFactory("createEngine", engine, SEAM)).toThrow("both have a load32");
});
