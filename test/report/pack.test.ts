import { expect, test } from "vitest";

import { NO_RECORD, OP } from "../../report/pack.ts";
import { unpackProgram } from "../../report/pack.ts";
import { programOfText } from "./programs.ts";

const TEXT = `0
8
9
1
s 1 0 main @ app.c:10
s 2 1 load # of it
a 7 100 @1 +5
t 3
m 2 4096 64 @2 +10
r 7 300
f -1
z 1 4294967295
f 2
r 7 5 +1000000
f 7
f 1
`;

test("keeps every field of every op", async () => {
  const program = await programOfText(TEXT);
  expect(program.ops).toBe(9);
  expect(program.records).toBe(5);
  expect([...program.kinds]).toEqual([
    OP.malloc,
    OP.memalign,
    OP.realloc,
    OP.freeNull,
    OP.calloc,
    OP.free,
    OP.realloc,
    OP.free,
    OP.free,
  ]);
  expect([...program.sizes]).toEqual([100, 4096, 300, 0, 4294967295, 0, 5, 0, 0]);
  expect([...program.alignments]).toEqual([0, 64, 0, 0, 0, 0, 0, 0, 0]);
  const none = NO_RECORD;
  expect([...program.begins]).toEqual([0, 1, 2, none, 3, none, 4, none, none]);
  expect([...program.ends]).toEqual([none, none, 0, none, none, 1, 2, 4, 3]);
  expect([...program.threads]).toEqual([0, 3, 3, 3, 3, 3, 3, 3, 3]);
  expect([...program.sites]).toEqual([1, 2, 0, 0, 0, 0, 0, 0, 0]);
  const late = 15 + 1000000;
  expect([...program.times]).toEqual([5, 15, 15, 15, 15, 15, late, late, late]);
  expect(program.callSites.stackOf(2)).toEqual([
    { name: "load # of it", place: "" },
    { name: "main", place: "app.c:10" },
  ]);
});

test("has no times if the trace has none", async () => {
  const program = await programOfText("0\n1\n2\n1\na 0 1\nf 0\n");
  expect(program.times.length).toBe(0);
  expect(program.callSites.count).toBe(0);
});

test("rejects bytes that end too early or have another version", () => {
  expect(() => unpackProgram(new Uint8Array([1, 200]))).toThrow("ends too early");
  expect(() => unpackProgram(new Uint8Array([2, 0, 0]))).toThrow("version 2, expected 1");
});
