// Measures how the cost of an operation grows with the heap. The heap is fragmented and has many live blocks; one at a time
// is freed at random and replaced by a block of another size.
import type { Allocator } from "./allocators.ts";
import { FLOOR, timeAccess, timeChurn } from "./replay.ts";
import type { GrowthResult } from "./results.ts";

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
