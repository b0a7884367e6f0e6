/** The heap: what the engine does, for JavaScript. */

import { INVARIANTS } from "../build/generated/invariants.js";
import { createInspector } from "../build/generated/inspector.js";
import { MAX_ALIGNMENT } from "../engine/block.ts";
import { MAX_SMALL } from "../engine/classes.ts";
import { INVALID_SIZE, OK, OUT_OF_HEAP, OUT_OF_MEMORY } from "../engine/errors.ts";
import { bytesOf, expectTypedArray, HeapArray } from "./array.ts";
import { Block } from "./block.ts";
import { type Engine, type EngineName, engineOn, type Engines, type Inspector } from "./engine.ts";
import {
  badOptions,
  corrupt,
  HeapError,
  invalidAlignment,
  invalidSize,
  isWord,
  noAddress,
  outOfMemory,
  pointerError,
  shown,
} from "./errors.ts";
import {
  bufferOf,
  expectMemory,
  hindranceOf,
  type HeapMemory,
  ownMemory,
  tagOf,
} from "./memories.ts";
import { Owners } from "./owners.ts";
import { Scope } from "./scope.ts";
import { cStringAt, newCString, newString, stringAt } from "./strings.ts";

/** How a heap is made. Every option has a default. */
export interface HeapOptions {
  /** What the heap lives in. Default: a WebAssembly.Memory of its own, which grows as needed. */
  memory?: HeapMemory;
  /**
   * Address (bytes) where the heap begins, from 0 to 4 GiB. Default: 0. Give it where something else lives at the start of
   * the memory, which the heap would overwrite. Rounded up to a multiple of 16; address 0 itself is never used.
   */
  base?: number;
  /**
   * Address (bytes) where the heap must end, at least 4 KiB above `base` and at most 4 GiB. Memory up to there is the
   * heap's alone. Default: none; it grows as long as the memory does, behind whatever others grow.
   */
  limit?: number;
  /**
   * Bytes taken beyond what is needed each time the break moves, from 0 to 4 GiB. Default: a 256th of the heap. More
   * means fewer moves, which are slow, and more memory taken that may not be needed.
   */
  margin?: number;
  /**
   * Which free block serves a request: `"best"` (default), the smallest that is large enough; `"first"`, the one
   * at the lowest address; `"next"`, the first one after the last that was taken. The last two take time linear in the
   * number of blocks, and are there to be compared.
   */
  fit?: "best" | "first" | "next";
  /**
   * Largest size (bytes) that slabs serve, from 0 to 1008; larger requests get blocks of their own. Default: 1008. With 0
   * it is a plain boundary-tag heap.
   */
  small?: number;
  /**
   * `"wasm"`: WebAssembly, which needs a WebAssembly.Memory; `"js"`: JavaScript; `"auto"` (default): WebAssembly where it
   * can be had. The pointers are the same.
   */
  engine?: EngineName | "auto";
}

/** What is in the heap, in bytes and numbers of blocks. Objects in slabs count as blocks. */
export interface HeapStats {
  /** Footprint: bytes between base and break that are the heap's, metadata included. */
  heapBytes: number;
  /** The largest footprint so far. */
  peakHeapBytes: number;
  /** How often the break was moved up, the first time included. */
  breakMoves: number;
  /** Address of the heap's control block; `Heap.attach(memory, base)` joins the heap. */
  base: number;
  /** Address where the heap's memory ends now. */
  break: number;
  /** Address that the break can't be moved beyond. */
  limit: number;
  /** Usable bytes of all live blocks. */
  usedBytes: number;
  /** Bytes that are free for blocks and, in slabs, for objects. */
  freeBytes: number;
  /** Number of live blocks. */
  usedBlocks: number;
  /** Number of free blocks, and of free slots in slabs. */
  freeBlocks: number;
  /** Bytes of the largest free block. What is larger moves the break. */
  largestFree: number;
}

/**
 * What lies at an address: a block, free or in use; in slabs, which serve small sizes, a slot, free or in use; metadata of
 * the heap; a foreign region, which is memory between two parts of the heap that was grown by other code.
 */
export type EntryKind = "free" | "used" | "free-slot" | "used-slot" | "metadata" | "foreign";

/** A stretch of the heap. */
export interface Entry {
  /** Where its payload begins: the pointer, if it is in use. */
  address: number;
  /** Bytes of payload. */
  size: number;
  /** What lies there. */
  kind: EntryKind;
}

/** A typed array's constructor, such as `Float32Array`. */
export interface TypedArrayType<View> {
  /** Bytes of one element. */
  readonly BYTES_PER_ELEMENT: number;
  /** What the type of the views is taken from: on any buffer, shared or not. */
  readonly prototype: View;
  /** A view of `length` elements from `byteOffset` (bytes) on. */
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): NoInfer<View>;
}

/** In the order of the engine's numbers. */
const KINDS: readonly EntryKind[] = [
  "free",
  "used",
  "free-slot",
  "used-slot",
  "metadata",
  "foreign",
];
const FITS = ["best", "first", "next"] as const;
const ENGINES = ["auto", "wasm", "js"] as const;
const OPTIONS: readonly string[] = [
  "memory",
  "base",
  "limit",
  "margin",
  "fit",
  "small",
  "engine",
] satisfies (keyof HeapOptions)[];

const ADDRESS_SPACE = 2 ** 32;
/** Bytes that the smallest heap gets. */
const LEAST_ROOM = 4096;
/** The last granule of 4 GiB is never used, so that every address and size fits a word. */
const HIGHEST = ADDRESS_SPACE - 16;

/** Marks the options of a heap that exists already. */
const ATTACH = Symbol("attach");

/** The heap without an engine. The `Heap` of each entry extends it. */
export class Heap {
  /** @internal The engines that the entry contains. */
  static readonly engines: Engines = {};

  /** What the heap lives in. */
  readonly memory: HeapMemory;
  /** The engine that was picked. */
  readonly engine: EngineName;
  readonly #engine: Engine;
  /** Undefined until the heap is inspected. */
  #inspects: Inspector | undefined;
  /** Undefined until the first block gets an owner. */
  #owners: Owners | undefined;

  /**
   * Makes a heap. What the memory holds from `base` on is overwritten.
   *
   * Throws `BAD_OPTIONS`, saying which option is wrong and what is allowed; `OUT_OF_MEMORY` where the memory is too small
   * and can't grow. Cost: the first heap of a program compiles the engine, a few milliseconds at most.
   */
  constructor(options: HeapOptions = {}) {
    const { memory, base, limit, margin, fit, small, engine } = checked(options);
    this.memory = memory ?? ownMemory();
    const picked = engineOn(this.memory, engine, new.target.engines);
    this.engine = picked.name;
    this.#engine = picked.engine;
    if (ATTACH in options) {
      if (this.#engine.heap_attach(base) === OK) return;
      throw badOptions(
        `there is no heap at base ${base}: expected the base that the heap was made with`,
      );
    }
    const code = this.#engine.heap_create(base, limit ?? 0, margin ?? -1, FITS.indexOf(fit), small);
    if (code === OUT_OF_MEMORY) {
      throw new HeapError(
        "OUT_OF_MEMORY",
        `no room for a heap at base ${base}, which takes at least 4 KiB: ${hindranceOf(this.memory, LEAST_ROOM, base, limit)}`,
      );
    }
    if (code !== OK) {
      throw badOptions(
        `base ${base} is too near to 4 GiB: expected at least 4 KiB of room for the heap`,
      );
    }
  }

  /**
   * Joins a heap that exists in a memory, made there by this or another program, engine or thread; all of a heap's state
   * is in the memory. Two threads must not use it at the same time.
   *
   * `base` is the one that the heap was made with, or that `stats()` tells. Throws `BAD_OPTIONS` where there is no heap.
   */
  static attach(memory: HeapMemory, base = 0, options: Pick<HeapOptions, "engine"> = {}): Heap {
    expectOptions(options, "attach", ["engine"]);
    const joined: HeapOptions & { [ATTACH]: true } = {
      ...options,
      memory: expectMemory(memory),
      base,
      [ATTACH]: true,
    };
    return new this(joined);
  }

  /** The memory's buffer as it is now. A `WebAssembly.Memory` gets another one when it grows. */
  get buffer(): ArrayBuffer | SharedArrayBuffer {
    return bufferOf(this.memory);
  }

  /**
   * A block of at least `size` bytes (0 to 2147418112), with whatever the memory held before; its pointer, never 0. Size 0
   * gets a block of its own too.
   *
   * Pointers are multiples of 16 from 16 bytes up, of 8 below, and of `alignment` if it is given: a power of two from 1
   * to 1073741824 (1 GiB). Throws `INVALID_SIZE`, `INVALID_ALIGNMENT`, `OUT_OF_MEMORY`. Cost: bounded, but for moves of the break.
   */
  allocate(size: number, alignment?: number): number {
    const pointer = this.tryAllocate(size, alignment);
    if (pointer === 0) throw this.#outOfMemory(size);
    return pointer;
  }

  /** The same, with 0 for an answer where the memory is out. Throws `INVALID_SIZE` and `INVALID_ALIGNMENT`. */
  tryAllocate(size: number, alignment?: number): number {
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

  /** `allocate`, with `size` bytes of zeros in the block. Cost: linear in `size`. */
  allocateZeroed(size: number): number {
    if (!isWord(size)) throw invalidSize(size);
    const pointer = this.#ask((engine) => engine.calloc(1, size)) >>> 0;
    if (pointer === 0) {
      this.#refused(size);
      throw this.#outOfMemory(size);
    }
    return pointer;
  }

  /** What the engine answers to all but the calls that are most often made. */
  #ask<Answer>(question: (engine: Engine) => Answer): Answer {
    try {
      return question(this.#engine);
    } catch (error) {
      throw this.#trapped(error);
    }
  }

  /** The error for what an engine threw: a trap means that what the heap notes in the memory led it out of there. */
  #trapped(error: unknown): unknown {
    if (error instanceof Error && error.name === "RuntimeError")
      return corrupt("the heap's own words lead out of the memory", undefined, error);
    expectMemory(this.memory); // which may have been transferred
    return error;
  }

  /** 0 where the engine answered that because the memory is out. */
  #refused(size: number): 0 {
    if (this.#engine.heap_error() === OUT_OF_MEMORY) return 0;
    throw invalidSize(size);
  }

  #outOfMemory(size: number): HeapError {
    const limit = this.#stat(5);
    return outOfMemory(
      size,
      hindranceOf(this.memory, size, this.#stat(4), limit < HIGHEST ? limit : undefined),
    );
  }

  #wrongPointer(code: number, pointer: number): HeapError {
    return pointerError(code, pointer, `, which lies from ${this.#stat(3)} to ${this.#stat(4)}`);
  }

  #stat(which: number): number {
    return this.#ask((engine) => engine.heap_stat(which)) >>> 0;
  }

  /**
   * Makes a block larger or smaller, its contents kept up to the smaller of both sizes; its pointer, which may be a new
   * one: the old one is then no longer a block's. For pointer 0 it is `allocate`. Alignments beyond 16 are not kept.
   *
   * The block stays where it is when it shrinks (a small one may move to a smaller slot) and when what is free behind it
   * suffices. Throws `INVALID_SIZE`, `OUT_OF_MEMORY` (the block is then as it was), and what `deallocate` throws.
   * Cost: bounded, and linear in the block's size where it moves.
   */
  reallocate(pointer: number, size: number): number {
    if (!isWord(pointer)) throw noAddress(pointer);
    if (!isWord(size)) throw invalidSize(size);
    const moved = this.#ask((engine) => engine.heap_reallocate(pointer, size)) >>> 0;
    if (moved !== 0) {
      if (moved !== pointer) this.#owners?.move(pointer, moved);
      return moved;
    }
    const code = this.#engine.heap_error();
    if (code === OUT_OF_MEMORY) throw this.#outOfMemory(size);
    throw code === INVALID_SIZE ? invalidSize(size) : this.#wrongPointer(code, pointer);
  }

  /**
   * Gives a block back. Nothing is done for 0.
   *
   * Throws `DOUBLE_FREE` where the pointer's memory is free already, `INVALID_POINTER` where no block begins there,
   * `OUT_OF_HEAP` where the memory is not the heap's, `CORRUPT` where the block's header can't be true. Cost: bounded.
   */
  deallocate(pointer: number): void {
    if (!isWord(pointer)) throw noAddress(pointer);
    let code: number;
    try {
      code = this.#engine.heap_release(pointer);
    } catch (error) {
      throw this.#trapped(error);
    }
    if (code !== OK) throw this.#wrongPointer(code, pointer);
    if (this.#owners !== undefined) this.#owners.freed(pointer);
  }

  /** Bytes that the block at `pointer` has room for: what was asked for or a little more. Throws as `deallocate` does. */
  usableSize(pointer: number): number {
    if (!isWord(pointer)) throw noAddress(pointer);
    const size = this.#ask((engine) => engine.malloc_usable_size(pointer)) >>> 0;
    if (size !== 0) return size;
    throw this.#wrongPointer(pointer === 0 ? OUT_OF_HEAP : this.#engine.heap_error(), pointer);
  }

  /** Whether `pointer` is that of a live block of this heap. Cost: bounded. */
  owns(pointer: number): boolean {
    if (!isWord(pointer)) return false;
    return this.#ask((engine) => engine.heap_owns(pointer)) !== 0;
  }

  /**
   * A view of `length` elements onto the start of a live block, on the memory's buffer as it is now. When the memory
   * grows, views onto an unshared WebAssembly.Memory are detached: ask for the view again after allocating.
   *
   * Throws `INVALID_SIZE` where the block is smaller than that, and as `deallocate` does. Cost: one object.
   */
  view<View>(type: TypedArrayType<View>, pointer: number, length: number): View {
    expectTypedArray(type);
    const room = this.usableSize(pointer);
    const bytes = bytesOf(type, length);
    if (!Number.isInteger(length) || length < 0 || bytes > room) {
      throw new HeapError(
        "INVALID_SIZE",
        `length ${shown(length)} is not a whole number of elements from 0 to ` +
          `${Math.floor(room / type.BYTES_PER_ELEMENT)}: the block at ${pointer} has ${room} bytes`,
        { pointer, size: bytes },
      );
    }
    return new type(this.buffer, pointer, length);
  }

  /** A block that frees itself. Its arguments, errors and cost are those of `allocate`, and one object. */
  block(size: number, alignment?: number): Block {
    return new Block(this, this.allocate(size, alignment), size);
  }

  /**
   * An array of `length` zeros, such as `heap.array(Float64Array, 1000)`, in a block that frees itself. Throws `INVALID_SIZE`
   * and `OUT_OF_MEMORY`. Cost: linear in its bytes.
   */
  array<View extends { readonly length: number }>(
    type: TypedArrayType<View>,
    length: number,
  ): HeapArray<View> {
    return new HeapArray(this, type, length);
  }

  /** A scope: what it allocates is freed at its end, together. Cost: one object. */
  scope(): Scope {
    return new Scope(this);
  }

  /**
   * Has a block deallocated after `owner`, an object, was collected; answers the object. For what has no end that `using` or
   * a scope could see.
   *
   * It promises that the block is not deallocated as long as the object can be reached, and at most once: deallocated by
   * hand before, it has no owner any more, so what gets the same address later is safe; reallocated, it keeps its owner. The
   * heap stays as long as one of its blocks has an owner. It does not promise when, nor that it happens at all: collecting
   * is up to the platform, which may end without, and waits for the program to be idle. Use it to clean up behind a
   * program that forgot, not to have room in time.
   *
   * The object must not be reachable from the heap, nor from what lives as long. Blocks that something else frees, be it
   * `free` in a module, another `Heap` on the same memory, a `Block` or a scope, must be disowned first, as must those that
   * are in use without the object. An error while deallocating then can be caught nowhere.
   *
   * In a shared memory another thread may have its turn when the object is collected: there the block is deallocated with
   * this heap's next `own` or `deallocate`.
   *
   * Throws `INVALID_POINTER` where the block has an owner already, `BAD_OPTIONS` where the owner is no object, and as
   * `deallocate` does. Cost: some objects; each `deallocate` of the heap then takes one look into a table.
   */
  own<Owner extends object>(owner: Owner, pointer: number): Owner {
    this.#owners ??= new Owners(this);
    this.#owners.freeLate();
    this.usableSize(pointer);
    this.#owners.add(owner, pointer);
    return owner;
  }

  /** Has a block no longer deallocated with its owner; whether it had one. Cost: bounded. */
  disown(pointer: number): boolean {
    return this.#owners?.forget(pointer) ?? false;
  }

  /**
   * The text as UTF-8, in a block that frees itself and is exactly as long. Zeros within the text are kept; a lone surrogate
   * becomes U+FFFD. Throws `OUT_OF_MEMORY`. Cost: linear, with a copy beside the heap on the way.
   */
  string(text: string): Block {
    return newString(this, text);
  }

  /**
   * The same with a zero behind, as C has it; the zero counts in `size`. Throws `BAD_OPTIONS` where the text has a zero
   * within, which would end it there.
   */
  cString(text: string): Block {
    return newCString(this, text);
  }

  /**
   * The text of `size` bytes of UTF-8, anywhere in the heap's memory, in a block or not. What is not UTF-8 becomes U+FFFD.
   * Throws `OUT_OF_HEAP` for 0 and what is not in the memory, `INVALID_SIZE` where the memory ends before. Cost: linear.
   */
  readString(pointer: number, size: number): string {
    return stringAt(this, pointer, size);
  }

  /** The same up to the first zero, as C has it. Throws `INVALID_POINTER` where no zero comes before the memory ends. */
  readCString(pointer: number): string {
    return cStringAt(this, pointer);
  }

  /**
   * Gives the free end of the heap back where the memory can shrink, which is a resizable ArrayBuffer that ends where the
   * heap does; the number of bytes given back. Cost: bounded.
   */
  trim(): number {
    return this.#ask((engine) => engine.heap_trim()) >>> 0;
  }

  /** What is in the heap. Changes nothing. Cost: linear in the number of blocks, since it walks the heap. */
  stats(): HeapStats {
    const stats: HeapStats = {
      heapBytes: this.#stat(0),
      peakHeapBytes: this.#stat(2),
      breakMoves: this.#stat(1),
      base: this.#stat(3),
      break: this.#stat(4),
      limit: this.#stat(5),
      usedBytes: 0,
      freeBytes: 0,
      usedBlocks: 0,
      freeBlocks: 0,
      largestFree: 0,
    };
    for (const { size, kind } of this.walk()) {
      if (kind === "used" || kind === "used-slot") {
        stats.usedBytes += size;
        stats.usedBlocks += 1;
      } else if (kind === "free" || kind === "free-slot") {
        stats.freeBytes += size;
        if (size > 0) stats.freeBlocks += 1;
        if (kind === "free" && size > stats.largestFree) stats.largestFree = size;
      }
    }
    return stats;
  }

  /**
   * Everything in the heap, in address order; the last entry is the top block, which may be empty. Changes nothing. The heap
   * must not be changed during the walk. Cost: constant for each entry.
   *
   * @throws {HeapError} `CORRUPT` if a block's header was overwritten.
   */
  *walk(): Generator<Entry, void, undefined> {
    const inspector = this.#inspector();
    for (let last = 0, at = inspector.heap_walk(0) >>> 0; at !== 0;) {
      if (at <= last) throw corrupt(`the block at ${last} leads back to ${at}`, last);
      const kind = KINDS[inspector.heap_walked_kind()]!;
      yield { address: at, size: inspector.heap_walked_size() >>> 0, kind };
      last = at;
      at = inspector.heap_walk(at) >>> 0;
    }
  }

  /**
   * Proves every invariant of the heap; changes nothing. Cost: linear in the number of blocks and slabs.
   *
   * @throws {HeapError} `CORRUPT` with the first violated invariant and its address: something wrote outside of its block.
   */
  check(): void {
    const inspector = this.#inspector();
    const code = inspector.heap_check();
    if (code === 0) return;
    const name = String.fromCharCode(code >> 8) + (code & 255);
    const at = inspector.heap_check_at() >>> 0;
    throw corrupt(`invariant ${name} is violated at ${at}: ${INVARIANTS[name]}`, at);
  }

  /** Reads the heap as it is now, without the engine. */
  #inspector(): Inspector {
    expectMemory(this.memory); // which may have been transferred
    const controlBlock = this.#stat(3);
    this.#inspects ??= createInspector(this.memory);
    this.#inspects.heap_inspect(controlBlock);
    return this.#inspects;
  }

  /**
   * Frees every block at once; their pointers are no longer anybody's, so blocks and arrays of before must not be disposed
   * of afterwards, nor scopes that hold some. The memory stays the heap's. Cost: linear in the number of blocks; a slab
   * counts as one. Throws `CORRUPT` where a header can't be true.
   */
  reset(): void {
    const code = this.#ask((engine) => engine.heap_reset());
    if (code !== 0) throw corrupt("a block has no size");
    this.#owners?.forgetAll();
  }
}

/** Options with their defaults; throws `BAD_OPTIONS` for what is not allowed. */
function checked(options: HeapOptions) {
  expectOptions(options, "a heap", OPTIONS);
  const {
    memory,
    base = 0,
    limit,
    margin,
    fit = "best",
    small = MAX_SMALL,
    engine = "auto",
  } = options;
  expectInteger("base", base, 0, ADDRESS_SPACE - 1);
  if (limit !== undefined) {
    expectInteger("limit", limit, 1, ADDRESS_SPACE);
    if (limit - base < LEAST_ROOM) {
      throw badOptions(
        `limit ${limit} is less than 4 KiB above base ${base}: expected at least ${base + LEAST_ROOM}`,
      );
    }
  }
  if (margin !== undefined) expectInteger("margin", margin, 0, ADDRESS_SPACE);
  expectInteger("small", small, 0, MAX_SMALL);
  expectOneOf("fit", fit, FITS);
  expectOneOf("engine", engine, ENGINES);
  return {
    memory: memory === undefined ? undefined : expectMemory(memory),
    base,
    limit: limit === undefined ? undefined : Math.min(limit, HIGHEST),
    margin: margin === undefined ? undefined : Math.min(margin, HIGHEST),
    fit,
    small,
    engine,
  };
}

/** Something that is no object of options, such as a memory given by itself, would else be ignored. */
function expectOptions(options: unknown, what: string, allowed: readonly string[]): void {
  if (tagOf(options) !== "Object") {
    throw badOptions(`options is ${shown(options)}: expected an object such as { ${allowed[0]} }`);
  }
  const unknown = Object.keys(options as object).find((name) => !allowed.includes(name));
  if (unknown === undefined) return;
  throw badOptions(`${unknown} is no option of ${what}: expected ${allowed.join(", ")}`);
}

function expectInteger(option: string, value: unknown, least: number, most: number): void {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return;
  throw badOptions(
    `${option} is ${shown(value)}: expected a whole number of bytes from ${least} to ${most}`,
  );
}

function expectOneOf(option: string, value: unknown, allowed: readonly unknown[]): void {
  if (allowed.includes(value)) return;
  throw badOptions(`${option} is ${shown(value)}: expected ${allowed.map(shown).join(", ")}`);
}

function isAlignment(alignment: number): boolean {
  return (
    isWord(alignment) &&
    alignment > 0 &&
    alignment <= MAX_ALIGNMENT &&
    (alignment & (alignment - 1)) === 0
  );
}
