// What inspecting exports: it reads a heap and changes nothing. heap.debug.wasm has it together with the engine, for C programs;
// inspector.ts adds what the library's inspector needs.

import { violated, violatedAt } from "./check.ts";
import { walk, walkedKind, walkedSize } from "./walk.ts";

/** 0, or the first invariant that is violated: its letter's character code × 256 + its number. */
export function heap_check(): i32 {
  return violated();
}

/** Where the last `heap_check` found a violation. */
export function heap_check_at(): i32 {
  return violatedAt;
}

/** The entry after `p` in address order, 0 to start; 0 at the end, `p` itself if its header was overwritten. */
export function heap_walk(p: i32): i32 {
  return walk(p);
}

/** Bytes of the entry that the last `heap_walk` returned. */
export function heap_walked_size(): i32 {
  return walkedSize;
}

/** Its kind: 0 free block, 1 block in use, 2 free slot, 3 slot in use, 4 metadata, 5 foreign region. */
export function heap_walked_kind(): i32 {
  return walkedKind;
}
