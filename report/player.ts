/**
 * Plays a program on a heap, and goes to any moment of it.
 *
 * The program is played once from the beginning to the end. Every `INTERVAL` ops that makes a checkpoint: the words that changed
 * since the last one, with their values before and after. So going to a moment is three steps, none of which depends on how long
 * the program is:
 *
 *     1. words that changed since the checkpoint before now get the values that they had there, from `#shadow`
 *     2. from checkpoint to checkpoint, forwards or backwards, to the last one before the moment
 *     3. the ops from there to the moment
 *
 * A moment is a number of ops: 0 is before the first, `ops` after the last.
 */

import { CELL, CLASS_COUNT, PAGE } from "../engine/control.ts";
import {
  createWatchedEngine,
  type WatchedEngine,
} from "../tools/build/generated/watched-engine.js";
import { doubled } from "../trace/ops.ts";
import { NO_RECORD, OP, type Program } from "./pack.ts";

/** The options of a heap that change what it does. Sizes are in bytes; `auto` is the heap's default. */
export interface PlayerSetting {
  readonly fit: "best" | "first" | "next";
  readonly margin: number | "auto";
  readonly small: number | "auto";
  readonly limit?: number | undefined;
}

export const DEFAULT_SETTING: PlayerSetting = { fit: "best", margin: "auto", small: "auto" };

/** What each byte of the footprint is for. The sum is the footprint. */
export const PARTS = ["live", "rounding", "slots", "blocks", "metadata", "margin"] as const;
export type Part = (typeof PARTS)[number];
/** In bytes. */
export type Parts = Readonly<Record<Part, number>>;

/** Figures over a stretch of the program; element `i` of each column is of the moment `ops[i]`. */
export interface Series {
  readonly ops: Float64Array;
  readonly parts: Readonly<Record<Part, Float64Array>>;
  readonly footprint: Float64Array;
}

export interface BreakMove {
  /** The op that moved it, from 0. */
  readonly op: number;
  readonly from: number;
  readonly to: number;
}

/** Ops between two checkpoints. */
const INTERVAL = 16384;
/** Points of the timeline that are kept, at most: each stands for as many ops. */
const MOST_POINTS = 32768;
/** Ops between two reports of progress. */
const PIECE = 4096;

const FITS = ["best", "first", "next"];
/** Largest size that slabs serve unless the setting says otherwise. */
const DEFAULT_SMALL = 1008;
const HIGHEST_MEMORY = 2 ** 32 - 65536;
const BLOCK_HEADER = 4;
/** What `died` has for a record that no op ended. */
export const NEVER = 0xffffffff;

interface Checkpoint {
  readonly words: Uint32Array;
  readonly before: Int32Array;
  readonly after: Int32Array;
  readonly memoryBytes: number;
  readonly sums: Sums;
}

/** Sums over the live records. */
interface Sums {
  /** Bytes that the program asked for. */
  live: number;
  liveRecords: number;
  /** Usable bytes of slots in use. */
  slotBytes: number;
  /** Bytes of blocks in use, with their headers. */
  blockBytes: number;
  /** Usable bytes of both. */
  usable: number;
}

export class Player {
  readonly program: Program;
  readonly setting: PlayerSetting;
  readonly engine: WatchedEngine;
  /** By record: where its block is; 0 if the request failed. */
  readonly pointers: Uint32Array;
  /** By record: the bytes that the program asked for. */
  readonly asked: Uint32Array;
  /** By record: the bytes that the block has room for. */
  readonly usable: Uint32Array;
  /** By record: 1 if it is a slot of a slab. */
  readonly isSlot: Uint8Array;
  /** By record: the op that began it, and the op that ended it; NEVER if none did. */
  readonly born: Uint32Array;
  readonly died: Uint32Array;
  readonly breakMoves: BreakMove[] = [];
  /** Ops whose request failed. */
  readonly failures: number[] = [];
  peakLive = 0;
  /** The moment when most bytes were live, the first if there are several. */
  peakMoment = 0;
  peakFootprint = 0;
  /** The program's moment now. */
  moment = 0;

  readonly #memory = newMemory();
  #words: Int32Array;
  /** The memory at the checkpoint before now. It grows in place, so that what was never written takes no room. */
  readonly #shadowMemory = newMemory();
  #shadow: Int32Array;
  #sums: Sums = { live: 0, liveRecords: 0, slotBytes: 0, blockBytes: 0, usable: 0 };
  readonly #checkpoints: Checkpoint[] = [];
  /** The number of the checkpoint before now. */
  #base = 0;
  readonly #mostMemory: number;

  /** Ops for each point of `#columns`. */
  readonly #perPoint: number;
  #points = 0;
  readonly #columns: Readonly<Record<Part, Float64Array>>;
  readonly #footprints: Float64Array;
  #built = false;
  /** At the peak, which may be between two points. */
  #peakParts: Parts | undefined;

  /** @throws {Error} if no heap can have this setting */
  constructor(program: Program, setting: PlayerSetting = DEFAULT_SETTING) {
    this.program = program;
    this.setting = setting;
    this.engine = createWatchedEngine(this.#memory);
    const { fit, margin, small, limit } = setting;
    this.#mostMemory = limit === undefined ? HIGHEST_MEMORY : Math.ceil(limit / PAGE) * PAGE;
    this.engine.setMemoryBytes(PAGE, this.#mostMemory);
    const code = this.engine.heap_create(
      0,
      (limit ?? 0) | 0,
      margin === "auto" ? -1 : margin | 0,
      FITS.indexOf(fit),
      small === "auto" ? DEFAULT_SMALL : small,
    );
    if (code !== 0) throw new Error(`no heap can have this setting: error ${code}`);
    this.peakFootprint = this.footprint;
    this.#words = new Int32Array(this.buffer);
    this.#shadow = new Int32Array(bufferOf(this.#shadowMemory));

    const { ops, records } = program;
    this.pointers = new Uint32Array(records);
    this.asked = new Uint32Array(records);
    this.usable = new Uint32Array(records);
    this.isSlot = new Uint8Array(records);
    this.born = new Uint32Array(records);
    this.died = new Uint32Array(records).fill(NEVER);
    this.#perPoint = 2 ** Math.max(0, Math.ceil(Math.log2(ops / MOST_POINTS)));
    const points = Math.ceil(ops / this.#perPoint) + 1;
    this.#columns = columnsOf(points);
    this.#footprints = new Float64Array(points);
  }

  /**
   * Plays the program to its end and makes the checkpoints; yields the share that is done. Call nothing else before it is done.
   * Cost: linear in the ops.
   */
  *build(): Generator<number, void> {
    const { ops } = this.program;
    this.#addPoint();
    this.#addCheckpoint();
    for (let op = 0; op < ops;) {
      const end = Math.min(ops, op + PIECE);
      for (; op < end; op += 1) {
        this.#note(op);
        if ((op + 1) % this.#perPoint === 0 || op + 1 === ops) this.#addPoint();
        if ((op + 1) % INTERVAL === 0) {
          this.moment = op + 1;
          this.#addCheckpoint();
        }
      }
      this.moment = op;
      yield op / ops;
    }
    this.#built = true;
    this.seek(this.peakMoment);
    this.#peakParts = this.parts;
  }

  /** Plays the op of number `op` for the first time. */
  #note(op: number): void {
    const { kinds, begins, ends } = this.program;
    const breakBefore = this.engine.programBreak() >>> 0;
    const pointer = this.#call(op);
    const begun = begins[op]!;
    const ended = ends[op]!;
    if (ended !== NO_RECORD) {
      this.#count(ended, -1);
      this.died[ended] = op;
    }
    if (begun !== NO_RECORD) {
      this.born[begun] = op;
      // After a failed reallocation the block is what it was, under a new record.
      const isKept = pointer === 0 && ended !== NO_RECORD;
      const kept = isKept ? this.pointers[ended]! : pointer;
      this.pointers[begun] = kept;
      this.asked[begun] = isKept ? this.asked[ended]! : this.program.sizes[op]!;
      if (kept !== 0) this.#measure(begun, kept);
      this.#count(begun, 1);
      const isFailure = pointer === 0 && !(kinds[op] === OP.realloc && this.pointers[ended] === 0);
      if (isFailure) this.failures.push(op);
    }
    const { live } = this.#sums;
    if (live > this.peakLive) {
      this.peakLive = live;
      this.peakMoment = op + 1;
    }
    const now = this.engine.programBreak() >>> 0;
    if (now !== breakBefore) {
      this.breakMoves.push({ op, from: breakBefore, to: now });
      this.peakFootprint = Math.max(this.peakFootprint, this.footprint);
    }
  }

  /** What a new record's block has room for. */
  #measure(record: number, pointer: number): void {
    const { engine } = this;
    const entry = engine.entryOf(pointer);
    const isSlot = engine.isSlab(entry);
    this.isSlot[record] = isSlot ? 1 : 0;
    this.usable[record] = isSlot
      ? engine.slotSize(engine.classOf(engine.slabOf(pointer, entry)))
      : engine.payloadOf(pointer) >>> 0;
  }

  /** Adds a record's block to the sums, or subtracts it. */
  #count(record: number, sign: 1 | -1): void {
    if (this.pointers[record] === 0) return;
    const sums = this.#sums;
    const usable = this.usable[record]!;
    sums.live += sign * this.asked[record]!;
    sums.liveRecords += sign;
    sums.usable += sign * usable;
    if (this.isSlot[record] === 1) sums.slotBytes += sign * usable;
    else sums.blockBytes += sign * (usable + BLOCK_HEADER);
  }

  /** Makes the call of an op; returns the pointer that it got, 0 for none. */
  #call(op: number): number {
    const { kinds, sizes, alignments, ends } = this.program;
    const { engine } = this;
    const kind = kinds[op]!;
    const size = sizes[op]! | 0;
    const before = kind === OP.realloc || kind === OP.free ? this.pointers[ends[op]!]! : 0;
    switch (kind) {
      case OP.malloc:
        return engine.heap_allocate(size, 0) >>> 0;
      case OP.calloc:
        return engine.calloc(1, size) >>> 0;
      case OP.memalign:
        return engine.heap_allocate(size, alignments[op]! | 0) >>> 0;
      case OP.realloc:
        return before === 0 ? 0 : engine.heap_reallocate(before, size) >>> 0;
      case OP.free:
        if (before !== 0) engine.heap_release(before);
        return 0;
      default:
        return 0;
    }
  }

  /** Plays the next op again. */
  #replay(): void {
    const op = this.moment;
    const begun = this.program.begins[op]!;
    const ended = this.program.ends[op]!;
    this.#call(op);
    if (ended !== NO_RECORD) this.#count(ended, -1);
    if (begun !== NO_RECORD) this.#count(begun, 1);
    this.moment = op + 1;
  }

  // Moments -------------------------------------------------------------------------------------------------------------

  /**
   * Goes to a moment.
   *
   * Cost: the changed words of the checkpoints between, and at most `INTERVAL` ops.
   */
  seek(moment: number): void {
    const { ops } = this.program;
    if (!this.#built) throw new Error("the program was not played to its end yet");
    if (!Number.isInteger(moment) || moment < 0 || moment > ops) {
      throw new RangeError(`moment ${moment}: expected 0 to ${ops}`);
    }
    const target = Math.floor(moment / INTERVAL);
    if (target !== this.#base || moment < this.moment) this.#restore(target);
    while (this.moment < moment) this.#replay();
  }

  #restore(target: number): void {
    const { words } = this;
    const shadow = this.#shadow;
    const lines = this.engine.markedLines();
    for (let i = 0; i < lines.length; i += 1) {
      const from = lines[i]! * 16;
      for (let at = from; at < from + 16; at += 1) words[at] = shadow[at]!;
    }
    this.engine.clearMarks();
    while (this.#base < target) {
      this.#base += 1;
      const { words: changed, after } = this.#checkpoints[this.#base]!;
      for (let i = 0; i < changed.length; i += 1)
        words[changed[i]!] = shadow[changed[i]!] = after[i]!;
    }
    while (this.#base > target) {
      const { words: changed, before } = this.#checkpoints[this.#base]!;
      for (let i = 0; i < changed.length; i += 1) {
        words[changed[i]!] = shadow[changed[i]!] = before[i]!;
      }
      this.#base -= 1;
    }
    const { memoryBytes, sums } = this.#checkpoints[target]!;
    this.engine.setMemoryBytes(memoryBytes, this.#mostMemory);
    this.engine.forgetMap();
    this.engine.findMap();
    this.#sums = { ...sums };
    this.moment = target * INTERVAL;
  }

  #addCheckpoint(): void {
    const { words } = this;
    if (this.#shadow.length < words.length) {
      growTo(this.#shadowMemory, 4 * words.length);
      this.#shadow = new Int32Array(bufferOf(this.#shadowMemory));
    }
    const shadow = this.#shadow;
    const changed = new Growing();
    const lines = this.engine.markedLines();
    for (let i = 0; i < lines.length; i += 1) {
      const from = lines[i]! * 16;
      for (let at = from; at < from + 16; at += 1) {
        if (words[at] === shadow[at]) continue;
        changed.add(at, shadow[at]!, words[at]!);
        shadow[at] = words[at]!;
      }
    }
    this.engine.clearMarks();
    this.#checkpoints.push({
      ...changed.columns(),
      memoryBytes: this.engine.memoryBytes(),
      sums: { ...this.#sums },
    });
    this.#base = this.#checkpoints.length - 1;
  }

  /** Plays the op after this moment; returns kind, address and bytes of each access of the engine, see `stopWatching`. */
  watchNext(): number[] {
    this.engine.startWatching();
    this.#replay();
    return this.engine.stopWatching();
  }

  // Figures -------------------------------------------------------------------------------------------------------------

  get footprint(): number {
    return this.engine.footprint() >>> 0;
  }

  /** How often the break moved, the first time, when the heap was created, included. */
  get moves(): number {
    return this.breakMoves.length + 1;
  }

  /** Blocks and slots in use. */
  get liveRecords(): number {
    return this.#sums.liveRecords;
  }

  /** What the footprint is for at this moment. */
  get parts(): Parts {
    const { engine } = this;
    const { live, usable, slotBytes, blockBytes } = this.#sums;
    let slabBytes = 0;
    for (let i = 0; i < CLASS_COUNT; i += 1) slabBytes += engine.cellsOf(engine.classAt(i)) * CELL;
    const topEnd = engine.topEnd() >>> 0;
    const mapBytes = engine.mapBytes(topEnd);
    const controlBytes = engine.firstBlock() - engine.controlBlock();
    const headerBytes = blockBytes - (usable - slotBytes);
    const metadata = controlBytes + mapBytes + headerBytes;
    const margin = (engine.programBreak() >>> 0) - topEnd - mapBytes;
    const slots = slabBytes - slotBytes;
    const blocks = topEnd - (engine.firstBlock() >>> 0) - slabBytes - blockBytes;
    return { live, rounding: usable - live, slots, blocks, metadata, margin };
  }

  #addPoint(): void {
    const parts = this.parts;
    for (const part of PARTS) this.#columns[part][this.#points] = parts[part];
    this.#footprints[this.#points] = this.footprint;
    this.#points += 1;
  }

  /**
   * The figures from one moment to another, at about `most` moments, which are the ends of equal stretches. A stretch of fewer ops
   * than the timeline keeps is played again, and then this moment restored.
   */
  series(from: number, to: number, most: number): Series {
    const per = Math.max(1, Math.ceil((to - from) / most));
    if (per >= this.#perPoint || this.#perPoint === 1) return this.#keptSeries(from, to, per);
    const { moment } = this;
    const points = Math.floor((to - from) / per) + 1;
    const series = {
      ops: new Float64Array(points),
      parts: columnsOf(points),
      footprint: new Float64Array(points),
    };
    this.seek(from);
    for (let at = 0; at < points; at += 1) {
      while (this.moment < from + at * per) this.#replay();
      const parts = this.parts;
      series.ops[at] = this.moment;
      for (const part of PARTS) series.parts[part][at] = parts[part];
      series.footprint[at] = this.footprint;
    }
    this.seek(moment);
    return series;
  }

  #keptSeries(from: number, to: number, per: number): Series {
    const perPoint = this.#perPoint;
    const first = Math.floor(from / perPoint);
    const last = Math.min(Math.ceil(to / perPoint), this.#points - 1);
    const stride = Math.max(1, Math.floor(per / perPoint));
    // The first, the fullest of each stretch, and the last.
    const indexes = [first];
    for (let at = first + 1; at < last; at += stride) {
      indexes.push(this.#fullestOf(at, Math.min(at + stride, last)));
    }
    if (last > first) indexes.push(last);
    const opAt = (index: number): number => Math.min(index * perPoint, this.program.ops);
    const ops = indexes.map(opAt);
    const peakAt = ops.findIndex((op) => op >= this.peakMoment);
    const isPeakMissing = peakAt > 0 && ops[peakAt] !== this.peakMoment;
    if (isPeakMissing) ops.splice(peakAt, 0, this.peakMoment);
    const pick = (column: Float64Array, atPeak: number): Float64Array => {
      const values = indexes.map((index) => column[index]!);
      if (isPeakMissing) values.splice(peakAt, 0, atPeak);
      return Float64Array.from(values);
    };
    const parts = columnsOf(0);
    const peak = this.#peakParts!;
    for (const part of PARTS) parts[part] = pick(this.#columns[part], peak[part]);
    const peakFootprint = PARTS.reduce((sum, part) => sum + peak[part], 0);
    const footprint = pick(this.#footprints, peakFootprint);
    return { ops: Float64Array.from(ops), parts, footprint };
  }

  /** Of the points from `from` up to `to`, the one with most live bytes: a high point must not fall between two. */
  #fullestOf(from: number, to: number): number {
    const { live } = this.#columns;
    let fullest = from;
    for (let at = from + 1; at < to; at += 1) if (live[at]! > live[fullest]!) fullest = at;
    return fullest;
  }

  // Memory --------------------------------------------------------------------------------------------------------------

  /** The word at an address, as an unsigned number. */
  word(address: number): number {
    return this.words[address >>> 2]! >>> 0;
  }

  get words(): Int32Array {
    const { buffer } = this;
    if (this.#words.buffer !== buffer) this.#words = new Int32Array(buffer);
    return this.#words;
  }

  get buffer(): ArrayBuffer {
    return bufferOf(this.#memory);
  }
}

type Memory = WebAssembly.Memory | ArrayBuffer;

/** A memory that can grow in place: where WebAssembly is forbidden, a resizable buffer. */
function newMemory(): Memory {
  if (typeof WebAssembly === "object") return new WebAssembly.Memory({ initial: 1 });
  return new ArrayBuffer(PAGE, { maxByteLength: 2 ** 30 });
}

function bufferOf(memory: Memory): ArrayBuffer {
  return "buffer" in memory ? (memory.buffer as ArrayBuffer) : memory;
}

function growTo(memory: Memory, bytes: number): void {
  if ("buffer" in memory) memory.grow((bytes - memory.buffer.byteLength) / PAGE);
  else memory.resize(bytes);
}

function columnsOf(points: number): Record<Part, Float64Array> {
  return Object.fromEntries(
    PARTS.map((part) => [part, new Float64Array(points)]),
  ) as unknown as Record<Part, Float64Array>;
}

/** The changed words of a checkpoint, while they are collected. */
class Growing {
  #words = new Uint32Array(1024);
  #before = new Int32Array(1024);
  #after = new Int32Array(1024);
  #count = 0;

  add(word: number, before: number, after: number): void {
    if (this.#count === this.#words.length) {
      this.#words = doubled(this.#words);
      this.#before = doubled(this.#before);
      this.#after = doubled(this.#after);
    }
    this.#words[this.#count] = word;
    this.#before[this.#count] = before;
    this.#after[this.#count] = after;
    this.#count += 1;
  }

  columns(): Pick<Checkpoint, "words" | "before" | "after"> {
    return {
      words: this.#words.slice(0, this.#count),
      before: this.#before.slice(0, this.#count),
      after: this.#after.slice(0, this.#count),
    };
  }
}
