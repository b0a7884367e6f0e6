// The front: the functions of heapwright.h, which turn pointers into offsets and back.

/** The pointer for an offset; NULL for 0. */
HW_INLINE void *hw_pointer(const hw_heap *hw, u32 offset) {
  return offset == 0 ? NULL : hw_at(hw, offset);
}

/** The offset of a pointer; one that no heap reaches if the pointer is too far away. */
HW_INLINE u32 hw_offset(const hw_heap *hw, const void *pointer) {
  const uintptr_t distance = (uintptr_t)pointer - (uintptr_t)hw;
  return pointer == NULL ? 0 : distance == 0 || distance > UINT32_MAX ? UINT32_MAX : (u32)distance;
}

/** A size as the engine takes it: one that is too large for it if it is too large for a word. */
HW_INLINE u32 hw_size(size_t size) {
  return size > HW_MAX_SIZE ? UINT32_MAX : (u32)size;
}

#ifndef HW_OWN_MEMORY

hw_heap *hw_create(void *memory, size_t bytes, const hw_options *options) {
  static const hw_options defaults = {0, NULL, NULL, HW_BEST_FIT, false};
  if (options == NULL) options = &defaults;
  hw_heap *hw = memory;
  if (((uintptr_t)memory & 15) != 0 || bytes < HW_HEAP) return NULL;
  memset(hw, 0, sizeof *hw);
  hw->end = (u32)(bytes > HW_HIGHEST_BREAK ? HW_HIGHEST_BREAK : bytes & ~(size_t)15);
  hw->grow = options->grow;
  hw->shrink = options->shrink;
  const size_t limit = options->limit > HW_HIGHEST_BREAK ? 0 : options->limit;
  const u32 small = options->no_slabs ? 0 : HW_DEFAULT_SMALL;
  if (hw_create_(hw, HW_HEAP, (u32)limit, -1u, (u32)options->fit, small) != HW_OK) return NULL;
  return hw;
}

#endif

void *hw_allocate(hw_heap *hw, size_t size) {
  return hw_pointer(hw, hw_allocate_(hw, hw_size(size)));
}

void *hw_allocate_zeroed(hw_heap *hw, size_t size) {
  return hw_pointer(hw, hw_allocateZeroed(hw, hw_size(size)));
}

void *hw_allocate_aligned(hw_heap *hw, size_t alignment, size_t size) {
  const u32 multiple = alignment > HW_MAX_ALIGNMENT ? 0 : (u32)alignment;
  return hw_pointer(hw, hw_allocateAligned(hw, hw_size(size), multiple));
}

void *hw_reallocate(hw_heap *hw, void *pointer, size_t size) {
  return hw_pointer(hw, hw_reallocate_(hw, hw_offset(hw, pointer), hw_size(size)));
}

hw_error hw_deallocate(hw_heap *hw, void *pointer) {
  return (hw_error)hw_deallocate_(hw, hw_offset(hw, pointer));
}

size_t hw_usable_size(hw_heap *hw, const void *pointer) {
  return pointer == NULL ? 0 : hw_usableSize(hw, hw_offset(hw, pointer));
}

hw_error hw_pointer_error(hw_heap *hw, const void *pointer) {
  return (hw_error)hw_pointerError(hw, hw_offset(hw, pointer));
}

hw_error hw_reset(hw_heap *hw) {
  return (hw_error)hw_report(hw, hw_reset_(hw));
}

size_t hw_trim(hw_heap *hw, size_t keep) {
  return hw_trim_(hw, hw_size(keep));
}

hw_error hw_last_error(const hw_heap *hw) {
  return (hw_error)hw->lastError;
}

const char *hw_error_name(hw_error error) {
  switch (error) {
    case HW_OK:
      return "no error";
    case HW_OUT_OF_MEMORY:
      return "out of memory";
    case HW_INVALID_SIZE:
      return "invalid size";
    case HW_INVALID_ALIGNMENT:
      return "invalid alignment";
    case HW_DOUBLE_FREE:
      return "double free";
    case HW_INVALID_POINTER:
      return "invalid pointer";
    case HW_OUT_OF_HEAP:
      return "pointer outside the heap";
    case HW_CORRUPT:
      return "corrupt heap";
    case HW_BAD_OPTIONS:
      return "invalid options";
  }
  return "unknown error";
}

hw_figures hw_statistics(const hw_heap *hw) {
  const hw_figures figures = {hw_footprint(hw), hw_peak(hw), hw_programBreak(hw)};
  return figures;
}

bool hw_walk(hw_heap *hw, hw_block *block) {
  const u32 before = hw_offset(hw, block->pointer);
  const u32 next = hw_walk_(hw, before);
  if (next == 0 || next == before) return false;
  block->pointer = hw_pointer(hw, next);
  block->size = hw->walkedSize;
  block->kind = (hw_kind)hw->walkedKind;
  return true;
}

unsigned hw_check(hw_heap *hw) {
  return hw_violated(hw);
}
