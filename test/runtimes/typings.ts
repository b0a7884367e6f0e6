/** The README's example as TypeScript, against the typings of the packed package. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { example } from "./bundlers.ts";
import { run } from "./commands.ts";
import type { Project } from "./project.ts";

const TYPESCRIPT = fileURLToPath(new URL("../../node_modules/typescript/bin/tsc", import.meta.url));

/** Ways that TypeScript finds modules. */
export const RESOLUTIONS = ["node16", "nodenext", "bundler"] as const;

/** True, or throws what tsc finds. The package's own typings are checked as well. */
export async function checkTypings(
  { folder, entries }: Project,
  moduleResolution: (typeof RESOLUTIONS)[number],
): Promise<true> {
  const source = join(folder, `typings-${moduleResolution}`);
  mkdirSync(source, { recursive: true });
  const files = entries.map((entry, i) => {
    const name = `example-${i}.ts`;
    writeFileSync(join(source, name), example(entry) + TYPED);
    return name;
  });
  const compilerOptions = {
    noEmit: true,
    strict: true,
    target: "es2022",
    lib: ["es2022", "dom"],
    types: [],
    module: moduleResolution === "bundler" ? "esnext" : moduleResolution,
    moduleResolution,
  };
  writeFileSync(join(source, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  await run(process.execPath, [TYPESCRIPT, "-p", source]);
  return true;
}

/** What the names of the example have to be. */
const TYPED = `
const pointer: number = p;
const floats: Float32Array = heap.view(Float32Array, p, 256);
// @ts-expect-error a pointer is a number
heap.deallocate("p");
export { pointer, floats };
`;
