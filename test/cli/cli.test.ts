import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { afterAll, describe, expect, test } from "vitest";

import { rank } from "../../cli/compare.ts";
import { drawMap } from "../../cli/map.ts";
import {
  bytesOption,
  listOf,
  oneOf,
  parseBytes,
  parseBytesOrAuto,
  parseCount,
} from "../../cli/options.ts";
import { progressOn } from "../../cli/progress.ts";
import { bytes, count, percent, table, traceName } from "../../cli/report.ts";
import { terminalOf } from "../../cli/terminal.ts";
import { Heap } from "../../src/index.ts";
import type { Entry, Snapshot } from "../../trace/snapshot.ts";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "heapwright-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const good = fileOf("good.rep", "0\n2\n4\n1\na 0 100\na 1 200\nf 0\nf 1\n");
const packed = fileOf("packed.rep.gz", gzipSync(readFileSync(good)));
const bad = fileOf("bad.rep", "0\n2\n4\n1\na 0 100\na 1 200\nf 0\nf 7\n");
const bundled = ["cc1", "nginx", "sqlite"].map((name) =>
  fileURLToPath(new URL(`../../trace/recorded/${name}.rep.gz`, import.meta.url)),
);
const large = fileOf("large.rep", "0\n2\n3\n1\na 0 100\na 1 9000000\nf 1\n");

interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(args: readonly string[], node: readonly string[] = []): ChildProcess {
  // A C locale and no colours wherever the tests run.
  const env = { PATH: process.env["PATH"], LANG: "C" };
  return spawn(process.execPath, [...node, CLI, ...args], { env });
}

async function outcome(child: ChildProcess): Promise<Outcome> {
  const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
  const [out, err, code] = await Promise.all([text(child.stdout!), text(child.stderr!), closed]);
  return { code, out, err };
}

async function heapwright(...args: string[]): Promise<Outcome> {
  const child = start(args);
  child.stdin!.end();
  return outcome(child);
}

function jsonLines(out: string): Record<string, unknown>[] {
  expect(out.endsWith("\n")).toBe(true);
  return out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe("heapwright", () => {
  test.each([[], ["replay"], ["compare"], ["link"]])("%s --help and --version", async (...verb) => {
    const help = await heapwright(...verb, "--help");
    expect(help).toMatchObject({ code: 0, err: "" });
    expect(help.out).toContain(`Usage: heapwright ${verb.join("")}`);
    expect(help.out).toContain(`\nExamples:\n  heapwright ${verb[0] ?? "replay"} `);
    expect(help.out).not.toMatch(/default: \[|undefined/);
    expect(Math.max(...help.out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
    const version = await heapwright(...verb, "--version");
    expect(version).toMatchObject({ code: 0, err: "" });
    expect(version.out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test.each([
    [[], "Usage: heapwright"],
    [["play"], "heapwright: unknown command 'play'"],
    [["replya"], "(Did you mean replay?)"],
    [["compar", good], "(Did you mean compare?)"],
    [["linc"], "(Did you mean link?)"],
    [["replay", "--jsno", good], "(Did you mean --json?)"],
    [["replay"], "heapwright: missing required argument 'trace'"],
    [["replay", "--fast", good], "heapwright: unknown option '--fast'"],
    [["replay", "--engine", "steam", good], "Allowed choices are wasm, js, auto."],
    [["replay", "--memory", "core", good], "Allowed choices are wasm, shared, arraybuffer"],
    [["replay", "--margin", "much", good], "'much' is invalid. Expected a number of bytes"],
    [["replay", "--limit", "5G", good], "'5G' is invalid. Expected a number of bytes up to 4G"],
    [["replay", "--limit", "0", good], "Expected at least 1 byte"],
    [["replay", "--check", "0", good], "'0' is invalid. Expected a number of ops, 1 or more."],
    [["replay", "-", good, "-"], "Standard input can be named once."],
    [["compare", "-", "-"], "Standard input can be named once."],
    [["compare", "--fit", "best,worst", good], "Allowed choices are best, first, next."],
  ])("%j is refused with what is wrong", async (args, message) => {
    const { code, out, err } = await heapwright(...args);
    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err).toContain(message);
  });

  test("a setting that no heap can have", async () => {
    const args = ["--engine", "wasm", "--memory", "arraybuffer", good];
    const { code, out, err } = await heapwright("replay", ...args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/^heapwright: .+\n$/);
  });
});

/**
 * A trace of which every figure differs from every other: its blocks are fullest in the middle, with a hole; it then
 * frees two and asks for one that fits in neither place.
 */
const SMALL_SIZES = Array.from({ length: 500 }, () => 1);
const SIZES = [...SMALL_SIZES, 30_000, 20_001, 60_000, 5000, 60_000, 5000, 31_000];
const HOLE = SMALL_SIZES.length;
const FULLEST_LIVE = SIZES.reduce((sum, size) => sum + size, 0) - SIZES[HOLE]!;
const uneven = fileOf(
  "uneven.rep",
  [
    `0\n${SIZES.length + 1}\n${SIZES.length + 4}\n1`,
    ...SIZES.slice(0, -1).map((size, id) => `a ${id} ${size}`),
    `f ${HOLE}`,
    `a ${SIZES.length - 1} ${SIZES.at(-1)}`,
    `f ${HOLE + 2}`,
    `f ${HOLE + 4}`,
    `a ${SIZES.length} 100000\n`,
  ].join("\n"),
);

/** The figures of that trace, from the calls themselves and a walk, on a heap without margin and slabs. */
function unevenFigures(engine: "wasm" | "js") {
  const heap = new Heap({ engine, margin: 0, small: 0 });
  const pointers = SIZES.slice(0, -1).map((size) => heap.allocate(size));
  heap.deallocate(pointers[HOLE]!);
  heap.allocate(SIZES.at(-1)!);
  const { heapBytes } = heap.stats();
  const bytesOf = (kind: string): number =>
    [...heap.walk()].reduce((sum, each) => sum + (each.kind === kind ? each.size : 0), 0);
  const [used, free] = [bytesOf("used"), bytesOf("free")];
  heap.deallocate(pointers[HOLE + 2]!);
  heap.deallocate(pointers[HOLE + 4]!);
  heap.allocate(100_000);
  const { peakHeapBytes, breakMoves } = heap.stats();
  return {
    peakHeapBytes,
    breakMoves,
    utilisation: FULLEST_LIVE / peakHeapBytes,
    internalFragmentation: (used - FULLEST_LIVE) / peakHeapBytes,
    externalFragmentation: free / peakHeapBytes,
    overhead: (heapBytes - used - free) / peakHeapBytes,
    beyondFullest: (peakHeapBytes - heapBytes) / peakHeapBytes,
    fullestHeapBytes: heapBytes,
  };
}

const rounded = (share: number): number => Number(share.toFixed(4));

describe("heapwright replay", () => {
  test.each(["wasm", "js"] as const)("every figure, of the %s engine", async (engine) => {
    const figures = unevenFigures(engine);
    const { breakMoves, peakHeapBytes, fullestHeapBytes } = figures;
    // The figures can tell what is taken for what.
    expect(breakMoves).toBeGreaterThan(2);
    expect(peakHeapBytes).toBeGreaterThan(fullestHeapBytes);
    const shares = [figures.utilisation, figures.overhead].concat(
      figures.internalFragmentation,
      figures.externalFragmentation,
    );
    shares.push(figures.beyondFullest);
    expect(new Set(shares.map(percent)).size).toBe(5);
    expect(Math.min(...shares)).toBeGreaterThan(0.01);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);

    const setting = ["--engine", engine, "--margin", "0", "--small", "0"];
    const { out: json } = await heapwright("replay", "--json", ...setting, uneven);
    expect(jsonLines(json)).toEqual([
      {
        version: 1,
        trace: uneven,
        ops: SIZES.length + 4,
        failures: 0,
        skipped: 0,
        firstFailure: null,
        nsPerOp: expect.any(Number) as number,
        peakLiveBytes: FULLEST_LIVE,
        ...figures,
        utilisation: rounded(figures.utilisation),
        internalFragmentation: rounded(figures.internalFragmentation),
        externalFragmentation: rounded(figures.externalFragmentation),
        overhead: rounded(figures.overhead),
        beyondFullest: rounded(figures.beyondFullest),
        fullestAtOp: SIZES.length + 1,
        engine,
        fit: "best",
        margin: 0,
        small: 0,
        memory: "wasm",
        limit: null,
        check: null,
      },
    ]);

    const { out } = await heapwright("replay", ...setting, uneven);
    const lines = out.split("\n").map((line) => line.trim().replaceAll(/ +/g, " "));
    expect(lines[0]).toBe(`engine ${engine}, fit best, margin 0, small 0, memory wasm`);
    expect(
      lines
        .find((line) => line.startsWith("uneven "))!
        .split(" ")
        .toSpliced(2, 1),
    ).toEqual(
      [
        "uneven",
        count(SIZES.length + 4),
        bytes(FULLEST_LIVE),
        bytes(peakHeapBytes),
        percent(figures.utilisation),
        percent(figures.internalFragmentation),
        percent(figures.externalFragmentation),
        count(breakMoves),
        "0",
      ]
        .join(" ")
        .split(" "),
    );
    expect(lines).toContain(
      `uneven at its fullest, after op ${SIZES.length + 1} of ${SIZES.length + 4}: ` +
        `${bytes(FULLEST_LIVE)} live in ${bytes(fullestHeapBytes)}`,
    );
  });

  test("a table, and the heap at its fullest", async () => {
    const { code, out, err } = await heapwright("replay", good, packed);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^engine (wasm|js), fit best, margin auto, small auto, memory wasm\n/);
    expect(out).toMatch(/^good +4 +\d+\.\d +300 B .* 0$/m);
    expect(out).toMatch(/^packed +4 /m);
    expect(out).toContain("good at its fullest, after op 2 of 4: 300 B live in ");
    // The whole footprint: the control block and what lies before the break are in use.
    expect(out).toMatch(/^00000000 {2}#[-.+*#]+$/m);
    expect(out).toMatch(/^0000e000 {2}#{64}$/m);
    const widest = Math.max(...out.split("\n").map((line) => line.length));
    expect(widest).toBeLessThanOrEqual(80);
    // Neither colours nor anything beyond ASCII: this is a pipe in a C locale.
    expect(out).toMatch(/^[\n -~]*$/);
  });

  test("--json: an object a trace, one a line", async () => {
    const settings = ["--fit", "next", "--margin", "64K", "--small", "0", "--check", "1"];
    const { code, out } = await heapwright("replay", "--json", ...settings, good, packed);
    expect(code).toBe(0);
    const [first, second] = jsonLines(out);
    expect(first).toMatchObject({
      trace: good,
      ops: 4,
      failures: 0,
      skipped: 0,
      firstFailure: null,
      peakLiveBytes: 300,
      fit: "next",
      margin: 65536,
      small: 0,
      memory: "wasm",
      limit: null,
      check: 1,
    });
    expect(second).toMatchObject({ trace: packed, ops: 4 });
    for (const figure of [
      "nsPerOp",
      "peakHeapBytes",
      "utilisation",
      "internalFragmentation",
      "externalFragmentation",
      "overhead",
      "breakMoves",
    ]) {
      expect(first![figure]).toBeTypeOf("number");
    }
    expect(first!["utilisation"]).toBeCloseTo(300 / (first!["peakHeapBytes"] as number), 3);
  });

  test.each([
    ["wasm", ["wasm", "js"]],
    ["shared", ["wasm", "js"]],
    ["arraybuffer", ["js"]],
    ["resizable", ["js"]],
    ["sharedarraybuffer", ["js"]],
    ["growable", ["js"]],
  ])("--memory %s", async (memory, engines) => {
    for (const engine of engines) {
      const args = ["--json", "--memory", memory, "--engine", engine, "--limit", "1M", good];
      const { code, out, err } = await heapwright("replay", ...args);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(jsonLines(out)[0]).toMatchObject({ memory, engine, limit: 1048576, failures: 0 });
    }
  });

  test("standard input, gzip'd or not", async () => {
    for (const path of [good, packed]) {
      const child = start(["replay", "--json", "-"]);
      child.stdin!.end(readFileSync(path));
      const { code, out } = await outcome(child);
      expect(code).toBe(0);
      expect(jsonLines(out)[0]).toMatchObject({ trace: "<stdin>", ops: 4, peakLiveBytes: 300 });
    }
    const child = start(["replay", "-"]);
    child.stdin!.end(readFileSync(bad));
    const { code, out, err } = await outcome(child);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/^heapwright: <stdin>:8: found "f 7", expected a live id/);
  });

  test("shares that add up to 1, or none where nothing was ever live", async () => {
    const empty = fileOf("nothing.rep", "0\n1\n2\n1\na 0 0\nf 0\n");
    const { out } = await heapwright("replay", "--json", ...bundled, empty);
    const lines = jsonLines(out);
    const none = lines.pop()!;
    const names = ["internalFragmentation", "externalFragmentation", "overhead", "beyondFullest"];
    for (const line of lines) {
      const shares = ["utilisation", ...names].map((name) => line[name] as number);
      expect(Math.min(...shares)).toBeGreaterThanOrEqual(0);
      expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 3);
    }
    expect(names.map((name) => none[name])).toEqual([null, null, null, null]);
  }, 30_000);

  test("a bad trace: its line, and no result of any other", async () => {
    for (const json of [[], ["--json"]]) {
      const { code, out, err } = await heapwright("replay", ...json, good, bad);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).toBe(
        `heapwright: ${bad}:8: found "f 7", expected a live id (7 was never allocated)\n`,
      );
    }
  });

  test.each([
    ["cut.rep.gz", gzipSync(readFileSync(good)).subarray(0, -12), "the end of the gzip data"],
    ["empty.rep", "", "the end of the trace"],
    ["binary.rep", Buffer.from([0, 1, 255, 10]), '"\\u0000\\u0001\\xff"'],
  ])("%s: what was found, and nothing else", async (name, content, found) => {
    const { code, out, err } = await heapwright("replay", fileOf(name, content));
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(`: found ${found}, expected `);
    expect(err).toMatch(/^heapwright: .+\.rep(\.gz)?:\d+: .+\n$/);
  });

  test("a folder, and a file taken for one", async () => {
    for (const [path, found] of [
      [folder, "a folder"],
      [join(good, "x.rep"), "no file of this name"],
    ] as const) {
      const { code, out, err } = await heapwright("replay", path);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).toContain(`${path}: found ${found}, expected a trace`);
    }
  });

  test("no such file", async () => {
    const { code, out, err } = await heapwright("replay", join(folder, "none.rep"));
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/^heapwright: .*none\.rep: found no file of this name, expected a trace/);
  });

  test("failures: the report, a sentence, and exit 1", async () => {
    const { code, out, err } = await heapwright("replay", "--json", "--limit", "1M", large);
    expect(code).toBe(1);
    expect(jsonLines(out)[0]).toMatchObject({ failures: 1, skipped: 1, peakLiveBytes: 100 });
    expect(err).toMatch(/^heapwright: .*large\.rep: 1 failure at line 6 \(a 1 9000000\): .+\n$/);
  });

  test("a reader that stops early is no error", async () => {
    const child = start(["replay", good]);
    child.stdin!.end();
    child.stdout!.destroy();
    const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
    expect(await text(child.stderr!)).toBe("");
    expect(await closed).toBe(0);
  });

  test("what can't be written is said, in one sentence; where that can't be either, the exit status says it", async () => {
    // Open for reading only.
    const closed = openSync(good, "r");
    const end = (args: readonly string[], out: "pipe" | number, err: "pipe" | number) =>
      spawn(process.execPath, [CLI, ...args], { stdio: ["ignore", out, err] });
    for (const args of [["replay", good], ["compare", good], ["--help"], ["replay", "--help"]]) {
      const child = end(args, closed, "pipe");
      const code = new Promise((resolve) => child.on("close", resolve));
      expect(await text(child.stderr!)).toMatch(
        /^heapwright: standard output can't be written: EBADF[^\n]*\n$/,
      );
      expect(await code).toBe(2);
    }
    for (const [args, code] of [
      [["replay", join(folder, "none.rep")], 2],
      [["replay", "--fast", good], 2],
      [["replay", "--limit", "1M", large], 1],
    ] as const) {
      const child = end(args, "pipe", closed);
      child.stdout!.resume();
      expect(await new Promise((resolve) => child.on("close", resolve))).toBe(code);
    }
  });

  test("nobody reads what is wrong: the exit status still says it", async () => {
    const child = start(["replay", join(folder, "none.rep")]);
    child.stdin!.end();
    child.stderr!.destroy();
    child.stdout!.resume();
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(2);
  });

  test("two million ops take far less than a gigabyte", async () => {
    const tellMemory =
      'data:text/javascript,process.on("exit",()=>console.error(process.resourceUsage().maxRSS))';
    const child = start(["replay", "--json", "-"], ["--import", tellMemory]);
    const result = outcome(child);
    const allocations = 1_000_000;
    child.stdin!.write(`0\n${allocations}\n${2 * allocations}\n1\n`);
    for (let id = 0; id < allocations; id += 1000) {
      const ops = Array.from({ length: 1000 }, (_, i) => `a ${id + i} 64\nf ${id + i}\n`);
      if (!child.stdin!.write(ops.join(""))) {
        await new Promise((resolve) => child.stdin!.once("drain", resolve));
      }
    }
    child.stdin!.end();
    const { code, out, err } = await result;
    expect(code).toBe(0);
    expect(jsonLines(out)[0]).toMatchObject({ ops: 2 * allocations, failures: 0 });
    expect(Number(err)).toBeLessThan(300 * 1024); // KiB
  }, 60_000);
});

describe("heapwright compare", () => {
  test("every figure: those of the traces, their sums and means", async () => {
    const setting = ["--engine", "js", "--fit", "best", "--margin", "0", "--small", "0"];
    const { out: json } = await heapwright("compare", "--json", ...setting, uneven, good);
    const [line] = jsonLines(json) as [Record<string, number | string | null | object>];
    const figures = unevenFigures("js");
    const least = new Heap({ engine: "js", margin: 0, small: 0 }).stats();
    const peakHeapBytes = figures.peakHeapBytes + least.heapBytes;
    const breakMoves = figures.breakMoves + least.breakMoves;
    const utilisation = (figures.utilisation + 300 / least.heapBytes) / 2;
    const { traces, nsPerOp, ...rest } = line;
    expect(rest).toEqual({
      version: 1,
      engine: "js",
      fit: "best",
      margin: 0,
      small: 0,
      memory: "wasm",
      limit: null,
      failures: 0,
      utilisation: rounded(utilisation),
      peakHeapBytes,
      breakMoves,
    });
    expect(traces).toMatchObject([
      { trace: uneven, peakHeapBytes: figures.peakHeapBytes, overhead: rounded(figures.overhead) },
      { trace: good, peakHeapBytes: least.heapBytes, breakMoves: least.breakMoves },
    ]);
    // Over all ops, not the mean of the traces' own; to the tenths that are printed.
    const [first, second] = traces as [Record<string, number>, Record<string, number>];
    const time = first["nsPerOp"]! * first["ops"]! + second["nsPerOp"]! * second["ops"]!;
    const mean = time / (first["ops"]! + second["ops"]!);
    expect(Math.abs((nsPerOp as number) - mean)).toBeLessThan(0.11);

    const { out } = await heapwright("compare", ...setting, uneven, good);
    const cells = out.trimEnd().split("\n").at(-1)!.split(/ +/);
    expect(cells.toSpliced(5, 1)).toEqual(
      `js best 0 0 ${percent(utilisation)} ${bytes(peakHeapBytes)} ${breakMoves} 0`.split(" "),
    );
  });

  test("one table with every combination", async () => {
    const lists = ["--fit", "best,first", "--margin", "0,64K", "--small", "0,512"];
    const { code, out, err } = await heapwright("compare", ...lists, good, packed);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const rows = out.split("\n").filter((line) => /^(wasm|js) /.test(line));
    expect(rows.length).toBe(8);
    for (const fit of ["best", "first"]) {
      for (const margin of ["0", "64K"]) {
        for (const small of ["0", "512"]) {
          const row = new RegExp(`^(wasm|js) +${fit} +${margin} +${small} `);
          expect(rows.filter((line) => row.test(line)).length).toBe(1);
        }
      }
    }
  });

  test("--json: an object a setting, best first, with its traces", async () => {
    const { code, out } = await heapwright(
      "compare",
      "--json",
      "--engine",
      "wasm,js",
      good,
      packed,
    );
    expect(code).toBe(0);
    const lines = jsonLines(out);
    expect(lines.length).toBe(6);
    expect(
      lines
        .map((line) => line["engine"])
        .toSorted()
        .join(" "),
    ).toBe("js js js wasm wasm wasm");
    const shares = lines.map((line) => Math.round(1000 * (line["utilisation"] as number)));
    expect(shares).toEqual(shares.toSorted((a, b) => b - a));
    expect(lines[0]!["traces"]).toMatchObject([{ trace: good }, { trace: packed }]);
  });

  test("standard input is replayed by every setting", async () => {
    const child = start(["compare", "--json", "-"]);
    child.stdin!.end(readFileSync(packed));
    const { code, out } = await outcome(child);
    expect(code).toBe(0);
    expect(jsonLines(out).length).toBe(3);
  });

  test("a bad trace and failures, as in replay", async () => {
    expect(await heapwright("compare", good, bad)).toMatchObject({ code: 2, out: "" });
    const failed = await heapwright("compare", "--limit", "1M", "--fit", "best", large);
    expect(failed.code).toBe(1);
    expect(failed.err).toMatch(/^heapwright: .*large\.rep \(.*\): 1 failure at line 6/);
  });

  test("what failed is told with its setting, in the order of the table", async () => {
    const lists = ["--engine", "js", "--fit", "best,first", "--small", "0,1008"];
    const { code, out, err } = await heapwright("compare", ...lists, "--limit", "1M", good, large);
    expect(code).toBe(1);
    const rows = [...out.matchAll(/^js +(\w+) +auto +(\w+) .* 1$/gm)];
    expect(rows.length).toBe(4);
    const sentences = rows.map(
      ([, fit, small]) =>
        `heapwright: ${large} (engine js, fit ${fit}, margin auto, small ${small}): ` +
        "1 failure at line 6 (a 1 9000000): out of memory\n",
    );
    expect(err).toBe(sentences.join(""));
  });

  test("auto and the engine it comes to are one setting", async () => {
    const lists = ["--fit", "best", "--engine", "auto,wasm,js"];
    const { out } = await heapwright("compare", "--json", ...lists, good);
    expect(
      jsonLines(out)
        .map((line) => line["engine"])
        .toSorted(),
    ).toEqual(["js", "wasm"]);
  });

  test("the order: no failures, then utilisation to a tenth, then time", () => {
    const failing = { failures: 1, utilisation: 0.99, nsPerOp: 1 };
    const fast = { failures: 0, utilisation: 0.9001, nsPerOp: 5 };
    const slow = { failures: 0, utilisation: 0.9004, nsPerOp: 9 };
    const lean = { failures: 0, utilisation: 0.95, nsPerOp: 99 };
    expect(rank([failing, slow, fast, lean])).toEqual([lean, fast, slow, failing]);
  });
});

describe("options", () => {
  test("bytes", () => {
    const texts = ["0", "4096", "64K", "64k", "1M", "4G"];
    expect(texts.map(parseBytes)).toEqual([0, 4096, 65536, 65536, 1048576, 2 ** 32]);
    for (const wrong of ["", "-1", "1.5", "K", "1T", "1 K", "5G", "auto"]) {
      expect(() => parseBytes(wrong)).toThrow("Expected a number of bytes");
    }
    expect(parseBytesOrAuto("auto")).toBe("auto");
    const shown = ["auto", "0", "1008", "4K", "65K", "65537", "1M", "1536K", "4G"];
    expect(shown.map(parseBytesOrAuto).map(bytesOption)).toEqual(shown);
  });

  test("counts", () => {
    expect(parseCount("10000")).toBe(10000);
    for (const wrong of ["0", "-1", "1e3", "many"]) expect(() => parseCount(wrong)).toThrow("1 or");
  });

  test("lists", () => {
    const parse = listOf(oneOf(["best", "first"]));
    expect(parse("first, best,first")).toEqual(["first", "best"]);
    expect(() => parse("best,")).toThrow("Allowed choices are best, first.");
  });
});

describe("reports", () => {
  const plain = terminalOf({}, { LANG: "C" });

  test("numbers", () => {
    expect([999, 46931].map(count)).toEqual(["999", "46,931"]);
    expect([0, 999, 1000, 65536, 15_728_640, 2 ** 32].map(bytes)).toEqual([
      "0 B",
      "999 B",
      "1.0 KiB",
      "64 KiB",
      "15 MiB",
      "4 GiB",
    ]);
    expect(percent(0.9314)).toBe("93.1%");
  });

  test("names of traces", () => {
    const files = ["trace/recorded/lua.rep.gz", "C:\\traces\\lua.rep", "lua", "-", "/dev/stdin"];
    expect(files.map(traceName)).toEqual(["lua", "lua", "lua", "-", "stdin"]);
  });

  test("a table", () => {
    const drawn = table(["name", "peak\nlive"], [["lua", "1"]], 1, plain);
    expect(drawn).toBe("name peak\n     live\n---------\nlua     1\n");
  });

  test("colours on a terminal, not against NO_COLOR; shades where UTF-8 is", () => {
    const red = (isTTY: boolean, env: NodeJS.ProcessEnv): string =>
      terminalOf({ isTTY }, env).paint.red("x");
    expect(red(true, {})).toBe("\x1b[31mx\x1b[39m");
    expect([red(true, { NO_COLOR: "1" }), red(true, { TERM: "dumb" }), red(false, {})]).toEqual(
      Array(3).fill("x"),
    );
    const locales = [{ LANG: "en_GB.UTF-8" }, { LC_ALL: "C", LANG: "en_GB.UTF-8" }, {}];
    expect(locales.map((env) => terminalOf({}, env).unicode)).toEqual([true, false, false]);
  });

  test("a progress bar on a terminal, nothing in a pipe", () => {
    const drawnOn = (isTTY: boolean, columns: number): string[] => {
      const drawn: string[] = [];
      const write = (text: string): boolean => drawn.push(text) > 0;
      const stream = { isTTY, write, columns, clearLine() {}, cursorTo() {}, moveCursor() {} };
      const progress = progressOn(stream as unknown as NodeJS.WriteStream, false);
      progress.start("lua", 1000);
      progress.update(500);
      progress.stop();
      return drawn;
    };
    const wide = drawnOn(true, 80);
    expect(wide.join("")).toMatch(/lua .* of 1000 ops/);
    // No mode of the terminal is set, since a signal would leave it so.
    expect(wide.join("")).not.toContain("\x1b[?");
    expect(Math.max(...drawnOn(true, 40).map((text) => text.length))).toBe(40);
    expect(drawnOn(false, 80)).toEqual([]);
  });

  describe("the map", () => {
    const snapshot = (...entries: Entry[]): Snapshot => ({
      op: 1,
      liveBytes: 0,
      internalBytes: 0,
      externalBytes: 0,
      overheadBytes: 0,
      heapBytes: 0,
      entries,
    });
    const rowsOf = (...entries: Entry[]): string[] =>
      drawMap(snapshot(...entries), plain)
        .trimEnd()
        .split("\n");

    test("shades by how much of a cell is in use", () => {
      // Cells of 16 bytes: the smallest there are.
      expect(
        rowsOf(
          { address: 1024, size: 16, kind: "used" },
          { address: 1040, size: 16, kind: "free" },
          { address: 1056, size: 4, kind: "used-slot" },
          { address: 1060, size: 12, kind: "free-slot" },
          { address: 1072, size: 8, kind: "metadata" },
          { address: 1080, size: 8, kind: "free" },
          { address: 1088, size: 12, kind: "used" },
          { address: 1100, size: 4, kind: "free" },
          { address: 1104, size: 32, kind: "foreign" },
          { address: 1136, size: 8, kind: "used" },
        ),
      ).toEqual([
        "00000400  #.-+*//#",
        "          a cell is 16 B: # in use * mostly + half - little . free",
      ]);
    });

    test("what lies between entries is headers, which are in use", () => {
      const [row] = rowsOf(
        { address: 1028, size: 4, kind: "free" },
        { address: 1040, size: 16, kind: "used" },
      );
      expect(row).toBe("00000400  *#");
    });

    test("cells grow by powers of two; at most eight rows", () => {
      const rows = rowsOf(
        { address: 65536, size: 2 ** 29, kind: "used" },
        { address: 65536 + 2 ** 29, size: 2 ** 29, kind: "free" },
      );
      expect(rows.at(-1)).toContain("a cell is 4 MiB");
      expect(rows.length).toBe(1 + 5);
      expect(rows[1]).toBe(`10000000  ${"#".repeat(64)}`);
      expect(rows[3]).toBe(`30000000  ${".".repeat(64)}`);
    });

    test("colours say what is in a cell", () => {
      const colour = terminalOf({ isTTY: true }, {});
      const drawn = drawMap(
        snapshot(
          { address: 0, size: 16, kind: "used" },
          { address: 16, size: 16, kind: "used-slot" },
          { address: 32, size: 16, kind: "metadata" },
        ),
        colour,
      );
      expect(drawn).toContain("\x1b[32m#\x1b[39m\x1b[36m#\x1b[39m\x1b[33m#\x1b[39m");
    });
  });
});
