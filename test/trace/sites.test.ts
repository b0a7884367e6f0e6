/** Call sites and times of ops: reading, errors, writing, and looking stacks up. */

import { expect, test } from "vitest";

import { siteOf, timeOf } from "../../trace/ops.ts";
import { openTrace } from "../../trace/read.ts";
import { CallSites, frameText } from "../../trace/sites.ts";
import { firstOps, traceText } from "../../trace/write.ts";
import { Heap } from "../../src/index.ts";
import { chunksOf, expectReadError, linesOf, replayOf, sourceOf, traceOf } from "./traces.ts";

const withSites = traceOf(
  "s 1 0 main @ app.c:10",
  "s 2 1 load<int, 3> @ my app.c:25",
  "a 0 4096 @2",
  "f -1 @1 +100",
  "s 3 1 Map.#insert",
  "m 1 80 16 @3",
  "t 7",
  "r 0 9000 +250",
  "f 1 @2 +1",
);

test("reads the call site and the time of each op", async () => {
  const trace = await openTrace(sourceOf(withSites));
  const found: string[] = [];
  for await (const ops of trace.chunks) {
    for (let i = 0; i < ops.count; i += 1) found.push(`${siteOf(ops, i)} ${timeOf(ops, i)}`);
  }
  expect(found).toEqual(["2 0", "1 100", "3 100", "0 350", "2 351"]);
  expect(trace.sites.count).toBe(3);
  expect(trace.sites.stackOf(2)).toEqual([
    { name: "load<int, 3>", place: "my app.c:25" },
    { name: "main", place: "app.c:10" },
  ]);
  expect(trace.sites.stackOf(3)[0]).toEqual({ name: "Map.#insert", place: "" });
  expect(trace.sites.stackOf(0)).toEqual([]);
});

test("reads the same ops as without call sites and times", async () => {
  const bare = traceOf("a 0 4096", "f -1", "m 1 80 16", "t 7", "r 0 9000", "f 1");
  expect(linesOf(await chunksOf(sourceOf(withSites)))).toEqual(
    linesOf(await chunksOf(sourceOf(bare))),
  );
  const times = { nsPerOp: 0 };
  expect({ ...(await replayOf(new Heap(), withSites)), ...times }).toEqual({
    ...(await replayOf(new Heap(), bare)),
    ...times,
  });
});

test("a chunk without call sites and times has no columns for them", async () => {
  const [chunk] = await chunksOf(sourceOf(traceOf("a 0 8", "f 0")));
  expect([chunk!.sites, chunk!.times]).toEqual([undefined, undefined]);
  expect([siteOf(chunk!, 1), timeOf(chunk!, 1)]).toEqual([0, 0]);
});

test.each([
  ["blanks and a comment", traceOf("s 1 0 main", "a 0 8 \t@1  +5 # why")],
  ["CRLF", traceOf("s 1 0 main", "a 0 8 @1 +5").replaceAll("\n", "\r\n")],
])("accepts %s", async (_, text) => {
  const trace = await openTrace(sourceOf(text));
  for await (const ops of trace.chunks) expect([siteOf(ops, 0), timeOf(ops, 0)]).toEqual([1, 5]);
  expect(trace.sites.textOf(1)).toBe("main");
});

test("reads frames that are cut between blocks of bytes", async () => {
  const bytes = Buffer.from(traceOf("s 1 0 größer @ ä.c:1", "a 0 8 @1"));
  const trace = await openTrace(sourceOf(...Array.from(bytes, (byte) => Uint8Array.of(byte))));
  for await (const _ of trace.chunks);
  expect(trace.sites.textOf(1)).toBe("größer @ ä.c:1");
});

test.each([
  ["a call site that is not next", traceOf("s 2 0 main"), 5, '"s 2 0 main"', "call site 1, the"],
  ["a call site twice", traceOf("s 1 0 main", "s 1 0 main"), 6, '"s 1 0 main"', "call site 2"],
  ["a caller that comes later", traceOf("s 1 2 main"), 5, '"s 1 2 main"', "a caller below 1"],
  ["a caller that is itself", traceOf("s 1 1 main"), 5, '"s 1 1 main"', "a caller below 1"],
  ["a call site without a frame", traceOf("s 1 0 "), 5, '"s 1 0"', '"s SITE CALLER FRAME"'],
  ["a call site without a caller", traceOf("s 1 main"), 5, '"s 1 main"', '"s SITE CALLER FRAME"'],
  ["a call site too large", traceOf("s 16777216 0 x"), 5, '"s 16777216 0 x"', "to 16777215"],
  ["an op of a later call site", traceOf("a 0 8 @1", "s 1 0 x"), 5, '"a 0 8 @1"', "from 0 to 0"],
  ["a call site that is no number", traceOf("a 0 8 @x"), 5, '"a 0 8 @x"', '"@SITE"'],
  ["a time that is no number", traceOf("a 0 8 +x"), 5, '"a 0 8 +x"', '"+TIME"'],
  ["a time before the call site", traceOf("a 0 8 +1 @0"), 5, '"a 0 8 +1 @0"', '"a ID SIZE"'],
  ["no blank before the call site", traceOf("a 0 8@0"), 5, '"a 0 8@0"', '"a ID SIZE"'],
  ["a time too large", traceOf("a 0 8 +9007199254740992"), 5, '"a 0 8 +9', "to 9007199254740991"],
  [
    "times that add up to too much",
    traceOf("a 0 8 +9007199254740991", "f 0 +9007199254740991"),
    6,
    '"f 0 +9007199254740991"',
    "add up",
  ],
])("reports %s", (_, ...error) => expectReadError(...error));

test("writing gives the same call sites and times, each call site before its first op", async () => {
  const trace = await openTrace(sourceOf(withSites));
  const chunks = await firstOps(trace.chunks, Infinity);
  expect(traceText(chunks, { sites: trace.sites })).toBe(withSites);
});

test("a cut trace has the call sites that its ops need", async () => {
  const trace = await openTrace(sourceOf(withSites));
  const text = traceText(await firstOps(trace.chunks, 2), { sites: trace.sites });
  expect(text).toContain("\ns 2 1 load<int, 3> @ my app.c:25\n");
  expect(text).not.toContain("s 3");
  expect(linesOf(await chunksOf(sourceOf(text)))).toEqual(["0: a 0 4096", "0: f -1"]);
});

test("a table of many call sites keeps each", () => {
  const sites = new CallSites();
  for (let i = 0; i < 1000; i += 1) expect(sites.add(i >> 1, `f${i % 7}`)).toBe(i + 1);
  expect(sites.parentOf(1000)).toBe(499);
  expect(sites.textOf(1000)).toBe("f5");
});

test("equal stacks have one call site, and share those of their callers", () => {
  const sites = new CallSites();
  const load = sites.ofStack(["load", "run", "main"]);
  expect(sites.stackOf(load).map(({ name }) => name)).toEqual(["load", "run", "main"]);
  expect(sites.ofStack(["load", "run", "main"])).toBe(load);
  expect(sites.parentOf(sites.ofStack(["save", "run", "main"]))).toBe(sites.parentOf(load));
  expect(sites.ofStack(["save"], sites.ofStack(["run", "main"]))).toBe(sites.count);
  expect(sites.ofStack(["load"])).toBe(sites.count);
  expect(sites.ofStack([], load)).toBe(load);
  expect(sites.count).toBe(5);
});

test("the text of a frame is one line of limited length", () => {
  expect(frameText("main", "app.c:3")).toBe("main @ app.c:3");
  expect(frameText("two\nlines\t")).toBe("two lines");
  expect(frameText("")).toBe("?");
  expect(frameText("x".repeat(5000)).length).toBe(1001);
});
