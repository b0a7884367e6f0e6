// heapwright.h's functions on memory that a program gives: each line that fails is printed.

#include "heapwright.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"

enum { KIB = 1024 };

static size_t room;

static bool grow(hw_heap *heap, size_t bytes) {
  (void)heap;
  if (bytes > 900 * KIB) return false;
  room = bytes;
  return true;
}

static void shrink(hw_heap *heap, size_t bytes) {
  (void)heap;
  room = bytes;
}

int main(void) {
  char *memory = aligned_alloc(64, 1024 * KIB);
  if (memory == NULL) return 2;
  EXPECT(hw_create(memory, 1000, NULL) == NULL);
  EXPECT(hw_create(memory + 1, 64 * KIB, NULL) == NULL);
  hw_heap *heap = hw_create(memory, 64 * KIB, NULL);
  EXPECT((void *)heap == (void *)memory);
  EXPECT(hw_statistics(heap).end == 64 * KIB);

  // Rows of the interface.
  char *p = hw_allocate(heap, 100);
  EXPECT(p > memory && p + 100 < memory + 64 * KIB && ((uintptr_t)p & 15) == 0);
  EXPECT(hw_usable_size(heap, p) >= 100);
  EXPECT(hw_pointer_error(heap, p) == HW_OK);
  memset(p, 7, 100);
  char *q = hw_reallocate(heap, p, 5000);
  EXPECT(q != NULL && q[0] == 7 && q[99] == 7);
  char *zeroed = hw_allocate_zeroed(heap, 3000);
  for (int i = 0; i < 3000; i++) EXPECT(zeroed[i] == 0);
  char *aligned = hw_allocate_aligned(heap, 64, 10);
  EXPECT(((uintptr_t)aligned & 63) == 0);
  EXPECT(hw_deallocate(heap, NULL) == HW_OK);
  EXPECT(hw_check(heap) == 0);

  // Errors.
  EXPECT(hw_allocate(heap, 100 * KIB) == NULL && hw_last_error(heap) == HW_OUT_OF_MEMORY);
  EXPECT(hw_allocate(heap, SIZE_MAX) == NULL && hw_last_error(heap) == HW_INVALID_SIZE);
  EXPECT(hw_allocate(heap, (size_t)UINT32_MAX + 100) == NULL && hw_last_error(heap) == HW_INVALID_SIZE);
  EXPECT(hw_allocate_aligned(heap, 24, 10) == NULL && hw_last_error(heap) == HW_INVALID_ALIGNMENT);
  EXPECT(hw_allocate_aligned(heap, (size_t)1 << 40, 10) == NULL && hw_last_error(heap) == HW_INVALID_ALIGNMENT);
  EXPECT(hw_deallocate(heap, q) == HW_OK);
  EXPECT(hw_deallocate(heap, q) == HW_DOUBLE_FREE);
  EXPECT(hw_deallocate(heap, aligned + 1) == HW_INVALID_POINTER);
  EXPECT(hw_deallocate(heap, zeroed + 16) == HW_INVALID_POINTER);
  EXPECT(hw_deallocate(heap, heap) == HW_OUT_OF_HEAP);
  EXPECT(hw_deallocate(heap, memory - 16) == HW_OUT_OF_HEAP);
  EXPECT(hw_deallocate(heap, (void *)((uintptr_t)zeroed + ((uintptr_t)1 << 33))) == HW_OUT_OF_HEAP);
  EXPECT(hw_usable_size(heap, q) == 0 && hw_last_error(heap) == HW_DOUBLE_FREE);
  EXPECT(strcmp(hw_error_name(HW_DOUBLE_FREE), "double free") == 0);
  EXPECT(hw_check(heap) == 0);

  // Walking.
  hw_block block = {NULL, 0, HW_FREE_BLOCK};
  int found = 0, blocks = 0;
  for (const char *before = memory; hw_walk(heap, &block); before = block.pointer, blocks++) {
    EXPECT((char *)block.pointer > before);
    if (block.pointer == zeroed) found += block.kind == HW_USED_BLOCK && block.size >= 3000;
    if (block.pointer == aligned) found += block.kind == HW_USED_BLOCK || block.kind == HW_USED_SLOT;
  }
  EXPECT(found == 2 && blocks >= 3);
  EXPECT(hw_reset(heap) == HW_OK && hw_deallocate(heap, zeroed) != HW_OK && hw_check(heap) == 0);
  EXPECT(hw_trim(heap, 0) == 0);

  // Growing and shrinking, and two heaps at once.
  const hw_options options = {.grow = grow, .shrink = shrink, .no_slabs = true};
  room = 64 * KIB;
  static _Alignas(16) char other[16 * KIB];
  hw_heap *second = hw_create(other, sizeof other, NULL);
  heap = hw_create(memory, room, &options);
  char *large = hw_allocate(heap, 500 * KIB);
  EXPECT(large != NULL && room >= 500 * KIB);
  EXPECT(hw_allocate(heap, 500 * KIB) == NULL && hw_last_error(heap) == HW_OUT_OF_MEMORY);
  EXPECT(hw_deallocate(second, large) == HW_OUT_OF_HEAP);
  void *small = hw_allocate(second, 10);
  EXPECT(hw_deallocate(second, small) == HW_OK);
  EXPECT(hw_deallocate(heap, large) == HW_OK);
  EXPECT(hw_trim(heap, 0) > 400 * KIB && room < 100 * KIB && hw_statistics(heap).end == room);
  EXPECT(hw_statistics(heap).peak >= 500 * KIB);
  EXPECT(hw_allocate(heap, 500 * KIB) != NULL);
  EXPECT(hw_check(heap) == 0 && hw_check(second) == 0);
  const hw_options invalid = {.fit = (hw_fit)3};
  EXPECT(hw_create(memory, 64 * KIB, &invalid) == NULL);

  // An overwritten block is found.
  heap = hw_create(memory, 64 * KIB, NULL);
  p = hw_allocate(heap, 5000);
  EXPECT(hw_allocate(heap, 5000) == p + 5008);
  memset(p + 5000, 0, 8);
  EXPECT(hw_check(heap) >> 8 == 'B');
  EXPECT(hw_deallocate(heap, p) == HW_CORRUPT);
  free(memory);
  return failures != 0;
}
