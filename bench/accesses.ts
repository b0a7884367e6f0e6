// Counts the memory accesses of every operation with the engine's counting memory. The counts are the same on every machine.
//   node --conditions=counting --import tsx bench/accesses.ts TRACE...      prints AccessResults as JSON
import { fileURLToPath } from "node:url";
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { orExit } from "../trace/recorded/or-exit.ts";
import { LIVE_BLOCKS, type Accesses, type AccessResults } from "./results.ts";
import { Kind, OP_WORDS, readTrace, type Trace } from "./trace.ts";

type Engine = typeof import("../engine/exports.ts");
type Seam = typeof import("../engine/memory/counting.ts");

/** The argument of `heap_stat` for the number of moves of the break. */
const BREAK_MOVES = 1;
const BASE = 16;
/** The largest count that is distinguished. */
const MOST = 100_000;
/** How many replacements are counted in a heap of many blocks. */
const REPLACEMENTS = 200_000;

/** A histogram: the number of operations for each number of accesses. */
class Distribution {
  readonly #operations = new Float64Array(MOST + 1);
  #count = 0;

  add(accesses: number): void {
    const kept = Math.min(accesses, MOST);
    this.#operations[kept] = this.#operations[kept]! + 1;
    this.#count++;
  }

  /** Returns the number of accesses that a share of the operations does not exceed. */
  quantile(share: number): number {
    let seen = 0;
    for (let accesses = 0; accesses <= MOST; accesses++) {
      seen += this.#operations[accesses]!;
      if (seen >= share * this.#count) return accesses;
    }
    return MOST;
  }

  summary(): Accesses {
    return {
      median: this.quantile(0.5),
      p99: this.quantile(0.99),
      p999: this.quantile(0.999),
      max: this.quantile(1),
    };
  }
}

/** Creates a heap in a new counting memory. */
function mount(engine: Engine, seam: Seam): void {
  seam.mount(new WebAssembly.Memory({ initial: 1, maximum: 65536 }));
  const code = engine.heap_init(BASE, 0);
  if (code !== 0) throw new Error(`heap_init(${BASE}, 0) returned error ${code}`);
}

function countTrace(
  engine: Engine,
  { counts }: Seam,
  { ops, recorded, ids }: Trace,
): { staying: Accesses; moving: number } {
  const staying = new Distribution();
  let moving = 0;
  const pointers = new Int32Array(ids);
  for (let op = 0; op < recorded; op++) {
    const word = ops[op * OP_WORDS]!;
    const size = ops[op * OP_WORDS + 1]! | 0;
    const kind = word & 7;
    const id = word >>> 8;
    const before = counts.loads + counts.stores;
    const moves = engine.heap_stat(BREAK_MOVES);
    const looked = counts.loads + counts.stores - before;
    if (kind === Kind.free) engine.free(pointers[id]!);
    else if (kind === Kind.malloc) pointers[id] = engine.malloc(size);
    else if (kind === Kind.realloc) pointers[id] = engine.realloc(pointers[id]!, size);
    else if (kind === Kind.calloc) pointers[id] = engine.calloc(1, size);
    else pointers[id] = engine.memalign(1 << ((word >>> 3) & 31), size);
    const accesses = counts.loads + counts.stores - before - looked;
    if (engine.heap_stat(BREAK_MOVES) === moves) staying.add(accesses);
    else moving = Math.max(moving, accesses);
  }
  return { staying: staying.summary(), moving };
}

/** Counts what growth.ts measures: in a heap of `live` blocks, half are replaced at random, and then REPLACEMENTS more. */
function countChurn(engine: Engine, { counts }: Seam, live: number): Accesses {
  let random = 1;
  const next = (): number => {
    random ^= random << 13;
    random ^= random >>> 17;
    random ^= random << 5;
    return random >>> 0;
  };
  const size = (): number => {
    const word = next();
    const share = word % 100;
    return 1 + ((word >>> 8) & (share < 80 ? 127 : share < 99 ? 511 : 2047));
  };
  const pointers = new Int32Array(live);
  const staying = new Distribution();
  for (let i = 0; i < live; i++) pointers[i] = engine.malloc(size());
  for (let i = -live / 2; i < REPLACEMENTS; i++) {
    const slot = next() % live;
    const moves = engine.heap_stat(BREAK_MOVES);
    const before = counts.loads + counts.stores;
    engine.free(pointers[slot]!);
    const between = counts.loads + counts.stores;
    pointers[slot] = engine.malloc(size());
    const after = counts.loads + counts.stores;
    if (i < 0 || engine.heap_stat(BREAK_MOVES) !== moves) continue;
    staying.add(between - before);
    staying.add(after - between);
  }
  return staying.summary();
}

async function count(paths: readonly string[]): Promise<AccessResults> {
  const engine = await import("../engine/exports.ts");
  const seam = await import("../engine/memory/counting.ts");
  const traces: AccessResults["traces"] = [];
  for (const path of paths) {
    const trace = await readTrace(path);
    mount(engine, seam);
    traces.push({ trace: trace.name, ...countTrace(engine, seam, trace) });
  }
  const growth = LIVE_BLOCKS.map((live) => {
    mount(engine, seam);
    return { live, staying: countChurn(engine, seam, live) };
  });
  return { traces, growth };
}

/** Counts in a separate process, in which `#memory` is the counting memory. */
export function measureAccesses(paths: readonly string[]): AccessResults {
  const flags = ["--conditions=counting", "--import", "tsx", fileURLToPath(import.meta.url)];
  const { status, stdout } = spawnSync(
    process.execPath,
    [...flags, ...paths.map((path) => resolve(path))],
    {
      cwd: fileURLToPath(new URL("..", import.meta.url)),
      stdio: ["ignore", "pipe", "inherit"],
      encoding: "utf8",
    },
  );
  if (status !== 0) throw new Error("could not count the memory accesses; the message is above");
  return JSON.parse(stdout) as AccessResults;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(
    `${JSON.stringify(await orExit(count(process.argv.slice(2))), undefined, 1)}\n`,
  );
}
