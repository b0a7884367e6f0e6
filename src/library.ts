/** The library without an engine: what its entries share. */

export type { HeapArray } from "./array.ts";
export type { Block } from "./block.ts";
export type { EngineName } from "./engine.ts";
export { HeapError, type HeapErrorCode } from "./errors.ts";
export {
  Heap as HeapBase,
  type HeapOptions,
  type Entry,
  type EntryKind,
  type HeapStats,
  type TypedArrayType,
} from "./heap.ts";
export type { HeapMemory, WasmMemory } from "./memories.ts";
export type { Held, Scope } from "./scope.ts";
export {
  struct,
  type Field,
  type Fields,
  type FieldValue,
  type Scalar,
  type Struct,
  type StructView,
} from "./struct.ts";
