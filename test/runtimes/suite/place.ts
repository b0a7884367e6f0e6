/** Where the suite runs in another runtime, and what it runs on. */

import { MEMORIES, type Library, type Place, placesOf } from "../../suite/place.ts";
import type { EngineName } from "../../../src/index.ts";

/** A runtime as whoever starts the suite there says it is; the suite verifies that. */
export interface Here {
  /** Whether a program may compile WebAssembly, is refused it, or has none. */
  readonly wasm: "allowed" | "forbidden" | "missing";
  /** Whether there is SharedArrayBuffer. */
  readonly shares: boolean;
  /** Of the random program. */
  readonly seed: number;
  /** The package's wasm files, as the runtime loads them. */
  readonly files: readonly WasmFile[];
  /** A heap of the thread that started this one. */
  readonly sent?: Sent;
}

export interface WasmFile {
  readonly name: string;
  readonly shared: boolean;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What one thread sends to another: a heap's memory. */
export interface Sent {
  readonly memory: WebAssembly.Memory;
  /** Of a string that the sender wrote. */
  readonly pointer: number;
}

/** An entry of the package. */
export interface Entry {
  readonly name: string;
  readonly api: Library;
  /** The engines that it contains. */
  readonly engines: readonly EngineName[];
}

/** A place for the suites, and what the runtime lacks for it. */
export interface Form extends Place {
  readonly lacks: string | undefined;
}

/** Every engine of every entry on every kind of memory, also those that the runtime lacks. */
export function formsOf(entries: readonly Entry[], here: Here): Form[] {
  return entries.flatMap(({ name, api, engines }) =>
    placesOf(api, engines, MEMORIES).map((place) => {
      const { kind } = place;
      const lacks = (engine: EngineName): string | undefined => {
        const compiling = engine === "wasm";
        const wasm = kind.name.endsWith("WebAssembly.Memory");
        return lacking(here, { sharing: kind.shared, wasm, compiling });
      };
      return {
        ...place,
        name: `${name}: ${place.name}`,
        joining: place.joining.filter((engine) => lacks(engine) === undefined),
        lacks: lacks(place.engine),
      };
    }),
  );
}

/** What the runtime lacks of what is needed. */
export function lacking(
  here: Here,
  needs: { sharing: boolean; wasm: boolean; compiling: boolean },
): string | undefined {
  if (needs.sharing && !here.shares) return "there is no SharedArrayBuffer";
  if (needs.wasm && here.wasm === "missing") return "there is no WebAssembly";
  if (needs.compiling && here.wasm === "forbidden") return "WebAssembly may not be compiled";
  return undefined;
}
