/** `heapwright compare`: which setting suits these traces. */

import { Option, type Command } from "commander";

import { keepSource, traceSource } from "../trace/read.ts";
import {
  ENGINES,
  FITS,
  TRACE_HELP,
  addMemoryOptions,
  bytesOption,
  listOf,
  oneOf,
  parseBytesOrAuto,
  parseTraces,
  type EngineName,
  type FitName,
  type MemoryName,
  type Setting,
} from "./options.ts";
import type { Progress } from "./progress.ts";
import { bytes, count, percent, table } from "./report.ts";
import {
  failureSentences,
  heapOf,
  JSON_VERSION,
  rounded,
  run,
  runFigures,
  settingFigures,
  type Run,
} from "./run.ts";
import type { Terminal } from "./terminal.ts";

interface CompareOptions {
  readonly engine: EngineName[];
  readonly fit: FitName[];
  readonly margin: (number | "auto")[];
  readonly small: (number | "auto")[];
  readonly memory: MemoryName;
  readonly limit?: number;
  readonly json?: true;
}

/** The runs of one setting, one a trace, and what they come to together. */
interface Contender {
  readonly setting: Setting;
  readonly runs: readonly Run[];
  readonly failures: number;
  /** Mean of the traces' own. */
  readonly utilisation: number;
  /** Over all ops of all traces. */
  readonly nsPerOp: number;
  /** Sums over the traces. */
  readonly peakHeapBytes: number;
  readonly breakMoves: number;
}

const HELP = `
Examples:
  heapwright compare program.rep.gz
  heapwright compare *.rep --fit best --margin 0,64K,1M,auto
  heapwright compare program.rep --engine wasm,js --small 0,512 --json

A list has commas between its values. Every combination of the values replays
every trace. The order of the table, best first:
  1. settings without failures before those with failures
  2. by utilisation: the mean of the traces, to a tenth of a percent
  3. by ns/op: over all operations, in a warm heap, as in replay

Footprint, break moves and failures are sums over the traces.

${TRACE_HELP}`;

/** The verb's command. `report` is given what goes to standard output, and a sentence for each run that failed. */
export function compareCommand(
  command: Command,
  progress: Progress,
  terminal: Terminal,
  report: (output: string, failures: readonly string[]) => void,
): void {
  command
    .description("replay traces with several settings of the heap, and rank the settings")
    .argument("<trace...>", "traces: .rep, .rep.gz, or - for standard input", parseTraces)
    .addOption(
      new Option("--engine <list>", "engines: wasm, js, auto")
        .argParser(listOf(oneOf(ENGINES)))
        .default(["auto"], "auto"),
    )
    .addOption(
      new Option("--fit <list>", "policies: best, first, next")
        .argParser(listOf(oneOf(FITS)))
        .default([...FITS], "all"),
    )
    .addOption(
      new Option("--margin <list>", "extra bytes to take when the break moves, or auto")
        .argParser(listOf(parseBytesOrAuto))
        .default(["auto"], "auto"),
    )
    .addOption(
      new Option("--small <list>", "largest sizes that slabs serve; 0 for none, or auto")
        .argParser(listOf(parseBytesOrAuto))
        .default(["auto"], "auto"),
    );
  addMemoryOptions(command)
    .option("--json", "print one JSON object per setting, one per line, best first")
    .addHelpText("after", HELP)
    .action(async (files: string[], options: CompareOptions) => {
      const settings = settingsOf(options);
      const runs = settings.map((): Run[] => []);
      for (const file of files) {
        const source = keepSource(traceSource(file));
        for (const [i, setting] of settings.entries()) {
          runs[i]!.push(await run(source, setting, progress));
        }
      }
      const ranked = rank(settings.map((setting, i) => contender(setting, runs[i]!)));
      report(
        options.json ? jsonReport(ranked) : humanReport(ranked, terminal),
        failureSentences(
          ranked.flatMap((each) => each.runs),
          nameOf,
        ),
      );
    });
}

/** Every combination. `auto` is one of the engines, which is not to be ranked twice. */
function settingsOf(options: CompareOptions): Setting[] {
  const { memory, limit } = options;
  const plain = { fit: "best", margin: "auto", small: "auto", memory, limit } as const;
  const engines = new Set(options.engine.map((engine) => heapOf({ ...plain, engine }).engine));
  return [...engines].flatMap((engine) =>
    options.fit.flatMap((fit) =>
      options.margin.flatMap((margin) =>
        options.small.map((small) => ({ engine, fit, margin, small, memory, limit })),
      ),
    ),
  );
}

/** A run's trace, and its setting as the table has it. */
function nameOf({ trace, engine, setting: { fit, margin, small } }: Run): string {
  return `${trace} (engine ${engine}, fit ${fit}, margin ${bytesOption(margin)}, small ${bytesOption(small)})`;
}

function contender(setting: Setting, runs: readonly Run[]): Contender {
  const sum = (figure: (run: Run) => number): number =>
    runs.reduce((total, each) => total + figure(each), 0);
  const called = sum((each) => each.ops - each.skipped);
  return {
    setting,
    runs,
    failures: sum((each) => each.failures),
    utilisation: sum((each) => each.utilisation) / runs.length,
    nsPerOp: called === 0 ? 0 : sum((each) => each.nsPerOp * (each.ops - each.skipped)) / called,
    peakHeapBytes: sum((each) => each.peakHeapBytes),
    breakMoves: sum((each) => each.breakMoves),
  };
}

/** Best first; the order is that of the help text. */
export function rank<Ranked extends Pick<Contender, "failures" | "utilisation" | "nsPerOp">>(
  contenders: readonly Ranked[],
): Ranked[] {
  const tenths = (each: Ranked): number => Math.round(1000 * each.utilisation);
  return contenders.toSorted(
    (a, b) =>
      Number(a.failures > 0) - Number(b.failures > 0) ||
      tenths(b) - tenths(a) ||
      a.nsPerOp - b.nsPerOp,
  );
}

function jsonReport(ranked: readonly Contender[]): string {
  const lines = ranked.map(({ setting, runs, ...figures }) => {
    const line = {
      version: JSON_VERSION,
      ...settingFigures(setting, runs[0]!.engine),
      ...figures,
      nsPerOp: rounded(figures.nsPerOp, 1),
      utilisation: rounded(figures.utilisation, 4),
      traces: runs.map(runFigures),
    };
    return `${JSON.stringify(line)}\n`;
  });
  return lines.join("");
}

function humanReport(ranked: readonly Contender[], terminal: Terminal): string {
  const head = [
    "engine",
    "fit",
    "margin",
    "small",
    "utilisation",
    "ns/op",
    "footprint",
    "break\nmoves",
    "fail-\nures",
  ];
  const rows = ranked.map((each) => [
    each.runs[0]!.engine,
    each.setting.fit,
    bytesOption(each.setting.margin),
    bytesOption(each.setting.small),
    percent(each.utilisation),
    each.nsPerOp.toFixed(1),
    bytes(each.peakHeapBytes),
    count(each.breakMoves),
    each.failures === 0 ? "0" : terminal.paint.red(count(each.failures)),
  ]);
  return table(head, rows, 2, terminal);
}
