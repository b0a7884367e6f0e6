/**
 * What an instance of `heap.wasm` exports, and one of `heap.shared.wasm`, which is the same for a shared memory. It is wasm,
 * not a module that can be imported everywhere, so this is for `instance.exports`:
 *
 * ```ts
 * const memory = new WebAssembly.Memory({ initial: 1 });
 * const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
 * const { malloc, free } = instance.exports as typeof import("heapwright/heap.wasm");
 * ```
 *
 * No call is needed to begin: the first request makes a heap at the end of the memory. Sizes and alignments are bytes,
 * pointers are byte offsets; all are 32-bit words, and what comes back above 2 GiB is negative: `p >>> 0` is the address.
 * What goes in is not checked to be a word: the platform cuts `2 ** 32` down to 0.
 *
 * `heap.debug.wasm` has the same exports, and functions that inspect the heap: `heap_check`, `heap_check_at`, `heap_walk`,
 * `heap_walked_size`, `heap_walked_kind` and `heap_inspect`.
 *
 * @module heapwright/heap.wasm
 */

/** A block of at least `size` bytes, 16-byte aligned from 16 bytes up, 8-byte below; 0 when memory is out. */
export function malloc(size: number): number;

/** Gives a block back; nothing for 0. Traps on a pointer that is not a live block's, with the heap as it was. */
export function free(pointer: number): void;

/** A block of `count` times `size` bytes, all zero; 0 when memory is out or the product is too large. */
export function calloc(count: number, size: number): number;

/**
 * Makes a block larger or smaller, contents kept; its pointer, maybe a new one, or 0 when memory is out, with the block as it
 * was. `realloc(0, size)` allocates. Traps as `free` does.
 */
export function realloc(pointer: number, size: number): number;

/** Allocates a block at a multiple of `alignment`, a power of two up to 2^30; 0 if memory is out or the alignment is invalid. */
export function aligned_alloc(alignment: number, size: number): number;

/** The same as `aligned_alloc`, by its older name. */
export function memalign(alignment: number, size: number): number;

/** Writes the pointer of an aligned block to address `result`; 0, 22 for a wrong alignment, 12 when memory is out. */
export function posix_memalign(result: number, alignment: number, size: number): number;

/** Bytes that the block has room for; 0 for a pointer that is not a live block's. */
export function malloc_usable_size(pointer: number): number;

/** As glibc's: 1 where memory was given back. A `WebAssembly.Memory` can't shrink, so here 0. */
export function malloc_trim(keep: number): number;

/** `malloc`, by its plain name. */
export function allocate(size: number): number;

/** `free`, by its plain name. */
export function deallocate(pointer: number): void;

/**
 * Makes a heap at address `base` instead, up to address `limit` (0: as far as the memory grows); 0, or an error's number.
 * What the memory holds there is overwritten.
 */
export function heap_init(base: number, limit: number): number;

/** Joins the heap that exists at address `base`; 0, or an error's number. */
export function heap_attach(base: number): number;

/** Address where the heap ends now; 0 before there is one. */
export function heap_break(): number;

/**
 * Why the last call failed: 1 out of memory, 2 invalid size, 3 invalid alignment, 4 double free, 5 invalid pointer, 6 out
 * of the heap, 7 corrupt, 8 bad options.
 */
export function heap_error(): number;
