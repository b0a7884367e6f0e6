/** `heapwright report`: writes a page that replays traces. */

import { readFileSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

import type { Command } from "commander";

import { DATA_MARK, DATA_VERSION, dataElements, type ReportRun } from "../report/data.ts";
import { packProgram } from "../report/pack.ts";
import { openTrace } from "../trace/read.ts";
import type { Context } from "./context.ts";
import { addMoreHelp } from "./help.ts";
import {
  SettingError,
  TRACE_HELP,
  addSettingLists,
  combinationsOf,
  limitOption,
  optionTexts,
  parseTraces,
  type SettingLists,
} from "./options.ts";
import { bytes, plural, traceName } from "./report.ts";
import { openInputs } from "./traces.ts";

interface ReportOptions extends SettingLists {
  readonly output: string;
  readonly limit?: number;
  readonly title?: string;
}

const HELP = {
  examples: [
    "heapwright report program.rep.gz",
    "heapwright report before.rep.gz after.rep.gz -o change.html",
    "heapwright report program.rep.gz --margin auto,0 -o margins.html",
  ],
  paragraphs: [
    "The page is one file. It needs no network, and opens from disk. It contains the traces and the heap's engine, and replays them in the browser.",
    "A list has commas between its values. Every combination of the values is a run of every trace, and the page compares any two runs.",
    ...TRACE_HELP,
  ],
};

export function reportCommand(command: Command, { progress, print }: Context): void {
  command
    .description("write a page that replays traces, to see the heap at any moment")
    .argument("<trace...>", "traces: .rep, .rep.gz, or - for standard input", parseTraces)
    .option("-o, --output <file>", "the file to write", "report.html")
    .option("--title <text>", "the title of the page");
  addSettingLists(command, ["best"], "best").addOption(limitOption());
  addMoreHelp(command, HELP).action(async (files: string[], options: ReportOptions) => {
    const inputs = await openInputs(files);
    progress.start(inputs.length, inputs[0]!.label);
    const traces: string[] = [];
    for (const [done, { source, label }] of inputs.entries()) {
      progress.describe(label);
      const packed = await packProgram(await openTrace(source));
      traces.push((await promisify(gzip)(packed, { level: 9 })).toString("base64"));
      progress.update(done + 1);
    }
    progress.stop();
    const runs = runsOf(
      inputs.map(({ source }) => traceName(source.file)),
      options,
    );
    const title =
      options.title ??
      `Heap report: ${runs.length === 1 ? runs[0]!.name : plural(runs.length, "run")}`;
    const template = readFileSync(new URL("report.html", import.meta.url), "utf8");
    const data = dataElements({ version: DATA_VERSION, title, runs }, traces);
    const page = template.replace(DATA_MARK, () => data);
    try {
      writeFileSync(options.output, page);
    } catch (error) {
      throw new SettingError(`cannot write ${options.output}: ${(error as Error).message}`);
    }
    print(`${options.output}: ${bytes(Buffer.byteLength(page))}. Open it in a browser.\n`);
  });
}

/** A run for each trace and each combination of settings. A name has what differs from run to run. */
function runsOf(names: readonly string[], options: ReportOptions): ReportRun[] {
  const { fit, margin, small, limit } = options;
  return names.flatMap((name, trace) =>
    combinationsOf(options).map((combination): ReportRun => {
      const setting = { ...combination, limit };
      const texts = optionTexts({ ...setting, engine: "js", memory: "wasm" });
      const varying = [
        ...(fit.length > 1 ? [texts.fit!] : []),
        ...(margin.length > 1 ? [texts.margin!] : []),
        ...(small.length > 1 ? [texts.small!] : []),
      ];
      return { name: [name, ...varying].join(", "), trace, setting };
    }),
  );
}
