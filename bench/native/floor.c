// The floor of a replay: a malloc family that does nothing, to preload. The remaining time is that of the harness.

#include <stddef.h>

static char memory[1 << 26];

void *malloc(size_t size) { return (void)size, memory; }
void *calloc(size_t count, size_t size) { return (void)count, (void)size, memory; }
void *realloc(void *pointer, size_t size) { return (void)pointer, (void)size, memory; }
void *memalign(size_t alignment, size_t size) { return (void)alignment, (void)size, memory; }
void free(void *pointer) { (void)pointer; }
