/** Programs that link the archives, and each mistake that is easy to make when linking. Skipped where a compiler is missing. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { ENVIRONMENT } from "../../bench/debian.ts";
import { ARCHIVE, CRATE, EMSCRIPTEN_ARCHIVE } from "./paths.ts";
import { Runnable } from "./run.ts";
import { C, cargo, emscripten, missing } from "./tools.ts";

const HERE = fileURLToPath(new URL("object/", import.meta.url));
/** What family.c checks. */
const ROWS = readFileSync(`${HERE}family.c`, "utf8").match(/^ {2}row\(/gm)!.length;
const out = mkdtempSync(join(tmpdir(), "heapwright-object-"));
afterAll(() => rmSync(out, { recursive: true, force: true }));

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: HERE,
    env: ENVIRONMENT,
    encoding: "utf8",
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr.slice(-2000)}`);
  return stdout;
}

/** Compiles and links a WASI command; returns the module, names included. */
function command(source: string, ...link: string[]): Uint8Array {
  const path = join(out, "program.wasm");
  run("clang", ["--target=wasm32-wasi", "-O1", "-fno-builtin", source, ...link, "-o", path]);
  return readFileSync(path);
}

/** What a WASI command prints. */
function output(binary: Uint8Array, ...args: string[]): string {
  return new Runnable({ allocator: "", binary }, { wasi: { arguments: args } }).run().output;
}

/** Whether the module has the C library's allocator, by its names. */
function hasDlmalloc(binary: Uint8Array): boolean {
  return Buffer.from(binary).includes("dlmalloc");
}

const lacking = missing(C);
describe.skipIf(lacking !== undefined)(`clang and wasi-libc ${lacking ?? ""}`, () => {
  it("has the malloc family, with the C library's error numbers", () => {
    const binary = command("family.c", ARCHIVE);
    const rows = output(binary).trim().split("\n");
    expect(rows.filter((row) => !row.startsWith("ok "))).toEqual([]);
    expect(rows).toHaveLength(ROWS);
  });

  it("replaces the C library's allocator, also in newlocale, which calls __libc_malloc", () => {
    expect(hasDlmalloc(command("family.c", ARCHIVE))).toBe(false);
  });

  it("is not linked after -lc: the C library's allocator is taken without a word", () => {
    expect(hasDlmalloc(command("family.c", "-lc", ARCHIVE))).toBe(true);
  });

  it("leaves memory alone that other code has grown", () => {
    const binary = command("growth.c", ARCHIVE);
    expect(output(binary)).toBe("nothing was overwritten\n");
  });

  it("traps on a mistake with a pointer", () => {
    const binary = command("crime.c", ARCHIVE);
    expect(output(binary, "none")).toBe("no mistake\n");
    const crimes = [
      "block freed twice",
      "slot freed twice",
      "pointer into a block",
      "pointer to a variable",
      "realloc of a freed block",
    ];
    for (const crime of crimes)
      expect(() => output(binary, crime), crime).toThrow(WebAssembly.RuntimeError);
  });

  it("links without a C library, and only what the program calls", () => {
    const build = (name: string, ...args: string[]): Uint8Array => {
      const path = join(out, `${name}.wasm`);
      run("clang", ["-O2", "../c/list.c", "-Wl,--no-entry", ...args, "-o", path]);
      return readFileSync(path);
    };
    const result = (binary: Uint8Array): unknown => {
      const { churn } = new WebAssembly.Instance(new WebAssembly.Module(binary as BufferSource))
        .exports;
      return (churn as (rounds: number) => number)(1000);
    };
    const linked = build("linked", "--target=wasm32", "-nostdlib", ARCHIVE);
    const expected = build("libc", "--target=wasm32-wasi", "-mexec-model=reactor");
    expect(result(linked)).toBe(result(expected));
    expect(Buffer.from(linked).includes("posix_memalign")).toBe(false);
  });

  it("is refused in a program with threads, which it does not support", () => {
    const path = join(out, "threads.wasm");
    const threads = ["-matomics", "-mbulk-memory", "-nostdlib", "../c/list.c", ARCHIVE];
    const shared = "-Wl,--no-entry,--shared-memory,--import-memory,--max-memory=1048576";
    expect(() => run("clang", ["--target=wasm32", "-O2", ...threads, shared, "-o", path])).toThrow(
      "shared-memory",
    );
  });
});

const lackingEmscripten = missing([emscripten]);
describe.skipIf(lackingEmscripten !== undefined)(`Emscripten ${lackingEmscripten ?? ""}`, () => {
  const build = (source: string, ...flags: string[]): string => {
    const path = join(out, "program.js");
    run("emcc", [
      "-O1",
      "-fno-builtin",
      "-sSINGLE_FILE",
      source,
      ...flags,
      EMSCRIPTEN_ARCHIVE,
      "-o",
      path,
    ]);
    return run(process.execPath, [path]);
  };

  it("has the malloc family, with the C library's error numbers", { timeout: 120_000 }, () => {
    const rows = build("family.c").trim().split("\n");
    expect(rows.filter((row) => !row.startsWith("ok "))).toEqual([]);
    expect(rows).toHaveLength(ROWS);
  });

  it("shares the break, and tells JavaScript of growth", { timeout: 120_000 }, () => {
    expect(build("break.c", "-sALLOW_MEMORY_GROWTH")).toBe("JavaScript sees ee\nno memory: 1 1\n");
  });
});

const lackingCargo = missing([cargo]);
describe.skipIf(lackingCargo !== undefined)(`cargo ${lackingCargo ?? ""}`, () => {
  /** Debian's, since the one of rustup may be without the library for wasm32. */
  const build = (target: string): WebAssembly.Module => {
    const args = ["build", "--release", "--offline", "--example", "words", "--target", target];
    run("env", [
      "RUSTC=/usr/bin/rustc",
      "/usr/bin/cargo",
      ...args,
      "--target-dir",
      out,
      "--manifest-path",
      join(CRATE, "Cargo.toml"),
    ]);
    return new WebAssembly.Module(readFileSync(join(out, target, "release/examples/words.wasm")));
  };

  it("links the crate on wasm32-unknown-unknown, where nothing is imported", () => {
    const { exports } = new WebAssembly.Instance(build("wasm32-unknown-unknown"));
    const { memory, room, count } = exports as unknown as {
      memory: WebAssembly.Memory;
      room(length: number): number;
      count(text: number, length: number): number;
    };
    const text = new TextEncoder().encode("one two three Two four ".repeat(20_000));
    const pointer = room(text.length);
    new Uint8Array(memory.buffer).set(text, pointer);
    expect(count(pointer, text.length)).toBe(4);
  });

  it("links the crate on WASI, in place of the C library's allocator", () => {
    const sections = build("wasm32-wasi");
    expect(WebAssembly.Module.exports(sections).map(({ name }) => name)).toContain("count");
  });
});
