/* dlmalloc as in Emscripten. */
#define __EMSCRIPTEN__ 1
#define MALLOC_ALIGNMENT 8
#include <emscripten.h>
#include "system/lib/dlmalloc.c"
