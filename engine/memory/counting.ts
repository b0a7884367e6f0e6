// The seam, for tests: what typed.ts does, counted, and made to fail where a test asks for it. An access that is misaligned
// or beyond the memory throws here, as one beyond it traps in wasm; typed arrays would let it pass.
//
// What is asked of the memory itself (its end, making views again) is not counted: in wasm it is an instruction or nothing.

import type { AnyMemory } from "./any-memory.ts";
import * as typed from "./typed.ts";

export {
  assertThat,
  below,
  leadingZeros,
  memoryEnd,
  multiply,
  refresh,
  canShrink,
  shrinkTo,
  trailingZeros,
  trap,
} from "./typed.ts";

/** Assertions are on in tests. */
export const CHECKED: bool = true;
/** Tests run with both layouts. */
export const PINNED: bool = process.env["PINNED"] === "1";
/** And with heaps that several threads use. */
export const SHARED: bool = process.env["SHARED"] === "1";

/** The undo log, see typed.ts: here each of its stores is one that a test can stop after. */
let log = 0;
let logRoom = 0;

/** What the engine did since the last `reset`. */
export const counts = {
  /** Reads of a word, half word or byte. */
  loads: 0,
  /** Writes of one. */
  stores: 0,
  /** Calls of `zero`, and the bytes they wrote. */
  fills: 0,
  filledBytes: 0,
  /** Calls of `copy`, and the bytes they moved. */
  copies: 0,
  copiedBytes: 0,
  /** Most entries that the undo log had. */
  logged: 0,
  /** Attempts to make the memory larger, those that failed too. */
  growths: 0,
};

/** The first and the last attempt to grow that fails, counted like `counts.growths`. */
let failFrom = Infinity;
let failTo = Infinity;
/** Writes left until the engine stops. */
let writesLeft = Infinity;
/** What happens then. */
let interrupt = (): void => {};

/** Thrown in the middle of the engine where a test stops it. */
export class Stopped extends Error {
  override name = "Stopped";
}

/** Puts the engine onto a memory; nothing counted, nothing failing. */
export function mount(onto: AnyMemory): void {
  typed.mount(onto);
  useLog(0, 0);
  reset();
}

/** Counts from 0 again, and lets everything succeed. */
export function reset(): void {
  for (const each of Object.keys(counts) as (keyof typeof counts)[]) counts[each] = 0;
  failGrowths(Infinity);
  stopAfter(Infinity);
}

/** Makes the attempts to grow numbered `from` to `to` (1: the next) fail. */
export function failGrowths(from: number, to = from): void {
  failFrom = counts.growths + from;
  failTo = counts.growths + to;
}

/** Stops the engine, once, right after so many writes from now on: stores, fills and copies. */
export function stopAfter(writes: number): void {
  interruptAfter(writes, () => {
    throw new Stopped("stopped after a write, as the test asked");
  });
}

/** The same, but calls `call` there: other threads go on, in the middle of what this one does. */
export function interruptAfter(writes: number, call: () => void): void {
  writesLeft = writes;
  interrupt = call;
}

function reach(address: i32, alignment: i32): void {
  if ((address & (alignment - 1)) !== 0) throw new Error(`a misaligned access at ${address >>> 0}`);
  if (typed.load8(address) === undefined)
    throw new Error(`an access beyond the memory at ${address >>> 0}`);
}

function reachAll(address: i32, length: i32): void {
  if (length === 0) return;
  reach(address, 1);
  reach(address + length - 1, 1);
}

function wrote(): void {
  if (--writesLeft !== 0) return;
  writesLeft = Infinity;
  interrupt();
}

export function load32(address: i32): i32 {
  // After other code has grown the memory the views are detached. The first read is then undefined, which `enter` notices.
  if (typed.load8(0) === undefined) return typed.load32(address);
  reach(address, 4);
  counts.loads++;
  return typed.load32(address);
}

export function useLog(address: i32, room: i32): void {
  log = address;
  logRoom = room;
}

function keep(address: i32): void {
  if (log === 0) return;
  const count = typed.load32(log);
  if (count >= logRoom) throw new Error("the undo log is full");
  if (count >= counts.logged) counts.logged = count + 1;
  plainStore(log + 8 + count * 8, address);
  plainStore(log + 12 + count * 8, typed.load32(address));
  plainStore(log, count + 1);
}

function plainStore(address: i32, value: i32): void {
  counts.stores++;
  typed.store32(address, value);
  wrote();
}

export function store32(address: i32, value: i32): void {
  reach(address, 4);
  keep(address);
  plainStore(address, value);
}

export function firstEqual(a: i32, b: i32): i32 {
  reach(a, 8);
  reach(b, 8);
  counts.loads += 2;
  return typed.firstEqual(a, b);
}

export function atomicLoad(address: i32): i32 {
  reach(address, 4);
  counts.loads++;
  return typed.atomicLoad(address);
}

function atomicWrite<Result>(address: i32, write: () => Result): Result {
  reach(address, 4);
  counts.stores++;
  const result = write();
  wrote();
  return result;
}

export function atomicStore(address: i32, value: i32): void {
  atomicWrite(address, () => typed.atomicStore(address, value));
}

export function compareSwap(address: i32, expected: i32, value: i32): i32 {
  return atomicWrite(address, () => typed.compareSwap(address, expected, value));
}

export function atomicOr(address: i32, bits: i32): void {
  atomicWrite(address, () => typed.atomicOr(address, bits));
}

export function atomicAnd(address: i32, bits: i32): void {
  atomicWrite(address, () => typed.atomicAnd(address, bits));
}

export function atomicAdd(address: i32, count: i32): void {
  atomicWrite(address, () => typed.atomicAdd(address, count));
}

/** In these tests all threads are one, which must not sleep. */
export function wait(): void {
  throw new Error("a thread would wait");
}

export function notify(): void {}

export function load8(address: i32): i32 {
  reach(address, 1);
  counts.loads++;
  return typed.load8(address);
}

export function store8(address: i32, value: i32): void {
  reach(address, 1);
  counts.stores++;
  typed.store8(address, value);
  wrote();
}

export function firstClear(address: i32): i32 {
  reach(address, 8);
  counts.loads++;
  return typed.firstClear(address);
}

export function setFirstClear(address: i32, bit: i32): void {
  if (typed.firstClear(address) !== bit) throw new Error(`bit ${bit} is not the lowest clear one`);
  flipBit(address, bit);
}

export function firstSet(address: i32): i32 {
  reach(address, 8);
  counts.loads++;
  return typed.firstSet(address);
}

export function nextSet(address: i32, bit: i32): i32 {
  reach(address, 8);
  counts.loads++;
  return typed.nextSet(address, bit);
}

export function bitCount(address: i32): i32 {
  reach(address, 8);
  counts.loads++;
  return typed.bitCount(address);
}

export function shiftBits(address: i32, count: i32): void {
  reach(address, 8);
  counts.loads++;
  counts.stores++;
  typed.shiftBits(address, count);
  wrote();
}

export function hasBit(address: i32, bit: i32): bool {
  reach(address, 8);
  counts.loads++;
  return typed.hasBit(address, bit);
}

export function hasBitAndMore(address: i32, bit: i32, alone: i32): bool {
  reach(address, 8);
  counts.loads++;
  return typed.hasBitAndMore(address, bit, alone);
}

export function flipBit(address: i32, bit: i32): void {
  reach(address, 8);
  counts.loads++;
  counts.stores++;
  typed.flipBit(address, bit);
  wrote();
}

export function zero(address: i32, length: i32): void {
  reachAll(address, length);
  counts.fills++;
  counts.filledBytes += length >>> 0;
  typed.zero(address, length);
  wrote();
}

export function copy(to: i32, from: i32, length: i32): void {
  reachAll(to, length);
  reachAll(from, length);
  counts.copies++;
  counts.copiedBytes += length >>> 0;
  typed.copy(to, from, length);
  wrote();
}

export function growTo(end: i32): bool {
  if (!typed.below(typed.memoryEnd(), end)) return typed.growTo(end);
  counts.growths++;
  const fails = counts.growths >= failFrom && counts.growths <= failTo;
  return !fails && typed.growTo(end);
}
