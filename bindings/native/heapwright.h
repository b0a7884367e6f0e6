/* heapwright: a memory allocator in one C file.
 *
 * A heap lies in memory that the program gives, up to 4 GiB, and keeps all its state there. Different heaps may be used by
 * different threads at the same time; one heap by one thread at a time.
 *
 *     static max_align_t memory[65536];
 *     hw_heap *heap = hw_create(memory, sizeof memory, NULL);
 *     void *p = hw_allocate(heap, 100);
 *     hw_deallocate(heap, p);
 *
 * No pointer is trusted: an invalid one is an error with a name, and the heap is unchanged. If the heap's metadata was
 * overwritten, the call aborts the program. */

#ifndef HEAPWRIGHT_H
#define HEAPWRIGHT_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A heap: the start of its memory. */
typedef struct hw_heap hw_heap;

/** Why a call failed. */
typedef enum hw_error {
  HW_OK = 0,
  HW_OUT_OF_MEMORY = 1,     /* the memory does not suffice, and cannot grow */
  HW_INVALID_SIZE = 2,      /* more than 2,147,418,112 bytes */
  HW_INVALID_ALIGNMENT = 3, /* no power of two, or more than 1 GiB */
  HW_DOUBLE_FREE = 4,       /* the block is free already */
  HW_INVALID_POINTER = 5,   /* no block starts there */
  HW_OUT_OF_HEAP = 6,       /* the pointer lies outside the heap */
  HW_CORRUPT = 7,           /* the heap's metadata was overwritten */
  HW_BAD_OPTIONS = 8        /* hw_create: memory too small, or an invalid option */
} hw_error;

/** Which free block serves a request. */
typedef enum hw_fit {
  HW_BEST_FIT = 0,  /* the smallest one that is large enough; the fastest too */
  HW_FIRST_FIT = 1, /* the one with the lowest address */
  HW_NEXT_FIT = 2   /* the first one after the block that the last search found */
} hw_fit;

/** Settings of a heap. */
typedef struct hw_options {
  /** Bytes up to which the memory may grow; 0: as far as `grow` allows, at most 4 GiB less 16 bytes. */
  size_t limit;
  /** Makes the memory at least `bytes` long, in place; returns false if that is impossible. NULL: it does not grow. */
  bool (*grow)(hw_heap *heap, size_t bytes);
  /** Returns the memory from `bytes` on, for hw_trim. NULL: it does not shrink. */
  void (*shrink)(hw_heap *heap, size_t bytes);
  /** Which free block serves a request. */
  hw_fit fit;
  /** Do not serve requests of up to 1,008 bytes from slabs. */
  bool no_slabs;
} hw_options;

/**
 * Creates a heap at `memory`, a multiple of 16, of `bytes` bytes; more than 4 GiB are not used. `options` may be NULL.
 * Returns the heap, which starts at `memory`; NULL if the memory is too small (3 KiB are enough) or an option is invalid.
 */
hw_heap *hw_create(void *memory, size_t bytes, const hw_options *options);

/**
 * Allocates at least `size` bytes. Returns the pointer, a multiple of 16 (of 8 for up to 8 bytes); NULL if the request fails,
 * see `hw_last_error`.
 */
void *hw_allocate(hw_heap *heap, size_t size);

/** The same, with the bytes zeroed. */
void *hw_allocate_zeroed(hw_heap *heap, size_t size);

/** The same at a multiple of `alignment`, a power of two up to 1 GiB. */
void *hw_allocate_aligned(hw_heap *heap, size_t alignment, size_t size);

/**
 * Makes the block at `pointer` at least `size` bytes, and keeps its contents up to the smaller size. Returns its pointer, which
 * may be a new one; NULL if the request fails, the block then being unchanged. For NULL it allocates.
 */
void *hw_reallocate(hw_heap *heap, void *pointer, size_t size);

/**
 * Frees the block at `pointer`; NULL is ignored. Returns HW_OK; or HW_DOUBLE_FREE, HW_INVALID_POINTER or HW_OUT_OF_HEAP with
 * the heap unchanged; or HW_CORRUPT.
 */
hw_error hw_deallocate(hw_heap *heap, void *pointer);

/** Bytes that the block at `pointer` has room for; 0 if the pointer is invalid. */
size_t hw_usable_size(hw_heap *heap, const void *pointer);

/** HW_OK if `pointer` is a block in use; otherwise why it is not. */
hw_error hw_pointer_error(hw_heap *heap, const void *pointer);

/** Frees everything. Returns HW_OK, or HW_CORRUPT with nothing changed. */
hw_error hw_reset(hw_heap *heap);

/** Returns free memory at the end of the heap, less `keep` bytes, to whom it came from; returns how many bytes. */
size_t hw_trim(hw_heap *heap, size_t keep);

/** The reason of the last call that failed. */
hw_error hw_last_error(const hw_heap *heap);

/** The name of an error, such as "double free". */
const char *hw_error_name(hw_error error);

/** Figures of a heap, in bytes. */
typedef struct hw_figures {
  size_t footprint; /* memory that the heap uses */
  size_t peak;      /* the largest footprint so far */
  size_t end;       /* the program break: bytes from the heap's start to the end of what it uses */
} hw_figures;

hw_figures hw_statistics(const hw_heap *heap);

/** What a block is. */
typedef enum hw_kind {
  HW_FREE_BLOCK = 0,
  HW_USED_BLOCK = 1,
  HW_FREE_SLOT = 2,
  HW_USED_SLOT = 3,
  HW_METADATA_BLOCK = 4,
  HW_FOREIGN_REGION = 5
} hw_kind;

/** A block, as `hw_walk` shows it. */
typedef struct hw_block {
  void *pointer;
  size_t size; /* bytes of payload */
  hw_kind kind;
} hw_block;

/**
 * Steps to the next block or slot in address order; to the first if `block->pointer` is NULL. Returns false at the end. The heap
 * must not change meanwhile.
 */
bool hw_walk(hw_heap *heap, hw_block *block);

/**
 * Proves all invariants of the heap. Returns 0 if they hold; otherwise the letter of the first violated one times 256, plus its
 * number: 0x4203 is B3, which heapwright.c explains. It takes time linear in the number of blocks.
 */
unsigned hw_check(hw_heap *heap);

#ifdef __cplusplus
}
#endif

#endif
