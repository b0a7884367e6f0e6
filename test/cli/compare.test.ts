/** heapwright compare: one row for each setting. */

import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { compareReport, rank, slowWarning } from "../../cli/compare.ts";
import { bytes, percent } from "../../cli/report.ts";
import { Heap } from "../../src/index.ts";
import { bad, good, heapwright, jsonLines, large, outcome, packed, start } from "./run-cli.ts";
import { runOf, setting as plain, terminalWith, widthOf } from "./runs.ts";
import { rounded, uneven, unevenFigures } from "./uneven.ts";

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
      onFront: true,
      leastMemory: true,
      leastTime: true,
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
    expect(cells.toSpliced(2, 1)).toEqual(
      `* ${percent(utilisation)} ${bytes(peakHeapBytes)} ${breakMoves}`.split(" "),
    );
  });

  test("one table with every combination", async () => {
    const lists = ["--fit", "best,first", "--margin", "0,64K", "--small", "0,512"];
    const { code, out, err } = await heapwright("compare", ...lists, good, packed);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^engine (wasm|js), memory wasm\n2 traces, 8 ops\n\n +fit +margin +small /);
    const rows = out.split("\n").filter((line) => /^[* ] +(best|first) /.test(line));
    expect(rows.length).toBe(8);
    for (const fit of ["best", "first"]) {
      for (const margin of ["0", "64K"]) {
        for (const small of ["0", "512"]) {
          const row = new RegExp(`^[* ] +${fit} +${margin} +${small} `);
          expect(rows.filter((line) => row.test(line)).length).toBe(1);
        }
      }
    }
  });

  test("--json: an object a setting, in the order of the table, with its traces", async () => {
    const args = ["--json", "--engine", "wasm,js", good, packed];
    const { code, out } = await heapwright("compare", ...args);
    expect(code).toBe(0);
    const lines = jsonLines(out);
    expect(lines.length).toBe(6);
    const engines = lines.map((line) => line["engine"]);
    expect(engines.toSorted().join(" ")).toBe("js js js wasm wasm wasm");
    const front = lines.map((line) => line["onFront"]);
    expect(front).toEqual(front.toSorted((a, b) => Number(b) - Number(a)));
    expect(front[0]).toBe(true);
    expect(lines[0]!["leastMemory"]).toBe(true);
    expect(lines.some((line) => line["leastTime"])).toBe(true);
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

  test("a failure is reported with its setting, in the order of the table", async () => {
    const lists = ["--engine", "js", "--fit", "best,first", "--small", "0,1008"];
    const { code, out, err } = await heapwright("compare", ...lists, "--limit", "1M", good, large);
    expect(code).toBe(1);
    const rows = [...out.matchAll(/^ +(\w+) +(\w+) .* 1$/gm)];
    expect(rows.length).toBe(4);
    expect(out).toContain("Every setting had failures, so none is best.\n");
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

  describe("the order", () => {
    const of = (name: string, utilisation: number, nsPerOp: number, failures = 0) => ({
      name,
      failures,
      utilisation,
      nsPerOp,
    });
    const ranked = (...all: ReturnType<typeof of>[]): string[] =>
      rank(all).map(
        ({ name, onFront, leastMemory, leastTime }) =>
          `${name}${onFront ? " front" : ""}${leastMemory ? " memory" : ""}${leastTime ? " time" : ""}`,
      );

    test("the Pareto front, then the others, then those with failures; by memory in each", () => {
      expect(
        ranked(
          of("failing", 0.99, 1, 1),
          of("fast", 0.7, 5),
          of("wasteful and slow", 0.6, 50),
          of("middle", 0.8, 20),
          of("slower than the middle", 0.8, 30),
          of("lean", 0.9, 40),
        ),
      ).toEqual([
        "lean front memory",
        "middle front",
        "fast front time",
        "slower than the middle",
        "wasteful and slow",
        "failing",
      ]);
    });

    test("figures that the table shows alike are alike", () => {
      expect(ranked(of("a", 0.9004, 5.04), of("b", 0.9001, 4.96))).toEqual([
        "a front memory time",
        "b front memory time",
      ]);
      expect(ranked(of("slow", 0.9004, 9), of("fast", 0.9001, 5))).toEqual([
        "fast front memory time",
        "slow",
      ]);
    });

    test("no setting without failures: no front", () => {
      expect(ranked(of("a", 0.9, 5, 2), of("b", 0.91, 5, 1))).toEqual(["b", "a"]);
    });
  });

  describe("the report", () => {
    const contender = (margin: number | "auto", utilisation: number, nsPerOp: number) => ({
      setting: { ...plain, margin },
      runs: [runOf(), runOf()],
      failures: 0,
      utilisation,
      nsPerOp,
      peakHeapBytes: 59_244_544,
      breakMoves: 271,
    });
    const ranked = rank([
      contender(0, 0.931, 25.3),
      contender(65536, 0.914, 26.6),
      contender("auto", 0.929, 24.5),
    ]);
    const lines = (columns: number): string[] =>
      compareReport(ranked, terminalWith(columns)).split("\n");

    test("at 120 and at 80 columns: a table, and the best settings", () => {
      for (const columns of [120, 80]) {
        expect(lines(columns).slice(0, 11)).toEqual([
          "engine wasm, fit best, small auto, memory wasm",
          "2 traces, 93,862 ops",
          "",
          "   margin  utilisation  ns/op  footprint  break moves",
          "-----------------------------------------------------",
          "*  0             93.1%   25.3   56.5 MiB          271",
          "*  auto          92.9%   24.5   56.5 MiB          271",
          "   64K           91.4%   26.6   56.5 MiB          271",
          "",
          "Least memory: margin 0 (utilisation 93.1%, 25.3 ns/op)",
          "Least time: margin auto (utilisation 92.9%, 24.5 ns/op)",
        ]);
      }
      expect(lines(120).slice(11)).toEqual([
        "*: no setting that needs less memory is as fast, and no faster one needs as little memory.",
        "",
      ]);
    });

    test("at 50 columns: headings of two lines, and text that is wrapped", () => {
      expect(lines(50)).toEqual([
        "engine wasm, fit best, small auto, memory wasm",
        "2 traces, 93,862 ops",
        "",
        "                                          break",
        "   margin  utilisation  ns/op  footprint  moves",
        "-----------------------------------------------",
        "*  0             93.1%   25.3   56.5 MiB    271",
        "*  auto          92.9%   24.5   56.5 MiB    271",
        "   64K           91.4%   26.6   56.5 MiB    271",
        "",
        "Least memory: margin 0 (utilisation 93.1%, 25.3",
        "ns/op)",
        "Least time: margin auto (utilisation 92.9%, 24.5",
        "ns/op)",
        "*: no setting that needs less memory is as fast,",
        "and no faster one needs as little memory.",
        "",
      ]);
    });

    test("at 30 columns: a record for each setting", () => {
      expect(lines(30).slice(4, 16)).toEqual([
        "margin 0 *",
        "  utilisation  93.1%",
        "  ns/op        25.3",
        "  footprint    56.5 MiB",
        "  break moves  271",
        "",
        "margin auto *",
        "  utilisation  92.9%",
        "  ns/op        24.5",
        "  footprint    56.5 MiB",
        "  break moves  271",
        "",
      ]);
    });

    test.each([120, 80, 50, 30])("no line is wider than %i columns", (columns) => {
      expect(widthOf(lines(columns).join("\n"))).toBeLessThanOrEqual(columns);
    });

    test("one setting is best in both", () => {
      const both = rank([contender(0, 0.931, 25.3), contender("auto", 0.929, 25.5)]);
      expect(compareReport(both, terminalWith(120))).toMatch(
        /\n\nLeast memory and least time: margin 0 \(utilisation 93.1%, 25.3 ns\/op\)\n$/,
      );
    });
  });

  describe("the warning about policies that take minutes", () => {
    const [best, first, next] = (["best", "first", "next"] as const).map((fit) => ({ fit }));

    test("says how long they take, and how to leave them out", () => {
      expect(
        slowWarning(
          [best!, first!, next!],
          [
            [300, 300],
            [100, 500],
            [1, 2],
          ],
        ),
      ).toBe(
        "first fit will take about 10 min: it looks through the blocks one by one. " +
          "To leave it out: --fit best,next",
      );
    });

    test("adds up the settings of a policy", () => {
      const settings = [best!, first!, first!, next!];
      expect(slowWarning(settings, [[1], [40], [40], [9000]])).toContain(
        "first fit will take about 1 min, next fit about 2 h 30 min: they look through",
      );
      expect(slowWarning(settings, [[1], [40], [40], [9000]])).toMatch(
        /To leave them out: --fit best$/,
      );
    });

    test("says what to do if no other policy is left", () => {
      expect(slowWarning([first!], [[300]])).toMatch(
        /about 5 min: .* Best fit is faster: --fit best$/,
      );
    });

    test("is not there if it takes less than a minute, or if best fit is slow", () => {
      expect(slowWarning([best!, first!], [[600], [59]])).toBeUndefined();
    });
  });
});
