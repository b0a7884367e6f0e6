/** `heapwright replay`: what a heap makes of a trace. */

import { Option, type Command } from "commander";

import { keepSource, traceSource } from "../trace/read.ts";
import { drawMap } from "./map.ts";
import {
  ENGINES,
  FITS,
  TRACE_HELP,
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
Examples:
  heapwright replay program.rep.gz
  heapwright replay *.rep --margin 64K --fit first
  heapwright replay program.rep --check 1000
  zcat program.rep.gz | heapwright replay - --json

The table:
  ops            operations of the trace
  ns/op          time of an operation in a warm heap: each trace is replayed
                 twice more on its emptied heap, and the faster replay counts
                 (with --check, the first replay, which is cold and slower)
  peak live      most bytes that the program held at once
  footprint      most bytes that the heap took of its memory
  utilisation    peak live as a share of the footprint
  internal       space in used blocks beyond what was asked for, as a share of
                 the footprint, when most bytes were live
  external       free blocks and slots at that moment, as a share of the
                 footprint
  break moves    how often the break moved up, including the first time
  failures       requests refused; with --check, also damaged blocks and
                 violated invariants

${TRACE_HELP}`;

/** The verb's command. `report` is given what goes to standard output, and a sentence for each run that failed. */
export function replayCommand(
  command: Command,
  progress: Progress,
  terminal: Terminal,
  report: (output: string, failures: readonly string[]) => void,
): void {
  command
    .description("replay allocation traces on a heap, and report its time and memory")
    .argument("<trace...>", "traces: .rep, .rep.gz, or - for standard input", parseTraces)
    .addOption(
      new Option("--engine <engine>", "engine of the heap").choices(ENGINES).default("auto"),
    )
    .addOption(
      new Option("--fit <policy>", "which free block serves a request")
        .choices(FITS)
        .default("best"),
    )
    .option(
      "--margin <bytes>",
      "extra bytes to take when the break moves; auto grows with the heap",
      parseBytesOrAuto,
      "auto",
    )
    .option(
      "--small <bytes>",
      "largest size that slabs serve; 0 for none, auto for 1008",
      parseBytesOrAuto,
      "auto",
    );
  addMemoryOptions(command)
    .option(
      "--check <n>",
      "prove the heap's invariants every n ops, and the contents of every block",
      parseCount,
    )
    .option("--json", "print one JSON object per trace, one per line")
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
