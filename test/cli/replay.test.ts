/** heapwright replay: its figures, its settings, and the traces that it refuses. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { describe, expect, test } from "vitest";

import { replayReport } from "../../cli/replay.ts";
import { bytes, count, percent } from "../../cli/report.ts";
import {
  bad,
  bundled,
  fileOf,
  folder,
  good,
  heapwright,
  jsonLines,
  large,
  onTerminal,
  outcome,
  packed,
  start,
} from "./run-cli.ts";
import { runOf, terminalWith, widthOf } from "./runs.ts";
import { FULLEST_LIVE, SIZES, rounded, uneven, unevenFigures } from "./uneven.ts";

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
    expect(out).toMatch(/^good +4 +\d+\.\d +300 B .* 1$/m);
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

  describe("the report", () => {
    const runs = [
      runOf(),
      runOf({ trace: "z3.rep", nsPerOp: 24.6, peakHeapBytes: 21_915_238, breakMoves: 40 }),
    ];
    const lines = (columns: number, of = runs): string[] =>
      replayReport(of, terminalWith(columns)).split("\n");

    test("at 120 columns: headings of one line", () => {
      expect(lines(120).slice(0, 7)).toEqual([
        "engine wasm, fit best, margin auto, small auto, memory wasm",
        "",
        "trace           ops  ns/op  peak live  footprint  utilisation  internal  external  break moves",
        "-".repeat(94),
        "imagemagick  46,931  111.7  392.6 KiB    448 KiB        87.6%      3.6%      3.8%        1,234",
        "z3           46,931   24.6  392.6 KiB   20.9 MiB        87.6%      0.1%      0.1%           40",
        "",
      ]);
    });

    test("at 80 columns: headings of two lines", () => {
      expect(lines(80).slice(2, 7)).toEqual([
        "                              peak                                         break",
        "trace          ops ns/op      live footprint utilisation internal external moves",
        "-".repeat(80),
        "imagemagick 46,931 111.7 392.6 KiB   448 KiB       87.6%     3.6%     3.8% 1,234",
        "z3          46,931  24.6 392.6 KiB  20.9 MiB       87.6%     0.1%     0.1%    40",
      ]);
    });

    test("at 80 columns, with a long name: without peak live", () => {
      expect(lines(80, [runOf({ trace: "coalescing-bal.rep" })]).slice(2, 7)).toEqual([
        "                                                                    break",
        "trace             ops ns/op footprint utilisation internal external moves",
        "-".repeat(73),
        "coalescing-bal 46,931 111.7   448 KiB       87.6%     3.6%     3.8% 1,234",
        "Without peak live: widen the terminal, or use --json.",
      ]);
    });

    test("at 50 columns: a record for each trace, and a narrow map", () => {
      expect(lines(50)).toEqual([
        "engine wasm, fit best, margin auto, small auto,",
        "memory wasm",
        "",
        "imagemagick",
        "  ops          46,931",
        "  ns/op        111.7",
        "  peak live    392.6 KiB",
        "  footprint    448 KiB",
        "  utilisation  87.6%",
        "  internal     3.6%",
        "  external     3.8%",
        "  break moves  1,234",
        "",
        "z3",
        "  ops          46,931",
        "  ns/op        24.6",
        "  peak live    392.6 KiB",
        "  footprint    20.9 MiB",
        "  utilisation  87.6%",
        "  internal     0.1%",
        "  external     0.1%",
        "  break moves  40",
        "",
        "imagemagick at its fullest, after op 6,442 of",
        "46,931: 392.6 KiB live in 448 KiB",
        ...map,
        "",
        "z3 at its fullest, after op 6,442 of 46,931:",
        "392.6 KiB live in 448 KiB",
        ...map,
        "",
      ]);
    });
    const full = "#".repeat(32);
    const map = [
      ...["00000000", "00008000", "00010000", "00018000", "00020000", "00028000"],
      ...["00030000", "00038000", "00040000", "00048000", "00050000", "00058000"],
    ].map((address) => `${address}  ${full}`);
    map.push(
      `00060000  ${"#".repeat(10)}+${".".repeat(21)}`,
      `00068000  ${".".repeat(32)}`,
      "          a cell is 1 KiB: # in use * mostly",
      "          + half - little . free",
    );

    test.each([120, 80, 50, 30])("no line is wider than %i columns", (columns) => {
      const failed = runOf({ trace: "a-rather-long-name.rep", failures: 12 });
      expect(widthOf(lines(columns, [...runs, failed]).join("\n"))).toBeLessThanOrEqual(columns);
    });

    test("failures have a column if there are some", () => {
      const text = lines(120, [...runs, runOf({ failures: 12 })]).join("\n");
      expect(text).toMatch(/break moves {2}failures\n.* 1,234 {9}0\n.* 40 {9}0\n.* 1,234 {8}12\n/s);
    });

    test("a terminal's width is the report's", async () => {
      const { out } = await onTerminal(50, "replay", "--no-color", good);
      expect(widthOf(out)).toBeLessThanOrEqual(50);
      expect(out).toMatch(/^ {2}utilisation {2}\d/m);
    });
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

  test("a folder, and a path through a file", async () => {
    for (const [path, found] of [
      [folder, "it is a folder"],
      [join(good, "x.rep"), "no such file"],
    ] as const) {
      const { code, out, err } = await heapwright("replay", path);
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).toContain(`cannot read ${path}: ${found}. Expected a trace: .rep, `);
    }
  });

  test("no such file", async () => {
    const { code, out, err } = await heapwright("replay", join(folder, "none.rep"));
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/^heapwright: cannot read .*none\.rep: no such file\. Expected a trace/);
  });

  test("failures: the report, a sentence, and exit 1", async () => {
    const { code, out, err } = await heapwright("replay", "--json", "--limit", "1M", large);
    expect(code).toBe(1);
    expect(jsonLines(out)[0]).toMatchObject({ failures: 1, skipped: 1, peakLiveBytes: 100 });
    expect(err).toMatch(/^heapwright: .*large\.rep: 1 failure at line 6 \(a 1 9000000\): .+\n$/);
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
