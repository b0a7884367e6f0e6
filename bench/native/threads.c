// Threads that allocate and free, through whichever malloc the process has. Prints a line of JSON: nanoseconds of CPU time per
// allocation with its free. CPU time, since on a busy machine two threads do not get two cores.
//
//     threads PATTERN THREADS OPERATIONS
//
//     local     each thread replaces blocks of its own, 8 to 1,000 bytes
//     larson    the same, and from time to time a thread ends, and its blocks are freed by a new one (Larson, Krishnan, "Memory
//               Allocation for Long-Running Server Applications", 1998)
//     exchange  threads swap blocks through one table, so half of the blocks are freed by a thread that did not allocate them
//     hand      the first half of the threads allocates, the other half frees
//     sweep     each thread fills a list with small blocks of growing sizes and frees it, forwards and backwards by turns

#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_THREADS = 64, SLOTS = 4000, SHARED = 4096, RING = 512, BATCH = 5000 };

static int threads;
static long operations;
static char *own[MOST_THREADS][SLOTS];
static _Atomic(char *) shared[SHARED];
static _Atomic(char *) ring[MOST_THREADS][RING];

static unsigned next(unsigned *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

static char *make(unsigned *state) {
  const size_t bytes = 8 + next(state) % (next(state) % 8 != 0 ? 200 : 1000);
  char *block = malloc(bytes);
  block[0] = block[bytes - 1] = 1;
  return block;
}

static void replace(size_t id, long count) {
  unsigned state = (unsigned)id * 7919 + 1;
  for (long i = 0; i < count; i++) {
    char **slot = &own[id][next(&state) % SLOTS];
    free(*slot);
    *slot = make(&state);
  }
}

static void *local(void *id) {
  replace((size_t)id, operations);
  return NULL;
}

enum { GENERATIONS = 20 };

static void *larson(void *id) {
  replace((size_t)id, operations / GENERATIONS);
  return NULL;
}

static void *exchange(void *id) {
  unsigned state = (unsigned)(size_t)id * 7919 + 1;
  for (long i = 0; i < operations; i++) free(atomic_exchange(&shared[next(&state) % SHARED], make(&state)));
  return NULL;
}

static void *hand(void *argument) {
  const size_t id = (size_t)argument, half = (size_t)threads / 2;
  const long count = 2 * operations;
  unsigned state = (unsigned)id + 1;
  for (long i = 0; i < count; i++) {
    _Atomic(char *) *place = &ring[id % half][i % RING];
    if (id < half) {
      char *block = make(&state);
      while (atomic_load_explicit(place, memory_order_acquire) != NULL) sched_yield();
      atomic_store_explicit(place, block, memory_order_release);
    } else {
      char *block;
      while ((block = atomic_load_explicit(place, memory_order_acquire)) == NULL) sched_yield();
      atomic_store_explicit(place, NULL, memory_order_release);
      free(block);
    }
  }
  return NULL;
}

static void *sweep(void *argument) {
  char **list = malloc(BATCH * sizeof *list);
  for (long done = 0, turn = 0; done < operations; done += BATCH, turn++) {
    for (int i = 0; i < BATCH; i++) list[i] = malloc((size_t)(8 + i % 100 * 5)), list[i][0] = 1;
    for (int i = 0; i < BATCH; i++) free(list[turn % 2 != 0 ? i : BATCH - 1 - i]);
  }
  free(list);
  return argument;
}

static void run(void *(*work)(void *)) {
  pthread_t all[MOST_THREADS];
  for (int t = 0; t < threads; t++) pthread_create(&all[t], NULL, work, (void *)(size_t)t);
  for (int t = 0; t < threads; t++) pthread_join(all[t], NULL);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  static const struct { const char *name; void *(*work)(void *); } patterns[] = {
    {"local", local}, {"larson", larson}, {"exchange", exchange}, {"hand", hand}, {"sweep", sweep},
  };
  threads = atoi(argv[2]);
  operations = atol(argv[3]);
  struct timespec start, end;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
  for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
    if (strcmp(argv[1], patterns[i].name) != 0) continue;
    for (int k = 0; k < (patterns[i].work == larson ? GENERATIONS : 1); k++) {
      run(patterns[i].work);
      // The next threads get each other's blocks.
      char *first[SLOTS];
      memcpy(first, own[0], sizeof first);
      for (int t = 0; t + 1 < threads; t++) memcpy(own[t], own[t + 1], sizeof first);
      memcpy(own[threads - 1], first, sizeof first);
    }
  }
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
  const double spent = (double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec);
  printf("{\"ns\":%.2f}\n", spent / (double)operations / threads);
  return 0;
}
