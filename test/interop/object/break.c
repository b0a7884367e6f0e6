// Emscripten: other code moves the program break, and JavaScript sees memory that has grown.
#include <emscripten.h>
#include <emscripten/heap.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *emscripten_builtin_malloc(size_t size);
void emscripten_builtin_free(void *pointer);
void *emscripten_builtin_memalign(size_t alignment, size_t size);

enum { ROUNDS = 6, BYTES = 10 << 20 };

int main(void) {
  unsigned char *others[ROUNDS], *blocks[ROUNDS];
  for (int i = 0; i < ROUNDS; i++) {
    others[i] = sbrk(100 + i * 20);
    memset(others[i], i + 1, 100);
    blocks[i] = malloc(BYTES);
    memset(blocks[i], 0xee, BYTES);
  }
  for (int i = 0; i < ROUNDS; i++) {
    for (int at = 0; at < 100; at++)
      if (others[i][at] != i + 1) return printf("memory %d of others was overwritten\n", i), 1;
    for (int at = 0; at < BYTES; at++)
      if (blocks[i][at] != 0xee) return printf("block %d was overwritten\n", i), 1;
  }
  const int last = EM_ASM_INT({ return HEAPU8[$0]; }, blocks[ROUNDS - 1] + BYTES - 1);
  printf("JavaScript sees %x\n", (unsigned)last);
  for (int i = 0; i < ROUNDS; i++) free(blocks[i]);
  void *builtin = emscripten_builtin_malloc(100);
  free(builtin);
  emscripten_builtin_free(emscripten_builtin_memalign(64, 100));
  errno = 0;
  printf("no memory: %d %d\n", malloc((size_t)-100) == NULL, errno == ENOMEM);
  return 0;
}
