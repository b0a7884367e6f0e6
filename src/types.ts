/** The types that several modules share. It imports nothing, so it can be part of no import cycle. */

/**
 * Whatever a heap can live in: a WebAssembly.Memory, shared or not; an ArrayBuffer, fixed or resizable; a
 * SharedArrayBuffer, fixed or growable; native memory of the process. A heap uses at most 4 GiB of it.
 */
export type HeapMemory = WasmMemory | ArrayBuffer | SharedArrayBuffer | NativeMemory;

/** Memory at real addresses of the process. `processBreak` and `mapping` of `heapwright/native` make it. */
export interface NativeMemory {
  /** Address of its first byte. */
  readonly address: bigint;
  /** The memory as an ArrayBuffer. It reaches at least to `end`; a longer one replaces it when the memory grows. */
  readonly buffer: ArrayBuffer;
  /** Bytes that are in use: the heap's, and those that other code added behind it. */
  readonly end: number;
  /** Bytes that it can have at most. */
  readonly maxByteLength: number;
  /** Whether other code moves its end too. A heap in such a memory cannot have a limit. */
  readonly sharesEnd: boolean;
  /** Why it cannot grow, and what to do; the end of a sentence. */
  readonly hindrance: string;
  /**
   * Makes the memory larger. Heaps call this.
   *
   * @param end Bytes that it must have at least.
   * @returns Whether it has them. If not, nothing has changed.
   */
  growTo(end: number): boolean;
  /**
   * Returns memory at the end to the system. Heaps call this.
   *
   * @param end Bytes to keep.
   */
  shrinkTo(end: number): void;
  /**
   * Returns whole pages to the system. They stay part of the memory, and are zero when they are used again.
   *
   * @param from The first byte.
   * @param to The byte after the last.
   * @returns The bytes of the pages.
   */
  discard(from: number, to: number): number;
}

/** `WebAssembly.Memory`; the members the library uses if a project has no typings of WebAssembly, which are the DOM's. */
export type WasmMemory = typeof globalThis extends {
  WebAssembly: { Memory: { readonly prototype: infer Memory } };
}
  ? Memory
  : { readonly buffer: ArrayBuffer | SharedArrayBuffer; grow(pages: number): number };

/** What runs: WebAssembly, or the same source as JavaScript. Both return the same pointers for the same calls. */
export type EngineName = "wasm" | "js";

/** How a heap is made. Every option has a default. */
export interface HeapOptions {
  /**
   * The memory that the heap lives in.
   *
   * @defaultValue a new WebAssembly.Memory, which grows as needed
   */
  memory?: HeapMemory;
  /**
   * Address (bytes) where the heap begins, from 0 to 4 GiB. Set it if something else lives at the start of the memory: the
   * heap would overwrite it. Rounded up to a multiple of 16; address 0 itself is never used.
   *
   * @defaultValue 0
   */
  base?: number;
  /**
   * Address (bytes) where the heap must end, at least 4 KiB above `base` and at most 4 GiB. The heap then owns all memory up
   * to there. Without a limit the heap grows as long as the memory does, and continues after memory that other code grew.
   *
   * @defaultValue no limit
   */
  limit?: number;
  /**
   * Extra bytes to take each time the break moves, from 0 to 4 GiB. A larger margin means fewer moves, which are slow, and
   * more memory that may stay unused.
   *
   * @defaultValue a 256th of the heap
   */
  margin?: number;
  /**
   * Which free block serves a request: the smallest that is large enough (`"best"`), the one at the lowest address
   * (`"first"`), or the first one after the last that was taken (`"next"`). The last two take time linear in the number of
   * blocks, and are there for comparison.
   *
   * @defaultValue "best"
   */
  fit?: "best" | "first" | "next";
  /**
   * Largest size (bytes) that slabs serve, from 0 to 1008. Larger requests get blocks of their own. With 0 the heap is a
   * plain boundary-tag heap.
   *
   * @defaultValue 1008
   */
  small?: number;
  /**
   * `"wasm"` needs a WebAssembly.Memory. `"auto"` is WebAssembly if it is available, otherwise JavaScript.
   *
   * @defaultValue "auto"
   */
  engine?: EngineName | "auto";
}

/** How to join a heap that exists. Every option has a default. */
export interface AttachOptions {
  /**
   * The base that the heap was made with, or its `base` property.
   *
   * @defaultValue 0
   */
  base?: number;
  /**
   * The engine to use. It need not be the one that made the heap.
   *
   * @defaultValue "auto"
   */
  engine?: EngineName | "auto";
}

/** Figures about a heap, in bytes and numbers of blocks. Slots in slabs count as blocks. */
export interface HeapStats {
  /** Footprint: bytes between base and break that belong to the heap, metadata included. */
  heapBytes: number;
  /** The largest footprint so far. */
  peakHeapBytes: number;
  /** How often the break moved up, the first time included. */
  breakMoves: number;
  /** Address of the heap's control block. `Heap.attach(memory, { base })` joins the heap. */
  base: number;
  /** Address where the heap's memory ends now. */
  break: number;
  /** Address that the break cannot move beyond. */
  limit: number;
  /** Usable bytes of all live blocks. */
  usedBytes: number;
  /** Bytes of free blocks and of free slots. */
  freeBytes: number;
  /** Number of live blocks. */
  usedBlocks: number;
  /** Number of free blocks and of free slots. */
  freeBlocks: number;
  /** Bytes of the largest free block. A larger request moves the break. */
  largestFree: number;
}

/**
 * What lies at an address: a block or a slot of a slab, free or in use; metadata of the heap; a foreign region, which is
 * memory between two parts of the heap that other code grew.
 */
export type EntryKind = "free" | "used" | "free-slot" | "used-slot" | "metadata" | "foreign";

/** A part of the heap. */
export interface Entry {
  /** Address where its payload begins: the pointer, if it is in use. */
  address: number;
  /** Bytes of payload. */
  size: number;
  /** What lies there. */
  kind: EntryKind;
}

/** The constructor of a typed array, such as `Float32Array`. */
export interface TypedArrayType<View> {
  /** Bytes of one element. */
  readonly BYTES_PER_ELEMENT: number;
  /** Determines the type of the views: on any buffer, shared or not. */
  readonly prototype: View;
  /** Makes a view of `length` elements from `byteOffset` (bytes) on. */
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): NoInfer<View>;
}

/** What blocks, arrays, strings and structs need of a heap. `Heap` implements it. */
export interface HeapLike {
  /** The memory that the heap lives in. */
  readonly memory: HeapMemory;
  /** The memory's buffer as it is now. */
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  /** Allocates a block; see `Heap.allocate`. */
  allocate(size: number, alignment?: number): number;
  /** Allocates a block of zeros; see `Heap.allocateZeroed`. */
  allocateZeroed(size: number): number;
  /** Frees a block; see `Heap.deallocate`. */
  deallocate(pointer: number): void;
  /** Returns the bytes that a block has room for; see `Heap.usableSize`. */
  usableSize(pointer: number): number;
  /** Returns a typed array on a block; see `Heap.view`. */
  view<View>(type: TypedArrayType<View>, pointer: number, length: number): View;
}

/**
 * The exports of `heap.wasm` that the library calls; the JavaScript engine has the same names. Sizes and addresses are words:
 * above 2 GiB they are negative.
 */
export interface Engine {
  allocate(size: number): number;
  calloc(count: number, size: number): number;
  malloc_usable_size(pointer: number): number;
  heap_create(base: number, limit: number, margin: number, fit: number, small: number): number;
  heap_attach(base: number): number;
  heap_allocate(size: number, alignment: number): number;
  heap_reallocate(pointer: number, size: number): number;
  heap_release(pointer: number): number;
  heap_owns(pointer: number): number;
  heap_reset(): number;
  heap_trim(): number;
  heap_stat(which: number): number;
  heap_error(): number;
}

/** The functions of the inspector, which reads the heap of either engine and changes nothing. */
export interface Inspector {
  heap_inspect(controlBlock: number): void;
  heap_walk(entry: number): number;
  heap_walked_size(): number;
  heap_walked_kind(): number;
  heap_check(): number;
  heap_check_at(): number;
}

/** The engines that an entry of the package contains. */
export interface Engines {
  /** Returns a new engine on a memory, without a heap yet; or the reason why it is unavailable. */
  readonly wasm?: (memory: HeapMemory) => Engine | Unavailable;
  /** Returns a new engine on a memory, without a heap yet. */
  readonly js?: (memory: HeapMemory) => Engine;
  /** Returns an inspector of the heap that an engine uses; by default the one for heaps of a single thread. */
  readonly inspector?: (engine: Engine) => Inspector;
}

/** Why there is no engine. */
export interface Unavailable {
  /** The message after the engine's name. */
  readonly reason: string;
  /** What to do, before the advice to take another engine. */
  readonly advice?: string;
  /** A sentence for the end of the message. */
  readonly note?: string;
  readonly cause?: unknown;
}
