// Reads a recorded trace into the form that the driver replays.
import { traceName } from "../cli/report.ts";
import { CALLOC, FREE, FREE_NULL, MALLOC, MEMALIGN, REALLOC } from "../trace/ops.ts";
import { openTrace, traceSource } from "../trace/read.ts";

/** The kinds of operation, in the low bits of its first word. `realloc` and `free` name a live id. */
export const Kind = { malloc: 0, calloc: 1, memalign: 2, realloc: 3, free: 4 } as const;

/** The words of one operation: `id << 8 | log2(alignment) << 3 | kind`, then the size in bytes. */
export const OP_WORDS = 2;

export interface Trace {
  readonly name: string;
  /** Two words per operation, including frees at the end of the blocks that the program left live. */
  readonly ops: Uint32Array;
  /** The number of operations. */
  readonly count: number;
  /** How many of them were recorded. The others are the frees at the end. */
  readonly recorded: number;
  /** The number of ids, which are 0 to `ids` - 1. */
  readonly ids: number;
  /** The peak of live bytes. */
  readonly peakBytes: number;
  /** The largest alignment that is requested, or 0 if none is. */
  readonly alignment: number;
  /** The largest size of a request, in bytes. */
  readonly largest: number;
}

const KINDS: Readonly<Record<number, number>> = {
  [MALLOC]: Kind.malloc,
  [CALLOC]: Kind.calloc,
  [MEMALIGN]: Kind.memalign,
  [REALLOC]: Kind.realloc,
  [FREE]: Kind.free,
};

/** An id has 24 bits. */
const MOST_IDS = 2 ** 24;

/** Reads the first `limit` operations of a trace (.rep or .rep.gz). Throws TraceError if the trace is invalid. */
export async function readTrace(path: string, limit = Infinity): Promise<Trace> {
  const { header, chunks } = await openTrace(traceSource(path));
  const { ids } = header;
  if (ids > MOST_IDS)
    throw new Error(`${path}: has ${ids} ids; the bench supports at most ${MOST_IDS}`);
  const most = Math.min(header.ops, limit);
  const words = new Uint32Array((most + ids) * OP_WORDS);
  /** The size of each live id, or -1. */
  const sizes = new Float64Array(ids).fill(-1);
  let count = 0;
  let liveBytes = 0;
  let peakBytes = 0;
  let alignment = 0;
  let largest = 0;
  for await (const chunk of chunks) {
    for (let i = 0; i < chunk.count && count < most; i++) {
      if (chunk.kinds[i] === FREE_NULL) continue;
      const kind = KINDS[chunk.kinds[i]!]!;
      const id = chunk.ids[i]!;
      const size = chunk.sizes[i]!;
      const aligned = chunk.alignments[i]!;
      const log2 = aligned ? 31 - Math.clz32(aligned) : 0;
      words[count * OP_WORDS] = (id << 8) | (log2 << 3) | kind;
      words[count * OP_WORDS + 1] = size;
      count++;
      liveBytes += size - Math.max(sizes[id]!, 0);
      sizes[id] = kind === Kind.free ? -1 : size;
      peakBytes = Math.max(peakBytes, liveBytes);
      alignment = Math.max(alignment, aligned);
      largest = Math.max(largest, size);
    }
    if (count === most) break;
  }
  const recorded = count;
  for (let id = 0; id < ids; id++) {
    if (sizes[id]! < 0) continue;
    words[count * OP_WORDS] = (id << 8) | Kind.free;
    count++;
  }
  const name = traceName(path);
  const ops = words.slice(0, count * OP_WORDS);
  return { name, ops, count, recorded, ids, peakBytes, alignment, largest };
}
