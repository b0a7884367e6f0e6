/** All forms of the engine return the same for the same calls, and leave the same memory. */

import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import fc from "fast-check";
import { expect, test } from "vitest";

import * as exports from "../../engine/exports.ts";
import * as inspector from "../../engine/inspect/exports.ts";
import { mount } from "../../engine/memory/counting.ts";
import { CALLOC, FREE, MALLOC, MEMALIGN, type OpChunk, REALLOC } from "../../trace/ops.ts";
import { openTrace, traceSource } from "../../trace/read.ts";
import {
  brokenIn,
  bytesOf,
  createEngine,
  type Engine,
  type Form,
  FORMS,
  PINNED,
  wasmMemory,
  forgetHeap,
} from "./engines.ts";
import { type Answer, create, type Creation, creations, programs, Runner } from "./programs.ts";
import { DEFAULT_SMALL, FIT } from "./test-heap.ts";

const traces = fileURLToPath(new URL("../../trace/recorded/", import.meta.url));
/** The source counts each access and is slow: with metadata that never moves, it replays the shortest trace. */
const names = PINNED
  ? ["z3.rep.gz"]
  : readdirSync(traces).filter((name) => name.endsWith(".rep.gz"));

/** As `createEngine`, with one engine for all runs of the source. */
async function engineOn(form: Form, memory: WebAssembly.Memory): Promise<Engine> {
  if (form !== "source") return createEngine(form, memory);
  mount(memory);
  forgetHeap();
  return { ...exports, ...inspector };
}

function expectSameMemory(one: WebAssembly.Memory, other: WebAssembly.Memory): void {
  const [a, b] = [Buffer.from(one.buffer), Buffer.from(other.buffer)];
  if (a.equals(b)) return;
  const at = a.findIndex((byte, i) => byte !== b[i]);
  throw new Error(`the memories differ from byte ${at} on (${a.length} and ${b.length} bytes)`);
}

test("random programs get the same pointers and leave the same bytes", async () => {
  const { SEED } = process.env;
  const setting = fc.record({
    creation: fc.option(creations),
    pages: fc.nat(3),
    most: fc.constantFrom(6, 20, 60),
  });
  await fc.assert(
    fc.asyncProperty(setting, programs(400), async ({ creation, pages, most }, program) => {
      const runs: { answers: Answer[]; memory: WebAssembly.Memory }[] = [];
      for (const form of FORMS) {
        const memory = wasmMemory(pages, most);
        const engine = await engineOn(form, memory);
        if (creation !== null) expect(create(engine, creation)).toBe(0);
        const growByOthers = (more: number): void => {
          if (bytesOf(memory).length / 65536 + more <= most) memory.grow(more);
        };
        const answers = new Runner(engine, growByOthers).run(program);
        expect(brokenIn(engine)).toBe("");
        runs.push({ answers, memory });
      }
      for (const { answers, memory } of runs.slice(1)) {
        expect(answers).toEqual(runs[0]!.answers);
        expectSameMemory(memory, runs[0]!.memory);
      }
    }),
    {
      numRuns: 150,
      interruptAfterTimeLimit: 10_000,
      ...(SEED === undefined ? {} : { seed: Number(SEED) }),
    },
  );
});

/** Runs the ops of a chunk, and returns what each returned. */
function runChunk(
  engine: Engine,
  { count, kinds, ids, sizes, alignments }: OpChunk,
  pointers: number[],
): Int32Array {
  const answers = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const id = ids[i]!;
    const size = sizes[i]!;
    switch (kinds[i]) {
      case MALLOC:
        answers[i] = pointers[id] = engine.malloc(size);
        break;
      case CALLOC:
        answers[i] = pointers[id] = engine.calloc(size, 1);
        break;
      case MEMALIGN:
        answers[i] = pointers[id] = engine.memalign(alignments[i]!, size);
        break;
      case REALLOC:
        answers[i] = pointers[id] = engine.heap_reallocate(pointers[id]!, size);
        break;
      case FREE:
        answers[i] = engine.heap_release(pointers[id]!);
        pointers[id] = 0;
        break;
    }
  }
  return answers;
}

async function replayBoth(name: string, creation: Creation): Promise<void> {
  const runs: { engine: Engine; memory: WebAssembly.Memory; pointers: number[] }[] = [];
  for (const form of FORMS.slice(-2)) {
    const memory = wasmMemory(0, 2000);
    const engine = await createEngine(form, memory);
    expect(create(engine, creation)).toBe(0);
    runs.push({ engine, memory, pointers: [] });
  }
  const [one, other] = [runs[0]!, runs[1]!];
  const expectSame = (): void => {
    expect(runs.map(({ engine }) => brokenIn(engine))).toEqual(["", ""]);
    expectSameMemory(one.memory, other.memory);
  };
  for await (const chunk of (await openTrace(traceSource(traces + name))).chunks) {
    const [a, b] = [one, other].map(({ engine, pointers }) =>
      runChunk(engine, chunk, pointers),
    ) as [Int32Array, Int32Array];
    const at = a.findIndex((answer, i) => answer !== b[i]);
    if (at >= 0)
      throw new Error(
        `line ${chunk.lines[at]}: ${a[at]} from ${FORMS.at(-2)}, ${b[at]} from ${FORMS.at(-1)}`,
      );
    expectSame();
  }
  // What is left is freed.
  for (const p of one.pointers)
    if (p !== 0) for (const { engine } of runs) expect(engine.heap_release(p)).toBe(0);
  expectSame();
  expect(other.pointers.length).toBeGreaterThan(1000);
}

const defaults: Creation = { base: 0, limit: 0, margin: -1, fit: FIT.best, small: DEFAULT_SMALL };

test.each(names)("trace %s gets the same pointers and leaves the same bytes", async (name) =>
  replayBoth(name, defaults),
);

test.skipIf(PINNED).each<[string, Creation]>([
  ["without slabs, best fit", { ...defaults, margin: 0, small: 0 }],
  ["without slabs, first fit", { ...defaults, margin: 0, small: 0, fit: FIT.first }],
  ["without slabs, next fit", { ...defaults, margin: 100_000, small: 0, fit: FIT.next }],
  ["slabs up to 256 bytes, first fit", { ...defaults, base: 1000, small: 256, fit: FIT.first }],
])("trace cc1, %s", async (_, creation) => replayBoth("cc1.rep.gz", creation));
