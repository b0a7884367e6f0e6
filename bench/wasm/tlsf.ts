// AssemblyScript's TLSF as malloc, free and so on. It has no aligned allocation: every block is 16-byte aligned.

export function malloc(bytes: usize): usize {
  return heap.alloc(bytes);
}

export function calloc(count: usize, bytes: usize): usize {
  const pointer = heap.alloc(count * bytes);
  memory.fill(pointer, 0, count * bytes);
  return pointer;
}

export function memalign(alignment: usize, bytes: usize): usize {
  return alignment <= 16 ? heap.alloc(bytes) : unreachable();
}

export function realloc(pointer: usize, bytes: usize): usize {
  return heap.realloc(pointer, bytes);
}

export function free(pointer: usize): void {
  heap.free(pointer);
}
