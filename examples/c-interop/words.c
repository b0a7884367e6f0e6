// Counts words. Each word is a separate block, from an imported malloc.

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

__attribute__((export_name("count_words"))) struct word *count_words(const char *text) {
  struct word *words = 0;
  while (*text) {
    int length = 0;
    while (text[length] && text[length] != ' ') length++;
    struct word **at = &words;
    while (*at && ((*at)->length != length || !equal((*at)->text, text, length))) at = &(*at)->next;
    if (!*at) {
      struct word *word = malloc(sizeof *word + length);
      if (!word) return words;
      *word = (struct word){0, 0, length};
      for (int i = 0; i < length; i++) word->text[i] = text[i];
      *at = word;
    }
    (*at)->count++;
    text += length;
    while (*text == ' ') text++;
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
