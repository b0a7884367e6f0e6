/** heapwright compare: one row for each setting. */

import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { rank } from "../../cli/compare.ts";
import { bytes, percent } from "../../cli/report.ts";
import { Heap } from "../../src/index.ts";
import { bad, good, heapwright, jsonLines, large, outcome, packed, start } from "./run-cli.ts";
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
