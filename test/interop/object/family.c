// The malloc family of a linked archive, row by row: each prints what it found, and the test knows what that has to be.
#include <errno.h>
#include <locale.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void row(const char *name, int holds) { printf("%s %s\n", holds ? "ok" : "FAILED", name); }

static int is_zero(const unsigned char *bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (bytes[i] != 0) return 0;
  return 1;
}

int main(void) {
  char *p = malloc(100);
  row("malloc returns a multiple of 16", p != NULL && ((uintptr_t)p & 15) == 0);
  row("malloc_usable_size is not below the size", malloc_usable_size(p) >= 100);
  memset(p, 7, 100);
  p = realloc(p, 5000);
  row("realloc keeps the contents", p != NULL && p[0] == 7 && p[99] == 7);
  free(p);
  free(NULL);
  char *small = malloc(3), *empty = malloc(0);
  row("malloc of few bytes, and of none", small != NULL && empty != NULL && small != empty);
  free(small);
  free(empty);
  unsigned char *zeros = calloc(1000, 7);
  row("calloc clears what was used before", zeros != NULL && is_zero(zeros, 7000));
  free(zeros);
  errno = 0;
  row("calloc sees an overflow", calloc(65536, 65537) == NULL && errno == ENOMEM);
  errno = 0;
  row("malloc sets errno", malloc((size_t)-100) == NULL && errno == ENOMEM);
  errno = 0;
  char *kept = malloc(10);
  row("realloc sets errno, and the block stays", realloc(kept, (size_t)-100) == NULL && errno == ENOMEM);
  errno = 5;
  free(kept);
  row("free leaves errno alone", errno == 5);
  void *aligned = aligned_alloc(4096, 100);
  row("aligned_alloc", aligned != NULL && ((uintptr_t)aligned & 4095) == 0);
  free(aligned);
  errno = 0;
  row("aligned_alloc refuses an alignment", aligned_alloc(24, 100) == NULL && errno == EINVAL);
  void *result = NULL;
  row("posix_memalign", posix_memalign(&result, 64, 10) == 0 && ((uintptr_t)result & 63) == 0);
  free(result);
  errno = 5;
  row("posix_memalign returns EINVAL", posix_memalign(&result, 3, 10) == EINVAL);
  row("posix_memalign returns ENOMEM", posix_memalign(&result, 16, (size_t)-100) == ENOMEM);
  row("posix_memalign leaves errno alone", errno == 5);
  // The C library allocates by names of its own here.
  locale_t locale = newlocale(LC_ALL_MASK, "C", NULL);
  row("newlocale", locale != NULL);
  freelocale(locale);
  char *copy = strdup("a copy");
  row("strdup", strcmp(copy, "a copy") == 0);
  free(copy);
  return 0;
}
