/** `heapwright replay`: what a heap makes of a trace. */

import { Option, type Command } from "commander";

import { keepSource, traceSource } from "../src/trace/read.ts";
import { drawMap } from "./map.ts";
import {
  ENGINES,
  FITS,
  addMemoryOptions,
  bytesOption,
  parseBytesOrAuto,
  parseCount,
  parseTraces,
  type Setting,
} from "./options.ts";
import type { Progress } from "./progress.ts";
import { bytes, count, percent, table, traceName } from "./report.ts";
import {
  failureSentences,
  JSON_VERSION,
  run,
  runFigures,
  settingFigures,
  sharesOf,
  type Run,
} from "./run.ts";
import type { Terminal } from "./terminal.ts";

interface ReplayOptions extends Setting {
  readonly check?: number;
  readonly json?: true;
}

const HELP = `
The table:
  ops            lines of the trace that ask for something
  ns/op          time in the heap's calls over ops, warm: each trace is replayed
                 twice more on its emptied heap, and the faster counts (with
                 --check that of the first replay, cold and slower)
  peak live      most bytes the program held at once, as it asked for them
  footprint      most bytes the heap took of its memory
  utilisation    peak live over footprint
  internal       share of the footprint that is usable space of blocks in use
                 beyond what was asked for, when most bytes were live
  external       share of the footprint that is free at that moment, in blocks
                 and slots
  break moves    how often the break was moved up, the first time included
  failures       requests refused, and with --check blocks or invariants broken

A trace is an allocation trace of the malloc-lab form, gzip'd or not; - is
standard input, kept in memory to be replayed again. Nothing is printed unless
all traces could be read.

Exit status: 0 all went well; 1 there were failures; 2 a trace or an option is
wrong.`;

/** The verb's command. `report` is given what goes to standard output, and a sentence for each run that failed. */
export function replayCommand(
  command: Command,
  progress: Progress,
  terminal: Terminal,
  report: (output: string, failures: readonly string[]) => void,
): void {
  command
    .description("replay allocation traces on a heap and report what it made of them")
    .argument("<trace...>", "traces: .rep, .rep.gz, or - for standard input", parseTraces)
    .addOption(new Option("--engine <engine>", "the engine").choices(ENGINES).default("auto"))
    .addOption(
      new Option("--fit <policy>", "which free block serves a request")
        .choices(FITS)
        .default("best"),
    )
    .option(
      "--margin <bytes>",
      "taken beyond the need when the break moves; auto grows with the heap",
      parseBytesOrAuto,
      "auto",
    )
    .option(
      "--small <bytes>",
      "largest size served by slabs, 0 for none",
      parseBytesOrAuto,
      "auto",
    );
  addMemoryOptions(command)
    .option(
      "--check <n>",
      "prove the heap's invariants every n ops; fill every block and verify it",
      parseCount,
    )
    .option("--json", "print an object a trace, one a line")
    .addHelpText("after", HELP)
    .action(async (files: string[], options: ReplayOptions) => {
      const setting = settingOf(options);
      const runs: Run[] = [];
      for (const file of files) {
        runs.push(await run(keepSource(traceSource(file)), setting, progress, options.check));
      }
      report(
        options.json ? jsonReport(runs, options.check) : humanReport(runs, terminal),
        failureSentences(runs, ({ trace }) => trace),
      );
    });
}

function settingOf({ engine, fit, margin, small, memory, limit }: ReplayOptions): Setting {
  return { engine, fit, margin, small, memory, limit };
}

function jsonReport(runs: readonly Run[], check: number | undefined): string {
  const lines = runs.map((each) => {
    const setting = settingFigures(each.setting, each.engine);
    return `${JSON.stringify({ version: JSON_VERSION, ...runFigures(each), ...setting, check: check ?? null })}\n`;
  });
  return lines.join("");
}

function humanReport(runs: readonly Run[], terminal: Terminal): string {
  const { engine, setting } = runs[0]!;
  const { fit, margin, small, memory, limit } = setting;
  const parts = [
    `engine ${engine}`,
    `fit ${fit}`,
    `margin ${bytesOption(margin)}`,
    `small ${bytesOption(small)}`,
    `memory ${memory}`,
    ...(limit === undefined ? [] : [`limit ${bytesOption(limit)}`]),
  ];
  const head = [
    "trace",
    "ops",
    "ns/op",
    "peak\nlive",
    "foot-\nprint",
    "utili-\nsation",
    "inter-\nnal",
    "exter-\nnal",
    "break\nmoves",
    "fail-\nures",
  ];
  const rows = runs.map((each) => {
    const shares = sharesOf(each);
    const share = (of: number | undefined): string => (of === undefined ? "-" : percent(of));
    return [
      traceName(each.trace),
      count(each.ops),
      each.nsPerOp.toFixed(1),
      bytes(each.peakLiveBytes),
      bytes(each.peakHeapBytes),
      percent(each.utilisation),
      share(shares?.internal),
      share(shares?.external),
      count(each.breakMoves),
      each.failures === 0 ? "0" : terminal.paint.red(count(each.failures)),
    ];
  });
  const maps = runs.flatMap((each) => {
    if (each.fullest === undefined) return [];
    const { op, liveBytes, heapBytes } = each.fullest;
    const title = `${traceName(each.trace)} at its fullest, after op ${count(op)} of ${count(each.ops)}: ${bytes(liveBytes)} live in ${bytes(heapBytes)}`;
    return [`\n${terminal.paint.bold(title)}\n${drawMap(each.fullest, terminal)}`];
  });
  return `${parts.join(", ")}\n\n${table(head, rows, 1, terminal)}${maps.join("")}`;
}
