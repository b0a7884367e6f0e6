// The allocators called from JavaScript, as a library does: ns per op, nothing subtracted.
import { existsSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { fileURLToPath, pathToFileURL } from "node:url";
import { fromWasm, HEAPWRIGHT_WASM, OUT, prepareHeap, type Calls } from "./allocators.ts";
import { collectGarbage } from "./replay.ts";
import { readTrace, type Trace } from "./trace.ts";

/** heapwright's JavaScript engine as the project's build leaves it. */
const JS_ENGINE = fileURLToPath(new URL("../tools/build/generated/js-engine.js", import.meta.url));
const THI_NG = `${OUT}peers/node_modules/@thi.ng/malloc/index.js`;

/** The names of ours, as rows and columns call them. */
export const FROM_WASM = "heapwright, wasm";
export const FROM_JS = "heapwright, js";
export const THI_NG_MALLOC = "@thi.ng/malloc";

/** Bytes of the buffer that @thi.ng/malloc gets: it can't grow. */
const THI_NG_BYTES = 2 ** 29;

/** Ops of each trace that everybody replays. */
export const FIRST_OPS = 20_000;
/** Ops that ours and @thi.ng/malloc replay besides: its cost grows with the blocks that are live. */
export const MORE_OPS = 150_000;

type Replay = typeof import("./js-replay.ts").replay;

/** An allocator as JavaScript sees it; `reset` frees everything, where it can at once. */
type Engine = Calls & { reset?(): void };

interface Library {
  readonly name: string;
  /** The strictest alignment it can give. */
  readonly alignment: number;
  readonly replay: Replay;
  create(): Engine;
}

export interface JsResult {
  trace: string;
  /** ns per op over the first FIRST_OPS; undefined where it could not run them. */
  first: Record<string, number | undefined>;
  /** ns per op over the first MORE_OPS, or as many as @thi.ng/malloc did in its time (`ops`). */
  more: { ops: number; ours: number; thiNg: number } | undefined;
}

/** A copy of the loop for one allocator alone. */
export async function ownReplay(name: string): Promise<Replay> {
  const copy = (await import(`./js-replay.ts?of=${encodeURIComponent(name)}`)) as {
    replay: Replay;
  };
  return copy.replay;
}

interface MemPool {
  malloc(bytes: number): number;
  calloc(bytes: number): number;
  realloc(pointer: number, bytes: number): number;
  free(pointer: number): boolean;
  freeAll(): void;
}

async function libraries(): Promise<Library[]> {
  const found: Library[] = [];
  const add = async (name: string, alignment: number, create: () => Engine): Promise<void> => {
    found.push({ name, alignment, create, replay: await ownReplay(name) });
  };
  const ours = fromWasm("heapwright", HEAPWRIGHT_WASM);
  if (ours) await add(FROM_WASM, ours.memalign, () => ours.create());
  if (existsSync(JS_ENGINE)) {
    const { createEngine } = (await import(pathToFileURL(JS_ENGINE).href)) as {
      createEngine(memory: WebAssembly.Memory): Calls & Record<string, unknown>;
    };
    await add(FROM_JS, 2 ** 31, () => {
      const engine = createEngine(new WebAssembly.Memory({ initial: 1, maximum: 65536 }));
      prepareHeap(engine);
      return engine;
    });
  }
  for (const name of ["em-dlmalloc", "as-tlsf"]) {
    const peer = fromWasm(name, `${OUT}peers/${name}.wasm`);
    if (peer) await add(name, peer.memalign, () => peer.create());
  }
  if (existsSync(THI_NG)) {
    const { MemPool } = (await import(pathToFileURL(THI_NG).href)) as {
      MemPool: new (options: { size: number; align: number }) => MemPool;
    };
    await add(THI_NG_MALLOC, 16, () => {
      const pool = new MemPool({ size: THI_NG_BYTES, align: 16 });
      return {
        malloc: (bytes) => pool.malloc(bytes || 1),
        calloc: (count, bytes) => pool.calloc(count * bytes || 1),
        memalign: (_, bytes) => pool.malloc(bytes || 1),
        realloc: (pointer, bytes) => pool.realloc(pointer, bytes || 1),
        free: (pointer) => void pool.free(pointer),
        reset: () => pool.freeAll(),
      };
    });
  }
  return found;
}

/**
 * Times what was recorded of a trace, `replays` times in one heap that is emptied in between; the best counts.
 * `limit`: seconds after which it stops, in the middle of the first replay if need be.
 */
function time(
  library: Library,
  trace: Trace,
  replays: number,
  limit: number,
): { perOp: number; ops: number } {
  collectGarbage();
  const engine = library.create();
  const pointers = new Uint32Array(trace.ids);
  const deadline = performance.now() + limit * 1000;
  let best = { perOp: Infinity, ops: 0 };
  for (let i = 0; i < replays; i++) {
    const start = performance.now();
    const ops = library.replay(trace, engine, pointers, 0, trace.recorded, deadline);
    const perOp = ((performance.now() - start) * 1e6) / ops;
    if (i === 0 || (ops === trace.recorded && perOp < best.perOp)) best = { perOp, ops };
    if (ops < trace.recorded) break;
    if (engine.reset) engine.reset();
    else library.replay(trace, engine, pointers, trace.recorded, trace.count, Infinity);
  }
  return best;
}

/** Measures every library on the first ops of each trace, alternately; `limit` is @thi.ng/malloc's time per trace, in seconds. */
export async function measureFromJs(
  paths: readonly string[],
  options: { rounds: number; limit: number; progress(text: string): void },
): Promise<JsResult[]> {
  const all = await libraries();
  const results: JsResult[] = [];
  for (const path of paths) {
    const trace = await readTrace(path, FIRST_OPS);
    const result: JsResult = { trace: trace.name, first: {}, more: undefined };
    for (let round = 0; round < options.rounds; round++) {
      for (const library of all) {
        options.progress(`${trace.name} from JavaScript: ${library.name}`);
        if (trace.alignment > library.alignment) continue;
        try {
          const { perOp } = time(
            library,
            trace,
            library.name === THI_NG_MALLOC ? 2 : 10,
            options.limit,
          );
          result.first[library.name] = Math.min(result.first[library.name] ?? Infinity, perOp);
        } catch {
          result.first[library.name] = undefined;
        }
      }
    }
    const thiNg = all.find(({ name }) => name === THI_NG_MALLOC);
    const ours = all.find(({ name }) => name === FROM_WASM);
    if (thiNg && ours) {
      options.progress(`${trace.name} from JavaScript: ${MORE_OPS} ops on ${thiNg.name}`);
      const longer = await readTrace(path, MORE_OPS);
      if (longer.alignment <= thiNg.alignment) {
        try {
          const theirs = time(thiNg, longer, 1, options.limit);
          const same = await readTrace(path, theirs.ops);
          result.more = {
            ops: theirs.ops,
            thiNg: theirs.perOp,
            ours: time(ours, same, 3, options.limit).perOp,
          };
        } catch {
          // It ran out of the buffer: no figure.
        }
      }
    }
    results.push(result);
  }
  return results;
}
