/* emmalloc as in Emscripten. */
#define __EMSCRIPTEN__ 1
#include <emscripten.h>

struct mallinfo {
  size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};
#include "system/lib/emmalloc.c"
