// A mistake with a pointer, which the first argument names. It traps.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int count, char **arguments) {
  static int variable;
  const char *crime = count > 1 ? arguments[1] : "";
  char *block = malloc(5000), *slot = malloc(24);
  if (strcmp(crime, "none") == 0) free(block), free(slot), puts("no mistake");
  if (strcmp(crime, "block freed twice") == 0) free(block), free(block);
  if (strcmp(crime, "slot freed twice") == 0) free(slot), free(slot);
  if (strcmp(crime, "pointer into a block") == 0) free(block + 16);
  if (strcmp(crime, "pointer to a variable") == 0) free(&variable);
  if (strcmp(crime, "realloc of a freed block") == 0) free(block), puts(realloc(block, 10));
  return 0;
}
