// Other code moves the program break too; run with libheapwright-malloc.so preloaded.
//
//     break         by sbrk
//     reservation   the same, and the heap is not on the break
//     between       by sbrk, between the heap's look at the break and its own move: as another thread may
//     raw           by the system call, so that libc does not know of it, and moves the break back over that memory
//     wall          a mapping lies 1 MiB behind the break

#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "expect.h"

static void *(*volatile get)(size_t) = malloc;

enum { BLOCKS = 400, BYTES = 30000, OTHERS = 5001 };

static int moves_between;
static char *between[BLOCKS];
static int count_between;

/** Stands before libc's: the heap's moves of the break come here. */
void *sbrk(intptr_t change) {
  static void *(*libc_sbrk)(intptr_t);
  if (libc_sbrk == NULL) {
    void *symbol = dlsym(RTLD_NEXT, "sbrk");
    memcpy(&libc_sbrk, &symbol, sizeof libc_sbrk);
  }
  if (moves_between && change > 0 && count_between < BLOCKS) {
    char *start = libc_sbrk(OTHERS);
    memset(start, 4, OTHERS);
    between[count_between++] = start;
  }
  return libc_sbrk(change);
}

static int count_damage(const char *bytes, int count, char value) {
  int wrong = 0;
  for (int i = 0; i < count; i++) wrong += bytes[i] != value;
  return wrong;
}

int main(int argc, char **argv) {
  const char *how = argc > 1 ? argv[1] : "";
  const int on_break = strcmp(how, "reservation") != 0, is_raw = strcmp(how, "raw") == 0, has_wall = strcmp(how, "wall") == 0;
  char *first = get(100), *start = sbrk(0);
  EXPECT((start - first < 1 << 20 && first < start) == on_break);
  if (has_wall) {
    char *place = (char *)(((uintptr_t)start + 4095) & -(uintptr_t)4096) + (1 << 20);
    EXPECT(mmap(place, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == place);
  }
  moves_between = strcmp(how, "between") == 0;
  static char *blocks[BLOCKS], *others[BLOCKS];
  for (int i = 0; i < BLOCKS; i++) {
    blocks[i] = get(BYTES);
    memset(blocks[i], 1, BYTES);
    if (i % 10 != 0 || has_wall) continue;
    if (is_raw) {
      char *now = (char *)syscall(SYS_brk, 0);
      EXPECT((char *)syscall(SYS_brk, now + OTHERS) == now + OTHERS);
      continue;
    }
    // A size that is no multiple of anything.
    others[i] = sbrk(OTHERS);
    EXPECT(others[i] != (char *)-1);
    memset(others[i], 2, OTHERS);
  }
  EXPECT((count_between > 0) == moves_between);
  int wrong = 0;
  for (int i = 0; i < BLOCKS; i++) wrong += count_damage(blocks[i], BYTES, 1);
  EXPECT(wrong == 0);
  for (int i = 0; i < BLOCKS; i++) free(blocks[i]);
  for (int i = 0; i < BLOCKS; i++) memset(blocks[i] = get(BYTES), 3, BYTES);
  for (int i = 0; i < BLOCKS; i++) wrong += count_damage(blocks[i], BYTES, 3);
  for (int i = 0; i < BLOCKS; i++) wrong += others[i] != NULL ? count_damage(others[i], OTHERS, 2) : 0;
  for (int i = 0; i < count_between; i++) wrong += count_damage(between[i], OTHERS, 4);
  EXPECT(wrong == 0);
  return failures != 0;
}
