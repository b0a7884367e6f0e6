/** Binaryen's commands, from its npm package, and what a module needs them to be told. */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** What stands in the way of linking. */
export class LinkError extends Error {
  override readonly name = "LinkError";
}

type Command = "wasm-merge" | "wasm-opt";

interface Outcome {
  /** What it printed; nothing where it failed. */
  readonly printed?: string;
  /** The first of what it complained about. */
  readonly complaint: string;
}

/** Runs a command. Throws `LinkError`, which calls the module `path` and has what `explain` makes of the complaint, if anything. */
export function binaryen(
  command: Command,
  path: string,
  args: readonly string[],
  explain: (complaint: string) => string | undefined = () => undefined,
): void {
  const { printed, complaint } = outcome(command, args);
  if (printed !== undefined) return;
  throw new LinkError(`${path}${explain(complaint) ?? `: ${command} failed: ${complaint}`}`);
}

/**
 * The options that allow what the module in a file needs of WebAssembly beyond its first version, `always` among them, and
 * nothing else: what is not allowed, the optimiser does not write. Throws `LinkError` where the module is not valid.
 *
 * What the section "target_features" lists is allowed whatever the options say. `declaring` is the module with that section,
 * `file` the one without, if that list is not to count.
 */
export function featuresOf(
  file: string,
  path: string,
  always: readonly string[],
  declaring = file,
): string[] {
  const known = suffices(file, always) ? [] : candidates(declaring, path, always);
  return only([...always, ...fewest(file, known, always)]);
}

/** What of WebAssembly may be needed beside `always`: what the compiler declared, or, should that not do, whatever there is. */
function candidates(declaring: string, path: string, always: readonly string[]): readonly string[] {
  const print = (...features: readonly string[]): Outcome =>
    outcome("wasm-opt", [declaring, ...features, "--print-features"]);
  // What was declared, and Binaryen's defaults, are mostly enough, and soon gone through.
  const declared = print(...always);
  const { printed, complaint } =
    declared.printed === undefined ? print("--all-features") : declared;
  if (printed === undefined) throw new LinkError(`${path} is not valid to Binaryen: ${complaint}`);
  return printed.split("\n").filter((line) => line !== "" && !always.includes(line));
}

/**
 * Those of `features` that the module needs beside `given`, where all together suffice and `given` alone do not: the halves in
 * turn, since a module stays valid where more is allowed.
 */
function fewest(
  file: string,
  features: readonly string[],
  given: readonly string[],
): readonly string[] {
  if (features.length < 2) return features;
  const half = Math.ceil(features.length / 2);
  const sooner = features.slice(0, half);
  const without = [...given, ...sooner];
  const later = suffices(file, without) ? [] : fewest(file, features.slice(half), without);
  const known = [...given, ...later];
  return [...later, ...(suffices(file, known) ? [] : fewest(file, sooner, known))];
}

function suffices(file: string, features: readonly string[]): boolean {
  return outcome("wasm-opt", [file, ...only(features)]).printed !== undefined;
}

function only(features: readonly string[]): string[] {
  return ["--mvp-features", ...features];
}

function outcome(command: Command, args: readonly string[]): Outcome {
  const { status, signal, stdout, stderr, error } = spawnSync(
    process.execPath,
    [join(binaryenFolder(), "bin", command), ...args],
    { encoding: "utf8", maxBuffer: 2 ** 28 },
  );
  if (status === 0) return { printed: stdout, complaint: "" };
  if (error) return { complaint: error.message };
  // A parser's complaint has no end of line behind it, and what follows has the path of a file that is gone by then.
  const lines = stderr.replace("]Fatal:", "]\nFatal:").split("\n");
  const first = lines.find((line) => line.trim() !== "" && !line.startsWith("warning:"));
  return { complaint: first?.replace(/, on $/, "") ?? `it ended with ${signal ?? status}` };
}

/** Where the npm package binaryen is: beside this package, or in the project this runs in. */
function binaryenFolder(): string {
  for (const from of [fileURLToPath(import.meta.url), join(process.cwd(), "package.json")]) {
    try {
      const folder = dirname(createRequire(from).resolve("binaryen/package.json"));
      if (existsSync(join(folder, "bin/wasm-merge"))) return folder;
    } catch {
      // Not there.
    }
  }
  throw new LinkError(
    "linking needs Binaryen, 119 or later, which is not installed: npm install --save-dev binaryen",
  );
}
