/** One op in words: what the program asked for, how the heap served it, and every word that it read or wrote. */

import { NO_RECORD, OP } from "./pack.ts";
import type { Player } from "./player.ts";
import { count, hex } from "./text.ts";
import { nameWord, placeAt, slotAt } from "./words.ts";

/** A word that an op read or wrote. */
export interface Access {
  readonly isWrite: boolean;
  readonly address: number;
  /** Bytes: 4, or more for a copy or a fill. */
  readonly bytes: number;
  /** What the word was: before the op if it was read, after the op if it was written. */
  readonly name: string;
  /** The value before the op and after it. */
  readonly before: number;
  readonly after: number;
}

export interface Explanation {
  /** The op, from 0. */
  readonly op: number;
  /** `malloc(4112)` */
  readonly call: string;
  readonly sentences: readonly string[];
  readonly accesses: readonly Access[];
}

/** Larger requests fail. */
const MAX_SIZE = 0x7fff0000;

/** The op as a call in C. */
export function callText({ program, pointers }: Player, op: number): string {
  const kind = program.kinds[op]!;
  const size = count(program.sizes[op]!);
  const ended = program.ends[op]!;
  const pointer = ended === NO_RECORD ? "" : hex(pointers[ended]!);
  if (kind === OP.freeNull) return "free(NULL)";
  if (kind === OP.free) return `free(${pointer})`;
  if (kind === OP.realloc) return `realloc(${pointer}, ${size})`;
  if (kind === OP.memalign) return `aligned_alloc(${count(program.alignments[op]!)}, ${size})`;
  return kind === OP.calloc ? `calloc(1, ${size})` : `malloc(${size})`;
}

/**
 * Explains the op before a moment, 1 or later, and goes to the moment.
 *
 * Cost: three times that of going there.
 */
export function explain(player: Player, moment: number): Explanation {
  const op = moment - 1;
  player.seek(op);
  const before = new Facts(player, op);
  const noted = player.watchNext();
  const places = collect(noted);
  const after = places.map(({ address }) => player.word(address));
  const namesAfter = places.map(({ isWrite, address }) =>
    isWrite ? nameWord(player.engine, address) : "",
  );
  const sentences = sentencesOf(player, op, before);
  player.seek(op);
  const accesses = places.map(({ isWrite, address, bytes }, i): Access => ({
    isWrite,
    address,
    bytes,
    name: isWrite ? namesAfter[i]! : nameWord(player.engine, address),
    before: player.word(address),
    after: after[i]!,
  }));
  player.seek(moment);
  return { op, call: callText(player, op), sentences, accesses };
}

/** The accesses by word, in the order of the first to each; a word that is read and written has two entries. */
function collect(noted: readonly number[]): Pick<Access, "isWrite" | "address" | "bytes">[] {
  const seen = new Map<number, Pick<Access, "isWrite" | "address" | "bytes">>();
  for (let i = 0; i < noted.length; i += 3) {
    const isWrite = noted[i] === 1;
    const address = Math.floor(noted[i + 1]! / 4) * 4;
    const bytes = Math.max(4, noted[i + 2]!);
    const words = bytes === 8 ? 2 : 1;
    for (let word = 0; word < words; word += 1) {
      const at = address + 4 * word;
      const key = 2 * at + (isWrite ? 1 : 0);
      const had = seen.get(key);
      if (had !== undefined && had.bytes >= bytes) continue;
      seen.set(key, { isWrite, address: at, bytes: words === 2 ? 4 : bytes });
    }
  }
  return [...seen.values()];
}

/** Facts about the heap before an op, for its explanation. */
class Facts {
  readonly top: number;
  readonly topEnd: number;
  readonly programBreak: number;
  /** Bytes of slots for the request; 0 if slabs do not serve it. */
  readonly slotBytes: number;
  readonly currentSlab: number;
  readonly hasCurrent: boolean;
  readonly hasFit: boolean;
  /** The block that had the address of the op's result, if it was free and not the top block. */
  readonly free:
    | { readonly size: number; readonly bin: number; readonly isQuick: boolean }
    | undefined;
  /** The slab that had that address. */
  readonly slab: { readonly header: number; readonly isCurrent: boolean } | undefined;
  /** Of the block that the op frees or resizes. */
  readonly old: { pointer: number; size: number; usable: number; slab: number; header: number };
  readonly oldPrevious: { block: number; size: number } | undefined;
  readonly oldNext: { block: number; size: number } | undefined;
  readonly isOldNextTop: boolean;

  constructor(player: Player, op: number) {
    const { engine, program, pointers } = player;
    const size = program.sizes[op]!;
    engine.findMap();
    this.top = engine.top() >>> 0;
    this.topEnd = engine.topEnd() >>> 0;
    this.programBreak = engine.programBreak() >>> 0;
    const isSmall = size < engine.smallSetting() && program.kinds[op] !== OP.memalign;
    this.slotBytes = isSmall ? engine.slotBytesFor(size) : 0;
    this.currentSlab = isSmall ? engine.currentFor(size) >>> 0 : 0;
    this.hasCurrent = isSmall && this.currentSlab !== engine.noSlab() >>> 0;
    this.hasFit = size <= MAX_SIZE && engine.find(engine.blockSizeFor(size)) !== 0;

    const begun = program.begins[op]!;
    const result = begun === NO_RECORD ? 0 : pointers[begun]!;
    const was = result === 0 ? undefined : placeAt(engine, result);
    if (was !== undefined && was.slab !== 0) {
      this.slab = { header: was.slab, isCurrent: engine.isCurrent(was.slab) };
    } else if (was !== undefined && was.block !== this.top) {
      const { size, header } = was;
      const isQuick = engine.isQuick(header);
      const isFree = isQuick || !engine.isInUse(header);
      if (isFree) this.free = { size, bin: engine.binFor(size), isQuick };
    }

    const ended = program.ends[op]!;
    const pointer = ended === NO_RECORD ? 0 : pointers[ended]!;
    const place = pointer === 0 ? undefined : placeAt(engine, pointer);
    this.old = {
      pointer,
      size: place?.size ?? 0,
      usable: ended === NO_RECORD ? 0 : player.usable[ended]!,
      slab: place?.slab ?? 0,
      header: place?.header ?? 0,
    };
    const isBlock = pointer !== 0 && this.old.slab === 0;
    const next = pointer + this.old.size;
    this.isOldNextTop = isBlock && next === this.top;
    if (isBlock && !engine.isPreviousInUse(this.old.header)) {
      const previous = engine.previousSize(pointer) >>> 0;
      this.oldPrevious = { block: pointer - previous, size: previous };
    }
    if (isBlock && !this.isOldNextTop && !engine.isInUse(engine.header(next))) {
      this.oldNext = { block: next, size: engine.sizeOf(next) >>> 0 };
    }
  }
}

function sentencesOf(player: Player, op: number, before: Facts): string[] {
  const { program, pointers, engine } = player;
  const kind = program.kinds[op]!;
  if (kind === OP.freeNull) return ["free(NULL) does nothing."];
  const begun = program.begins[op]!;
  const pointer = begun === NO_RECORD ? 0 : pointers[begun]!;
  const sentences: string[] = [];
  if (kind === OP.free) {
    if (before.old.pointer === 0) return ["The block was never allocated, so the op is skipped."];
    sentences.push(...freed(player, before));
  } else if (kind === OP.realloc) {
    sentences.push(...resized(player, op, before, pointer));
  } else if (pointer === 0) {
    sentences.push("The memory cannot grow far enough, so the request fails.");
  } else sentences.push(...allocated(player, before, pointer));
  const now = engine.programBreak() >>> 0;
  if (now !== before.programBreak) {
    sentences.push(
      `The break moved from ${hex(before.programBreak)} to ${hex(now)}, by ${count(now - before.programBreak)} bytes.`,
    );
  }
  return sentences;
}

function allocated(player: Player, before: Facts, pointer: number): string[] {
  const { engine } = player;
  const place = placeAt(engine, pointer)!;
  if (place.slab !== 0) return allocatedSlot(player, before, pointer, place.slab);
  const sentences: string[] = [];
  if (before.slotBytes !== 0) {
    const why = before.hasCurrent
      ? "No slab of this class has a free slot, and none could be made"
      : "The class has no slab yet, and few requests came for it";
    sentences.push(`${why}, so a block serves the request.`);
  }
  sentences.push(...fromWhere(before, pointer, place.size));
  return sentences;
}

/** Where a new block's memory was before. */
function fromWhere(before: Facts, pointer: number, size: number): string[] {
  const needed = `${count(size)} bytes, with the header`;
  const { free } = before;
  if (free?.isQuick === true && free.size === size) {
    return [`A quick list has a freed block of exactly ${count(size)} bytes.`];
  }
  if (free !== undefined) {
    const rest = free.size - size;
    const split =
      rest > 0 ? `It is split, and ${count(rest)} bytes stay free.` : "It fits exactly.";
    return [
      `The block needs ${needed}.`,
      `The best fit is a free block of ${count(free.size)} bytes in bin ${free.bin}. ${split}`,
    ];
  }
  const noFit = before.hasFit
    ? `A free block of ${count(size)} bytes or more is in the bins, but not at the right place.`
    : `No bin has a free block of ${count(size)} bytes.`;
  if (pointer >= before.top && pointer < before.topEnd + 64) {
    const has = before.topEnd - before.top;
    const isExtended = has < size;
    return [
      noFit,
      isExtended
        ? `The top block has ${count(has)} bytes, so its end moves up first. The block is cut from it.`
        : "The block is cut from the top block.",
    ];
  }
  return [noFit, "Freed memory is coalesced, and the block is cut from it."];
}

function allocatedSlot(player: Player, before: Facts, pointer: number, slab: number): string[] {
  const { engine } = player;
  const { slot, slots, bytes } = slotAt(engine, slab, pointer);
  const taken = `slot ${slot} of ${slots}`;
  const wasSlab = before.slab?.header === slab;
  if (wasSlab && before.slab.isCurrent) {
    return [
      `The current slab for slots of ${count(bytes)} bytes has a free slot: ${taken}, the lowest one.`,
    ];
  }
  const why = before.hasCurrent ? "The current slab is full." : "The class has no current slab.";
  if (wasSlab) {
    return [why, `The first slab in the list of the class becomes current, and gives ${taken}.`];
  }
  const block = engine.blockOf(slab) >>> 0;
  const { size } = placeAt(engine, block)!;
  return [
    `${why} No slab in the list of the class has a free slot.`,
    `A new slab of ${slots} slots of ${count(bytes)} bytes is made in a block of ${count(size)} bytes at ${hex(block)}.`,
    `It gives ${taken}.`,
  ];
}

function freed(player: Player, before: Facts): string[] {
  const { engine } = player;
  const { pointer, slab, size } = before.old;
  if (slab !== 0) {
    engine.findMap();
    const now = placeAt(engine, pointer);
    if (now?.slab !== slab) {
      return [
        "The slot is freed, and with it the slab is empty. The slab is released: its block is free memory.",
      ];
    }
    const { slot, bytes } = slotAt(engine, slab, pointer);
    return [
      `The bit of slot ${slot} is cleared in the slab's header: a slot of ${count(bytes)} bytes is free.`,
    ];
  }
  const now = placeAt(engine, pointer)!;
  if (now.block === pointer && engine.isQuick(now.header)) {
    return [
      `The block of ${count(size)} bytes goes into a quick list, not coalesced: a request for the same size takes it from there.`,
    ];
  }
  const neighbours: string[] = [];
  if (before.oldPrevious !== undefined) {
    neighbours.push(`the free block before it (${count(before.oldPrevious.size)} bytes)`);
  }
  if (before.oldNext !== undefined) {
    neighbours.push(`the free block after it (${count(before.oldNext.size)} bytes)`);
  }
  if (before.isOldNextTop || now.block === engine.top() >>> 0) neighbours.push("the top block");
  if (neighbours.length === 0) {
    return [
      `The block of ${count(size)} bytes is free, and in bin ${engine.binFor(size)}. Both neighbours are in use.`,
    ];
  }
  const result =
    now.block === engine.top() >>> 0
      ? ""
      : ` Together they have ${count(now.size)} bytes, and are in bin ${engine.binFor(now.size)}.`;
  return [
    `The block of ${count(size)} bytes is coalesced with ${neighbours.join(" and ")}.${result}`,
  ];
}

function resized(player: Player, op: number, before: Facts, pointer: number): string[] {
  const { program, engine } = player;
  const size = program.sizes[op]!;
  const { old } = before;
  if (old.pointer === 0) return ["The block was never allocated, so the op is skipped."];
  if (pointer === old.pointer) {
    const now = placeAt(engine, pointer)!;
    if (old.slab !== 0)
      return [`The slot has ${count(old.usable)} bytes, room enough: nothing changes.`];
    const has = now.size;
    if (has > old.size) {
      const from = before.isOldNextTop ? "the top block" : "the free block after it";
      return [`The block grows in place by ${count(has - old.size)} bytes, from ${from}.`];
    }
    if (has < old.size)
      return [`The block shrinks in place. ${count(old.size - has)} bytes are freed.`];
    return [
      `The block has ${count(old.usable)} bytes, room enough for ${count(size)}: nothing changes.`,
    ];
  }
  if (before.oldPrevious?.block === pointer) {
    return [
      `The block moves down into the free block before it, by ${count(old.pointer - pointer)} bytes, and its contents with it.`,
    ];
  }
  return [
    `The block at ${hex(old.pointer)} has room for ${count(old.usable)} bytes and cannot grow in place. A new block is allocated.`,
    ...allocated(player, before, pointer),
    `The contents are copied, and the old block is freed.`,
  ];
}
