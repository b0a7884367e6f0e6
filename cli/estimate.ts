/**
 * How long a policy will search for free blocks.
 *
 * First and next fit look through the blocks of the heap one by one, so a request takes time in proportion to the number of
 * live blocks. Short samples tell how much: the beginning of the trace with best fit, which looks at a bounded number of
 * blocks, and the same ops with the policy in question, which take longer. Each is taken twice if it matters: other programs on the
 * machine can only slow it down.
 *
 *     search = visits × (time of the sample - time with best fit) / visits of the sample
 *
 * `visits` adds up the live blocks at each request. That is a rough measure: free blocks count too, and slabs have many slots.
 */

import { CALLOC, FREE, MALLOC, MEMALIGN, REALLOC, type OpChunk } from "../trace/ops.ts";
import { openTrace } from "../trace/read.ts";
import { replay } from "../trace/replay.ts";
import { heapOf, type Setting } from "./options.ts";
import { inPieces, type Input } from "./traces.ts";

/** A sample ends after this share of the visits: noise of 10 ms becomes an error of a second. */
const SAMPLE_SHARE = 1 / 100;

/** A sample ends after so many seconds. A policy that gets this far is slow, and noise matters less. */
const LONGEST_SAMPLE = 1;

/** A longer search (seconds) is sampled again. */
const DOUBTFUL = 1;

/** Ops between two looks at the clock. */
const PIECE = 256;

interface Sample {
  readonly ops: number;
  readonly visits: number;
  readonly seconds: number;
}

/** Counts the blocks that the requests of a trace visit if each looks at every live block. Cost: reads the whole trace. */
export async function countVisits({ source }: Input): Promise<number> {
  const counter = new VisitCounter();
  for await (const chunk of (await openTrace(source)).chunks) counter.add(chunk);
  return counter.visits;
}

/**
 * Estimates the time that one replay spends searching.
 * @param visits what `countVisits` returns for the trace
 * @returns seconds
 * @throws {TraceError} if the trace is invalid
 */
export async function estimateSearch(
  input: Input,
  setting: Setting,
  visits: number,
): Promise<number> {
  const enough = visits * SAMPLE_SHARE;
  const bests = [
    await sample(input, { ...setting, fit: "best" }, enough),
    await sample(input, { ...setting, fit: "best" }, enough),
  ];
  const perOp = Math.min(...bests.map(({ seconds, ops }) => seconds / Math.max(1, ops)));
  const search = async (): Promise<number> => {
    const sampled = await sample(input, setting, enough);
    const more = sampled.seconds - perOp * sampled.ops;
    return (Math.max(0, more) * visits) / Math.max(1, sampled.visits);
  };
  const time = await search();
  return time < DOUBTFUL ? time : Math.min(time, await search());
}

/** Replays the beginning of a trace, until there were enough visits. */
async function sample({ source }: Input, setting: Setting, enough: number): Promise<Sample> {
  const counter = new VisitCounter();
  const deadline = performance.now() + 1000 * LONGEST_SAMPLE;
  async function* beginning(): AsyncGenerator<OpChunk, void> {
    for await (const piece of inPieces((await openTrace(source)).chunks, PIECE)) {
      counter.add(piece);
      yield piece;
      if (counter.visits >= enough || performance.now() > deadline) return;
    }
  }
  const { ops, skipped, nsPerOp } = await replay(heapOf(setting), beginning());
  return { ops, visits: counter.visits, seconds: nsPerOp * (ops - skipped) * 1e-9 };
}

class VisitCounter {
  visits = 0;
  #live = 0;

  add({ count, kinds }: OpChunk): void {
    for (let i = 0; i < count; i += 1) {
      switch (kinds[i]) {
        case FREE:
          this.#live -= 1;
          break;
        case MALLOC:
        case CALLOC:
        case MEMALIGN:
          this.visits += this.#live;
          this.#live += 1;
          break;
        case REALLOC:
          this.visits += this.#live;
      }
    }
  }
}
