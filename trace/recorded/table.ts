/**
 * Prints what traces contain, one row per trace, as in the table of trace/README.md:
 *
 *     npx tsx trace/recorded/table.ts trace/recorded/*.rep.gz
 */

import { fileURLToPath } from "node:url";

import { traceName } from "../../cli/report.ts";
import { CALLOC, FREE, FREE_NULL, MALLOC, MEMALIGN, REALLOC } from "../ops.ts";
import { openTrace, traceSource } from "../read.ts";
import { orExit } from "./or-exit.ts";

/** The titles of the columns. */
export const COLUMNS = [
  "trace",
  "ops",
  "a",
  "z",
  "m",
  "r",
  "f",
  "peak bytes",
  "peak blocks",
  "median",
  "threads",
] as const;

/** Returns a trace's cells. Throws TraceError if the trace is invalid. */
export async function rowOf(path: string): Promise<string[]> {
  const kinds = new Map<number, number>();
  const threads = new Set<number>();
  const live = new Map<number, number>();
  const sizes: number[] = [];
  let liveBytes = 0;
  let peakBytes = 0;
  let peakBlocks = 0;
  const { chunks, header } = await openTrace(traceSource(path));
  for await (const ops of chunks) {
    for (let i = 0; i < ops.count; i += 1) {
      const [kind, id, size] = [ops.kinds[i]!, ops.ids[i]!, ops.sizes[i]!];
      if (kind === FREE_NULL) {
        kinds.set(FREE, (kinds.get(FREE) ?? 0) + 1);
        continue;
      }
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      threads.add(ops.threads[i]!);
      liveBytes += size - (live.get(id) ?? 0);
      if (kind === FREE) live.delete(id);
      else live.set(id, size);
      if (kind !== FREE && kind !== REALLOC) sizes.push(size);
      peakBytes = Math.max(peakBytes, liveBytes);
      peakBlocks = Math.max(peakBlocks, live.size);
    }
  }
  sizes.sort((a, b) => a - b);
  const figures = [
    header.ops,
    ...[MALLOC, CALLOC, MEMALIGN, REALLOC, FREE].map((kind) => kinds.get(kind) ?? 0),
    peakBytes,
    peakBlocks,
    sizes[sizes.length >> 1] ?? 0,
    threads.size,
  ];
  return [traceName(path), ...figures.map((figure) => figure.toLocaleString("en-US"))];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const path of process.argv.slice(2)) {
    console.log(`| ${(await orExit(rowOf(path))).join(" | ")} |`);
  }
}
