// The seam of the report's engine: what typed.ts does, watched. It marks each line of 64 bytes that is written, from which
// checkpoints are made, and on request it notes every access, in order. Its memory ends where the heap's did at that moment, even
// if the buffer is larger, so that a heap can be put back to an earlier moment.
//
// Programs write nothing into their blocks here, so most of the memory is never written and stays zero. Copies and fills leave such
// memory out: a program that resizes large arrays would have the page copy gigabytes of zeros.

import * as typed from "../../engine/memory/typed.ts";

export * from "../../engine/memory/typed.ts";

const LINE_SHIFT: i32 = 6;
const USED: i32 = 2;
const MARKED: i32 = 1;
/** Copies and fills go by pieces of so many bytes. */
const PIECE_SHIFT: i32 = 12;
const PIECE_BYTES: i32 = 4096;
const PAGE_BYTES: i32 = 65536;

/** What an access is, in the list of accesses. */
const READ: i32 = 0;
const WRITE: i32 = 1;

/** For each line, whether it was ever written (USED), and whether it was since the last `clearMarks` (MARKED). */
let marks: Uint8Array = new Uint8Array(16384);
/** The same lines as a list. */
let marked: Int32Array = new Int32Array(4096);
let markedCount: number = 0;
/** 1 for each piece that was ever written. */
let used: Uint8Array = new Uint8Array(256);
/** Whether accesses are noted, and those that were: kind, address and bytes of each. */
let watching: boolean = false;
let accesses: number[] = [];
/** Where the memory ends, and the farthest that it may end, in bytes. */
let endsAt: number = 65536;
let mostBytes: number = 4294901760;

/** The lines of 64 bytes that were written since the last `clearMarks`, in no order. */
export function markedLines(): Int32Array {
  return marked.subarray(0, markedCount);
}

export function clearMarks(): void {
  for (let i = 0; i < markedCount; i++) marks[marked[i]!] = USED;
  markedCount = 0;
}

/** Notes accesses from now on. */
export function startWatching(): void {
  accesses = [];
  watching = true;
}

/** Ends noting; returns kind (0 read, 1 written), address and bytes of each access, in order. */
export function stopWatching(): number[] {
  watching = false;
  return accesses;
}

/** Where the memory ends, in bytes. */
export function memoryBytes(): number {
  return endsAt;
}

/** Puts the end of the memory where it was, and how far it may grow. The buffer stays. */
export function setMemoryBytes(end: number, most: number): void {
  endsAt = end;
  mostBytes = most;
}

function note(kind: i32, address: i32, length: i32): void {
  accesses.push(kind, address >>> 0, length);
}

function markWritten(line: number): void {
  if (line >= marks.length) {
    const length = 2 ** Math.ceil(Math.log2(line + 1));
    const longer = new Uint8Array(length);
    longer.set(marks);
    marks = longer;
    const wider = new Uint8Array(length >>> (PIECE_SHIFT - LINE_SHIFT));
    wider.set(used);
    used = wider;
  }
  if ((marks[line]! & MARKED) !== 0) return;
  marks[line] = USED | MARKED;
  used[line >>> (PIECE_SHIFT - LINE_SHIFT)] = 1;
  if (markedCount === marked.length) {
    const more = new Int32Array(2 * markedCount);
    more.set(marked);
    marked = more;
  }
  marked[markedCount++] = line;
}

/** Whether any of these bytes was ever written. */
function wasWritten(address: number, length: number): boolean {
  const lastPiece = (address + length - 1) >>> PIECE_SHIFT;
  for (let piece = address >>> PIECE_SHIFT; piece <= lastPiece; piece++)
    if (used[piece] === 1) return true;
  return false;
}

/** Marks the lines of memory from `to` on that a copy from `from` changes: if both sides were never written, it changes none. */
function markCopied(to: number, from: number, length: number): void {
  const shift = from - to;
  const end = to + length;
  for (let at = to; at < end;) {
    const line = at >>> LINE_SHIFT;
    const next = Math.min(end, (line + 1) * 64);
    const source = (at + shift) >>> LINE_SHIFT;
    const lastSource = (next - 1 + shift) >>> LINE_SHIFT;
    if (isLineWritten(line) || isLineWritten(source) || isLineWritten(lastSource))
      markWritten(line);
    at = next;
  }
}

function isLineWritten(line: number): boolean {
  return line < marks.length && marks[line] !== 0;
}

function wrote(address: i32, length: i32): void {
  if (watching) note(WRITE, address, length);
  const line = address >>> LINE_SHIFT;
  if (marks[line] !== (USED | MARKED)) markWritten(line);
}

function reads(address: i32, length: i32): void {
  if (watching) note(READ, address, length);
}

export function load32(address: i32): i32 {
  reads(address, 4);
  return typed.load32(address);
}

export function store32(address: i32, value: i32): void {
  wrote(address, 4);
  typed.store32(address, value);
}

export function load8(address: i32): i32 {
  reads(address, 1);
  return typed.load8(address);
}

export function store8(address: i32, value: i32): void {
  wrote(address, 1);
  typed.store8(address, value);
}

export function zero(address: i32, length: i32): void {
  if (watching && length !== 0) note(WRITE, address, length);
  const end = (address >>> 0) + (length >>> 0);
  for (let at = address >>> 0; at < end;) {
    const next = Math.min(end, (Math.floor(at / PIECE_BYTES) + 1) * PIECE_BYTES);
    if (wasWritten(at, next - at)) {
      markCopied(at, at, next - at);
      typed.zero(at, next - at);
    }
    at = next;
  }
}

export function copy(to: i32, from: i32, length: i32): void {
  if (watching && length !== 0) {
    note(READ, from, length);
    note(WRITE, to, length);
  }
  const size = length >>> 0;
  // Upwards if memory moves down, and the other way round, so that no piece is overwritten before it is copied.
  const isDown = to >>> 0 < from >>> 0;
  for (let done = 0; done < size;) {
    const piece = Math.min(PIECE_BYTES, size - done);
    const offset = isDown ? done : size - done - piece;
    const target = (to >>> 0) + offset;
    const source = (from >>> 0) + offset;
    if (wasWritten(source, piece) || wasWritten(target, piece)) {
      markCopied(target, source, piece);
      typed.copy(target, source, piece);
    }
    done += piece;
  }
}

export function firstClear(address: i32): i32 {
  reads(address, 8);
  return typed.firstClear(address);
}

export function setFirstClear(address: i32, bit: i32): void {
  wrote(address, 8);
  typed.setFirstClear(address, bit);
}

export function firstSet(address: i32): i32 {
  reads(address, 8);
  return typed.firstSet(address);
}

export function nextSet(address: i32, bit: i32): i32 {
  reads(address, 8);
  return typed.nextSet(address, bit);
}

export function bitCount(address: i32): i32 {
  reads(address, 8);
  return typed.bitCount(address);
}

export function shiftBits(address: i32, count: i32): void {
  wrote(address, 8);
  typed.shiftBits(address, count);
}

export function hasBit(address: i32, bit: i32): bool {
  reads(address, 8);
  return typed.hasBit(address, bit);
}

export function hasBitAndMore(address: i32, bit: i32, alone: i32): bool {
  reads(address, 8);
  return typed.hasBitAndMore(address, bit, alone);
}

export function flipBit(address: i32, bit: i32): void {
  wrote(address, 8);
  typed.flipBit(address, bit);
}

export function memoryEnd(): i32 {
  return Math.min(endsAt, 0xfffffff0) & -16;
}

export function growTo(end: i32): bool {
  const needed = Math.ceil((end >>> 0) / PAGE_BYTES) * PAGE_BYTES;
  if (needed <= endsAt) return true;
  if (needed > mostBytes || !typed.growTo(end)) return false;
  endsAt = needed;
  return true;
}

export function canShrink(): bool {
  return false;
}

export function shrinkTo(_end: i32): void {}
