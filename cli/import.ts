/** `heapwright import`: recordings of other tools as traces. */

import { basename } from "node:path";
import { Transform, type Duplex } from "node:stream";
import * as zlib from "node:zlib";

import type { Command } from "commander";

import { TraceError } from "../trace/error.ts";
import { TraceFile } from "../trace/file.ts";
import { CALLOC, MALLOC, MEMALIGN } from "../trace/ops.ts";
import { gunzipFor, inflated, keepSource, traceSource, type TraceSource } from "../trace/read.ts";
import { Recording } from "../trace/recording.ts";
import { CallSites, frameText } from "../trace/sites.ts";
import { CommandFailure, type Context } from "./context.ts";
import { addMoreHelp } from "./help.ts";
import { repairSentences } from "./record.ts";
import { bytes, plural } from "./report.ts";
import { framesOf, type Frames, type Module } from "./symbols.ts";

const HELP = {
  examples: [
    "heapwright import heaptrack.app.1234.zst -o app.rep.gz",
    "heapwright import mtrace.txt -o app.rep.gz",
    "zstd -dc heaptrack.app.1234.raw.zst | heapwright import - -o app.rep.gz",
  ],
  lists: {
    Recordings: {
      heaptrack: "raw (heaptrack -r) or interpreted; .gz, or .zst with Node 22.15 or later",
      mtrace: "the file MALLOC_TRACE of a program that calls mtrace() of glibc",
      ltrace: "text, such as of ltrace -e malloc+free+calloc+realloc -o FILE",
    },
  },
  paragraphs: [
    "The format is recognised by its content. What a format does not have, such as threads, is said on standard error.",
    "Exit status: 0 success; 2 the recording cannot be read, and the message says why.",
  ],
};

/** What an importer gets: where calls go, and the call sites. */
interface Target {
  readonly recording: Recording;
  readonly sites: CallSites;
}

/** A format: how its lines become calls. */
interface Format {
  readonly name: string;
  /** What the format does not have, as sentences. */
  readonly lacks: readonly string[];
  /** Reads a line; false if it is not one of the format. */
  readonly line: (line: string) => boolean;
}

export function importCommand(command: Command, { warn }: Context): void {
  command
    .description("convert a recording of heaptrack, mtrace or ltrace to a trace")
    .argument("<recording>", "the recording, or - for standard input")
    .requiredOption("-o, --output <file>", "trace to write: .rep, or .rep.gz to gzip it");
  addMoreHelp(command, HELP).action(async (path: string, options: { output: string }) => {
    const source = keepSource(traceSource(path));
    const sites = new CallSites();
    const trace = new TraceFile(options.output, sites);
    try {
      const recording = new Recording((chunk) => trace.write(chunk));
      const { name, lacks } = await convert(source, { recording, sites });
      recording.end();
      trace.end();
      const size = bytes(trace.bytes);
      warn(
        `${options.output}: ${plural(recording.ops, "op")} of ${name}, ${plural(sites.count, "call site")}, ${size}`,
      );
      for (const each of [...lacks, ...repairSentences(recording.repairs)]) warn(each);
    } catch (error) {
      trace.abandon();
      throw error;
    }
  });
}

async function convert(source: TraceSource, target: Target): Promise<Format> {
  const first = await firstLine(source);
  const make = formatOf(first);
  if (make === undefined) {
    throw new TraceError(
      source.file,
      1,
      JSON.stringify(first.slice(0, 40)),
      "a recording of heaptrack, mtrace or ltrace",
    );
  }
  const format = await make(source, target);
  let number = 0;
  for await (const line of linesOf(source)) {
    number += 1;
    if (format.line(line)) continue;
    const found = JSON.stringify(line.slice(0, 40));
    throw new TraceError(source.file, number, found, `a line of ${format.name}`);
  }
  return format;
}

/** The format that begins with this line. */
function formatOf(
  line: string,
): ((source: TraceSource, target: Target) => Promise<Format> | Format) | undefined {
  if (/^v [\da-f]+ [\da-f]+$/.test(line)) return heaptrack;
  if (/^= Start$|^@ .* [-+<>!] 0x/.test(line)) return (_, target) => mtrace(target);
  if (
    /\b(malloc|free|calloc|realloc|memalign|exit_group|__libc_start_main)\b.*\(|^\[pid \d+\]/.test(
      line,
    )
  ) {
    return (_, target) => ltrace(target);
  }
  return undefined;
}

async function firstLine(source: TraceSource): Promise<string> {
  let found = "";
  for await (const line of linesOf(source)) {
    found ||= line;
    // What cannot be read again is read to its end, and kept.
    if (found !== "" && source.file !== "<stdin>") break;
  }
  return found;
}

/** The lines of a recording, decompressed. */
async function* linesOf(source: TraceSource): AsyncGenerator<string> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const block of bytesOf(source)) {
    const lines = (rest + decoder.decode(block, { stream: true })).split("\n");
    rest = lines.pop()!;
    yield* lines.map((line) => line.replace(/\r$/, ""));
  }
  if (rest !== "") yield rest;
}

/** The bytes of a recording, decompressed. */
async function* bytesOf(source: TraceSource): AsyncGenerator<Uint8Array> {
  try {
    yield* inflated(source.bytes(), (head) => gunzipFor(head) ?? unzstdFor(head, source.file));
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "no such file" : message;
    throw new TraceError(source.file, 0, why, "a recording of heaptrack, mtrace or ltrace");
  }
}

const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/** A stream that decompresses; it fails if this version of Node cannot. Undefined if that is not the start of zstd data. */
function unzstdFor(head: Uint8Array, file: string): Duplex | undefined {
  if (!ZSTD.equals(head.subarray(0, 4))) return undefined;
  const make = (zlib as { createZstdDecompress?: () => Duplex }).createZstdDecompress;
  if (make !== undefined) return make();
  const failure = new CommandFailure(
    `${file} is compressed with zstd, which Node ${process.versions.node} cannot read. Use Node 22.15 or later, or: zstd -dc ${file} | heapwright import - -o FILE`,
  );
  return new Transform({ transform: (_block, _encoding, done) => done(failure) });
}

const hex = (text: string | undefined): number => Number.parseInt(text ?? "", 16);

/**
 * heaptrack's two forms. All numbers are hexadecimal.
 *
 *     raw            x LENGTH PATH    m LENGTH NAME ADDRESS (OFFSET SIZE)…    t IP PARENT    + SIZE TRACE ADDRESS    - ADDRESS
 *     interpreted    s LENGTH TEXT    i IP MODULE (FUNCTION FILE LINE)…       t IP PARENT    a SIZE TRACE    + CLASS    - CLASS
 *     both           v VERSION FORMAT    c MILLISECONDS
 */
async function heaptrack(source: TraceSource, target: Target): Promise<Format> {
  const addresses = new Set<number>();
  const modules: Module[] = [];
  let raw = false;
  let sized = false;
  let program = "";
  const textOf = (line: string): string =>
    sized ? line.replace(/^. [\da-f]+ /, "") : line.slice(2);
  for await (const line of linesOf(source)) {
    const fields = line.split(" ");
    if (line.startsWith("v ")) sized = hex(fields[2]) >= 3;
    else if (line.startsWith("x ")) {
      raw = true;
      program = textOf(line);
    } else if (line.startsWith("m ")) addModules(textOf(line), program, modules);
    else if (raw && line.startsWith("t ")) addresses.add(hex(fields[1]));
  }
  const frames = framesOf(addresses, modules);
  return raw ? heaptrackRaw(target, frames) : heaptrackInterpreted(target, textOf);
}

/** The loaded pieces of a file: `NAME ADDRESS OFFSET SIZE OFFSET SIZE…`. The name x is the program. */
function addModules(text: string, program: string, modules: Module[]): void {
  const match = /^(.*?)((?: [\da-f]+){3,})$/.exec(text);
  if (match === null) return;
  const [base, ...pieces] = match[2]!.trim().split(" ").map(hex);
  const path = match[1] === "x" ? program : match[1]!;
  for (let i = 0; i + 1 < pieces.length; i += 2) {
    const start = base! + pieces[i]!;
    modules.push({ start, end: start + pieces[i + 1]!, offset: pieces[i]!, path, isVirtual: true });
  }
}

/** Lines that carry nothing for a trace: command, system, suppressions, embedded debug files, comments. */
const HEAPTRACK_OTHER = /^([vXxmIRAS#]|$)/;

const HEAPTRACK_LACKS = [
  "heaptrack records no threads, alignments, failures or frees of NULL, and a calloc as a malloc",
  "heaptrack records a realloc as a free and a malloc",
];

function heaptrackRaw({ recording, sites }: Target, frames: Map<number, Frames>): Format {
  const siteOf = [0];
  return {
    name: "heaptrack (raw)",
    lacks: HEAPTRACK_LACKS,
    line: (line) => {
      const [kind, first, second, third] = line.split(" ");
      switch (kind) {
        case "t":
          siteOf.push(sites.ofStack(frames.get(hex(first)) ?? [], siteOf[hex(second)]));
          return true;
        case "+":
          recording.site = siteOf[hex(second)] ?? 0;
          recording.allocate(MALLOC, hex(third), hex(first));
          recording.site = 0;
          return third !== undefined;
        case "-":
          recording.free(hex(first));
          return first !== undefined;
        case "c":
          recording.time = Math.max(recording.time, hex(first) * 1e6);
          return true;
        default:
          return HEAPTRACK_OTHER.test(line);
      }
    },
  };
}

function heaptrackInterpreted(
  { recording, sites }: Target,
  textOf: (line: string) => string,
): Format {
  const texts = [""];
  const frames: string[][] = [[]];
  const siteOf = [0];
  const classes: { size: number; site: number; live: number[] }[] = [];
  let address = 0;
  return {
    name: "heaptrack (interpreted)",
    lacks: [
      ...HEAPTRACK_LACKS,
      "heaptrack's interpreted form does not say which block was freed: the newest of its size and call site is taken",
    ],
    line: (line) => {
      const fields = line.split(" ");
      switch (fields[0]) {
        case "s":
          texts.push(textOf(line));
          return true;
        case "i": {
          const [, ip, module, ...parts] = fields;
          const file = basename(texts[hex(module)] ?? "");
          const found: string[] = [];
          for (let i = 0; i < parts.length; i += 3) {
            const place =
              parts[i + 1] === undefined ? "" : `${texts[hex(parts[i + 1])]}:${hex(parts[i + 2])}`;
            found.push(frameText(texts[hex(parts[i])] ?? "", place));
          }
          frames.push(found.length > 0 ? found : [frameText(file || `0x${ip}`)]);
          return true;
        }
        case "t":
          siteOf.push(sites.ofStack(frames[hex(fields[1])] ?? [], siteOf[hex(fields[2])]));
          return true;
        case "a":
          classes.push({ size: hex(fields[1]), site: siteOf[hex(fields[2])] ?? 0, live: [] });
          return true;
        case "+": {
          const each = classes[hex(fields[1])];
          if (each === undefined) return false;
          address += 16;
          each.live.push(address);
          recording.site = each.site;
          recording.allocate(MALLOC, address, each.size);
          recording.site = 0;
          return true;
        }
        case "-":
          recording.free(classes[hex(fields[1])]?.live.pop() ?? -1);
          return true;
        case "c":
          recording.time = Math.max(recording.time, hex(fields[1]) * 1e6);
          return true;
        default:
          return HEAPTRACK_OTHER.test(line);
      }
    },
  };
}

/**
 * glibc's mtrace. A realloc is two lines:
 *
 *     @ ./app:[0x11a1] + 0x55accf0174a0 0x64
 *     @ ./app:(main+0x12)[0x11b2] - 0x55accf0174a0
 */
function mtrace({ recording, sites }: Target): Format {
  let pending = { id: -1, from: 0 };
  return {
    name: "mtrace",
    lacks: [
      "mtrace records no threads, times, alignments, failures or frees of NULL, a calloc as a malloc, and of the stack the caller only",
    ],
    line: (line) => {
      if (line === "" || line.startsWith("= ")) return true;
      const match = /^@ (.*?) ?([-+<>!]) (?:0x)?([\da-f]+)(?: (?:0x)?([\da-f]+))?$/.exec(line);
      if (match === null) return false;
      const [, caller, kind, address, size] = match;
      recording.site = caller === "" ? 0 : sites.ofStack([frameText(callerName(caller!))]);
      switch (kind) {
        case "+":
          recording.allocate(MALLOC, hex(address), hex(size));
          break;
        case "-":
          recording.site = 0;
          recording.free(hex(address));
          break;
        case "<":
          pending = { id: recording.beginReallocate(hex(address)), from: hex(address) };
          break;
        case ">":
          recording.endReallocate(pending.id, pending.from, hex(address), hex(size));
          break;
      }
      return true;
    },
  };
}

/** `./app:[0x11a1]` is app+0x11a1, `./app:(main+0x12)[0x11b2]` is main. */
function callerName(caller: string): string {
  const [, file, name, address] =
    /^(.*?):?(?:\(([^+)]*)[^)]*\))?\[(0x[\da-f]+)\]$/.exec(caller) ?? [];
  return name || (address === undefined ? caller : `${basename(file ?? "")}+${address}`);
}

/** ltrace's text: `malloc(100) = 0x5581`, with or without process, time and calling file; a nested call splits a line in two. */
function ltrace({ recording, sites }: Target): Format {
  const threads = new Map<string, number>();
  /** By process: the beginnings of calls that have not returned. */
  const open = new Map<string, string[]>();
  return {
    name: "ltrace",
    lacks: ["ltrace records no stack but the calling file, and no times unless they are converted"],
    line: (line) => {
      const [, tagged, plain] = /^(?:\[pid (\d+)\]|(\d+) +(?=[A-Za-z_<]))/.exec(line) ?? [];
      const process = tagged ?? plain ?? "";
      if (!threads.has(process)) threads.set(process, threads.size);
      recording.thread = threads.get(process)!;
      const started = /([\w.+-]+->)?(\w+)\((.*?),? *<unfinished \.\.\.>\s*$/.exec(line);
      const calls = open.get(process) ?? [];
      open.set(process, calls);
      if (started !== null) {
        calls.push(`${started[1] ?? ""}${started[2]}(${started[3]}`);
        return true;
      }
      const resumed = /<\.\.\. (\w+) resumed> *(.*)$/.exec(line);
      const whole = resumed === null ? line : `${calls.pop() ?? ""}${resumed[2]}`;
      const match =
        /(?:([\w.+-]+)->)?\b(malloc|calloc|realloc|free|memalign|aligned_alloc)\(([^)]*)\) *= *(\S+)/.exec(
          whole,
        );
      // Other calls, signals, and the exit.
      if (match === null) return true;
      const [, file, name, list, returned] = match;
      const [first = 0, second = 0] = list!
        .split(",")
        .map((each) => Number(each.trim() === "nil" ? 0 : each));
      const result = returned!.startsWith("0x") ? Number(returned) : 0;
      recording.site = file === undefined ? 0 : sites.ofStack([frameText(file)]);
      if (name === "free") {
        recording.site = 0;
        if (first === 0 || Number.isNaN(first)) recording.freeNull();
        else recording.free(first);
      } else if (name === "realloc" && first > 0) {
        recording.endReallocate(recording.beginReallocate(first), first, result, second);
      } else if (result !== 0) {
        if (name === "calloc") recording.allocate(CALLOC, result, first * second);
        else if (name === "memalign" || name === "aligned_alloc") {
          recording.allocate(MEMALIGN, result, second, first);
        } else recording.allocate(MALLOC, result, name === "realloc" ? second : first);
      }
      return true;
    },
  };
}
