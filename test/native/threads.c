// Threads that allocate, free each other's blocks, and fork; run with libheapwright-malloc.so preloaded. Contents are verified.

#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 6, SLOTS = 512, ROUNDS = 60000, CHILDREN = 100 };

/** Blocks that any thread may take: each starts with its size. */
static _Atomic(size_t *) shared[SLOTS];
static atomic_int wrong;
static atomic_bool stops;

static unsigned next(unsigned *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

static size_t *make(unsigned *state) {
  const unsigned kind = next(state) % 100;
  const size_t bytes = sizeof(size_t) + (kind < 80 ? next(state) % 300 : kind < 99 ? next(state) % 20000 : next(state) % 400000);
  size_t *block = malloc(bytes);
  *block = bytes;
  memset(block + 1, (int)bytes & 127, bytes - sizeof *block);
  return block;
}

static void verify(const size_t *block) {
  const char *contents = (const char *)(block + 1);
  const size_t bytes = *block - sizeof *block;
  for (size_t i = 0; i < bytes; i += bytes > 1000 ? 97 : 1)
    if (contents[i] != (char)(*block & 127)) wrong++;
}

static void *churn(void *argument) {
  unsigned state = (unsigned)(size_t)argument * 7919u + 1;
  for (int i = 0; i < ROUNDS && !stops; i++) {
    size_t *block = next(&state) % 3 == 0 ? NULL : make(&state);
    if (block != NULL && next(&state) % 16 == 0) {
      const size_t bytes = sizeof *block + next(&state) % 5000;
      const size_t had = *block;
      block = realloc(block, bytes);
      if (*block != had) wrong++;
      *block = bytes;
      memset(block + 1, (int)bytes & 127, bytes - sizeof *block);
    }
    block = atomic_exchange(&shared[next(&state) % SLOTS], block);
    if (block != NULL) {
      verify(block);
      free(block);
    }
  }
  return NULL;
}

int main(void) {
  for (int generation = 0; generation < 3; generation++) {
    pthread_t threads[THREADS];
    for (size_t t = 0; t < THREADS; t++) pthread_create(&threads[t], NULL, churn, (void *)(t + 10 * (size_t)generation));
    for (int k = 0; generation == 0 && k < CHILDREN; k++) {
      const pid_t child = fork();
      if (child == 0) {
        alarm(20);
        unsigned state = (unsigned)k;
        size_t *blocks[50];
        for (int i = 0; i < 50; i++) blocks[i] = make(&state);
        for (int i = 0; i < 50; i++) verify(blocks[i]), free(blocks[i]);
        _exit(wrong != 0);
      }
      int status;
      waitpid(child, &status, 0);
      if (status != 0) printf("child %d: status %d\n", k, status), wrong++;
    }
    for (int t = 0; t < THREADS; t++) pthread_join(threads[t], NULL);
  }
  for (int i = 0; i < SLOTS; i++)
    if (shared[i] != NULL) verify(shared[i]), free(shared[i]);
  if (wrong != 0) printf("%d wrong\n", wrong);
  return wrong != 0;
}
