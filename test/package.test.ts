/** The package as it is published: packed, installed and used. */

import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TYPES = join(ROOT, "node_modules/@types");
const TYPESCRIPT = join(ROOT, "node_modules/typescript/bin/tsc");
/** The lowest version that the README states. */
const LOWEST_TYPESCRIPT = join(ROOT, "node_modules/typescript-lowest/bin/tsc");

interface Manifest {
  version: string;
  license: string;
  files: string[];
  exports: Record<string, { default: string } | string>;
}

const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Manifest;

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

it("contains the library, its typings, the wasm files, the files that modules are compiled with, the engine in C, the command and the page of reports, and nothing else", () => {
  const files = readdirSync(join(installed, "dist"), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.\w+$/.test(name))
    .toSorted();
  expect(files.filter((name) => !name.endsWith(".d.ts"))).toEqual([
    "THIRD-PARTY-NOTICES.txt",
    "bytes.js",
    "cli.js",
    "heap.debug.wasm",
    "heap.shared.wasm",
    "heap.threads.wasm",
    "heap.wasm",
    "index.js",
    "inline.js",
    "javascript.js",
    "js.js",
    "library.js",
    "native.js",
    "native/heapwright.c",
    "native/heapwright.h",
    "native/libheapwright-emscripten.a",
    "native/libheapwright-malloc.c",
    "native/libheapwright-wasm32.a",
    "native/libheapwright.c",
    "native/libheapwright.h",
    "native/process.c",
    "record.js",
    "report.html",
    "threads-bytes.js",
    "threads.js",
    "wasm.js",
  ]);
  const notices = readFileSync(join(installed, "dist/THIRD-PARTY-NOTICES.txt"), "utf8");
  expect(
    [
      "c/heapwright.c",
      "rust/heapwright.rs",
      "rust/src/lib.rs",
      "rust/lib/wasi/libheapwright.a",
      "rust/lib/unknown/libheapwright.a",
      "assemblyscript/heapwright.ts",
    ].filter((name) => !existsSync(join(installed, "bindings", name))),
  ).toEqual([]);
  for (const name of [
    "cli-progress",
    "cli-table3",
    "commander",
    "picocolors",
    "pprof-format",
    "uplot",
  ]) {
    expect(notices).toMatch(new RegExp(`^${name} \\d+\\.\\d+`, "m"));
  }
  const typings = files.filter((name) => name.endsWith(".d.ts"));
  expect(typings).toContain("index.d.ts");
  for (const name of typings) {
    const text = readFileSync(join(installed, "dist", name), "utf8");
    for (const [, from] of text.matchAll(/from "([^"]+)"/g)) {
      expect(typings).toContain(join(dirname(name), from!.replace(/\.js$/, ".d.ts")));
    }
  }
});

it("has every file that its documents link to", () => {
  const documents = readdirSync(installed, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".md"),
  );
  expect(documents).toContain("README.md");
  const links = documents.flatMap((name) =>
    [...readFileSync(join(installed, name), "utf8").matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
      .map(([, link]) => join(dirname(name), link!))
      .filter((link) => !/https?:/.test(link)),
  );
  expect(links).toContain("docs/architecture.md");
  expect(links.filter((link) => !existsSync(join(installed, link)))).toEqual([]);
});

it("has the sizes in its README that npm run size holds it to", () => {
  const checks = JSON.parse(readFileSync(join(ROOT, ".size-limit.json"), "utf8")) as {
    limit: string;
  }[];
  const readme = readFileSync(join(installed, "README.md"), "utf8");
  for (const { limit } of checks) expect(readme).toContain(`-->${limit}<!--`);
});

it.each(["heap.wasm", "heap.shared.wasm", "heap.threads.wasm", "heap.debug.wasm"])(
  "has correct typings for %s",
  (name) => {
    const isDebug = name === "heap.debug.wasm";
    const isOwn = isDebug || name === "heap.threads.wasm";
    const files = ["heap.wasm.d.ts", ...(isOwn ? [`${name}.d.ts`] : [])];
    const typings = files
      .map((file) => readFileSync(join(installed, "dist", file), "utf8"))
      .join("\n");
    const typed = new Map(
      [...typings.matchAll(/^export function (\w+)\((.*)\)/gm)].map(([, each, parameters]) => [
        each!,
        parameters === "" ? 0 : parameters!.split(",").length,
      ]),
    );
    const shared = name === "heap.shared.wasm" || name === "heap.threads.wasm";
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 100, shared });
    const module = new WebAssembly.Module(readFileSync(join(installed, "dist", name)));
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    for (const [each, parameters] of typed) {
      expect([each, (exports[each] as (() => unknown) | undefined)?.length]).toEqual([
        each,
        parameters,
      ]);
    }
    const own = Object.keys(exports).filter((each) => !each.startsWith("heap_"));
    expect([...typed.keys()]).toEqual(expect.arrayContaining(own));
    // The inspection functions are in heap.debug.wasm only.
    const inspection = Object.keys(exports).filter((each) =>
      /^heap_(inspect|check|walk)/.test(each),
    );
    expect([...typed.keys()].filter((each) => inspection.includes(each)).toSorted()).toEqual(
      isDebug ? inspection.toSorted() : [],
    );
    expect(inspection.length).toBe(isDebug ? 5 : 0);
  },
);

it("is on JSR what it is on npm, less what JSR can't have", () => {
  const jsr = JSON.parse(readFileSync(join(ROOT, "jsr.json"), "utf8")) as {
    name: string;
    version: string;
    license: string;
    exports: Record<string, string>;
    publish: { include: string[]; exclude: string[] };
  };
  expect([jsr.name, jsr.version, jsr.license]).toEqual([
    "@heapwright/heapwright",
    manifest.version,
    manifest.license,
  ]);
  const modules = Object.entries(manifest.exports).flatMap(([name, target]) =>
    typeof target === "object" && target.default.endsWith(".js") ? [[name, target.default]] : [],
  );
  expect(jsr.exports).toEqual(Object.fromEntries(modules));
  // What begins with "!" git ignores, too, and JSR with it.
  const files = manifest.files.filter((file) => !file.startsWith("!"));
  expect(jsr.publish.include).toEqual([...files, "README.md", "LICENSE"]);
  expect(jsr.publish.exclude).toContain("!dist"); // git ignores it, and so would JSR
  for (const [, file] of modules) {
    const typings = `./${file!.slice("./dist/".length, -".js".length)}.d.ts`;
    const text = readFileSync(join(installed, file!), "utf8");
    expect(text.split("\n")[0]).toBe(`/* @ts-self-types="${typings}" */`);
    expect(existsSync(join(installed, "dist", typings))).toBe(true);
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

  it("runs on either engine alone", () => {
    for (const engine of ["inline", "js"]) {
      const source = PROGRAM.replace('"heapwright"', `"heapwright/${engine}"`);
      expect(run(`${engine}.mjs`, source)).toBe(
        `${engine === "js" ? "js" : "wasm"} 256 true DOUBLE_FREE true\n`,
      );
    }
  });

  it("gets errors of one class from every entry", () => {
    const source = `
      const entries = await Promise.all(["", "/inline", "/js"].map((name) => import("heapwright" + name)));
      for (const { Heap } of entries) {
        for (const { HeapError } of entries) {
          try {
            new Heap().deallocate(16);
          } catch (error) {
            console.log(error instanceof HeapError, error.constructor === HeapError, error.code);
          }
        }
      }
    `;
    expect(run("classes.mjs", source)).toBe("true true OUT_OF_HEAP\n".repeat(9));
  });

  it("gets errors of that class from heapwright/native too, without koffi", () => {
    const source = `
      const { HeapError } = await import("heapwright");
      const { mapping } = await import("heapwright/native");
      try {
        mapping();
      } catch (error) {
        console.log(error instanceof HeapError, error.code);
      }
    `;
    expect(run("native.mjs", source)).toBe("true BAD_OPTIONS\n");
  });

  it.each(["heapwright", "heapwright/inline", "heapwright/js"])(
    "that does not catch an error of %s shows its message first",
    (entry) => {
      const source = `import { Heap } from "${entry}";\nnew Heap().deallocate(40);\n`;
      writeFileSync(join(project, "uncaught.mjs"), source);
      const { status, stderr } = spawnSync(process.execPath, ["uncaught.mjs"], {
        cwd: project,
        encoding: "utf8",
      });
      expect(status).toBe(1);
      expect(stderr.slice(0, 2048)).toMatch(/HeapError: .*\b40\b/);
      expect(stderr).toContain("at Heap.deallocate");
      expect(stderr).toContain("uncaught.mjs:2");
    },
  );

  it("has no long lines in what it imports", () => {
    for (const name of [
      "index",
      "inline",
      "js",
      "native",
      "library",
      "wasm",
      "bytes",
      "javascript",
    ]) {
      const text = readFileSync(join(installed, `dist/${name}.js`), "utf8");
      const longest = Math.max(...text.split("\n").map((line) => line.length));
      expect(longest, name).toBeLessThan(500);
    }
  });

  it("can be what the README says", async () => {
    const readme = readFileSync(join(ROOT, "README.md"), "utf8");
    const [section] = /^## The library\n[^]*?\n## /m.exec(readme)!;
    const examples = [...section.matchAll(/^```js\n([^]*?)^```/gm)].map(([, source]) => source!);
    expect(examples.length).toBe(3);
    for (const [i, example] of examples.entries()) {
      const { code } = await transform(
        example.includes("function sum")
          ? `${example}; console.log(sum([1, 2, 3.5]), heap.owns(read(9)), heap.owns(new Mesh(9).pointer), heap.stats().usedBlocks);`
          : example,
        { target: "node20" },
      );
      expect(run(`readme${i}.mjs`, code)).toBe(["", "6.5 true true 2\n", "1.5 0.5 naïve\n"][i]);
    }
  });

  it("does not carry structs that it does not use", async () => {
    const bundle = async (imports: string): Promise<string> => {
      const { outputFiles } = await build({
        stdin: {
          contents: `import { ${imports} } from "heapwright"; console.log(${imports});`,
          resolveDir: project,
        },
        bundle: true,
        minify: true,
        format: "esm",
        write: false,
      });
      return outputFiles[0]!.text;
    };
    expect(await bundle("Heap")).not.toContain("getFloat64");
    expect(await bundle("Heap, struct")).toContain("getFloat64");
  });

  it("uses heap.wasm without the library, and checks the heap with heap.debug.wasm", () => {
    const source = `
      import { readFileSync } from "node:fs";
      for (const [name, shared] of [["heap.wasm", false], ["heap.shared.wasm", true], ["heap.debug.wasm", false]]) {
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
        console.log(p > 65536, trapped, heap_error(), heap_check?.());
      }
    `;
    expect(run("wasm.mjs", source)).toBe(
      "env.memory\ntrue true 4 undefined\n".repeat(2) + "env.memory\ntrue true 4 0\n",
    );
  });
});

describe("typings", () => {
  const compile = (...flags: string[]): string => compileWith(TYPESCRIPT, ...flags);
  const compileWith = (compiler: string, ...flags: string[]): string => {
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [compiler, "--strict", "--target", "es2022", ...flags],
      { cwd: project, encoding: "utf8" },
    );
    return stdout + stderr;
  };

  beforeAll(() => {
    const { resolve } = createRequire(
      createRequire(import.meta.url).resolve("vitest/package.json"),
    );
    const linked = { "expect-type": dirname(dirname(resolve("expect-type"))), "@types": TYPES };
    for (const [name, folder] of Object.entries(linked)) {
      symlinkSync(folder, join(project, "node_modules", name));
    }
    const types = readFileSync(join(ROOT, "test/src/types.ts"), "utf8")
      .replace('"vitest"', '"expect-type"')
      .replace('"../../src/index.ts"', '"heapwright"');
    writeFileSync(
      join(project, "types.ts"),
      `${types}
      expectTypeOf<typeof import("heapwright/inline")>().toEqualTypeOf<typeof import("heapwright")>();
      expectTypeOf<typeof import("heapwright/js")>().toEqualTypeOf<typeof import("heapwright")>();`,
    );
  });

  it.each([
    ["a bundler's", "--module esnext --moduleResolution bundler"],
    ["a browser's project that knows no Symbol.dispose", "--module nodenext --lib es2022,dom"],
    ["one that does", "--module nodenext --lib esnext,dom --exactOptionalPropertyTypes"],
    ["Node's project, without the DOM", "--module nodenext --lib es2023 --types node"],
    ["one that knows the language alone", "--module nodenext --lib es2022"],
  ])(
    "are right for %s",
    (_, flags) => {
      expect(compile("--noEmit", ...flags.split(" "), "types.ts")).toBe("");
    },
    30_000,
  );

  it("are right for the lowest TypeScript that the README states", () => {
    const { version } = JSON.parse(
      readFileSync(join(LOWEST_TYPESCRIPT, "../../package.json"), "utf8"),
    ) as { version: string };
    const [, lowest] = /TypeScript (\d+\.\d+) or\s+later/.exec(
      readFileSync(join(installed, "README.md"), "utf8"),
    )!;
    expect(version).toMatch(new RegExp(`^${lowest!.replace(".", "\\.")}\\.`));
    writeFileSync(
      join(project, "lowest.ts"),
      `import { Heap, HeapError, struct, type HeapArray, type Scope, type StructView } from "heapwright";
      const heap: Heap = new Heap({ fit: "first" });
      const array: HeapArray<Float64Array> = heap.array(Float64Array, 3);
      const first: number = array.elements[0]!;
      const view: Uint8Array = heap.view(Uint8Array, array.pointer, 1);
      const Point = struct({ x: "f64", id: "i64", tags: ["u8", 4] });
      const point: StructView<{ x: "f64"; id: "i64"; tags: readonly ["u8", 4] }> = Point.of(array);
      const id: bigint = point.id;
      const scope: Scope = heap.scope().move();
      using block = scope.use(heap.block(1));
      // @ts-expect-error there is no such fit
      new Heap({ fit: "worst" });
      // @ts-expect-error a bigint
      point.id = 5;
      export const all = [first, view, id, block, HeapError];`,
    );
    for (const module of [
      ["nodenext", "nodenext"],
      ["esnext", "bundler"],
    ]) {
      const flags = ["--noEmit", "--lib", "es2022,dom,esnext.disposable"];
      flags.push("--module", module[0]!, "--moduleResolution", module[1]!);
      expect(compileWith(LOWEST_TYPESCRIPT, ...flags, "lowest.ts")).toBe("");
    }
  }, 30_000);

  it("tell what an instance of heap.wasm exports", () => {
    writeFileSync(
      join(project, "exports.ts"),
      `export function use(instance: WebAssembly.Instance): void {
        const { malloc, free } = instance.exports as typeof import("heapwright/heap.wasm");
        const p: number = malloc(8);
        free(p);
        // @ts-expect-error a pointer is a number
        free("p");
      }`,
    );
    const flags = ["--noEmit", "--module", "nodenext", "--lib", "es2022,dom"];
    expect(compile(...flags, "exports.ts")).toBe("");
  }, 30_000);

  it("let `using` be translated for a Node that does not have it", () => {
    writeFileSync(
      join(project, "using.ts"),
      `import { Heap } from "heapwright";
      const heap = new Heap();
      {
        using block = heap.block(100);
        using scope = heap.scope();
        console.log(heap.owns(block.pointer) && heap.owns(scope.allocate(1)));
      }
      console.log(heap.stats().usedBlocks);`,
    );
    expect(compile("--module", "nodenext", "--types", "node", "using.ts")).toBe("");
    expect(execFileSync(process.execPath, ["using.js"], { cwd: project, encoding: "utf8" })).toBe(
      "true\n0\n",
    );
  }, 30_000);
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
