// A recorded trace in the form the driver replays.
import { traceName } from "../cli/report.ts";
import { CALLOC, FREE, FREE_NULL, MALLOC, MEMALIGN, REALLOC } from "../trace/ops.ts";
import { openTrace, traceSource } from "../trace/read.ts";

/** The kinds of op, in the low bits of an op's first word; from REALLOC on they name a live id. */
export const Kind = { malloc: 0, calloc: 1, memalign: 2, realloc: 3, free: 4 } as const;

/** The words of one op: `id << 8 | log2(alignment) << 3 | kind`, then the size in bytes. */
export const OP_WORDS = 2;

export interface Trace {
  readonly name: string;
  /** Two words an op, the frees of what the program left live at the end included. */
  readonly ops: Uint32Array;
  /** How many ops there are. */
  readonly count: number;
  /** How many of them were recorded; those after free what was live then. */
  readonly recorded: number;
  /** The ids that ops name are 0 to ids - 1. */
  readonly ids: number;
  /** The most payload that was live at once, in bytes. */
  readonly peakBytes: number;
  /** The strictest alignment an op asks for, 0 when none does. */
  readonly alignment: number;
  /** The largest size of one op, in bytes. */
  readonly largest: number;
}

const KINDS: Readonly<Record<number, number>> = {
  [MALLOC]: Kind.malloc,
  [CALLOC]: Kind.calloc,
  [MEMALIGN]: Kind.memalign,
  [REALLOC]: Kind.realloc,
  [FREE]: Kind.free,
};

/** An op names its id in 24 bits. */
const MOST_IDS = 2 ** 24;

/** Reads a trace (.rep or .rep.gz), its first `limit` ops. Throws TraceError where it is not one. */
export async function readTrace(path: string, limit = Infinity): Promise<Trace> {
  const { header, chunks } = await openTrace(traceSource(path));
  const { ids } = header;
  if (ids > MOST_IDS)
    throw new Error(`${path}: ${ids} ids, the bench's driver takes ${MOST_IDS} at most`);
  const most = Math.min(header.ops, limit);
  const words = new Uint32Array((most + ids) * OP_WORDS);
  /** Size of each live id, -1 for the others. */
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
