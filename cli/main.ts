#!/usr/bin/env node
/** The command line: `heapwright replay`, `heapwright compare`, `heapwright link`. */

import { readFileSync } from "node:fs";

import { Command, CommanderError } from "commander";

import { TraceError } from "../src/trace/error.ts";
import { compareCommand } from "./compare.ts";
import { LinkError, linkCommand } from "./link.ts";
import { progressOn } from "./progress.ts";
import { replayCommand } from "./replay.ts";
import { SettingError, failureSentence, type Run } from "./run.ts";
import { terminalOf } from "./terminal.ts";

const FAILED = 1;
const WRONG_INPUT = 2;

const { version } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
) as { version: string };

const terminal = terminalOf(process.stdout, process.env);
const progress = progressOn(process.stderr, terminal.unicode);

function report(output: string, runs: readonly Run[]): void {
  process.stdout.write(output);
  for (const run of runs) {
    const sentence = failureSentence(run);
    if (sentence === undefined) continue;
    complain(sentence);
    process.exitCode = FAILED;
  }
}

function complain(sentence: string): void {
  process.stderr.write(`heapwright: ${sentence}\n`);
}

// A reader that has seen enough, like `head`, is not an error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

const program = new Command("heapwright")
  .description("A heap for JavaScript and WebAssembly: replay real programs' allocations on it.")
  .version(version, "-V, --version", "print the version")
  .helpOption("-h, --help", "print help")
  .exitOverride()
  .configureOutput({
    outputError: (text, write) => write(text.replace(/^error: /, "heapwright: ")),
  });

for (const [name, build] of [
  ["replay", replayCommand],
  ["compare", compareCommand],
] as const) {
  build(verb(name), progress, terminal, report);
}
linkCommand(verb("link"), (text) => process.stdout.write(text));
program.showHelpAfterError("See heapwright --help.");

function verb(name: string): Command {
  return program
    .command(name)
    .version(version, "-V, --version", "print the version")
    .showHelpAfterError(`See heapwright ${name} --help.`);
}

try {
  await program.parseAsync();
} catch (error) {
  progress.stop();
  if (error instanceof CommanderError) {
    // Commander has said what is wrong; help and version are not errors.
    process.exitCode = error.exitCode === 0 ? 0 : WRONG_INPUT;
  } else if (
    error instanceof TraceError ||
    error instanceof SettingError ||
    error instanceof LinkError
  ) {
    complain(error.message);
    process.exitCode = WRONG_INPUT;
  } else {
    throw error;
  }
}
