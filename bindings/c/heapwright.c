// The C allocation functions, taken from heapwright's heap.wasm: compile this file with your program, and the linker takes
// none from the C library. The module then imports them from "env"; docs/interop.md says how to satisfy that.

#include <stddef.h>

#if __has_include(<errno.h>)
#include <errno.h>
#endif

#define HEAP(name) __attribute__((import_module("env"), import_name(#name)))

HEAP(malloc) void *heapwright_malloc(size_t size);
HEAP(free) void heapwright_free(void *pointer);
HEAP(calloc) void *heapwright_calloc(size_t count, size_t size);
HEAP(realloc) void *heapwright_realloc(void *pointer, size_t size);
HEAP(aligned_alloc) void *heapwright_aligned_alloc(size_t alignment, size_t size);
HEAP(posix_memalign) int heapwright_posix_memalign(void **result, size_t alignment, size_t size);
HEAP(malloc_usable_size) size_t heapwright_malloc_usable_size(void *pointer);

void *malloc(size_t size) { return heapwright_malloc(size); }
void free(void *pointer) { heapwright_free(pointer); }
void *calloc(size_t count, size_t size) { return heapwright_calloc(count, size); }
void *realloc(void *pointer, size_t size) { return heapwright_realloc(pointer, size); }
void *aligned_alloc(size_t alignment, size_t size) { return heapwright_aligned_alloc(alignment, size); }
void *memalign(size_t alignment, size_t size) { return heapwright_aligned_alloc(alignment, size); }
int posix_memalign(void **result, size_t alignment, size_t size) {
  int error = heapwright_posix_memalign(result, alignment, size);
  // The heap's numbers are those of most systems; C libraries of WASI have others.
#if defined(EINVAL) && defined(ENOMEM)
  if (error == 22) return EINVAL;
  if (error == 12) return ENOMEM;
#endif
  return error;
}
size_t malloc_usable_size(void *pointer) { return heapwright_malloc_usable_size(pointer); }

// What wasi-libc calls these inside.
void *__libc_malloc(size_t size) { return heapwright_malloc(size); }
void __libc_free(void *pointer) { heapwright_free(pointer); }
void *__libc_calloc(size_t count, size_t size) { return heapwright_calloc(count, size); }
