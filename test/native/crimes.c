// One mistake, by name; run with libheapwright-malloc.so preloaded, or with libheapwright's functions if ALLOCATE is defined. With a
// second argument another thread makes it.

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef ALLOCATE
#include "libheapwright.h"
#define malloc allocate
#define free deallocate
#endif

static void *(*volatile get)(size_t) = malloc;
static void (*volatile give)(void *) = free;

static void *wrong;
static pthread_barrier_t barrier;

/** It exists before the mistake is prepared: creating it allocates. */
static void *give_in_thread(void *unused) {
  pthread_barrier_wait(&barrier);
  give(wrong);
  return unused;
}

int main(int argc, char **argv) {
  const char *crime = argc > 1 ? argv[1] : "";
  setvbuf(stdout, NULL, _IONBF, 0);
  char *small = get(24), *block = get(5000), *large = get((size_t)8 << 20), local[64] = "";
  char *keep[4] = {get(24), get(5000), get(5000), get(24)};
  pthread_t thread;
  if (argc > 2 && (pthread_barrier_init(&barrier, NULL, 2) != 0 || pthread_create(&thread, NULL, give_in_thread, NULL) != 0)) return 2;
  if (strcmp(crime, "double free of a slot") == 0) give(wrong = small);
  else if (strcmp(crime, "double free of a block") == 0) give(wrong = block);
  else if (strcmp(crime, "double free of a mapping") == 0) give(wrong = large);
  else if (strcmp(crime, "pointer into a slot") == 0) wrong = small + 8;
  else if (strcmp(crime, "pointer into a block") == 0) wrong = block + 160;
  else if (strcmp(crime, "pointer into a mapping") == 0) wrong = large + 4096;
  else if (strcmp(crime, "pointer to a local") == 0) wrong = local + 16;
  else if (strcmp(crime, "pointer to nowhere") == 0) wrong = (void *)(uintptr_t)0x1230;
  else if (strcmp(crime, "overwritten header") == 0) memset(block + 5000, 0, 8), wrong = block;
  printf("%p\n", wrong);
  if (argc <= 2) give(wrong);
  else {
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
  }
  // After a report alone the heap is as before.
  for (int i = 0; i < 4; i++) give(keep[i]);
  char *again = get(24);
  memset(again, 1, 24);
  give(again);
  puts("done");
  return 0;
}
