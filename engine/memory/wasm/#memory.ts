// The seam, for WebAssembly: what the engine may ask of a memory, each one or a few instructions.
// `asc` finds this file as "#memory" through `--lib`. Its twins are ../typed.ts and ../counting.ts.

/** Whether assertions are in the build: not in what ships. */
export const CHECKED: bool = false;
/** Whether metadata never moves, for heaps that several threads use; see engine/map.ts. */
export const PINNED: bool = false;
/** Whether several threads use a heap at the same time; with PINNED. See engine/lock.ts. */
export const SHARED: bool = false;

/** Address of the undo log while this thread has the lock, otherwise 0. */
let log: i32 = 0;
/** Entries that the log has room for. */
let logRoom: i32 = 0;

export function load32(address: i32): i32 {
  return load<i32>(address);
}

export function store32(address: i32, value: i32): void {
  if (SHARED) keep(address);
  store<i32>(address, value);
}

export function load8(address: i32): i32 {
  return <i32>load<u8>(address);
}

export function store8(address: i32, value: i32): void {
  store<u8>(address, <u8>value);
}

export function zero(address: i32, bytes: i32): void {
  memory.fill(address, 0, bytes);
}

export function copy(to: i32, from: i32, bytes: i32): void {
  memory.copy(to, from, bytes);
}

/** Unsigned `a < b`: addresses and block sizes reach 4 GiB. */
export function below(a: i32, b: i32): bool {
  return <u32>a < <u32>b;
}

export function multiply(a: i32, b: i32): i32 {
  return a * b;
}

/** Leading zero bits; 32 for 0. */
export function leadingZeros(word: i32): i32 {
  return clz<i32>(word);
}

/** Trailing zero bits; 32 for 0. */
export function trailingZeros(word: i32): i32 {
  return ctz<i32>(word);
}

/** Number of the lowest clear bit of the 64 at `address`, a multiple of 8; 64 if there is none. */
export function firstClear(address: i32): i32 {
  return <i32>ctz<u64>(~load<u64>(address));
}

/** Sets the lowest clear bit, which is number `bit`. */
export function setFirstClear(address: i32, bit: i32): void {
  const bits = load<u64>(address);
  store<u64>(address, bits | (bits + 1));
}

/** Number of the lowest set bit; 64 if there is none. */
export function firstSet(address: i32): i32 {
  return <i32>ctz<u64>(load<u64>(address));
}

/** Number of the lowest set bit from number `bit` on, at most 64; 64 if there is none. */
export function nextSet(address: i32, bit: i32): i32 {
  return bit == 64 ? 64 : <i32>ctz<u64>(load<u64>(address) & ((<u64>-1) << (<u64>bit)));
}

/** How many of the 64 bits are set. */
export function bitCount(address: i32): i32 {
  return <i32>popcnt<u64>(load<u64>(address));
}

/** Moves each bit down by so many places, at most 64; the lowest ones are lost. */
export function shiftBits(address: i32, count: i32): void {
  store<u64>(address, count == 64 ? 0 : load<u64>(address) >> <u64>count);
}

export function hasBit(address: i32, bit: i32): bool {
  return (load<u64>(address) & ((<u64>1) << (<u64>(<u32>bit)))) != 0;
}

/** Whether bit number `bit` is set; and, unless `alone` is 1, another one too. */
export function hasBitAndMore(address: i32, bit: i32, alone: i32): bool {
  const bits = load<u64>(address);
  // Flipped, a bit that was set leaves less.
  return (bits ^ ((<u64>1) << (<u64>(<u32>bit)))) - <u64>(<u32>(1 - alone)) < bits;
}

export function flipBit(address: i32, bit: i32): void {
  store<u64>(address, load<u64>(address) ^ ((<u64>1) << (<u64>(<u32>bit))));
}

/** Number of the lowest bit in which the 64 at `a` and the 64 at `b` agree; 64 if there is none. */
export function firstEqual(a: i32, b: i32): i32 {
  return <i32>ctz<u64>(~(load<u64>(a) ^ load<u64>(b)));
}

/** From now on `store32` keeps the old word in the log at `address`; for 0 it does not. */
export function useLog(address: i32, room: i32): void {
  log = address;
  logRoom = room;
}

/** The address, the old word, and only then the number of entries: a thread may end between any two stores. */
function keep(address: i32): void {
  if (log == 0) return;
  const count: i32 = load<i32>(log);
  if (count >= logRoom) unreachable();
  const entry: i32 = log + 8 + (count << 3);
  store<i32>(entry, address);
  store<i32>(entry + 4, load<i32>(address));
  store<i32>(log, count + 1);
}

export function atomicLoad(address: i32): i32 {
  return atomic.load<i32>(address);
}

export function atomicStore(address: i32, value: i32): void {
  atomic.store<i32>(address, value);
}

/** Stores `value` if the word is `expected`; returns the word as it was. */
export function compareSwap(address: i32, expected: i32, value: i32): i32 {
  return atomic.cmpxchg<i32>(address, expected, value);
}

export function atomicOr(address: i32, bits: i32): void {
  atomic.or<i32>(address, bits);
}

export function atomicAnd(address: i32, bits: i32): void {
  atomic.and<i32>(address, bits);
}

export function atomicAdd(address: i32, count: i32): void {
  atomic.add<i32>(address, count);
}

/** Sleeps while the word is `value`, until it is notified, at most so many milliseconds. Not every thread may. */
export function wait(address: i32, value: i32, milliseconds: i32): void {
  atomic.wait<i32>(address, value, <i64>milliseconds * 1000000);
}

/** Wakes up to `count` threads that sleep there; -1: all. */
export function notify(address: i32, count: i32): void {
  atomic.notify(address, count);
}

/** The end of the memory in bytes; one granule less for 4 GiB, so that it fits a word. */
export function memoryEnd(): i32 {
  const pages: i32 = memory.size();
  return pages == 65536 ? -16 : pages << 16;
}

/** Makes the memory reach at least to `end`; false, and nothing changed, where it can't. */
export function growTo(end: i32): bool {
  const pages: i32 = (end >>> 16) + ((end & 0xffff) != 0 ? 1 : 0) - memory.size();
  return pages <= 0 || memory.grow(pages) != -1;
}

/** Whether memory can be returned; a WebAssembly memory cannot. */
export function canShrink(): bool {
  return false;
}

/** Returns the memory from `end` on, where it can. */
export function shrinkTo(end: i32): void {}

/** Views are a matter of JavaScript. */
export function refresh(): void {}

/** With CHECKED: the engine has a bug unless `holds`. */
export function assertThat(holds: bool): void {
  if (!holds) unreachable();
}

export function trap(): void {
  unreachable();
}
