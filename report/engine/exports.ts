// What the report's page needs of the engine: its calls, and its accessors, to say what each word is. tools/build/js-engine.ts makes
// tools/build/generated/watched-engine.js of it, whose `createWatchedEngine(memory)` returns these functions.

import { BLOCK_KIND, IN_USE, PREVIOUS_IN_USE, QUICK } from "../../engine/block.ts";
import { first, heap } from "../../engine/control.ts";
import { walkedKind, walkedSize } from "../../engine/inspect/walk.ts";

export { binFor, find } from "../../engine/bins.ts";
export {
  blockSizeFor,
  header,
  payloadOf,
  previousSize,
  sizeIn,
  sizeOf,
} from "../../engine/block.ts";
export {
  cellsOf,
  classAt,
  currentFor,
  footprint,
  noSlab,
  programBreak,
  slotBytesFor,
  slotSize,
  smallSetting,
  top,
  topEnd,
} from "../../engine/control.ts";
export {
  calloc,
  heap_allocate,
  heap_create,
  heap_reallocate,
  heap_release,
} from "../../engine/exports.ts";
export { heap_check } from "../../engine/inspect/exports.ts";
export { advance } from "../../engine/inspect/walk.ts";
export {
  entryOf,
  findMap,
  forgetMap,
  isSlab,
  mapBytes,
  slabOf,
  startIn,
} from "../../engine/map.ts";
export { baseOf, blockOf, classOf, isCurrent, isUsed, slotCount } from "../../engine/slabs.ts";
export {
  clearMarks,
  markedLines,
  memoryBytes,
  setMemoryBytes,
  startWatching,
  stopWatching,
} from "./watched.ts";

/** Address of the control block. */
export function controlBlock(): i32 {
  return heap;
}

/** The first block. */
export function firstBlock(): i32 {
  return first;
}

/** Whether the header `h` has I set, as those of quick blocks have. */
export function isInUse(h: i32): bool {
  return (h & IN_USE) != 0;
}

/** Whether the header `h` has P set. */
export function isPreviousInUse(h: i32): bool {
  return (h & PREVIOUS_IN_USE) != 0;
}

/** Whether the header `h` is that of a quick block. */
export function isQuick(h: i32): bool {
  return isInUse(h) && (h & BLOCK_KIND) == QUICK;
}

/** Bytes and kind of the entry that the last `advance` returned. */
export function entrySize(): i32 {
  return walkedSize;
}

export function entryKind(): i32 {
  return walkedKind;
}
