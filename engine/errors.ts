// Error codes, and how a call reports one: it returns a code, or 0 in place of a pointer, and records the code in `lastError`.

import { trap } from "#memory";

export const OK: i32 = 0;
export const OUT_OF_MEMORY: i32 = 1;
export const INVALID_SIZE: i32 = 2;
export const INVALID_ALIGNMENT: i32 = 3;
export const DOUBLE_FREE: i32 = 4;
export const INVALID_POINTER: i32 = 5;
export const OUT_OF_HEAP: i32 = 6;
export const CORRUPT: i32 = 7;
export const BAD_OPTIONS: i32 = 8;
export const BUSY: i32 = 9;

/** Code of the last call that failed. */
export let lastError: i32 = OK;

/** Records the reason and returns 0, the result of a request that fails. */
export function fail(code: i32): i32 {
  lastError = code;
  return 0;
}

/** Returns the code of a call; records it unless it is OK. */
export function report(code: i32): i32 {
  if (code != OK) lastError = code;
  return code;
}

/**
 * Stops the call: the heap's metadata was overwritten, and going on could write outside the heap. A call that finds such damage
 * before it has written anything returns CORRUPT instead.
 */
export function corrupt(): void {
  lastError = CORRUPT;
  trap();
}
