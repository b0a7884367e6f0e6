/** `heapwright instrument` and `recordWasm`: modules that behave as before, and the trace of their calls. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, expect, test } from "vitest";

import { instrument } from "../../cli/instrument.ts";
import { recordWasm } from "../../record/index.ts";
import { openTrace } from "../../trace/read.ts";
import { callsOf, sourceOf } from "../trace/traces.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const heapWasm = readFileSync(join(ROOT, "dist/heap.wasm"));
const folder = mkdtempSync(join(tmpdir(), "heapwright-instrument-"));
afterAll(() => rmSync(folder, { recursive: true }));

type Call = (...args: number[]) => number;

/** Calls the allocator of heap.wasm at random, and returns all that it returned. */
async function use(binary: Uint8Array): Promise<number[]> {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 1000 });
  const { instance } = (await WebAssembly.instantiate(binary as Uint8Array<ArrayBuffer>, {
    env: { memory },
  })) as unknown as WebAssembly.WebAssemblyInstantiatedSource;
  const call = instance.exports as Record<string, Call>;
  const found: number[] = [call["heap_create"]!(1024, 0, -1, 0, -1)];
  const live: number[] = [];
  let seed = 1;
  const random = (below: number): number =>
    Math.floor(((seed = (seed * 48271) % 2147483647) / 2147483647) * below);
  for (let i = 0; i < 3000; i += 1) {
    const size = random(2000);
    switch (random(6)) {
      case 0:
        live.push(call["malloc"]!(size));
        break;
      case 1:
        live.push(call["calloc"]!(3, size));
        break;
      case 2:
        live.push(call["aligned_alloc"]!(64, size));
        break;
      case 3:
        if (live.length > 0) live.push(call["realloc"]!(live.shift()!, size + 1));
        break;
      default:
        call["free"]!(live.splice(random(live.length), 1)[0] ?? 0);
    }
    found.push(live.at(-1) ?? 0);
  }
  return found;
}

test("an instrumented module returns the same, and each of its calls is recorded once", async () => {
  const { module, targets } = instrument(heapWasm, "heap.wasm", {});
  expect(targets.map(({ role }) => role)).toEqual(
    expect.arrayContaining(["malloc", "calloc", "realloc", "free", "memalign"]),
  );
  const plain = await use(heapWasm);
  expect(await use(module)).toEqual(plain);
  const recorder = recordWasm({ stackEvery: 0 });
  expect(await use(module)).toEqual(plain);
  expect(await use(heapWasm)).toEqual(plain);
  recorder.stop();
  const ops = (await callsOf(sourceOf(recorder.trace()))).map(({ text }) => text);
  const kinds = new Set(ops.map((op) => op[0]));
  expect([...kinds].toSorted()).toEqual(["a", "f", "m", "r", "z"]);
  expect(ops.length).toBeGreaterThan(2900);
  expect(ops.length).toBeLessThanOrEqual(3000);
  expect(ops.find((op) => op.startsWith("m"))).toMatch(/ 64$/);
  // After stop nothing is recorded, and WebAssembly is as it was.
  await use(module);
  expect(recorder.ops).toBe(ops.length);
  expect(WebAssembly.Instance.name).toBe("Instance");
});

test("the stacks have the functions that called", async () => {
  const { module } = instrument(heapWasm, "heap.wasm", {});
  const recorder = recordWasm({ stackEvery: 0 });
  await use(module);
  recorder.stop();
  const { sites, chunks } = await openTrace(sourceOf(recorder.trace()));
  for await (const _ of chunks);
  const names = Array.from({ length: sites.count }, (_, i) => sites.frameOf(i + 1).name);
  expect(names.some((name) => name.includes("wasm-function") || name === "malloc")).toBe(true);
  expect(names.some((name) => name.endsWith("use"))).toBe(true);
  expect(names.some((name) => /siteHere|framesOf|event$/.test(name))).toBe(false);
});

test("two instances have addresses of their own", async () => {
  const { module } = instrument(heapWasm, "heap.wasm", {});
  const recorder = recordWasm();
  await Promise.all([use(module), use(module)]);
  recorder.stop();
  expect(recorder.ops % 2).toBe(0);
  expect(recorder.ops).toBeGreaterThan(5800);
});

test("functions are found by name, by number and through the glue", () => {
  const malloc = instrument(heapWasm, "heap.wasm", {}).targets.find(
    ({ role }) => role === "malloc",
  )!;
  const free = instrument(heapWasm, "heap.wasm", {}).targets.find(({ role }) => role === "free")!;
  const byNumber = instrument(heapWasm, "x", { malloc: `${malloc.index}`, free: "free" });
  expect(byNumber.targets.map(({ index }) => index)).toEqual([malloc.index, free.index]);
  // As after Emscripten's minifier: the exports are other names, of the same length.
  const minifiedText = heapWasm.toString("latin1").replace("\x06malloc\x00", "\x06xxxxxx\x00");
  const minified = Buffer.from(minifiedText.replace("\x04free\x00", "\x04yyyy\x00"), "latin1");
  for (const glue of [
    "k._malloc=c.xxxxxx;k._free=c.yyyy",
    'Module["_malloc"] = wasmExports["xxxxxx"]; Module["_free"] = wasmExports["yyyy"];',
    'var _malloc=Module["_malloc"]=a=>(_malloc=Module["_malloc"]=q["xxxxxx"])(a);_free=u._free=q.yyyy',
  ]) {
    const { targets } = instrument(minified, "x", { glue });
    const found = targets.map(({ role, index }) => [role, index]);
    expect(found).toContainEqual(["malloc", malloc.index]);
    expect(found).toContainEqual(["free", free.index]);
  }
});

test("reports what it cannot instrument", () => {
  const empty = Uint8Array.of(
    0,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0,
    1,
    4,
    1,
    0x60,
    0,
    0,
    3,
    2,
    1,
    0,
    10,
    4,
    1,
    2,
    0,
    0x0b,
  );
  const refusal = (binary: Uint8Array, options = {}): string => {
    try {
      instrument(binary, "app.wasm", options);
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(refusal(empty)).toMatch(/^app\.wasm: found no malloc\. .*--glue.*--malloc$/);
  expect(refusal(Uint8Array.of(1, 2, 3))).toMatch(/^app\.wasm is not a WebAssembly module/);
  expect(refusal(heapWasm, { malloc: "nothing" })).toMatch(/^app\.wasm has no function nothing\./);
  expect(refusal(heapWasm, { malloc: "free" })).toContain(
    "cannot be malloc: it is (i32) -> nothing",
  );
  const { module } = instrument(heapWasm, "app.wasm", {});
  expect(refusal(module)).toBe("app.wasm is instrumented already");
});

test("the command writes the module and says what it wrapped", () => {
  const output = join(folder, "heap.rec.wasm");
  const cli = join(ROOT, "dist/cli.js");
  const run = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [cli, "instrument", ...args], { encoding: "utf8" });
  const done = run(join(ROOT, "dist/heap.wasm"), "-o", output);
  expect(done).toMatchObject({ status: 0, stderr: "" });
  expect(done.stdout).toMatch(
    /heap\.rec\.wasm: \d functions wrapped\n {2}malloc +function \d+, exported as malloc\n/,
  );
  expect(WebAssembly.validate(readFileSync(output))).toBe(true);
  writeFileSync(join(folder, "no.wasm"), "no");
  const refused = run(join(folder, "no.wasm"), "-o", output);
  expect(refused).toMatchObject({ status: 2, stdout: "" });
  expect(refused.stderr).toMatch(/no\.wasm is not a WebAssembly module/);
});
