// A library opened with RTLD_DEEPBIND has blocks of the C library's; run with libheapwright-malloc.so preloaded: deep LIBRARY.
// Compiled with LIBRARY defined, it is that library.

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#ifdef LIBRARY

char *give_text(void) {
  char *text = malloc(100);
  strcpy(text, "from the library");
  return text;
}

#else

#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>

int main(int argc, char **argv) {
  void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND) : NULL;
  char *(*give_text)(void);
  void *symbol = library == NULL ? NULL : dlsym(library, "give_text");
  if (symbol == NULL) return 2;
  memcpy(&give_text, &symbol, sizeof give_text);
  free(give_text());
  char *text = give_text();
  printf("%d\n", malloc_usable_size(text) >= 100);
  text = realloc(text, 5000);
  puts(text);
  free(text);
  return 0;
}

#endif
