#!/usr/bin/env node
/** The command line: `heapwright replay`, `heapwright compare`, `heapwright link`. */

import { readFileSync } from "node:fs";

import { Command, CommanderError } from "commander";

import { TraceError } from "../trace/error.ts";
import { LinkError } from "./binaryen.ts";
import { compareCommand } from "./compare.ts";
import { linkCommand } from "./link.ts";
import { progressOn } from "./progress.ts";
import { replayCommand } from "./replay.ts";
import { SettingError } from "./run.ts";
import { terminalOf } from "./terminal.ts";

const FAILED = 1;
const WRONG = 2;

const { version } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
) as { version: string };

const terminal = terminalOf(process.stdout, process.env);
const progress = progressOn(process.stderr, terminal.unicode);

function report(output: string, failures: readonly string[]): void {
  print(output);
  for (const sentence of failures) {
    complain(sentence);
    process.exitCode = FAILED;
  }
}

function complain(sentence: string): void {
  printError(`heapwright: ${sentence}\n`);
}

// A stream that can't be written throws, or emits an error, by what it leads to.

function print(text: string): void {
  try {
    process.stdout.write(text);
  } catch (error) {
    endUnprinted(error as NodeJS.ErrnoException);
  }
}

function endUnprinted(error: NodeJS.ErrnoException): never {
  // A reader that has seen enough, like `head`, is not an error.
  if (error.code === "EPIPE") process.exit();
  complain(`standard output can't be written: ${error.message}`);
  process.exit(WRONG);
}

/** Where nobody can be told what is wrong, the exit status still says that something is. */
function printError(text: string): void {
  try {
    process.stderr.write(text);
  } catch {}
}

process.stdout.on("error", endUnprinted);
process.stderr.on("error", () => {});

const HELP = `
Examples:
  heapwright replay program.rep.gz
  heapwright compare program.rep.gz --margin 0,64K,auto
  heapwright link app.wasm -o app.heap.wasm`;

const program = new Command("heapwright")
  .description(
    "Replay real programs' allocations on a heap, or link a heap into a WebAssembly module.",
  )
  .version(version, "-V, --version", "print the version")
  .helpOption("-h, --help", "print help")
  .helpCommand("help [command]", "print the help of a command")
  .addHelpText("after", HELP)
  .exitOverride()
  .configureOutput({
    writeOut: print,
    writeErr: printError,
    outputError: (text, write) => write(text.replace(/^error: /, "heapwright: ")),
  });

for (const [name, build] of [
  ["replay", replayCommand],
  ["compare", compareCommand],
] as const) {
  build(verb(name), progress, terminal, report);
}
linkCommand(verb("link"), print);
program.showHelpAfterError("See heapwright --help.");

function verb(name: string): Command {
  return program
    .command(name)
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .showHelpAfterError(`See heapwright ${name} --help.`);
}

try {
  await program.parseAsync();
} catch (error) {
  progress.stop();
  if (error instanceof CommanderError) {
    // Commander has said what is wrong; help and version are not errors.
    process.exitCode = error.exitCode === 0 ? 0 : WRONG;
  } else if (
    error instanceof TraceError ||
    error instanceof SettingError ||
    error instanceof LinkError
  ) {
    complain(error.message);
    process.exitCode = WRONG;
  } else {
    throw error;
  }
}
