// Other code grows the memory, before the first allocation and between others: its pages stay as it left them.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 65536, ROUNDS = 8 };

static unsigned char *grow(unsigned char fill) {
  const size_t page = __builtin_wasm_memory_grow(0, 1);
  if (page == (size_t)-1) abort();
  return memset((void *)(page * PAGE), fill, PAGE);
}

int main(int count, char **arguments) {
  unsigned char *pages[ROUNDS];
  unsigned char *blocks[ROUNDS];
  (void)arguments;
  // The C library may have allocated before main if there are arguments; the first round then is one between others.
  for (int i = 0; i < ROUNDS; i++) {
    pages[i] = grow((unsigned char)(i + 1));
    blocks[i] = malloc(100000);
    memset(blocks[i], 0xee, 100000);
  }
  for (int i = 0; i < ROUNDS; i++) {
    for (int at = 0; at < PAGE; at++)
      if (pages[i][at] != i + 1) return printf("page %d of %d arguments was overwritten\n", i, count), 1;
    for (int at = 0; at < 100000; at++)
      if (blocks[i][at] != 0xee) return printf("block %d was overwritten\n", i), 1;
    free(blocks[i]);
  }
  puts("nothing was overwritten");
  return 0;
}
