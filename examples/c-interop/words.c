// Counts words. Every word is a block of its own, from the malloc that the memory's owner gives.

void *malloc(unsigned long);
void free(void *);

struct word {
  struct word *next;
  int count;
  int length;
  char text[];
};

static int equal(const char *a, const char *b, int length) {
  for (int i = 0; i < length; i++)
    if (a[i] != b[i]) return 0;
  return 1;
}

__attribute__((export_name("count_words"))) struct word *count_words(const char *text, int length) {
  struct word *words = 0;
  for (int start = 0, end = 0; end <= length; end++) {
    if (end < length && text[end] != ' ') continue;
    int size = end - start;
    struct word **at = &words;
    while (*at && ((*at)->length != size || !equal((*at)->text, text + start, size))) at = &(*at)->next;
    if (size > 0 && !*at) {
      struct word *word = malloc(sizeof *word + size);
      if (!word) return words;
      *word = (struct word){0, 0, size};
      for (int i = 0; i < size; i++) word->text[i] = text[start + i];
      *at = word;
    }
    if (size > 0) (*at)->count++;
    start = end + 1;
  }
  return words;
}

__attribute__((export_name("free_words"))) void free_words(struct word *words) {
  while (words) {
    struct word *next = words->next;
    free(words);
    words = next;
  }
}
