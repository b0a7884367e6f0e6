// How the cost of an operation grows with the heap: a fragmented heap of many live blocks, one after another freed at
// random and replaced by one of another size.
import type { Allocator } from "./allocators.ts";
import { FLOOR, timeAccess, timeChurn } from "./replay.ts";

/** Live blocks that the heap holds. */
export const LIVE_BLOCKS = [10_000, 100_000, 1_000_000, 10_000_000];

export interface GrowthResult {
  live: number;
  /** ns of one read at random from as much memory: the caches' part in the growth. */
  access: number;
  /** ns per op less the floor's at the same number of blocks; undefined where it could not hold them. */
  rows: Record<string, number | undefined>;
}

export function measureGrowth(
  live: number,
  allocators: readonly Allocator[],
  options: { rounds: number; progress(text: string): void },
): GrowthResult {
  const best: Record<string, number | undefined> = {};
  for (let round = 0; round < options.rounds; round++) {
    for (const allocator of [FLOOR, ...allocators]) {
      options.progress(
        `${live} live blocks: ${allocator.name}, round ${round + 1} of ${options.rounds}`,
      );
      try {
        best[allocator.name] = Math.min(
          best[allocator.name] ?? Infinity,
          timeChurn(allocator, live),
        );
      } catch {
        best[allocator.name] = undefined;
      }
    }
  }
  const floor = best[FLOOR.name]!;
  const rows = allocators.map(
    ({ name }) => [name, best[name] === undefined ? undefined : best[name] - floor] as const,
  );
  return { live, access: timeAccess(live), rows: Object.fromEntries(rows) };
}
