/**
 * The library over the engine as it is written, not as it is built: the source runs over the memory that counts, with the
 * assertions of CHECKED.
 */

import { useHeap } from "../../engine/control.ts";
import * as exports from "../../engine/exports.ts";
import { mount } from "../../engine/memory/counting.ts";
import * as index from "../../src/index.ts";
import type { Engine, Engines, HeapMemory } from "../../src/types.ts";
import { MEMORIES, placesOf } from "../suite/place.ts";

/** The engine whose heap the source works on now: its variables are those of one heap. */
let current: Engine | undefined;

/** The source as an engine on a memory. It can be used in turn with others. */
function sourceEngine(memory: HeapMemory): Engine {
  let base = 0;
  const through = (call: (...words: number[]) => number) =>
    function (...words: number[]): number {
      if (current !== engine) {
        mount(memory);
        useHeap(base);
        current = engine;
      }
      const result = call(...words);
      base = exports.heap_stat(3);
      return result;
    };
  const calls = Object.entries(exports) as [string, (...words: number[]) => number][];
  const engine = Object.fromEntries(
    calls.map(([name, call]) => [name, through(call)]),
  ) as unknown as Engine;
  return engine;
}

class Heap extends index.Heap {
  static override readonly engines: Engines = { js: sourceEngine };
}

const kinds = MEMORIES.filter(({ name }) =>
  ["WebAssembly.Memory", "fixed ArrayBuffer", "resizable ArrayBuffer"].includes(name),
);

export const SOURCE_PLACES = placesOf({ ...index, Heap }, ["js"], kinds).map((place) => ({
  ...place,
  name: place.name.replace("js", "the source"),
}));
