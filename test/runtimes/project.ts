/** Somebody's project: an empty folder with the packed package installed, and the suite in it. */

import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";
import type { EngineName } from "../../src/index.ts";
import { npm } from "./commands.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PLACES = fileURLToPath(new URL("places/", import.meta.url));
/** What the suites use of vitest. */
const RUNNER = fileURLToPath(new URL("suite/runner.ts", import.meta.url));

/** What is inside of each entry that runs everywhere. */
const ENGINES: Readonly<Record<string, readonly EngineName[]>> = {
  heapwright: ["wasm", "js"],
  "heapwright/inline": ["wasm"],
  "heapwright/js": ["js"],
};

/** The entry for native memory, which has a place of its own. */
const NATIVE = "heapwright/native";
/** Entries with names of their own, which are not compared with the others. */
const APART = [NATIVE, "heapwright/threads", "heapwright/record"];

export interface Project {
  readonly folder: string;
  /** The package's own folder in it. */
  readonly installed: string;
  /** What the package can be imported as: "heapwright", "heapwright/js". */
  readonly entries: readonly string[];
}

/** Packs what is built, installs it in `folder`, which is emptied, and puts the suite there. Needs no network. */
export async function makeProject(folder: string): Promise<Project> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  const packed = await npm(["pack", "--json", "--pack-destination", folder], ROOT);
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
  const flags = ["--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
  await npm(["install", ...flags, `./${filename}`], folder);

  const installed = join(folder, "node_modules/heapwright");
  for (const name of ["koffi", "@koromix"]) {
    const from = join(ROOT, "node_modules", name);
    if (existsSync(from)) symlinkSync(from, join(folder, "node_modules", name));
  }
  const exports = exportsOf(installed);
  const entries = [...exports.keys()].filter((name) => !APART.includes(name));
  const common = {
    bundle: true,
    format: "esm",
    target: "es2022",
    logLevel: "warning",
    alias: { vitest: RUNNER },
  } as const;
  await build({
    ...common,
    entryPoints: [join(PLACES, "node.ts"), join(PLACES, "native.ts")],
    outdir: folder,
    platform: "node",
    plugins: [entriesPlugin(entries, (name) => name), nativeEntry],
  });
  await build({
    ...common,
    entryPoints: ["page", "worker", "in-worker", "worklet", "in-worklet", "bundles"].map((name) =>
      join(PLACES, `${name}.ts`),
    ),
    outdir: join(folder, "places"),
    // The very files of the package, at the addresses that the server has them at.
    plugins: [
      entriesPlugin(entries, (name) => exports.get(name)!.replace("./dist/", "/heapwright/")),
    ],
  });
  return { folder, installed, entries };
}

/** Name → file, of what can be imported as JavaScript. */
function exportsOf(installed: string): Map<string, string> {
  const { exports } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as {
    exports: Record<string, string | { default: string }>;
  };
  const files = Object.entries(exports).map(([path, to]): [string, string] => [
    path.replace(".", "heapwright"),
    typeof to === "string" ? to : to.default,
  ]);
  return new Map(files.filter(([, file]) => file.endsWith(".js")));
}

/** places/native-entry.d.ts. */
const nativeEntry: Plugin = {
  name: "native-entry",
  setup({ onResolve }) {
    onResolve({ filter: /\/native-entry\.js$/ }, () => ({ path: NATIVE, external: true }));
  },
};

/** places/entries.d.ts: each entry by the address that `address` has for it. */
function entriesPlugin(entries: readonly string[], address: (entry: string) => string): Plugin {
  const imports = entries.map((name, i) => `import * as entry${i} from "${address(name)}";`);
  const items = entries.map((name, i) => {
    const engines = ENGINES[name];
    if (engines === undefined)
      throw new Error(`test/runtimes/project.ts: which engines has ${name}?`);
    return JSON.stringify({ name, engines }).replace("{", `{ api: entry${i}, `);
  });
  const contents = `${imports.join("\n")}\nexport const ENTRIES = [${items.join(", ")}];\n`;
  return {
    name: "entries",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /\/entries\.js$/ }, () => ({ path: "entries", namespace: "entries" }));
      onLoad({ filter: /.*/, namespace: "entries" }, () => ({ contents }));
      onResolve({ filter: /^/, namespace: "entries" }, ({ path }) => ({ path, external: true }));
    },
  };
}
