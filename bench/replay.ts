// Replays a trace on an allocator, either to time it or to verify that every block keeps its contents.
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { OUT, type Allocator, type Calls, type Instance } from "./allocators.ts";
import { Kind, OP_WORDS, type Trace } from "./trace.ts";

// Garbage is collected between measurements, not within them.
setFlagsFromString("--expose-gc");
export const collectGarbage = runInNewContext("gc") as () => void;

const PAGE = 0x10000;
const OP_BYTES = OP_WORDS * 4;

/** The exports of wasm/driver.ts. */
interface Driver {
  replay(op: number, end: number, table: number): number;
  replayTouching(op: number, end: number, table: number): number;
  replayTimed(op: number, end: number, table: number, samples: number, stretch: number): number;
  populate(table: number, count: number, seed: number): number;
  churn(table: number, count: number, rounds: number, seed: number): number;
  wander(bytes: number, rounds: number, seed: number): number;
}

/** The exports of wasm/fill.ts. */
interface Fill {
  fill(pointer: number, bytes: number, seed: number): void;
  intact(pointer: number, bytes: number, seed: number): number;
  zeroes(pointer: number, bytes: number): number;
  reach(): number;
  touched(): number;
}

/** Compiles a file of wasm/ if its source is newer than the module. */
function compile(name: string): WebAssembly.Module {
  const source = fileURLToPath(new URL(`wasm/${name}.ts`, import.meta.url));
  const target = `${OUT}${name}.wasm`;
  if (!existsSync(target) || statSync(target).mtimeMs < statSync(source).mtimeMs) {
    mkdirSync(OUT, { recursive: true });
    const asc = join(
      dirname(createRequire(import.meta.url).resolve("assemblyscript/package.json")),
      "bin/asc.js",
    );
    const flags = ["--runtime", "stub", "--importMemory", "-O3", "--noAssert"];
    const { status } = spawnSync(process.execPath, [asc, source, ...flags, "-o", target], {
      stdio: "inherit",
    });
    if (status !== 0) throw new Error(`asc could not compile ${source}`);
  }
  return new WebAssembly.Module(readFileSync(target));
}

const driverModule = compile("driver");
const fillModule = compile("fill");
const floorModule = compile("floor");

function makeDriver(memory: WebAssembly.Memory, calls: Calls): Driver {
  const { malloc, calloc, memalign, realloc, free } = calls;
  const driver = { malloc, calloc, memalign, realloc, free, now: () => performance.now() };
  return new WebAssembly.Instance(driverModule, { env: { memory }, driver })
    .exports as unknown as Driver;
}

/** The end of the floor's blocks: its ring, and then the largest block of the trace. */
const floorBytes = (trace: Trace): number => 2 * 0x40000 + trace.largest;

/** An allocator that does almost nothing. Its time is that of the driver, and is subtracted from the others. */
export const FLOOR: Allocator = {
  name: "floor",
  alignment: 16,
  memalign: 2 ** 31,
  hash: "",
  gzipped: 0,
  create: () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
    const { exports } = new WebAssembly.Instance(floorModule, { env: { memory } });
    return { ...(exports as unknown as Calls), memory };
  },
};

/** A trace in a memory: its operations from `ops` to `end`, then a table of pointers. */
interface Stage {
  readonly memory: WebAssembly.Memory;
  readonly ops: number;
  readonly end: number;
  readonly table: number;
}

const stageBytes = (trace: Trace): number => trace.count * OP_BYTES + trace.ids * 4;

/** Writes the trace to `address`, and touches every page of its table. */
function setUp(trace: Trace, memory: WebAssembly.Memory, address: number): Stage {
  const end = address + trace.count * OP_BYTES;
  new Uint32Array(memory.buffer, address, trace.ops.length).set(trace.ops);
  new Uint32Array(memory.buffer, end, trace.ids).fill(0);
  return { memory, ops: address, end, table: end };
}

/** Returns a stage in a separate memory, which all allocators can share. */
export function ownStage(trace: Trace): Stage {
  return setUp(trace, new WebAssembly.Memory({ initial: Math.ceil(stageBytes(trace) / PAGE) }), 0);
}

/** Returns a stage in a block of the allocator. For the floor, which never keeps a block, it lies above the ring. */
function guestStage(trace: Trace, allocator: Allocator, instance: Instance): Stage {
  const bytes = stageBytes(trace);
  let address: number;
  if (allocator === FLOOR) {
    address = Math.ceil(floorBytes(trace) / PAGE) * PAGE;
    instance.memory.grow(
      (address - instance.memory.buffer.byteLength) / PAGE + Math.ceil(bytes / PAGE),
    );
  } else {
    address = instance.malloc(bytes) >>> 0;
    if (address === 0) throw new Error("no memory for the trace itself");
  }
  return setUp(trace, instance.memory, address);
}

/** Returns why an allocator cannot run a trace, or undefined if it can. */
export function hindrance(allocator: Allocator, trace: Trace): string | undefined {
  return trace.alignment > allocator.memalign ? "no such alignments" : undefined;
}

export interface Speed {
  /** Nanoseconds per operation of the first replay in a fresh instance. */
  cold: number;
  /** Nanoseconds per operation after two replays in the same instance. */
  warm: number;
}

/** How often a warm replay is timed in one instance. */
const WARM_SAMPLES = 3;
/** The least number of operations per timing. A short trace is replayed several times. */
const MINIMUM_OPS = 100_000;

/** Allocators and drivers that have run before: V8 replaces the code of a module during its first run. */
const warmedUp = new Set<string>();

/**
 * Times one fresh instance: the first replay, and the fastest of several after the second. Cost: five replays. Without a
 * `stage`, the trace lies in the allocator's memory, and the driver touches the blocks.
 */
export function timeOnce(allocator: Allocator, trace: Trace, stage?: Stage): Speed {
  const combination = `${allocator.name} ${allocator.hash} ${stage ? "alone" : "touching"}`;
  if (!warmedUp.has(combination)) {
    warmedUp.add(combination);
    timeOnce(allocator, trace, stage);
  }
  collectGarbage();
  const instance = allocator.create();
  const { memory, ops, end, table } = stage ?? guestStage(trace, allocator, instance);
  const driver = makeDriver(memory, instance);
  const run = stage ? driver.replay : driver.replayTouching;
  const time = (times: number): number => {
    const start = performance.now();
    for (let i = 0; i < times; i++) {
      const stop = run(ops, end, table) >>> 0;
      if (stop !== end) throw new Error(`out of memory at op ${(stop - ops) / OP_BYTES}`);
    }
    return ((performance.now() - start) * 1e6) / (trace.count * times);
  };
  const cold = time(1);
  time(1);
  let warm = Infinity;
  const times = Math.ceil(MINIMUM_OPS / trace.count);
  for (let i = 0; i < WARM_SAMPLES; i++) warm = Math.min(warm, time(times));
  return { cold, warm };
}

/**
 * Returns the nanoseconds per operation of each stretch of `length` operations, in the third replay of a fresh instance. They
 * include the time of reading the clock. A shorter stretch at the end is left out.
 */
export function timeStretches(allocator: Allocator, trace: Trace, length: number): Float64Array {
  collectGarbage();
  const instance = allocator.create();
  const samples = Math.ceil(stageBytes(trace) / 8) * 8;
  const stretches = Math.ceil(trace.count / length);
  const memory = new WebAssembly.Memory({ initial: Math.ceil((samples + stretches * 8) / PAGE) });
  const { ops, end, table } = setUp(trace, memory, 0);
  const driver = makeDriver(memory, instance);
  for (let i = 0; i < 3; i++) {
    const stop = driver.replayTimed(ops, end, table, samples, length * OP_BYTES) >>> 0;
    if (stop !== end) throw new Error(`out of memory at op ${stop / OP_BYTES}`);
  }
  const whole = Math.floor(trace.count / length);
  return new Float64Array(memory.buffer, samples, whole).map(
    (milliseconds) => (milliseconds * 1e6) / length,
  );
}

/** Replacements per timing of timeChurn(). */
const REPLACEMENTS = 500_000;
/** The mean size of its blocks, in bytes. */
const MEAN_BLOCK = 110;

/**
 * Returns the nanoseconds per operation in a heap of `live` blocks of 1 byte to 2 KiB. Half of them are replaced at random
 * first, so the heap is fragmented. The fastest of several timings counts.
 */
export function timeChurn(allocator: Allocator, live: number): number {
  collectGarbage();
  const instance = allocator.create();
  const memory = new WebAssembly.Memory({ initial: Math.ceil((live * 4) / PAGE) });
  const driver = makeDriver(memory, instance);
  const got = driver.populate(0, live, 1);
  if (got !== live) throw new Error(`out of memory at ${got} of ${live} blocks`);
  driver.churn(0, live, live / 2, 2);
  let best = Infinity;
  for (let seed = 3; seed < 6; seed++) {
    const start = performance.now();
    const done = driver.churn(0, live, REPLACEMENTS, seed);
    if (done !== REPLACEMENTS) throw new Error(`out of memory after ${done} replacements`);
    best = Math.min(best, ((performance.now() - start) * 1e6) / (2 * REPLACEMENTS));
  }
  return best;
}

/** Returns the nanoseconds of one random read in as much memory as `live` such blocks take: what cache misses cost any heap. */
export function timeAccess(live: number): number {
  collectGarbage();
  const bytes = Math.ceil((live * MEAN_BLOCK) / PAGE) * PAGE;
  const memory = new WebAssembly.Memory({ initial: bytes / PAGE });
  new Uint8Array(memory.buffer).fill(1);
  const driver = makeDriver(memory, FLOOR.create());
  driver.wander(bytes, REPLACEMENTS, 1);
  const start = performance.now();
  driver.wander(bytes, REPLACEMENTS, 2);
  return ((performance.now() - start) * 1e6) / REPLACEMENTS;
}

export interface Footprint {
  /** Bytes of the 4 KiB pages that contain a nonzero byte after the replay. */
  touched: number;
  /** Size of the memory after the replay, in bytes. */
  reserved: number;
  /** Bytes from the heap's base, or the header of its lowest block, to the last byte that was written. */
  span: number;
}

/** The largest header of a block among the allocators, in bytes. */
const LARGEST_HEADER = 16;

/** A block whose contents, alignment or pointer is wrong. */
export class Damage extends Error {}

/**
 * Replays the trace once and fills every block. Verifies the contents before each free and after each realloc, the zeros of
 * each calloc, and the alignments. Throws `Damage` at the first fault.
 */
export function verify(allocator: Allocator, trace: Trace): Footprint {
  collectGarbage();
  const instance = allocator.create();
  const { memory } = instance;
  const { fill, intact, zeroes, reach, touched } = new WebAssembly.Instance(fillModule, {
    env: { memory },
  }).exports as unknown as Fill;
  const pointers = new Uint32Array(trace.ids);
  const sizes = new Uint32Array(trace.ids);
  const { ops } = trace;
  let lowest = 2 ** 32;
  for (let op = 0; op < trace.count; op++) {
    const word = ops[op * OP_WORDS]!;
    const size = ops[op * OP_WORDS + 1]!;
    const kind = word & 7;
    const id = word >>> 8;
    const damage = (what: string): never => {
      throw new Damage(`op ${op}, block ${id} at ${pointers[id]!} of ${sizes[id]!} bytes: ${what}`);
    };
    const old = pointers[id]!;
    if (kind === Kind.free) {
      if (intact(old, sizes[id]!, id) !== sizes[id]!)
        damage("its contents changed before it was freed");
      instance.free(old);
      continue;
    }
    let alignment = size >= 16 ? allocator.alignment : size >= 8 ? 8 : 4;
    let pointer: number;
    if (kind === Kind.malloc) pointer = instance.malloc(size);
    else if (kind === Kind.calloc) pointer = instance.calloc(1, size);
    else if (kind === Kind.realloc) pointer = instance.realloc(old, size);
    else {
      alignment = 1 << ((word >>> 3) & 31);
      pointer = instance.memalign(alignment, size);
    }
    pointer >>>= 0;
    pointers[id] = pointer;
    lowest = Math.min(lowest, pointer);
    if (pointer === 0) damage(`out of memory for ${size} bytes`);
    if (pointer % alignment !== 0) damage(`not aligned to ${alignment} bytes`);
    if (kind === Kind.calloc && zeroes(pointer, size) !== size)
      damage("calloc left a nonzero byte");
    const kept = Math.min(sizes[id]!, size);
    if (kind === Kind.realloc && intact(pointer, kept, id) !== kept)
      damage("realloc did not keep the contents");
    sizes[id] = size;
    fill(pointer, size, id);
  }
  const base = instance.base ?? lowest - LARGEST_HEADER;
  return { touched: touched(), reserved: memory.buffer.byteLength, span: reach() - base };
}

/** The cache of footprints, which are the same in every run. */
const FOOTPRINTS = `${OUT}footprints.json`;
const footprints: Record<string, Footprint> = existsSync(FOOTPRINTS)
  ? (JSON.parse(readFileSync(FOOTPRINTS, "utf8")) as Record<string, Footprint>)
  : {};

/** Returns the result of verify(), from the cache if possible; or a string that says why it failed. */
export function footprint(allocator: Allocator, trace: Trace): Footprint | string {
  const key = createHash("sha256").update(allocator.hash).update(trace.ops).digest("hex");
  const known = footprints[key];
  if (known) return known;
  try {
    const found = verify(allocator, trace);
    footprints[key] = found;
    // Rename a new file, so that an interrupted run never leaves half a file.
    writeFileSync(`${FOOTPRINTS}.new`, JSON.stringify(footprints));
    renameSync(`${FOOTPRINTS}.new`, FOOTPRINTS);
    return found;
  } catch (error) {
    return `${error instanceof Damage ? "" : "faults: "}${(error as Error).message}`;
  }
}
