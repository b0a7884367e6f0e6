// The seam, for WebAssembly: what the engine may ask of a memory, each one or a few instructions.
// `asc` finds this file as "#memory" through `--lib`. Its twins are ../typed.ts and ../counting.ts.

/** Whether assertions are in the build: not in what ships. */
export const CHECKED: bool = false;
/** Whether metadata never moves, for heaps that several threads use; see engine/map.ts. */
export const PINNED: bool = false;

export function load32(address: i32): i32 {
  return load<i32>(address);
}

export function store32(address: i32, value: i32): void {
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

/** Whether memory can be given back; a WebAssembly memory can't. */
export function canShrink(): bool {
  return false;
}

/** Gives the memory from `end` on back, where it can. */
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
