// Replays a trace through whichever malloc the process has, and prints a line of JSON: nanoseconds per operation, and memory.
//
//     replay FILE OPS IDS ROUNDS
//
// FILE has two words an operation, as bench/trace.ts writes them. The program's own tables are mappings, so the allocator sees
// the trace alone.

#define _GNU_SOURCE
#include <fcntl.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { MALLOC, CALLOC, MEMALIGN, REALLOC, FREE };
/** How a replay writes to blocks: not at all, their first and last bytes, or a byte of each page. */
enum { ALONE, TOUCHING, PAGES };

static const uint32_t *ops;
static size_t count;
static void **blocks;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static inline void touch(char *block, uint32_t size, int writes) {
  if (writes == ALONE || size == 0) return;
  if (writes == PAGES)
    for (uint32_t i = 0; i < size; i += 4096) block[i] = 1;
  block[0] = 1;
  block[size - 1] = 1;
}

static inline __attribute__((always_inline)) void replay(int writes) {
  for (size_t i = 0; i < count; i++) {
    const uint32_t head = ops[2 * i], size = ops[2 * i + 1];
    void **block = &blocks[head >> 8];
    switch (head & 7) {
      case MALLOC: *block = malloc(size); break;
      case CALLOC: *block = calloc(1, size); break;
      case MEMALIGN: *block = memalign((size_t)1 << (head >> 3 & 31), size); break;
      case REALLOC: *block = realloc(*block, size == 0 ? 1 : size); break;
      default: free(*block); continue;
    }
    if (*block == NULL) _exit(3);
    touch(*block, size, writes);
  }
}

static __attribute__((noinline)) void replay_alone(void) { replay(ALONE); }
static __attribute__((noinline)) void replay_touching(void) { replay(TOUCHING); }
static __attribute__((noinline)) void replay_pages(void) { replay(PAGES); }

/** Nanoseconds per operation. */
static double timed(void (*replays)(void)) {
  const double start = now();
  replays();
  return (now() - start) / (double)count;
}

/** The most memory that the process has had, in bytes: getrusage would include that of the program before exec. */
static long peak(void) {
  static char text[4096];
  const int file = open("/proc/self/status", O_RDONLY);
  const ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  text[length < 0 ? 0 : length] = 0;
  const char *line = strstr(text, "VmHWM:");
  return line == NULL ? 0 : strtol(line + 6, NULL, 10) * 1024;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  count = strtoul(argv[2], NULL, 10);
  const size_t ids = strtoul(argv[3], NULL, 10);
  const int rounds = atoi(argv[4]), file = open(argv[1], O_RDONLY);
  const size_t words = count * 8, table = (ids + 1) * sizeof *blocks;
  ops = mmap(NULL, words, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
  blocks = mmap(NULL, table, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (ops == MAP_FAILED || blocks == MAP_FAILED) return 2;
  const long before = peak();
  const double cold = timed(replay_pages);
  const long memory = peak() - before;
  double alone = 1e9, touching = 1e9;
  for (int i = 0; i < rounds; i++) {
    const double a = timed(replay_alone), t = timed(replay_touching);
    if (a < alone) alone = a;
    if (t < touching) touching = t;
  }
  char text[200];
  const int length = snprintf(
    text, sizeof text, "{\"cold\":%.3f,\"warm\":%.3f,\"touching\":%.3f,\"peak\":%ld}\n", cold, alone, touching, memory
  );
  return write(1, text, (size_t)length) != length;
}
