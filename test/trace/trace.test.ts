import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";

import { Heap } from "../../src/index.ts";
import { TraceError } from "../../trace/error.ts";
import { CHUNK_OPS, type OpChunk, opText } from "../../trace/ops.ts";
import { TraceParser } from "../../trace/parse.ts";
import { type TraceSource, keepSource, openTrace, traceSource } from "../../trace/read.ts";
import { type ReplayHeap, type ReplayOptions, replay, snapshotAfter } from "../../trace/replay.ts";
import { type Snapshot, takeSnapshot } from "../../trace/snapshot.ts";
import { firstOps, traceText } from "../../trace/write.ts";
import { BASE, HEADER, ToyHeap } from "../src/toy-heap.ts";

const folder = mkdtempSync(join(tmpdir(), "heapwright-trace-"));
afterAll(() => rmSync(folder, { recursive: true }));

const bundled = fileURLToPath(new URL("../../trace/recorded/", import.meta.url));
const bundledTraces = readdirSync(bundled).filter((name) => name.endsWith(".rep.gz"));

/** A trace of these ops, whose header has the right counts. */
function traceOf(...lines: (string | string[])[]): string {
  const ops = lines.flat();
  const counted = ops.filter((op) => !op.startsWith("t"));
  const named = counted.flatMap((op) => /^[azmr] (\d+)/.exec(op)?.[1] ?? []).map(Number);
  const ids = 1 + named.reduce((most, id) => Math.max(most, id), -1);
  return [0, ids, counted.length, 1, ...ops, ""].join("\n");
}

function sourceOf(...blocks: (string | Uint8Array)[]): TraceSource {
  return {
    file: "x.rep",
    rereadable: true,
    bytes: async function* () {
      for (const block of blocks) yield Buffer.from(block);
    },
  };
}

async function chunksOf(source: TraceSource): Promise<OpChunk[]> {
  const all: OpChunk[] = [];
  for await (const chunk of (await openTrace(source)).chunks) all.push(chunk);
  return all;
}

function linesOf(chunks: readonly OpChunk[]): string[] {
  return chunks.flatMap((chunk) =>
    Array.from({ length: chunk.count }, (_, i) => `${chunk.threads[i]}: ${opText(chunk, i)}`),
  );
}

async function readError(source: TraceSource): Promise<TraceError> {
  const error = await chunksOf(source).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TraceError);
  return error as TraceError;
}

async function replayOf(
  heap: ReplayHeap,
  text: string,
  options?: ReplayOptions,
): ReturnType<typeof replay> {
  return replay(heap, (await openTrace(sourceOf(text))).chunks, options);
}

/** Toy heaps of `bytes`: at the fullest moment of the trace. */
async function fullestOf(text: string, bytes?: number): Promise<Snapshot> {
  const { peakOp } = await replayOf(new ToyHeap(bytes), text);
  const { chunks } = await openTrace(sourceOf(text));
  return snapshotAfter(peakOp, new ToyHeap(bytes), chunks);
}

/** Runs a script of the project, as the documents say. */
function script(...args: string[]): SpawnSyncReturns<string> {
  const flags = ["--conditions=counting", "--import", "tsx"];
  const cwd = fileURLToPath(new URL("../..", import.meta.url));
  return spawnSync(process.execPath, [...flags, ...args], { cwd, encoding: "utf8" });
}

describe("reading", () => {
  const everyKind = traceOf(
    "a 0 5",
    "z 1 0",
    "t 3",
    "m 2 100 64",
    "r 0 4294967295",
    "f 1",
    "t 0",
    "f 2",
  );
  const everyOp = [
    "0: a 0 5",
    "0: z 1 0",
    "3: m 2 100 64",
    "3: r 0 4294967295",
    "3: f 1",
    "0: f 2",
  ];

  test("every kind of op, its thread and its line", async () => {
    const [chunk] = await chunksOf(sourceOf(everyKind));
    expect(linesOf([chunk!])).toEqual(everyOp);
    expect([...chunk!.lines.subarray(0, 6)]).toEqual([5, 6, 8, 9, 10, 12]);
  });

  test("the header", async () => {
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
  ])("%s", async (_, text) => {
    expect(linesOf(await chunksOf(sourceOf(text)))).toEqual(everyOp);
  });

  test("blocks of any length, plain or gzip'd", async () => {
    for (const bytes of [Buffer.from(everyKind), gzipSync(everyKind)]) {
      for (let length = 1; length <= 9; length += 1) {
        const blocks = Array.from({ length: Math.ceil(bytes.length / length) }, (_, i) =>
          bytes.subarray(i * length, (i + 1) * length),
        );
        expect(linesOf(await chunksOf(sourceOf(...blocks)))).toEqual(everyOp);
      }
    }
  });

  test("a free of NULL is an op that names no id", async () => {
    const chunks = await chunksOf(sourceOf("0\n1\n4\n1\nf -1\na 0 8\nf\t-1 # NULL\nf 0\n"));
    expect(linesOf(chunks)).toEqual(["0: f -1", "0: a 0 8", "0: f -1", "0: f 0"]);
  });

  test("a realloc of an id that is not live allocates", async () => {
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

  test("ids in any order, used again, or not at all", async () => {
    const ops = ["a 5000 1", "z 2 2", "f 5000", "m 5000 3 16", "a 3000 4", "r 2 5"];
    const lines = linesOf(await chunksOf(sourceOf(traceOf(ops))));
    expect(lines).toEqual(ops.map((op) => `0: ${op}`));
  });

  test("threads up to 2 ** 31", async () => {
    const [chunk] = await chunksOf(sourceOf(traceOf("t 2147483648", "a 0 1", "t 65536", "f 0")));
    expect([...chunk!.threads.subarray(0, 2)]).toEqual([2 ** 31, 65536]);
  });

  test("a trace without ops", async () => {
    expect(await chunksOf(sourceOf("0\n0\n0\n1\n"))).toEqual([]);
  });

  test("a file is known as gzip by what is in it, not by its name", async () => {
    const path = join(folder, "compressed.rep");
    writeFileSync(path, gzipSync(everyKind));
    expect(linesOf(await chunksOf(traceSource(path)))).toEqual(everyOp);
  });

  test("a kept source can be read again", async () => {
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

  test("no chunk is longer than another, and reading may end early", async () => {
    const ops = Array.from({ length: CHUNK_OPS + 10 }, (_, i) => `a ${i} 8`);
    const chunks = await chunksOf(sourceOf(traceOf(ops)));
    expect(chunks.map((chunk) => chunk.count)).toEqual([CHUNK_OPS, 10]);
    for await (const chunk of (await openTrace(sourceOf(traceOf(ops)))).chunks) {
      expect(chunk.count).toBe(CHUNK_OPS);
      break;
    }
  });
});

describe("a trace that is wrong", () => {
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
  ])("%s", async (_, text, line, found, expected) => {
    const error = await readError(sourceOf(text));
    expect(error.line).toBe(line);
    expect(error.found).toContain(found);
    expect(error.expected).toContain(expected);
    expect(error.message).toBe(`x.rep:${line}: found ${error.found}, expected ${error.expected}`);
  });

  test("gzip data that end too soon", async () => {
    const whole = gzipSync(traceOf("a 0 8", "f 0"));
    const error = await readError(sourceOf(whole.subarray(0, -9)));
    expect(error.message).toMatch(/^x\.rep:\d+: found the end of the gzip data, expected the rest/);
  });

  test("gzip data with junk behind, or broken within", async () => {
    const whole = gzipSync(traceOf("a 0 8", "f 0"));
    const broken = Buffer.from(whole);
    broken[14]! ^= 0xff;
    for (const bytes of [Buffer.concat([whole, Buffer.from("junk")]), broken]) {
      const error = await readError(sourceOf(bytes));
      expect(error.message).toMatch(/^x\.rep:\d+: found broken gzip data/);
    }
  });

  test("no file, or a folder", async () => {
    const missing = await readError(traceSource(join(folder, "missing.rep")));
    expect(missing.message).toContain("missing.rep: found no file of this name, expected a trace");
    const within = await readError(traceSource(folder));
    expect(within.message).toContain("found a folder, expected a trace");
  });
});

describe("writing", () => {
  test("what is written is read as the same ops", async () => {
    const steps = fc.array(
      fc.record({
        kind: fc.constantFrom("a", "z", "m", "r", "f"),
        at: fc.nat(),
        size: fc.nat(2 ** 32 - 1),
        power: fc.nat(31),
        thread: fc.nat(3),
      }),
    );
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const live: number[] = [];
        const free: number[] = [];
        let ids = 0;
        let thread = 0;
        const ops: string[] = [];
        for (const step of sequence) {
          if (step.thread !== thread) ops.push(`t ${(thread = step.thread)}`);
          const i = step.at % (live.length || 1);
          if (live.length > 0 && step.kind === "f") {
            free.push(live.splice(i, 1)[0]!);
            ops.push(`f ${free.at(-1)}`);
            continue;
          }
          if (step.kind === "f") {
            ops.push("f -1");
            continue;
          }
          const id = (step.at & 1) === 0 ? (free.shift() ?? ids++) : ids++;
          if (live.length > 0 && step.kind === "r") ops.push(`r ${live[i]} ${step.size}`);
          else if (step.kind === "m") ops.push(`m ${id} ${step.size} ${2 ** step.power}`);
          else ops.push(`${step.kind === "z" ? "z" : "a"} ${id} ${step.size}`);
          if (/^[azm]/.test(ops.at(-1)!)) live.push(id);
          else free.push(id);
        }
        const text = traceOf(ops);
        expect(traceText(await chunksOf(sourceOf(text)))).toBe(text);
      }),
    );
  });

  test("a header with what was given", async () => {
    const chunks = await chunksOf(sourceOf(traceOf("a 0 8")));
    expect(traceText(chunks, { heapSize: 4096, weight: 2 })).toBe("4096\n1\n1\n2\na 0 8\n");
  });

  test("the first ops are a trace of their own", async () => {
    const text = traceOf("a 0 8", "t 1", "z 1 9", "f 0", "m 2 8 32");
    const cut = async (ops: number): Promise<string> =>
      traceText(await firstOps((await openTrace(sourceOf(text))).chunks, ops));
    expect(await cut(0)).toBe(traceOf());
    expect(await cut(2)).toBe(traceOf("a 0 8", "t 1", "z 1 9"));
    expect(await cut(4)).toBe(text);
    expect(await cut(99)).toBe(text);
  });

  test("the first ops of several chunks", async () => {
    const ops = Array.from({ length: 2 * CHUNK_OPS }, (_, i) => `a ${i} 8`);
    const { chunks } = await openTrace(sourceOf(traceOf(ops)));
    const taken = await firstOps(chunks, CHUNK_OPS + 1);
    expect(taken.map((chunk) => chunk.count)).toEqual([CHUNK_OPS, 1]);
  });
});

describe("replaying", () => {
  test("each op is the call it stands for", async () => {
    const calls: string[] = [];
    class Told extends ToyHeap {
      override tryAllocate(size: number, alignment?: number): number {
        calls.push(`allocate ${size} ${alignment}`);
        return super.tryAllocate(size, alignment);
      }
      override allocateZeroed(size: number): number {
        calls.push(`zeroed ${size}`);
        return super.tryAllocate(size);
      }
      override reallocate(pointer: number, size: number): number {
        calls.push(`reallocate ${pointer} ${size}`);
        return pointer;
      }
      override deallocate(pointer: number): void {
        calls.push(`deallocate ${pointer}`);
        super.deallocate(pointer);
      }
    }
    const text = traceOf("a 0 5", "z 1 6", "m 2 7 64", "r 1 16", "f 0", "f 2");
    const result = await replayOf(new Told(), text);
    const [first, second, third] = [BASE + HEADER, BASE + 2 * HEADER + 16, BASE + 128];
    expect(calls).toEqual([
      "allocate 5 undefined",
      "zeroed 6",
      "allocate 7 64",
      `reallocate ${second} 16`,
      `deallocate ${first}`,
      `deallocate ${third}`,
      // What the program left, when all is counted.
      `deallocate ${second}`,
    ]);
    expect(result).toMatchObject({ ops: 6, failures: 0, skipped: 0, firstFailure: undefined });
  });

  test("a free of NULL is one too, and ids may come in any order", async () => {
    const calls: string[] = [];
    class Told extends ToyHeap {
      override deallocate(pointer: number): void {
        calls.push(`deallocate ${pointer}`);
        if (pointer !== 0) super.deallocate(pointer);
      }
    }
    const text = traceOf("f -1", "a 2000 16", "r 7 32", "f 2000", "a 2000 48", "f 2000");
    for (const check of [undefined, 1]) {
      calls.length = 0;
      const result = await replayOf(new Told(), text, check === undefined ? {} : { check });
      expect(calls).toEqual([
        "deallocate 0",
        `deallocate ${BASE + HEADER}`,
        `deallocate ${BASE + 3 * HEADER + 48}`,
        `deallocate ${BASE + 2 * HEADER + 16}`,
      ]);
      expect(result).toMatchObject({ ops: 6, failures: 0, skipped: 0, peakLiveBytes: 80 });
      expect(result).toMatchObject({ peakOp: 5, whole: true });
    }
  });

  test("the parts of the footprint when most is live", async () => {
    // 100 + 30 live after op 2; later no more than 120, though the heap grows on.
    const text = traceOf("a 0 100", "a 1 30", "f 1", "a 2 20", "f 0", "f 2");
    const result = await replayOf(new ToyHeap(), text);
    expect(result.peakLiveBytes).toBe(130);
    expect(result.peakHeapBytes).toBe(3 * HEADER + 112 + 32 + 32);
    expect(result.utilisation).toBe(130 / result.peakHeapBytes);
    expect(await fullestOf(text)).toMatchObject({
      op: 2,
      liveBytes: 130,
      internalBytes: 12 + 2,
      externalBytes: 0,
      overheadBytes: 2 * HEADER,
      heapBytes: 2 * HEADER + 112 + 32,
    });
  });

  test("free blocks and free slots are external fragmentation, used ones internal, the rest overhead", () => {
    const heap = {
      *walk(): ReturnType<Heap["walk"]> {
        yield { address: 1200, size: 100, kind: "used" };
        yield { address: 1304, size: 20, kind: "free" };
        yield { address: 1328, size: 300, kind: "metadata" };
        yield { address: 1632, size: 8, kind: "used-slot" };
        yield { address: 1640, size: 16, kind: "free-slot" };
        yield { address: 1656, size: 40, kind: "foreign" };
      },
      stats: () => ({ ...new ToyHeap().stats(), base: 1000, break: 1720, heapBytes: 680 }),
    };
    const { entries, ...bytes } = takeSnapshot(heap, 7, 101);
    expect(bytes).toEqual({
      op: 7,
      liveBytes: 101,
      internalBytes: 7,
      externalBytes: 36,
      overheadBytes: 680 - 101 - 7 - 36,
      heapBytes: 680,
    });
    expect([...entries].at(-1)).toEqual({ address: 1696, size: 24, kind: "metadata" });
    expect([...entries].map(({ kind }) => kind)).toEqual([
      "metadata",
      "used",
      "free",
      "metadata",
      "used-slot",
      "free-slot",
      "foreign",
      "metadata",
    ]);
  });

  test("the entries of a heap reach from its base to its break", async () => {
    const ops = Array.from({ length: 3000 }, (_, i) => `a ${i} ${10 + (i % 4000)}`);
    for (const engine of ["wasm", "js"] as const) {
      const heap = new Heap({ engine });
      const { chunks } = await openTrace(sourceOf(traceOf(ops)));
      const { entries } = await snapshotAfter(ops.length, heap, chunks);
      const all = [...entries];
      const last = all.at(-1)!;
      expect(all[0]!.address).toBe(heap.base);
      expect(last.address + last.size).toBe(heap.break);
      expect(last.kind).toBe("metadata");
    }
  });

  test("free blocks are external fragmentation", async () => {
    const fullest = await fullestOf(traceOf("a 0 32", "f 0", "a 1 48"));
    expect(fullest).toMatchObject({ op: 3, internalBytes: 0, externalBytes: 32 });
    expect([...fullest.entries]).toEqual([
      { address: BASE, size: HEADER, kind: "metadata" },
      { address: BASE + HEADER, size: 32, kind: "free" },
      { address: BASE + 2 * HEADER + 32, size: 48, kind: "used" },
    ]);
  });

  test("the fullest moment is found in any chunk, exactly", async () => {
    const ops: string[] = [];
    const kept: number[] = [];
    let live = 0;
    let most = { op: 0, live: 0 };
    for (let id = 0; ops.length < 2 * CHUNK_OPS + 777; id += 1) {
      const size = 1 + ((id * 7919) % 61);
      ops.push(`a ${id} ${size}`);
      live += size;
      if (live > most.live) most = { op: ops.length, live };
      if (id % 3 === 0) {
        kept.push(id);
      } else {
        ops.push(`f ${id}`);
        live -= size;
      }
    }
    ops.push(...kept.map((id) => `f ${id}`));

    const result = await replayOf(new ToyHeap(1 << 24), traceOf(ops));
    expect(result).toMatchObject({ failures: 0, peakLiveBytes: most.live, peakOp: most.op });
    expect(await fullestOf(traceOf(ops), 1 << 24)).toMatchObject({
      op: most.op,
      liveBytes: most.live,
    });
    expect(most.op).toBeGreaterThan(2 * CHUNK_OPS);
  });

  test("a refused request is a failure, and what names its id is skipped", async () => {
    const text = traceOf(
      "a 0 64",
      "a 1 5000",
      "r 1 6000",
      "f 1",
      "z 2 5000",
      "f 2",
      "m 3 5000 64",
      "f 0",
    );
    const result = await replayOf(new ToyHeap(4096), text);
    expect(result).toMatchObject({ ops: 8, failures: 3, skipped: 3, peakLiveBytes: 64, peakOp: 1 });
    expect(result.firstFailure).toBe("line 6 (a 1 5000): out of memory");
  });

  test("a block that could not be reallocated stays", async () => {
    const heap = new ToyHeap(4096);
    const result = await replayOf(heap, traceOf("a 0 64", "r 0 5000", "a 1 8", "f 0"), {
      check: 1,
    });
    expect(result).toMatchObject({ failures: 1, skipped: 0, peakLiveBytes: 72 });
    expect(result.firstFailure).toBe("line 6 (r 0 5000): no memory to reallocate");
    expect(heap.blocks.size).toBe(0);
  });

  test("the fullest moment is exact also after requests that were refused", async () => {
    const text = traceOf("a 0 64", "a 1 5000", "r 0 6000", "z 2 2048", "f 1", "f 2", "a 3 8");
    expect(await fullestOf(text, 4096)).toMatchObject({ op: 4, liveBytes: 64 + 2048 });
  });

  test("a heap is looked at once, however it grows", async () => {
    class Walked extends ToyHeap {
      walks = 0;
      override *walk(): ReturnType<ToyHeap["walk"]> {
        this.walks += 1;
        yield* super.walk();
      }
    }
    const text = traceOf(Array.from({ length: 3 * CHUNK_OPS }, (_, i) => `a ${i} 8`));
    const [replayed, looked] = [new Walked(1 << 23), new Walked(1 << 23)];
    const { peakOp } = await replayOf(replayed, text);
    expect(peakOp).toBe(3 * CHUNK_OPS);
    await snapshotAfter(peakOp, looked, (await openTrace(sourceOf(text))).chunks);
    expect([replayed.walks, looked.walks]).toEqual([0, 1]);
  });

  test("an invariant that does not hold ends the replay", async () => {
    class Broken extends ToyHeap {
      override check(): void {
        super.check();
        if (this.checks === 2) throw new Error("B3 does not hold at 1056");
      }
    }
    const ops = Array.from({ length: 10 }, (_, i) => `a ${i} 8`);
    const result = await replayOf(new Broken(), traceOf(ops), { check: 3 });
    expect(result).toMatchObject({ ops: 6, failures: 1 });
    expect(result.firstFailure).toBe("after line 10: B3 does not hold at 1056");
  });

  test("invariants are checked every so many ops, and at the end twice", async () => {
    const ops = Array.from({ length: CHUNK_OPS + 10 }, (_, i) => `a ${i} 8`);
    const heap = new ToyHeap(1 << 22);
    await replayOf(heap, traceOf(ops), { check: 10_000 });
    expect(heap.checks).toBe(Math.floor(ops.length / 10_000) + 2);
  });

  test("nothing is live in a trace without ops, nor in one whose requests ask for nothing", async () => {
    for (const text of [traceOf(), traceOf("a 0 0", "f 0")]) {
      const result = await replayOf(new ToyHeap(), text);
      expect(result).toMatchObject({ peakLiveBytes: 0, peakOp: 0, whole: true });
    }
  });

  test("progress is told", async () => {
    const ops = Array.from({ length: CHUNK_OPS + 10 }, (_, i) => `a ${i} 8`);
    const told: number[] = [];
    await replayOf(new ToyHeap(1 << 22), traceOf(ops), { onProgress: (n) => told.push(n) });
    expect(told).toEqual([CHUNK_OPS, CHUNK_OPS + 10]);
  });
});

describe("--check finds", () => {
  test("two blocks that overlap", async () => {
    class Overlapping extends ToyHeap {
      override tryAllocate(size: number): number {
        const pointer = super.tryAllocate(size);
        if (this.blocks.size === 1) return pointer;
        this.blocks.delete(pointer);
        this.blocks.set(pointer - 32, 32);
        return pointer - 32;
      }
    }
    const result = await replayOf(new Overlapping(), traceOf("a 0 32", "a 1 32", "f 0"), {
      check: 9,
    });
    expect(result.firstFailure).toMatch(
      /^line 7 \(f 0\): byte 16 of the 32 of block \d+ was overwritten/,
    );
  });

  test("one block given out twice", async () => {
    class Twice extends ToyHeap {
      override tryAllocate(size: number): number {
        return this.blocks.keys().next().value ?? super.tryAllocate(size);
      }
    }
    const result = await replayOf(new Twice(), traceOf("a 0 8", "a 1 8"), { check: 9 });
    expect(result.firstFailure).toMatch(
      /^line 6 \(a 1 8\): block \d+ was given out while it was live/,
    );
  });

  test("a zeroed block that is not zero", async () => {
    class Dirty extends ToyHeap {
      override allocateZeroed(size: number): number {
        const pointer = super.allocateZeroed(size);
        new Uint8Array(this.buffer)[pointer + 9] = 1;
        return pointer;
      }
    }
    const result = await replayOf(new Dirty(), traceOf("z 0 9", "z 1 10"), { check: 9 });
    expect(result.firstFailure).toMatch(
      /^line 6 \(z 1 10\): byte 9 of the zeroed block \d+ is not 0/,
    );
  });

  test("contents lost by reallocate", async () => {
    class Forgetful extends ToyHeap {
      override reallocate(pointer: number, size: number): number {
        this.deallocate(pointer);
        return this.tryAllocate(size);
      }
    }
    const result = await replayOf(new Forgetful(), traceOf("a 0 7", "r 0 9"), { check: 9 });
    expect(result.firstFailure).toMatch(
      /^line 6 \(r 0 9\): byte 0 of the 9 of block \d+ was overwritten/,
    );
  });

  test("a block that is not aligned, and one that is too small", async () => {
    class Crooked extends ToyHeap {
      override tryAllocate(size: number): number {
        return super.tryAllocate(size, 16);
      }
    }
    const crooked = await replayOf(new Crooked(), traceOf("m 0 8 32", "m 1 8 32"), { check: 9 });
    expect(crooked.firstFailure).toMatch(/block \d+ is not aligned to 32 bytes/);
    class Small extends ToyHeap {
      override usableSize(): number {
        return 16;
      }
    }
    const small = await replayOf(new Small(), traceOf("a 0 17"), { check: 9 });
    expect(small.firstFailure).toMatch(/block \d+ holds 16 bytes; 17 were asked for/);
  });

  test("blocks in use after all were freed", async () => {
    class Leaking extends ToyHeap {
      override deallocate(): void {}
    }
    const result = await replayOf(new Leaking(), traceOf("a 0 8", "f 0"));
    expect(result.whole).toBe(false);
    expect(result.firstFailure).toBe(
      "after the last op: 1 blocks are in use though all were freed",
    );
  });
});

describe("the bundled traces", () => {
  test("are small", () => {
    const sizes = bundledTraces.map((name) => statSync(join(bundled, name)).size);
    expect(sizes.length).toBeGreaterThan(4);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(2_000_000);
  });

  test("are each in their table", () => {
    const table = readFileSync(join(bundled, "../README.md"), "utf8");
    for (const name of bundledTraces) {
      expect(table).toMatch(new RegExp(`^\\| ${name.replace(".rep.gz", "")} +\\|`, "m"));
    }
  });

  test("have the figures of the table, as table.ts prints them", () => {
    const paths = bundledTraces.map((name) => join(bundled, name));
    const { status, stdout } = script("trace/recorded/table.ts", ...paths);
    expect(status).toBe(0);
    const rows = stdout.trimEnd().split("\n");
    expect(rows.length).toBe(bundledTraces.length);
    const table = readFileSync(join(bundled, "../README.md"), "utf8").replaceAll(/ +/g, " ");
    for (const row of rows) expect(table).toContain(`\n${row}\n`);
  });

  test.each([
    ["trace/recorded/table.ts", "missing.rep"],
    ["trace/recorded/cut.ts", "missing.rep", "10"],
    ["bench/accesses.ts", "missing.rep"],
  ])("%s says that there is no %s", (...args) => {
    const { status, stderr } = script(...args);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr:
        "missing.rep: found no file of this name, expected a trace (.rep or .rep.gz; - is standard input)\n",
    });
  });

  for (const engine of ["wasm", "js"] as const) {
    test.each(bundledTraces)(`%s on the ${engine} engine`, async (name) => {
      const { chunks, header } = await openTrace(traceSource(join(bundled, name)));
      const result = await replay(new Heap({ engine }), chunks, { check: 10_000 });
      expect(result).toMatchObject({ ops: header.ops, failures: 0, skipped: 0 });
      expect(result.firstFailure).toBeUndefined();
      expect(result.peakHeapBytes).toBeGreaterThanOrEqual(result.peakLiveBytes);
    });
  }
});

test("the parser is a part of its own, for bytes from elsewhere", () => {
  const parser = new TraceParser("elsewhere");
  expect(parser.push(Buffer.from("0\n1\n1\n1\na 0"))).toEqual([]);
  expect(parser.push(Buffer.from(" 16\n"))).toEqual([]);
  expect(linesOf(parser.end())).toEqual(["0: a 0 16"]);
});
