/**
 * Where the suites run: an engine of a library on a kind of memory. The library is src/, with the engines as they are built or
 * as they are written, or the packed package in some runtime.
 */

import type { EngineName, HeapMemory, HeapOptions } from "../../src/index.ts";

export type Library = typeof import("../../src/index.ts");
export type Heap = InstanceType<Library["Heap"]>;

export const PAGE = 65536;
/** Bytes that a memory can have, unless a test asks for another size. */
export const MOST = 32 * PAGE;
/** Pages for tests that need tens of megabytes. Only memories that grow can have them, since those are not filled at once. */
export const MANY_PAGES = 4096;

/** A way to make a memory. */
export interface MemoryKind {
  readonly name: string;
  /** Returns a memory of `bytes` bytes that can grow to `most`, if memories of its kind grow. */
  readonly make: (bytes: number, most: number) => HeapMemory;
  readonly grows: boolean;
  readonly shrinks: boolean;
  readonly shared: boolean;
  readonly engines: readonly EngineName[];
}

export interface PlaceOptions extends HeapOptions {
  /** Pages that the memory can have. */
  readonly pages?: number;
}

/** An engine on a kind of memory. */
export interface Place {
  readonly name: string;
  readonly api: Library;
  readonly engine: EngineName;
  /** The engines that can join its heaps. */
  readonly joining: readonly EngineName[];
  readonly kind: MemoryKind;
  /** Returns a heap in a new memory: an empty one that can grow, or one of full size that cannot. */
  readonly makeHeap: (options?: PlaceOptions) => Heap;
}

const pages = (bytes: number): number => Math.ceil(bytes / PAGE);

export const MEMORIES: readonly MemoryKind[] = [
  {
    name: "WebAssembly.Memory",
    make: (bytes, most) => new WebAssembly.Memory({ initial: pages(bytes), maximum: pages(most) }),
    grows: true,
    shrinks: false,
    shared: false,
    engines: ["wasm", "js"],
  },
  {
    name: "shared WebAssembly.Memory",
    make: (bytes, most) =>
      new WebAssembly.Memory({ initial: pages(bytes), maximum: pages(most), shared: true }),
    grows: true,
    shrinks: false,
    shared: true,
    engines: ["wasm", "js"],
  },
  {
    name: "fixed ArrayBuffer",
    make: (_, most) => new ArrayBuffer(most),
    grows: false,
    shrinks: false,
    shared: false,
    engines: ["js"],
  },
  {
    name: "resizable ArrayBuffer",
    make: (bytes, most) => new ArrayBuffer(bytes, { maxByteLength: most }),
    grows: true,
    shrinks: true,
    shared: false,
    engines: ["js"],
  },
  {
    name: "fixed SharedArrayBuffer",
    make: (_, most) => new SharedArrayBuffer(most),
    grows: false,
    shrinks: false,
    shared: true,
    engines: ["js"],
  },
  {
    name: "growable SharedArrayBuffer",
    make: (bytes, most) => new SharedArrayBuffer(bytes, { maxByteLength: most }),
    grows: true,
    shrinks: false,
    shared: true,
    engines: ["js"],
  },
];

/** A library with some engines, on each kind of memory that they can use. */
export function placesOf(
  api: Library,
  engines: readonly EngineName[],
  kinds: readonly MemoryKind[] = MEMORIES,
): Place[] {
  return kinds.flatMap((kind) => {
    const joining = engines.filter((engine) => kind.engines.includes(engine));
    return joining.map((engine) => ({
      name: `${engine} in a ${kind.name}`,
      api,
      engine,
      joining,
      kind,
      makeHeap({ pages: most = MOST / PAGE, ...options }: PlaceOptions = {}) {
        return new api.Heap({ engine, memory: kind.make(0, most * PAGE), ...options });
      },
    }));
  });
}
