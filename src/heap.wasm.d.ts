/**
 * The exports of an instance of `heap.wasm`. Those of `heap.shared.wasm`, which is for a shared memory, are the same. Use them as
 * the type of `instance.exports`:
 *
 * ```ts
 * const memory = new WebAssembly.Memory({ initial: 1 });
 * const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
 * const { malloc, free } = instance.exports as typeof import("heapwright/heap.wasm");
 * ```
 *
 * The first request creates a heap at the end of the memory. Sizes and alignments are in bytes, and pointers are byte offsets. All
 * are 32-bit words. Above 2 GiB, results are negative: `p >>> 0` is the address. Arguments are not checked: the platform converts
 * them to 32 bits, so `2 ** 32` becomes 0.
 *
 * `heap.debug.wasm` has the same exports, and functions that inspect the heap: `heap_check`, `heap_check_at`, `heap_walk`,
 * `heap_walked_size`, `heap_walked_kind` and `heap_inspect`.
 *
 * @module heapwright/heap.wasm
 */

/**
 * Allocates a block of at least `size` bytes.
 *
 * @param size Bytes.
 * @returns its pointer, a multiple of 16, or of 8 if it has less than 16 bytes; 0 if memory is out.
 */
export function malloc(size: number): number;

/**
 * Frees a block.
 *
 * @param pointer The pointer of a live block, or 0, which is ignored. Any other pointer traps, and the heap is unchanged.
 */
export function free(pointer: number): void;

/**
 * Allocates a block of zeros.
 *
 * @returns its pointer; 0 if memory is out or `count * size` is too large.
 */
export function calloc(count: number, size: number): number;

/**
 * Resizes a block and keeps its contents. `realloc(0, size)` allocates. An invalid pointer traps, as in `free`.
 *
 * @returns the pointer of the block, which may be a new one; 0 if memory is out, and then the block is unchanged.
 */
export function realloc(pointer: number, size: number): number;

/** Allocates a block at a multiple of `alignment`, a power of two up to 2^30; 0 if memory is out or the alignment is invalid. */
export function aligned_alloc(alignment: number, size: number): number;

/** The same as `aligned_alloc`: its older name. */
export function memalign(alignment: number, size: number): number;

/**
 * Allocates an aligned block, and writes its pointer to address `result`.
 *
 * @returns 0; 22 (`EINVAL`) if the alignment is invalid; 12 (`ENOMEM`) if memory is out.
 */
export function posix_memalign(result: number, alignment: number, size: number): number;

/** Returns the bytes that a block has room for; 0 if the pointer is not that of a live block. */
export function malloc_usable_size(pointer: number): number;

/** Shrinks the memory as in glibc, and returns whether it did. A `WebAssembly.Memory` cannot shrink, so it returns 0. */
export function malloc_trim(keep: number): number;

/** The same as `malloc`. */
export function allocate(size: number): number;

/** The same as `free`. */
export function deallocate(pointer: number): void;

/**
 * Creates a heap at address `base`. It overwrites the memory there.
 *
 * @param limit The address where the heap must end, or 0 for no limit.
 * @returns 0, or the number of an error.
 */
export function heap_init(base: number, limit: number): number;

/** Joins the heap that exists at address `base`. Returns 0, or the number of an error. */
export function heap_attach(base: number): number;

/** Returns the address where the heap ends; 0 if there is no heap yet. */
export function heap_break(): number;

/**
 * Returns the number of the last error: 1 out of memory, 2 invalid size, 3 invalid alignment, 4 double free, 5 invalid pointer, 6 out
 * of the heap, 7 corrupt, 8 bad options.
 */
export function heap_error(): number;
