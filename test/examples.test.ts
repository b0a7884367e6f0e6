/** The examples print what they say they print. */

import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
// Those in C run in test/native/linux.test.ts.
const EXAMPLES = readdirSync(join(ROOT, "examples"))
  .filter((name) => name !== "native")
  .map((name) => (name.endsWith(".js") ? `examples/${name}` : `examples/${name}/main.js`));

const run = (file: string): string =>
  execFileSync(process.execPath, [file], { cwd: ROOT, encoding: "utf8" });

/** What a file's docstring has after "prints:", and what it has after "to build it again". */
function said(file: string, after: RegExp): string {
  const docstring = /^\/\*\*\n([^]*?)\n \*\//.exec(readFileSync(join(ROOT, file), "utf8"))?.[1];
  const lines = docstring?.split("\n").map((line) => line.slice(" * ".length)) ?? [];
  const from = lines.findIndex((line) => after.test(line)) + 2;
  const block = lines.slice(from).map((line) => /^ {4}(.+)/.exec(line)?.[1]);
  return block.slice(0, [...block, undefined].indexOf(undefined)).join("\n");
}

/** The one with native code needs Linux, koffi and zlib. */
function isPossible(file: string): boolean {
  if (file !== "examples/native-ffi.js") return true;
  const script = `import("koffi").then(({ load }) => load("libz.so.1"))`;
  return (
    process.platform === "linux" &&
    spawnSync(process.execPath, ["-e", script], { cwd: ROOT }).status === 0
  );
}

it.for(EXAMPLES)("%s", { timeout: 30_000 }, (file, { skip }) => {
  skip(!isPossible(file), "needs Linux, koffi and zlib");
  expect(readFileSync(join(ROOT, file), "utf8")).toContain(`\`node ${file}\``);
  const printed = run(file);
  expect(printed).not.toBe("");
  expect(printed).toBe(`${said(file, /prints:$/)}\n`);
});

it("are all in the README", () => {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  for (const file of EXAMPLES) expect(readme).toContain(`(${file})`);
});

const hasClang = ["clang", "wasm-ld"].every((tool) => spawnSync(tool, ["--version"]).status === 0);

it.skipIf(!hasClang)("the C example's wasm is what its C compiles to", { timeout: 30_000 }, () => {
  const folder = mkdtempSync(join(ROOT, "tools/build/generated/c-interop-")); // in the package, for its name;
  try {
    for (const name of ["main.js", "words.c"]) {
      copyFileSync(join(ROOT, "examples/c-interop", name), join(folder, name));
    }
    execFileSync("sh", ["-c", said("examples/c-interop/main.js", /to build it again/)], {
      cwd: folder,
    });
    expect(existsSync(join(folder, "words.wasm"))).toBe(true);
    expect(run(join(folder, "main.js"))).toBe(run("examples/c-interop/main.js"));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
