/** Reading traces from files, gzipped or not. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { afterAll, expect, test } from "vitest";

import { CHUNK_OPS } from "../../trace/ops.ts";
import { keepSource, openTrace, traceSource } from "../../trace/read.ts";
import { chunksOf, everyKind, everyOp, linesOf, readError, sourceOf, traceOf } from "./traces.ts";

const folder = mkdtempSync(join(tmpdir(), "heapwright-trace-"));

afterAll(() => rmSync(folder, { recursive: true }));

test("reads input in blocks of any length, plain or gzipped", async () => {
  for (const bytes of [Buffer.from(everyKind), gzipSync(everyKind)]) {
    for (let length = 1; length <= 9; length += 1) {
      const blocks = Array.from({ length: Math.ceil(bytes.length / length) }, (_, i) =>
        bytes.subarray(i * length, (i + 1) * length),
      );
      expect(linesOf(await chunksOf(sourceOf(...blocks)))).toEqual(everyOp);
    }
  }
});

test("recognises gzip by the content of a file, not by its name", async () => {
  const path = join(folder, "compressed.rep");
  writeFileSync(path, gzipSync(everyKind));
  expect(linesOf(await chunksOf(traceSource(path)))).toEqual(everyOp);
});

test("reads a kept source twice, and its input once", async () => {
  let reads = 0;
  const source = keepSource({
    file: "<stdin>",
    rereadable: false,
    bytes: async function* () {
      reads += 1;
      yield Buffer.from(everyKind);
    },
  });
  expect(linesOf(await chunksOf(source))).toEqual(everyOp);
  expect(linesOf(await chunksOf(source))).toEqual(everyOp);
  expect(reads).toBe(1);
});

test("reads in chunks of CHUNK_OPS ops, and can stop early", async () => {
  const ops = Array.from({ length: CHUNK_OPS + 10 }, (_, i) => `a ${i} 8`);
  const chunks = await chunksOf(sourceOf(traceOf(ops)));
  expect(chunks.map((chunk) => chunk.count)).toEqual([CHUNK_OPS, 10]);
  for await (const chunk of (await openTrace(sourceOf(traceOf(ops)))).chunks) {
    expect(chunk.count).toBe(CHUNK_OPS);
    break;
  }
});

test("reports gzip data that end too soon", async () => {
  const whole = gzipSync(traceOf("a 0 8", "f 0"));
  const error = await readError(sourceOf(whole.subarray(0, -9)));
  expect(error.message).toMatch(/^x\.rep:\d+: found the end of the gzip data, expected the rest/);
});

test("reports gzip data that are broken, or followed by other bytes", async () => {
  const whole = gzipSync(traceOf("a 0 8", "f 0"));
  const broken = Buffer.from(whole);
  broken[14]! ^= 0xff;
  for (const bytes of [Buffer.concat([whole, Buffer.from("junk")]), broken]) {
    const error = await readError(sourceOf(bytes));
    expect(error.message).toMatch(/^x\.rep:\d+: found broken gzip data/);
  }
});

test("reports a missing file, and a folder", async () => {
  const missing = await readError(traceSource(join(folder, "missing.rep")));
  expect(missing.message).toContain("missing.rep: no such file. Expected a trace");
  const within = await readError(traceSource(folder));
  expect(within.message).toContain(": it is a folder. Expected a trace");
});
