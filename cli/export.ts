/** `heapwright export`: traces for other tools. */

import { writeFileSync } from "node:fs";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";

import { Option, type Command } from "commander";

import { timeOf } from "../trace/ops.ts";
import { openTrace, type TraceSource } from "../trace/read.ts";
import { LiveBlocks, usageOf } from "../trace/usage.ts";
import { CommandFailure, type Context } from "./context.ts";
import { addMoreHelp } from "./help.ts";
import { chrome, dhat, pprof, speedscope } from "./profiles.ts";
import { openInputs, type Input } from "./traces.ts";

const FORMATS = ["pprof", "speedscope", "chrome", "dhat", "csv"] as const;

interface ExportOptions {
  readonly format: (typeof FORMATS)[number];
  readonly output: string;
}

/** Rows of a timeline, at most. */
const MOST_ROWS = 10_000;

const HELP = {
  examples: [
    "heapwright export app.rep.gz --format pprof -o app.pb.gz",
    "heapwright export app.rep.gz --format csv -o app.csv",
  ],
  lists: {
    Formats: {
      pprof: "go tool pprof -http : app.pb.gz",
      speedscope: "https://www.speedscope.app, or npx speedscope app.json",
      chrome: "a .heapprofile: Chrome's developer tools, Memory, Load profile",
      dhat: "dh_view.html, which is part of Valgrind",
      csv: `the timeline, in at most ${MOST_ROWS} rows: ops, nanoseconds, live bytes and blocks`,
    },
  },
  paragraphs: [
    "What is in use in a pprof profile, and all that a chrome profile has, is what was live at the peak.",
    "Exit status: 0 success; 2 invalid option or trace.",
  ],
};

export function exportCommand(command: Command, { progress }: Context): void {
  command
    .description("write a trace's allocations in the format of another tool")
    .argument("<trace>", "trace: .rep, .rep.gz, or - for standard input")
    .addOption(
      new Option("--format <format>", "format to write").choices(FORMATS).makeOptionMandatory(),
    )
    .requiredOption("-o, --output <file>", "file to write");
  addMoreHelp(command, HELP).action(async (file: string, options: ExportOptions) => {
    const { format, output } = options;
    const [{ source, ops, label }] = (await openInputs([file])) as [Input];
    progress.start((format === "csv" ? 1 : 2) * ops, label);
    const written = await exported(format, source, progress.update);
    progress.stop();
    try {
      writeFileSync(output, written);
    } catch (error) {
      throw new CommandFailure(`cannot write ${output}: ${(error as Error).message}`);
    }
  });
}

async function exported(
  format: ExportOptions["format"],
  source: TraceSource,
  onProgress: (ops: number) => void,
): Promise<string | Uint8Array> {
  if (format === "csv") return timeline(source, onProgress);
  const usage = await usageOf(() => openTrace(source), onProgress);
  switch (format) {
    case "pprof":
      return gzipSync(pprof(usage));
    case "speedscope":
      return `${JSON.stringify(speedscope(usage, basename(source.file)))}\n`;
    case "chrome":
      return `${JSON.stringify(chrome(usage))}\n`;
    case "dhat":
      return `${JSON.stringify(dhat(usage, source.file))}\n`;
  }
}

/** A row for each step of equally many ops: how much was live after it, and the most within it. */
async function timeline(source: TraceSource, onProgress: (ops: number) => void): Promise<string> {
  const { chunks, header } = await openTrace(source);
  const step = Math.max(1, Math.ceil(header.ops / MOST_ROWS));
  const live = new LiveBlocks(header.ids);
  const rows = ["ops,nanoseconds,live_bytes,live_blocks,most_live_bytes"];
  let ops = 0;
  let most = 0;
  for await (const chunk of chunks) {
    for (let i = 0; i < chunk.count; i += 1) {
      live.follow(chunk, i);
      most = Math.max(most, live.bytes);
      ops += 1;
      if (ops % step !== 0 && ops !== header.ops) continue;
      rows.push(`${ops},${timeOf(chunk, i)},${live.bytes},${live.blocks},${most}`);
      most = 0;
    }
    onProgress(ops);
  }
  return `${rows.join("\n")}\n`;
}
