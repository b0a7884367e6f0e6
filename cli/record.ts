/** `heapwright record`: runs a Linux program, and writes a trace of its calls to the C allocator. */

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import { constants, homedir, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

import type { Command } from "commander";

import type { Repairs } from "../trace/recording.ts";
import { CommandFailure, type Context } from "./context.ts";
import { addMoreHelp } from "./help.ts";
import { numberUpTo } from "./options.ts";
import { convertLog, eventsOf } from "./record-log.ts";
import { bytes, plural } from "./report.ts";

interface RecordOptions {
  readonly output: string;
  readonly children?: true;
  readonly depth: number;
}

const SOURCE = fileURLToPath(new URL("../bindings/native/record.c", import.meta.url));

const FLAGS = ["-std=c11", "-O2", "-fPIC", "-shared", "-fno-omit-frame-pointer"];
const LIBRARIES = ["-ldl", "-lpthread"];

const MOST_DEPTH = 256;

const HELP = {
  examples: [
    "heapwright record -o app.rep.gz -- python3 script.py",
    "heapwright record -o make.rep.gz --children -- make -j2",
    "heapwright leaks app.rep.gz",
  ],
  paragraphs: [
    "The trace has every call of the malloc family, with its thread, call stack and time. If the program crashes, the trace ends there. Names of functions and lines come from the program's files; compile with -g for lines.",
    "Needs Linux with glibc, and a C compiler, which builds the recorder once. A program that is linked statically, or has an allocator of its own, has no calls to record.",
    "Exit status: that of the program; 128 and the number of the signal that ended it; 2 if it could not be recorded.",
  ],
};

export function recordCommand(command: Command, { progress, warn, exitWith }: Context): void {
  command
    .description("record the allocations of a Linux program, with their call stacks")
    .usage("[options] -- <program...>")
    .argument("<program...>", "the program to run, and its arguments")
    .requiredOption("-o, --output <file>", "trace to write: .rep, or .rep.gz to gzip it")
    .option("--children", "record child processes too, each into a file of its own")
    .option("--depth <n>", `frames of a call stack to keep, up to ${MOST_DEPTH}`, parseDepth, 64);
  addMoreHelp(command, HELP).action(async (program: string[], options: RecordOptions) => {
    const library = recorder();
    const folder = mkdtempSync(join(tmpdir(), "heapwright-record-"));
    try {
      const status = await run(program, {
        LD_PRELOAD: [library, process.env["LD_PRELOAD"]].filter(Boolean).join(":"),
        HEAPWRIGHT_RECORD: folder,
        HEAPWRIGHT_RECORD_DEPTH: `${options.depth}`,
        HEAPWRIGHT_RECORD_CHILDREN: options.children ? "1" : "0",
      });
      const logs = logsIn(folder, options);
      if (logs.length === 0) {
        throw new CommandFailure(
          `${program[0]}: no call was recorded. Is it linked statically, or does it have privileges of its own (setuid)?`,
        );
      }
      progress.start(
        logs.reduce((sum, { events }) => sum + events, 0),
        basename(options.output),
      );
      let done = 0;
      const sentences: string[] = [];
      for (const { calls, events, output } of logs) {
        progress.describe(basename(output));
        const { ops, threads, sites, repairs, traceBytes } = convertLog(
          calls,
          output,
          (converted) => progress.update(done + converted),
        );
        done += events;
        const size = bytes(traceBytes);
        sentences.push(
          `${output}: ${plural(ops, "op")} of ${plural(threads, "thread")}, ${plural(sites, "call site")}, ${size}`,
          ...repairSentences(repairs),
        );
      }
      progress.stop();
      sentences.forEach(warn);
      exitWith(status);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

const parseDepth = numberUpTo(MOST_DEPTH, `a number of frames from 1 to ${MOST_DEPTH}`);

/** What a recording lost, in words. */
export function repairSentences(repairs: Repairs): string[] {
  const { unknownFrees, unknownReallocations, missedFrees, largeSizes, beyondLastId } = repairs;
  const sentences: [number, string, string][] = [
    [unknownFrees, "free", "of blocks allocated before the recording began: left out"],
    [
      unknownReallocations,
      "reallocation",
      "of blocks allocated before the recording began: recorded as allocations",
    ],
    [missedFrees, "block", "whose free was not seen: freed when their address was used again"],
    [largeSizes, "size", "of 4 GiB or more: recorded as 4 GiB less one byte"],
    [beyondLastId, "call", "after the largest id: left out"],
  ];
  return sentences
    .filter(([times]) => times > 0)
    .map(([times, noun, rest]) => `${plural(times, noun)} ${rest}`);
}

/** Runs the program to its end, with this process's terminal. @returns its exit status, as a shell reports it */
async function run(program: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  // Signals of the terminal are for the program; what it recorded is written afterwards.
  const signals = ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP"] as const;
  const child = spawn(program[0]!, program.slice(1), {
    stdio: "inherit",
    env: { ...process.env, ...env },
  });
  const pass = (signal: NodeJS.Signals): void => {
    if (signal === "SIGTERM" || signal === "SIGHUP") child.kill(signal);
  };
  for (const signal of signals) process.on(signal, pass);
  try {
    return await new Promise((resolve, reject) => {
      child.on("error", (error: NodeJS.ErrnoException) =>
        reject(
          new CommandFailure(
            error.code === "ENOENT"
              ? `${program[0]}: no such program`
              : `${program[0]}: ${error.message}`,
          ),
        ),
      );
      child.on("close", (code, signal) =>
        resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
      );
    });
  } finally {
    for (const signal of signals) process.off(signal, pass);
  }
}

interface Log {
  /** The log's file of calls. */
  readonly calls: string;
  readonly events: number;
  /** The trace to write. */
  readonly output: string;
}

/** A process has a log for each program that it executed in turn: the last is the one that was meant. */
function logsIn(folder: string, { output, children }: RecordOptions): Log[] {
  const last = new Map<string, number>();
  for (const name of readdirSync(folder)) {
    const [, pid, image] = /^(\d+)\.(\d+)\.calls$/.exec(name) ?? [];
    if (pid !== undefined) last.set(pid, Math.max(last.get(pid) ?? 0, Number(image)));
  }
  const first = `${readFileSync(join(folder, "first")).readInt32LE(0)}`;
  return [...last]
    .filter(([pid]) => pid === first || children)
    .map(([pid, image]) => {
      const calls = join(folder, `${pid}.${image}.calls`);
      const own = pid === first ? output : output.replace(/(\.rep)?(\.gz)?$/, `.${pid}$1$2`);
      return { calls, events: eventsOf(calls), output: own };
    })
    .filter(({ events, output: own }) => events > 0 || own === output);
}

/**
 * The path of the compiled recorder. It is compiled once for each of its versions, and kept in the user's cache.
 * @throws {CommandFailure} if it cannot be compiled here
 */
export function recorder(): string {
  if (process.platform !== "linux") {
    throw new CommandFailure(
      `record works on Linux, and this is ${process.platform}. To record a WebAssembly module, see heapwright instrument`,
    );
  }
  const source = readFileSync(SOURCE);
  const hash = createHash("sha256").update(source).update(process.arch).digest("hex");
  const cache = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  // A library in the folder of all temporary files may be somebody else's.
  if (cache !== tmpdir()) {
    const folder = join(cache, "heapwright");
    const library = join(folder, `record-${hash.slice(0, 16)}.so`);
    if (existsSync(library)) return library;
    try {
      mkdirSync(folder, { recursive: true });
      return compile(library);
    } catch (error) {
      // Otherwise the cache cannot be written to.
      if (error instanceof CommandFailure) throw error;
    }
  }
  return compile(join(mkdtempSync(join(tmpdir(), "heapwright-")), "record.so"));
}

function compile(library: string): string {
  const compilers = process.env["CC"] ? [process.env["CC"]] : ["cc", "gcc", "clang"];
  // Two commands at a time each make a file of their own.
  const made = `${library}.${process.pid}`;
  for (const compiler of compilers) {
    const result = spawnSync(compiler, [...FLAGS, SOURCE, "-o", made, ...LIBRARIES], {
      encoding: "utf8",
    });
    if (result.error !== undefined) continue;
    if (result.status !== 0) {
      throw new CommandFailure(
        `${compiler} cannot compile the recorder. It needs glibc and its headers (Debian: apt-get install libc6-dev). It printed:\n${result.stderr.trim()}`,
      );
    }
    renameSync(made, library);
    return library;
  }
  throw new CommandFailure(
    `no C compiler (${compilers.join(", ")}), which record needs once. Install one (Debian: apt-get install gcc libc6-dev; Fedora: dnf install gcc), or set CC`,
  );
}
