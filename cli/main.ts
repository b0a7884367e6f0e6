#!/usr/bin/env node
/** The command line: a program with a verb for each thing it does. */

import { readFileSync } from "node:fs";

import { Command, CommanderError } from "commander";

import { TraceError } from "../trace/error.ts";
import { LinkError } from "./binaryen.ts";
import { compareCommand } from "./compare.ts";
import { CommandFailure, type Context } from "./context.ts";
import { exportCommand } from "./export.ts";
import { addMoreHelp } from "./help.ts";
import { reportCommand } from "./html.ts";
import { importCommand } from "./import.ts";
import { instrumentCommand } from "./instrument.ts";
import { leaksCommand, statsCommand } from "./leaks.ts";
import { linkCommand } from "./link.ts";
import { SettingError } from "./options.ts";
import { progressOn } from "./progress.ts";
import { recordCommand } from "./record.ts";
import { replayCommand } from "./replay.ts";
import { terminalOf, type Terminal } from "./terminal.ts";

const FAILED = 1;
const WRONG = 2;

const { version } = JSON.parse(
  readFileSync(new URL("../package.json", import.meta.url), "utf8"),
) as { version: string };

const terminal = (): Terminal =>
  terminalOf(process.stdout, process.env, program.opts<{ color?: boolean }>().color);
const progress = progressOn(process.stderr, terminalOf(process.stderr, process.env).unicode);

function fail(sentences: readonly string[]): void {
  sentences.forEach(complain);
  if (sentences.length > 0) process.exitCode = FAILED;
}

function complain(sentence: string): void {
  printError(`heapwright: ${sentence}\n`);
}

// A stream that cannot be written throws or emits an error: a file does the one, a pipe the other.

function print(text: string): void {
  try {
    process.stdout.write(text);
  } catch (error) {
    endUnprinted(error as NodeJS.ErrnoException);
  }
}

function endUnprinted(error: NodeJS.ErrnoException): never {
  // A closed pipe, such as `| head`, is not an error.
  if (error.code === "EPIPE") process.exit();
  complain(`cannot write to standard output: ${error.message}`);
  process.exit(WRONG);
}

/** If standard error cannot be written either, the exit status still reports the error. */
function printError(text: string): void {
  try {
    process.stderr.write(text);
  } catch {}
}

process.stdout.on("error", endUnprinted);
process.stderr.on("error", () => {});

const program = new Command("heapwright")
  .description(
    "Record programs' allocations, replay them on a heap, or link a heap into a WebAssembly module.",
  )
  .version(version, "-V, --version", "print the version")
  .helpOption("-h, --help", "print help")
  .helpCommand("help [command]", "print the help of a command")
  .option("--color", "use colours, even if the output is not a terminal")
  .option("--no-color", "use no colours")
  .configureHelp({ showGlobalOptions: true, minWidthToWrap: 15 })
  .exitOverride()
  .configureOutput({
    writeOut: print,
    writeErr: printError,
    outputError: (text, write) => write(text.replace(/^error: /, "heapwright: ")),
  });
addMoreHelp(program, {
  examples: [
    "heapwright replay program.rep.gz",
    "heapwright compare program.rep.gz --margin 0,64K,auto",
    "heapwright report program.rep.gz -o report.html",
    "heapwright link app.wasm -o app.heap.wasm",
  ],
});

const context: Context = {
  progress,
  terminal,
  print,
  warn: complain,
  fail,
  exitWith: (status) => {
    process.exitCode = status;
  },
};
replayCommand(verb("replay"), context);
compareCommand(verb("compare"), context);
reportCommand(verb("report"), context);
linkCommand(verb("link"), context);
recordCommand(verb("record"), context);
instrumentCommand(verb("instrument"), context);
importCommand(verb("import"), context);
leaksCommand(verb("leaks"), context);
statsCommand(verb("stats"), context);
exportCommand(verb("export"), context);
program.showHelpAfterError("See heapwright --help.");

function verb(name: string): Command {
  return program
    .command(name)
    .helpOption("-h, --help", "print help")
    .showHelpAfterError(`See heapwright ${name} --help.`);
}

try {
  await program.parseAsync();
} catch (error) {
  progress.stop();
  if (error instanceof CommanderError) {
    // Commander has printed the message. Help and version are not errors.
    process.exitCode = error.exitCode === 0 ? 0 : WRONG;
  } else if (
    error instanceof TraceError ||
    error instanceof SettingError ||
    error instanceof CommandFailure ||
    error instanceof LinkError
  ) {
    complain(error.message);
    process.exitCode = WRONG;
  } else {
    throw error;
  }
}
