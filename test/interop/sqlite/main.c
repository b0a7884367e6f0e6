// Two programs in one module: the first argument says which runs.
#include <string.h>

#define main speedtest1
#include "test/speedtest1.c"
#undef main

int workload(void);

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "workload") == 0) return workload();
  if (argc > 1 && strcmp(argv[1], "speedtest1") == 0) return speedtest1(argc - 1, argv + 1);
  return 2;
}
