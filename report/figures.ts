/** Figures of a whole run: histograms of sizes and lifetimes, and bytes by call site. */

import { frameName, SiteTotals, type CallSites, type SiteBlocks } from "../trace/sites.ts";
import { NEVER, type Player } from "./player.ts";

/** Bar i counts the values from `2 ** (i - 1)`, 0 for the first, to below `2 ** i`. */
export interface Histogram {
  readonly counts: readonly number[];
  /** Records that have no value: for lifetimes, blocks that are never freed. */
  readonly others: number;
}

function histogram(values: (record: number) => number, records: number): Histogram {
  const counts: number[] = [];
  let others = 0;
  for (let record = 0; record < records; record += 1) {
    const value = values(record);
    if (value < 0) {
      others += 1;
      continue;
    }
    const bar = value === 0 ? 0 : 1 + Math.floor(Math.log2(value));
    while (counts.length <= bar) counts.push(0);
    counts[bar]! += 1;
  }
  return { counts, others };
}

/** Requests by their size in bytes. */
export function sizesOf(player: Player): Histogram {
  return histogram((record) => player.asked[record]!, player.program.records);
}

/** Blocks by the number of ops between their allocation and the op that freed or resized them. */
export function lifetimesOf({ born, died, program }: Player): Histogram {
  return histogram(
    (record) => (died[record] === NEVER ? -1 : died[record]! - born[record]!),
    program.records,
  );
}

/** Records of blocks that were live at a moment; at the last moment these are the leaks. Cost: linear in the records. */
export function liveAt({ born, died, pointers, program }: Player, moment: number): number[] {
  const live: number[] = [];
  for (let record = 0; record < program.records; record += 1) {
    if (born[record]! >= moment) break;
    if (pointers[record] !== 0 && died[record]! >= moment) live.push(record);
  }
  return live;
}

/** The call sites of some records, the one with most bytes first. */
export function bySite(player: Player, records: readonly number[]): SiteBlocks[] {
  const totals = new SiteTotals();
  for (const record of records) {
    totals.add(player.program.sites[player.born[record]!]!, player.asked[record]!);
  }
  return totals.sorted();
}

/** A frame of a flame graph: a function, and what was allocated in it and in what it called. */
export interface Flame {
  readonly name: string;
  bytes: number;
  blocks: number;
  /** The one with most bytes first. */
  readonly children: Flame[];
}

/** The flame graph of call sites. Frames with the same name and place under one caller are one. */
export function flameOf(sites: CallSites, rows: readonly SiteBlocks[]): Flame {
  const root: Flame = { name: "all", bytes: 0, blocks: 0, children: [] };
  for (const { site, bytes, blocks } of rows) {
    root.bytes += bytes;
    root.blocks += blocks;
    let at = root;
    const stack = site === 0 ? ["unknown"] : sites.stackOf(site).map(frameName).toReversed();
    for (const name of stack) {
      let child = at.children.find((each) => each.name === name);
      if (child === undefined)
        at.children.push((child = { name, bytes: 0, blocks: 0, children: [] }));
      child.bytes += bytes;
      child.blocks += blocks;
      at = child;
    }
  }
  const sort = (flame: Flame): void => {
    flame.children.sort((a, b) => b.bytes - a.bytes);
    flame.children.forEach(sort);
  };
  sort(root);
  return root;
}

/** The records of the blocks that were at an address, in the order in which they were allocated. Cost: linear in the records. */
export function historyOf({ pointers, program }: Player, pointer: number): number[] {
  const history: number[] = [];
  for (let record = 0; record < program.records; record += 1) {
    if (pointers[record] === pointer) history.push(record);
  }
  return history;
}
