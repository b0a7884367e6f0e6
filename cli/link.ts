/** `heapwright link`: one module of a module that imports its allocator, and the heap. */

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
import { bytes } from "./report.ts";
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
}

/** Where the heap begins: at `__heap_base`, where the module itself says, or at the end of its memory. */
type Beginning = "base" | "own" | "end";

/** What was made of a module. */
export interface Linked {
  readonly binary: Uint8Array;
  /** Bytes of the heap that was merged in. */
  readonly heapBytes: number;
  /** The heap's functions that the module imported, by the module name it imported them from. */
  readonly bound: ReadonlyMap<string, readonly string[]>;
  readonly memory: { readonly shared: boolean; readonly imported: boolean };
  readonly begins: Beginning;
}

/** With one of these a module says itself where its heap is. */
const MAKERS = ["heap_init", "heap_create", "heap_attach"];

const LEVELS = ["0", "1", "2", "3", "4", "s", "z"];

/** What the heap needs of WebAssembly beyond its first version. */
const HEAP_NEEDS = ["--enable-bulk-memory"];
const HEAP_NEEDS_SHARED = [...HEAP_NEEDS, "--enable-threads"];

/** Names of functions, which Binaryen writes anew. */
const NAMES = "name";
/** What the compiler allowed the module to need. Binaryen would make use of all of it, and writes what is needed instead. */
const FEATURES = "target_features";
/** Custom sections that are not so afterwards: where something is in the code, what a linker has to do. */
const STALE =
  /^(target_features|\.debug_.*|sourceMappingURL|external_debug_info|build_id|reloc\..*|linking|metadata\.code\..*)$/;

/** What the parts of the merge call each other; none of these names is left afterwards. */
const APP = "heapwright:app";
const HEAP = "heapwright:heap";
const PRIVATE = "heapwright:";

const HELP = `
Examples:
  heapwright link app.wasm -o app.heap.wasm
  heapwright link app.wasm -o app.heap.wasm --export malloc,free --optimise s

The module imports malloc, free and other functions of the heap, from any module
name. Its other imports, its exports and its memory stay as they are. The heap
begins at __heap_base if the module exports it, otherwise at the end of the
memory. The output is another file than the module.

Needs Binaryen: npm install --save-dev binaryen

Exit status: 0 success; 2 the module cannot be linked, and the message says why.`;

export function linkCommand(command: Command, print: (text: string) => void): void {
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
    .addHelpText("after", HELP)
    .action((path: string, options: LinkOptions) => {
      if (path === "-" || options.output === "-") {
        throw new LinkError("link reads and writes files; for one whose name is -, say ./-");
      }
      const app = read(path);
      refuseSame(path, options.output);
      const linked = link(app, path, options);
      write(options.output, linked.binary);
      print(describe(path, app.length, options.output, linked));
    });
}

function namesOf(text: string): string[] {
  return text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/** Merges the heap into `app`. Throws `LinkError`, whose message calls the module `path`. */
export function link(
  app: Uint8Array,
  path: string,
  { optimise, export: wanted }: Omit<LinkOptions, "output">,
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
        `--export ${name}: the heap has no such function; it has ${names.join(", ")}`,
      );
    }
    if (module.exports.some((each) => each.name === name)) {
      throw new LinkError(`--export ${name}: ${path} exports that itself; leave it out`);
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
    // Start functions run in this order.
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
        "--enable-multimemory", // until the heap's import is the module's memory
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
  // What comes before the first section of the module proper may have to, such as "dylink.0".
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
    throw new LinkError(`${path} is no WebAssembly module: ${(error as Error).message}`);
  }
}

function memoryOf({ memories, imports }: Module, path: string): Linked["memory"] {
  const [memory, second] = memories;
  if (memory === undefined) {
    throw new LinkError(`${path} has no memory, so nothing can be allocated for it`);
  }
  if (second !== undefined) {
    throw new LinkError(`${path} has ${memories.length} memories: a heap lives in one`);
  }
  if (memory.wide) {
    throw new LinkError(
      `${path} has a memory of 64-bit addresses: the heap's are 32 bits; build for wasm32`,
    );
  }
  if (memory.pageSize !== PAGE) {
    throw new LinkError(
      `${path} has a memory whose pages are ${memory.pageSize} bytes: the heap's are ${PAGE}`,
    );
  }
  return { shared: memory.shared, imported: imports.some(({ kind }) => kind === "memory") };
}

function noImport({ exports }: Module, path: string, names: readonly string[]): string {
  const own = exports.find(({ name }) => names.includes(name));
  const why =
    own === undefined
      ? "it does not allocate, or has an allocator of its own inside"
      : `it exports ${own.name}, so it has an allocator of its own inside`;
  return `${path} imports neither malloc nor free: ${why}. Compile it with heapwright.c; docs/interop.md has that, and other languages`;
}

/** Linkers of dynamic libraries import the address of a function under its name, as a global of these modules. */
const ADDRESSES = /^GOT\./;

/** Whether a function of the heap is imported, but not as a function. */
function checkKinds(module: Module, imported: readonly Import[], heap: Module, path: string): void {
  for (const { module: from, name, kind } of module.imports) {
    const wanted = heap.exports.find((each) => each.name === name);
    if (wanted === undefined || ADDRESSES.test(from)) continue;
    if (imported.some((each) => each.name === name)) continue;
    throw new LinkError(
      `${path} imports ${name} of "${from}" as a ${kind}; the heap's is a function, ${heap.signatures[wanted.index]}. Import it as a function`,
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
      `${path} imports ${each.name} as ${type}; the heap's is ${expected}, C's for 32-bit addresses`,
    );
  }
}

function beginningOf({ exports }: Module, imported: readonly Import[]): Beginning {
  if (imported.some(({ name }) => MAKERS.includes(name))) return "own";
  const base = exports.some(({ name, kind }) => name === "__heap_base" && kind === "global");
  return base ? "base" : "end";
}

/**
 * A start function that makes the heap at `__heap_base`, and traps where there is no room for one; in a shared memory another
 * thread may have made it.
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

/** What wasm-merge's complaint means that an import and an export are of different types. */
function mismatch(complaint: string): string | undefined {
  if (complaint.includes("importing global __heap_base")) {
    return " exports a __heap_base that is mutable or of another type: the heap wants what linkers make, an immutable i32";
  }
  return complaint.includes("mismatch")
    ? " imports functions of the heap with other types than the heap's, which are C's for 32-bit addresses"
    : undefined;
}

/** Custom sections are kept as they are, whatever they hold, but for those that are stale. */
function fateOf({ name }: Section): "rewritten" | "kept" | "dropped" {
  if (name === undefined || name === NAMES) return "rewritten";
  return STALE.test(name) ? "dropped" : "kept";
}

/** What one of Binaryen's commands made. */
function made(file: string, path: string, command: string): Module {
  const binary = readFileSync(file);
  try {
    return readModule(binary);
  } catch (error) {
    throw new LinkError(
      `${path}: what ${command} wrote to ${tmpdir()} can't be read: ${(error as Error).message}`,
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
    throw new LinkError(`no temporary files can be had in ${tmpdir()}: ${error.message}`);
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

function read(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new LinkError(`${path} can't be read: ${(error as Error).message}`);
  }
}

function statOf(path: string): BigIntStats | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false });
}

/** The module that is linked is never written to, whatever names or links lead to it. */
function refuseSame(path: string, output: string): void {
  const [input, target] = writing(output, () => [statOf(path), statOf(output)] as const);
  if (target === undefined || target.dev !== input?.dev || target.ino !== input.ino) return;
  throw new LinkError(`${output} is the module to link: name another file after -o`);
}

/** Writes a file beside `path` and renames it to that, so that nobody sees half a module. */
function write(path: string, binary: Uint8Array): void {
  writing(path, () => {
    const before = statOf(path);
    if (before !== undefined && !before.isFile()) {
      // A device or a pipe, which is not to be replaced; or a folder, which is an error.
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
    throw new LinkError(`${path} can't be written: ${(error as Error).message}`);
  }
}

const BEGINNINGS: Readonly<Record<Beginning, string>> = {
  base: "begins at __heap_base",
  own: "begins where the module says",
  end: "begins at the end of the memory: the module exports no __heap_base",
};

function describe(path: string, before: number, output: string, linked: Linked): string {
  const { binary, heapBytes, bound, memory, begins } = linked;
  const lines = [
    `${path} ${bytes(before)} + heap ${bytes(heapBytes)} = ${output} ${bytes(binary.length)}`,
    ...[...bound].map(([from, names]) => `bound   ${names.join(", ")} of "${from}"`),
    `memory  ${memory.imported ? "imported" : "the module's own"}${memory.shared ? ", shared" : ""}`,
    `heap    ${BEGINNINGS[begins]}`,
  ];
  return `${lines.join("\n")}\n`;
}
