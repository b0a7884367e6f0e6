/** Runs Binaryen's commands, and finds the WebAssembly features that a module needs. */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** A module cannot be linked. The message says why, and what to do. */
export class LinkError extends Error {
  override readonly name = "LinkError";
}

type Command = "wasm-merge" | "wasm-opt";

interface Outcome {
  /** What the command printed; undefined if it failed. */
  readonly printed?: string;
  /** The first message of an error. */
  readonly complaint: string;
}

/**
 * Runs a command.
 * @param path what the message of an error calls the module
 * @param explain an explanation of Binaryen's message, which replaces it
 * @throws {LinkError} if the command fails
 */
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
 * The options that allow the features that a module needs, and those in `always`. The optimiser uses no other features.
 *
 * Binaryen also allows what the section "target_features" lists. So `file` is the module without that section, and `declaring`
 * the one with it.
 * @throws {LinkError} if the module is invalid
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

/** The features that may be needed: those that the compiler declared, or, if they are not enough, all that Binaryen knows. */
function candidates(declaring: string, path: string, always: readonly string[]): readonly string[] {
  const print = (...features: readonly string[]): Outcome =>
    outcome("wasm-opt", [declaring, ...features, "--print-features"]);
  // The declared features and Binaryen's defaults are usually enough, and few.
  const declared = print(...always);
  const { printed, complaint } =
    declared.printed === undefined ? print("--all-features") : declared;
  if (printed === undefined) throw new LinkError(`${path} is not a valid module: ${complaint}`);
  return printed.split("\n").filter((line) => line !== "" && !always.includes(line));
}

/**
 * The features that the module needs in addition to `given`. All together suffice, and `given` alone does not. A module stays valid if
 * more is allowed, so each half is tried without the other.
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
  // The parser's message does not end its line, and the next one has the path of a temporary file.
  const lines = stderr.replace("]Fatal:", "]\nFatal:").split("\n");
  const first = lines.find((line) => line.trim() !== "" && !line.startsWith("warning:"));
  return { complaint: first?.replace(/, on $/, "") ?? `it ended with status ${signal ?? status}` };
}

/** The folder of the npm package binaryen: next to this package, or in the current project. */
function binaryenFolder(): string {
  for (const from of [fileURLToPath(import.meta.url), join(process.cwd(), "package.json")]) {
    try {
      const folder = dirname(createRequire(from).resolve("binaryen/package.json"));
      if (existsSync(join(folder, "bin/wasm-merge"))) return folder;
    } catch {
      // Not installed there.
    }
  }
  throw new LinkError(
    "link needs Binaryen 119 or later, which is not installed. Install it: npm install --save-dev binaryen",
  );
}
