/* libheapwright: the heap of a Linux process, on its program break. Threads may use it at the same time.
 *
 * An invalid pointer is reported on standard error, with its name and address, and ends the program. */

#ifndef LIBHEAPWRIGHT_H
#define LIBHEAPWRIGHT_H

#include "heapwright.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Allocates at least `size` bytes. Returns the pointer, a multiple of 16 (of 8 for up to 8 bytes); NULL with errno ENOMEM if there
 * is no memory.
 */
void *allocate(size_t size);

/** Frees the block at `pointer`; NULL is ignored. */
void deallocate(void *pointer);

/** Makes a block at least `size` bytes, as realloc does; it may move. For NULL it allocates. */
void *hw_process_reallocate(void *pointer, size_t size);

/** Allocates at a multiple of `alignment`, a power of two. */
void *hw_process_allocate_aligned(size_t alignment, size_t size);

/** Bytes that the block at `pointer` has room for; 0 if it is not a block in use. */
size_t hw_process_usable_size(const void *pointer);

/** Returns free memory to the system, but for `keep` bytes at the end of the heap. Returns how many bytes. */
size_t hw_process_trim(size_t keep);

/** Region `index` of the process's heap, for `hw_check`, `hw_walk` and `hw_statistics` while no thread uses it; NULL behind the last. */
hw_heap *hw_process_heap(unsigned index);

#ifdef __cplusplus
}
#endif

#endif
