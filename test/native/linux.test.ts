/** The libraries for Linux: the process's heap on its break, and the malloc family to preload. */

import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { buildLibraries } from "../../tools/build/native.ts";
import { compile, compiler, compilers, inFolder, STRICT, supports } from "./compiler.ts";

const canRun = process.platform === "linux" && compiler !== undefined;

let folder = "";

/** A program of this folder, compiled. */
function built(name: string, args: readonly string[] = [], as = name): string {
  const program = join(folder, as);
  const options = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Idist/native", "-pthread"];
  compile(compiler!, [...options, `test/native/${name}.c`, ...args, "-o", program]);
  return program;
}

interface Setting {
  readonly options?: string;
  readonly library?: string;
  readonly args?: readonly string[];
  readonly shell?: string;
}

/** Runs a program with the malloc family preloaded. */
function run(
  program: string,
  { options = "", library, args = [], shell }: Setting = {},
): SpawnSyncReturns<string> {
  const preloaded = library ?? join(folder, "libheapwright-malloc.so");
  const env = { ...process.env, HEAPWRIGHT_OPTIONS: options, LD_PRELOAD: preloaded };
  const settings = { env, encoding: "utf8", timeout: 100_000 } as const;
  if (shell === undefined) return spawnSync(program, args, settings);
  return spawnSync("bash", ["-c", `${shell}; exec "$@"`, "bash", program, ...args], settings);
}

function expectFine({ status, signal, stdout, stderr }: SpawnSyncReturns<string>): void {
  expect({ status, signal, stdout, stderr }).toEqual({
    status: 0,
    signal: null,
    stdout: "",
    stderr: "",
  });
}

beforeAll(() => {
  if (!canRun) return;
  folder = mkdtempSync(join(tmpdir(), "heapwright-"));
  buildLibraries(compiler!, folder);
}, 60_000);

afterAll(() => {
  if (folder !== "") rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(compiler === undefined)("heapwright.h", () => {
  test.each(compilers)("on memory of the program, %s", { timeout: 60_000 }, (by) => {
    inFolder((place) => {
      const program = join(place, "api");
      const sanitizers = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
      const options = supports(by, sanitizers) ? sanitizers : [];
      const sources = ["test/native/api.c", "dist/native/heapwright.c"];
      compile(by, [...STRICT, ...options, "-Idist/native", ...sources, "-o", program]);
      expect(spawnSync(program, { encoding: "utf8" })).toMatchObject({
        status: 0,
        stdout: "",
        stderr: "",
      });
    });
  });
});

describe.skipIf(!canRun)("libheapwright", () => {
  test.each(["libheapwright.a", "libheapwright.so"])("the example, with %s", (library) => {
    const program = join(folder, "hello");
    const args = ["-Idist/native", "examples/native/hello.c", join(folder, library), "-o", program];
    compile(compiler!, [...STRICT, ...args]);
    const { status, stdout } = spawnSync(program, { encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "hello from the program break\n" });
  });

  test.each(compilers)("compiles without warnings, %s", { timeout: 60_000 }, (by) => {
    inFolder((place) => buildLibraries(by, place, ["-Werror"]));
  });

  const variants: [string, readonly string[]][] = [
    ["", []],
    [", without membarrier", ["-DHW_NO_MEMBARRIER"]],
    [", without the break", ["-DHW_NO_BREAK"]],
    [", under ThreadSanitizer", ["-g", "-O1", "-fsanitize=thread"]],
  ];

  test.each(variants)("threads free each other's blocks%s", { timeout: 120_000 }, (_, options) => {
    if (!supports(compiler!, options)) return;
    const args = ["-O2", ...options, "dist/native/libheapwright.c"];
    const { status, stdout, stderr } = spawnSync(built("remote", args), { encoding: "utf8" });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  test("a double free is reported and ends the program", () => {
    const program = built(
      "crimes",
      ["-DALLOCATE", join(folder, "libheapwright.a")],
      "crimes-allocate",
    );
    const { signal, stdout, stderr } = spawnSync(program, ["double free of a block"], {
      encoding: "utf8",
    });
    expect(signal).toBe("SIGABRT");
    expect(stderr).toBe(`heapwright: double free in deallocate(${stdout.trim()})\n`);
  });
});

describe.skipIf(!canRun)("the malloc family", () => {
  test("does what C, POSIX and Linux say", { timeout: 120_000 }, () => {
    expectFine(run(built("family")));
  });

  const crimes: [string, string][] = [
    ["double free of a slot", "double free"],
    ["double free of a block", "double free"],
    ["double free of a mapping", "double free"],
    ["pointer into a slot", "invalid pointer"],
    ["pointer into a block", "invalid pointer"],
    ["pointer into a mapping", "invalid pointer"],
    ["pointer to a local", "invalid pointer"],
    ["pointer to nowhere", "invalid pointer"],
    ["overwritten header", "corrupt heap"],
  ];

  test.each(crimes)("%s is reported and ends the program", (crime, error) => {
    const { signal, stdout, stderr } = run(built("crimes"), { args: [crime] });
    expect(signal).toBe("SIGABRT");
    expect(stderr).toBe(`heapwright: ${error} in free(${stdout.trim()})\n`);
  });

  test.each(crimes.slice(0, -1))(
    "%s is reported and nothing more, if it is set so",
    (crime, error) => {
      const { status, stdout, stderr } = run(built("crimes"), {
        args: [crime],
        options: "check=report",
      });
      const [address, rest] = stdout.split("\n");
      expect({ status, rest, stderr }).toEqual({
        status: 0,
        rest: "done",
        stderr: `heapwright: ${error} in free(${address})\n`,
      });
    },
  );

  test.each(crimes.slice(0, -1))("%s by another thread is reported", (crime, error) => {
    const { signal, stdout, stderr } = run(built("crimes"), { args: [crime, "thread"] });
    const [address] = stdout.split("\n");
    expect(signal).toBe("SIGABRT");
    expect(stderr).toBe(`heapwright: ${error} in free(${address})\n`);
  });

  test("settings: figures at the end, and a setting that is unknown", () => {
    const { stderr } = run(built("crimes"), { options: "stats,tirm=3" });
    expect(stderr).toMatch(/^heapwright: unknown setting in HEAPWRIGHT_OPTIONS: tirm=3\n/);
    expect(stderr).toMatch(
      /\nheapwright\[\d+\]: 1 regions, \d+ bytes, .* first region on the break\n$/,
    );
  });

  test("threads free each other's blocks, and fork", { timeout: 120_000 }, () => {
    expectFine(run(built("threads")));
  });

  test("more threads than regions", { timeout: 120_000 }, () => {
    expectFine(run(built("threads"), { options: "regions=2" }));
  });

  test("has no functions but those of the family", () => {
    const symbols = spawnSync(
      "nm",
      ["-D", "--defined-only", join(folder, "libheapwright-malloc.so")],
      {
        encoding: "utf8",
      },
    );
    const names = symbols.stdout.match(/(?<= [A-Z] )\S+/g)?.toSorted();
    expect(names).toEqual([
      "aligned_alloc",
      "calloc",
      "free",
      "mallinfo2",
      "malloc",
      "malloc_info",
      "malloc_stats",
      "malloc_trim",
      "malloc_usable_size",
      "mallopt",
      "memalign",
      "posix_memalign",
      "pvalloc",
      "realloc",
      "reallocarray",
      "valloc",
    ]);
  });

  test("without membarrier", { timeout: 120_000 }, () => {
    const place = join(folder, "locked");
    buildLibraries(compiler!, place, ["-DHW_NO_MEMBARRIER"]);
    expectFine(run(built("threads"), { library: join(place, "libheapwright-malloc.so") }));
  });

  test.each([
    ["by sbrk", "break"],
    ["by sbrk, at the same time", "between"],
    ["by the system call", "raw"],
  ])("other code moves the break, %s", (_, how) => {
    expectFine(run(built("break"), { args: [how] }));
  });

  test("a mapping behind the break is in the way", () => {
    expectFine(run(built("break"), { args: ["wall"] }));
  });

  test("without the break", { timeout: 120_000 }, () => {
    const place = join(folder, "reserved");
    buildLibraries(compiler!, place, ["-DHW_NO_BREAK"]);
    const library = join(place, "libheapwright-malloc.so");
    expectFine(run(built("break"), { library, args: ["reservation"] }));
    expectFine(run(built("family"), { library }));
    expectFine(run(built("threads"), { library }));
  });

  test.each([
    ["data segment", "ulimit -d 200000"],
    ["address space", "ulimit -v 400000"],
  ])("with a limited %s it reserves what there is", (_, shell) => {
    const { status, stderr } = run(built("threads"), { shell });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  test("in a program whose addresses are fixed, below 4 GiB", () => {
    expectFine(run(built("break", ["-no-pie", "-fno-pie"], "break-fixed"), { args: ["break"] }));
  });

  test("freed memory goes back to the system", { timeout: 60_000 }, () => {
    const { status, stdout } = run(built("returns"));
    expect(status).toBe(0);
    const { before, full, freed, thinned, trimmed, trim, automatic } = JSON.parse(stdout);
    expect(full).toBeGreaterThan(before + 190_000);
    expect(freed).toBeLessThan(before + 4000);
    expect(thinned).toBeGreaterThan(before + 100_000);
    expect(trimmed).toBe(1);
    expect(trim).toBeLessThan(before + 30_000);
    expect(automatic).toBeLessThan(before + 60_000);
  });

  test("blocks of the C library are passed on to it", () => {
    const library = built("deep", ["-DLIBRARY", "-shared", "-fPIC"], "library.so");
    const { status, stdout, stderr } = run(built("deep", ["-ldl"]), { args: [library] });
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: "1\nfrom the library\n",
      stderr: "",
    });
  });

  test.each([
    ["sh", ["-c", "for i in $(seq 300); do echo $i; done | sort -n | tail -1"], "300\n"],
    ["node", ["-e", "console.log(JSON.stringify([...Array(1e5).keys()]).length)"], "588891\n"],
  ])("%s runs", (program, args, output) => {
    const { status, stdout, stderr } = run(program === "node" ? process.execPath : program, {
      args,
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: output, stderr: "" });
  });
});
