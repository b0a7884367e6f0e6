/** The layers: each folder uses only what is below it, and each file of the engine only files below it. */

import { readFileSync, readdirSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";

import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The engine's files from the lowest up; each may import those before it, and "#memory". */
const ENGINE = [
  "errors",
  "control",
  "lock",
  "block",
  "bins",
  "map",
  "growth",
  "blocks",
  "returned",
  "classes",
  "slabs",
  "threads",
  "heap",
  "shared",
  "exports",
];
/** The inspector's files from the lowest up; each may import those before it, and all of the engine. */
const INSPECTOR = ["walk", "check", "exports", "inspector"];
/** Files that compute addresses: the picture of what they read and write is at their top. */
const DRAWN = ["control", "lock", "block", "map", "returned", "slabs"];

/** What a folder's files may import, as a path from the root; "node:" and packages by their own names. */
const FOLDERS: Record<string, RegExp> = {
  "engine/memory": /^engine\/memory\/[^/]+$/,
  src: /^(src\/.+|engine\/(block|classes|errors)\.ts|tools\/build\/generated\/[^/]+)$/,
  "src/lifetimes": /^src\/((errors|memories|show|types)\.ts|lifetimes\/.+)$/,
  "src/data": /^(src\/((errors|memories|show|types)\.ts|(data|lifetimes)\/.+)|engine\/block\.ts)$/,
  trace: /^(trace\/.+|src\/.+|node:(fs|stream|zlib))$/,
  report:
    /^(report\/.+|trace\/(ops|read|sites)\.ts|engine\/control\.ts|tools\/build\/generated\/[^/]+)$/,
  "report/page": /^(report\/.+|trace\/sites\.ts|uplot)$/,
  cli: /^(cli\/.+|src\/.+|record\/events\.ts|trace\/.+|report\/(data|pack|text)\.ts|node:.+|[^/.]+)$/,
  record: /^(record\/.+|trace\/(ops|recording|sites|write)\.ts)$/,
};

/** The TypeScript files right in a folder. */
function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder)).filter(
    (name) => name.endsWith(".ts") && !name.endsWith(".d.ts"),
  );
}

/** What a file imports or exports from, types too; paths from the root. */
function importsOf(folder: string, name: string): string[] {
  const source = readFileSync(join(root, folder, name), "utf8").replaceAll(
    /\/\*[^]*?\*\/|^\s*\/\/.*$/gm,
    "",
  );
  const statements = source.matchAll(/^(?:import|export)\s(?:[^;"']*\sfrom\s)?["']([^"']+)["']/gm);
  const calls = source.matchAll(/\bimport\(\s*["']([^"']+)["']/g);
  const named = [...statements, ...calls].map(([, from]) => from!);
  return named.map((from) => (from.startsWith(".") ? posix.join(folder, from) : from));
}

test("the files of the engine are the ones that have a place in the order", () => {
  expect(filesIn("engine").toSorted()).toEqual(ENGINE.map((name) => `${name}.ts`).toSorted());
});

describe("engine", () => {
  test.each(ENGINE)("%s.ts imports only what is below it", (name) => {
    const below = ENGINE.slice(0, ENGINE.indexOf(name)).map((each) => `engine/${each}.ts`);
    const imports = importsOf("engine", `${name}.ts`);
    expect(imports.filter((from) => from !== "#memory" && !below.includes(from))).toEqual([]);
  });
});

test("the files of the inspector are the ones that have a place in the order", () => {
  expect(filesIn("engine/inspect").toSorted()).toEqual(
    INSPECTOR.map((name) => `${name}.ts`).toSorted(),
  );
});

describe("engine/inspect", () => {
  test.each(INSPECTOR)("%s.ts imports only the engine and what is below it", (name) => {
    const below = [
      "#memory",
      ...ENGINE.filter((each) => each !== "exports").map((each) => `engine/${each}.ts`),
      ...INSPECTOR.slice(0, INSPECTOR.indexOf(name)).map((each) => `engine/inspect/${each}.ts`),
    ];
    const imports = importsOf("engine/inspect", `${name}.ts`);
    expect(imports.filter((from) => !below.includes(from))).toEqual([]);
  });
});

test.each([
  ...ENGINE.filter((name) => !DRAWN.includes(name)),
  ...INSPECTOR.map((name) => `inspect/${name}`),
])("engine/%s.ts loads and stores at no offset", (name) => {
  const source = readFileSync(join(root, `engine/${name}.ts`), "utf8");
  const calls = [...source.matchAll(/\b(?:load|store)(?:8|32)\(([^,;\n]*)/g)];
  expect(calls.map(([, address]) => address!).filter((each) => /[-+]/.test(each))).toEqual([]);
});

describe.each(Object.keys(FOLDERS))("%s", (folder) => {
  test.each(filesIn(folder))("%s imports only what is below it", (name) => {
    expect(importsOf(folder, name).filter((from) => !FOLDERS[folder]!.test(from))).toEqual([]);
  });
});

test("the seam for wasm imports nothing", () => {
  expect(importsOf("engine/memory/wasm", "#memory.ts")).toEqual([]);
});

test("the three seams have the same functions", () => {
  const names = [
    "engine/memory/wasm/#memory.ts",
    "engine/memory/typed.ts",
    "engine/memory/counting.ts",
  ].map((file) => {
    const source = readFileSync(join(root, file), "utf8");
    const own = [...source.matchAll(/^export (?:function|const) (\w+)/gm)].map(([, name]) => name!);
    const passedOn =
      /^export \{([^}]*)\} from/m
        .exec(source)?.[1]
        ?.split(",")
        .map((name) => name.trim()) ?? [];
    return [...own, ...passedOn];
  });
  const [wasm, typed, counting] = names as [string[], string[], string[]];
  const files = [...ENGINE, ...INSPECTOR.map((name) => `inspect/${name}`)];
  const used = new Set(files.flatMap(namesFromSeam));
  for (const seam of [wasm, typed, counting])
    expect([...used].filter((name) => !seam.includes(name))).toEqual([]);
  expect(wasm.filter((name) => !used.has(name))).toEqual([]);
});

/** The functions of the seam that a file of the engine uses. */
function namesFromSeam(name: string): string[] {
  const source = readFileSync(join(root, `engine/${name}.ts`), "utf8");
  const names = /import \{([^}]*)\} from "#memory"/.exec(source)?.[1] ?? "";
  return names
    .split(",")
    .map((each) => each.trim())
    .filter(Boolean);
}
