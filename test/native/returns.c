// Memory that is freed goes back to the system; run with libheapwright-malloc.so preloaded. Prints resident KiB.

#define _GNU_SOURCE
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCKS = 20000, BYTES = 10000 };

// Through a pointer, so that the compiler does not leave calls out.
static void *(*volatile get)(size_t) = malloc;

static long resident(void) {
  long total, pages;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%ld %ld", &total, &pages) != 2) exit(2);
  fclose(file);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static char *blocks[BLOCKS];

static void fill(void) {
  for (int i = 0; i < BLOCKS; i++)
    if (blocks[i] == NULL) memset(blocks[i] = get(BYTES), 1, BYTES);
}

/** Frees all blocks but each `step`th. */
static void thin(int step) {
  for (int i = 0; i < BLOCKS; i++) {
    if (i % step == step - 1) continue;
    free(blocks[i]);
    blocks[i] = NULL;
  }
}

int main(void) {
  const long before = resident();
  fill();
  const long full = resident();
  thin(BLOCKS + 1);
  const long freed = resident(); // the break moved down
  fill();
  thin(100);
  const long thinned = resident();
  const int trimmed = malloc_trim(0);
  const long trim = resident(); // pages in the middle
  for (int i = 0; i < BLOCKS; i++)
    if (blocks[i] != NULL)
      for (int k = 0; k < BYTES; k++)
        if (blocks[i][k] != 1) return 1;
  fill();
  thin(100);
  // Many frees later pages in the middle are returned without being asked for.
  for (int i = 0; i < 3000000; i++) free(get(100));
  const long automatic = resident();
  printf("{\"before\":%ld,\"full\":%ld,\"freed\":%ld,\"thinned\":%ld,\"trimmed\":%d,\"trim\":%ld,\"automatic\":%ld}\n", before, full, freed, thinned, trimmed, trim, automatic);
  return 0;
}
