/** `heapwright instrument`: wraps the allocator of a WebAssembly module, so that `heapwright/record` sees its calls. */

import { readFileSync, writeFileSync } from "node:fs";

import type { Command } from "commander";

import { Event, EVENTS_EXPORT, ON_EXPORT } from "../record/events.ts";
import { CommandFailure, type Context } from "./context.ts";
import { addMoreHelp } from "./help.ts";
import { plural } from "./report.ts";
import {
  entries,
  leb,
  placeFor,
  readModule,
  Reader,
  text,
  writeSections,
  type Module,
  type Section,
} from "./sections.ts";
import { calleesOf, functionBodies, functionNames } from "./wasm-code.ts";

interface InstrumentOptions {
  readonly output: string;
  readonly glue?: string;
  readonly malloc?: string;
  readonly calloc?: string;
  readonly realloc?: string;
  readonly free?: string;
  readonly memalign?: string;
}

/** How a function's call becomes an event. */
interface Role {
  readonly event: number;
  readonly signature: string;
  /** The event's first two numbers: parameters of the call; -1 is 0. */
  readonly numbers: readonly [number, number];
  /** The parameter that points to where the result is stored, if the function does not return it. */
  readonly storedAt?: number;
}

const POINTER_OF_ONE = "(i32) -> i32";
const POINTER_OF_TWO = "(i32, i32) -> i32";

const ROLES: Readonly<Record<string, Role>> = {
  malloc: { event: Event.allocate, signature: POINTER_OF_ONE, numbers: [0, -1] },
  calloc: { event: Event.zeroed, signature: POINTER_OF_TWO, numbers: [0, 1] },
  realloc: { event: Event.reallocate, signature: POINTER_OF_TWO, numbers: [0, 1] },
  free: { event: Event.free, signature: "(i32) -> nothing", numbers: [0, -1] },
  memalign: { event: Event.allocate, signature: POINTER_OF_TWO, numbers: [1, 0] },
  aligned_alloc: { event: Event.allocate, signature: POINTER_OF_TWO, numbers: [1, 0] },
  posix_memalign: {
    event: Event.allocate,
    signature: "(i32, i32, i32) -> i32",
    numbers: [2, 1],
    storedAt: 0,
  },
  __rust_alloc: { event: Event.allocate, signature: POINTER_OF_TWO, numbers: [0, 1] },
  __rust_alloc_zeroed: { event: Event.allocate, signature: POINTER_OF_TWO, numbers: [0, 1] },
  __rust_realloc: {
    event: Event.reallocate,
    signature: "(i32, i32, i32, i32) -> i32",
    numbers: [0, 3],
  },
  __rust_dealloc: {
    event: Event.free,
    signature: "(i32, i32, i32) -> nothing",
    numbers: [0, -1],
  },
};

/**
 * The functions through which JavaScript allocates in a Rust module, and the allocator's that they call: those of dlmalloc, if
 * the compiler inlined Rust's own, or Rust's.
 */
const BINDGEN: readonly { export: string; roles: readonly (readonly string[])[] }[] = [
  { export: "__wbindgen_malloc", roles: [["malloc", "memalign"], ["__rust_alloc"]] },
  { export: "__wbindgen_realloc", roles: [["__rust_realloc"]] },
  { export: "__wbindgen_free", roles: [["free"], ["__rust_dealloc"]] },
];

/** Other names of the same functions, in the name section. */
const ALIASES: Readonly<Record<string, string>> = {
  dlmalloc: "malloc",
  dlfree: "free",
  dlcalloc: "calloc",
  dlrealloc: "realloc",
  dlmemalign: "memalign",
  emscripten_builtin_malloc: "malloc",
  emscripten_builtin_free: "free",
  emscripten_builtin_calloc: "calloc",
  emscripten_builtin_realloc: "realloc",
  emscripten_builtin_memalign: "memalign",
};

/** A function to wrap. */
interface Target {
  readonly role: string;
  readonly index: number;
  /** How it was found, for people. */
  readonly found: string;
}

const HELP = {
  examples: [
    "heapwright instrument app.wasm -o app.rec.wasm",
    "heapwright instrument sql-wasm.wasm --glue sql-wasm.js -o sql.rec.wasm",
    "heapwright instrument app.wasm -o app.rec.wasm --malloc 512 --free 514",
  ],
  paragraphs: [
    "The allocator's functions are found among the exports, in the name section, through the minified exports of Emscripten's JavaScript (--glue), and behind __wbindgen_malloc. Otherwise name them: an export, a name of the name section, or the number of a function.",
    'The module has no new imports, and behaves as before. To record it, call recordWasm() of "heapwright/record" before it is instantiated.',
    "Exit status: 0 success; 2 the module cannot be instrumented, and the message says why.",
  ],
};

export function instrumentCommand(command: Command, { print }: Context): void {
  command
    .description("let heapwright/record see the allocations of a WebAssembly module")
    .argument("<module>", "the module, a .wasm file")
    .requiredOption("-o, --output <file>", "file to write the instrumented module to")
    .option("--glue <file>", "JavaScript that Emscripten made for the module");
  for (const role of ["malloc", "calloc", "realloc", "free", "memalign"]) {
    command.option(`--${role} <name>`, `the module's ${role}: a name or a number`);
  }
  addMoreHelp(command, HELP).action((path: string, options: InstrumentOptions) => {
    const binary = readInput(path);
    const glue = options.glue === undefined ? "" : readInput(options.glue).toString();
    const { module, targets } = instrument(binary, path, { ...options, glue });
    try {
      writeFileSync(options.output, module);
    } catch (error) {
      throw new CommandFailure(`cannot write ${options.output}: ${(error as Error).message}`);
    }
    print(
      `${options.output}: ${plural(targets.length, "function")} wrapped\n${targets
        .map(({ role, index, found }) => `  ${role.padEnd(15)} function ${index}, ${found}\n`)
        .join("")}`,
    );
  });
}

function readInput(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new CommandFailure(`cannot read ${path}: ${(error as Error).message}`);
  }
}

const [TYPES, FUNCTIONS, TABLES, GLOBALS, EXPORTS, CODE] = [1, 3, 4, 6, 7, 10];

/**
 * The module with its allocator wrapped.
 *
 * The wrapper takes the place of the function, and the function gets a new number after all others. So nothing that names a
 * function has to change:
 *
 *     depth += 1;  result = original(arguments);  depth -= 1
 *     if (on && depth == 0) events[0](kind, arguments, result)
 *
 * `depth` leaves out the calls that the allocator makes to itself. The wrapper is as long as the function was, if it has room,
 * so that offsets in stacks and source maps move all by the same distance.
 * @throws {CommandFailure} if the allocator was not found; the message calls the module `path`
 */
export function instrument(
  binary: Uint8Array,
  path: string,
  options: Omit<InstrumentOptions, "output" | "glue"> & { readonly glue?: string },
): { module: Uint8Array; targets: readonly Target[] } {
  let module: Module;
  try {
    module = readModule(binary);
  } catch (error) {
    throw new CommandFailure(`${path} is not a WebAssembly module: ${(error as Error).message}`);
  }
  if (module.exports.some(({ name }) => name === EVENTS_EXPORT)) {
    throw new CommandFailure(`${path} is instrumented already`);
  }
  if (module.signatures.length === 0) {
    throw new CommandFailure(
      `${path} has types that instrument does not know, such as those of garbage-collected languages`,
    );
  }
  const imported = module.imports.filter(({ kind }) => kind === "function").length;
  const bodies = functionBodies(module);
  const targets = findTargets(module, imported, bodies, path, options);
  const sections = [...module.sections];
  const edit = (id: number, count: number, added: readonly number[]): number =>
    append(sections, id, count, added);

  const importedTables = module.imports.filter(({ kind }) => kind === "table").length;
  const importedGlobals = module.imports.filter(({ kind }) => kind === "global").length;
  const i32 = 0x7f;
  const type = edit(TYPES, 1, [0x60, 4, i32, i32, i32, i32, 0]);
  const table = importedTables + edit(TABLES, 1, [0x70, 0, 1]);
  const zero = [i32, 1, 0x41, 0, 0x0b];
  const on = importedGlobals + edit(GLOBALS, 2, [...zero, ...zero]);
  const depth = on + 1;
  edit(EXPORTS, 2, [
    ...[...text(EVENTS_EXPORT), 1, ...leb(table)],
    ...[...text(ON_EXPORT), 3, ...leb(on)],
  ]);
  const typeOf = entries(sections, FUNCTIONS, (reader) => reader.number());
  edit(
    FUNCTIONS,
    targets.length,
    targets.flatMap(({ index }) => [...leb(typeOf[index - imported]!)]),
  );

  const code = sections.findIndex(({ id }) => id === CODE);
  const { payload } = sections[code]!;
  const moved = targets.map(({ index }) => bodies[index - imported]!);
  const wrappers = new Map(
    targets.map(({ role, index }, n) => {
      const body = wrapper(ROLES[role]!, imported + bodies.length + n, { type, table, on, depth });
      return [index - imported, body] as const;
    }),
  );
  const parts: Uint8Array[] = [leb(bodies.length + targets.length)];
  bodies.forEach((body, i) => {
    const wrapped = wrappers.get(i);
    if (wrapped === undefined) {
      parts.push(payload.subarray(body.start, body.end));
      return;
    }
    // Before the end of the body, operations that do nothing.
    const room = body.end - body.first - wrapped.length - 1;
    const padded = [...wrapped, ...Array.from({ length: Math.max(0, room) }, () => 0x01), 0x0b];
    const width = room >= 0 ? body.first - body.start : 1;
    parts.push(Uint8Array.from([...leb(padded.length, width), ...padded]));
  });
  for (const body of moved) parts.push(payload.subarray(body.start, body.end));
  sections[code] = { id: CODE, payload: Buffer.concat(parts) };
  return { module: writeSections(sections), targets };
}

/** The body of a wrapper without its end: its locals and its code. */
function wrapper(
  { event, signature, numbers, storedAt }: Role,
  original: number,
  at: { type: number; table: number; on: number; depth: number },
): number[] {
  const parameters = signature.slice(1, signature.indexOf(")")).split(", ").length;
  const returns = !signature.endsWith("nothing");
  const result = parameters;
  const get = (local: number): number[] => (local < 0 ? [0x41, 0] : [0x20, ...leb(local)]);
  const addDepth = (by: number): number[] => [
    ...[0x23, ...leb(at.depth), 0x41, by & 0x7f, 0x6a],
    ...[0x24, ...leb(at.depth)],
  ];
  // posix_memalign returns 0 if it stored a pointer.
  const pointer =
    storedAt === undefined
      ? get(returns ? result : -1)
      : [...get(result), 0x04, 0x7f, 0x41, 0, 0x05, ...get(storedAt), 0x28, 2, 0, 0x0b];
  const report = [
    ...[0x23, ...leb(at.on), 0x23, ...leb(at.depth), 0x45, 0x71, 0x04, 0x40],
    ...[0x41, event, ...get(numbers[0]), ...get(numbers[1]), ...pointer],
    ...[0x41, 0, 0x11, ...leb(at.type), ...leb(at.table), 0x0b],
  ];
  const call = [
    ...addDepth(1),
    ...Array.from({ length: parameters }, (_, i) => get(i)).flat(),
    ...[0x10, ...leb(original)],
    ...(returns ? [0x21, ...leb(result)] : []),
    ...addDepth(-1),
  ];
  // A free is reported before it happens: another thread may get the block at once.
  return [
    ...(returns ? [1, 1, 0x7f] : [0]),
    ...(returns ? [...call, ...report, ...get(result)] : [...report, ...call]),
  ];
}

/** Adds entries to the end of a section, which is made if it does not exist. @returns how many it had */
function append(sections: Section[], id: number, count: number, added: readonly number[]): number {
  let at = sections.findIndex((each) => each.id === id);
  if (at < 0) {
    at = placeFor(sections, id);
    sections.splice(at, 0, { id, payload: leb(0) });
  }
  const { payload } = sections[at]!;
  const reader = new Reader(payload);
  const before = reader.number();
  sections[at] = {
    id,
    payload: Buffer.concat([
      leb(before + count),
      payload.subarray(reader.at),
      Uint8Array.from(added),
    ]),
  };
  return before;
}

/** Finds the functions of the allocator. */
function findTargets(
  module: Module,
  imported: number,
  bodies: ReturnType<typeof functionBodies>,
  path: string,
  options: Omit<InstrumentOptions, "output" | "glue"> & { readonly glue?: string },
): Target[] {
  const exported = new Map(
    module.exports.flatMap(({ name, kind, index }) => (kind === "function" ? [[name, index]] : [])),
  ) as ReadonlyMap<string, number>;
  const names = functionNames(module);
  const targets = new Map<number, Target>();
  const has = (event: number): boolean =>
    [...targets.values()].some(({ role }) => ROLES[role]!.event === event);
  const add = (role: string, index: number | undefined, found: string): boolean => {
    if (index === undefined || index < imported || targets.has(index)) return false;
    if (module.signatures[index] !== ROLES[role]!.signature) return false;
    targets.set(index, { role, index, found });
    return true;
  };
  for (const role of ["malloc", "calloc", "realloc", "free", "memalign"] as const) {
    const wanted = options[role];
    if (wanted === undefined) continue;
    const index = /^\d+$/.test(wanted)
      ? Number(wanted)
      : (exported.get(wanted) ?? names.get(wanted));
    if (!add(role, index, "as you said")) {
      const { signature } = ROLES[role]!;
      throw new CommandFailure(
        index === undefined
          ? `${path} has no function ${wanted}. Name an export, or give the number of a function`
          : `${path}: function ${wanted} cannot be ${role}: it is ${index < imported ? "imported" : (module.signatures[index] ?? "not in the module")}, and ${role} is ${signature}`,
      );
    }
  }
  // With the user's word for malloc, the user knows better.
  if (options.malloc === undefined) {
    for (const role of Object.keys(ROLES)) add(role, exported.get(role), `exported as ${role}`);
    for (const role of Object.keys(ROLES)) {
      const short = options.glue === undefined ? undefined : minified(options.glue, role, exported);
      if (short !== undefined)
        add(role, exported.get(short), `exported as ${short} (${role} in the glue)`);
    }
    for (const [name, index] of names) {
      const role = ALIASES[name] ?? name;
      if (Object.hasOwn(ROLES, role)) add(role, index, `named ${name}`);
    }
    for (const { export: name, roles } of has(Event.allocate) ? [] : BINDGEN) {
      const index = exported.get(name);
      if (index === undefined || index < imported) continue;
      const callees = calleesOf(module, bodies[index - imported]!);
      const calledAs = (role: string): boolean => {
        const { signature } = ROLES[role]!;
        const callee = callees.find((each) => module.signatures[each] === signature);
        return add(role, callee, `called by ${name}`);
      };
      for (const [first, ...others] of roles) {
        if (!calledAs(first!)) continue;
        others.forEach(calledAs);
        break;
      }
    }
  }
  for (const [event, option] of [
    [Event.allocate, "malloc"],
    [Event.free, "free"],
  ] as const) {
    if (has(event)) continue;
    throw new CommandFailure(
      `${path}: found no ${option}. If Emscripten minified the exports, pass its JavaScript with --glue; otherwise name the function, or give its number, with --${option}`,
    );
  }
  return [...targets.values()];
}

/** The export that Emscripten's JavaScript assigns to `_malloc` and the like: `a._malloc = b.Xa`, `a["_malloc"] = c["Xa"]`. */
function minified(
  glue: string,
  role: string,
  exported: ReadonlyMap<string, number>,
): string | undefined {
  const assigned = new RegExp(`(?<![\\w$])_${role}["']?\\]?\\s*=\\s*([^;\\n]{0,200})`, "g");
  for (const [, value] of glue.matchAll(assigned)) {
    for (const [, dotted, quoted] of value!.matchAll(/\.([\w$]+)|\[["']([\w$]+)["']\]/g)) {
      const name = (dotted ?? quoted)!;
      if (exported.has(name)) return name;
    }
  }
  return undefined;
}
