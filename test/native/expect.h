// A condition that has to hold: if it does not, its line is printed, and counted.

#include <errno.h>
#include <stdio.h>

static int failures;

#define EXPECT(condition) \
  do { \
    if (!(condition)) { \
      printf("%d: %s, errno %d\n", __LINE__, #condition, errno); \
      failures++; \
    } \
  } while (0)
