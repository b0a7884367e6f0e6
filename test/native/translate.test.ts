/** TypeScript → C: what each part of the subset becomes, and what is refused. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { heapwrightC } from "../../tools/build/c.ts";
import { type Settings, translate, type Translation } from "../../tools/build/c/translate.ts";
import { compilers, inFolder, compile, root, STRICT } from "./compiler.ts";

const SEAM = `HW_INLINE u32 hw_load32(const hw_heap *hw, u32 address) {
HW_INLINE void hw_store32(hw_heap *hw, u32 address, u32 value) {
HW_INLINE u32 hw_leadingZeros(u32 word) {
`;
const IMPORTS = `import { below, CHECKED, leadingZeros, load32, multiply, store32 } from "#memory";\n`;

/** A file of these lines, of which the function `f` is asked for. */
function translated(source: string, changes: Partial<Settings> = {}): Translation {
  return translate({
    files: [{ name: "engine/a.ts", text: IMPORTS + source }],
    seam: SEAM,
    constants: { CHECKED: false },
    fixed: {},
    roots: new Set(["hw_f"]),
    taken: new Set(),
    known: new Map(),
    cold: [],
    hot: [],
    ...changes,
  });
}

/** The C of an expression of the words a, b and c. */
function expression(source: string, changes?: Partial<Settings>): string {
  const { code } = translated(
    `export function f(a: i32, b: i32, c: i32): i32 {\n  return ${source};\n}`,
    changes,
  );
  return /return (.*);/.exec(code)![1]!;
}

/** The body of a function f(a, b). */
function body(source: string, changes?: Partial<Settings>): string {
  const { code } = translated(`export function f(a: i32, b: i32): void {\n${source}\n}`, changes);
  return /^static void hw_f\(.*\) \{\n([^]*)^\}/m.exec(code)![1]!;
}

describe("expressions", () => {
  test.each([
    ["a + b - 1", "a + b - 1u"],
    ["a - (b - c)", "a - (b - c)"],
    ["(a + b) - c", "a + b - c"],
    ["below(a, b) ? 1 : 0", "a < b ? 1u : 0u"],
    ["!below(a, b + 1) ? a : b", "a >= b + 1u ? a : b"],
    ["!(a == b) ? a : b", "!(a == b) ? a : b"],
    ["a < b ? a : b", "(i32)a < (i32)b ? a : b"],
    ["a >= 0 ? a : b", "(i32)a >= 0 ? a : b"],
    ["a > -1 ? a : b", "(i32)a > -1 ? a : b"],
    ["a + b < c ? a : b", "(i32)(a + b) < (i32)c ? a : b"],
    ["multiply(a + 1, b)", "(a + 1u) * b"],
    ["(a / b) | 0", "(u32)((i32)a / (i32)b)"],
    ["(a + b) | 0", "a + b"],
    ["a >>> 4", "a >> 4u"],
    ["1 << b", "1u << (b & 31u)"],
    ["1 << (b & 31)", "1u << (b & 31u)"],
    ["(a + b) << 2", "(a + b) << 2u"],
    ["a << leadingZeros(a)", "a << (hw_leadingZeros(a) & 31u)"],
    ["-a & ~15", "-a & ~15u"],
    ["(a | b) & c", "(a | b) & c"],
    ["a | b | c", "a | b | c"],
    ["(a & 1) == 0 ? a : b", "(a & 1u) == 0u ? a : b"],
    ["a == 1 && (b == 2 || c == 3) ? a : b", "a == 1u && (b == 2u || c == 3u) ? a : b"],
    ["(a == 1 && b == 2) || c == 3 ? a : b", "(a == 1u && b == 2u) || c == 3u ? a : b"],
    ["load32(a + 4)", "hw_load32(hw, a + 4u)"],
    ["CHECKED ? a : b", "b"],
    ["CHECKED || a == b ? a : c", "a == b ? a : c"],
    ["a == b && !CHECKED ? a : c", "a == b ? a : c"],
  ])("%s becomes %s", (source, c) => {
    expect(expression(source)).toBe(c);
  });

  test("what the constants switch on", () => {
    expect(expression("CHECKED ? a : b", { constants: { CHECKED: true } })).toBe("a");
  });
});

describe("statements", () => {
  test.each([
    ["if (a == b) return;", "  if (a == b)\n    return;\n"],
    ["if (CHECKED) return;\nstore32(a, b);", "  hw_store32(hw, a, b);\n"],
    ["if (!CHECKED) {\n  store32(a, b);\n} else return;", "  hw_store32(hw, a, b);\n"],
    ["if (!CHECKED) return;\nstore32(a, b);", "  (void)a;\n  (void)b;\n  return;\n"],
    ["while (a != b) a++;", "  while (a != b)\n    a++;\n"],
    ["do {\n  a = a + 1;\n} while (a != b);", "  do {\n    a = a + 1u;\n  } while (a != b);\n"],
    [
      "for (let i: i32 = 0; i < b; i++) {\n  if (i == a) break;\n}",
      "  for (u32 i = 0u; (i32)i < (i32)b; i++) {\n    if (i == a)\n      break;\n  }\n",
    ],
    [
      "let n: i32 = a; // why\nn <<= 1;\nstore32(n, b);",
      "  u32 n = a; // why\n  n <<= 1u;\n  hw_store32(hw, n, b);\n",
    ],
    ["return store32(a, b);", "  {\n    hw_store32(hw, a, b);\n    return;\n  }\n"],
    [
      "// before\nstore32(a, b);\n\n// apart\nstore32(b, a);",
      "  // before\n  hw_store32(hw, a, b);\n\n  // apart\n  hw_store32(hw, b, a);\n",
    ],
    [
      "const unused: i32 = CHECKED ? a : 0;\nif (CHECKED) store32(unused, b);\nstore32(a, b);",
      "  hw_store32(hw, a, b);\n",
    ],
  ])("%s", (source, c) => {
    expect(body(source)).toBe(c);
  });
});

describe("names", () => {
  const twoFiles = [
    {
      name: "engine/a.ts",
      text: `// About a.\n\n${IMPORTS}\n/** Remembered. */\nexport let last: i32 = 0;\nexport const UNIT: i32 = 16; // bytes\nexport function get(p: i32): i32 {\n  return load32(p);\n}\nexport function unused(): void {}\n`,
    },
    {
      name: "engine/b.ts",
      text: `// About b.\n\nimport { get as load, last, UNIT } from "./a.ts";\n\n/** Does it. */\nexport function f(p: i32): i32 {\n  return g(load(p) + UNIT);\n}\n\nfunction g(p: i32): i32 {\n  return p + last;\n}\n`,
    },
  ];

  test("variables are members, functions have their files' order, prototypes and comments", () => {
    const { members, code } = translated("", { files: twoFiles });
    expect(members).toBe("  /** Remembered. */\n  u32 last;\n");
    const lines = code.split("\n").filter((line) => line !== "" && !line.includes("===="));
    expect(lines).toEqual([
      "// About a.",
      "#define HW_UNIT 16u // bytes",
      "static u32 hw_get(const hw_heap *hw, u32 p) {",
      "  return hw_load32(hw, p);",
      "}",
      "// About b.",
      "static u32 hw_g(const hw_heap *hw, u32 p);",
      "/** Does it. */",
      "static u32 hw_f(const hw_heap *hw, u32 p) {",
      "  return hw_g(hw, hw_get(hw, p) + HW_UNIT);",
      "}",
      "static u32 hw_g(const hw_heap *hw, u32 p) {",
      "  return p + hw->last;",
      "}",
    ]);
  });

  test("a variable that is fixed is a constant, and nothing assigns to it", () => {
    const { members, code } = translated(
      "let heap: i32 = 0;\nexport function f(p: i32): bool {\n  heap = p;\n  return heap != 0 && load32(heap) == p;\n}",
      { fixed: { heap: 128 } },
    );
    expect(members).toBe("");
    expect(code).toContain("{\n  return hw_load32(hw, HW_HEAP) == p;\n}");
  });

  test("a name that is taken gets an underscore", () => {
    const { code } = translated(
      "export function f(): i32 {\n  return g();\n}\nfunction g(): i32 {\n  return leadingZeros(3);\n}",
      { taken: new Set(["hw_g"]) },
    );
    expect(code).toContain("static u32 hw_g_(void) {");
    expect(code).toContain("return hw_g_();");
  });

  test("hot and cold functions", () => {
    const source =
      "export function f(p: i32): i32 {\n  return g(p) + h(p);\n}\nfunction g(p: i32): i32 {\n  return load32(p);\n}\nfunction h(p: i32): i32 {\n  return load32(p);\n}";
    const { code } = translated(source, { hot: ["g"], cold: ["h"] });
    expect(code).toContain("HW_INLINE u32 hw_g(const hw_heap *hw, u32 p) {");
    expect(code).toContain("static HW_COLD u32 hw_h(const hw_heap *hw, u32 p) {");
    expect(() => translated(source, { hot: ["missing"] })).toThrow("no function missing");
  });
});

describe("what is not in the subset is refused with file and line", () => {
  test.each<[string, string, RegExp]>([
    [
      "a signed shift",
      "export function f(a: i32): i32 {\n  return a >> 1;\n}",
      /^engine\/a\.ts:3: >> /,
    ],
    ["a power", "export function f(a: i32): i32 {\n  return a ** 2;\n}", /^engine\/a\.ts:3: \*\* /],
    ["a string", "export function f(): i32 {\n  return 'x';\n}", /^engine\/a\.ts:3: a literal/],
    [
      "an object",
      "export function f(): i32 {\n  return {};\n}",
      /^engine\/a\.ts:3: a ObjectExpression/,
    ],
    [
      "a closure",
      "export function f(): i32 {\n  const g: i32 = () => 1;\n  return g;\n}",
      /^engine\/a\.ts:3: a ArrowFunctionExpression/,
    ],
    [
      "an exception",
      "export function f(): void {\n  throw 1;\n}",
      /^engine\/a\.ts:3: a ThrowStatement/,
    ],
    ["a type", "export function f(a: f64): void {}", /^engine\/a\.ts:2: the type/],
    [
      "no type",
      "export function f(a: i32): void {\n  let n = a;\n  n++;\n}",
      /^engine\/a\.ts:3: the type/,
    ],
    [
      "two variables in one",
      "export function f(): void {\n  let a: i32 = 1, b: i32 = 2;\n  a = b;\n}",
      /^engine\/a\.ts:3: declare one/,
    ],
    [
      "a name that is not declared",
      "export function f(): void {\n\n  g();\n}",
      /^engine\/a\.ts:4: g is not declared/,
    ],
    [
      "a method",
      "export function f(a: i32): i32 {\n  return Math.abs(a);\n}",
      /^engine\/a\.ts:3: only functions/,
    ],
    ["a class", "export class F {}", /^engine\/a\.ts:2: a ClassDeclaration/],
    [
      "a function of the seam that C lacks",
      'import { load64 } from "#memory";\nexport function f(): void {\n  load64();\n}',
      /^engine\/a\.ts:4: the seam for C has no load64/,
    ],
    [
      "an import from a later file",
      'import { g } from "./b.ts";\nexport function f(): void {\n  g();\n}',
      /^engine\/a\.ts:4: g is not in a file before/,
    ],
    [
      "a variable that starts with a value",
      "let n: i32 = 1;\nexport function f(): i32 {\n  return n;\n}",
      /^engine\/a\.ts:2: a variable starts as 0/,
    ],
    [
      "a constant that is not constant",
      "const N: i32 = load32(0);\nexport function f(): i32 {\n  return N;\n}",
      /^engine\/a\.ts:2: a constant's value/,
    ],
    [
      "a label",
      "export function f(): void {\n  for (;;) {\n    break a;\n  }\n}",
      /^engine\/a\.ts/,
    ],
    [
      "a comment inside an expression",
      "export function f(a: i32): i32 {\n  return a + /* one */ 1;\n}",
      /^engine\/a\.ts:3: a comment/,
    ],
  ])("%s", (_, source, message) => {
    expect(() => translated(source)).toThrow(message);
  });
});

describe("heapwright.c", () => {
  const shipped = readFileSync(join(root, "dist/native/heapwright.c"), "utf8");

  test("is made anew as it is", () => {
    expect(heapwrightC({ CHECKED: false, PINNED: false, SHARED: false })).toBe(shipped);
  });

  test("has the invariants and pictures of the engine, and no code that is switched off", () => {
    expect(shipped).toContain("//   B3  a free block repeats its size in its last word\n");
    expect(shipped).toContain("┌────────┬────────┬────────┬");
    expect(shipped).not.toMatch(/hw_assertThat\(hw|hw_popHeader|PINNED \?/);
  });

  test.each(compilers)("%s has nothing to warn of", { timeout: 120_000 }, (by) => {
    inFolder((folder) => {
      const output = join(folder, "heapwright.o");
      for (const options of [["-O0"], ["-O3"], ["-std=c17", "-O2"], ["-std=gnu2x", "-Os"]])
        compile(by, [...STRICT, ...options, "-c", "dist/native/heapwright.c", "-o", output]);
    });
  });

  test.each(compilers)(
    "%s has nothing to warn of if assertions are on",
    { timeout: 120_000 },
    (by) => {
      inFolder((folder) => {
        const source = join(folder, "heapwright.c");
        writeFileSync(source, heapwrightC({ CHECKED: true, PINNED: false, SHARED: false }));
        compile(by, [
          ...STRICT,
          "-O2",
          "-Idist/native",
          "-c",
          source,
          "-o",
          join(folder, "heapwright.o"),
        ]);
      });
    },
  );
});
