/** Where the suite runs, and what it runs on. */

import type { Sent } from "./thread.ts";
import type { EngineName, HeapMemory, HeapOptions } from "../../../src/index.ts";

export type Library = typeof import("../../../src/index.ts");
export type Heap = InstanceType<Library["Heap"]>;

/** A place as whoever starts the suite there says it is; the suite holds it to that. */
export interface Place {
  /** Whether a program may compile WebAssembly, is refused it, or has none. */
  readonly wasm: "allowed" | "forbidden" | "missing";
  /** Whether there is SharedArrayBuffer. */
  readonly shares: boolean;
  /** Of the random program. */
  readonly seed: number;
  /** The package's wasm files, as the place loads them. */
  readonly files: readonly WasmFile[];
  /** A heap of the thread that started this one. */
  readonly sent?: Sent;
}

export interface WasmFile {
  readonly name: string;
  readonly shared: boolean;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** An entry of the package. */
export interface Entry {
  readonly name: string;
  readonly api: Library;
  /** What is inside. */
  readonly engines: readonly EngineName[];
}

/** An entry's engine in a kind of memory. */
export interface Form {
  readonly name: string;
  readonly api: Library;
  readonly engine: EngineName;
  /** The engines that may join it. */
  readonly joining: readonly EngineName[];
  readonly kind: MemoryKind;
  /** A heap in a new memory. */
  readonly makeHeap: (options?: HeapOptions) => Heap;
  /** What the place lacks for it. */
  readonly lacks: string | undefined;
}

/** A way to make a memory. */
export interface MemoryKind {
  readonly name: string;
  /** `undefined` leaves it to the heap. */
  readonly make: () => HeapMemory | undefined;
  /** Whether it is a WebAssembly.Memory. */
  readonly wasm: boolean;
  readonly shared: boolean;
  readonly grows: boolean;
  readonly shrinks: boolean;
}

export const PAGE = 65536;
/** Bytes that a memory has at first, and may become. One that can't grow has MOST. */
const LEAST = 2 * PAGE;
export const MOST = 64 * PAGE;

/** Everything that heaps can be made of, also what the place lacks. */
export function formsOf(entries: readonly Entry[], place: Place): Form[] {
  return entries.flatMap(({ name, api, engines }) =>
    memoryKinds(place).flatMap((kind) => {
      const lacks = (engine: EngineName): string | undefined => {
        const compiling = engine === "wasm";
        const wasm = compiling || kind.name.endsWith("WebAssembly.Memory");
        return lacking(place, { sharing: kind.shared, wasm, compiling });
      };
      const fitting = engines.filter((engine) => engine === "js" || kind.wasm);
      return fitting.map((engine) => ({
        name: `${name}: ${engine} in ${kind.name}`,
        api,
        engine,
        joining: fitting.filter((each) => lacks(each) === undefined),
        kind,
        makeHeap(options) {
          const memory = kind.make();
          return new api.Heap({ engine, ...(memory && { memory }), ...options });
        },
        lacks: lacks(engine),
      }));
    }),
  );
}

/** What the place lacks of what is needed. */
export function lacking(
  place: Place,
  needs: { sharing: boolean; wasm: boolean; compiling: boolean },
): string | undefined {
  if (needs.sharing && !place.shares) return "there is no SharedArrayBuffer";
  if (needs.wasm && place.wasm === "missing") return "there is no WebAssembly";
  if (needs.compiling && place.wasm === "forbidden") return "WebAssembly may not be compiled";
  return undefined;
}

/** Every kind of memory that a heap can live in. */
function memoryKinds(place: Place): MemoryKind[] {
  const own: MemoryKind = {
    name: "a memory of its own",
    make: () => undefined,
    wasm: true,
    shared: false,
    grows: true,
    shrinks: place.wasm === "missing",
  };
  return [
    own,
    kind("a WebAssembly.Memory", "wasm grows", () => wasmMemory(false)),
    kind("a shared WebAssembly.Memory", "wasm shared grows", () => wasmMemory(true)),
    kind("a fixed ArrayBuffer", "", () => new ArrayBuffer(MOST)),
    kind(
      "a resizable ArrayBuffer",
      "grows shrinks",
      () => new ArrayBuffer(LEAST, { maxByteLength: MOST }),
    ),
    kind("a fixed SharedArrayBuffer", "shared", () => new SharedArrayBuffer(MOST)),
    kind(
      "a growable SharedArrayBuffer",
      "shared grows",
      () => new SharedArrayBuffer(LEAST, { maxByteLength: MOST }),
    ),
  ];
}

function kind(name: string, traits: string, make: () => HeapMemory): MemoryKind {
  const has = (trait: string): boolean => traits.includes(trait);
  return {
    name,
    make,
    wasm: has("wasm"),
    shared: has("shared"),
    grows: has("grows"),
    shrinks: has("shrinks"),
  };
}

function wasmMemory(shared: boolean): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: LEAST / PAGE, maximum: MOST / PAGE, shared });
}
