// The seam, for JavaScript: the same operations over typed arrays. The build expands the one-line ones in place
// (tools/build/js-engine.ts) and wraps the engine in a function, so that each heap has its own views; tests and `tsc` use it as
// it is. Nothing here asks for the global WebAssembly or SharedArrayBuffer: there are platforms without.
//
// Views have a fixed length and are made again when the buffer grows: views that track the length are several times slower.

import type { AnyMemory } from "./any-memory.ts";

/** Whether assertions are in the build: not in what ships. */
export const CHECKED: bool = false;
/** Whether metadata never moves, for heaps that several threads use; see engine/map.ts. */
export const PINNED: bool = false;
/** Whether several threads use a heap at the same time; with PINNED. See engine/lock.ts. */
export const SHARED: bool = false;

let memory: AnyMemory;
let words: Int32Array;
let bytes: Uint8Array;
/** Bytes that the views cover. */
let reach: number;
/** Whether the memory is a shared WebAssembly.Memory, whose buffer may be from before another thread grew it. */
let isShared: boolean;
/** Address of the undo log while this thread has the lock, otherwise 0. */
let log: i32 = 0;
/** Entries that the log has room for. */
let logRoom: i32 = 0;

/** Puts the engine onto a memory. */
export function mount(onto: AnyMemory): void {
  memory = onto;
  isShared = "buffer" in memory && `${memory.buffer}` == "[object SharedArrayBuffer]";
  refresh();
}

function buffer(): ArrayBuffer | SharedArrayBuffer {
  if (isShared) (memory as WebAssembly.Memory).grow(0); // gets a buffer that is not outdated
  return "buffer" in memory ? memory.buffer : memory;
}

/** Makes the views again over as much of the buffer as there is now. */
export function refresh(): void {
  const now = buffer();
  const length = Math.min(now.byteLength, 0xfffffff0) >>> 2;
  words = new Int32Array(now, 0, length);
  bytes = new Uint8Array(now, 0, length * 4);
  reach = now.byteLength;
}

export function load32(address: i32): i32 {
  return words[address >>> 2] ?? load32Again(address);
}

/** The views did not reach there: they are outdated, or the address is outside the memory. */
function load32Again(address: i32): i32 {
  refresh();
  return words[address >>> 2] ?? trap();
}

export function store32(address: i32, value: i32): void {
  if (SHARED) keep(address);
  words[address >>> 2] = value;
}

export function load8(address: i32): i32 {
  return bytes[address >>> 0]!;
}

export function store8(address: i32, value: i32): void {
  bytes[address >>> 0] = value;
}

/** From now on the log at `address` gets the old word before a store; for 0 it does not. */
export function useLog(address: i32, room: i32): void {
  log = address;
  logRoom = room;
}

/** The address, the old word, and only then the number of entries: a thread may end between any two stores. */
export function keep(address: i32): void {
  if (log == 0) return;
  const count = words[log >>> 2]!;
  if (count >= logRoom) trap();
  const entry = (log >>> 2) + 2 + count * 2;
  words[entry] = address;
  words[entry + 1] = words[address >>> 2]!;
  words[log >>> 2] = count + 1;
}

export function atomicLoad(address: i32): i32 {
  return Atomics.load(words, address >>> 2);
}

export function atomicStore(address: i32, value: i32): void {
  Atomics.store(words, address >>> 2, value);
}

/** Stores `value` if the word is `expected`; returns the word as it was. */
export function compareSwap(address: i32, expected: i32, value: i32): i32 {
  return Atomics.compareExchange(words, address >>> 2, expected, value);
}

export function atomicOr(address: i32, bits: i32): void {
  Atomics.or(words, address >>> 2, bits);
}

export function atomicAnd(address: i32, bits: i32): void {
  Atomics.and(words, address >>> 2, bits);
}

export function atomicAdd(address: i32, count: i32): void {
  Atomics.add(words, address >>> 2, count);
}

/** Sleeps while the word is `value`, until it is notified, at most so many milliseconds. Not every thread may. */
export function wait(address: i32, value: i32, milliseconds: i32): void {
  Atomics.wait(words, address >>> 2, value, milliseconds);
}

/** Wakes up to `count` threads that sleep there; -1: all. */
export function notify(address: i32, count: i32): void {
  Atomics.notify(words, address >>> 2, count == -1 ? Infinity : count);
}

export function zero(address: i32, length: i32): void {
  bytes.fill(0, address >>> 0, (address >>> 0) + (length >>> 0));
}

export function copy(to: i32, from: i32, length: i32): void {
  bytes.copyWithin(to >>> 0, from >>> 0, (from >>> 0) + (length >>> 0));
}

/** Unsigned `a < b`: addresses and block sizes reach 4 GiB. */
export function below(a: i32, b: i32): bool {
  return a >>> 0 < b >>> 0;
}

export function multiply(a: i32, b: i32): i32 {
  return Math.imul(a, b);
}

/** Leading zero bits; 32 for 0. */
export function leadingZeros(word: i32): i32 {
  return Math.clz32(word);
}

/** Trailing zero bits; 32 for 0. */
export function trailingZeros(word: i32): i32 {
  return word == 0 ? 32 : 31 - Math.clz32(word & -word);
}

/** Number of the lowest clear bit of the 64 at `address`, a multiple of 8; 64 if there is none. */
export function firstClear(address: i32): i32 {
  return words[address >>> 2]! != -1
    ? trailingZeros(~words[address >>> 2]!)
    : 32 + trailingZeros(~words[(address >>> 2) + 1]!);
}

/** Number of the lowest bit in which the 64 at `a` and the 64 at `b` agree; 64 if there is none. */
export function firstEqual(a: i32, b: i32): i32 {
  const low = trailingZeros(~(words[a >>> 2]! ^ words[b >>> 2]!));
  return low != 32 ? low : 32 + trailingZeros(~(words[(a >>> 2) + 1]! ^ words[(b >>> 2) + 1]!));
}

/** Sets the lowest clear bit, which is number `bit`. */
export function setFirstClear(address: i32, bit: i32): void {
  flipBit(address, bit);
}

/** Number of the lowest set bit; 64 if there is none. */
export function firstSet(address: i32): i32 {
  return nextSet(address, 0);
}

/** Number of the lowest set bit from number `bit` on, at most 64; 64 if there is none. */
export function nextSet(address: i32, bit: i32): i32 {
  for (let each = bit; each < 64; each++) if (hasBit(address, each)) return each;
  return 64;
}

/** How many of the 64 bits are set. */
export function bitCount(address: i32): i32 {
  let count = 0;
  for (let each = 0; each < 64; each++) if (hasBit(address, each)) count++;
  return count;
}

/** Moves each bit down by so many places, at most 64; the lowest ones are lost. */
export function shiftBits(address: i32, count: i32): void {
  for (let each = 0; each < 64; each++) {
    const isSet = each + count < 64 && hasBit(address, each + count);
    if (isSet != hasBit(address, each)) flipBit(address, each);
  }
}

export function hasBit(address: i32, bit: i32): bool {
  return (words[(address >>> 2) + (bit >>> 5)]! & (1 << bit)) != 0;
}

/** Whether bit number `bit` is set; and, unless `alone` is 1, another one too. */
export function hasBitAndMore(address: i32, bit: i32, alone: i32): bool {
  const word = words[(address >>> 2) + (bit >>> 5)]!;
  const rest = word ^ (1 << bit);
  if ((word & (1 << bit)) == 0) return false;
  return rest != 0 || alone == 1 || words[(address >>> 2) + 1 - (bit >>> 5)]! != 0;
}

export function flipBit(address: i32, bit: i32): void {
  words[(address >>> 2) + (bit >>> 5)]! ^= 1 << bit;
}

/**
 * The end of the memory in bytes; one granule less for 4 GiB, so that it fits a word. What lies below it can be reached
 * at once: memory that others grew (and that did not detach the views, since it is shared) gets views here.
 */
export function memoryEnd(): i32 {
  const now = buffer().byteLength;
  if (reach != now) refresh();
  return Math.min("end" in memory ? memory.end : now, 0xfffffff0) & -16;
}

/** Makes the memory reach at least to `end`; false, and nothing changed, where it can't. */
export function growTo(end: i32): bool {
  const needed = end >>> 0;
  const now = buffer();
  const missing = needed - now.byteLength;
  try {
    if ("growTo" in memory) {
      if (!memory.growTo(needed)) return false;
    } else if (missing > 0) {
      if ("buffer" in memory) memory.grow(Math.ceil(missing / 65536));
      else if ("growable" in now) now.grow(needed);
      else if (!resize(needed) && !resize(Math.ceil(needed / 65536) * 65536)) return false;
    }
  } catch {
    return false;
  }
  refresh();
  return true;
}

/** Resizes an ArrayBuffer; false if it refuses. That of a WebAssembly.Memory grows by whole pages and does not shrink. */
function resize(length: number): bool {
  try {
    (memory as ArrayBuffer).resize(length);
    return true;
  } catch {
    return false;
  }
}

/**
 * Whether memory can be returned. Memory of the process can, and a resizable ArrayBuffer, but not that of a WebAssembly.Memory:
 * nothing but trying tells them apart.
 */
export function canShrink(): bool {
  if ("shrinkTo" in memory) return true;
  if (!("resizable" in memory && memory.resizable)) return false;
  const last = memory.byteLength - 1;
  const kept = new Uint8Array(memory, last, 1)[0]!;
  if (!resize(last)) return false;
  memory.resize(last + 1);
  new Uint8Array(memory, last, 1)[0] = kept;
  return true;
}

/** Returns the memory from `end` on, where it can. */
export function shrinkTo(end: i32): void {
  if ("shrinkTo" in memory) memory.shrinkTo(end >>> 0);
  else resize(end >>> 0);
  refresh();
}

/** With CHECKED: the engine has a bug unless `holds`. */
export function assertThat(holds: bool): void {
  if (!holds) throw new Error("assertion failed");
}

/** Ends the call as a trap does in WebAssembly. */
export function trap(): never {
  const error = new Error("unreachable");
  error.name = "RuntimeError";
  throw error;
}
