/** The engine in C returns the same as the wasm for the same calls, and leaves the same memory. */

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import fc from "fast-check";
import { expect, test } from "vitest";

import { heapwrightC } from "../../tools/build/c.ts";
import { CALLOC, FREE, MALLOC, MEMALIGN, REALLOC } from "../../trace/ops.ts";
import { openTrace, traceSource } from "../../trace/read.ts";
import { brokenIn, createEngine, type Engine, PAGE, wasmMemory } from "../engine/engines.ts";
import { type Answer, create, creations, programs, Runner, type Step } from "../engine/programs.ts";
import { DEFAULT_SMALL, FIT } from "../engine/test-heap.ts";
import { compile, compiler, compilers, inFolder, root, STRICT, supports } from "./compiler.ts";

/** Where the heap starts in the engine for C: what is below is its own. */
const BASE = 128;
/** Calls by their numbers in driver.c. */
const CALLS = [
  "malloc",
  "calloc",
  "aligned_alloc",
  "realloc",
  "free",
  "usable",
  "reset",
  "trim",
  "others",
];
const BY_ID = 16;
const KINDS = new Map([
  [MALLOC, 0],
  [CALLOC, 1],
  [MEMALIGN, 2],
  [REALLOC, 3],
  [FREE, 4],
]);

interface Program {
  readonly pages: number;
  readonly most: number;
  readonly limit: number;
  readonly margin: number;
  readonly fit: number;
  readonly small: number;
  /** Four words each. */
  readonly steps: Int32Array;
}

interface Run {
  readonly answers: Answer[];
  readonly violated: number;
  readonly length: number;
  readonly hash: number;
}

const SANITIZED = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/** Runs programs in C, with everything that the compiler can check, and with the engine's assertions. */
function runInC(by: string, all: readonly Program[]): Run[] {
  return inFolder((folder) => {
    const [driver, input, output] = ["driver", "in", "out"].map((each) => join(folder, each)) as [
      string,
      string,
      string,
    ];
    const options = supports(by, SANITIZED) ? SANITIZED : ["-O2"];
    writeFileSync(
      join(folder, "heapwright.c"),
      heapwrightC({ CHECKED: true, PINNED: false, SHARED: false }),
    );
    const include = [`-I${folder}`, "-Idist/native"];
    compile(by, [...STRICT, ...options, ...include, "test/native/driver.c", "-o", driver]);
    const words = all.map(({ pages, most, limit, margin, fit, small, steps }) => [
      Int32Array.of(pages, most, limit, margin, fit, small, steps.length / 4),
      steps,
    ]);
    writeFileSync(
      input,
      Buffer.concat(
        words
          .flat()
          .map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)),
      ),
    );
    execFileSync(driver, [input, output], { stdio: ["ignore", "inherit", "inherit"] });
    const { buffer, byteOffset, byteLength } = readFileSync(output);
    const out = new Int32Array(buffer.slice(byteOffset, byteOffset + byteLength));
    let at = 0;
    return all.map(({ steps }) => {
      const answers: Answer[] = [];
      for (let i = 0; i < steps.length / 4; i++, at += 2)
        answers.push(out[at] === 1 ? `error ${out[at + 1]!}` : out[at + 1]!);
      const [violated, length, hash] = out.subarray(at, (at += 3)) as unknown as [
        number,
        number,
        number,
      ];
      return { answers, violated, length, hash };
    });
  });
}

/** What driver.c computes of the memory. */
function hashOf(memory: WebAssembly.Memory): number {
  const words = new Int32Array(memory.buffer);
  let hash = 0;
  for (let i = BASE / 4; i < words.length; i++) hash = Math.imul(hash ^ words[i]!, 16777619);
  return hash;
}

async function wasmHeap({
  pages,
  most,
  ...creation
}: Program): Promise<{ engine: Engine; memory: WebAssembly.Memory }> {
  const memory = wasmMemory(pages, most);
  const engine = await createEngine("wasm", memory);
  expect(create(engine, { ...creation, base: BASE })).toBe(0);
  return { engine, memory };
}

function runOf(engine: Engine, memory: WebAssembly.Memory, answers: Answer[]): Run {
  expect(brokenIn(engine)).toBe("");
  return { answers, violated: 0, length: memory.buffer.byteLength, hash: hashOf(memory) };
}

function stepWords(step: Step): number[] {
  const call = CALLS.indexOf(step.call);
  switch (step.call) {
    case "malloc":
    case "calloc":
      return [call, 0, step.size, 0];
    case "aligned_alloc":
      return [call, 0, step.size, step.alignment];
    case "realloc":
      return [call, step.index, step.size, 0];
    case "free":
    case "usable":
      return [call, step.index, step.offset, 0];
    case "others":
      return [call, 0, step.pages, 0];
    default:
      return [call, 0, 0, 0];
  }
}

const setting = fc.record({
  creation: creations,
  pages: fc.nat(3),
  most: fc.constantFrom(6, 20, 60),
  steps: programs(400),
});

test.skipIf(compiler === undefined).each(compilers)(
  "random programs, %s",
  { timeout: 120_000 },
  async (by) => {
    const { SEED } = process.env;
    const seed = SEED === undefined ? Date.now() : Number(SEED);
    const samples = fc.sample(setting, { seed, numRuns: 150 });
    const all = samples.map(({ creation, pages, most, steps }): Program => {
      return { ...creation, pages, most, steps: Int32Array.from(steps.flatMap(stepWords)) };
    });
    const runs = runInC(by, all);
    for (const [i, program] of all.entries()) {
      const { engine, memory } = await wasmHeap(program);
      const growByOthers = (more: number): void => {
        if (memory.buffer.byteLength / PAGE + more <= program.most) memory.grow(more);
      };
      const answers = new Runner(engine, growByOthers).run(samples[i]!.steps);
      expect(runs[i], `SEED=${seed}, program ${i}`).toEqual(runOf(engine, memory, answers));
    }
  },
);

async function traceProgram(name: string): Promise<Program> {
  const parts: Int32Array[] = [];
  for await (const chunk of (await openTrace(traceSource(join(root, "trace/recorded", name))))
    .chunks) {
    const words = new Int32Array(chunk.count * 4);
    for (let i = 0; i < chunk.count; i++) {
      const call = BY_ID + KINDS.get(chunk.kinds[i]!)!;
      words.set([call, chunk.ids[i]!, chunk.sizes[i]!, chunk.alignments[i]!], i * 4);
    }
    parts.push(words);
  }
  const steps = new Int32Array(parts.reduce((sum, each) => sum + each.length, 0));
  let at = 0;
  for (const each of parts) {
    steps.set(each, at);
    at += each.length;
  }
  return { pages: 0, most: 2000, limit: 0, margin: -1, fit: FIT.best, small: DEFAULT_SMALL, steps };
}

function runTrace(engine: Engine, { steps }: Program): Answer[] {
  const pointers: number[] = [];
  const answers: Answer[] = [];
  for (let i = 0; i < steps.length; i += 4) {
    const [call, id, size, alignment] = steps.subarray(i, i + 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    const p = pointers[id] ?? 0;
    if (call === BY_ID + 4) {
      answers.push(engine.heap_release(p));
      pointers[id] = 0;
    } else {
      const q =
        call === BY_ID
          ? engine.malloc(size)
          : call === BY_ID + 1
            ? engine.calloc(size, 1)
            : call === BY_ID + 2
              ? engine.memalign(alignment, size)
              : engine.heap_reallocate(p, size);
      pointers[id] = q;
      answers.push(q);
    }
  }
  return answers;
}

const traces = readdirSync(join(root, "trace/recorded")).filter((name) => name.endsWith(".rep.gz"));

test.skipIf(compiler === undefined)("traces", { timeout: 300_000 }, async () => {
  const all = await Promise.all(traces.map(traceProgram));
  const runs = runInC(compiler!, all);
  for (const [i, program] of all.entries()) {
    const { engine, memory } = await wasmHeap(program);
    const expected = runOf(engine, memory, runTrace(engine, program));
    const at = expected.answers.findIndex((answer, k) => answer !== runs[i]!.answers[k]);
    expect({ ...runs[i], answers: at }, traces[i]!).toEqual({ ...expected, answers: -1 });
  }
});
