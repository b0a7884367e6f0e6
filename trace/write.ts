/** Ops to text, and traces made shorter. */

import { FREE_NULL, opText, siteOf, timeOf, type OpChunk } from "./ops.ts";
import type { CallSites } from "./sites.ts";

/** What a header says beyond its counts. */
export interface WrittenHeader {
  /** Suggested heap size in bytes; 0, none, unless given. */
  readonly heapSize?: number;
  /** 1 unless given. */
  readonly weight?: number;
}

/** What the text of a trace is made of besides its ops. */
export interface Written extends WrittenHeader {
  /** The call sites that the ops name. Unless given, the text has none. */
  readonly sites?: CallSites | undefined;
}

/** Makes the lines of a trace after its header, chunk by chunk, and counts what the header has to say. */
export class TraceLines {
  /** One more than the largest id so far. */
  ids = 0;
  /** Ops so far. */
  ops = 0;
  readonly #sites: CallSites | undefined;
  #sitesWritten = 0;
  #thread = 0;
  #time = 0;

  /** @param sites the call sites that the ops name; unless given, they are left out */
  constructor(sites?: CallSites) {
    this.#sites = sites;
  }

  /** The lines of the next ops, each with its line feed. Cost: linear. */
  next(chunk: OpChunk): string {
    let text = "";
    for (let i = 0; i < chunk.count; i += 1) {
      if (chunk.threads[i] !== this.#thread) {
        this.#thread = chunk.threads[i]!;
        text += `t ${this.#thread}\n`;
      }
      const site = this.#sites === undefined ? 0 : siteOf(chunk, i);
      text += this.#sitesUpTo(site) + opText(chunk, i);
      if (site !== 0) text += ` @${site}`;
      const time = timeOf(chunk, i);
      if (time > this.#time) {
        text += ` +${time - this.#time}`;
        this.#time = time;
      }
      text += "\n";
      if (chunk.kinds[i] !== FREE_NULL) this.ids = Math.max(this.ids, chunk.ids[i]! + 1);
      this.ops += 1;
    }
    return text;
  }

  /** Call sites come right before the first op that needs them. */
  #sitesUpTo(site: number): string {
    let text = "";
    for (; this.#sitesWritten < site; this.#sitesWritten += 1) {
      const next = this.#sitesWritten + 1;
      text += `s ${next} ${this.#sites!.parentOf(next)} ${this.#sites!.textOf(next)}\n`;
    }
    return text;
  }
}

/** The text of a trace: a header with the right counts, then the ops. Cost: linear; the text is held in memory. */
export function traceText(
  chunks: Iterable<OpChunk>,
  { heapSize = 0, weight = 1, sites }: Written = {},
): string {
  const lines = new TraceLines(sites);
  const texts = Array.from(chunks, (chunk) => lines.next(chunk));
  return `${heapSize}\n${lines.ids}\n${lines.ops}\n${weight}\n${texts.join("")}`;
}

/**
 * Returns the first `ops` ops, or all if there are fewer. Blocks that are live after them stay live. Stops reading
 * `chunks`.
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
