/** `heapwright compare`: which settings suit a program. */

import { Option, type Command } from "commander";

import type { Context } from "./context.ts";
import { countVisits, estimateSearch } from "./estimate.ts";
import { addMoreHelp } from "./help.ts";
import {
  ENGINES,
  FITS,
  TRACE_HELP,
  addMemoryOptions,
  addSettingLists,
  combinationsOf,
  heapOf,
  listOf,
  oneOf,
  optionTexts,
  parseTraces,
  type EngineName,
  type FitName,
  type MemoryName,
  type OptionName,
  type Setting,
  type SettingLists,
} from "./options.ts";
import type { Progress } from "./progress.ts";
import { bytes, count, duration, percent, plural, table, wrap, type Column } from "./report.ts";
import {
  failureSentences,
  JSON_VERSION,
  REPLAYS,
  rounded,
  run,
  runFigures,
  settingFigures,
  type Run,
} from "./run.ts";
import type { Terminal } from "./terminal.ts";
import { openInputs, type Input } from "./traces.ts";

interface CompareOptions extends SettingLists {
  readonly engine: EngineName[];
  readonly memory: MemoryName;
  readonly limit?: number;
  readonly json?: true;
}

/** The runs of one setting, one for each trace, and their figures together. */
export interface Contender {
  /** Its engine is the one that ran. */
  readonly setting: Setting;
  readonly runs: readonly Run[];
  readonly failures: number;
  /** The mean of the traces. */
  readonly utilisation: number;
  /** Over all ops of all traces. */
  readonly nsPerOp: number;
  /** Sums over the traces. */
  readonly peakHeapBytes: number;
  readonly breakMoves: number;
}

/** Where a setting stands among the others. Settings with failures do not compete. */
export interface Standing {
  /** On the Pareto front: no other setting is better in memory or time without being worse in the other. */
  readonly onFront: boolean;
  readonly leastMemory: boolean;
  readonly leastTime: boolean;
}

const HELP = {
  examples: [
    "heapwright compare program.rep.gz",
    "heapwright compare *.rep --fit best --margin 0,64K,1M,auto",
    "heapwright compare program.rep --engine wasm,js --small 0,512 --json",
  ],
  lists: {
    "The table": {
      "*": "no other setting is better in memory or in time without being worse in the other",
      utilisation: "the measure of memory: the mean of the traces, as in replay",
      "ns/op": "the measure of time: over all operations, in a warm heap, as in replay",
      footprint: "sum over the traces",
      "break moves": "sum over the traces",
      failures:
        "sum over the traces. Settings with failures come last; the column is left out if there are none",
    },
  },
  paragraphs: [
    "Separate the values of a list by commas. Every trace is replayed with every combination of the values. Settings without a * come after those with one.",
    "First and next fit look through the blocks one by one. If that will take minutes, a warning says so at the beginning.",
    ...TRACE_HELP,
  ],
};

export function compareCommand(command: Command, context: Context): void {
  const { progress, terminal, print, fail } = context;
  command
    .description("replay traces with several settings of the heap, and show which are best")
    .argument("<trace...>", "traces: .rep, .rep.gz, or - for standard input", parseTraces)
    .addOption(
      new Option("--engine <list>", "engines: wasm, js, auto")
        .argParser(listOf(oneOf(ENGINES)))
        .default(["auto"], "auto"),
    );
  addSettingLists(command, FITS, "all");
  addMemoryOptions(command).option(
    "--json",
    "print one JSON object per setting, one per line, in the order of the table",
  );
  addMoreHelp(command, HELP).action(async (files: string[], options: CompareOptions) => {
    const settings = settingsOf(options);
    const inputs = await openInputs(files);
    const work = await estimateWork(inputs, settings, context);
    const runs = await runAll(inputs, settings, work, progress);
    const ranked = rank(settings.map((setting, at) => contender(setting, runs[at]!)));
    print(options.json ? jsonReport(ranked) : compareReport(ranked, terminal()));
    fail(
      failureSentences(
        ranked.flatMap((each) => each.runs),
        nameOf,
      ),
    );
  });
}

/** Every combination of the values. `auto` becomes the engine that it selects, so that none is listed twice. */
function settingsOf(options: CompareOptions): Setting[] {
  const { memory, limit } = options;
  const plain = { fit: "best", margin: "auto", small: "auto", memory, limit } as const;
  const engines = new Set(options.engine.map((engine) => heapOf({ ...plain, engine }).engine));
  return [...engines].flatMap((engine) =>
    combinationsOf(options).map((combination) => ({ engine, ...combination, memory, limit })),
  );
}

// How long it takes -------------------------------------------------------------------------------------------------------

/** Seconds to read an op from a trace and replay it, without a search. Only the proportions matter. */
const SECONDS_PER_OP = 300e-9;

/** Seconds after which a policy deserves a warning. */
const SLOW = 60;

/**
 * Seconds that each setting takes for each trace, `work[setting][trace]`. Warns about policies that take minutes.
 *
 * Best fit is not sampled: its time depends on the number of ops only.
 */
async function estimateWork(
  inputs: readonly Input[],
  settings: readonly Setting[],
  { progress, warn }: Context,
): Promise<number[][]> {
  const work = settings.map(() => inputs.map(({ ops }) => REPLAYS * ops * SECONDS_PER_OP));
  // Settings that differ in the margin only take about the same time.
  const keyOf = ({ engine, fit, small }: Setting): string => `${engine} ${fit} ${small}`;
  const searching = settings.filter(({ fit }) => fit !== "best");
  const kinds = new Map(searching.map((setting) => [keyOf(setting), setting]));
  if (kinds.size === 0) return work;
  const task = (input: Input, { fit }: Setting): string => `${input.label}, a sample of ${fit} fit`;
  progress.start(kinds.size * inputs.length, task(inputs[0]!, searching[0]!));
  let done = 0;
  for (const [at, input] of inputs.entries()) {
    const visits = await countVisits(input);
    for (const [key, kind] of kinds) {
      progress.describe(task(input, kind));
      const seconds = await estimateSearch(input, kind, visits);
      for (const [each, setting] of settings.entries()) {
        if (keyOf(setting) === key) work[each]![at]! += REPLAYS * seconds;
      }
      progress.update((done += 1));
    }
  }
  progress.stop();
  const warning = slowWarning(settings, work);
  if (warning !== undefined) warn(warning);
  return work;
}

/** What to say about policies that take minutes, if any does. */
export function slowWarning(
  settings: readonly Pick<Setting, "fit">[],
  work: readonly (readonly number[])[],
): string | undefined {
  const seconds = new Map<FitName, number>();
  for (const [at, { fit }] of settings.entries()) {
    if (fit === "best") continue;
    const sum = work[at]!.reduce((total, each) => total + each, 0);
    seconds.set(fit, (seconds.get(fit) ?? 0) + sum);
  }
  const slow = [...seconds].filter(([, time]) => time > SLOW);
  if (slow.length === 0) return undefined;
  const times = slow.map(([fit, time], at) => {
    const verb = at === 0 ? " will take" : "";
    return `${fit} fit${verb} about ${duration(time)}`;
  });
  const others = [...new Set(settings.map(({ fit }) => fit))].filter((fit) =>
    slow.every(([each]) => each !== fit),
  );
  const [it, looks] = slow.length === 1 ? ["it", "it looks"] : ["them", "they look"];
  const advice =
    others.length === 0
      ? "Best fit is faster: --fit best"
      : `To leave ${it} out: --fit ${others.join(",")}`;
  return `${times.join(", ")}: ${looks} through the blocks one by one. ${advice}`;
}

async function runAll(
  inputs: readonly Input[],
  settings: readonly Setting[],
  work: readonly (readonly number[])[],
  progress: Progress,
): Promise<Run[][]> {
  const runs = settings.map((): Run[] => []);
  const names = varyingTexts(settings);
  const task = (input: Input, each: number): string =>
    [input.label, ...names.map((texts) => texts[each])].join(", ");
  const total = work.flat().reduce((sum, each) => sum + each, 0);
  progress.start(total, task(inputs[0]!, 0));
  let done = 0;
  for (const [at, input] of inputs.entries()) {
    for (const [each, setting] of settings.entries()) {
      progress.describe(task(input, each));
      const share = work[each]![at]!;
      runs[each]!.push(await run(input, setting, (part) => progress.update(done + part * share)));
      done += share;
    }
  }
  progress.stop();
  return runs;
}

// Which are best ----------------------------------------------------------------------------------------------------------

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

/**
 * Where each setting stands, in the order of the table: the Pareto front, the others, those with failures; within each, by
 * memory, then by time. Figures are compared as the table shows them.
 */
export function rank<Figures extends Pick<Contender, "failures" | "utilisation" | "nsPerOp">>(
  contenders: readonly Figures[],
): (Figures & Standing)[] {
  const use = ({ utilisation }: Figures): number => Math.round(1000 * utilisation);
  const time = ({ nsPerOp }: Figures): number => Math.round(10 * nsPerOp);
  const beats = (a: Figures, b: Figures): boolean =>
    use(a) >= use(b) && time(a) <= time(b) && (use(a) > use(b) || time(a) < time(b));
  const competing = contenders.filter(({ failures }) => failures === 0);
  const front = competing.filter((each) => !competing.some((other) => beats(other, each)));
  const mostUse = Math.max(...front.map(use));
  const leastTime = Math.min(...front.map(time));
  const place = (each: Figures): number => (each.failures > 0 ? 2 : front.includes(each) ? 0 : 1);
  return contenders
    .toSorted((a, b) => place(a) - place(b) || use(b) - use(a) || time(a) - time(b))
    .map((each) => ({
      ...each,
      onFront: front.includes(each),
      leastMemory: front.includes(each) && use(each) === mostUse,
      leastTime: front.includes(each) && time(each) === leastTime,
    }));
}

// Reports -----------------------------------------------------------------------------------------------------------------

/** A run's trace with its setting. */
function nameOf({ trace, engine, setting }: Run): string {
  const { engine: ran, fit, margin, small } = optionTexts({ ...setting, engine });
  return `${trace} (${[ran, fit, margin, small].join(", ")})`;
}

function jsonReport(ranked: readonly (Contender & Standing)[]): string {
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

/** The options whose values differ, each with its text for each setting: `["fit best", "fit first"]`. */
function varyingTexts(settings: readonly Setting[]): string[][] {
  return namesOf(settings, true).map((name) => settings.map((each) => optionTexts(each)[name]!));
}

/** The options whose values differ among the settings, or do not. */
function namesOf(settings: readonly Setting[], differ: boolean): OptionName[] {
  const texts = settings.map(optionTexts);
  const names = Object.keys(texts[0]!) as OptionName[];
  return names.filter((name) => texts.some((each) => each[name] !== texts[0]![name]) === differ);
}

/** The report for people: what all settings share, a table with a row for each setting, and the best of them. */
export function compareReport(
  ranked: readonly (Contender & Standing)[],
  terminal: Terminal,
): string {
  const settings = ranked.map(({ setting }) => setting);
  const varying = namesOf(settings, true);
  const shared = namesOf(settings, false).map((name) => optionTexts(settings[0]!)[name]);
  const labelOf = ({ setting }: Contender): string =>
    (varying.length === 0 ? namesOf(settings, false) : varying)
      .map((name) => optionTexts(setting)[name])
      .join(", ");
  const failed = ranked.some(({ failures }) => failures > 0);
  const columns: Column[] = [
    { title: "", align: "left", role: "label" },
    ...varying.map((title) => ({ title, align: "left", role: "label" }) as const),
    { title: "utilisation", align: "right" },
    { title: "ns/op", align: "right" },
    { title: "footprint", align: "right" },
    { title: "break moves", align: "right", role: "optional" },
    ...(failed ? [{ title: "failures", align: "right" } as const] : []),
  ];
  const rows = ranked.map((each) => {
    const mark = each.onFront ? "*" : "";
    const cells = [
      mark,
      ...varying.map((name) => optionTexts(each.setting)[name]!.slice(name.length + 1)),
      percent(each.utilisation),
      each.nsPerOp.toFixed(1),
      bytes(each.peakHeapBytes),
      count(each.breakMoves),
      each.failures === 0 ? "0" : terminal.paint.red(count(each.failures)),
    ];
    return { label: `${labelOf(each)} ${mark}`.trimEnd(), cells: cells.slice(0, columns.length) };
  });
  const { runs } = ranked[0]!;
  const ops = runs.reduce((sum, each) => sum + each.ops, 0);
  const head = [
    wrap(shared.join(", "), terminal.columns),
    wrap(`${plural(runs.length, "trace")}, ${plural(ops, "op")}`, terminal.columns),
  ];
  const foot = summary(ranked, labelOf).map((line) => `${wrap(line, terminal.columns)}\n`);
  return `${head.join("\n")}\n\n${table(columns, rows, terminal)}\n${foot.join("")}`;
}

/** The best settings, and what the mark means. */
function summary(
  ranked: readonly (Contender & Standing)[],
  labelOf: (each: Contender) => string,
): string[] {
  const line = (title: string, best: (Contender & Standing) | undefined): string =>
    `${title}: ${labelOf(best!)} (utilisation ${percent(best!.utilisation)}, ${best!.nsPerOp.toFixed(1)} ns/op)`;
  const [memory] = ranked.filter(({ leastMemory }) => leastMemory);
  const [time] = ranked.filter(({ leastTime }) => leastTime);
  if (memory === undefined) return ["Every setting had failures, so none is best."];
  if (ranked.length === 1) return [];
  if (memory === time) return [line("Least memory and least time", memory)];
  return [
    line("Least memory", memory),
    line("Least time", time),
    "*: no setting that needs less memory is as fast, and no faster one needs as little memory.",
  ];
}
