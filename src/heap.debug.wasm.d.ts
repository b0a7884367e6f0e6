/**
 * The exports of an instance of `heap.debug.wasm`: those of `heap.wasm`, and functions that inspect the heap. They read the
 * heap and change nothing.
 *
 * ```ts
 * const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
 * const { malloc, heap_check } = instance.exports as typeof import("heapwright/heap.debug.wasm");
 * ```
 *
 * @module heapwright/heap.debug.wasm
 */

export * from "./heap.wasm.js";

/**
 * Checks all invariants. Returns 0, or the first violated one as a number: the character code of its letter × 256 + its number.
 * Cost: linear in the number of blocks and slabs.
 */
export function heap_check(): number;

/** Returns the address at which the last `heap_check` found a violation. */
export function heap_check_at(): number;

/** Returns the entry after `entry` in address order, starting with 0; 0 at the end, `entry` itself if its header was overwritten. */
export function heap_walk(entry: number): number;

/** Returns the bytes of the entry that the last `heap_walk` returned. */
export function heap_walked_size(): number;

/** Returns its kind: 0 free block, 1 block in use, 2 free slot, 3 slot in use, 4 metadata, 5 foreign region. */
export function heap_walked_kind(): number;
