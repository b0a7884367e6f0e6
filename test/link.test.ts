/** `heapwright link`: modules that import their allocator, merged with the heap. */

import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import binaryen from "binaryen";
import { afterAll, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "heapwright-link-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

type Exports = Record<string, (...args: number[]) => number>;

function assemble(name: string, text: string): string {
  const module = binaryen.parseText(`(module ${text})`);
  module.setFeatures(binaryen.Features.All);
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
function linked(text: string, ...flags: string[]): { module: WebAssembly.Module; said: string } {
  const path = assemble("app.wasm", text);
  const output = join(folder, "linked.wasm");
  const { code, out, err } = cli("link", path, "-o", output, ...flags);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return { module: new WebAssembly.Module(readFileSync(output)), said: out };
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
      /app\.wasm [\d.]+ (K?i?B) \+ heap [\d.]+ KiB = .*linked\.wasm [\d.]+ KiB\n/,
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
      "heap_check,heap_break",
    );
    expect(said).toContain("heap    begins at __heap_base\n");
    const { first, make, drop, heap_check, heap_break } = instance(module) as Required<Exports>;
    expect(first!()).toBeGreaterThan(4096);
    expect(first!()).toBeLessThan(65536);
    expect(heap_break!()).toBeLessThanOrEqual(2 * 65536);
    const p = make!(5000);
    expect(p).toBeGreaterThan(first!());
    drop!(p);
    drop!(first!());
    expect(() => drop!(p)).toThrow(WebAssembly.RuntimeError);
    expect(heap_check!()).toBe(0);
  }, 60_000);

  it("makes one heap of a shared memory, whichever instance comes first", () => {
    const { module, said } = linked(
      `(import "host" "memory" (memory 2 100 shared)) ${MALLOC} ${FREE} ${BASE} ${ALLOCATES}`,
      "--export",
      "heap_check",
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
    expect(second["heap_check"]!()).toBe(0);
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

  const text = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const good = assemble("good.wasm", `${MALLOC} ${FREE} ${MEMORY} ${ALLOCATES}`);
  const cases: [what: string, path: string, flags: string[], sentence: RegExp][] = [
    ["no such file", join(folder, "none.wasm"), [], /none\.wasm can't be read: ENOENT/],
    ["text", text("text.wasm", "(module)"), [], /text\.wasm is no WebAssembly module/],
    [
      "a module cut short",
      (() => {
        const path = join(folder, "short.wasm");
        writeFileSync(path, readFileSync(good).subarray(0, 40));
        return path;
      })(),
      [],
      /short\.wasm is no WebAssembly module: it ends too soon/,
    ],
    ["no memory", assemble("bare.wasm", MALLOC), [], /bare\.wasm has no memory/],
    [
      "64-bit addresses",
      assemble("wide.wasm", `${MALLOC} (memory i64 1)`),
      [],
      /wide\.wasm has a memory of 64-bit addresses/,
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
      /imports neither malloc nor free: it does not allocate, or has an allocator of its own inside/,
    ],
    [
      "an allocator of its own",
      assemble("own.wasm", `${MEMORY} (func (export "free") (param i32))`),
      [],
      /imports neither malloc nor free: it exports free, so it has an allocator of its own/,
    ],
    [
      "a function of another type",
      assemble("typed.wasm", `(import "env" "malloc" (func (param i64) (result i64))) ${MEMORY}`),
      [],
      /typed\.wasm imports functions of the heap with other types/,
    ],
    ["an unknown export", good, ["--export", "mallocs"], /--export mallocs: the heap has no such/],
    [
      "an export that is taken",
      assemble("taken.wasm", `${MALLOC} ${MEMORY} (func (export "malloc"))`),
      ["--export", "malloc"],
      /--export malloc: .*taken\.wasm exports that itself/,
    ],
    [
      "nowhere to write",
      good,
      ["--output", join(folder, "no/where.wasm")],
      /no.where\.wasm can't be written: ENOENT/,
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
    30_000,
  );

  it("is optimised as much as --optimise says, and by 3 else", () => {
    const sizeWith = (...flags: string[]): number => {
      linked(`${RANDOM} ${MEMORY}`, ...flags);
      return statSync(join(folder, "linked.wasm")).size;
    };
    const size = sizeWith("--optimise", "3");
    expect(sizeWith("--optimise", "0")).toBeGreaterThan(size);
    expect(sizeWith()).toBe(size);
  }, 60_000);

  it("says how to get Binaryen where it is missing", () => {
    const alone = join(folder, "alone");
    mkdirSync(join(alone, "dist"), { recursive: true });
    for (const name of ["dist/cli.js", "dist/index.js", "dist/heap.wasm", "package.json"]) {
      copyFileSync(join(ROOT, name), join(alone, name));
    }
    const { status, stderr } = spawnSync(
      process.execPath,
      [join(alone, "dist/cli.js"), "link", good, "-o", join(folder, "out.wasm")],
      { cwd: alone, encoding: "utf8" },
    );
    expect(status).toBe(2);
    expect(stderr).toContain("npm install --save-dev binaryen");
  });
});
