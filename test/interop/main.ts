// Programs in other languages on the heap: npm run test:interop [-- NAME…]
//
// Builds each case of test/interop/*/case.ts, runs its programs in turn, compares what they print, and reports time and memory.
// Says what was skipped and why. Exit status 1 where a program does not build, traps or prints something else.

import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { bytes, table } from "../../cli/report.ts";
import { terminalOf } from "../../cli/terminal.ts";
import type { Case } from "./case.ts";
import { Kit } from "./kit.ts";
import { type Outcome, Runnable } from "./run.ts";
import { Missing, missing } from "./tools.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const ROUNDS = 11;

interface Row {
  readonly title: string;
  readonly allocator: string;
  readonly best: Outcome;
  readonly reference: Outcome;
}

const rows: Row[] = [];
const skipped: string[] = [];
const failed: string[] = [];

const known = readdirSync(HERE)
  .filter((name) => existsSync(`${HERE}${name}/case.ts`))
  .toSorted();
const wanted = process.argv.slice(2);
if (wanted.some((name) => name === "--help" || name === "-h")) {
  console.log(`Usage: npm run test:interop [-- NAME…]

Builds programs in other languages, each with its own allocator and with the heap,
compares what they print, and reports time and memory. Those whose tools are
missing are skipped; without a name, all are run, which takes minutes.

Names: ${known.join(", ")}`);
  process.exit();
}
for (const name of wanted) {
  if (known.includes(name)) continue;
  process.stderr.write(`interop: there is no case ${name}; there are ${known.join(", ")}\n`);
  process.exit(2);
}

for (const name of wanted.length > 0 ? wanted : known) {
  const each = ((await import(`./${name}/case.ts`)) as { default: Case }).default;
  const lacking = missing(each.needs);
  if (lacking !== undefined) {
    skipped.push(`${each.title}: ${lacking}`);
    continue;
  }
  try {
    process.stderr.write(`${each.title}: building\n`);
    const programs = await each.build(new Kit(name));
    process.stderr.write(`${each.title}: running\n`);
    rows.push(
      ...compare(
        each,
        programs.map((program) => new Runnable(program, each)),
      ),
    );
  } catch (error) {
    if (error instanceof Missing) skipped.push(`${each.title}: ${error.message}`);
    else failed.push(`${each.title}: ${(error as Error).message}`);
  }
}

report();

/** Runs the programs in turn, as often as the case asks; each one's fastest run. Throws where outputs differ. */
function compare(each: Case, programs: readonly Runnable[]): Row[] {
  const best: Outcome[] = [];
  let expected = each.output;
  for (let round = 0; round < (each.rounds ?? ROUNDS); round++) {
    // Each round the other way round: what runs behind another finds its caches and its garbage.
    const order = round % 2 === 0 ? [...programs.keys()] : [...programs.keys()].toReversed();
    for (const index of order) {
      const runnable = programs[index]!;
      const { allocator } = runnable.program;
      const outcome = run(runnable);
      expected ??= outcome.output;
      if (outcome.output !== expected) {
        throw new Error(
          `on ${allocator} it printed ${JSON.stringify(outcome.output.slice(0, 200))}, expected ${JSON.stringify(expected.slice(0, 200))}`,
        );
      }
      if (best[index] === undefined || outcome.time < best[index].time) best[index] = outcome;
    }
  }
  return programs.map(({ program: { allocator } }, index) => ({
    title: each.title,
    allocator,
    best: best[index]!,
    reference: best[0]!,
  }));
}

function run(runnable: Runnable): Outcome {
  try {
    return runnable.run();
  } catch (error) {
    throw new Error(`on ${runnable.program.allocator}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function report(): void {
  const ratio = (value: number, reference: number): string => (value / reference).toFixed(2);
  const head = ["program", "allocator", "ms", "ratio", "touched", "ratio", "memory", "ratio"];
  const lines = rows.map(({ title, allocator, best, reference }) => [
    best === reference ? title : "",
    allocator,
    best.time.toFixed(1),
    ratio(best.time, reference.time),
    bytes(best.touched),
    ratio(best.touched, reference.touched),
    bytes(best.memory),
    ratio(best.memory, reference.memory),
  ]);
  const { version, platform, arch } = process;
  console.log(`Node ${version}, ${platform} ${arch}; the outputs of a program's rows are equal\n`);
  if (lines.length > 0) console.log(table(head, lines, 2, terminalOf(process.stdout, process.env)));
  for (const line of skipped) console.log(`skipped  ${line}`);
  for (const line of failed) console.log(`failed   ${line}`);
  if (failed.length > 0) process.exitCode = 1;
}
