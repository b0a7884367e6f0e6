/** The traces that a command names. */

import { basename } from "node:path";

import type { OpChunk } from "../trace/ops.ts";
import { keepSource, openTrace, readHeader, traceSource, type TraceSource } from "../trace/read.ts";

export interface Input {
  /** Can be read any number of times. */
  readonly source: TraceSource;
  readonly ops: number;
  /** What progress calls it: `3 of 17 nginx.rep.gz`. */
  readonly label: string;
}

/**
 * Opens all traces, so that a missing file is reported before the first replay. Standard input and pipes are read to their
 * end and kept.
 * @throws {TraceError} if a trace cannot be read
 */
export async function openInputs(files: readonly string[]): Promise<Input[]> {
  const inputs: Input[] = [];
  for (const file of files) {
    const given = traceSource(file);
    const source = keepSource(given);
    if (!given.rereadable) await readAll(source);
    const { ops } = await readHeader(source);
    const place = files.length === 1 ? "" : `${inputs.length + 1} of ${files.length} `;
    inputs.push({ source, ops, label: `${place}${basename(source.file)}` });
  }
  return inputs;
}

async function readAll(source: TraceSource): Promise<void> {
  const { chunks } = await openTrace(source);
  for await (const _ of chunks);
}

/** The same ops in pieces of at most `size`, so that there is something to report between two pieces. */
export async function* inPieces(
  chunks: AsyncIterable<OpChunk>,
  size: number,
): AsyncGenerator<OpChunk, void> {
  for await (const { count, kinds, ids, sizes, alignments, threads, lines } of chunks) {
    for (let from = 0; from < count; from += size) {
      const end = Math.min(from + size, count);
      yield {
        count: end - from,
        kinds: kinds.subarray(from, end),
        ids: ids.subarray(from, end),
        sizes: sizes.subarray(from, end),
        alignments: alignments.subarray(from, end),
        threads: threads.subarray(from, end),
        lines: lines.subarray(from, end),
      };
    }
  }
}
