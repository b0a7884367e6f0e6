/** What a heap's memory says, read without the engine: the tests' own eyes. */

import {
  FLAGS,
  FOREIGN,
  HEADER,
  IN_USE,
  METADATA,
  PREVIOUS_IN_USE,
  QUICK,
} from "../../engine/block.ts";
import { CONTROL, TOP_AT, TOP_END_AT } from "../../engine/control.ts";
import type { AnyMemory } from "../../engine/memory/any-memory.ts";
import type { Engine } from "./engines.ts";

/** Blocks in use, slabs among them; free ones, quick ones among them; metadata; foreign regions; the top block. */
export type Kind = "used" | "free" | "metadata" | "foreign" | "top";

export interface Block {
  /** Address of the payload. */
  readonly address: number;
  /** Bytes with the header. */
  readonly size: number;
  readonly kind: Kind;
}

/** Entries of a walk: 0 free block, 1 block in use, 2 free slot, 3 slot in use, 4 metadata, 5 foreign region. */
export interface Entry {
  readonly address: number;
  readonly size: number;
  readonly kind: number;
}

export function wordsOf(memory: AnyMemory): DataView {
  return new DataView("buffer" in memory ? memory.buffer : memory);
}

export function word(memory: AnyMemory, address: number): number {
  return wordsOf(memory).getInt32(address >>> 0, true);
}

export function setWord(memory: AnyMemory, address: number, value: number): void {
  wordsOf(memory).setInt32(address >>> 0, value, true);
}

/** All blocks of the heap at `base`, from header to header. Throws where they don't lead to the break. */
export function blocksOf(memory: AnyMemory, base: number): Block[] {
  const blocks: Block[] = [];
  const top = word(memory, base + TOP_AT) >>> 0;
  const end = word(memory, base + TOP_END_AT) >>> 0;
  let address = base + CONTROL;
  while (address <= top) {
    const header = word(memory, address - HEADER);
    const size = (header & ~FLAGS) >>> 0;
    blocks.push({ address, size, kind: address === top ? "top" : kindOf(header) });
    if (size === 0) break;
    address += size;
  }
  if (blocks.at(-1)?.kind !== "top" || top + blocks.at(-1)!.size !== end) {
    throw new Error(
      `the blocks of the heap at ${base} end at ${address}, the top block ends at ${end}`,
    );
  }
  return blocks;
}

function kindOf(header: number): Kind {
  const flags = header & QUICK;
  if ((header & IN_USE) === 0 || flags === QUICK) return "free";
  if (flags === FOREIGN) return "foreign";
  return flags === METADATA ? "metadata" : "used";
}

/**
 * The blocks from `address` on, as "used 112, free 48, top", sizes with the header. Each begins where the one before
 * ends, so that one address and the sizes are all addresses.
 */
export function pictureFrom(memory: AnyMemory, base: number, address: number): string {
  const blocks = blocksOf(memory, base);
  const from = blocks.findIndex((block) => block.address === address);
  if (from < 0) throw new Error(`no block at ${address}: ${JSON.stringify(blocks)}`);
  return blocks
    .slice(from)
    .map(({ kind, size }) => (kind === "top" ? kind : `${kind} ${size}`))
    .join(", ");
}

/** The flags of a block's header, in words. */
export function tagsOf(memory: AnyMemory, address: number): string {
  const header = word(memory, address - HEADER);
  const words = [(header & IN_USE) === 0 ? "free" : "in use"];
  words.push((header & PREVIOUS_IN_USE) === 0 ? "previous free" : "previous in use");
  return words.join(", ");
}

/** What the engine's own walk tells. */
export function walkOf(engine: Engine): Entry[] {
  const entries: Entry[] = [];
  for (let p = engine.heap_walk(0); p !== 0; p = engine.heap_walk(p)) {
    const previous = entries.at(-1)?.address ?? 0;
    if (p >>> 0 <= previous) throw new Error(`the walk goes from ${previous} to ${p >>> 0}`);
    entries.push({
      address: p >>> 0,
      size: engine.heap_walked_size() >>> 0,
      kind: engine.heap_walked_kind(),
    });
  }
  return entries;
}

/** The invariant that `heap_check` finds broken: "B3"; "" where all hold. */
export function brokenIn(engine: Engine): string {
  const code = engine.heap_check();
  return code === 0 ? "" : `${String.fromCharCode(code >> 8)}${code & 255}`;
}
