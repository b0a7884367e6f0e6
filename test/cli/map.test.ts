/** The map of a heap, drawn in characters. */

import { describe, expect, test } from "vitest";

import { drawMap } from "../../cli/map.ts";
import { terminalOf } from "../../cli/terminal.ts";
import type { Entry, Snapshot } from "../../trace/snapshot.ts";

const plain = terminalOf({}, { LANG: "C" });

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
