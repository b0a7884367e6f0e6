// Measures single operations: the median time, and the times that only few operations exceed.
import type { Allocator } from "./allocators.ts";
import { FLOOR, hindrance, timeStretches } from "./replay.ts";
import type { LatencyResult } from "./results.ts";
import type { Trace } from "./trace.ts";

/** Operations per timing for the median: the clock is too coarse for one operation. */
const STRETCH = 64;

interface Options {
  rounds: number;
  progress(text: string): void;
}

/** Returns the sample that a share of all samples does not exceed. `sorted` is in ascending order. */
function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

/**
 * Times every stretch of `length` operations of a trace. Returns the times in ascending order; allocators that fail are left
 * out. Each stretch counts with its fastest time in `rounds` fresh instances. They do the same work in the same state, so the
 * fastest time contains no interrupts and no other processes.
 */
function sample(
  trace: Trace,
  allocators: readonly Allocator[],
  length: number,
  options: Options,
): Map<Allocator, Float64Array> {
  const samples = new Map<Allocator, Float64Array>();
  const failed = new Set<Allocator>();
  for (let round = 0; round < options.rounds; round++) {
    for (const allocator of allocators) {
      if (hindrance(allocator, trace) || failed.has(allocator)) continue;
      options.progress(
        `${trace.name}: latency of ${allocator.name}, round ${round + 1} of ${options.rounds}`,
      );
      try {
        const fresh = timeStretches(allocator, trace, length);
        const known = samples.get(allocator);
        if (known) for (let i = 0; i < fresh.length; i++) known[i] = Math.min(known[i]!, fresh[i]!);
        else samples.set(allocator, fresh);
      } catch {
        failed.add(allocator);
        samples.delete(allocator);
      }
    }
  }
  for (const all of samples.values()) all.sort();
  return samples;
}

/** Measures the latencies of the allocators on one trace. Cost: six replays per round and allocator. */
export function measureLatency(
  trace: Trace,
  allocators: readonly Allocator[],
  options: Options,
): LatencyResult {
  const all = [FLOOR, ...allocators];
  const stretches = sample(trace, all, STRETCH, options);
  const singles = sample(trace, all, 1, options);
  const floorOfStretches = quantile(stretches.get(FLOOR)!, 0.5);
  const floor = quantile(singles.get(FLOOR)!, 0.5);
  const rows: LatencyResult["rows"] = {};
  for (const allocator of allocators) {
    const stretched = stretches.get(allocator);
    const single = singles.get(allocator);
    if (!stretched || !single) continue;
    rows[allocator.name] = {
      median: quantile(stretched, 0.5) - floorOfStretches,
      p99: quantile(single, 0.99) - floor,
      p999: quantile(single, 0.999) - floor,
      max: quantile(single, 1) - floor,
    };
  }
  return { trace: trace.name, rows };
}
