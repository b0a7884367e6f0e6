/** `heapwright replay`: time and memory of a heap on traces. */

import { Option, type Command } from "commander";

import type { Context } from "./context.ts";
import { addMoreHelp } from "./help.ts";
import { drawMap } from "./map.ts";
import {
  ENGINES,
  FITS,
  TRACE_HELP,
  addMemoryOptions,
  optionTexts,
  parseBytesOrAuto,
  parseCount,
  parseSmall,
  parseTraces,
  type Setting,
} from "./options.ts";
import { bytes, count, percent, table, traceName, wrap, type Column } from "./report.ts";
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
import { openInputs } from "./traces.ts";

interface ReplayOptions extends Setting {
  readonly check?: number;
  readonly json?: true;
}

const HELP = {
  examples: [
    "heapwright replay program.rep.gz",
    "heapwright replay *.rep --margin 64K --fit first",
    "heapwright replay program.rep --check 1000",
    "zcat program.rep.gz | heapwright replay - --json",
  ],
  lists: {
    "The table": {
      ops: "operations of the trace",
      "ns/op":
        "time of an operation in a warm heap: the faster of two more replays on the emptied heap. With --check it is the time of the first replay, which is slower",
      "peak live": "most bytes that the program held at once",
      footprint: "most bytes that the heap took of its memory",
      utilisation: "peak live as a share of the footprint",
      internal:
        "bytes of used blocks beyond the requested ones, when most bytes were live, as a share of the footprint",
      external: "free blocks and slots at that moment, as a share of the footprint",
      "break moves": "how often the break moved up, including the first time",
      failures:
        "refused requests; with --check, also damaged blocks and violated invariants. The column is left out if there are none",
    },
  },
  paragraphs: TRACE_HELP,
};

export function replayCommand(
  command: Command,
  { progress, terminal, print, fail }: Context,
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
      parseSmall,
      "auto",
    );
  addMemoryOptions(command)
    .option(
      "--check <n>",
      "prove the heap's invariants every n ops, and the contents of every block",
      parseCount,
    )
    .option("--json", "print one JSON object per trace, one per line");
  addMoreHelp(command, HELP).action(async (files: string[], options: ReplayOptions) => {
    const setting = settingOf(options);
    const inputs = await openInputs(files);
    progress.start(
      inputs.reduce((sum, { ops }) => sum + ops, 0),
      inputs[0]!.label,
    );
    const runs: Run[] = [];
    let done = 0;
    for (const input of inputs) {
      progress.describe(input.label);
      const update = (share: number): void => progress.update(done + share * input.ops);
      runs.push(await run(input, setting, update, options.check));
      done += input.ops;
    }
    progress.stop();
    print(options.json ? jsonReport(runs, options.check) : replayReport(runs, terminal()));
    fail(failureSentences(runs, ({ trace }) => trace));
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

/** The report for people: the setting, a table with a row for each trace, and maps. */
export function replayReport(runs: readonly Run[], terminal: Terminal): string {
  const { engine, setting } = runs[0]!;
  const settings = Object.values(optionTexts({ ...setting, engine })).join(", ");
  const failed = runs.some(({ failures }) => failures > 0);
  const columns: Column[] = [
    { title: "trace", align: "left", role: "label" },
    { title: "ops", align: "right" },
    { title: "ns/op", align: "right" },
    { title: "peak live", align: "right", role: "optional" },
    { title: "footprint", align: "right" },
    { title: "utilisation", align: "right" },
    { title: "internal", align: "right" },
    { title: "external", align: "right" },
    { title: "break moves", align: "right", role: "optional" },
    ...(failed ? [{ title: "failures", align: "right" } as const] : []),
  ];
  const rows = runs.map((each) => {
    const shares = sharesOf(each);
    const share = (of: number | undefined): string => (of === undefined ? "-" : percent(of));
    const name = traceName(each.trace);
    const cells = [
      name,
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
    return { label: name, cells: cells.slice(0, columns.length) };
  });
  const maps = runs.flatMap((each) => {
    if (each.fullest === undefined) return [];
    const { op, liveBytes, heapBytes } = each.fullest;
    const title = `${traceName(each.trace)} at its fullest, after op ${count(op)} of ${count(each.ops)}: ${bytes(liveBytes)} live in ${bytes(heapBytes)}`;
    const lines = wrap(title, terminal.columns).split("\n").map(terminal.paint.bold);
    return [`\n${lines.join("\n")}\n${drawMap(each.fullest, terminal)}`];
  });
  return `${wrap(settings, terminal.columns)}\n\n${table(columns, rows, terminal)}${maps.join("")}`;
}
