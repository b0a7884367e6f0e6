// The floor: a bump pointer that never frees. The driver's time with it is the time of the driver itself.
// Blocks lie in a ring of RING bytes and overlap, so that touching them stays within the caches.

/** Bytes below the ring, so that a pointer is never 0. */
const BASE: usize = 0x10000;
const RING: usize = 0x40000;

let bump: usize = 0;

export function malloc(bytes: usize): usize {
  const offset = bump;
  bump = (offset + bytes + 15) & (RING - 16);
  return BASE + offset;
}

export function calloc(count: usize, bytes: usize): usize {
  return malloc(count * bytes);
}

export function memalign(alignment: usize, bytes: usize): usize {
  return malloc(bytes);
}

export function realloc(pointer: usize, bytes: usize): usize {
  return malloc(bytes);
}

export function free(_pointer: usize): void {}
