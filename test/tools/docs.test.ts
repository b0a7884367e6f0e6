/** The generated parts of the documents are up to date; the tool that generates them. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DOCUMENTS, readDocument, ROOT } from "../../tools/docs/documents.ts";
import { FIGURES } from "../../tools/docs/figures.ts";
import { markdown } from "../../tools/docs/markdown.ts";
import { regionsOf, updated } from "../../tools/docs/regions.ts";

describe("documents", () => {
  it.each(DOCUMENTS)("%s is up to date", { timeout: 120_000 }, async (path) => {
    const { text, current } = await readDocument(path);
    const stale = regionsOf(text).filter(({ text: old }, i) => regionsOf(current)[i]!.text !== old);
    const names = stale.map(({ name, line }) => `"${name}" (line ${line})`);
    expect(current, `${path} is out of date: ${names.join(", ")}. Run npm run docs:figures`).toBe(
      text,
    );
  });

  it("use every figure", () => {
    const texts = DOCUMENTS.map((path) => readFileSync(ROOT + path, "utf8"));
    const used = new Set(texts.flatMap(regionsOf).map(({ name }) => name));
    expect(Object.keys(FIGURES).filter((name) => !used.has(name))).toEqual([]);
  });
});

describe("regions", () => {
  const figures = {
    speed: { text: () => "12 ns" },
    table: { text: async () => "| a |\n| - |\n" },
    report: {
      text: () => "3 blocks in 7 ms",
      steady: (text: string) => text.replace(/\d+ ms/, "… ms"),
    },
  };

  it("replace what is between the marks, and nothing else", async () => {
    const before =
      "# Title\n\nIt takes <!-- figure speed -->99 ns<!-- /figure -->.\n\n<!-- figure table -->\n\nold\n\n<!-- /figure -->\n\nEnd\n";
    expect(await updated(before, figures)).toBe(
      "# Title\n\nIt takes <!-- figure speed -->12 ns<!-- /figure -->.\n\n<!-- figure table -->\n\n| a |\n| - |\n\n<!-- /figure -->\n\nEnd\n",
    );
  });

  it("keep a text that differs only in what is not steady", async () => {
    const same = "<!-- figure report -->3 blocks in 8 ms<!-- /figure -->";
    expect(await updated(same, figures)).toBe(same);
    expect(await updated(same.replace("3 blocks", "4 blocks"), figures)).toBe(
      "<!-- figure report -->3 blocks in 7 ms<!-- /figure -->",
    );
  });

  it.each([
    ["\n<!-- figure spede -->x<!-- /figure -->", 'line 2: there is no figure "spede"'],
    ["<!-- figure toString -->x<!-- /figure -->", 'line 1: there is no figure "toString"'],
    ["\n\n<!-- figure speed -->x", "line 3: <!-- figure speed --> has no <!-- /figure -->"],
    [
      "<!-- figure speed -->x<!-- figure table -->y<!-- /figure -->",
      "line 1: <!-- figure speed --> has no <!-- /figure -->",
    ],
    ["\nx<!-- /figure -->", "line 2: <!-- /figure --> has no <!-- figure … --> before it"],
  ])("with an error are refused with their line: %s", async (text, message) => {
    await expect(updated(text, figures)).rejects.toThrow(message);
  });
});

describe("samples", () => {
  const { steady } = FIGURES["sample replay"]!;
  const rowWith = (time: string, size: string): string =>
    `─────\ncc1         60,000  ${time}   1.3 MiB   ${size} MiB  91.4%`;

  it("are equal whatever the times are", () => {
    expect(steady!(rowWith("87.1", "1.4"))).toBe(steady!(rowWith("131.4", "1.4")));
  });

  it("differ if another figure does", () => {
    expect(steady!(rowWith("87.1", "1.4"))).not.toBe(steady!(rowWith("87.1", "1.5")));
  });
});

describe("the sample of compare", () => {
  const { steady } = FIGURES["sample compare"]!;
  const reportOf = (rows: string[], lines: string): string =>
    `$ npx heapwright compare\n\n   margin  utilisation  ns/op\n──────\n${rows.join("\n")}\n\n${lines}`;
  const [low, high] = ["0      93.4%   26.3   56.3 MiB", "auto   93.4%   27.0   56.4 MiB"];
  const report = reportOf([`*  ${low}`, `   ${high}`], "Least memory and least time: margin 0");

  it("is the same whatever setting is fastest", () => {
    const other = reportOf(
      [`*  ${high.replace("27.0", "25.0")}`, `*  ${low}`],
      "Least memory: margin 0\nLeast time: margin auto\n*: no setting that needs less memory is\nas fast.",
    );
    expect(steady!(other)).toBe(steady!(report));
  });

  it("differs if a setting needs other memory", () => {
    expect(steady!(report.replace("56.4", "56.5"))).not.toBe(steady!(report));
  });
});

it("a table has columns of numbers to the right", () => {
  expect(
    markdown({
      head: ["name", "ns"],
      rows: [
        ["a", "1,000.5"],
        ["longer", "–"],
      ],
    }),
  ).toBe("| name   |      ns |\n| ------ | ------: |\n| a      | 1,000.5 |\n| longer |       – |");
});
