// The malloc family, as C, POSIX and Linux describe it; run with libheapwright-malloc.so preloaded. Each line that fails is printed.

#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "expect.h"

// Through pointers, so that the compiler does not leave calls out.
static void *(*volatile allocate)(size_t) = malloc;
static void *(*volatile zeroed)(size_t, size_t) = calloc;
static void *(*volatile resize)(void *, size_t) = realloc;
static void *(*volatile array)(void *, size_t, size_t) = reallocarray;
static void *(*volatile aligned)(size_t, size_t) = aligned_alloc;
static void *(*volatile memory_aligned)(size_t, size_t) = memalign;

static int is_aligned(const void *pointer, size_t alignment) {
  return ((uintptr_t)pointer & (alignment - 1)) == 0;
}

static void sizes(void) {
  void *p = allocate(0);
  EXPECT(p != NULL);
  free(p);
  free(NULL);
  const size_t impossible[] = {SIZE_MAX, SIZE_MAX - 100, PTRDIFF_MAX};
  for (int i = 0; i < 3; i++) {
    errno = 0;
    EXPECT(allocate(impossible[i]) == NULL && errno == ENOMEM);
    errno = 0;
    EXPECT(zeroed(1, impossible[i]) == NULL && errno == ENOMEM);
    p = allocate(10);
    errno = 0;
    EXPECT(resize(p, impossible[i]) == NULL && errno == ENOMEM);
    free(p);
  }
  errno = 0;
  EXPECT(zeroed(SIZE_MAX / 2, 3) == NULL && errno == ENOMEM);
  errno = 0;
  EXPECT(array(NULL, SIZE_MAX / 4, 8) == NULL && errno == ENOMEM);
  p = array(NULL, 10, 10);
  EXPECT(malloc_usable_size(p) >= 100);
  free(p);
  for (size_t n = 0; n < 5000; n++) {
    p = allocate(n);
    EXPECT(is_aligned(p, n > 8 ? 16 : 8) && malloc_usable_size(p) >= n);
    memset(p, 1, n);
    free(p);
  }
  EXPECT(malloc_usable_size(NULL) == 0);
}

static void reallocating(void) {
  void *p = resize(NULL, 10);
  EXPECT(p != NULL && resize(p, 0) == NULL);
  p = resize(NULL, 0);
  EXPECT(p != NULL);
  free(p);
  // Through slots, blocks and mappings, and back.
  const size_t way[] = {1, 30, 500, 2000, 100000, 300000, 5000000, 300000, 200000, 4000, 100, 1};
  unsigned char *q = allocate(1);
  q[0] = 42;
  size_t had = 1;
  for (int i = 0; i < 12; i++) {
    q = resize(q, way[i]);
    EXPECT(q != NULL && malloc_usable_size(q) >= way[i]);
    for (size_t k = 0; k < (had < way[i] ? had : way[i]); k++) EXPECT(q[k] == 42);
    memset(q, 42, way[i]);
    had = way[i];
  }
  free(q);
}

static void alignments(void) {
  void *p = NULL;
  for (size_t a = 8; a <= (size_t)1 << 30; a *= 2) {
    EXPECT(posix_memalign(&p, a, 100) == 0 && is_aligned(p, a) && malloc_usable_size(p) >= 100);
    memset(p, 1, 100);
    free(p);
    p = memory_aligned(a, a < (size_t)1 << 25 ? a * 2 + 1 : 1000);
    EXPECT(p != NULL && is_aligned(p, a));
    free(p);
    p = aligned(a, a < (size_t)1 << 25 ? a : 1000);
    EXPECT(p != NULL && is_aligned(p, a));
    p = resize(p, 1000);
    EXPECT(p != NULL);
    free(p);
  }
  const size_t wrong[] = {0, 4, 24};
  for (int i = 0; i < 3; i++) {
    void *kept = &p;
    errno = 0;
    EXPECT(posix_memalign(&kept, wrong[i], 100) == EINVAL && kept == &p && errno == 0);
  }
  EXPECT(posix_memalign(&p, 16, SIZE_MAX - 10) == ENOMEM);
  errno = 0;
  EXPECT(aligned(24, 10) == NULL && errno == EINVAL);
  p = memory_aligned(24, 10);
  EXPECT(p != NULL && is_aligned(p, 32));
  free(p);
  p = valloc(10);
  EXPECT(is_aligned(p, 4096));
  free(p);
  p = pvalloc(4097);
  EXPECT(is_aligned(p, 4096) && malloc_usable_size(p) >= 8192);
  free(p);
}

static void zeroing(void) {
  for (size_t k = 0; k < 400; k++) {
    const size_t n = k * 997 + 1;
    unsigned char *p = allocate(n);
    memset(p, 0xff, n);
    free(p);
    p = zeroed(1, n);
    for (size_t i = 0; i < n; i++) EXPECT(p[i] == 0);
    free(p);
  }
  unsigned char *p = zeroed(1, (size_t)64 << 20);
  EXPECT(p != NULL && p[12345678] == 0);
  free(p);
}

static void error_number(void) {
  errno = 77;
  free(allocate(5));
  free(allocate((size_t)1 << 20));
  free(allocate((size_t)100 << 20));
  void *p;
  EXPECT(posix_memalign(&p, 64, 64) == 0);
  free(p);
  EXPECT(errno == 77);
}

static void figures(void) {
  void *p = allocate(100000), *q = allocate((size_t)100 << 20);
  const struct mallinfo2 info = mallinfo2();
  EXPECT(info.arena > 100000 && info.uordblks >= 100000 && info.uordblks + info.fordblks == info.arena);
  EXPECT(info.hblks >= 1 && info.hblkhd >= (size_t)100 << 20 && info.keepcost <= info.fordblks);
  free(p);
  free(q);
  char *text = NULL;
  size_t length;
  FILE *stream = open_memstream(&text, &length);
  EXPECT(malloc_info(0, stream) == 0 && malloc_info(1, stream) == EINVAL);
  fclose(stream);
  EXPECT(strncmp(text, "<malloc version=\"heapwright\">", 29) == 0 && strstr(text, "</malloc>") != NULL);
  free(text);
  EXPECT(mallopt(M_MXFAST, 64) == 1 && mallopt(12345, 1) == 0);
}

/** More than a region's 4 GiB, in blocks that are no mappings. */
static void many(void) {
  enum { COUNT = 18000, BYTES = 250000 };
  int **blocks = allocate(COUNT * sizeof *blocks);
  int made = 0, wrong = 0;
  while (made < COUNT && (blocks[made] = allocate(BYTES)) != NULL) {
    *blocks[made] = made;
    made++;
  }
  EXPECT(made == COUNT);
  EXPECT(mallinfo2().arena > (size_t)COUNT * BYTES);
  for (int i = 0; i < made; i++) wrong += *blocks[i] != i;
  EXPECT(wrong == 0);
  for (int i = 0; i < made; i++) free(blocks[i]);
  free(blocks);
}

int main(void) {
  sizes();
  reallocating();
  alignments();
  zeroing();
  error_number();
  figures();
  many();
  return failures != 0;
}
