/** The heap: allocation over an engine. What else it offers is in the modules it imports. */

import { createInspector } from "../tools/build/generated/inspector.js";
import { MAX_ALIGNMENT } from "../engine/block.ts";
import { BUSY, INVALID_SIZE, OK, OUT_OF_HEAP, OUT_OF_MEMORY } from "../engine/errors.ts";
import { bytesOf, expectTypedArray, HeapArray } from "./data/array.ts";
import { cStringAt, newCString, newString, stringAt } from "./data/strings.ts";
import { engineOn } from "./engine.ts";
import {
  badOptions,
  busy,
  corrupt,
  HeapError,
  invalidAlignment,
  invalidLength,
  invalidSize,
  isWord,
  noAddress,
  outOfMemory,
  pointerError,
  shrunk,
} from "./errors.ts";
import { countsOf, entriesOf, expectSound } from "./inspect.ts";
import { Block } from "./lifetimes/block.ts";
import { Registry } from "./lifetimes/registry.ts";
import { Scope } from "./lifetimes/scope.ts";
import { bufferOf, bufferUpTo, expectMemory, hindranceOf, ownMemory } from "./memories.ts";
import { checkedOptions, expectOptions, FITS, HIGHEST, LEAST_ROOM } from "./options.ts";
import { show } from "./show.ts";
import type {
  AttachOptions,
  Engine,
  EngineName,
  Engines,
  Entry,
  HeapLike,
  HeapMemory,
  HeapOptions,
  HeapStats,
  Inspector,
  TypedArrayType,
} from "./types.ts";

/** Marks the options of a heap that exists already. */
const ATTACH = Symbol("attach");

const OUTSIDE = "its metadata points outside the memory";

/** The figures of `heap_stat`. */
const FOOTPRINT = 0;
const BREAK_MOVES = 1;
const PEAK = 2;
const BASE = 3;
const BREAK = 4;
const LIMIT = 5;

/** The heap without an engine. The `Heap` of each entry extends it, as `HeapBase`. */
export class Heap implements HeapLike {
  /** @internal The engines that the entry contains. */
  static readonly engines: Engines = {};
  /** @internal Makes the memory of a heap that is given none. */
  static readonly newMemory: () => HeapMemory = ownMemory;

  /** The memory that the heap lives in. */
  readonly memory: HeapMemory;
  /** The engine that was chosen. */
  readonly engine: EngineName;
  readonly #engine: Engine;
  /** Undefined until the heap is inspected. */
  #inspects: Inspector | undefined;
  /** Undefined until the first block is registered. */
  #registry: Registry | undefined;

  /**
   * Makes a heap. What the memory holds from `base` on is overwritten. Cost: the first heap of a program compiles the engine, a
   * few milliseconds at most.
   *
   * @param options See `HeapOptions`.
   * @throws {HeapError} `BAD_OPTIONS` for an invalid option. `OUT_OF_MEMORY` if the memory is too small and cannot grow.
   */
  constructor(options: HeapOptions = {}) {
    const { memory, base, limit, margin, fit, small, engine } = checkedOptions(options);
    this.memory = memory ?? new.target.newMemory();
    const picked = engineOn(this.memory, engine, new.target.engines);
    this.engine = picked.name;
    this.#engine = picked.engine;
    if (ATTACH in options) {
      if (this.#ask((each) => each.heap_attach(base)) === OK) return;
      throw badOptions(`No heap at base ${base}: expected the base that the heap was made with.`);
    }
    const code = this.#engine.heap_create(base, limit ?? 0, margin ?? -1, FITS.indexOf(fit), small);
    if (code === OUT_OF_MEMORY) {
      throw new HeapError(
        "OUT_OF_MEMORY",
        `Out of memory: a heap at base ${base} needs at least 4 KiB, and ` +
          `${hindranceOf(this.memory, LEAST_ROOM, base, limit)}.`,
      );
    }
    if (code !== OK) {
      throw badOptions(`Invalid base ${base}: expected at least 4 KiB of room below 4 GiB.`);
    }
  }

  /**
   * Joins a heap that exists in a memory, made there by this or another program, engine or thread: all of a heap's state is in
   * the memory. Two threads must not use the heap at the same time.
   *
   * @param memory The memory that the heap lives in.
   * @param options The heap's `base`, by default 0, and the `engine` to use, by default `"auto"`.
   * @returns A heap that shares all blocks.
   * @throws {HeapError} `BAD_OPTIONS` if there is no heap at `base`, or for an invalid option.
   * @example
   * ```ts
   * const heap = Heap.attach(memory, { base: 65536 });
   * ```
   */
  static attach(memory: HeapMemory, options: AttachOptions = {}): Heap {
    if (typeof this !== "function") throw detached();
    expectOptions(options, ["base", "engine"]);
    const joined: HeapOptions & { [ATTACH]: true } = {
      ...options,
      memory: expectMemory(memory),
      [ATTACH]: true,
    };
    return new this(joined);
  }

  /** @internal The engine, for an entry that calls more of its functions. */
  get engineInUse(): Engine {
    return Heap.#self(this).#engine;
  }

  /** `heap` itself; throws if a method was called without its heap. */
  static #self(heap: Heap): Heap {
    if (typeof heap === "object" && heap !== null && #engine in heap) return heap;
    throw detached();
  }

  /** The memory's buffer as it is now. A `WebAssembly.Memory` gets a new one when it grows. */
  get buffer(): ArrayBuffer | SharedArrayBuffer {
    return bufferOf(Heap.#self(this).memory);
  }

  /** Address (bytes) of the heap's control block. `Heap.attach(memory, { base })` joins the heap. */
  get base(): number {
    return Heap.#self(this).#stat(BASE);
  }

  /** Address (bytes) where the heap's memory ends now: the program break. */
  get break(): number {
    return Heap.#self(this).#stat(BREAK);
  }

  /** Address (bytes) that the break cannot move beyond. */
  get limit(): number {
    return Heap.#self(this).#stat(LIMIT);
  }

  /** Footprint: bytes between base and break that belong to the heap, metadata included. */
  get heapBytes(): number {
    return Heap.#self(this).#stat(FOOTPRINT);
  }

  /** The largest footprint so far, in bytes. */
  get peakHeapBytes(): number {
    return Heap.#self(this).#stat(PEAK);
  }

  /** How often the break moved up, the first time included. */
  get breakMoves(): number {
    return Heap.#self(this).#stat(BREAK_MOVES);
  }

  /**
   * Allocates a block. Its bytes are not zeroed. Cost: bounded, unless the break moves.
   *
   * @param size Bytes, from 0 to 2147418112. Size 0 gets a block of its own too.
   * @param alignment Bytes, a power of two up to 1073741824 (1 GiB). By default, a pointer is a multiple of 16 from 16 bytes up,
   *   and of 8 below.
   * @returns The pointer: the address in bytes, never 0.
   * @throws {HeapError} `INVALID_SIZE`, `INVALID_ALIGNMENT`, or `OUT_OF_MEMORY` if no free block fits and the memory cannot grow.
   */
  allocate(size: number, alignment?: number): number {
    const heap = Heap.#self(this);
    const pointer = heap.#allocate(size, alignment);
    if (pointer === 0) throw heap.#outOfMemory(size);
    return pointer;
  }

  /**
   * Allocates a block like `allocate`, but returns 0 when out of memory.
   *
   * @param size Bytes, from 0 to 2147418112.
   * @param alignment Bytes, a power of two up to 1073741824 (1 GiB).
   * @returns The pointer, or 0.
   * @throws {HeapError} `INVALID_SIZE` or `INVALID_ALIGNMENT`.
   */
  tryAllocate(size: number, alignment?: number): number {
    return Heap.#self(this).#allocate(size, alignment);
  }

  #allocate(size: number, alignment: number | undefined): number {
    if (!isWord(size)) throw invalidSize(size);
    if (alignment !== undefined && !isAlignment(alignment)) throw invalidAlignment(alignment);
    let pointer: number;
    try {
      pointer =
        alignment === undefined
          ? this.#engine.allocate(size)
          : this.#engine.heap_allocate(size, alignment);
    } catch (error) {
      throw this.#trapped(error);
    }
    return pointer !== 0 ? pointer >>> 0 : this.#refused(size);
  }

  /**
   * Allocates a block of zeros. Cost: linear in `size`.
   *
   * @param size Bytes, from 0 to 2147418112.
   * @returns The pointer.
   * @throws {HeapError} `INVALID_SIZE` or `OUT_OF_MEMORY`.
   */
  allocateZeroed(size: number): number {
    const heap = Heap.#self(this);
    if (!isWord(size)) throw invalidSize(size);
    const pointer = heap.#ask((engine) => engine.calloc(1, size)) >>> 0;
    if (pointer === 0) {
      heap.#refused(size);
      throw heap.#outOfMemory(size);
    }
    return pointer;
  }

  /** Calls the engine; for all but the most frequent calls. */
  #ask<Result>(call: (engine: Engine) => Result): Result {
    try {
      return call(this.#engine);
    } catch (error) {
      throw this.#trapped(error);
    }
  }

  /** The error for what an engine threw. A trap means that metadata pointed outside the memory. */
  #trapped(error: unknown): unknown {
    expectMemory(this.memory); // it may have been transferred
    if (error instanceof Error && error.name === "RuntimeError")
      return corrupt(OUTSIDE, undefined, error);
    return error;
  }

  /** Throws `CORRUPT` if the memory ends before the break: then an engine's error may be a consequence of that. */
  #expectWhole(): void {
    const end = this.#stat(BREAK);
    const { byteLength } = bufferUpTo(this.memory, end);
    if (end > byteLength) throw shrunk(end, byteLength);
  }

  /** Returns 0 if the engine returned that because it is out of memory. */
  #refused(size: number): 0 {
    const code = this.#engine.heap_error();
    this.#expectWhole();
    if (code === OUT_OF_MEMORY || code === BUSY) return 0;
    throw invalidSize(size);
  }

  #outOfMemory(size: number): HeapError {
    if (this.#engine.heap_error() === BUSY) return busy();
    const limit = this.#stat(LIMIT);
    return outOfMemory(
      size,
      hindranceOf(this.memory, size, this.#stat(BREAK), limit < HIGHEST ? limit : undefined),
    );
  }

  #wrongPointer(code: number, pointer: number): HeapError {
    this.#expectWhole();
    return pointerError(
      code,
      pointer,
      code === OUT_OF_HEAP ? `, which spans ${this.#stat(BASE)} to ${this.#stat(BREAK)}` : "",
    );
  }

  #stat(which: number): number {
    return this.#ask((engine) => engine.heap_stat(which)) >>> 0;
  }

  /**
   * Resizes a block and keeps its contents, up to the smaller of both sizes. The block stays in place if it shrinks, unless it
   * moves to a smaller slot, and if the free memory after it is large enough. Alignments above 16 are not kept. Cost: bounded, and
   * linear in the block's size if it moves.
   *
   * @param pointer The pointer of a live block, or 0 to allocate one.
   * @param size Bytes, from 0 to 2147418112.
   * @returns The pointer. If it is a new one, the old one is invalid.
   * @throws {HeapError} `INVALID_SIZE`, `OUT_OF_MEMORY`, and as `deallocate` does.
   */
  reallocate(pointer: number, size: number): number {
    const heap = Heap.#self(this);
    if (!isWord(pointer)) throw noAddress(pointer);
    if (!isWord(size)) throw invalidSize(size);
    const moved = heap.#ask((engine) => engine.heap_reallocate(pointer, size)) >>> 0;
    if (moved !== 0) {
      if (moved !== pointer) heap.#registry?.move(pointer, moved);
      return moved;
    }
    const code = heap.#engine.heap_error();
    if (code === OUT_OF_MEMORY || code === BUSY) throw heap.#outOfMemory(size);
    throw code === INVALID_SIZE ? invalidSize(size) : heap.#wrongPointer(code, pointer);
  }

  /**
   * Frees a block. Cost: bounded.
   *
   * @param pointer A pointer returned by `allocate`, or 0, which is ignored.
   * @throws {HeapError} `DOUBLE_FREE` if the block is already free, `INVALID_POINTER` if no block starts there, `OUT_OF_HEAP` if the
   *   pointer is outside the heap, `CORRUPT` if the block's header was overwritten.
   */
  deallocate(pointer: number): void {
    const heap = Heap.#self(this);
    if (!isWord(pointer)) throw noAddress(pointer);
    let code: number;
    try {
      code = heap.#engine.heap_release(pointer);
    } catch (error) {
      throw heap.#trapped(error);
    }
    if (code !== OK) throw heap.#wrongPointer(code, pointer);
    if (heap.#registry !== undefined) heap.#registry.freed(pointer);
  }

  /**
   * Returns the bytes that a block has room for: the requested size or a little more.
   *
   * @param pointer The pointer of a live block.
   * @returns Bytes.
   * @throws {HeapError} as `deallocate` does, and for 0.
   */
  usableSize(pointer: number): number {
    const heap = Heap.#self(this);
    if (!isWord(pointer)) throw noAddress(pointer);
    const size = heap.#ask((engine) => engine.malloc_usable_size(pointer)) >>> 0;
    if (size !== 0) return size;
    throw heap.#wrongPointer(pointer === 0 ? OUT_OF_HEAP : heap.#engine.heap_error(), pointer);
  }

  /**
   * Returns whether a pointer is that of a live block of this heap. Cost: bounded.
   *
   * @param pointer Any value.
   * @returns True for a live block.
   */
  owns(pointer: number): boolean {
    const heap = Heap.#self(this);
    return isWord(pointer) && heap.#ask((engine) => engine.heap_owns(pointer)) !== 0;
  }

  /**
   * Returns a typed array on the start of a live block. When an unshared WebAssembly.Memory grows, earlier views are detached: ask
   * for the view again after allocating. Cost: one object.
   *
   * @param type The constructor of a typed array, such as `Float32Array`.
   * @param pointer The pointer of a live block.
   * @param length Number of elements.
   * @returns The view.
   * @throws {HeapError} `INVALID_SIZE` if the block is too small, `BAD_OPTIONS` if `type` is not the constructor of a typed array,
   *   and as `deallocate` does.
   */
  view<View>(type: TypedArrayType<View>, pointer: number, length: number): View {
    const heap = Heap.#self(this);
    expectTypedArray(type);
    const room = heap.usableSize(pointer);
    const bytes = bytesOf(type, length);
    if (!Number.isInteger(length) || length < 0 || bytes > room) {
      const most = Math.floor(room / type.BYTES_PER_ELEMENT);
      throw invalidLength(length, most, { pointer, size: bytes });
    }
    const buffer = bufferUpTo(heap.memory, pointer + bytes);
    if (pointer + bytes > buffer.byteLength) {
      heap.#expectWhole();
      throw corrupt(OUTSIDE, pointer);
    }
    return new type(buffer, pointer, length);
  }

  /**
   * Allocates a block that frees itself. Cost: that of `allocate`, and one object.
   *
   * @param size Bytes, from 0 to 2147418112.
   * @param alignment Bytes, a power of two up to 1073741824 (1 GiB).
   * @returns The block.
   * @throws {HeapError} as `allocate` does.
   */
  block(size: number, alignment?: number): Block {
    return new Block(this, Heap.#self(this).allocate(size, alignment), size);
  }

  /**
   * Allocates an array of zeros in a block that frees itself. It stays valid when the memory grows. Cost: linear in its bytes.
   *
   * @param type The constructor of a typed array, such as `Float64Array`.
   * @param length Number of elements.
   * @returns The array.
   * @throws {HeapError} `INVALID_SIZE`, `OUT_OF_MEMORY`, or `BAD_OPTIONS` if `type` is not the constructor of a typed array.
   */
  array<View extends { readonly length: number }>(
    type: TypedArrayType<View>,
    length: number,
  ): HeapArray<View> {
    return new HeapArray(Heap.#self(this), type, length);
  }

  /**
   * Makes a scope: what it allocates and holds is freed together. Cost: one object.
   *
   * @returns The scope.
   */
  scope(): Scope {
    return new Scope(Heap.#self(this));
  }

  /**
   * Frees a block after an object was garbage-collected; like `FinalizationRegistry`. Use it if no `using` or scope sees the end
   * of the object. Cost: a few objects; each `deallocate` of this heap then looks into a table.
   *
   * The block stays allocated as long as the object is reachable. When it is freed, or if ever, is up to the platform. So use it
   * to clean up, not to get memory in time. A block that is freed manually is unregistered; one that is reallocated stays
   * registered. The heap stays alive as long as a block is registered.
   *
   * The object must not be reachable from the heap. Unregister a block before other code frees it: `free` in a module, another
   * `Heap` on the same memory, a `Block` or a scope. In a shared memory another thread may be using the heap when the object is
   * collected. So the block is freed at this heap's next `register` or `deallocate`.
   *
   * @param object The object whose end frees the block.
   * @param pointer The pointer of a live block.
   * @throws {HeapError} `INVALID_POINTER` if the block is already registered, `BAD_OPTIONS` if `object` is not an object, and as
   *   `deallocate` does.
   * @example
   * ```ts
   * class Mesh {
   *   pointer = heap.allocate(1024);
   *   constructor() {
   *     heap.register(this, this.pointer);
   *   }
   * }
   * ```
   */
  register(object: object, pointer: number): void {
    const heap = Heap.#self(this);
    heap.#registry ??= new Registry(heap);
    heap.#registry.freeLate();
    heap.usableSize(pointer);
    heap.#registry.add(object, pointer);
  }

  /**
   * Ends the registration of a block. Cost: bounded.
   *
   * @param pointer The pointer of the block.
   * @returns Whether the block was registered.
   */
  unregister(pointer: number): boolean {
    return Heap.#self(this).#registry?.remove(pointer) ?? false;
  }

  /**
   * Stores a text as UTF-8 in a block that frees itself and has exactly its size. Zeros within the text are kept; a lone surrogate
   * becomes U+FFFD. Cost: linear, with a temporary copy outside the heap.
   *
   * @param text The text.
   * @returns The block.
   * @throws {HeapError} `OUT_OF_MEMORY`, or `BAD_OPTIONS` if `text` is not a string.
   */
  string(text: string): Block {
    return newString(Heap.#self(this), text);
  }

  /**
   * Stores a text as UTF-8 with a terminating zero, as in C. The zero counts in the block's size.
   *
   * @param text The text, without zeros.
   * @returns The block.
   * @throws {HeapError} `OUT_OF_MEMORY`, or `BAD_OPTIONS` if `text` is not a string or contains a zero.
   */
  cString(text: string): Block {
    return newCString(Heap.#self(this), text);
  }

  /**
   * Reads UTF-8 anywhere in the heap's memory. Invalid UTF-8 becomes U+FFFD. Cost: linear.
   *
   * @param pointer Address in bytes.
   * @param size Bytes.
   * @returns The text.
   * @throws {HeapError} `OUT_OF_HEAP` if the pointer is 0 or outside the memory, `INVALID_SIZE` if the memory ends before.
   */
  readString(pointer: number, size: number): string {
    return stringAt(Heap.#self(this), pointer, size);
  }

  /**
   * Reads UTF-8 up to the first zero, as in C, anywhere in the heap's memory. Cost: linear.
   *
   * @param pointer Address in bytes.
   * @returns The text.
   * @throws {HeapError} `OUT_OF_HEAP` if the pointer is 0 or outside the memory, `INVALID_POINTER` if no zero follows.
   */
  readCString(pointer: number): string {
    return cStringAt(Heap.#self(this), pointer);
  }

  /**
   * Releases free memory at the end of the heap, if the memory can shrink: a resizable ArrayBuffer or native memory that ends where
   * the heap does.
   *
   * @returns The bytes that were released.
   * @throws {HeapError} `CORRUPT` if metadata was overwritten.
   */
  trim(): number {
    return Heap.#self(this).#ask((engine) => engine.heap_trim()) >>> 0;
  }

  /**
   * Counts blocks and bytes by walking the heap. The figures that need no walk are also properties of the heap. Changes nothing.
   * Cost: linear in the number of blocks.
   *
   * @returns The figures.
   * @throws {HeapError} `CORRUPT` if a block's header was overwritten.
   */
  stats(): HeapStats {
    const heap = Heap.#self(this);
    const { heapBytes, peakHeapBytes, breakMoves, base, break: end, limit } = heap;
    const counts = heap.#inspect(countsOf);
    return { heapBytes, peakHeapBytes, breakMoves, base, break: end, limit, ...counts };
  }

  /**
   * Lists everything in the heap, in address order. The last entry is the top block, which may be empty. The entries are those
   * at the time of the call: the heap may be changed while iterating. Changes nothing. Cost: linear in the number of blocks.
   *
   * @returns An iterator of entries.
   * @throws {HeapError} `CORRUPT` if a block's header was overwritten.
   * @example
   * ```ts
   * for (const { address, size, kind } of heap.walk()) console.log(address, size, kind);
   * ```
   */
  walk(): IterableIterator<Entry> {
    return Heap.#self(this).#inspect(entriesOf);
  }

  /**
   * Proves every invariant of the heap. Changes nothing. Cost: linear in the number of blocks and slabs.
   *
   * @throws {HeapError} `CORRUPT` with the first violated invariant and its address.
   */
  check(): void {
    Heap.#self(this).#inspect(expectSound);
  }

  /** Reads the heap as it is now, without the engine. */
  #inspect<Result>(read: (inspector: Inspector) => Result): Result {
    expectMemory(this.memory); // it may have been transferred
    const controlBlock = this.#stat(BASE);
    const { inspector: make } = (this.constructor as typeof Heap).engines;
    const inspector = (this.#inspects ??= make?.(this.#engine) ?? createInspector(this.memory));
    return this.#ask(() => {
      inspector.heap_inspect(controlBlock);
      return read(inspector);
    });
  }

  /**
   * Frees every block at once. Don't dispose of earlier blocks, arrays and scopes afterwards: they would free blocks that are no
   * longer theirs. The footprint stays. Cost: linear in the number of blocks; a slab counts as one.
   *
   * @throws {HeapError} `CORRUPT` if a block's header was overwritten.
   */
  reset(): void {
    const heap = Heap.#self(this);
    if (heap.#ask((engine) => engine.heap_reset()) !== OK) {
      throw corrupt("the header of the block was overwritten");
    }
    heap.#registry?.clear();
  }

  /** @internal */
  [show](): string {
    const { engine, heapBytes, base, break: end } = this;
    return `Heap(${heapBytes} bytes from ${base} to ${end}, engine ${engine})`;
  }
}

/** A method was called without its object. */
function detached(): HeapError {
  return badOptions("A heap's method was called without its heap: call heap.method(), or bind it.");
}

function isAlignment(alignment: number): boolean {
  return (
    isWord(alignment) &&
    alignment > 0 &&
    alignment <= MAX_ALIGNMENT &&
    (alignment & (alignment - 1)) === 0
  );
}
