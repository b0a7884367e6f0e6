/** The layers: each folder uses only what is below it, and each file of the engine only files below it. */

import { readFileSync, readdirSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";

import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The engine's files from the lowest up; each may import those before it, and "#memory". */
const ENGINE = ["layout", "break", "bins", "blocks", "slabs", "heap", "check", "c-abi"];

/** What a folder's files may import, as a path from the root; "node:" and packages by their own names. */
const FOLDERS: Record<string, RegExp> = {
  "engine/memory": /^engine\/memory\/[^/]+$/,
  src: /^(src\/[^/]+|engine\/layout\.ts|build\/generated\/[^/]+)$/,
  "src/trace": /^(src\/.+|node:(fs|stream|zlib))$/,
  cli: /^(cli\/.+|src\/.+|node:.+|[^/.]+)$/,
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
    expect(imports).toContain("#memory");
    expect(imports.filter((from) => from !== "#memory" && !below.includes(from))).toEqual([]);
  });
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
    const own = [...source.matchAll(/^export function (\w+)/gm)].map(([, name]) => name!);
    const passedOn =
      /^export \{([^}]*)\} from/m
        .exec(source)?.[1]
        ?.split(",")
        .map((name) => name.trim()) ?? [];
    return [...own, ...passedOn];
  });
  const [wasm, typed, counting] = names as [string[], string[], string[]];
  const used = new Set(ENGINE.flatMap((name) => namesFromSeam(`${name}.ts`)));
  for (const seam of [wasm, typed, counting])
    expect([...used].filter((name) => !seam.includes(name))).toEqual([]);
  expect(wasm.filter((name) => !used.has(name))).toEqual([]);
});

/** The functions of the seam that a file of the engine uses. */
function namesFromSeam(name: string): string[] {
  const source = readFileSync(join(root, "engine", name), "utf8");
  return /import \{([^}]*)\} from "#memory"/
    .exec(source)![1]!
    .split(",")
    .map((each) => each.trim())
    .filter(Boolean);
}
