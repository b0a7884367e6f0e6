/* A program for the tests of `heapwright record`: what it does depends on its argument. */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile kept;

__attribute__((noinline)) void *inner(size_t size) {
  kept = malloc(size);
  return kept;
}

__attribute__((noinline)) void *outer(size_t size) {
  void *block = inner(size);
  memset(block, 1, size);
  return block;
}

__attribute__((noinline)) static void *recursive(int depth) {
  char here[64];
  memset(here, depth, sizeof here);
  kept = here;
  return depth == 0 ? outer(31337) : recursive(depth - 1);
}

static void *in_thread(void *block) {
  free(block);
  return outer(20002);
}

int main(int count, char **args) {
  const char *what = count > 1 ? args[1] : "";
  if (strcmp(what, "family") == 0) {
    void *a = outer(10001), *b = calloc(3, 1000), *c = aligned_alloc(256, 512), *d = 0;
    if (posix_memalign(&d, 4096, 100) != 0) return 1;
    a = realloc(a, 50001);
    void *e = realloc(0, 77), *f = reallocarray(0, 7, 11);
    free(0), free(a), free(b), free(c), free(d), free(e), free(f);
  } else if (strcmp(what, "threads") == 0) {
    pthread_t thread;
    void *result;
    pthread_create(&thread, 0, in_thread, outer(20001));
    pthread_join(thread, &result);
    free(result);
  } else if (strcmp(what, "deep") == 0) {
    recursive(100);
  } else if (strcmp(what, "crash") == 0) {
    outer(30001);
    *(volatile int *)0 = 1;
  } else if (strcmp(what, "kill") == 0) {
    outer(30002);
    kill(getpid(), SIGKILL);
  } else if (strcmp(what, "fork") == 0) {
    outer(40001);
    pid_t child = fork();
    if (child == 0) {
      outer(40002);
      _exit(0);
    }
    waitpid(child, 0, 0);
    outer(40003);
  } else if (strcmp(what, "exit") == 0) {
    return 7;
  }
  return 0;
}
