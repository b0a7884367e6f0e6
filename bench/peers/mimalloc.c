/* mimalloc as malloc, free and so on. */
#include "static.c"

void *malloc(size_t bytes) { return mi_malloc(bytes); }
void free(void *pointer) { mi_free(pointer); }
void *calloc(size_t count, size_t bytes) { return mi_calloc(count, bytes); }
void *realloc(void *pointer, size_t bytes) { return mi_realloc(pointer, bytes); }
void *memalign(size_t alignment, size_t bytes) { return mi_memalign(alignment, bytes); }

/* wasi-libc's atexit calls this. wasi-libc defines it in the object file of its malloc, which is left out. */
void *__libc_calloc(size_t count, size_t bytes) { return mi_calloc(count, bytes); }
