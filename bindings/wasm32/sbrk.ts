// Where the memory ends, for Emscripten: the program break, which other code moves too. Only `sbrk` reports growth to
// JavaScript. tools/build/wasm32.ts puts these functions into the seam in place of its own.

declare function sbrk(bytes: i32): i32;

/** The program break, moved up to a multiple of 16. */
export function memoryEnd(): i32 {
  const end: i32 = sbrk(0);
  if ((end & 15) == 0) return end;
  sbrk(16 - (end & 15));
  return sbrk(0);
}

/** Moves the program break to `end`; returns false, and nothing has changed, if that is impossible. */
export function growTo(end: i32): bool {
  const now: i32 = memoryEnd();
  return <u32>end <= <u32>now || sbrk(end - now) == now;
}
