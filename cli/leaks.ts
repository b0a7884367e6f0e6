/** `heapwright leaks` and `heapwright stats`: what a trace's call sites allocate, and what they never free. */

import { basename } from "node:path";

import type { Command } from "commander";

import { openTrace } from "../trace/read.ts";
import type { Frame, SiteBlocks } from "../trace/sites.ts";
import { usageOf, type Usage } from "../trace/usage.ts";
import type { Context } from "./context.ts";
import { addMoreHelp } from "./help.ts";
import { numberUpTo, parseTraces } from "./options.ts";
import { bytes, count, duration, percent, plural, table, wrap } from "./report.ts";
import { JSON_VERSION } from "./run.ts";
import type { Terminal } from "./terminal.ts";
import { openInputs } from "./traces.ts";

interface SiteOptions {
  readonly top: number;
  readonly frames: number;
  readonly json?: true;
}

/** A trace's usage, and how its call sites are shown. */
interface Shown {
  readonly trace: string;
  readonly usage: Usage;
  readonly options: SiteOptions;
}

const TRACE_HELP = [
  "Call sites are in traces made by heapwright record and heapwright import. A block belongs to the call that last gave it its size.",
  "Exit status: 0 success; 2 invalid option or trace.",
];

export function leaksCommand(command: Command, context: Context): void {
  command.description("list the blocks that a program never freed, by call site");
  addMoreHelp(addSiteOptions(command), {
    examples: ["heapwright leaks app.rep.gz", "heapwright leaks app.rep.gz --top 3 --frames 20"],
    paragraphs: [
      "A program may keep blocks until it ends on purpose. Look for call sites with many blocks, or with more blocks the longer the program runs.",
      ...TRACE_HELP,
    ],
  }).action(action(context, leaksText, leaksJson));
}

export function statsCommand(command: Command, context: Context): void {
  command.description("summarise a trace: its peak and its allocations, by call site");
  addMoreHelp(addSiteOptions(command), {
    examples: ["heapwright stats app.rep.gz", "heapwright stats *.rep.gz --json"],
    paragraphs: TRACE_HELP,
  }).action(action(context, statsText, statsJson));
}

function addSiteOptions(command: Command): Command {
  return command
    .argument("<trace...>", "traces: .rep, .rep.gz, or - for standard input", parseTraces)
    .option("--top <n>", "call sites to list, those with most bytes first", parseNumber, 10)
    .option("--frames <n>", "frames of a call stack to print", parseNumber, 12)
    .option("--json", "print one JSON object per trace, one per line");
}

const parseNumber = numberUpTo(Number.MAX_SAFE_INTEGER, "a number, 1 or more");

function action(
  { progress, terminal, print }: Context,
  textOf: (shown: Shown, terminal: Terminal) => string,
  jsonOf: (shown: Shown) => object,
): (files: string[], options: SiteOptions) => Promise<void> {
  return async (files, options) => {
    const inputs = await openInputs(files);
    progress.start(
      inputs.reduce((sum, { ops }) => sum + 2 * ops, 0),
      inputs[0]!.label,
    );
    const all: Shown[] = [];
    let done = 0;
    for (const { source, ops, label } of inputs) {
      progress.describe(label);
      const usage = await usageOf(
        () => openTrace(source),
        (read) => progress.update(done + read),
      );
      all.push({ trace: source.file, usage, options });
      done += 2 * ops;
    }
    progress.stop();
    print(
      options.json
        ? all.map((each) => `${JSON.stringify(jsonOf(each))}\n`).join("")
        : all.map((each) => textOf(each, terminal())).join("\n"),
    );
  };
}

function leaksText(shown: Shown, terminal: Terminal): string {
  const { usage, trace } = shown;
  const { blocks, bytes: all, bySite } = usage.end;
  const never =
    blocks === 0
      ? `every block was freed, of ${plural(usage.allocations, "allocation")}`
      : `${bytes(all)} in ${plural(blocks, "block")} never freed, of ${plural(usage.allocations, "allocation")}`;
  const parts = [
    `${terminal.paint.bold(wrap(`${basename(trace)}: ${never}`, terminal.columns))}\n`,
  ];
  for (const each of bySite.slice(0, shown.options.top)) {
    const title = `${bytes(each.bytes)} in ${plural(each.blocks, "block")}`;
    parts.push(`${terminal.paint.bold(title)}\n${stackText(shown, each.site)}`);
  }
  const rest = bySite.slice(shown.options.top);
  if (rest.length > 0) {
    const [more, of] = [rest.reduce((sum, each) => sum + each.bytes, 0), bySite.length];
    const sentence = `${bytes(more)} at ${plural(rest.length, "more call site")}. To list them: --top ${of}`;
    parts.push(`${wrap(sentence, terminal.columns)}\n`);
  }
  return parts.join("\n");
}

/** A line for each frame: the function, and the place of the call. */
function stackText({ usage, options }: Shown, site: number): string {
  const frames = usage.sites.stackOf(site);
  if (frames.length === 0) return "  unknown call site\n";
  const lines = frames.slice(0, options.frames).map((frame) => `  ${frameLine(frame)}\n`);
  const rest = frames.length - lines.length;
  if (rest > 0) lines.push(`  ${plural(rest, "more frame")}\n`);
  return lines.join("");
}

function frameLine({ name, place }: Frame): string {
  return place === "" ? name : `${name}  ${place}`;
}

function statsText(shown: Shown, terminal: Terminal): string {
  const { usage, trace, options } = shown;
  const { peak, end } = usage;
  const time = usage.nanoseconds === 0 ? "" : `, in ${duration(usage.nanoseconds / 1e9)}`;
  const facts: [string, string][] = [
    ["ops", `${count(usage.ops)} of ${plural(usage.threads, "thread")}${time}`],
    [
      "calls",
      `${plural(usage.allocations, "allocation")}, ${plural(usage.reallocations, "reallocation")}, ${plural(usage.frees, "free")}`,
    ],
    [
      "sizes",
      `${bytes(usage.allocatedBytes)} in all, median ${bytes(usage.medianSize)}, largest ${bytes(usage.largestSize)}`,
    ],
    [
      "peak",
      `${bytes(peak.bytes)} in ${plural(peak.blocks, "block")}, after op ${count(usage.peakOp)}`,
    ],
    ["never freed", `${bytes(end.bytes)} in ${plural(end.blocks, "block")}`],
    ["call sites", usage.sites.count === 0 ? "none in this trace" : count(usage.sites.count)],
  ];
  const width = Math.max(...facts.map(([name]) => name.length));
  const indent = " ".repeat(width + 2);
  const lines = facts
    .map(([name, text]) => {
      const wrapped = wrap(text, terminal.columns - width - 2).replaceAll("\n", `\n${indent}`);
      return `${name.padEnd(width)}  ${wrapped}\n`;
    })
    .join("");
  const parts = [`${terminal.paint.bold(basename(trace))}\n${lines}`];
  if (usage.sites.count > 0) {
    parts.push(
      sitesTable("At the peak", "blocks", peak.bySite, peak.bytes, shown, terminal),
      sitesTable("Allocated in all", "calls", usage.calls, usage.allocatedBytes, shown, terminal),
    );
  }
  const long = Math.max(peak.bySite.length, usage.calls.length) > options.top;
  if (long) {
    const note = "For more call sites: --top N. For their stacks: --json.";
    parts.push(`${wrap(note, terminal.columns)}\n`);
  }
  return parts.join("\n");
}

function sitesTable(
  title: string,
  unit: string,
  bySite: readonly SiteBlocks[],
  all: number,
  { usage, options }: Shown,
  terminal: Terminal,
): string {
  const columns = [
    { title: "bytes", align: "right" },
    { title: "share", align: "right" },
    { title: unit, align: "right" },
    { title: "call site", align: "left", role: "label" },
  ] as const;
  const rows = bySite.slice(0, options.top).map((each) => {
    const name = callers(
      usage.sites.stackOf(each.site),
      Math.max(16, terminal.columns - FIGURES_WIDTH),
    );
    const share = percent(all === 0 ? 0 : each.bytes / all);
    return { label: name, cells: [bytes(each.bytes), share, count(each.blocks), name] };
  });
  return `${terminal.paint.bold(title)}\n${table(columns, rows, terminal)}`;
}

/** Characters of the other columns of a table of call sites. */
const FIGURES_WIDTH = 34;

/** The innermost functions, as many as have room: `inner < outer < main`. */
function callers(frames: readonly Frame[], room: number): string {
  if (frames.length === 0) return "unknown";
  let text = frames[0]!.name;
  for (let i = 1; i < frames.length; i += 1) {
    const { name } = frames[i]!;
    if (name === frames[i - 1]!.name) continue;
    if (text.length + name.length + 3 > room) break;
    text += ` < ${name}`;
  }
  return text.length > room ? `${text.slice(0, room - 3)}...` : text;
}

function stackJson({ usage }: Shown, site: number): object[] {
  return usage.sites.stackOf(site).map(({ name, place }) => ({ function: name, place }));
}

function sitesJson(shown: Shown, bySite: readonly SiteBlocks[]): object[] {
  return bySite.slice(0, shown.options.top).map(({ site, blocks, bytes: sum }) => ({
    blocks,
    bytes: sum,
    stack: stackJson(shown, site),
  }));
}

function leaksJson(shown: Shown): object {
  const { end, allocations } = shown.usage;
  return {
    version: JSON_VERSION,
    trace: shown.trace,
    allocations,
    blocks: end.blocks,
    bytes: end.bytes,
    callSites: end.bySite.length,
    sites: sitesJson(shown, end.bySite),
  };
}

function statsJson(shown: Shown): object {
  const { usage, trace } = shown;
  return {
    version: JSON_VERSION,
    trace,
    ops: usage.ops,
    threads: usage.threads,
    nanoseconds: usage.nanoseconds,
    allocations: usage.allocations,
    reallocations: usage.reallocations,
    frees: usage.frees,
    allocatedBytes: usage.allocatedBytes,
    medianSize: usage.medianSize,
    largestSize: usage.largestSize,
    peakBytes: usage.peak.bytes,
    peakBlocks: usage.peak.blocks,
    peakAtOp: usage.peakOp,
    endBytes: usage.end.bytes,
    endBlocks: usage.end.blocks,
    callSites: usage.sites.count,
    peakSites: sitesJson(shown, usage.peak.bySite),
    allocatedSites: sitesJson(shown, usage.calls),
  };
}
