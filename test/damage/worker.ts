/**
 * Runs cases of the damage tests: `worker.ts ENGINE SEED COUNT [trace]`. Case n has the seed SEED + n. For each case that ends,
 * the worker writes a line of JSON to standard output, so the case after the last line is the one that hangs. Before the first case
 * it writes an empty line.
 *
 * A case is a random program on a heap in a memory that belongs to others too:
 *
 *     0              base                              break        limit               end of the memory
 *     │ guard        │ control │ blocks and slabs │ map │            │ guard             │
 *
 * The program runs undamaged at first. Then some words between base and break are overwritten, as a stray write would do, and
 * it runs on.
 */

import { readFileSync, writeSync } from "node:fs";

import type { AnyMemory } from "../../engine/memory/any-memory.ts";
import { FOREIGN, HEADER, IN_USE, QUICK, sizeIn } from "../../engine/block.ts";
import {
  BREAK_AT,
  CELL_SHIFT,
  CLASS_COUNT,
  CLASS_SHIFT,
  CONTROL,
  CURRENT_AT,
  FIRST_AT,
  GRANULE,
  LIMIT_AT,
  SMALL_SIZES,
  TOP_AT,
  TOP_END_AT,
} from "../../engine/control.ts";
import { ERRORS } from "../engine/error-names.ts";
import type { EngineName, Failure, Report } from "./report.ts";

type Engine = typeof import("../../engine/exports.ts");

const PAGE = 65536;
const CALLS_BEFORE = 60;
const CALLS_AFTER = 40;
/** A program stops after so many traps. */
const MOST_TRAPS = 6;

// Random numbers ----------------------------------------------------------------------------------------------------------

/** The generator mulberry32. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b);
  }

  word(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) | 0;
  }

  /** A whole number from 0 up to `end`, which is excluded. */
  below(end: number): number {
    return Math.floor(((this.word() >>> 0) / 2 ** 32) * end);
  }

  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** Small numbers are as likely as large ones. */
  sized(least: number, most: number): number {
    return Math.round(least * (most / least) ** ((this.word() >>> 0) / 2 ** 32));
  }

  chance(share: number): boolean {
    return (this.word() >>> 0) / 2 ** 32 < share;
  }

  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }
}

// Memories ----------------------------------------------------------------------------------------------------------------

const WASM_PAGES = 18;
const LARGEST_GUARDED = WASM_PAGES * PAGE;

/** What the memory holds before a case: zeros, ones, random words, and words that look like addresses of a heap. */
const PATTERNS: readonly Uint8Array[] = [0, 1, 2, 3].map((kind) => {
  const random = new Random(kind);
  const words = new Int32Array(LARGEST_GUARDED / 4);
  if (kind === 1) words.fill(-1);
  if (kind === 2) words.forEach((_, i) => (words[i] = random.word()));
  if (kind === 3) words.forEach((_, i) => (words[i] = random.below(LARGEST_GUARDED / 16) << 4));
  return new Uint8Array(words.buffer);
});

/** Creating a WebAssembly.Memory is slow, so cases share one until it has grown. */
let shared: WebAssembly.Memory | undefined;

function sharedMemory(): WebAssembly.Memory {
  if (shared?.buffer.byteLength !== LARGEST_GUARDED)
    shared = new WebAssembly.Memory({ initial: WASM_PAGES, maximum: WASM_PAGES + 20 });
  return shared;
}

function createMemory(name: EngineName, random: Random): AnyMemory {
  if (name === "js" && random.chance(0.4)) return new ArrayBuffer(random.between(512, 4096) * 16);
  if (name === "js" && random.chance(0.5)) {
    const pages = random.between(1, WASM_PAGES);
    return new ArrayBuffer(pages * PAGE, { maxByteLength: (pages + 20) * PAGE });
  }
  if (random.chance(0.9)) return sharedMemory();
  const pages = random.between(1, 4);
  return new WebAssembly.Memory({ initial: pages, maximum: pages + 20 });
}

function bufferOf(memory: AnyMemory): ArrayBuffer {
  return ("buffer" in memory ? memory.buffer : memory) as ArrayBuffer;
}

// Engines -----------------------------------------------------------------------------------------------------------------

const generated = new URL("../../tools/build/generated/js-engine.js", import.meta.url).href;
const { createEngine } = (await import(generated)) as { createEngine: (on: AnyMemory) => Engine };
const wasm = new WebAssembly.Module(readFileSync(new URL("../../dist/heap.wasm", import.meta.url)));

function engineOn(name: EngineName, memory: AnyMemory): Engine {
  if (name === "js") return createEngine(memory);
  return new WebAssembly.Instance(wasm, { env: { memory: memory as WebAssembly.Memory } })
    .exports as unknown as Engine;
}

/** Whether an error is a trap, which the library reports as CORRUPT. */
function isTrap(error: unknown): boolean {
  if (error instanceof WebAssembly.RuntimeError)
    return error.message === "unreachable" || error.message.includes("out of bounds");
  return (
    error instanceof Error &&
    Object.getPrototypeOf(error) === Error.prototype &&
    error.name === "RuntimeError"
  );
}

// A case ------------------------------------------------------------------------------------------------------------------

interface Live {
  readonly p: number;
  readonly size: number;
}

class Case {
  readonly #name: EngineName;
  readonly #random: Random;
  readonly #seed: number;
  readonly #trace: boolean;
  readonly #memory: AnyMemory;
  readonly #pattern: Uint8Array;
  /** Bytes that the memory had before the heap. */
  readonly #length: number;
  /** Address of the control block. */
  readonly #at: number;
  /** The end of the heap's own memory; Infinity for a heap without a limit. */
  readonly #limit: number;
  #engine: Engine;
  #live: Live[] = [];
  /** Pointers that were freed, for double frees. */
  #freed: number[] = [];
  #isBreakDamaged = false;
  #returned = 0;
  #errors: Record<string, number> = {};
  #traps = 0;
  #failures: { kind: Failure; detail: string }[] = [];

  constructor(name: EngineName, seed: number, trace: boolean) {
    const random = new Random(seed);
    this.#name = name;
    this.#random = random;
    this.#seed = seed;
    this.#trace = trace;
    this.#memory = createMemory(name, random);
    this.#pattern = random.of(PATTERNS);
    const bytes = this.#bytes();
    this.#length = bytes.length;
    bytes.set(this.#pattern.subarray(0, bytes.length));
    const base = random.between(16, Math.min(4096, bytes.length >>> 3)) * 4;
    this.#at = (base + GRANULE - 1) & -GRANULE;
    const least = this.#at + CONTROL + 1024;
    const size = random.sized(1024, Math.max(1024, bytes.length - least)) & -GRANULE;
    this.#limit = random.chance(0.15) ? Infinity : least + size;
    this.#engine = engineOn(name, this.#memory);
    const margin = random.of([-1, -1, 0, random.between(1, 5000), 100_000]);
    const fit = random.of([0, 0, 1, 2]);
    const small = random.of([0, 100, 1008, 1008]);
    const limit = this.#limit === Infinity ? 0 : this.#limit;
    this.#note(
      () =>
        `${name} ${seed}: memory ${bytes.length}, base ${base}, first ${this.#at + CONTROL}, limit ${this.#limit}, margin ${margin}, fit ${fit}, small ${small}`,
    );
    const code = this.#engine.heap_create(base, limit, margin, fit, small);
    if (code !== 0) throw new Error(`case ${name} ${seed}: heap_create returned ${ERRORS[code]}`);
  }

  run(): Report {
    for (let i = 0; i < CALLS_BEFORE; i++) this.#step(false);
    this.#damage();
    const again = this.#random.chance(0.15) ? this.#random.below(CALLS_AFTER) : -1;
    for (let i = 0; i < CALLS_AFTER && this.#traps < MOST_TRAPS; i++) {
      if (i === again) this.#damage();
      this.#step(true);
      if (this.#trace) this.#checkGuards();
    }
    this.#checkGuards();
    return {
      engine: this.#name,
      seed: this.#seed,
      returned: this.#returned,
      errors: this.#errors,
      traps: this.#traps,
      failures: this.#failures,
    };
  }

  #note(text: () => string): void {
    if (this.#trace) writeSync(2, `${text()}\n`);
  }

  #bytes(): Uint8Array {
    return new Uint8Array(bufferOf(this.#memory));
  }

  #words(): Int32Array {
    const buffer = bufferOf(this.#memory);
    return new Int32Array(buffer, 0, buffer.byteLength >>> 2);
  }

  #fail(kind: Failure, detail: string): void {
    this.#note(() => `FAILURE: ${kind}: ${detail}`);
    if (this.#failures.some((each) => each.kind === kind)) return;
    this.#failures.push({ kind, detail });
  }

  // Calls -----------------------------------------------------------------------------------------------------------------

  /** Makes a call of the program. `damaged`: the calls that are rare in the first part of it are likely now. */
  #step(damaged: boolean): void {
    const random = this.#random;
    const engine = this.#engine;
    const kind = random.below(damaged ? 100 : 80);
    if (kind < 28) this.#allocate(this.#size());
    else if (kind < 34) this.#allocateAligned();
    else if (kind < 60) this.#free();
    else if (kind < 76) this.#reallocate();
    else if (kind < 78) this.#call("trim", () => this.#engine.heap_trim());
    else if (kind < 80) this.#calloc();
    else if (kind < 84) this.#usableSize(this.#pointer());
    else if (kind < 88) this.#owns();
    else if (kind < 91) this.#call("stat", () => engine.heap_stat(random.below(6)));
    else if (kind < 94)
      this.#call("malloc_trim", () => engine.malloc_trim(random.sized(1, 100_000)));
    else if (kind < 97) this.#reset();
    else if (kind < 98) this.#attach();
    else this.#freeAll();
  }

  #size(): number {
    const random = this.#random;
    const kind = random.below(100);
    if (kind < 45) return random.below(200);
    if (kind < 75) return random.between(1, 1100);
    if (kind < 95) return random.sized(500, 20_000);
    return kind < 99
      ? random.sized(10_000, 400_000)
      : random.of([0, -1, 0x7fff0000, -5000, 2 ** 30]);
  }

  /** Runs a call; returns its result, or undefined if it trapped. */
  #call(name: string, call: () => number): number | undefined {
    try {
      const result = call();
      this.#note(() => `${name} → ${result >>> 0}`);
      this.#returned++;
      return result;
    } catch (error) {
      this.#note(() => `${name}: ${String(error)}`);
      if (isTrap(error)) this.#traps++;
      else this.#fail("other exceptions", `${name}: ${(error as Error).stack ?? String(error)}`);
      return undefined;
    }
  }

  /** The call returned an error after all: `code`, or for undefined that in `heap_error()`. */
  #countError(code: number = this.#engine.heap_error()): void {
    this.#returned--;
    const name = ERRORS[code] ?? String(code);
    this.#note(() => `  ${name}`);
    this.#errors[name] = (this.#errors[name] ?? 0) + 1;
    if (ERRORS[code] === undefined || code === 0)
      this.#fail("other exceptions", `an error without a name: ${code}`);
  }

  /** Checks a pointer that a call for `size` bytes returned, and writes to the block as a program would. */
  #take(name: string, result: number | undefined, size: number): void {
    if (result === undefined) return;
    if (result === 0) return this.#countError();
    const p = result >>> 0;
    const bytes = this.#bytes();
    const end = Math.min(this.#limit, bytes.length);
    const stop = this.#words()[(this.#at + BREAK_AT) >>> 2]! >>> 0;
    const isInside = p >= this.#at + CONTROL && p + size <= end;
    if (!isInside || (!this.#isBreakDamaged && p + size > stop)) {
      this.#fail("addresses outside", `${name} returned ${p} for ${size} bytes`);
      return;
    }
    const value = this.#random.below(256);
    if (this.#random.chance(0.5)) bytes.fill(value, p, p + size);
    else if (this.#random.chance(0.3)) bytes.set(this.#pattern.subarray(0, size), p);
    this.#live.push({ p: result, size });
  }

  #allocate(size: number): void {
    this.#take(
      "malloc",
      this.#call(`malloc(${size})`, () => this.#engine.malloc(size)),
      size >>> 0,
    );
  }

  #calloc(): void {
    const size = this.#size();
    const p = this.#call(`calloc(1, ${size})`, () => this.#engine.calloc(1, size));
    this.#take("calloc", p, size >>> 0);
  }

  #allocateAligned(): void {
    const size = this.#size();
    const alignment = 1 << this.#random.below(14);
    const name = `heap_allocate(${size}, ${alignment})`;
    const p = this.#call(name, () => this.#engine.heap_allocate(size, alignment));
    this.#take(name, p, size >>> 0);
  }

  /** Mostly a pointer to a block in use, taken out of the list of those if `take`. */
  #pointer(take = false): number {
    const random = this.#random;
    if (this.#live.length === 0 || random.chance(0.04)) return this.#stray();
    const at = random.below(this.#live.length);
    const { p } = take ? this.#live.splice(at, 1)[0]! : this.#live[at]!;
    if (take) this.#freed.push(p);
    return p;
  }

  #stray(): number {
    const random = this.#random;
    const kind = random.below(5);
    if (kind === 0) return random.word();
    if (kind === 1) return 0;
    if (kind === 2 && this.#freed.length > 0) return random.of(this.#freed);
    return (this.#at + random.below(Math.min(this.#length - this.#at, 100_000))) & -8;
  }

  #free(): void {
    const p = this.#pointer(true);
    const code = this.#call(`free(${p >>> 0})`, () => this.#engine.heap_release(p));
    if (code !== undefined && code !== 0) this.#countError(code);
  }

  #freeAll(): void {
    const live = this.#live;
    this.#live = [];
    for (const { p } of live) {
      if (this.#traps >= MOST_TRAPS) return;
      const code = this.#call(`free(${p >>> 0})`, () => this.#engine.heap_release(p));
      if (code !== undefined && code !== 0) this.#countError(code);
    }
  }

  #reallocate(): void {
    const p = this.#pointer(true);
    const size = this.#size();
    const name = `realloc(${p >>> 0}, ${size})`;
    const q = this.#call(name, () => this.#engine.heap_reallocate(p, size));
    this.#take(name, q, size >>> 0);
  }

  #usableSize(p: number): void {
    const name = `malloc_usable_size(${p >>> 0})`;
    const size = this.#call(name, () => this.#engine.malloc_usable_size(p));
    if (size === undefined || p === 0) return;
    if (size === 0) return this.#countError();
    if ((p >>> 0) + (size >>> 0) > Math.min(this.#limit, this.#bytes().length))
      this.#fail("addresses outside", `${name} returned ${size >>> 0}`);
  }

  #owns(): void {
    const p = this.#random.chance(0.5) ? this.#pointer() : this.#stray();
    const owns = this.#call(`heap_owns(${p >>> 0})`, () => this.#engine.heap_owns(p));
    if (owns === 1 && (p >>> 0 < this.#at + CONTROL || p >>> 0 >= this.#limit))
      this.#fail("addresses outside", `heap_owns(${p >>> 0}) returned 1`);
  }

  #reset(): void {
    const code = this.#call("reset", () => this.#engine.heap_reset());
    if (code === undefined) return;
    if (code !== 0) return this.#countError(code);
    this.#freed.push(...this.#live.map(({ p }) => p));
    this.#live = [];
  }

  /** Another engine goes on with the heap. */
  #attach(): void {
    const engine = engineOn(this.#name, this.#memory);
    const code = this.#call("attach", () => engine.heap_attach(this.#at));
    if (code === undefined) return;
    if (code !== 0) return this.#countError(code);
    this.#engine = engine;
  }

  // Damage ----------------------------------------------------------------------------------------------------------------

  /** Overwrites some words of the heap. */
  #damage(): void {
    const places = new Places(this.#words(), this.#at);
    const random = this.#random;
    for (let i = random.between(1, 4); i > 0; i--) {
      const words = this.#words();
      const address = this.#target(places);
      if (address < this.#at || address >= Math.min(places.stop, words.length * 4)) continue;
      const value = this.#value(words[address >>> 2]!, places);
      if (address === this.#at + BREAK_AT) this.#isBreakDamaged = true;
      this.#note(
        () =>
          `DAMAGE ${address} (base + ${address - this.#at}): ${words[address >>> 2]! >>> 0} → ${value >>> 0}`,
      );
      words[address >>> 2] = value;
    }
  }

  /** Address of the word to overwrite, a multiple of 4. */
  #target({ start, stop, topEnd, free, live, slabs }: Places): number {
    const random = this.#random;
    const kind = random.below(100);
    if (kind < 15) return random.between(start, stop) & -4;
    if (kind < 30) return start + random.below(CONTROL / 4) * 4;
    if (kind < 40) return start + random.below(20) * 4; // settings and state
    if (kind < 65 && free.length > 0) {
      const { p, size } = random.of(free);
      return p + random.of([-4, 0, 4, 8, 12, size - 8]);
    }
    if (kind < 75 && live.length > 0) return random.of(live).p - HEADER;
    if (kind < 90 && slabs.length > 0) return random.of(slabs) + random.below(7) * 4;
    return random.between(topEnd, stop) & -4;
  }

  #value(before: number, { start, stop, free, live, slabs }: Places): number {
    const random = this.#random;
    switch (random.below(9)) {
      case 0:
        return random.word();
      case 1:
        return 0;
      case 2:
        return -1;
      case 3:
        return random.below(100);
      case 4:
        return random.of([...free, ...live].map(({ p }) => p).concat(slabs, start));
      case 5:
        return before ^ (1 << random.below(32));
      case 6:
        return before + random.of([16, -16]);
      case 7:
        return (random.between(0, stop) & -16) + random.of([0, 0, 4, 12]);
      default: // An address in the guard areas.
        return random.chance(0.3)
          ? random.below(start) & -4
          : random.between(Math.min(this.#limit, stop), Math.max(stop, this.#length)) & -4;
    }
  }

  /** Checks what the heap must not have written to. */
  #checkGuards(): void {
    const bytes = this.#bytes();
    const from = Math.min(this.#limit, this.#length);
    if (this.#limit < this.#length && bytes.length < this.#length)
      return this.#fail("writes outside", `the memory shrank to ${bytes.length} bytes`);
    const lower = differs(bytes, this.#pattern, 0, this.#at);
    if (lower !== -1) return this.#fail("writes outside", `the byte at ${lower}, below the base`);
    const upper = differs(bytes, this.#pattern, from, Math.min(bytes.length, this.#length));
    if (upper !== -1) return this.#fail("writes outside", `the byte at ${upper}, above the limit`);
    const grown = Math.max(this.#limit, this.#length);
    if (grown < bytes.length && bytes.subarray(grown).some((byte) => byte !== 0))
      this.#fail("writes outside", "memory that was grown beyond the limit");
  }
}

/** Where two arrays differ first from `from` up to `end`; -1 if they are equal. */
function differs(a: Uint8Array, b: Uint8Array, from: number, end: number): number {
  if (from >= end || Buffer.compare(a.subarray(from, end), b.subarray(from, end)) === 0) return -1;
  for (let i = from; i < end; i++) if (a[i] !== b[i]) return i;
  return -1;
}

/** Where a heap has its words. Also for a heap that is damaged already, of which it finds some. */
class Places {
  readonly start: number;
  readonly stop: number;
  readonly topEnd: number;
  readonly free: { p: number; size: number }[] = [];
  readonly live: { p: number; size: number }[] = [];
  readonly slabs: number[] = [];

  constructor(words: Int32Array, at: number) {
    const load = (address: number): number => words[address >>> 2] ?? 0;
    const end = words.length * 4;
    this.start = at;
    this.stop = Math.min(load(at + BREAK_AT) >>> 0, load(at + LIMIT_AT) >>> 0, end);
    this.topEnd = Math.min(load(at + TOP_END_AT) >>> 0, this.stop);
    const top = load(at + TOP_AT) >>> 0;
    for (let p = at + CONTROL, n = 0; p < Math.min(top, end) && n < 5000; n++) {
      const h = load(p - HEADER);
      const size = sizeIn(h) >>> 0;
      if (size === 0) break;
      const isFree = (h & IN_USE) === 0 || (h & QUICK) === QUICK;
      if (isFree) this.free.push({ p, size });
      else if ((h & FOREIGN) === 0) this.live.push({ p, size });
      const header = p + ((size >>> CELL_SHIFT) << CELL_SHIFT) - 28;
      if (!isFree && load(header) === p) this.slabs.push(header);
      p += size;
    }
    for (let i = 0; i < SMALL_SIZES; i++) this.slabs.push(load(at + CURRENT_AT + i * 4));
    for (let i = 0; i < CLASS_COUNT; i++) {
      const partial = load(at + FIRST_AT + (i << CLASS_SHIFT));
      if (partial !== 0) this.slabs.push(partial);
    }
  }
}

// The worker --------------------------------------------------------------------------------------------------------------

const [engine, seed, count, trace] = process.argv.slice(2);
writeSync(1, "\n");
for (let i = 0; i < Number(count); i++) {
  const report = new Case(engine as EngineName, Number(seed) + i, trace !== undefined).run();
  writeSync(1, `${JSON.stringify(report)}\n`);
}
