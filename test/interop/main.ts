// Tests programs in other languages on the heap: npm run test:interop [-- NAME…]
//
// Builds each case of test/interop/*/case.ts, runs its programs in turn, compares their outputs, and reports time and memory.
// Reports which cases were skipped, and why. The exit status is 1 if a program does not build, traps or prints something else.

import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { bytes, table } from "../../cli/report.ts";
import { terminalOf } from "../../cli/terminal.ts";
import { recordTables } from "../../tools/docs/recorded.ts";
import type { Case } from "./case.ts";
import { Kit } from "./kit.ts";
import { type Outcome, Runnable } from "./run.ts";
import { Missing, missing } from "./tools.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const ROUNDS = 11;

interface Row {
  readonly name: string;
  readonly title: string;
  readonly allocator: string;
  readonly best: Outcome;
  readonly reference: Outcome;
  /** Bytes of the module, and of the heap if that is linked at run time. */
  readonly size: number;
  readonly referenceSize: number;
}

const rows: Row[] = [];
const skipped: string[] = [];
const failed: string[] = [];

const known = readdirSync(HERE)
  .filter((name) => existsSync(`${HERE}${name}/case.ts`))
  .toSorted();
const { values: options, positionals: wanted } = parseArgs({
  options: { help: { type: "boolean", short: "h" }, record: { type: "boolean" } },
  allowPositionals: true,
});
if (options.help) {
  console.log(`Usage: npm run test:interop [-- [--record] NAME…]

Builds programs in other languages, each with its own allocator and with heapwright.
Compares their outputs, and reports time and memory. Programs whose tools are missing
are skipped. Without a name, all programs run, which takes minutes.

  --record    record the tables for docs/interop.md

Names: ${known.join(", ")}`);
  process.exit();
}
for (const name of wanted) {
  if (known.includes(name)) continue;
  process.stderr.write(`interop: unknown program ${name}: expected ${known.join(", ")}\n`);
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
        name,
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

/** Runs the programs in turn, as often as the case says. Returns the fastest run of each. Throws if outputs differ. */
function compare(name: string, each: Case, programs: readonly Runnable[]): Row[] {
  const best: Outcome[] = [];
  let expected = each.output;
  for (let round = 0; round < (each.rounds ?? ROUNDS); round++) {
    // Every other round in reverse order, since a program affects the caches and the garbage of the next.
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
  const sizes = programs.map(
    ({ program: { binary, heap } }) => binary.length + (heap?.length ?? 0),
  );
  return programs.map(({ program: { allocator } }, index) => ({
    name,
    title: each.title,
    allocator,
    best: best[index]!,
    reference: best[0]!,
    size: sizes[index]!,
    referenceSize: sizes[0]!,
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
  const texts = ["program", "allocator"].map((title) => ({ title, align: "left" }) as const);
  const numbers = ["ms", "touched", "memory", "size"]
    .flatMap((each) => [each, "ratio"])
    .map((title) => ({ title, align: "right" }) as const);
  const lines = rows.map(({ title, allocator, best, reference, size, referenceSize }) => ({
    label: title,
    cells: [
      best === reference ? title : "",
      allocator,
      best.time.toFixed(1),
      ratio(best.time, reference.time),
      bytes(best.touched),
      ratio(best.touched, reference.touched),
      bytes(best.memory),
      ratio(best.memory, reference.memory),
      bytes(size),
      ratio(size, referenceSize),
    ],
  }));
  const { version, platform, arch } = process;
  console.log(`Node ${version}, ${platform} ${arch}; the outputs of a program's rows are equal\n`);
  const columns = [...texts, ...numbers];
  const terminal = { ...terminalOf(process.stdout, process.env), columns: Infinity };
  if (lines.length > 0) console.log(table(columns, lines, terminal));
  if (options.record && rows.length > 0) {
    const names = [...new Set(rows.map(({ name }) => name))];
    const tables = names.map((name) => [
      name,
      {
        head: columns.map(({ title }) => title),
        rows: lines.filter((_, i) => rows[i]!.name === name).map(({ cells }) => cells),
      },
    ]);
    recordTables("interop", Object.fromEntries(tables));
    console.log("The tables are recorded. Run npm run docs:figures.\n");
  }
  for (const line of skipped) console.log(`skipped  ${line}`);
  for (const line of failed) console.log(`failed   ${line}`);
  if (failed.length > 0) process.exitCode = 1;
}
