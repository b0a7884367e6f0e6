/** `heapwright link`: merges a module that imports its allocator, and the heap, into one module. */

import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  type BigIntStats,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

import { Option, type Command } from "commander";

import { binaryen, featuresOf, LinkError } from "./binaryen.ts";
import type { Context } from "./context.ts";
import { addMoreHelp } from "./help.ts";
import { bytes, wrap } from "./report.ts";
import { JSON_VERSION } from "./run.ts";
import {
  PAGE,
  readModule,
  writeModule,
  writeSections,
  type Import,
  type Module,
  type Section,
} from "./sections.ts";

interface LinkOptions {
  readonly output: string;
  readonly optimise: string;
  readonly export: readonly string[];
  readonly json?: true;
}

/** Where the heap begins: at `__heap_base`, where the module itself decides, or at the end of its memory. */
type Beginning = "base" | "own" | "end";

/** The linked module, and how it was linked. */
export interface Linked {
  readonly binary: Uint8Array;
  /** Bytes of the heap that was merged in. */
  readonly heapBytes: number;
  /** The heap's functions that the module imported, by the module name it imported them from. */
  readonly bound: ReadonlyMap<string, readonly string[]>;
  readonly memory: { readonly shared: boolean; readonly imported: boolean };
  readonly begins: Beginning;
}

/** A module that imports one of these decides itself where its heap begins. */
const MAKERS = ["heap_init", "heap_create", "heap_attach"];

const LEVELS = ["0", "1", "2", "3", "4", "s", "z"];

/** The WebAssembly features that the heap needs. */
const HEAP_NEEDS = ["--enable-bulk-memory"];
const HEAP_NEEDS_SHARED = [...HEAP_NEEDS, "--enable-threads"];

/** The custom section of the names of functions. Binaryen writes a new one. */
const NAMES = "name";
/** The features that the compiler allowed. Binaryen would use all of them, so it gets those that the module needs. */
const FEATURES = "target_features";
/** Custom sections that linking invalidates: positions in the code, and work for a linker. */
const STALE =
  /^(target_features|\.debug_.*|sourceMappingURL|external_debug_info|build_id|reloc\..*|linking|metadata\.code\..*)$/;

/** Names that the two modules have for each other while they are merged. The linked module has none of them. */
const APP = "heapwright:app";
const HEAP = "heapwright:heap";
const PRIVATE = "heapwright:";

const HELP = {
  examples: [
    "heapwright link app.wasm -o app.heap.wasm",
    "heapwright link app.wasm -o app.heap.wasm --export malloc,free --optimise s",
  ],
  paragraphs: [
    "The module imports malloc, free and other functions of the heap, from any module name. Its other imports, its exports and its memory stay as they are. The heap begins at __heap_base if the module exports it, otherwise at the end of the memory. The output must be another file than the module.",
    "Needs Binaryen: npm install --save-dev binaryen",
    "Exit status: 0 success; 2 the module cannot be linked, and the message says why.",
  ],
};

export function linkCommand(command: Command, { print, terminal }: Context): void {
  command
    .description("merge the heap into a WebAssembly module that imports malloc and free")
    .argument("<module>", "the module, a .wasm file")
    .requiredOption("-o, --output <file>", "file to write the linked module to")
    .addOption(
      new Option("--export <names>", "functions of the heap to export too, such as malloc,free")
        .argParser(namesOf)
        .default([], "none"),
    )
    .addOption(
      new Option("--optimise <level>", "optimisation level, as of wasm-opt -O")
        .choices(LEVELS)
        .default("3"),
    )
    .option("--json", "print one JSON object instead of the report");
  addMoreHelp(command, HELP).action((path: string, options: LinkOptions) => {
    if (path === "-" || options.output === "-") {
      throw new LinkError(
        "link reads and writes files, not standard input or output. Name a file; one whose name is - is ./-",
      );
    }
    const app = read(path);
    refuseSame(path, options.output);
    const linked = link(app, path, options);
    write(options.output, linked.binary);
    const names = { module: path, output: options.output };
    print(
      options.json
        ? jsonReport(names, app.length, linked)
        : report(names, app.length, linked, terminal().columns),
    );
  });
}

function namesOf(text: string): string[] {
  return text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/**
 * Merges the heap into `app`.
 * @throws {LinkError} if it cannot be linked; the message calls the module `path`
 */
export function link(
  app: Uint8Array,
  path: string,
  { optimise, export: wanted }: Pick<LinkOptions, "optimise" | "export">,
): Linked {
  const module = parse(app, path);
  const memory = memoryOf(module, path);
  const heapFile = memory.shared ? "heap.shared.wasm" : "heap.wasm";
  const heapBinary = readFileSync(new URL(heapFile, import.meta.url));
  const heap = readModule(heapBinary);
  const names = heap.exports.map(({ name }) => name);

  const isBound = ({ kind, name }: Import): boolean => kind === "function" && names.includes(name);
  const imported = module.imports.filter(isBound);
  checkKinds(module, imported, heap, path);
  if (imported.length === 0) throw new LinkError(noImport(module, path, names));
  checkTypes(module, imported, heap, path);
  for (const name of wanted) {
    if (!names.includes(name)) {
      throw new LinkError(
        `--export ${name}: the heap has no such function. It has ${names.join(", ")}`,
      );
    }
    if (module.exports.some((each) => each.name === name)) {
      throw new LinkError(
        `--export ${name}: ${path} already exports ${name}. Leave it out of --export`,
      );
    }
  }

  const begins = beginningOf(module, imported);
  const named = module.sections.some(({ name }) => name === NAMES);
  const declares = module.sections.some(({ name }) => name === FEATURES);
  const appPart = writeModule(
    { ...module, sections: module.sections.filter((each) => fateOf(each) === "rewritten") },
    module.imports.map((each) =>
      isBound(each) ? { ...each, module: HEAP, name: PRIVATE + each.name } : each,
    ),
    [...module.exports, { name: `${PRIVATE}memory`, kind: "memory", index: 0 }],
  );
  const heapPart = writeModule(
    heap,
    heap.imports.map((each) => ({ ...each, module: APP, name: `${PRIVATE}memory` })),
    heap.exports.flatMap((each) => [
      { ...each, name: PRIVATE + each.name },
      ...(wanted.includes(each.name) ? [each] : []),
    ]),
  );
  const linked = inFolder((folder) => {
    const file = (name: string, content: Uint8Array | string): string => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const appFile = file("app.wasm", appPart);
    const heapNeeds = memory.shared ? HEAP_NEEDS_SHARED : HEAP_NEEDS;
    const features = featuresOf(appFile, path, heapNeeds, file("original.wasm", app));
    const keepNames = named ? ["-g"] : [];
    const merged = join(folder, "merged.wasm");
    // The start functions run in the order of the files.
    binaryen(
      "wasm-merge",
      path,
      [
        ...(begins === "base"
          ? [file("begin.wat", beginning(memory.shared)), `${PRIVATE}begin`]
          : []),
        appFile,
        APP,
        file("heap.wasm", heapPart),
        HEAP,
        ...features,
        "--enable-multimemory", // while they are merged; the heap's memory becomes the module's
        ...keepNames,
        "-o",
        merged,
      ],
      mismatch,
    );
    const whole = made(merged, path, "wasm-merge");
    const kept = whole.exports.filter(({ name }) => !name.startsWith(PRIVATE));
    const result = join(folder, "linked.wasm");
    binaryen("wasm-opt", path, [
      file("kept.wasm", writeModule(whole, whole.imports, kept)),
      ...features,
      `-O${optimise}`,
      ...keepNames,
      ...(declares ? ["--emit-target-features"] : []),
      "-o",
      result,
    ]);
    return made(result, path, "wasm-opt");
  });

  const bound = new Map<string, string[]>();
  for (const { module: from, name } of imported)
    bound.set(from, [...(bound.get(from) ?? []), name]);
  // Some custom sections have to come first, such as "dylink.0", so those before the first other section stay there.
  const first = module.sections.findIndex(({ name }) => name === undefined);
  const keptOf = (sections: readonly Section[]): Section[] =>
    sections.filter((each) => fateOf(each) === "kept");
  return {
    binary: writeSections([
      ...keptOf(module.sections.slice(0, first)),
      ...linked.sections,
      ...keptOf(module.sections.slice(first)),
    ]),
    heapBytes: heapBinary.length,
    bound,
    memory,
    begins,
  };
}

function parse(app: Uint8Array, path: string): Module {
  try {
    return readModule(app);
  } catch (error) {
    throw new LinkError(`${path} is not a WebAssembly module: ${(error as Error).message}`);
  }
}

function memoryOf({ memories, imports }: Module, path: string): Linked["memory"] {
  const [memory, second] = memories;
  if (memory === undefined) {
    throw new LinkError(`${path} has no memory for the heap. Define or import one`);
  }
  if (second !== undefined) {
    throw new LinkError(
      `${path} has ${memories.length} memories, and the heap cannot tell which one to use. Build it with one memory`,
    );
  }
  if (memory.wide) {
    throw new LinkError(
      `${path} has a memory with 64-bit addresses; the heap needs 32-bit ones. Build it for wasm32`,
    );
  }
  if (memory.pageSize !== PAGE) {
    throw new LinkError(
      `${path} has a memory with pages of ${memory.pageSize} bytes; the heap needs pages of ${PAGE}`,
    );
  }
  return { shared: memory.shared, imported: imports.some(({ kind }) => kind === "memory") };
}

function noImport({ exports }: Module, path: string, names: readonly string[]): string {
  const own = exports.find(({ name }) => names.includes(name));
  const why =
    own === undefined
      ? "it does not allocate, or it contains an allocator"
      : `it exports ${own.name}, so it contains an allocator`;
  return `${path} imports neither malloc nor free: ${why}. Compile it without one; docs/interop.md shows how`;
}

/** Dynamic libraries import the address of a function as a global, from a module whose name begins like this. */
const ADDRESSES = /^GOT\./;

/** Throws if a function of the heap is imported as something else than a function. */
function checkKinds(module: Module, imported: readonly Import[], heap: Module, path: string): void {
  for (const { module: from, name, kind } of module.imports) {
    const wanted = heap.exports.find((each) => each.name === name);
    if (wanted === undefined || ADDRESSES.test(from)) continue;
    if (imported.some((each) => each.name === name)) continue;
    throw new LinkError(
      `${path} imports ${name} from "${from}" as a ${kind}; the heap's ${name} is a function, ${heap.signatures[wanted.index]}. Import it as a function`,
    );
  }
}

function checkTypes(module: Module, imported: readonly Import[], heap: Module, path: string): void {
  const functions = module.imports.filter(({ kind }) => kind === "function");
  for (const each of imported) {
    const type = module.signatures[functions.indexOf(each)];
    const expected = heap.signatures[heap.exports.find(({ name }) => name === each.name)!.index];
    if (type === undefined || type === expected) continue;
    throw new LinkError(
      `${path} imports ${each.name} as ${type}; the heap's ${each.name} is ${expected}, as in C for wasm32. Change the declaration`,
    );
  }
}

function beginningOf({ exports }: Module, imported: readonly Import[]): Beginning {
  if (imported.some(({ name }) => MAKERS.includes(name))) return "own";
  const base = exports.some(({ name, kind }) => name === "__heap_base" && kind === "global");
  return base ? "base" : "end";
}

/**
 * A start function that creates the heap at `__heap_base`, and traps if there is no room. In a shared memory it first attaches to
 * the heap, which another thread may have created.
 */
function beginning(shared: boolean): string {
  const make = `(if (call $init (global.get $base) (i32.const 0)) (then unreachable))`;
  const begin = shared ? `(if (call $attach (global.get $base)) (then ${make}))` : make;
  return `(module
    (import "${APP}" "__heap_base" (global $base i32))
    (import "${HEAP}" "${PRIVATE}heap_init" (func $init (param i32 i32) (result i32)))
    (import "${HEAP}" "${PRIVATE}heap_attach" (func $attach (param i32) (result i32)))
    (func $begin ${begin})
    (start $begin))`;
}

/** Explains a message of wasm-merge about an import and an export of different types. */
function mismatch(complaint: string): string | undefined {
  if (complaint.includes("importing global __heap_base")) {
    return " exports a __heap_base that is mutable or has another type; the heap needs an immutable i32, which linkers make";
  }
  return complaint.includes("mismatch")
    ? " imports functions of the heap with other types than the heap's, which are those of C for wasm32"
    : undefined;
}

/** What happens to a section. Custom sections are kept unchanged, except those that linking invalidates. */
function fateOf({ name }: Section): "rewritten" | "kept" | "dropped" {
  if (name === undefined || name === NAMES) return "rewritten";
  return STALE.test(name) ? "dropped" : "kept";
}

/** Reads the module that one of Binaryen's commands wrote. */
function made(file: string, path: string, command: string): Module {
  const binary = readFileSync(file);
  try {
    return readModule(binary);
  } catch (error) {
    throw new LinkError(
      `${path}: cannot read the module that ${command} wrote to ${tmpdir()}: ${(error as Error).message}`,
    );
  }
}

function inFolder<Result>(use: (folder: string) => Result): Result {
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(tmpdir(), "heapwright-link-"));
    return use(folder);
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
    throw new LinkError(
      `cannot write temporary files to ${tmpdir()}: ${error.message}. Set TMPDIR to another folder`,
    );
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

function read(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new LinkError(`cannot read ${path}: ${reasonOf(error)}`);
  }
}

function statOf(path: string): BigIntStats | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false });
}

/** Throws if the output is the input, maybe under another name or through a link. */
function refuseSame(path: string, output: string): void {
  const [input, target] = writing(output, () => [statOf(path), statOf(output)] as const);
  if (target === undefined || target.dev !== input?.dev || target.ino !== input.ino) return;
  throw new LinkError(`${output} is the module to link. Name another file after -o`);
}

/** Writes a temporary file beside `path` and renames it, so that the output is never half a module. */
function write(path: string, binary: Uint8Array): void {
  writing(path, () => {
    const before = statOf(path);
    if (before !== undefined && !before.isFile()) {
      // A device or a pipe must not be replaced. A folder is an error.
      writeFileSync(path, binary);
      return;
    }
    const target = before === undefined ? path : realpathSync(path);
    const temporary = join(dirname(target), `.${basename(target)}.${process.pid}.tmp`);
    try {
      writeFileSync(temporary, binary, { flag: "wx" });
      if (before !== undefined) chmodSync(temporary, Number(before.mode));
      renameSync(temporary, target);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  });
}

function writing<Result>(path: string, use: () => Result): Result {
  try {
    return use();
  } catch (error) {
    throw new LinkError(`cannot write ${path}: ${reasonOf(error)}`);
  }
}

/** What the operating system says of a file: "no such file or folder". */
function reasonOf(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case "ENOENT":
      return "no such file or folder";
    case "EISDIR":
      return "it is a folder";
    case "ENOTDIR":
      return "part of the path is a file, not a folder";
    case "EACCES":
    case "EPERM":
      return "no permission";
    default:
      return (error as Error).message;
  }
}

const BEGINNINGS: Readonly<Record<Beginning, string>> = {
  base: "begins at __heap_base",
  own: "begins where the module says",
  end: "begins at the end of the memory: the module exports no __heap_base",
};

/** The two files, as they were named. */
interface Names {
  readonly module: string;
  readonly output: string;
}

function report(
  { module, output }: Names,
  before: number,
  { binary, heapBytes, bound, memory, begins }: Linked,
  columns: number,
): string {
  const line = (name: string, text: string): string =>
    wrap(text, columns - 8)
      .split("\n")
      .map((part, at) => `${(at === 0 ? name : "").padEnd(8)}${part}\n`)
      .join("");
  const sizes = `${module} ${bytes(before)} + heap ${bytes(heapBytes)} -> ${output} ${bytes(binary.length)}`;
  return [
    `${wrap(sizes, columns)}\n`,
    ...[...bound].map(([from, names]) => line("bound", `${names.join(", ")} of "${from}"`)),
    line(
      "memory",
      `${memory.imported ? "imported" : "the module's own"}${memory.shared ? ", shared" : ""}`,
    ),
    line("heap", BEGINNINGS[begins]),
  ].join("");
}

function jsonReport(
  { module, output }: Names,
  before: number,
  { binary, heapBytes, bound, memory, begins }: Linked,
): string {
  const line = {
    version: JSON_VERSION,
    module,
    moduleBytes: before,
    heapBytes,
    output,
    outputBytes: binary.length,
    bound: Object.fromEntries(bound),
    memory: { shared: memory.shared, imported: memory.imported },
    heapBegins: { base: "__heap_base", own: "module", end: "end" }[begins],
  };
  return `${JSON.stringify(line)}\n`;
}
