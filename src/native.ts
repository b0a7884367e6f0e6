/**
 * Heaps at real addresses of the process, which native code can read and write: in Node with koffi, in Bun and in Deno, on Linux.
 *
 * @module heapwright/native
 */

import { createEngine } from "../tools/build/generated/js-engine.js";
import { badOptions, HeapBase, HeapError, invalid } from "./library.ts";
import { tagOf } from "./memories.ts";
import { ADDRESS_SPACE, Mapping, ProcessBreak } from "./native/memory.ts";
import { NATIVE } from "./native/tag.ts";
import { shown } from "./show.ts";
import type { AttachOptions, Engines, HeapOptions, NativeMemory } from "./types.ts";

export { HeapError, struct } from "./library.ts";
export type * from "./library.ts";

/** The smallest mapping, in bytes: a page of WebAssembly. */
const LEAST_RESERVE = 65536;

/** How a heap in native memory is made; see `HeapOptions`. Its engine is JavaScript. */
export interface NativeHeapOptions extends Omit<HeapOptions, "memory" | "engine"> {
  /**
   * The memory that the heap lives in.
   *
   * @defaultValue a new `mapping()`
   */
  memory?: NativeMemory;
}

/** How a mapping is made. */
export interface MappingOptions {
  /**
   * Its largest size in bytes, from 64 KiB to 4 GiB. They take addresses, but no memory until they are used.
   *
   * @defaultValue 4 GiB
   */
  reserve?: number;
}

/**
 * Returns memory on the program break of the process, from where the break is now. It grows by `sbrk`. Other code, such as `malloc`,
 * may move the break too: the heap then continues behind the memory which that code added. Addresses are aligned up to 64 KiB.
 *
 * @returns The memory, for `new Heap({ memory })`.
 * @throws {HeapError} `OUT_OF_MEMORY` if the break cannot move. `BAD_OPTIONS` if the platform has no native memory: the message
 *   says what to install or to allow.
 * @example
 * ```ts
 * const heap = new Heap({ memory: processBreak() });
 * ```
 */
export function processBreak(): NativeMemory {
  return new ProcessBreak();
}

/**
 * Returns memory in a mapping of its own. The system gives it pages when they are first used. Its addresses stay reserved until the
 * process ends.
 *
 * @param options The bytes to reserve.
 * @returns The memory, for `new Heap({ memory })`.
 * @throws {HeapError} `OUT_OF_MEMORY` if there are not so many addresses. `BAD_OPTIONS` for an invalid option, or if the platform
 *   has no native memory: the message says what to install or to allow.
 * @example
 * ```ts
 * const heap = new Heap({ memory: mapping({ reserve: 2 ** 30 }) });
 * ```
 */
export function mapping(options: MappingOptions = {}): NativeMemory {
  const { reserve = ADDRESS_SPACE } = options;
  if (Number.isInteger(reserve) && reserve >= LEAST_RESERVE && reserve <= ADDRESS_SPACE) {
    return new Mapping(reserve);
  }
  throw invalid(
    "reserve",
    reserve,
    `a whole number of bytes from ${LEAST_RESERVE} to ${ADDRESS_SPACE}`,
  );
}

/**
 * A heap in native memory. Pointers are offsets in it, as in every heap; `address` and `pointer` convert them.
 *
 * @example
 * ```ts
 * const heap = new Heap({ memory: mapping() });
 * const p = heap.allocate(100);
 * callNative(heap.address(p));
 * heap.deallocate(p);
 * ```
 */
export class Heap extends HeapBase {
  /** @internal */
  static override readonly engines: Engines = {
    wasm: () => ({ reason: "needs a WebAssembly.Memory" }),
    js: createEngine,
  };
  /** @internal */
  static override readonly newMemory: () => NativeMemory = mapping;

  /** The memory that the heap lives in. */
  declare readonly memory: NativeMemory;

  /**
   * Makes a heap.
   *
   * @param options See `NativeHeapOptions`.
   * @throws {HeapError} `BAD_OPTIONS` for an invalid option, or as `mapping` does. `OUT_OF_MEMORY` if the memory is too small.
   */
  constructor(options: NativeHeapOptions = {}) {
    super(expectNative(options));
  }

  /**
   * Joins a heap that exists in native memory; see `Heap.attach` of `heapwright`.
   *
   * @param memory The memory that the heap lives in.
   * @param options The heap's `base`.
   * @returns A heap that shares all blocks.
   * @throws {HeapError} `BAD_OPTIONS` if there is no heap at `base`, or for an invalid option.
   */
  static override attach(memory: NativeMemory, options: AttachOptions = {}): Heap {
    return super.attach(memory, options) as Heap;
  }

  /**
   * Returns the address of a pointer, for native code. It stays the same when the heap grows. Cost: a sum of BigInts.
   *
   * @param pointer A pointer, an offset inside a block, or 0, whose address is 0n.
   * @returns The address.
   * @throws {HeapError} `OUT_OF_HEAP` if the pointer is not between the start and the break of the heap.
   */
  address(pointer: number): bigint {
    if (pointer === 0) return 0n;
    if (Number.isInteger(pointer) && pointer >= this.base && pointer <= this.break) {
      return this.memory.address + BigInt(pointer);
    }
    throw this.#outside("pointer", pointer, 0n);
  }

  /**
   * Returns the pointer for an address, such as one that native code returns.
   *
   * @param address An address inside the heap, or 0n, whose pointer is 0.
   * @returns The pointer. It need not be the start of a block.
   * @throws {HeapError} `OUT_OF_HEAP` if the address is not between the start and the break of the heap.
   */
  pointer(address: bigint): number {
    if (address === 0n) return 0;
    if (typeof address === "bigint") {
      const offset = address - this.memory.address;
      if (offset >= this.base && offset <= this.break) return Number(offset);
    }
    throw this.#outside("address", address, this.memory.address);
  }

  #outside(what: string, value: unknown, from: bigint): HeapError {
    const [first, last] = [this.base, this.break].map((each) => from + BigInt(each));
    return new HeapError(
      "OUT_OF_HEAP",
      `Invalid ${what} ${shown(value)}: it is outside this heap, which spans ${first} to ${last}.`,
    );
  }

  /**
   * Returns free memory to the system: at the end of the heap, and whole pages inside free blocks. Cost: linear in the number of
   * blocks.
   *
   * @returns The bytes that were returned, whether or not the program had used them.
   * @throws {HeapError} `CORRUPT` if metadata was overwritten.
   */
  override trim(): number {
    let bytes = super.trim();
    for (const { address, size, kind } of this.walk()) {
      // The first and the last words of a free block are links and its size.
      if (kind === "free") bytes += this.memory.discard(address + 16, address + size - 8);
    }
    return bytes;
  }
}

/** Throws `BAD_OPTIONS` if the options have a memory that is not native. `HeapBase` checks the rest. */
function expectNative(options: NativeHeapOptions): NativeHeapOptions {
  const memory: unknown = (options as NativeHeapOptions | null)?.memory;
  if (memory === undefined || tagOf(memory) === NATIVE) return options;
  throw badOptions(
    'Invalid memory: expected processBreak() or mapping(). For other memories import Heap from "heapwright".',
  );
}
