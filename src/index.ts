/** The public surface of heapwright. */

export { HeapError, type HeapErrorCode } from "./errors.ts";
export {
  Heap,
  type HeapOptions,
  type Entry,
  type EntryKind,
  type HeapStats,
  type TypedArrayType,
} from "./heap.ts";
export type { EngineName } from "./engine.ts";
export type { HeapMemory } from "./memories.ts";
