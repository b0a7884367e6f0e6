/** Ops to text, and traces made shorter. */

import { FREE_NULL, opText, type OpChunk } from "./ops.ts";

/** What a header says beyond its counts. */
export interface WrittenHeader {
  /** Suggested heap size in bytes; 0, none, unless given. */
  readonly heapSize?: number;
  /** 1 unless given. */
  readonly weight?: number;
}

/** The text of a trace: a header with the right counts, then the ops. Cost: linear; the text is held in memory. */
export function traceText(
  chunks: Iterable<OpChunk>,
  { heapSize = 0, weight = 1 }: WrittenHeader = {},
): string {
  const lines: string[] = [];
  let ids = 0;
  let ops = 0;
  let thread = 0;
  for (const chunk of chunks) {
    for (let i = 0; i < chunk.count; i += 1) {
      if (chunk.threads[i] !== thread) {
        thread = chunk.threads[i]!;
        lines.push(`t ${thread}`);
      }
      lines.push(opText(chunk, i));
      const kind = chunk.kinds[i];
      if (kind !== FREE_NULL) ids = Math.max(ids, chunk.ids[i]! + 1);
      ops += 1;
    }
  }
  return [heapSize, ids, ops, weight, ...lines, ""].join("\n");
}

/**
 * The first `ops` ops (all, where there are fewer). What is live then stays live, so the shorter trace is as right as
 * the whole one. Ends the reading of `chunks`.
 */
export async function firstOps(chunks: AsyncIterable<OpChunk>, ops: number): Promise<OpChunk[]> {
  const taken: OpChunk[] = [];
  let left = ops;
  if (left === 0) return taken;
  for await (const chunk of chunks) {
    if (chunk.count < left) {
      taken.push(chunk);
      left -= chunk.count;
      continue;
    }
    taken.push({ ...chunk, count: left });
    break;
  }
  return taken;
}
