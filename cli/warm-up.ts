/**
 * An invented program, replayed before a setting's first trace: without it, that trace would be charged for the compiling
 * of the engine, and look several times slower than the same trace later.
 */

import { CALLOC, ChunkBuilder, FREE, MALLOC, MEMALIGN, REALLOC } from "../src/trace/ops.ts";
import { replay } from "../src/trace/replay.ts";
import { makeHeap, type Setting } from "./options.ts";

const OPS = 200_000;
const LIVE_BLOCKS = 2_000;
/** Bytes; more than the program ever holds. */
const LIMIT = 2 ** 24;
/** Short chunks call the replay's loop often, which is what makes a JavaScript engine compile it. */
const CHUNK_OPS = 2_048;

const warm = new WeakSet<Setting>();

/** Once a setting; cost: about a tenth of a second. */
export async function warmUp(setting: Setting): Promise<void> {
  if (warm.has(setting)) return;
  warm.add(setting);
  await replay(makeHeap({ ...setting, limit: LIMIT }), inventedOps());
}

async function* inventedOps(): AsyncGenerator<ChunkBuilder> {
  const live: number[] = [];
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  let ids = 0;
  for (let ops = 0; ops < OPS;) {
    const chunk = new ChunkBuilder(CHUNK_OPS);
    for (; !chunk.full && ops < OPS; ops += 1) {
      const size = random(2 ** (4 + random(9)));
      const at = random(live.length);
      if (live.length > random(LIVE_BLOCKS)) {
        chunk.add(FREE, live[at]!, 0, 0, 0, 0);
        live[at] = live.at(-1)!;
        live.pop();
      } else if (live.length > 0 && random(8) === 0) {
        chunk.add(REALLOC, live[at]!, size, 0, 0, 0);
      } else {
        const kind = [MALLOC, MALLOC, MALLOC, MALLOC, CALLOC, MEMALIGN][random(6)]!;
        chunk.add(kind, ids, size, kind === MEMALIGN ? 32 : 0, 0, 0);
        live.push(ids++);
      }
    }
    yield chunk;
  }
}
