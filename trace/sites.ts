/**
 * Call sites: the places in a program that call its allocator, each with the calls that led there.
 *
 * A trace has a table of them, which is a tree. An entry is a frame and the entry of its caller, so stacks share what
 * they have in common:
 *
 *     s 1 0 main @ app.c:10            1  main
 *     s 2 1 load @ app.c:25            2  load, called by main
 *     s 3 2 malloc                     3  malloc, called by load, called by main
 *     s 4 1 print @ app.c:31           4  print, called by main
 *
 * Call site 0 is not in the table: it stands for a call whose stack is not known.
 */

import { doubled } from "./ops.ts";

/** Call sites in a table, at most. */
export const MOST_SITES = 2 ** 24 - 1;

/** Characters of a frame's name and place together that `frameText` keeps. */
const LONGEST_FRAME = 1000;

/** Between the name and the place in the text of a frame. */
const AT = " @ ";

/** A function that was being called. */
export interface Frame {
  /** The function's name, or where its code is, such as `libz.so.1+0x3a2f`. */
  readonly name: string;
  /** The place of the call in the source, such as `app.c:25`; empty if it is not known. */
  readonly place: string;
}

/** The text of a frame as a trace has it: one line, not longer than a trace's line can be. */
export function frameText(name: string, place = ""): string {
  const text = place === "" ? name : `${name}${AT}${place}`;
  // oxlint-disable-next-line no-control-regex -- a frame is one line of text
  const line = text.replaceAll(/[\u0000-\u001f\u007f]+/g, " ").trim();
  if (line === "") return "?";
  return line.length > LONGEST_FRAME ? `${line.slice(0, LONGEST_FRAME)}…` : line;
}

/** A frame in one line: `load (app.c:25)`. */
export function frameName({ name, place }: Frame): string {
  return place === "" ? name : `${name} (${place})`;
}

/** The table of a trace's call sites. They are numbered from 1, in the order in which they were added. */
export class CallSites {
  /** How many there are, which is also the number of the last. */
  count = 0;
  #parents = new Uint32Array(64);
  #frames = new Uint32Array(64);
  readonly #texts: string[] = [];
  readonly #byText = new Map<string, number>();
  /** By the caller's call site and the frame: the call sites that `ofStack` added. */
  readonly #children = new Map<number, number>();

  /**
   * Adds a call site. Cost: constant.
   * @param parent The call site of the caller, or 0 if there is none.
   * @param text The frame as a trace has it: see `frameText`.
   * @returns The number of the new call site.
   */
  add(parent: number, text: string): number {
    const frame = this.#numberOf(text);
    const site = ++this.count;
    if (site >= this.#parents.length) {
      this.#parents = doubled(this.#parents);
      this.#frames = doubled(this.#frames);
    }
    this.#parents[site] = parent;
    this.#frames[site] = frame;
    return site;
  }

  /**
   * Returns the call site of a stack: the same one for equal stacks. Cost: linear in the frames.
   * @param frames The frames as a trace has them, from the innermost out: see `frameText`.
   * @param caller The call site that called the outermost frame, or 0 if there is none.
   */
  ofStack(frames: readonly string[], caller = 0): number {
    let site = caller;
    for (const text of frames.toReversed()) {
      const key = site * 2 ** 26 + this.#numberOf(text);
      let child = this.#children.get(key);
      if (child === undefined) this.#children.set(key, (child = this.add(site, text)));
      site = child;
    }
    return site;
  }

  #numberOf(text: string): number {
    let frame = this.#byText.get(text);
    if (frame === undefined) {
      frame = this.#texts.push(text) - 1;
      this.#byText.set(text, frame);
    }
    return frame;
  }

  /** The call site of the caller; 0 if there is none. */
  parentOf(site: number): number {
    return this.#parents[site]!;
  }

  /** The frame as its line in a trace has it. */
  textOf(site: number): string {
    return this.#texts[this.#frames[site]!]!;
  }

  frameOf(site: number): Frame {
    const text = this.textOf(site);
    const at = text.indexOf(AT);
    return at < 0
      ? { name: text, place: "" }
      : { name: text.slice(0, at), place: text.slice(at + AT.length) };
  }

  /** A call site and those of its callers, from the innermost out; none for call site 0. */
  chainOf(site: number): number[] {
    const chain: number[] = [];
    for (let at = site; at !== 0; at = this.parentOf(at)) chain.push(at);
    return chain;
  }

  /** The frames of a call site, from the innermost out; none for call site 0. */
  stackOf(site: number): Frame[] {
    return this.chainOf(site).map((at) => this.frameOf(at));
  }
}

/** Blocks and bytes of a call site. */
export interface SiteBlocks {
  /** The call site; 0 if it is not known. */
  readonly site: number;
  readonly blocks: number;
  readonly bytes: number;
}

/** Adds up blocks and bytes by call site. */
export class SiteTotals {
  readonly #bySite = new Map<number, { site: number; blocks: number; bytes: number }>();

  add(site: number, bytes: number): void {
    const total = this.#bySite.get(site);
    if (total === undefined) this.#bySite.set(site, { site, blocks: 1, bytes });
    else {
      total.blocks += 1;
      total.bytes += bytes;
    }
  }

  sorted(): SiteBlocks[] {
    return mostBytesFirst(this.#bySite.values());
  }
}

/** Sorts call sites: most bytes first. */
export function mostBytesFirst<Each extends SiteBlocks>(sites: Iterable<Each>): Each[] {
  return [...sites].sort((a, b) => b.bytes - a.bytes || a.site - b.site);
}
