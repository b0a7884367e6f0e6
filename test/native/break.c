// Other code moves the program break too; run with libheapwright-malloc.so preloaded.

#define _GNU_SOURCE
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "expect.h"

static void *(*volatile get)(size_t) = malloc;

enum { BLOCKS = 400, BYTES = 30000 };

int main(int argc, char **argv) {
  const int on_break = argc > 1 && strcmp(argv[1], "break") == 0;
  char *first = get(100), *start = sbrk(0);
  EXPECT((start - first < 1 << 20 && first < start) == on_break);
  static char *blocks[BLOCKS], *others[BLOCKS];
  for (int i = 0; i < BLOCKS; i++) {
    blocks[i] = get(BYTES);
    memset(blocks[i], 1, BYTES);
    if (i % 10 != 0) continue;
    // A size that is no multiple of anything.
    others[i] = sbrk(5001 + i);
    EXPECT(others[i] != (char *)-1);
    memset(others[i], 2, (size_t)(5001 + i));
  }
  int wrong = 0;
  for (int i = 0; i < BLOCKS; i++) {
    for (int k = 0; k < BYTES; k++) wrong += blocks[i][k] != 1;
    for (int k = 0; i % 10 == 0 && k < 5001 + i; k++) wrong += others[i][k] != 2;
  }
  EXPECT(wrong == 0);
  for (int i = 0; i < BLOCKS; i++) free(blocks[i]);
  for (int i = 0; i < BLOCKS; i++) memset(blocks[i] = get(BYTES), 3, BYTES);
  for (int i = 0; i < BLOCKS; i += 10)
    for (int k = 0; k < 5001 + i; k++) wrong += others[i][k] != 2;
  EXPECT(wrong == 0);
  return failures != 0;
}
