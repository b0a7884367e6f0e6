/** `heapwright link`: modules that import their allocator, merged with the heap. */

import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import binaryen from "binaryen";
import { afterAll, describe, expect, it } from "vitest";

import { readModule, writeSections, type Section } from "../../cli/sections.ts";
import { Heap } from "../../src/index.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "heapwright-link-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

type Exports = Record<string, (...args: number[]) => number>;

/** Binaryen's number for a form of the section of imports that 132 writes where it may, and Node does not read. */
const COMPACT_IMPORTS = 1 << 26;

function assemble(name: string, text: string): string {
  const module = binaryen.parseText(`(module ${text})`);
  module.setFeatures(binaryen.Features.All & ~COMPACT_IMPORTS);
  binaryen.setDebugInfo(text.includes("$named"));
  const path = join(folder, name);
  writeFileSync(path, module.emitBinary());
  module.dispose();
  return path;
}

function cli(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, "dist/cli.js"), ...args],
    { encoding: "utf8", env: { PATH: process.env["PATH"], LANG: "C" } },
  );
  return { code: status, out: stdout, err: stderr };
}

/** Links a module of this text; the linked module, and what the command said. */
function linked(
  text: string,
  ...flags: string[]
): { module: WebAssembly.Module; binary: Uint8Array; said: string } {
  return linkedFile(assemble("app.wasm", text), ...flags);
}

function linkedFile(path: string, ...flags: string[]): ReturnType<typeof linked> {
  const output = join(folder, "linked.wasm");
  const { code, out, err } = cli("link", path, "-o", output, ...flags);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const binary = readFileSync(output);
  return { module: new WebAssembly.Module(binary), binary, said: out };
}

/** A section; its content is short. */
function section(id: number, ...content: (string | number[])[]): Section {
  const bytesOf = (part: string | number[]): number[] => {
    if (typeof part !== "string") return part;
    const bytes = [...new TextEncoder().encode(part)];
    return [bytes.length, ...bytes];
  };
  return { id, payload: Uint8Array.from(content.flatMap(bytesOf)) };
}

/** Writes a module of these sections. */
function put(name: string, ...sections: readonly Section[]): string {
  const path = join(folder, name);
  writeFileSync(path, writeSections(sections));
  return path;
}

function sectionsOf(text: string): readonly Section[] {
  return readModule(readFileSync(assemble("sections.wasm", text))).sections;
}

/** Whether a module is valid for an engine that has only these features of Binaryen's. */
function validWith(binary: Uint8Array, ...features: string[]): boolean {
  // What a module declares, Binaryen allows.
  const path = put("asked.wasm", ...readModule(binary).sections.filter(({ id }) => id !== 0));
  const flags = ["--mvp-features", ...features.map((name) => `--enable-${name}`)];
  const optimiser = join(ROOT, "node_modules/binaryen/bin/wasm-opt");
  return spawnSync(process.execPath, [optimiser, path, ...flags]).status === 0;
}

function instance(module: WebAssembly.Module, env: WebAssembly.ModuleImports = {}): Exports {
  return new WebAssembly.Instance(module, { env }).exports as Exports;
}

const MALLOC = '(import "env" "malloc" (func $malloc (param i32) (result i32)))';
const FREE = '(import "env" "free" (func $free (param i32)))';
const ALLOCATES = `(func (export "make") (param i32) (result i32) (call $malloc (local.get 0)))
  (func (export "drop") (param i32) (call $free (local.get 0)))`;
const BASE = '(global (export "__heap_base") i32 (i32.const 4096))';
const MEMORY = '(memory (export "memory") 2)';

/** A random program: a table of blocks that are made, resized and freed; what it answers depends on every pointer. */
const RANDOM = `
  (import "env" "log" (func $log (param i32)))
  ${MALLOC} ${FREE}
  (import "env" "realloc" (func $realloc (param i32 i32) (result i32)))
  (type $unary (func (param i32) (result i32)))
  (table 2 funcref) (elem (i32.const 0) $malloc $twice)
  (data (i32.const 16) "\\2a\\00\\00\\00")
  (global $seed (mut i32) (i32.const 88172645))
  (func $twice (param i32) (result i32)
    (call_indirect (type $unary) (i32.mul (local.get 0) (i32.const 2)) (i32.const 0)))
  (func $random (result i32)
    (global.set $seed (i32.xor (global.get $seed) (i32.shl (global.get $seed) (i32.const 13))))
    (global.set $seed (i32.xor (global.get $seed) (i32.shr_u (global.get $seed) (i32.const 17))))
    (global.set $seed (i32.xor (global.get $seed) (i32.shl (global.get $seed) (i32.const 5))))
    (global.get $seed))
  (func (export "run") (param $rounds i32) (result i32)
    (local $at i32) (local $p i32) (local $sum i32)
    (local.set $sum (i32.load (i32.const 16)))
    (loop $again
      (local.set $at (i32.add (i32.const 64) (i32.shl (i32.and (call $random) (i32.const 255)) (i32.const 2))))
      (local.set $p (i32.load (local.get $at)))
      (if (i32.and (call $random) (i32.const 3))
        (then (local.set $p (call $realloc (local.get $p) (i32.rem_u (call $random) (i32.const 3000)))))
        (else
          (call $free (local.get $p))
          (local.set $p (call_indirect (type $unary)
            (i32.rem_u (call $random) (i32.const 500)) (i32.and (call $random) (i32.const 1))))))
      (i32.store (local.get $at) (local.get $p))
      (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31)) (local.get $p)))
      (br_if $again (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (call $log (local.get $sum))
    (local.get $sum))`;

describe("heapwright link", () => {
  it("makes one module that gets the same pointers as from a heap beside it", () => {
    const { module, said } = linked(`${RANDOM} (memory (export "memory") 2)`);
    expect(WebAssembly.Module.imports(module)).toEqual([
      { module: "env", name: "log", kind: "function" },
    ]);
    expect(WebAssembly.Module.exports(module).map(({ name }) => name)).toEqual(["run", "memory"]);
    expect(said).toMatch(
      /app\.wasm\s[\d.]+ K?i?B\s\+\sheap\s[\d.]+ KiB\s->\s.*linked\.wasm\s[\d.]+ KiB\n/,
    );
    expect(said).toContain('bound   malloc, free, realloc of "env"\n');
    expect(said).toContain("memory  the module's own\n");
    expect(said).toContain("heap    begins at the end of the memory");
    const logged: number[] = [];
    const sum = instance(module, { log: (value: number) => logged.push(value) })["run"]!(5000);
    expect(logged).toEqual([sum]);

    const beside = new WebAssembly.Module(
      readFileSync(assemble("beside.wasm", `(import "env" "memory" (memory 2)) ${RANDOM}`)),
    );
    const memory = new WebAssembly.Memory({ initial: 2 });
    const heap = instance(new WebAssembly.Module(readFileSync(join(ROOT, "dist/heap.wasm"))), {
      memory,
    });
    expect(instance(beside, { memory, ...heap, log: () => {} })["run"]!(5000)).toBe(sum);
  }, 60_000);

  it("begins the heap at __heap_base, before the module's own start function allocates", () => {
    const { module, said } = linked(
      `${MALLOC} ${FREE} ${MEMORY} ${BASE} ${ALLOCATES}
      (global $first (mut i32) (i32.const 0))
      (func $begin (global.set $first (call $malloc (i32.const 100))))
      (start $begin)
      (func (export "first") (result i32) (global.get $first))`,
      "--export",
      "heap_stat,heap_break",
    );
    expect(said).toContain("heap    begins at __heap_base\n");
    const exports = instance(module);
    const { first, make, drop, heap_stat, heap_break } = exports as Required<Exports>;
    expect(first!()).toBeGreaterThan(4096);
    expect(first!()).toBeLessThan(65536);
    expect(heap_break!()).toBeLessThanOrEqual(2 * 65536);
    const p = make!(5000);
    expect(p).toBeGreaterThan(first!());
    drop!(p);
    drop!(first!());
    expect(() => drop!(p)).toThrow(WebAssembly.RuntimeError);
    const { memory } = exports as unknown as { memory: WebAssembly.Memory };
    Heap.attach(memory, { base: heap_stat!(3) }).check();
  }, 60_000);

  it("makes one heap of a shared memory, whichever instance comes first", () => {
    const { module, said } = linked(
      `(import "host" "memory" (memory 2 100 shared)) ${MALLOC} ${FREE} ${BASE} ${ALLOCATES}`,
      "--export",
      "heap_stat",
      "--optimise",
      "s",
    );
    expect(said).toContain("memory  imported, shared\n");
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 100, shared: true });
    const join = (): Exports =>
      new WebAssembly.Instance(module, { host: { memory } }).exports as Exports;
    const first = join();
    const p = first["make"]!(100);
    const second = join();
    const q = second["make"]!(100);
    expect(q).not.toBe(p);
    second["drop"]!(p);
    expect(() => first["drop"]!(p)).toThrow(WebAssembly.RuntimeError);
    first["drop"]!(q);
    Heap.attach(memory, { base: second["heap_stat"]!(3) }).check();
  }, 60_000);

  it("leaves where the heap is to a module that says so, whatever it imports from, names kept", () => {
    const { module, said } = linked(
      `(import "memory-manager" "heap_init" (func $init (param i32 i32) (result i32)))
      (import "c" "malloc" (func $malloc (param i32) (result i32)))
      ${MEMORY} ${BASE}
      (func $named (export "go") (result i32)
        (drop (call $init (i32.const 20000) (i32.const 100000)))
        (call $malloc (i32.const 50)))`,
    );
    expect(said).toContain('bound   heap_init of "memory-manager"\nbound   malloc of "c"\n');
    expect(said).toContain("heap    begins where the module says\n");
    const p = instance(module)["go"]!();
    expect(p).toBeGreaterThan(20000);
    expect(p).toBeLessThan(100000);
    const [names] = WebAssembly.Module.customSections(module, "name");
    expect(new TextDecoder().decode(names)).toContain("named");
  }, 60_000);

  const COPIES = `(func (export "copy") (param i32 i32)
    (memory.copy (local.get 0) (local.get 1) (i32.const 16)))`;

  it("makes a module need bulk memory and nothing more, whatever its compiler would allow", () => {
    const { binary } = linkedFile(
      put(
        "copies.wasm",
        ...sectionsOf(`(import "env" "a" (func $a)) (import "env" "b" (func $b)) ${MALLOC} ${FREE}
        ${MEMORY} ${BASE} ${ALLOCATES} ${COPIES} (func (export "both") (call $a) (call $b))`),
        section(0, "target_features", [1, 0x2b], "simd128"),
      ),
    );
    expect(validWith(binary, "bulk-memory")).toBe(true);
    expect(validWith(binary)).toBe(false);
    const features = WebAssembly.Module.customSections(
      new WebAssembly.Module(binary as BufferSource),
      "target_features",
    );
    const declared = new TextDecoder().decode(features[0]);
    expect(declared).toContain("bulk-memory");
    expect(declared).not.toContain("simd");
  }, 60_000);

  it("keeps to what a module needs itself", () => {
    const { binary } = linked(`${MALLOC} ${FREE} ${MEMORY} ${ALLOCATES} ${COPIES}
      (func (export "sign") (param i32) (result i32) (i32.extend8_s (local.get 0)))
      (func (export "tail") (param i32) (return_call $free (local.get 0)))`);
    expect(validWith(binary, "bulk-memory", "sign-ext", "tail-call")).toBe(true);
    expect(validWith(binary, "bulk-memory", "tail-call")).toBe(false);
    expect(validWith(binary, "bulk-memory", "sign-ext")).toBe(false);
  }, 120_000);

  it("keeps custom sections that are still true, and names with a byte order mark", () => {
    const { module, binary } = linkedFile(
      put(
        "custom.wasm",
        section(0, "dylink.0", [1, 4, 0, 0, 0, 0]),
        ...sectionsOf(`(import "env" "\\u{feff}begin" (func $begin)) ${MALLOC} ${FREE} ${MEMORY} ${BASE} ${ALLOCATES}
          (export "\\u{feff}end" (func $begin))`),
        section(0, ".debug_info", [1]),
        section(0, "sourceMappingURL", "app.wasm.map"),
        section(0, "producers", [0]),
        section(0, "component-type:host", [1, 2, 3]),
        section(0, "component-type:host", [4]),
      ),
      "--export",
      "malloc",
    );
    const contents = (name: string): number[][] =>
      WebAssembly.Module.customSections(module, name).map((each) => [...new Uint8Array(each)]);
    expect(contents("component-type:host")).toEqual([[1, 2, 3], [4]]);
    expect(contents("producers")).toEqual([[0]]);
    expect(contents("dylink.0")).toEqual([[1, 4, 0, 0, 0, 0]]);
    expect(binary.subarray(8, 19)).toEqual(
      Buffer.from([0, 15, 8, ...new TextEncoder().encode("dylink.0")]),
    );
    expect(contents(".debug_info")).toEqual([]);
    expect(contents("sourceMappingURL")).toEqual([]);
    expect(WebAssembly.Module.imports(module).map(({ name }) => name)).toEqual(["\ufeffbegin"]);
    expect(WebAssembly.Module.exports(module).map(({ name }) => name)).toContain("\ufeffend");
  }, 60_000);

  it("links a module of ten thousand exports, and one of none", () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `function-${index}`);
    const { module } = linked(
      `${MALLOC} ${MEMORY} (func $f (drop (call $malloc (i32.const 1))))
      ${names.map((name) => `(export "${name}" (func $f))`).join(" ")}`,
      "--optimise",
      "0",
    );
    expect(WebAssembly.Module.exports(module).map(({ name }) => name)).toEqual([
      "memory",
      ...names,
    ]);
    const none = linked(
      `${MALLOC} (import "env" "memory" (memory 1)) (start $f)
      (func $f (i32.store (i32.const 0) (call $malloc (i32.const 1))))`,
    );
    expect(WebAssembly.Module.exports(none.module)).toEqual([]);
    const memory = new WebAssembly.Memory({ initial: 1 });
    instance(none.module, { memory });
    expect(new Int32Array(memory.buffer)[0]).toBeGreaterThanOrEqual(65536);
  }, 120_000);

  it("traps at the start where the memory has no room for a heap at __heap_base", () => {
    const { module } = linked(`${MALLOC} ${FREE} (memory (export "memory") 1 1) ${ALLOCATES}
      (global (export "__heap_base") i32 (i32.const 70000))`);
    expect(() => instance(module)).toThrow(WebAssembly.RuntimeError);
  }, 60_000);

  const text = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const good = assemble("good.wasm", `${MALLOC} ${FREE} ${MEMORY} ${ALLOCATES}`);
  const cases: [what: string, path: string, flags: string[], sentence: RegExp][] = [
    [
      "no such file",
      join(folder, "none.wasm"),
      [],
      /cannot read .*none\.wasm: no such file or folder/,
    ],
    ["a folder", folder, [], /cannot read .*: it is a folder/],
    [
      "an empty file",
      text("empty.wasm", ""),
      [],
      /empty\.wasm is not a WebAssembly module: it ends/,
    ],
    ["text", text("text.wasm", "(module)"), [], /text\.wasm is not a WebAssembly module/],
    [
      "a module cut short",
      (() => {
        const path = join(folder, "short.wasm");
        writeFileSync(path, readFileSync(good).subarray(0, 40));
        return path;
      })(),
      [],
      /short\.wasm is not a WebAssembly module: it ends too early/,
    ],
    ["no memory", assemble("bare.wasm", MALLOC), [], /bare\.wasm has no memory/],
    [
      "64-bit addresses",
      assemble("wide.wasm", `${MALLOC} (memory i64 1)`),
      [],
      /wide\.wasm has a memory with 64-bit addresses; .*wasm32/,
    ],
    [
      "two memories",
      assemble("two.wasm", `${MALLOC} (memory 1) (memory 1)`),
      [],
      /two\.wasm has 2 memories/,
    ],
    [
      "no allocator",
      assemble("none.of.wasm", `${MEMORY} (func (export "f"))`),
      [],
      /imports neither malloc nor free: it does not allocate, or it contains an allocator/,
    ],
    [
      "an allocator of its own",
      assemble("own.wasm", `${MEMORY} (func (export "free") (param i32))`),
      [],
      /imports neither malloc nor free: it exports free, so it contains an allocator/,
    ],
    [
      "malloc as a global",
      assemble("global.wasm", `(import "js" "malloc" (global i32)) ${MEMORY}`),
      [],
      /global\.wasm imports malloc from "js" as a global; the heap's malloc is a function, \(i32\) -> i32/,
    ],
    [
      "free as a table, beside malloc as a function",
      assemble("table.wasm", `${MALLOC} (import "env" "free" (table 1 funcref)) ${MEMORY}`),
      [],
      /table\.wasm imports free from "env" as a table; the heap's free is a function, \(i32\) -> nothing/,
    ],
    [
      "a function of another type",
      assemble("typed.wasm", `(import "env" "malloc" (func (param i64) (result i64))) ${MEMORY}`),
      [],
      /typed\.wasm imports malloc as \(i64\) -> i64; the heap's malloc is \(i32\) -> i32/,
    ],
    [
      "a function of another type, in a module whose types are not read",
      assemble(
        "rec.wasm",
        `(rec (type (struct)) (type (struct))) (import "env" "malloc" (func (param i64) (result i64)))
        (func (param (ref 0))) ${MEMORY}`,
      ),
      [],
      /rec\.wasm imports functions of the heap with other types than the heap's/,
    ],
    [
      "a __heap_base that may change",
      assemble(
        "mutable.wasm",
        `${MALLOC} ${MEMORY} (global (export "__heap_base") (mut i32) (i32.const 4096))`,
      ),
      [],
      /mutable\.wasm exports a __heap_base that is mutable or has another type/,
    ],
    [
      "a __heap_base of 64 bits",
      assemble(
        "wide.base.wasm",
        `${MALLOC} ${MEMORY} (global (export "__heap_base") i64 (i64.const 4096))`,
      ),
      [],
      /wide\.base\.wasm exports a __heap_base that is mutable or has another type/,
    ],
    [
      "a module that is not valid",
      assemble(
        "invalid.wasm",
        `${MALLOC} ${MEMORY} (func (export "f") (drop (call $malloc (f32.const 1))))`,
      ),
      [],
      /invalid\.wasm is not a valid module: .*call param types must match\n/,
    ],
    [
      "code that is cut short",
      put(
        "cut.wasm",
        section(1, [1, 0x60, 1, 0x7f, 1, 0x7f]),
        section(2, [1], "env", "malloc", [0, 0]),
        section(3, [1, 0]),
        section(5, [1, 0, 1]),
        section(10, [1, 3, 0, 0x1a, 0x0b]), // drops what is not there
      ),
      [],
      /cut\.wasm is not a valid module: \[parse exception: [^\n]*\]\n/,
    ],
    [
      "a component",
      (() => {
        const path = join(folder, "component.wasm");
        writeFileSync(path, Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00));
        return path;
      })(),
      [],
      /component\.wasm is not a WebAssembly module: it is a component\. Link the module before/,
    ],
    [
      "pages of another size",
      put("pages.wasm", section(5, [1, 8, 0, 0])),
      [],
      /pages\.wasm has a memory with pages of 1 bytes; the heap needs pages of 65536/,
    ],
    ["standard input", "-", [], /link reads and writes files/],
    ["standard output", good, ["--output", "-"], /link reads and writes files/],
    ["an unknown export", good, ["--export", "mallocs"], /--export mallocs: the heap has no such/],
    [
      "an export that is taken",
      assemble("taken.wasm", `${MALLOC} ${MEMORY} (func (export "malloc"))`),
      ["--export", "malloc"],
      /--export malloc: .*taken\.wasm already exports malloc/,
    ],
    [
      "nowhere to write",
      good,
      ["--output", join(folder, "no/where.wasm")],
      /cannot write .*no.where\.wasm: no such file or folder/,
    ],
  ];
  it.each(cases)(
    "says what is wrong: %s",
    (_what, path, flags, sentence) => {
      const { code, out, err } = cli("link", path, "-o", join(folder, "out.wasm"), ...flags);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).toMatch(sentence);
      expect(err).toMatch(/^heapwright: [^\n]*\n$/);
    },
    60_000,
  );

  it("never writes to the module it links, whatever name leads to it", () => {
    const input = join(folder, "input.wasm");
    copyFileSync(good, input);
    const before = readFileSync(input);
    const [symbolic, hard] = [join(folder, "symbolic.wasm"), join(folder, "hard.wasm")];
    symlinkSync("input.wasm", symbolic);
    linkSync(input, hard);
    for (const output of [input, join(folder, "./x/../input.wasm"), symbolic, hard]) {
      const { code, out, err } = cli("link", input, "-o", output);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).toBe(`heapwright: ${output} is the module to link. Name another file after -o\n`);
      expect(readFileSync(input).equals(before)).toBe(true);
    }
  });

  it("replaces its output in one step, and leaves nothing else behind", () => {
    const place = join(folder, "place");
    mkdirSync(place);
    const [output, other] = [join(place, "output.wasm"), join(place, "other")];
    const link = join(place, "link.wasm");
    writeFileSync(output, "before");
    chmodSync(output, 0o640);
    // Whoever had the file open goes on reading what it held: that of its second name.
    linkSync(output, other);
    symlinkSync("output.wasm", link);
    const bad = assemble("bad.wasm", MEMORY);
    expect(cli("link", bad, "-o", output).code).toBe(2);
    expect(readFileSync(output, "utf8")).toBe("before");

    expect(cli("link", good, "-o", link)).toMatchObject({ code: 0, err: "" });
    expect(readFileSync(other, "utf8")).toBe("before");
    expect(WebAssembly.validate(readFileSync(output))).toBe(true);
    if (process.platform !== "win32") expect(statSync(output).mode & 0o777).toBe(0o640);
    expect(readdirSync(place).toSorted()).toEqual(["link.wasm", "other", "output.wasm"]);

    const nowhere = join(place, "folder");
    mkdirSync(nowhere);
    const { code, err } = cli("link", good, "-o", nowhere);
    expect(code).toBe(2);
    expect(err).toMatch(/cannot write .*folder: it is a folder/);
    expect(readdirSync(nowhere)).toEqual([]);
  }, 60_000);

  it("leaves the address of malloc to the linker of dynamic libraries", () => {
    const { module } = linked(
      `${MALLOC} ${FREE} (import "GOT.func" "calloc" (global (mut i32))) ${MEMORY} ${ALLOCATES}`,
    );
    expect(WebAssembly.Module.imports(module)).toEqual([]);
  }, 60_000);

  it("is optimised as much as --optimise says, and by 3 else", () => {
    const sizeWith = (...flags: string[]): number => {
      linked(`${RANDOM} ${MEMORY}`, ...flags);
      return statSync(join(folder, "linked.wasm")).size;
    };
    const size = sizeWith("--optimise", "3");
    expect(sizeWith("--optimise", "0")).toBeGreaterThan(size);
    expect(sizeWith()).toBe(size);
  }, 60_000);

  it("says so where there is no temporary folder", () => {
    const { status, stderr } = spawnSync(
      process.execPath,
      [join(ROOT, "dist/cli.js"), "link", good, "-o", join(folder, "out.wasm")],
      { encoding: "utf8", env: { TMPDIR: join(folder, "nowhere") } },
    );
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /^heapwright: cannot write temporary files to .*nowhere: ENOENT[^\n]*Set TMPDIR[^\n]*\n$/,
    );
  });

  it("says how to get Binaryen where it is missing, and when what it made is no module", () => {
    const alone = join(folder, "alone");
    mkdirSync(join(alone, "dist"), { recursive: true });
    const modules = readdirSync(join(ROOT, "dist")).filter((name) => name.endsWith(".js"));
    for (const name of [...modules, "heap.wasm"]
      .map((each) => `dist/${each}`)
      .concat("package.json")) {
      copyFileSync(join(ROOT, name), join(alone, name));
    }
    const linkAlone = (): { status: number | null; stderr: string } =>
      spawnSync(
        process.execPath,
        [join(alone, "dist/cli.js"), "link", good, "-o", join(folder, "out.wasm")],
        { cwd: alone, encoding: "utf8" },
      );
    const without = linkAlone();
    expect(without.status).toBe(2);
    expect(without.stderr).toContain("npm install --save-dev binaryen");

    const bin = join(alone, "node_modules/binaryen/bin");
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, "../package.json"), "{}");
    writeFileSync(join(bin, "wasm-opt"), "");
    writeFileSync(
      join(bin, "wasm-merge"),
      `require("fs").writeFileSync(process.argv.at(-1), "something else")`,
    );
    const strange = linkAlone();
    expect(strange.status).toBe(2);
    expect(strange.stderr).toMatch(
      /^heapwright: .*good\.wasm: cannot read the module that wasm-merge wrote to .*: it does not begin like one\n$/,
    );
  });
});
