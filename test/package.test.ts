/** The package as it is published: packed, installed and used. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TYPESCRIPT = join(ROOT, "node_modules/typescript/bin/tsc");

/** Somebody's project, with the package in its node_modules. */
let project: string;
let installed: string;
let tarball: string;

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), "heapwright-"));
  const packed = execFileSync("npm", ["pack", "--json", "--pack-destination", project], {
    cwd: ROOT,
    encoding: "utf8",
  });
  tarball = join(project, (JSON.parse(packed) as [{ filename: string }])[0].filename);
  installed = join(project, "node_modules/heapwright");
  mkdirSync(installed, { recursive: true });
  execFileSync("tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"]);
  writeFileSync(join(project, "package.json"), '{ "type": "module" }');
}, 60_000);

afterAll(() => rmSync(project, { recursive: true, force: true }));

/** Runs a program in the project; what it printed. */
function run(name: string, source: string, ...flags: string[]): string {
  writeFileSync(join(project, name), source);
  return execFileSync(process.execPath, [...flags, name], { cwd: project, encoding: "utf8" });
}

it("has no fault that publint finds", async () => {
  const bytes = readFileSync(tarball);
  const { messages, pkg } = await publint({
    pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) },
    strict: true,
  });
  expect(messages.map((message) => formatMessage(message, pkg!))).toEqual([]);
});

it("holds the library, its typings, both wasm files and the command, and no more", () => {
  const files = readdirSync(join(installed, "dist")).toSorted();
  expect(files.filter((name) => !name.endsWith(".d.ts"))).toEqual([
    "THIRD-PARTY-NOTICES.txt",
    "cli.js",
    "heap.shared.wasm",
    "heap.wasm",
    "index.js",
  ]);
  const notices = readFileSync(join(installed, "dist/THIRD-PARTY-NOTICES.txt"), "utf8");
  for (const name of ["cli-progress", "cli-table3", "commander", "picocolors"]) {
    expect(notices).toMatch(new RegExp(`^${name} \\d+\\.\\d+`, "m"));
  }
  const typings = files.filter((name) => name.endsWith(".d.ts"));
  expect(typings).toContain("index.d.ts");
  for (const name of typings) {
    const text = readFileSync(join(installed, "dist", name), "utf8");
    for (const [, from] of text.matchAll(/from "([^"]+)"/g)) {
      expect(typings).toContain(from!.replace(/^\.\/(.+)\.js$/, "$1.d.ts"));
    }
  }
});

describe("a program", () => {
  const PROGRAM = `
    import { Heap, HeapError } from "heapwright";
    const heap = new Heap();
    const p = heap.allocate(1024);
    heap.view(Float32Array, p, 256).fill(1);
    const sum = heap.view(Float32Array, p, 256).reduce((a, b) => a + b);
    heap.deallocate(p);
    try {
      heap.deallocate(p);
    } catch (error) {
      console.log(heap.engine, sum, error instanceof HeapError, error.code, error.pointer === p);
    }
  `;

  it("runs on it", () => {
    expect(run("program.mjs", PROGRAM)).toBe("wasm 256 true DOUBLE_FREE true\n");
  });

  it("runs where there is no WebAssembly", () => {
    const without = `delete globalThis.WebAssembly; await import("./program.mjs");`;
    expect(run("without.mjs", without)).toBe("js 256 true DOUBLE_FREE true\n");
  });

  it("compiles against its typings", () => {
    writeFileSync(
      join(project, "typed.ts"),
      `import { Heap, HeapError, type HeapErrorCode, type HeapOptions, type Entry, type HeapStats } from "heapwright";
      const options: HeapOptions = { fit: "next", small: 512, engine: "auto", margin: 4096 };
      const heap = new Heap(options);
      const p: number = heap.allocate(64, 64);
      const floats: Float32Array = heap.view(Float32Array, p, 16);
      const words: BigInt64Array = heap.view(BigInt64Array, p, 8);
      const stats: HeapStats = heap.stats();
      const entries: Entry[] = [...heap.walk()];
      const engine: "wasm" | "js" = Heap.attach(heap.memory, stats.base).engine;
      const code: HeapErrorCode = new HeapError("CORRUPT", "").code;
      console.log(floats, words, entries, engine, code);
      // @ts-expect-error there is no such fit
      new Heap({ fit: "worst" });`,
    );
    const flags = [
      "--noEmit",
      "--strict",
      "--module",
      "nodenext",
      "--target",
      "es2022",
      "--types",
      "",
    ];
    const found = spawnSync(process.execPath, [TYPESCRIPT, ...flags, "typed.ts"], {
      cwd: project,
      encoding: "utf8",
    });
    expect(found.stdout + found.stderr).toBe("");
  }, 30_000);

  it("uses heap.wasm by itself", () => {
    const source = `
      import { readFileSync } from "node:fs";
      for (const [name, shared] of [["heap.wasm", false], ["heap.shared.wasm", true]]) {
        const bytes = readFileSync(new URL(import.meta.resolve("heapwright/" + name)));
        const module = new WebAssembly.Module(bytes);
        console.log(WebAssembly.Module.imports(module).map((each) => each.module + "." + each.name).join());
        const memory = new WebAssembly.Memory({ initial: 1, maximum: 100, shared });
        const { malloc, free, heap_check, heap_error } = new WebAssembly.Instance(module, { env: { memory } }).exports;
        const p = malloc(100);
        free(p);
        let trapped = false;
        try {
          free(p);
        } catch (error) {
          trapped = error instanceof WebAssembly.RuntimeError;
        }
        console.log(p > 65536, trapped, heap_error(), heap_check());
      }
    `;
    expect(run("wasm.mjs", source)).toBe("env.memory\ntrue true 4 0\n".repeat(2));
  });
});

it("brings the command", () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    version: string;
  };
  const command = join(installed, "dist/cli.js");
  expect(execFileSync(process.execPath, [command, "--version"], { encoding: "utf8" })).toBe(
    `${version}\n`,
  );
  writeFileSync(join(project, "small.rep"), "0\n2\n4\n1\na 0 100\na 1 5000\nf 0\nf 1\n");
  const printed = execFileSync(process.execPath, [command, "replay", "--json", "small.rep"], {
    cwd: project,
    encoding: "utf8",
  });
  expect(JSON.parse(printed)).toMatchObject({ trace: "small.rep", ops: 4, failures: 0 });
});
