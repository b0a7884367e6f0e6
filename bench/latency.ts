// How long a single operation takes, and how often longer.
import type { Allocator } from "./allocators.ts";
import { FLOOR, hindrance, timeStretches } from "./replay.ts";
import type { Trace } from "./trace.ts";

/** Ops between two looks at the clock for the median: the clock's steps are too coarse for one. */
const STRETCH = 64;

/** Nanoseconds per op less the floor's median. */
export interface Latency {
  /** Of stretches of STRETCH ops. */
  median: number;
  /** Of single ops, these three. */
  p99: number;
  p999: number;
  max: number;
}

export interface LatencyResult {
  trace: string;
  /** Replays in warm heaps: the third one in each instance. */
  rows: Record<string, Latency | undefined>;
}

interface Options {
  rounds: number;
  progress(text: string): void;
}

/** The sample that a share of all does not exceed; `sorted` ascending. */
function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

/**
 * Every stretch of ops of one trace by the clock, sorted; nothing for an allocator that fails. Each stretch counts with
 * its best over `rounds` fresh instances, which do the same work in the same state: what is left is the allocator's own
 * time, and not an interrupt's or another process's.
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

/** The latencies of the allocators on one trace. Cost: six replays a round and allocator, half of them by the clock. */
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
