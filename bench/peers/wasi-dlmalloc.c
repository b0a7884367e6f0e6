/* The malloc of wasi-libc. The linker exports its functions. */
#include <stdlib.h>
