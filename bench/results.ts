// The figures that the bench records: what each measurement returns, and what results/bench.json contains.
// Times are nanoseconds per operation. "Less the floor" means that the time of the test driver itself is subtracted.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folder of recorded results. */
export const RESULTS = fileURLToPath(new URL("results/", import.meta.url));

/** The parts of a run, in order. */
export const SECTIONS = ["traces", "javascript", "latency", "growth", "accesses", "typed"] as const;
export type Section = (typeof SECTIONS)[number];

/** The library's two engines and a peer written in JavaScript, as results from JavaScript name them. */
export const FROM_WASM = "heapwright, wasm";
export const FROM_JS = "heapwright, js";
export const THI_NG_MALLOC = "@thi.ng/malloc";

/** Operations of each trace that every allocator replays from JavaScript. */
export const FIRST_OPS = 20_000;
/** Operations that heapwright and @thi.ng/malloc replay in addition: the cost of the latter grows with the live blocks. */
export const MORE_OPS = 150_000;

/** Numbers of live blocks at which growth and memory accesses are measured. */
export const LIVE_BLOCKS = [10_000, 100_000, 1_000_000, 10_000_000];

/** One allocator on one trace. Times are less the floor. */
export interface Row {
  cold?: number;
  warm?: number;
  coldTouching?: number;
  warmTouching?: number;
  /** The peak of live bytes as a share of the touched pages, of the memory's size, and of the heap's span. */
  touched?: number;
  reserved?: number;
  span?: number;
  /** Why there are no figures. */
  failure?: string;
}

export interface TraceResult {
  trace: string;
  /** Operations, including the frees at the end of what the program left live. */
  ops: number;
  peakBytes: number;
  /** Times of the driver with an allocator that does almost nothing. */
  floor: Row;
  rows: Record<string, Row>;
}

export interface JsResult {
  trace: string;
  /** Times of the first FIRST_OPS operations; undefined if the allocator could not run them. */
  first: Record<string, number | undefined>;
  /** Times of the first MORE_OPS operations, or of as many (`ops`) as @thi.ng/malloc completed within its time limit. */
  more: { ops: number; ours: number; thiNg: number } | undefined;
}

/** Nanoseconds per operation, less the floor's median. */
export interface Latency {
  /** Median of stretches of operations. */
  median: number;
  /** Quantiles of single operations. */
  p99: number;
  p999: number;
  max: number;
}

export interface LatencyResult {
  trace: string;
  /** Warm heaps: the third replay in each instance. */
  rows: Record<string, Latency | undefined>;
}

export interface GrowthResult {
  live: number;
  /** Nanoseconds of one random read in a memory of that size: the share of the caches in the growth. */
  access: number;
  /** Times less the floor with as many blocks; undefined if the allocator could not hold them. */
  rows: Record<string, number | undefined>;
}

/** Loads and stores of one operation. Filling and copying of blocks is not counted. */
export interface Accesses {
  median: number;
  p99: number;
  p999: number;
  max: number;
}

export interface AccessResults {
  /** For each trace: operations that did not move the break, and the maximum of those that did. */
  traces: { trace: string; staying: Accesses; moving: number }[];
  /** In fragmented heaps with `live` blocks, which are freed at random and replaced. */
  growth: { live: number; staying: Accesses }[];
}

/** Nanoseconds of reading one number of typed data. */
export interface TypedResult {
  /** The expression that reads it. */
  way: string;
  time: number;
}

/** Everything that one run measures. */
export interface Results {
  machine: Record<string, string | number>;
  versions: Record<string, string>;
  /** Bytes of each module, gzipped. */
  gzipped: Record<string, number>;
  traces?: TraceResult[];
  javascript?: JsResult[];
  latency?: LatencyResult[];
  growth?: GrowthResult[];
  accesses?: AccessResults;
  typed?: TypedResult[];
}

/** Reads `bench.json` of a folder. Throws if there is none. */
export function readResults(folder = RESULTS): Results {
  return JSON.parse(readFileSync(`${folder}/bench.json`, "utf8")) as Results;
}
