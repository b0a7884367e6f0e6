// Builds dist/native/, the engine in C; and with a C compiler on Linux, bindings/native/out/: libheapwright.so, libheapwright.a and
// libheapwright-malloc.so.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { buildC } from "./c.ts";

const SOURCE = "dist/native";
const OPTIONS = ["-std=gnu11", "-O2", "-g", "-fPIC", "-Wall", "-Wextra"];
/** A compiler must not take the family's functions for those that it knows: it would leave calls out. */
const FAMILY = ["malloc", "calloc", "realloc", "free"].map((name) => `-fno-builtin-${name}`);

/** Builds the libraries into a folder; throws if the compiler fails. */
export function buildLibraries(
  compiler: string,
  folder: string,
  more: readonly string[] = [],
): void {
  const run = (command: string, args: readonly string[]): void => {
    execFileSync(command, args, { stdio: "inherit" });
  };
  mkdirSync(folder, { recursive: true });
  const compile = (args: readonly string[]): void => run(compiler, [...OPTIONS, ...more, ...args]);
  const library = `${SOURCE}/libheapwright.c`;
  compile(["-shared", library, "-o", `${folder}/libheapwright.so`]);
  compile(["-c", library, "-o", `${folder}/libheapwright.o`]);
  run("ar", ["rcs", `${folder}/libheapwright.a`, `${folder}/libheapwright.o`]);
  const family = [...FAMILY, "-fvisibility=hidden", "-shared", "-Wl,-z,now"];
  compile([
    ...family,
    `${SOURCE}/libheapwright-malloc.c`,
    "-o",
    `${folder}/libheapwright-malloc.so`,
  ]);
}

function main(): void {
  buildC();
  if (process.platform !== "linux") return console.log("libraries: skipped, they are for Linux");
  const compiler = process.env["CC"] ?? "cc";
  if (spawnSync(compiler, ["--version"]).status !== 0)
    return console.log(`libraries: skipped, there is no C compiler ${compiler}`);
  buildLibraries(compiler, "bindings/native/out");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
