// Runs a program, and writes what it and its children used to a file: CPU time in microseconds and peak memory in KiB of the
// largest process.
//
//     run RESULT LIBRARY PROGRAM ARGUMENT…        LIBRARY "-": none is preloaded

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static long microseconds(struct timeval time) {
  return time.tv_sec * 1000000 + time.tv_usec;
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  const pid_t child = fork();
  if (child == 0) {
    if (strcmp(argv[2], "-") != 0) setenv("LD_PRELOAD", argv[2], 1);
    execvp(argv[3], argv + 3);
    _exit(127);
  }
  int status;
  struct rusage usage;
  if (wait4(child, &status, 0, &usage) != child) return 2;
  FILE *result = fopen(argv[1], "w");
  if (result == NULL) return 2;
  fprintf(result, "%ld %ld\n", microseconds(usage.ru_utime) + microseconds(usage.ru_stime), usage.ru_maxrss);
  fclose(result);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
