// src/index.ts → the library's entries, which are the same but for the engines inside, and their typings; cli/main.ts →
// dist/cli.js.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { gzipSync } from "node:zlib";
import { build, type BuildOptions, type Plugin, transform } from "esbuild";

const GENERATED = "build/generated";

/** Where invariants are written. */
const ENGINE_FILES = ["control", "block", "blocks", "bins", "map", "classes", "slabs"];

const COMMON = {
  bundle: true,
  format: "esm",
  target: "es2022",
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  logLevel: "warning",
} satisfies BuildOptions;

/** The entries, and what each is built without; the first is said in src/index.ts. */
const ENTRIES: readonly { name: string; without?: "js-engine" | "wasm"; says?: string }[] = [
  { name: "index" },
  {
    name: "inline",
    without: "js-engine",
    says: "The same names as `heapwright`, with WebAssembly as the only engine; its bytes are in the module.",
  },
  {
    name: "js",
    without: "wasm",
    says: "The same names as `heapwright`, with JavaScript as the only engine, and no WebAssembly.",
  },
];

export async function buildLibrary(): Promise<void> {
  mkdirSync(GENERATED, { recursive: true });
  writeFileSync(
    `${GENERATED}/wasm.js`,
    wasmModule(readFileSync("dist/heap.wasm"), readFileSync("dist/heap.shared.wasm")),
  );
  writeFileSync(
    `${GENERATED}/invariants.js`,
    invariantsModule(
      ENGINE_FILES.map((name) => readFileSync(`engine/${name}.ts`, "utf8")).join("\n"),
    ),
  );
  for (const { name, without } of ENTRIES) {
    await build({
      ...COMMON,
      entryPoints: ["src/index.ts"],
      outfile: `dist/${name}.js`,
      platform: "neutral",
      banner: { js: `/* @ts-self-types="./${name}.d.ts" */` }, // asked for by JSR and Deno
      plugins: [...(without ? [leaveOut(without)] : []), shortNames],
    });
  }
  buildTypings();
  if (existsSync("cli/main.ts")) {
    const { metafile } = await build({
      ...COMMON,
      metafile: true,
      entryPoints: ["cli/main.ts"],
      outfile: "dist/cli.js",
      platform: "node",
      minify: true,
      target: "node20",
      banner: { js: REQUIRE },
      plugins: [siblingLibrary],
    });
    chmodSync("dist/cli.js", 0o755);
    writeFileSync("dist/THIRD-PARTY-NOTICES.txt", notices(Object.keys(metafile.inputs)));
  }
  for (const name of readdirSync("dist")) if (/\.(js|wasm)$/.test(name)) report(name);
}

function report(name: string): void {
  const bytes = readFileSync(`dist/${name}`);
  const kib = (length: number): string => `${(length / 1024).toFixed(1)} KiB`.padStart(9);
  console.log(`dist/${name.padEnd(17)}${kib(bytes.length)} ${kib(gzipSync(bytes).length)} gzipped`);
}

/** The library's own names stay, for stack traces; those of the engine, which the build made, do not. */
const shortNames: Plugin = {
  name: "short-names",
  setup({ onLoad }) {
    onLoad({ filter: /\bgenerated\/(js-engine|inspector)\.js$/ }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, "utf8"), {
        minify: true,
        target: COMMON.target,
      });
      return { contents: code };
    });
  },
};

/** What a module of an engine exports is undefined where the engine is left out. */
function leaveOut(engine: string): Plugin {
  return {
    name: "leave-out",
    setup({ onLoad }) {
      onLoad({ filter: new RegExp(`\\bgenerated/${engine}\\.js$`) }, () => ({
        contents: "export const createEngine = undefined, heapWasm = undefined;",
      }));
    },
  };
}

// The command line --------------------------------------------------------------------------------------------------------

/** Dependencies that are CommonJS ask for `require`. */
const REQUIRE =
  'import{createRequire as $createRequire}from"node:module";const require=$createRequire(import.meta.url);';

/** The command line runs the very library that it comes with. */
const siblingLibrary: Plugin = {
  name: "sibling-library",
  setup({ onResolve }) {
    onResolve({ filter: /\/src\/index\.ts$/ }, () => ({ path: "./index.js", external: true }));
  },
};

/** Name, version and licence of every package that one of `files` belongs to. Throws where a package has no licence. */
function notices(files: readonly string[]): string {
  const folders = new Set(
    files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []),
  );
  const each = [...folders].toSorted().map((folder) => {
    const { name, version } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as {
      name: string;
      version: string;
    };
    const licence = readdirSync(folder).find((file) => /^licen[cs]e\b/i.test(file));
    if (licence === undefined) {
      throw new Error(`${folder}: no licence file, but dist/cli.js has code of this package`);
    }
    return `${name} ${version}\n\n${readFileSync(`${folder}/${licence}`, "utf8").trim()}\n`;
  });
  const rule = `\n${"-".repeat(80)}\n\n`;
  return ["dist/cli.js contains code of these packages.\n", ...each].join(rule);
}

// What is generated -------------------------------------------------------------------------------------------------------

/** Bytes that a copy must at least save. */
const LEAST_COPY = 16;

/** The bytes of both engines, of which the second is mostly the first: what differs, and what to copy between. */
function wasmModule(plain: Buffer, shared: Buffer): string {
  const pieces: (string | [from: number, to: number])[] = [];
  let literal = 0;
  let at = 0;
  const flush = (): void => {
    if (at > literal) pieces.push(base64(shared.subarray(literal, at)));
  };
  while (at < shared.length) {
    const from =
      at + LEAST_COPY <= shared.length ? plain.indexOf(shared.subarray(at, at + LEAST_COPY)) : -1;
    if (from < 0) {
      at += 1;
      continue;
    }
    flush();
    let length = LEAST_COPY;
    while (from + length < plain.length && plain[from + length] === shared[at + length])
      length += 1;
    pieces.push([from, from + length]);
    at += length;
    literal = at;
  }
  flush();
  // A worklet has no atob.
  return `// Made by build/library.ts from dist/heap.wasm and dist/heap.shared.wasm.
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const fromBase64 = (text) => {
  const bytes = new Uint8Array((text.length * 3) >> 2);
  for (let i = 0, length = 0, bits = 0; i < text.length; i += 1) {
    bits = (bits << 6) | LETTERS.indexOf(text[i]);
    if (i & 3) bytes[length++] = bits >> (6 - 2 * (i & 3));
  }
  return bytes;
};
const plain = ${JSON.stringify(base64(plain))};
const shared = ${JSON.stringify(pieces)};
export const heapWasm = (isShared) => {
  const bytes = fromBase64(plain);
  if (!isShared) return bytes;
  return Uint8Array.from(shared.flatMap((each) => [...(typeof each === "string" ? fromBase64(each) : bytes.subarray(...each))]));
};
`;
}

/** Without padding. */
function base64(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}

/** The sentences of the invariants, from where they are written: "//   B3  a free block repeats its size in its last word". */
function invariantsModule(sources: string): string {
  const invariants = [...sources.matchAll(/^\/\/   ([A-Z]\d+) {2}(.+)$/gm)].map(
    ([, name, says]) => [name, says],
  );
  if (invariants.length === 0) throw new Error("engine/: no invariants found");
  return `// Made by build/library.ts from the comments of engine/*.ts.\nexport const INVARIANTS = ${JSON.stringify(Object.fromEntries(invariants), null, 2)};\n`;
}

// Typings -----------------------------------------------------------------------------------------------------------------

/** The typings of the public surface, those of src/index.ts and of what it takes its types from; the same for each entry. */
function buildTypings(): void {
  const out = `${GENERATED}/types`;
  rmSync(out, { recursive: true, force: true });
  execFileSync(
    process.execPath,
    ["node_modules/typescript/bin/tsc", "--project", "build/tsconfig.types.json", "--outDir", out],
    { stdio: "inherit" },
  );
  const wanted = ["index.d.ts"];
  for (const name of wanted) {
    const text = readFileSync(`${out}/src/${name}`, "utf8").replaceAll(
      /(from "\.\/[^"]+)\.ts"/g,
      '$1.js"',
    );
    writeFileSync(`dist/${name}`, text);
    for (const [, other] of text.matchAll(/from "\.\/([^"]+)\.js"/g)) {
      if (!wanted.includes(`${other}.d.ts`)) wanted.push(`${other}.d.ts`);
    }
  }
  for (const { name, says } of ENTRIES.slice(1)) {
    const docstring = `/**\n * ${says}\n *\n * @module heapwright/${name}\n */\n`;
    writeFileSync(`dist/${name}.d.ts`, `${docstring}export * from "./index.js";\n`);
  }
  for (const name of ["heap.wasm", "heap.debug.wasm"])
    copyFileSync(`src/${name}.d.ts`, `dist/${name}.d.ts`);
}
