/** Calls with addresses to ops, and traces written piece by piece. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { afterAll, expect, test } from "vitest";

import { AddressTable } from "../../trace/addresses.ts";
import { TraceFile } from "../../trace/file.ts";
import { CALLOC, MALLOC, MEMALIGN, opText, type OpChunk } from "../../trace/ops.ts";
import { openTrace, traceSource } from "../../trace/read.ts";
import { Recording } from "../../trace/recording.ts";
import { CallSites } from "../../trace/sites.ts";
import { chunksOf, linesOf } from "./traces.ts";

const folder = mkdtempSync(join(tmpdir(), "heapwright-recording-"));
afterAll(() => rmSync(folder, { recursive: true }));

function recorded(make: (recording: Recording) => void): { ops: string[]; recording: Recording } {
  const ops: string[] = [];
  const recording = new Recording((chunk: OpChunk) => {
    for (let i = 0; i < chunk.count; i += 1) ops.push(opText(chunk, i));
  });
  make(recording);
  recording.end();
  return { ops, recording };
}

test("a table of addresses does what a Map does", () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(300)), { minLength: 1, maxLength: 3000 });
  fc.assert(
    fc.property(steps, fc.constantFrom(1, 16, 4096, 2 ** 32 + 16), (sequence, stride) => {
      const [table, map] = [new AddressTable(), new Map<number, number>()];
      sequence.forEach(([add, n], i) => {
        const address = (n + 1) * stride;
        const before = map.get(address) ?? -1;
        if (add) map.set(address, i);
        else map.delete(address);
        expect(add ? table.set(address, i) : table.take(address)).toBe(before);
      });
    }),
  );
  const table = new AddressTable();
  for (let i = 1; i <= 10_000; i += 1) table.set(i * 16, i);
  for (let i = 1; i <= 10_000; i += 1) expect(table.take(i * 16)).toBe(i);
});

test("each block has an id of its own, at the same address too", () => {
  const { ops } = recorded((recording) => {
    recording.allocate(MALLOC, 4096, 10);
    recording.free(4096);
    recording.allocate(CALLOC, 4096, 20);
    recording.allocate(MEMALIGN, 8192, 30, 64);
    recording.allocate(MEMALIGN, 9192, 30, 0);
    recording.freeNull();
  });
  expect(ops).toEqual(["a 0 10", "f 0", "z 1 20", "m 2 30 64", "a 3 30", "f -1"]);
});

test("reallocations move, fail and free", () => {
  const { ops } = recorded((recording) => {
    recording.allocate(MALLOC, 4096, 10);
    recording.endReallocate(recording.beginReallocate(4096), 4096, 8192, 100);
    recording.endReallocate(recording.beginReallocate(8192), 8192, 0, 2 ** 40);
    recording.allocate(MALLOC, 4096, 11);
    recording.endReallocate(recording.beginReallocate(8192), 8192, 0, 0);
    recording.free(4096);
  });
  expect(ops).toEqual(["a 0 10", "r 0 100", "a 1 11", "f 0", "f 1"]);
});

test("another thread may get the address of a block that is being reallocated", () => {
  const { ops, recording } = recorded((each) => {
    each.allocate(MALLOC, 4096, 10);
    const id = each.beginReallocate(4096);
    each.allocate(MALLOC, 4096, 11);
    each.endReallocate(id, 4096, 8192, 20);
  });
  expect(ops).toEqual(["a 0 10", "a 1 11", "r 0 20"]);
  expect(recording.repairs.missedFrees).toBe(0);
});

test("what cannot be right is left out or repaired, and counted", () => {
  const { ops, recording } = recorded((each) => {
    each.free(4096);
    each.endReallocate(each.beginReallocate(4096), 4096, 8192, 20);
    each.allocate(MALLOC, 8192, 30);
    each.allocate(MALLOC, 16, 2 ** 33);
  });
  expect(ops).toEqual(["a 0 20", "f 0", "a 1 30", "a 2 4294967295"]);
  expect(recording.repairs).toEqual({
    unknownFrees: 1,
    unknownReallocations: 1,
    missedFrees: 1,
    largeSizes: 1,
    beyondLastId: 0,
  });
});

test.each(["x.rep", "x.rep.gz"])("%s, written in pieces, is a trace", async (name) => {
  const path = join(folder, name);
  const sites = new CallSites();
  const file = new TraceFile(path, sites);
  const recording = new Recording((chunk) => file.write(chunk));
  const count = 70_000;
  for (let i = 0; i < count; i += 1) {
    recording.thread = i >> 15;
    recording.site = i % 1000 === 0 ? sites.add(0, `f${i}`) : 1;
    recording.time = i * 10;
    recording.allocate(MALLOC, 16 + 16 * i, i);
  }
  recording.end();
  file.end();
  expect(file.bytes).toBe(readFileSync(path).length);
  const trace = await openTrace(traceSource(path));
  expect(trace.header).toEqual({ heapSize: 0, ids: count, ops: count, weight: 1 });
  const chunks = await chunksOf(traceSource(path));
  expect(linesOf(chunks).slice(-1)).toEqual([`2: a ${count - 1} ${count - 1}`]);
  expect(chunks.at(-1)!.times!.findLast((time) => time > 0)).toBe((count - 1) * 10);
});
