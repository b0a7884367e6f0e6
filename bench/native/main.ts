// npm run bench:native: the malloc family of libheapwright-malloc.so beside those of the C library, jemalloc, mimalloc and
// tcmalloc. With --record it
// writes results/native.json, from which `npm run docs:figures` makes the tables of docs/native.md.

import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";

import { buildC } from "../../tools/build/c.ts";
import { buildLibraries } from "../../tools/build/native.ts";
import { ownTraces } from "../measure.ts";
import { readTrace } from "../trace.ts";
import { programs, writeInputs } from "./programs.ts";
import type { Result, Results, Row } from "./results.ts";
import { printTables, readResults, RESULTS } from "./tables.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const OUT = join(ROOT, "bench/out/native");
const SECTIONS = ["traces", "programs", "threads"] as const;
const PATTERNS = ["local", "larson", "exchange", "hand", "sweep"] as const;

/** The allocators other than ours: the library that is preloaded, and Debian's package. */
const PEERS = [
  { name: "glibc", library: "-", package: "libc6" },
  { name: "jemalloc", library: "libjemalloc.so.2", package: "libjemalloc2" },
  { name: "mimalloc", library: "libmimalloc.so.2", package: "libmimalloc2.0" },
  { name: "tcmalloc", library: "libtcmalloc_minimal.so.4", package: "libtcmalloc-minimal4" },
];
const OURS = "heapwright";

interface Allocator {
  readonly name: string;
  /** The library to preload; "-" for none. */
  readonly library: string;
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

function least(row: Row, measured: Row): void {
  for (const [figure, value] of Object.entries(measured))
    row[figure] = Math.min(row[figure] ?? Infinity, value);
}

/** Runs each allocator by turns, so that what else the machine does meets all of them alike. */
function inTurns(
  name: string,
  allocators: readonly Allocator[],
  rounds: number,
  measure: (allocator: Allocator) => Row | undefined,
): Result {
  const rows: Record<string, Row> = {};
  for (let round = 0; round < rounds; round++) {
    for (const allocator of allocators) {
      const measured = measure(allocator);
      if (measured !== undefined) least((rows[allocator.name] ??= {}), measured);
    }
  }
  return { name, rows };
}

const run = (args: readonly string[]): string =>
  execFileSync(args[0]!, args.slice(1), { cwd: ROOT, encoding: "utf8" });

/** Runs a C program of this folder with a library preloaded; its output is a row, undefined if it fails. */
function row(allocator: Allocator, args: readonly string[]): Row | undefined {
  const { LD_PRELOAD: _, ...env } = process.env;
  if (allocator.library !== "-") env["LD_PRELOAD"] = allocator.library;
  const { status, stdout, stderr } = spawnSync(args[0]!, args.slice(1), { env, encoding: "utf8" });
  if (status === 0) return JSON.parse(stdout) as Row;
  note(`${allocator.name}: ${args.join(" ")} failed: ${stderr}`);
  return undefined;
}

async function measureTraces(
  paths: readonly string[],
  allocators: readonly Allocator[],
  rounds: number,
): Promise<Result[]> {
  const results: Result[] = [];
  const floor = { name: "floor", library: join(OUT, "floor.so") };
  for (const path of paths) {
    const { name, ops, count, ids } = await readTrace(path);
    note(`${name}: ${count} operations`);
    const file = join(OUT, "trace.bin");
    writeFileSync(file, new Uint8Array(ops.buffer, ops.byteOffset, ops.byteLength));
    const replays = String(Math.max(3, Math.ceil(1_000_000 / count)));
    const args = [join(OUT, "replay"), file, String(count), String(ids), replays];
    const { rows } = inTurns(name, [...allocators, floor], rounds, (each) => row(each, args));
    const { floor: harness, ...others } = rows;
    results.push({ name, rows: others, floor: harness! });
  }
  return results;
}

const exists = (command: string): boolean =>
  spawnSync("which", [command]).status === 0 || existsSync(command);

function measurePrograms(
  only: readonly string[],
  allocators: readonly Allocator[],
  rounds: number,
): Result[] {
  const folder = join(OUT, "inputs");
  writeInputs(folder);
  const result = join(OUT, "usage.txt");
  const results: Result[] = [];
  for (const { name, needs, command } of programs(folder, ROOT)) {
    if (only.length > 0 && !only.includes(name)) continue;
    const missing = needs.filter((each) => !exists(each));
    if (missing.length > 0) {
      note(`${name}: skipped, without ${missing.join(", ")}`);
      continue;
    }
    note(name);
    let expected: string | undefined;
    results.push(
      inTurns(name, allocators, rounds, (allocator) => {
        const args = [result, allocator.library, ...command];
        const { status, stdout, stderr } = spawnSync(join(OUT, "run"), args, {
          cwd: folder,
          maxBuffer: 2 ** 30,
        });
        const output = `${status} ${createHash("sha1").update(stdout).digest("hex")}`;
        expected ??= output;
        if (status !== 0 || output !== expected) {
          note(`  ${allocator.name}: status ${status}, output differs or failed: ${stderr}`);
          return undefined;
        }
        const [cpu, peak] = readFileSync(result, "utf8").split(" ").map(Number);
        return { cpu: cpu!, peak: peak! * 1024 };
      }),
    );
  }
  return results;
}

function measureThreads(allocators: readonly Allocator[], rounds: number): Result[] {
  const program = join(OUT, "threads");
  return PATTERNS.map((pattern) => {
    note(pattern);
    return inTurns(pattern, allocators, rounds, (allocator) => {
      const two = row(allocator, [program, pattern, "2", "2000000"]);
      const one = pattern === "hand" ? {} : row(allocator, [program, pattern, "1", "2000000"]);
      if (two === undefined || one === undefined) return undefined;
      return { ...("ns" in one ? { one: one["ns"]! } : {}), two: two["ns"]! };
    });
  });
}

function version(name: string): string {
  const { stdout } = spawnSync("dpkg-query", ["-W", "-f", "${Version}", name], {
    encoding: "utf8",
  });
  return stdout ?? "";
}

/** The peers that this machine has. */
function present(): readonly Allocator[] {
  const has = PEERS.filter(({ library }) => {
    if (library === "-") return true;
    const env = { ...process.env, LD_PRELOAD: library };
    return spawnSync("true", { env, encoding: "utf8" }).stderr === "";
  });
  const missing = PEERS.filter((each) => !has.includes(each)).map((each) => each.package);
  if (missing.length > 0) note(`skipped; to include them: apt-get install ${missing.join(" ")}`);
  return has;
}

function build(): void {
  mkdirSync(OUT, { recursive: true });
  buildC();
  const compiler = process.env["CC"] ?? "cc";
  buildLibraries(compiler, OUT);
  const options = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-fno-builtin", "-pthread"];
  for (const name of ["replay", "run", "threads"])
    run([compiler, ...options, `bench/native/${name}.c`, "-o", join(OUT, name)]);
  run([
    compiler,
    ...options,
    "-fPIC",
    "-shared",
    "bench/native/floor.c",
    "-o",
    join(OUT, "floor.so"),
  ]);
}

interface Options {
  rounds: string;
  sections: string;
  programs?: string;
  library?: string[];
  record: boolean;
}

const { opts, args: paths } = await new Command("bench:native")
  .argument("[traces...]", "traces in addition to the project's own")
  .option("--rounds <number>", "rounds, of which the best counts", "5")
  .option("--sections <names>", `of ${SECTIONS.join(", ")}`, SECTIONS.join())
  .option("--programs <names>", "these programs alone")
  .option("--library <name=path...>", "other builds to measure beside it, such as old=old.so")
  .option(
    "--record",
    "writes the figures to bench/results/native.json, for npm run docs:figures",
    false,
  )
  .parseAsync()
  .then((command) => ({ opts: command.opts<Options>(), args: command.args }));

if (
  process.platform !== "linux" ||
  spawnSync(process.env["CC"] ?? "cc", ["--version"]).status !== 0
)
  throw new Error("bench:native needs Linux and a C compiler: apt-get install gcc libc6-dev");
build();
const rounds = Number(opts.rounds);
const builds = (opts.library ?? []).map((each): Allocator => {
  const [name, library] = each.split("=");
  return { name: name!, library: library! };
});
const allocators = [
  { name: OURS, library: join(OUT, "libheapwright-malloc.so") },
  ...builds,
  ...present(),
];
const measured: Results = {
  machine: {
    processor: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    date: new Date().toISOString().slice(0, 10),
  },
  versions: Object.fromEntries(PEERS.map((each) => [each.name, version(each.package)])),
};
const sections = opts.sections.split(",");
if (sections.includes("traces"))
  measured.traces = await measureTraces([...ownTraces(), ...paths], allocators, rounds);
if (sections.includes("programs"))
  measured.programs = measurePrograms(opts.programs?.split(",") ?? [], allocators, rounds);
if (sections.includes("threads")) measured.threads = measureThreads(allocators, rounds);
printTables(measured);
if (opts.record) {
  writeFileSync(RESULTS, `${JSON.stringify({ ...readResults(), ...measured }, null, 1)}\n`);
}
