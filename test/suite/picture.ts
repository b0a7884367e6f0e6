/** The blocks of a heap, read from its memory without the engine. */

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

/** Blocks in use, slabs among them; free ones, quick ones among them; metadata; foreign regions; the top block. */
export type Kind = "used" | "free" | "metadata" | "foreign" | "top";

export interface Block {
  /** Address of the payload. */
  readonly address: number;
  /** Bytes with the header. */
  readonly size: number;
  readonly kind: Kind;
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

/** All blocks of the heap at `base`, from header to header. Throws if they do not lead to the break. */
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
