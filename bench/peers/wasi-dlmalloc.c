/* wasi-libc's own malloc; the linker exports the names. */
#include <stdlib.h>
