// Threads that free each other's blocks, with libheapwright. After each part no block is in use, and all invariants hold: so no free
// was lost, and none was done twice. Also run under ThreadSanitizer.

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "libheapwright.h"

enum { MOST = 300, PLACES = 256, SWAPS = 20000 };

static _Atomic(uint32_t *) places[PLACES];
static atomic_int damaged;

static unsigned next(unsigned *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

static uint32_t *make(unsigned *state) {
  const uint32_t words = 2 + next(state) % (next(state) % 16 != 0 ? 60 : 3000);
  uint32_t *block = allocate(words * sizeof *block);
  block[0] = words;
  for (uint32_t i = 1; i < words; i++) block[i] = words ^ i;
  return block;
}

static void end(uint32_t *block) {
  if (block == NULL) return;
  for (uint32_t i = 1; i < block[0]; i++)
    if (block[i] != (block[0] ^ i)) damaged++;
  deallocate(block);
}

static unsigned count_regions(void) {
  unsigned count = 0;
  while (hw_process_heap(count) != NULL) count++;
  return count;
}

static void expect_nothing_in_use(void) {
  EXPECT(damaged == 0);
  for (int i = 0; i < PLACES; i++) end(atomic_exchange(&places[i], NULL));
  hw_heap *heap;
  for (unsigned i = 0; (heap = hw_process_heap(i)) != NULL; i++) {
    EXPECT(hw_check(heap) == 0);
    hw_block block = {.pointer = NULL};
    unsigned used = 0;
    while (hw_walk(heap, &block)) used += block.kind == HW_USED_BLOCK || block.kind == HW_USED_SLOT;
    EXPECT(used == 0);
  }
}

static void run(int threads, void *(*work)(void *)) {
  static pthread_t all[MOST];
  for (int t = 0; t < threads; t++) EXPECT(pthread_create(&all[t], NULL, work, (void *)(size_t)(t + 1)) == 0);
  for (int t = 0; t < threads; t++) pthread_join(all[t], NULL);
}

/** Threads swap blocks: each allocates, and frees what another one left. */
static void *swap(void *seed) {
  unsigned state = (unsigned)(size_t)seed * 7919u;
  for (int i = 0; i < SWAPS; i++) {
    uint32_t *block = next(&state) % 4 == 0 ? NULL : make(&state);
    end(atomic_exchange(&places[next(&state) % PLACES], block));
  }
  return NULL;
}

/** One block after the other: `places[id]` has the next one. */
static void *leave_and_end(void *id) {
  unsigned state = (unsigned)(size_t)id;
  for (int i = 0; i < 20; i++) end(atomic_exchange(&places[(size_t)id % 4], make(&state)));
  return NULL;
}

static uint32_t *many[20000];

/** The owner waits meanwhile, and frees nothing itself. */
static void *free_all(void *unused) {
  for (int i = 0; i < (int)(sizeof many / sizeof *many); i++) end(many[i]);
  return unused;
}

static void *resize_all(void *unused) {
  for (int i = 0; i < 500; i++) {
    const uint32_t had = many[i][0], words = had + 100;
    EXPECT(hw_process_usable_size(many[i]) >= had * sizeof(uint32_t));
    many[i] = hw_process_reallocate(many[i], words * sizeof(uint32_t));
    for (uint32_t k = 1; k < had; k++)
      if (many[i][k] != (had ^ k)) damaged++;
    many[i][0] = words;
    for (uint32_t k = 1; k < words; k++) many[i][k] = words ^ k;
  }
  return unused;
}

static void *trim(void *unused) {
  for (int i = 0; i < 200; i++) hw_process_trim(0);
  return unused;
}

static void *swap_or_trim(void *id) {
  return (size_t)id == 1 ? trim(id) : swap(id);
}

static pthread_barrier_t barrier;

static void *meet(void *id) {
  unsigned state = (unsigned)(size_t)id;
  end(atomic_exchange(&places[(size_t)id % PLACES], make(&state)));
  pthread_barrier_wait(&barrier);
  end(atomic_exchange(&places[((size_t)id + 1) % PLACES], make(&state)));
  pthread_barrier_wait(&barrier);
  return NULL;
}

int main(void) {
  unsigned state = 1;
  run(4, swap);
  expect_nothing_in_use();

  // A list of remote frees that is full.
  for (size_t i = 0; i < sizeof many / sizeof *many; i++) many[i] = make(&state);
  run(1, free_all);
  expect_nothing_in_use();

  for (int i = 0; i < 500; i++) many[i] = make(&state);
  run(1, resize_all);
  for (int i = 0; i < 500; i++) end(many[i]);
  expect_nothing_in_use();

  // Another thread works on all regions meanwhile.
  run(3, swap_or_trim);
  expect_nothing_in_use();

  // Regions of threads that have ended are used again.
  const unsigned regions = count_regions();
  for (int i = 0; i < 50; i++) run(4, leave_and_end);
  EXPECT(count_regions() <= regions + 1);
  expect_nothing_in_use();

  // More threads than regions.
  EXPECT(pthread_barrier_init(&barrier, NULL, MOST) == 0);
  run(MOST, meet);
  expect_nothing_in_use();
  return failures != 0;
}
