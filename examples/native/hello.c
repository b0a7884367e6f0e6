// cc -Idist/native examples/native/hello.c bindings/native/out/libheapwright.a -o hello && ./hello

#include <stdio.h>
#include <string.h>
#include "libheapwright.h"

int main(void) {
  char *greeting = allocate(32);
  if (greeting == NULL) return 1;
  strcpy(greeting, "hello from the program break");
  puts(greeting);
  deallocate(greeting);
  return 0;
}
