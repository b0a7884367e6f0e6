/** What a trace's call sites allocate: in all, when most bytes are live, and at the end. */

import { FREE, FREE_NULL, REALLOC, siteOf, timeOf, type OpChunk } from "./ops.ts";
import type { Trace } from "./read.ts";
import { mostBytesFirst, SiteTotals, type CallSites, type SiteBlocks } from "./sites.ts";

/** All calls of a call site. `blocks` are its allocations and reallocations, and `bytes` theirs. */
export interface SiteCalls extends SiteBlocks {
  /** Most bytes that were live at once, and the blocks then. */
  readonly mostBytes: number;
  readonly mostBlocks: number;
  /** How many ops the blocks lived, in all. */
  readonly lifetimes: number;
}

/** What a trace allocates. Sizes are the requested bytes. */
export interface Usage {
  readonly sites: CallSites;
  readonly ops: number;
  readonly allocations: number;
  readonly reallocations: number;
  /** Frees of NULL left out. */
  readonly frees: number;
  /** Threads that made ops. */
  readonly threads: number;
  /** Nanoseconds from the beginning to the last op; 0 if the trace has no times. */
  readonly nanoseconds: number;
  /** The median and the largest size of an allocation or reallocation; 0 if there are none. */
  readonly medianSize: number;
  readonly largestSize: number;
  /** Bytes of all allocations and reallocations together. */
  readonly allocatedBytes: number;
  /** After how many ops most bytes were live, the first time. */
  readonly peakOp: number;
  readonly peak: Live;
  /** What is live at the end, which was never freed. */
  readonly end: Live;
  /** Allocations and reallocations by call site, and their bytes; most bytes first. */
  readonly calls: readonly SiteCalls[];
}

export interface Live {
  readonly blocks: number;
  readonly bytes: number;
  /** By call site, most bytes first. A block belongs to the call that last gave it its size. */
  readonly bySite: readonly SiteBlocks[];
}

/** The live blocks of a trace: by id, their size and call site. */
export class LiveBlocks {
  bytes = 0;
  blocks = 0;
  readonly #sizes: Float64Array;
  readonly #sites: Uint32Array;
  readonly #ended: (id: number, site: number, size: number) => void;

  /**
   * @param ids the number of ids of the trace
   * @param ended called when a block is freed or reallocated, with its call site and size until then
   */
  constructor(ids: number, ended: (id: number, site: number, size: number) => void = () => {}) {
    this.#ended = ended;
    this.#sizes = new Float64Array(ids).fill(-1);
    this.#sites = new Uint32Array(ids);
  }

  /** Follows an op. */
  follow(ops: OpChunk, at: number): void {
    const kind = ops.kinds[at];
    if (kind === FREE_NULL) return;
    const id = ops.ids[at]!;
    const before = this.#sizes[id]!;
    if (before >= 0) {
      this.bytes -= before;
      this.blocks -= 1;
      this.#sizes[id] = -1;
      this.#ended(id, this.#sites[id]!, before);
    }
    if (kind === FREE) return;
    const size = ops.sizes[at]!;
    this.#sizes[id] = size;
    this.#sites[id] = siteOf(ops, at);
    this.bytes += size;
    this.blocks += 1;
  }

  forEach(visit: (id: number, site: number, size: number) => void): void {
    for (let id = 0; id < this.#sizes.length; id += 1) {
      if (this.#sizes[id]! >= 0) visit(id, this.#sites[id]!, this.#sizes[id]!);
    }
  }

  snapshot(): Live {
    const totals = new SiteTotals();
    this.forEach((_, site, size) => totals.add(site, size));
    return { blocks: this.blocks, bytes: this.bytes, bySite: totals.sorted() };
  }
}

/** Follows the blocks of each call site through their lives. */
class SiteLives {
  readonly #bySite = new Map<
    number,
    { -readonly [Name in keyof SiteCalls]: number } & { liveBytes: number; liveBlocks: number }
  >();
  /** By id: the op that made the block. */
  readonly #born: Float64Array;

  constructor(ids: number) {
    this.#born = new Float64Array(ids);
  }

  begin(id: number, site: number, size: number, op: number): void {
    let all = this.#bySite.get(site);
    if (all === undefined) {
      const none = { blocks: 0, bytes: 0, mostBytes: 0, mostBlocks: 0, lifetimes: 0 };
      this.#bySite.set(site, (all = { site, ...none, liveBytes: 0, liveBlocks: 0 }));
    }
    all.blocks += 1;
    all.bytes += size;
    all.liveBytes += size;
    all.liveBlocks += 1;
    this.#born[id] = op;
    if (all.liveBytes > all.mostBytes) {
      all.mostBytes = all.liveBytes;
      all.mostBlocks = all.liveBlocks;
    }
  }

  end(id: number, site: number, size: number, op: number): void {
    const all = this.#bySite.get(site)!;
    all.liveBytes -= size;
    all.liveBlocks -= 1;
    all.lifetimes += op - this.#born[id]!;
  }

  sorted(): SiteCalls[] {
    return mostBytesFirst(this.#bySite.values());
  }
}

/**
 * Reads a trace twice: when most bytes are live is known only at the end. Cost: linear in the ops, 20 bytes an id.
 * @param open opens the trace from its beginning
 * @param onProgress called with the number of ops read so far, in both readings together
 */
export async function usageOf(
  open: () => Promise<Trace>,
  onProgress: (ops: number) => void = () => {},
): Promise<Usage> {
  const trace = await open();
  let op = 0;
  const lives = new SiteLives(trace.header.ids);
  const live = new LiveBlocks(trace.header.ids, (id, site, size) => lives.end(id, site, size, op));
  const sizes = new Map<number, number>();
  const threads = new Set<number>();
  const counts = { allocations: 0, reallocations: 0, frees: 0 };
  let allocatedBytes = 0;
  let peakBytes = 0;
  let peakOp = 0;
  let nanoseconds = 0;
  for await (const chunk of trace.chunks) {
    for (let i = 0; i < chunk.count; i += 1) {
      op += 1;
      live.follow(chunk, i);
      if (live.bytes > peakBytes) {
        peakBytes = live.bytes;
        peakOp = op;
      }
      const kind = chunk.kinds[i]!;
      if (kind === FREE_NULL) continue;
      if (kind === FREE) {
        counts.frees += 1;
        continue;
      }
      if (kind === REALLOC) counts.reallocations += 1;
      else counts.allocations += 1;
      const size = chunk.sizes[i]!;
      allocatedBytes += size;
      lives.begin(chunk.ids[i]!, siteOf(chunk, i), size, op);
      sizes.set(size, (sizes.get(size) ?? 0) + 1);
    }
    for (const thread of new Set(chunk.threads.subarray(0, chunk.count))) threads.add(thread);
    nanoseconds = timeOf(chunk, chunk.count - 1);
    onProgress(op);
  }
  live.forEach((id, site, size) => lives.end(id, site, size, op));
  const again = await open();
  const peak = new LiveBlocks(again.header.ids);
  let left = peakOp;
  if (left > 0) {
    for await (const chunk of again.chunks) {
      const count = Math.min(chunk.count, left);
      for (let i = 0; i < count; i += 1) peak.follow(chunk, i);
      left -= count;
      onProgress(op + peakOp - left);
      if (left === 0) break;
    }
  }
  return {
    sites: trace.sites,
    ops: op,
    ...counts,
    threads: threads.size,
    nanoseconds,
    ...middleOf(sizes),
    allocatedBytes,
    peakOp,
    peak: peak.snapshot(),
    end: live.snapshot(),
    calls: lives.sorted(),
  };
}

/** @param sizes how often there is each size */
function middleOf(sizes: ReadonlyMap<number, number>): { medianSize: number; largestSize: number } {
  const sorted = [...sizes].sort(([a], [b]) => a - b);
  const all = sorted.reduce((sum, [, times]) => sum + times, 0);
  let seen = 0;
  const median = sorted.find(([, times]) => 2 * (seen += times) >= all);
  return { medianSize: median?.[0] ?? 0, largestSize: sorted.at(-1)?.[0] ?? 0 };
}
