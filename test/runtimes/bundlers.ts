/** The README's example, bundled: does it run, and how large is it. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { run } from "./commands.ts";
import type { Project } from "./project.ts";

const TOOLS = fileURLToPath(new URL("tools/", import.meta.url));
const README = fileURLToPath(new URL("../../README.md", import.meta.url));

export const BUNDLERS = ["esbuild", "rolldown", "vite", "webpack"] as const;

export interface Bundle {
  readonly bundler: string;
  readonly version: string;
  readonly entry: string;
  /** The address that the server has its script at. */
  readonly address: string;
  readonly bytes: number;
  readonly gzipped: number;
}

/** The first program of the README, importing from `entry`. */
export function example(entry: string): string {
  const program = /^```js\n(.*?)^```/ms.exec(readFileSync(README, "utf8"))?.[1];
  if (program === undefined) throw new Error(`${README} has no example that begins with \`\`\`js`);
  return program.replace('"heapwright"', JSON.stringify(entry));
}

/** For whoever runs the bundle: that the example did what it says. */
const RESULT = `
globalThis.result = { sum: new Float32Array(heap.buffer, p, 256).reduce((a, b) => a + b), freed: !heap.owns(p) };
`;

/** The sum that the README's example fills a block for, and that the block was given back. */
export const EXPECTED = JSON.stringify({ sum: 256, freed: true });

/** Bundles the example with one bundler, importing from one entry, and runs it in this Node. Throws where that fails. */
export async function bundle(project: Project, bundler: string, entry: string): Promise<Bundle> {
  const name = `${bundler}-${entry.replace("/", "-")}`;
  const source = join(project.folder, "examples", name);
  mkdirSync(source, { recursive: true });
  writeFileSync(join(source, "example.js"), example(entry) + RESULT);
  writeFileSync(
    join(source, "index.html"),
    '<!doctype html><title>Example</title><script type="module" src="example.js"></script>',
  );
  const made = join(project.folder, "bundles", name);
  await run(process.execPath, [join(TOOLS, "bundle.js"), bundler, source, made]);

  const scripts = readdirSync(made, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".js"),
  );
  if (scripts.length !== 1) throw new Error(`expected one script in ${made}, found ${scripts}`);
  const script = join(made, scripts[0]!);
  const program = `await import(${JSON.stringify(pathToFileURL(script))}); console.log(JSON.stringify(result));`;
  const printed = await run(process.execPath, ["--input-type=module", "--eval", program]);
  if (printed.trim() !== EXPECTED) throw new Error(`expected ${EXPECTED}, found ${printed}`);

  const bytes = readFileSync(script);
  return {
    bundler,
    version: versionOf(bundler),
    entry,
    address: `/${relative(project.folder, script).replaceAll("\\", "/")}`,
    bytes: bytes.length,
    gzipped: gzipSync(bytes).length,
  };
}

function versionOf(bundler: string): string {
  const about = readFileSync(join(TOOLS, "node_modules", bundler, "package.json"), "utf8");
  return (JSON.parse(about) as { version: string }).version;
}
