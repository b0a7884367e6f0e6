/** The text format: what is accepted, and the line and message of each error. */

import { expect, test } from "vitest";

import { TraceParser } from "../../trace/parse.ts";
import { openTrace } from "../../trace/read.ts";
import {
  chunksOf,
  everyKind,
  everyOp,
  expectReadError,
  linesOf,
  sourceOf,
  traceOf,
} from "./traces.ts";

test("reads every kind of op, with its thread and line", async () => {
  const [chunk] = await chunksOf(sourceOf(everyKind));
  expect(linesOf([chunk!])).toEqual(everyOp);
  expect([...chunk!.lines.subarray(0, 6)]).toEqual([5, 6, 8, 9, 10, 12]);
});

test("reads the header", async () => {
  const { header } = await openTrace(sourceOf("20000\n1\n1\n7\na 0 1\n"));
  expect(header).toEqual({ heapSize: 20000, ids: 1, ops: 1, weight: 7 });
});

test.each([
  ["CRLF", everyKind.replaceAll("\n", "\r\n")],
  ["no line feed at the end", everyKind.trimEnd()],
  ["empty lines at the end", `${everyKind}\n \r\n\n`],
  ["blank lines anywhere", `\n${everyKind.replaceAll("\n", "\n \t\r\n\n")}`],
  ["blanks before and after", everyKind.replaceAll("\n", "\t \r\n \t")],
  ["comments", `# recorded\n${everyKind.replaceAll("\n", " # why\n\t# a 9 9\n")}# the end`],
  ["a byte order mark", `\ufeff${everyKind}`],
  ["a byte order mark before a comment", `\ufeff# recorded\n${everyKind}`],
  [
    "more than one blank between fields, and after",
    everyKind.replaceAll(" ", " \t").replaceAll("\n", " \n"),
  ],
])("accepts %s", async (_, text) => {
  expect(linesOf(await chunksOf(sourceOf(text)))).toEqual(everyOp);
});

test("reads a free of NULL as an op without an id", async () => {
  const chunks = await chunksOf(sourceOf("0\n1\n4\n1\nf -1\na 0 8\nf\t-1 # NULL\nf 0\n"));
  expect(linesOf(chunks)).toEqual(["0: f -1", "0: a 0 8", "0: f -1", "0: f 0"]);
});

test("reads a realloc of an id that is not live as an allocation", async () => {
  const ops = ["r 0 8", "r 0 9", "f 0", "r 0 10", "f 0", "a 0 11"];
  expect(linesOf(await chunksOf(sourceOf(traceOf(ops))))).toEqual([
    "0: a 0 8",
    "0: r 0 9",
    "0: f 0",
    "0: a 0 10",
    "0: f 0",
    "0: a 0 11",
  ]);
});

test("accepts ids in any order, used again, or unused", async () => {
  const ops = ["a 5000 1", "z 2 2", "f 5000", "m 5000 3 16", "a 3000 4", "r 2 5"];
  const lines = linesOf(await chunksOf(sourceOf(traceOf(ops))));
  expect(lines).toEqual(ops.map((op) => `0: ${op}`));
});

test("accepts threads up to 2 ** 31", async () => {
  const [chunk] = await chunksOf(sourceOf(traceOf("t 2147483648", "a 0 1", "t 65536", "f 0")));
  expect([...chunk!.threads.subarray(0, 2)]).toEqual([2 ** 31, 65536]);
});

test("accepts a trace without ops", async () => {
  expect(await chunksOf(sourceOf("0\n0\n0\n1\n"))).toEqual([]);
});

test.each([
  ["nothing at all", "", 1, "the end of the trace", "suggested heap size"],
  ["half a header", "0\n1\n", 3, "the end of the trace", "number of ops"],
  ["a header line that is no number", "0\none\n1\n1\n", 2, '"one"', "number of ids"],
  ["a header line with more behind", "0 0\n1\n1\n1\n", 1, '"0 0"', "suggested heap size"],
  ["a header line left out", "0\n1\n1\n\na 0 8\n", 5, '"a 0 8"', "the weight"],
  ["more ids than a table can have", "0\n134217729\n1\n1\n", 2, '"134217729"', "to 134217728"],
  ["an unknown letter", traceOf("a 0 1", "x 0 1"), 6, '"x 0 1"', "a, z, m, r, f, or t"],
  ["an id left out", traceOf("a"), 5, '"a"', '"a ID SIZE"'],
  ["a size left out", traceOf("a 0"), 5, '"a 0"', '"a ID SIZE"'],
  ["an alignment left out", traceOf("m 0 8"), 5, '"m 0 8"', '"m ID SIZE ALIGNMENT"'],
  ["a field too many", traceOf("a 0 1 2"), 5, '"a 0 1 2"', '"a ID SIZE"'],
  ["a negative size", traceOf("a 0 -1"), 5, '"a 0 -1"', '"a ID SIZE"'],
  ["a fractional size", traceOf("a 0 1.5"), 5, '"a 0 1.5"', '"a ID SIZE"'],
  ["no blank after the letter", traceOf("a0 1"), 5, '"a0 1"', '"a ID SIZE"'],
  ["a size of 2 ** 32", traceOf("a 0 4294967296"), 5, '"a 0 4294967296"', "from 0 to 4294967295"],
  [
    "a size of 400 digits",
    traceOf(`a 0 ${"9".repeat(400)}`),
    5,
    '"a 0 999',
    "from 0 to 4294967295",
  ],
  ["an alignment of 24", traceOf("m 0 8 24"), 5, '"m 0 8 24"', "a power of two"],
  ["an alignment of 0", traceOf("m 0 8 0"), 5, '"m 0 8 0"', "a power of two"],
  [
    "a thread out of range",
    traceOf("t 2147483649", "a 0 1"),
    5,
    '"t 2147483649"',
    "from 0 to 2147483648",
  ],
  ["an id that is live", traceOf("a 1 8", "z 0 8", "a 1 8"), 7, '"a 1 8"', "1 was allocated"],
  ["a live id by realloc", traceOf("r 0 8", "m 0 8 16"), 6, '"m 0 8 16"', "not live"],
  ["a free of another negative id", traceOf("f -2"), 5, '"f -2"', '"f -1" for NULL'],
  ["a free of -1 and more", traceOf("f -12"), 5, '"f -12"', '"f ID"'],
  ["a realloc of NULL by -1", traceOf("r -1 8"), 5, '"r -1 8"', '"r ID SIZE"'],
  ["a free of what never was", traceOf("a 0 8", "f 1"), 6, '"f 1"', "1 was never allocated"],
  ["a second free", traceOf("a 0 8", "f 0", "f 0"), 7, '"f 0"', "0 was freed before"],
  ["more ops than the header says", "0\n1\n1\n1\na 0 8\nf 0\n", 6, '"f 0"', "after 1 op"],
  ["fewer ops than the header says", "0\n1\n2\n1\na 0 8\n", 6, "the end after 1 op", "2 ops"],
  ["an id the header has no room for", "0\n1\n2\n1\na 0 8\na 1 8\n", 6, '"a 1 8"', "below 1"],
  ["a realloc of such an id", "0\n1\n2\n1\na 0 8\nr 1 8\n", 6, '"r 1 8"', "an id below 1"],
  ["fewer ids than the header says", "0\n2\n1\n1\na 0 8\n", 6, "the end after 1 id", "2 ids"],
  ["an error after lines that say nothing", traceOf("a 0 8", "", "# x", "b"), 8, '"b"', "an op"],
  ["a comment in place of a field", traceOf("a 0 # 8"), 5, '"a 0 # 8"', '"a ID SIZE"'],
  ["a byte order mark within", traceOf("a 0 8", "\ufefff 0"), 6, "\\xef\\xbb\\xbff 0", "an op"],
  ["junk after the last op", `${traceOf("a 0 8")}\x00\x01`, 6, '"\\u0000\\u0001"', "an op"],
  ["bytes that are no text", traceOf("a 0 8", "\xff"), 6, '"\\xc3\\xbf"', "an op"],
  ["a line without an end", `${"7".repeat(5000)}`, 1, "a line of more than 4096 bytes", "text"],
])("reports %s", (_, ...error) => expectReadError(...error));

test("parses bytes that are pushed in pieces", () => {
  const parser = new TraceParser("elsewhere");
  expect(parser.push(Buffer.from("0\n1\n1\n1\na 0"))).toEqual([]);
  expect(parser.push(Buffer.from(" 16\n"))).toEqual([]);
  expect(linesOf(parser.end())).toEqual(["0: a 0 16"]);
});
