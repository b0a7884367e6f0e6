// src/ → the modules of the library; cli/main.ts → dist/cli.js; report/page/ → dist/report.html.
//
//   library.js               everything but the engines
//   wasm.js, javascript.js   one engine each; bytes.js has the bytes of the first
//   index.js, inline.js, js.js   the entries: the library with both engines, or with one of them
//   record.js                the recorder of heaps and modules, an entry of its own
//   native.js                an entry too: the JavaScript engine in native memory
//
// The entries share library.js, so a HeapError is the same class in all of them. The modules keep names and line breaks: Node
// prints the line that threw an uncaught error. Bundlers minify them.

import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { build, type BuildOptions, type Plugin } from "esbuild";
import { buildReport } from "./report.ts";

const GENERATED = "tools/build/generated";

/** Where invariants are written. */
const ENGINE_FILES = [
  "control",
  "lock",
  "block",
  "blocks",
  "returned",
  "bins",
  "map",
  "classes",
  "slabs",
];

const ENTRIES = ["index", "inline", "js", "threads", "native"];

const COMMON = {
  bundle: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
  logLevel: "warning",
} satisfies BuildOptions;

/** The modules that the entries import, and their sources. */
const MODULES: Readonly<Record<string, string>> = {
  library: "src/library.ts",
  wasm: "src/wasm.ts",
  bytes: `${GENERATED}/wasm.js`, // copied: esbuild would join its lines
  javascript: `${GENERATED}/js-engine.js`,
  "threads-bytes": `${GENERATED}/threads-wasm.js`,
};

export async function buildLibrary(): Promise<void> {
  mkdirSync(GENERATED, { recursive: true });
  writeFileSync(
    `${GENERATED}/wasm.js`,
    wasmModule(readFileSync("dist/heap.wasm"), readFileSync("dist/heap.shared.wasm")),
  );
  writeFileSync(
    `${GENERATED}/threads-wasm.js`,
    threadsModule(readFileSync(`${GENERATED}/heap.threads.debug.wasm`)),
  );
  writeFileSync(
    `${GENERATED}/invariants.js`,
    invariantsModule(
      ENGINE_FILES.map((name) => readFileSync(`engine/${name}.ts`, "utf8")).join("\n"),
    ),
  );
  const sources = { ...MODULES };
  for (const name of ENTRIES) sources[name] = `src/${name}.ts`;
  sources["record"] = "record/index.ts";
  for (const [name, source] of Object.entries(sources)) {
    if (name === "bytes" || name === "threads-bytes") {
      copyFileSync(source, `dist/${name}.js`);
      continue;
    }
    await build({
      ...COMMON,
      entryPoints: [source],
      outfile: `dist/${name}.js`,
      platform: "neutral",
      // JSR and Deno read the typings from the first line.
      ...(name in MODULES ? {} : { banner: { js: `/* @ts-self-types="./${name}.d.ts" */` } }),
      plugins: [sharedModules],
    });
  }
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
    const files = [...Object.keys(metafile.inputs), ...(await buildReport())];
    writeFileSync("dist/THIRD-PARTY-NOTICES.txt", notices(files));
  }
}

/** Imports of a module are left as imports of its file in dist/. */
const sharedModules: Plugin = {
  name: "shared-modules",
  setup({ onResolve }) {
    onResolve({ filter: /\.(ts|js)$/ }, ({ path, kind, resolveDir }) => {
      if (kind === "entry-point") return undefined;
      const source = relative(process.cwd(), join(resolveDir, path));
      const found = Object.keys(MODULES).find((name) => MODULES[name] === source);
      return found === undefined ? undefined : { path: `./${found}.js`, external: true };
    });
  },
};

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
      throw new Error(`${folder}: no licence file, but dist/ has code of this package`);
    }
    return `${name} ${version}\n\n${readFileSync(`${folder}/${licence}`, "utf8").trim()}\n`;
  });
  const rule = `\n${"-".repeat(80)}\n\n`;
  return ["dist/cli.js and dist/report.html contain code of these packages.\n", ...each].join(rule);
}

// What is generated -------------------------------------------------------------------------------------------------------

/** Bytes that a copy must at least save. */
const LEAST_COPY = 16;

/** What turns the text of `encoded` into bytes again. */
const DECODED = `const decoded = (text) => {
  const bytes = [];
  let more = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code < 36) more = code < 34 ? 88 : 172;
    else {
      bytes.push(code - 36 - (code > 92 ? 1 : 0) + more);
      more = 0;
    }
  }
  return Uint8Array.from(bytes);
};
`;

/** The bytes of the engine for threads. */
function threadsModule(wasm: Buffer): string {
  return `// Made by tools/build/library.ts from ${GENERATED}/heap.threads.debug.wasm.
${DECODED}export const threadsWasm = () =>
  decoded(
    ${encoded(wasm)},
  );
`;
}

/**
 * The bytes of heap.wasm and heap.shared.wasm. The second is mostly the first: pieces that differ, and ranges to copy.
 *
 * A byte is one character or two of printable ASCII. It stays at a byte's boundary, unlike in base64, so gzip finds what the
 * wasm repeats: 6.6 KB instead of 8.9 KB.
 */
function wasmModule(plain: Buffer, shared: Buffer): string {
  const pieces: string[] = [];
  let literal = 0;
  let at = 0;
  const flush = (): void => {
    if (at > literal) pieces.push(encoded(shared.subarray(literal, at)));
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
    pieces.push(`[${from}, ${from + length}]`);
    at += length;
    literal = at;
  }
  flush();
  return `// Made by tools/build/library.ts from dist/heap.wasm and dist/heap.shared.wasm.
${DECODED}const plain =
  ${encoded(plain)};
const shared = [
  ${pieces.join(",\n  ")},
];
export const heapWasm = (isShared) => {
  const bytes = decoded(plain);
  if (!isShared) return bytes;
  return Uint8Array.from(shared.flatMap((each) => [...(typeof each === "string" ? decoded(each) : bytes.subarray(...each))]));
};
`;
}

/**
 * The bytes as a string literal: 0 to 87 are the characters from "$" on without the backslash, 88 to 171 the same ones after
 * "!", the others after "#". Lines are short; a minifier joins them.
 */
function encoded(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    const [prefix, value] =
      byte < 88 ? ["", byte] : byte < 172 ? ["!", byte - 88] : ["#", byte - 172];
    text += prefix + String.fromCharCode(value + 36 + (value >= 56 ? 1 : 0));
  }
  return (text.match(/.{1,100}/g) ?? []).map((line) => JSON.stringify(line)).join(" +\n  ");
}

/** The sentences of the invariants, from where they are written: "//   B3  a free block repeats its size in its last word". */
function invariantsModule(sources: string): string {
  const invariants = [...sources.matchAll(/^\/\/   ([A-Z]\d+) {2}(.+)$/gm)].map(
    ([, name, says]) => [name, says],
  );
  if (invariants.length === 0) throw new Error("engine/: no invariants found");
  return `// Made by tools/build/library.ts from the comments of engine/*.ts.\nexport const INVARIANTS = ${JSON.stringify(Object.fromEntries(invariants), null, 2)};\n`;
}
