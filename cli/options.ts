/** The options that the verbs share, and the heap they describe. */

import { type Command, InvalidArgumentError, Option } from "commander";

import { Heap, HeapError } from "../src/index.ts";

export const ENGINES = ["wasm", "js", "auto"] as const;
export const FITS = ["best", "first", "next"] as const;
export const MEMORIES = [
  "wasm",
  "shared",
  "arraybuffer",
  "resizable",
  "sharedarraybuffer",
  "growable",
] as const;

/** Those that WebAssembly can use. */
const WASM_MEMORIES: readonly MemoryName[] = ["wasm", "shared"];

export type EngineName = (typeof ENGINES)[number];
export type FitName = (typeof FITS)[number];
export type MemoryName = (typeof MEMORIES)[number];

/** The options of a heap. Sizes are in bytes. */
export interface Setting {
  readonly engine: EngineName;
  readonly fit: FitName;
  /** `auto` grows with the heap. */
  readonly margin: number | "auto";
  /** `auto` is the heap's default. */
  readonly small: number | "auto";
  readonly memory: MemoryName;
  readonly limit: number | undefined;
}

export type OptionName = keyof Setting;

/** The options as a person reads them: `fit best`, `margin 64K`. Those that are not given are left out. */
export function optionTexts(setting: Setting): Partial<Record<OptionName, string>> {
  const { engine, fit, margin, small, memory, limit } = setting;
  return {
    engine: `engine ${engine}`,
    fit: `fit ${fit}`,
    margin: `margin ${bytesOption(margin)}`,
    small: `small ${bytesOption(small)}`,
    memory: `memory ${memory}`,
    ...(limit === undefined ? {} : { limit: `limit ${bytesOption(limit)}` }),
  };
}

/** The largest memory that has 32-bit addresses. */
const ADDRESS_SPACE = 2 ** 32;
const WASM_PAGE = 65536;
/** Bytes of a memory that cannot grow, unless there is a limit. Memory that is never touched costs nothing. */
const FIXED_BYTES = 2 ** 30;

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** The end of the help of verbs that replay traces. */
export const TRACE_HELP = [
  "A trace is a file in the format of the malloc lab, gzipped or not. The trace - is standard input, which is kept in memory. Bytes may end in K, M or G. If a trace is invalid, no results are printed.",
  "Exit status: 0 success; 1 some requests failed; 2 invalid option or trace.",
];

/** Adds the options about memory, which all verbs that replay traces have. */
export function addMemoryOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--memory <kind>", "kind of memory the heap is in")
        .choices(MEMORIES)
        .default("wasm"),
    )
    .addOption(limitOption());
}

export function limitOption(): Option {
  return new Option("--limit <bytes>", "largest size of the heap, 4G at most").argParser(
    parseLimit,
  );
}

/** The values of settings that a verb combines. */
export interface SettingLists {
  readonly fit: readonly FitName[];
  readonly margin: readonly (number | "auto")[];
  readonly small: readonly (number | "auto")[];
}

/** Adds the options with these values. `fits` are the policies without `--fit`; the help shows them as `shown`. */
export function addSettingLists(
  command: Command,
  fits: readonly FitName[],
  shown: string,
): Command {
  return command
    .addOption(
      new Option("--fit <list>", "policies: best, first, next")
        .argParser(listOf(oneOf(FITS)))
        .default(fits, shown),
    )
    .addOption(
      new Option("--margin <list>", "extra bytes to take when the break moves, or auto")
        .argParser(listOf(parseBytesOrAuto))
        .default(["auto"], "auto"),
    )
    .addOption(
      new Option("--small <list>", "largest sizes that slabs serve; 0 for none, or auto")
        .argParser(listOf(parseSmall))
        .default(["auto"], "auto"),
    );
}

/** Every combination of the values. */
export function combinationsOf(lists: SettingLists): Pick<Setting, "fit" | "margin" | "small">[] {
  return lists.fit.flatMap((fit) =>
    lists.margin.flatMap((margin) => lists.small.map((small) => ({ fit, margin, small }))),
  );
}

/**
 * Bytes from `4096`, `64K`, `1M` or `2G`; the units are powers of 1024.
 * @throws {InvalidArgumentError} if the text is anything else
 */
export function parseBytes(text: string): number {
  const match = /^(\d+)([KMG]?)$/i.exec(text);
  const bytes = match === null ? NaN : Number(match[1]) * UNITS[match[2]!.toUpperCase()]!;
  if (!(bytes <= ADDRESS_SPACE)) {
    throw new InvalidArgumentError("Expected a number of bytes up to 4G, such as 4096, 64K or 1M.");
  }
  return bytes;
}

/** Bytes as an option has them: `1008`, `64K`, `1M`. */
export function bytesOption(bytes: number | "auto"): string {
  if (bytes === "auto" || bytes === 0) return `${bytes}`;
  const [unit, size] = Object.entries(UNITS).findLast(([, each]) => bytes % each === 0)!;
  return `${bytes / size}${unit}`;
}

export function parseBytesOrAuto(text: string): number | "auto" {
  return text === "auto" ? "auto" : parseBytes(text);
}

/** The smallest heap and, in bytes, the largest size that slabs serve. */
const LEAST_LIMIT = 4096;
const MOST_SMALL = 1008;

function parseLimit(text: string): number {
  const bytes = parseBytes(text);
  if (bytes < LEAST_LIMIT) throw new InvalidArgumentError("Expected at least 4K.");
  return bytes;
}

export function parseSmall(text: string): number | "auto" {
  const bytes = parseBytesOrAuto(text);
  if (bytes !== "auto" && bytes > MOST_SMALL) {
    throw new InvalidArgumentError(`Expected at most ${MOST_SMALL} bytes, or auto.`);
  }
  return bytes;
}

/** A parser of a number from 1 to `most`. `expected` completes the message "Expected …". */
export function numberUpTo(most: number, expected: string): (text: string) => number {
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : 0;
    if (number < 1 || number > most) throw new InvalidArgumentError(`Expected ${expected}.`);
    return number;
  };
}

export const parseCount = numberUpTo(Number.MAX_SAFE_INTEGER, "a number of ops, 1 or more");

/** Collects the paths of traces. */
export function parseTraces(path: string, before: readonly string[] = []): string[] {
  if (path === "-" && before.includes(path)) {
    throw new InvalidArgumentError("Standard input can be named once.");
  }
  return [...before, path];
}

/** A parser of `one,two,three`: `parseOne` parses each. */
export function listOf<Value>(parseOne: (text: string) => Value): (text: string) => Value[] {
  return (text) => [...new Set(text.split(",").map((part) => parseOne(part.trim())))];
}

/** A parser that accepts one of `names`. */
export function oneOf<Name extends string>(names: readonly Name[]): (text: string) => Name {
  return (text) => {
    const name = names.find((known) => known === text);
    if (name === undefined) {
      throw new InvalidArgumentError(`Allowed choices are ${names.join(", ")}.`);
    }
    return name;
  };
}

/** No heap can have this setting: the command is invalid, not the trace. */
export class SettingError extends Error {
  override readonly name = "SettingError";
}

/**
 * A new heap in a new memory.
 * @throws {SettingError} if no heap can have this setting
 */
export function heapOf(setting: Setting): Heap {
  const { engine, memory, limit } = setting;
  if (engine === "wasm" && !WASM_MEMORIES.includes(memory)) {
    throw new SettingError(
      `--engine wasm cannot use --memory ${memory}. Use --engine js or auto, or --memory ${WASM_MEMORIES.join(" or ")}`,
    );
  }
  try {
    return makeHeap(setting);
  } catch (error) {
    // The platform throws a RangeError if it has no memory of this size.
    if (error instanceof RangeError) {
      const advice = `Use a ${limit === undefined ? "" : "smaller "}--limit${limit === undefined ? ", such as 64M" : ""}`;
      throw new SettingError(
        `cannot create a memory of kind ${memory}: ${error.message}. ${advice}`,
      );
    }
    if (error instanceof HeapError) throw new SettingError(error.message);
    throw error;
  }
}

function makeHeap({ engine, fit, margin, small, memory, limit }: Setting): Heap {
  return new Heap({
    engine,
    fit,
    memory: makeMemory(memory, limit),
    ...(margin === "auto" ? {} : { margin }),
    ...(small === "auto" ? {} : { small }),
    ...(limit === undefined ? {} : { limit }),
  });
}

function makeMemory(
  kind: MemoryName,
  limit: number | undefined,
): WebAssembly.Memory | ArrayBuffer | SharedArrayBuffer {
  const most = limit ?? ADDRESS_SPACE;
  const pages = Math.ceil(most / WASM_PAGE);
  const fixed = limit ?? FIXED_BYTES;
  switch (kind) {
    case "wasm":
      return new WebAssembly.Memory({ initial: 1, maximum: pages });
    case "shared":
      return new WebAssembly.Memory({ initial: 1, maximum: pages, shared: true });
    case "arraybuffer":
      return new ArrayBuffer(fixed);
    case "resizable":
      return new ArrayBuffer(Math.min(WASM_PAGE, fixed), { maxByteLength: fixed });
    case "sharedarraybuffer":
      return new SharedArrayBuffer(fixed);
    case "growable":
      return new SharedArrayBuffer(Math.min(WASM_PAGE, fixed), { maxByteLength: fixed });
  }
}
