// src/ → the typings of the library: dist/*.d.ts, src/ and engine/ included.

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, posix } from "node:path";

const GENERATED = "tools/build/generated";

/** Entries with the same names as index.ts, and the first line of their typings. */
const SAME_AS_INDEX = [
  {
    name: "inline",
    summary:
      "The same names as `heapwright`, with WebAssembly as the only engine. Its bytes are in the module.",
  },
  {
    name: "js",
    summary: "The same names as `heapwright`, with JavaScript as the only engine.",
  },
];

/** Writes the typings of the public surface: those of src/index.ts and of its imports. They are the same for each entry. */
export function buildTypings(): void {
  const out = `${GENERATED}/types`;
  rmSync(out, { recursive: true, force: true });
  execFileSync(
    process.execPath,
    [
      "node_modules/typescript/bin/tsc",
      "--project",
      "tools/build/tsconfig.types.json",
      "--outDir",
      out,
    ],
    { stdio: "inherit" },
  );
  const wanted = ["index", "threads", "native"];
  for (const name of wanted) {
    const text = readFileSync(`${out}/src/${name}.d.ts`, "utf8").replaceAll(
      /(from "\.{1,2}\/[^"]+)\.ts"/g,
      '$1.js"',
    );
    mkdirSync(dirname(`dist/${name}`), { recursive: true });
    writeFileSync(`dist/${name}.d.ts`, text);
    for (const [, other] of text.matchAll(/from "(\.{1,2}\/[^"]+)\.js"/g)) {
      const found = posix.join(dirname(name), other!);
      if (!wanted.includes(found)) wanted.push(found);
    }
  }
  for (const name of ["heap", "recorder", "wasm"]) {
    const text = readFileSync(`${out}/record/${name}.d.ts`, "utf8").replaceAll('.ts"', '.js"');
    mkdirSync("dist/record", { recursive: true });
    writeFileSync(`dist/record/${name}.d.ts`, text);
  }
  writeFileSync(
    "dist/record.d.ts",
    readFileSync(`${out}/record/index.d.ts`, "utf8").replaceAll(
      /"\.\/(\w+)\.ts"/g,
      '"./record/$1.js"',
    ),
  );
  for (const { name, summary } of SAME_AS_INDEX) {
    const docstring = `/**\n * ${summary}\n *\n * @module heapwright/${name}\n */\n`;
    writeFileSync(`dist/${name}.d.ts`, `${docstring}export * from "./index.js";\n`);
  }
  for (const name of ["heap.wasm", "heap.threads.wasm", "heap.debug.wasm"])
    copyFileSync(`src/${name}.d.ts`, `dist/${name}.d.ts`);
}
