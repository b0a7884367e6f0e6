// Without a C library: lists that grow, shrink and are thrown away, and buffers of all sizes.

#include <stddef.h>

void *malloc(size_t size);
void *realloc(void *pointer, size_t size);
void free(void *pointer);

struct node {
  struct node *next;
  unsigned value;
};

static unsigned seed = 1;

static unsigned next_random(void) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  seed ^= seed << 5;
  return seed;
}

static struct node *lists[64];
static unsigned char *buffers[256];
static unsigned sizes[256];

__attribute__((export_name("churn"))) unsigned churn(unsigned rounds) {
  unsigned sum = 0;
  for (unsigned round = 0; round < rounds; round++) {
    unsigned which = next_random() & 63;
    if (next_random() & 3) {
      for (unsigned i = 0; i < 16; i++) {
        struct node *node = malloc(sizeof *node);
        if (!node) return 0;
        node->next = lists[which];
        node->value = round + i;
        lists[which] = node;
      }
    } else {
      while (lists[which]) {
        struct node *node = lists[which];
        lists[which] = node->next;
        sum = sum * 31 + node->value;
        free(node);
      }
    }
    unsigned index = next_random() & 255;
    unsigned size = 1 + next_random() % 4000;
    if (sizes[index]) sum = sum * 31 + buffers[index][sizes[index] - 1];
    buffers[index] = realloc(buffers[index], size);
    if (!buffers[index]) return 0;
    sizes[index] = size;
    buffers[index][size - 1] = (unsigned char)round;
  }
  return sum;
}
