/**
 * npm run test:runtimes: tests the packed package, installed in an empty folder, in every runtime. Bundles it with every bundler,
 * and checks its typings with every module resolution. With --record, docs/runtimes.md gets the tables.
 */

import { join } from "node:path";
import { Argument, program } from "commander";
import { markdown, type Table } from "../../tools/docs/markdown.ts";
import { recordTables } from "../../tools/docs/recorded.ts";
import { Browser } from "./browser.ts";
import { type Bundle, bundle, BUNDLERS, EXPECTED } from "./bundlers.ts";
import { commandPlaces, pages, type Start } from "./places.ts";
import { makeProject } from "./project.ts";
import type { Report } from "./suite/main.ts";
import { bun, chromium, deno, fetchTools, isFetched, node, OUT, type Tool } from "./tools.ts";
import { checkTypings, RESOLUTIONS } from "./typings.ts";

const RUNTIMES: Readonly<Record<string, () => Promise<Tool>>> = {
  node20: () => node(20),
  node22: () => node(22),
  node24: () => node(24),
  node26: () => node(26),
  bun,
  deno,
  chromium,
};
const CHOICES = [...Object.keys(RUNTIMES), ...BUNDLERS, "types"];

program
  .name("npm run test:runtimes --")
  .description("Runs the packed package in every runtime, bundles it, checks its typings.")
  .addArgument(new Argument("[what...]", "only these").choices(CHOICES).default(CHOICES, "all"))
  .option("--record", "record the tables of a whole run, for docs/runtimes.md")
  .addHelpText("after", "\nSEED=1234 in the environment runs the same random program again.")
  .parse();
const [only] = program.processedArgs as [string[]];
const isWanted = (name: string): boolean => only.includes(name);
const { record } = program.opts<{ record?: boolean }>();
if (record && only.length < CHOICES.length) program.error("--record needs a run of everything");
const tables: Record<string, Table> = {};

const { SEED } = process.env;
const seed = Number(SEED ?? Math.floor(Math.random() * 2 ** 31));
if (!Number.isInteger(seed)) program.error(`SEED is "${SEED}": expected a whole number`);
const failures: string[] = [];
/** What was left out, and what to do about it. */
const leftOut: string[] = [];

const tell = (text: string): void => void process.stderr.write(`${text}\n`);

/** Returns what `work` returns; undefined if it fails, which is noted. */
async function attempt<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
  tell(name);
  try {
    return await work();
  } catch (error) {
    failures.push(`${name}\n${(error as Error).message}`);
    return undefined;
  }
}

const trouble = await fetchTools(tell);
if (trouble !== undefined) leftOut.push(trouble);
tell("packing the package, installing it in an empty folder");
const project = await makeProject(join(OUT, "project"));

// Runtimes ----------------------------------------------------------------------------------------------------------------

/** Where the suite ran; without a report where it came to no end. */
interface Ran {
  readonly runtime: string;
  readonly version: string;
  readonly place: string;
  readonly report: Report | undefined;
  readonly seconds: number;
}

async function ranIn(runtime: string, version: string, at: Start): Promise<Ran> {
  const name = `${runtime} ${version}, ${at.name}`;
  const began = performance.now();
  const report = await attempt(name, () => at.start({ ...at.has, seed }));
  const seconds = (performance.now() - began) / 1000;
  for (const { check, message } of report?.failed ?? []) {
    failures.push(`${name}: ${check}\n${message}`);
  }
  return { runtime, version, place: at.name, report, seconds };
}

const ran: Ran[] = [];
let browser: Browser | undefined;
for (const name of Object.keys(RUNTIMES).filter(isWanted)) {
  const [, kind, major = "–"] = /^(\D+)(\d+)?$/.exec(name)!;
  const runtime = kind![0]!.toUpperCase() + kind!.slice(1);
  const tool = await RUNTIMES[name]!();
  if ("missing" in tool) {
    leftOut.push(`${name}: ${tool.missing}`);
    ran.push({ runtime, version: major, place: "left out", report: undefined, seconds: 0 });
    continue;
  }
  if (name === "chromium") browser = await Browser.start(tool, project);
  const starts = browser ? pages(browser) : commandPlaces(name, tool, project);
  for (const start of starts) ran.push(await ranIn(runtime, tool.version, start));
}

const reports = ran.flatMap(({ report }) => report ?? []);
const hashes = new Set(reports.flatMap(({ pointers }) => pointers || []));
if (hashes.size > 1) {
  failures.push(`the pointers of random program ${seed} are not the same everywhere`);
}

// Bundlers ----------------------------------------------------------------------------------------------------------------

const bundles: Bundle[] = [];
for (const bundler of BUNDLERS.filter(isWanted)) {
  if (!isFetched(bundler)) {
    leftOut.push(`${bundler}: it was not fetched`);
    continue;
  }
  for (const entry of project.entries) {
    const name = `${bundler}, the README's example from ${entry}`;
    const made = await attempt(name, () => bundle(project, bundler, entry));
    if (made) bundles.push(made);
  }
}
if (browser && bundles.length > 0) {
  const addresses = bundles.map(({ address }) => address);
  const results = await attempt("the bundles in a page", () =>
    browser!.open("bundles", { bundles: addresses }),
  );
  for (const [address, result] of Object.entries(results ?? {})) {
    const found = JSON.stringify(result);
    if (found !== EXPECTED)
      failures.push(`${address} in a page\nanswered ${found}, not ${EXPECTED}`);
  }
}
browser?.stop();

// Typings -----------------------------------------------------------------------------------------------------------------

const typed: string[] = [];
for (const resolution of isWanted("types") ? RESOLUTIONS : []) {
  const name = `tsc, the README's example, moduleResolution ${resolution}`;
  if (await attempt(name, () => checkTypings(project, resolution))) typed.push(resolution);
}

// What came of it ---------------------------------------------------------------------------------------------------------

const kib = (bytes: number): string => (bytes / 1024).toFixed(1);
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

if (ran.length > 0) {
  const rows = ran.map(({ runtime, version, place, report, seconds }) => [
    runtime,
    version,
    place,
    ...project.entries.map((entry) => report?.picked[entry] ?? "–"),
    ...[report?.passed, report?.failed.length, report?.skipped.length].map((n) => `${n ?? "–"}`),
    seconds.toFixed(1),
  ]);
  const entries = project.entries.map((entry) => entry.replace("heapwright/", "/"));
  const head = ["runtime", "version", "place", ...entries, "passed", "failed", "skipped", "s"];
  tables["runtimes"] = { head, rows };
  console.log(`\n${markdown(tables["runtimes"])}`);
  console.log(
    `\nSEED=${seed}: the pointers of its random program hash to ${[...hashes].join(", ")}.`,
  );
}
for (const { runtime, version, place, report } of ran) {
  const reasons = new Set(report?.skipped.map(({ why }) => why));
  if (reasons.size > 0) console.log(`${runtime} ${version}, ${place}: ${[...reasons].join("; ")}`);
}
if (bundles.length > 0) {
  const rows = bundles.map(({ bundler, version, entry, bytes, gzipped }) => [
    bundler,
    version,
    entry,
    kib(bytes),
    kib(gzipped),
  ]);
  const head = ["bundler", "version", "README's example from", "KiB", "KiB gzipped"];
  tables["bundles"] = { head, rows };
  console.log(`\n${markdown(tables["bundles"])}`);
}
if (typed.length > 0) {
  console.log(`\nThe README's example compiles with moduleResolution ${typed.join(", ")}.`);
}
if (record && failures.length === 0) {
  recordTables("runtimes", tables);
  console.log("\nThe tables are recorded. Run npm run docs:figures.");
}
for (const why of leftOut) console.log(`\nLEFT OUT ${why}`);
for (const failure of failures) console.error(`\nFAILED ${failure}`);

const passed = sum(reports.map((report) => report.passed)) + bundles.length + typed.length;
const skipped = sum(reports.map((report) => report.skipped.length)) + leftOut.length;
console.log(`\n${passed} passed, ${failures.length} failed, ${skipped} skipped`);
process.exitCode = failures.length > 0 ? 1 : 0;
