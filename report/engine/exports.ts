// What the report's page needs of the engine: its calls, and its accessors, to say what each word is. tools/build/js-engine.ts makes
// tools/build/generated/watched-engine.js of it, whose `createWatchedEngine(memory)` returns these functions.

import { first, heap } from "../../engine/control.ts";
import { walkedKind, walkedSize } from "../../engine/inspect/walk.ts";

export { binFor, find } from "../../engine/bins.ts";
export { footer, header, linkTo, nextFree } from "../../engine/block.ts";
export {
  binHead,
  binWithHead,
  breakMoves,
  cellsOf,
  classAt,
  currentFor,
  footprint,
  noSlab,
  programBreak,
  quickBlock,
  quickCount,
  quickList,
  quickListFor,
  slotBytesFor,
  slotSize,
  top,
  topEnd,
} from "../../engine/control.ts";
export {
  calloc,
  heap_allocate,
  heap_create,
  heap_error,
  heap_reallocate,
  heap_release,
} from "../../engine/exports.ts";
export { heap_check, heap_check_at } from "../../engine/inspect/exports.ts";
export { advance } from "../../engine/inspect/walk.ts";
export {
  entryOf,
  findMap,
  forgetMap,
  isSlab,
  isStart,
  mapBytes,
  slabOf,
} from "../../engine/map.ts";
export { baseOf, bitsOf, blockOf, classOf, isCurrent, slotCount } from "../../engine/slabs.ts";
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

/** Bytes and kind of the entry that the last `advance` returned. */
export function entrySize(): i32 {
  return walkedSize;
}

export function entryKind(): i32 {
  return walkedKind;
}
