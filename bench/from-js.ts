// Measures allocators called from JavaScript, as a library calls them. Nothing is subtracted from the times.
import { existsSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { fileURLToPath, pathToFileURL } from "node:url";
import { fromWasm, HEAPWRIGHT_WASM, OUT, prepareHeap, type Calls } from "./allocators.ts";
import { collectGarbage } from "./replay.ts";
import {
  FIRST_OPS,
  FROM_JS,
  FROM_WASM,
  MORE_OPS,
  THI_NG_MALLOC,
  type JsResult,
} from "./results.ts";
import { readTrace, type Trace } from "./trace.ts";

/** The JavaScript engine that `npm run build` makes. */
const JS_ENGINE = fileURLToPath(new URL("../tools/build/generated/js-engine.js", import.meta.url));
const THI_NG = `${OUT}peers/node_modules/@thi.ng/malloc/index.js`;

/** Size of the buffer for @thi.ng/malloc, in bytes. It cannot grow. */
const THI_NG_BYTES = 2 ** 29;

type Replay = typeof import("./js-replay.ts").replay;

/** An allocator as JavaScript sees it. `reset` frees everything at once, if the allocator can. */
type Engine = Calls & { reset?(): void };

interface Library {
  readonly name: string;
  /** The largest alignment it supports. */
  readonly alignment: number;
  readonly replay: Replay;
  create(): Engine;
}

/** Returns a copy of the replay loop for one allocator, so that V8 optimises it for that allocator's calls. */
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
 * Times the recorded operations of a trace: `replays` times in one heap, which is emptied in between; the fastest counts.
 * Stops after `limit` seconds, even within the first replay.
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

/** Measures the libraries in turn on the first operations of each trace. `limit`: seconds per trace for @thi.ng/malloc. */
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
          // Its buffer is full: there is no figure.
        }
      }
    }
    results.push(result);
  }
  return results;
}
