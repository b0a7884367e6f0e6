// libheapwright: `allocate` and `deallocate` on the process's program break. See libheapwright.h.

#define HW_FREE_CALL "deallocate"
#include "process.c"

#include "libheapwright.h"

void *allocate(size_t size) {
  return take(size);
}

void deallocate(void *pointer) {
  give(pointer, "deallocate");
}

void *hw_process_reallocate(void *pointer, size_t size) {
  if (pointer == NULL) return take(size);
  u32 code;
  const size_t had = size_of(pointer, &code);
  if (had != SIZE_MAX) return resize(pointer, had, size, "hw_process_reallocate");
  report_pointer("hw_process_reallocate", pointer, code == HW_OUT_OF_HEAP ? HW_INVALID_POINTER : code);
  return NULL;
}

void *hw_process_allocate_aligned(size_t alignment, size_t size) {
  if (alignment == 0 || (alignment & (alignment - 1)) != 0) {
    errno = EINVAL;
    return NULL;
  }
  return take_slowly(size, alignment);
}

size_t hw_process_usable_size(const void *pointer) {
  u32 code;
  const size_t bytes = pointer == NULL ? SIZE_MAX : size_of(pointer, &code);
  return bytes == SIZE_MAX ? 0 : bytes;
}

size_t hw_process_trim(size_t keep) {
  return trim_all(keep);
}

hw_heap *hw_process_heap(unsigned index) {
  if (index >= regions_now()) return NULL;
  // Blocks that other threads freed are in use until then.
  release(&regions[index], seize(&regions[index]));
  return regions[index].heap;
}
