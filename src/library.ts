/** The library without an engine: what its entries share. */

export type { HeapArray } from "./data/array.ts";
export {
  struct,
  type Field,
  type Fields,
  type FieldValue,
  type Scalar,
  type Struct,
  type StructView,
} from "./data/struct.ts";
export { HeapError, type HeapErrorCode } from "./errors.ts";
/** @internal For the entries: in a module of their own, HeapError would be another class. */
export { badOptions, busy, invalid, invalidSize } from "./errors.ts";
export { Heap as HeapBase } from "./heap.ts";
export type { Block } from "./lifetimes/block.ts";
export type { Scope } from "./lifetimes/scope.ts";
export type {
  AttachOptions,
  EngineName,
  Entry,
  EntryKind,
  HeapLike,
  HeapMemory,
  HeapOptions,
  HeapStats,
  NativeMemory,
  TypedArrayType,
  WasmMemory,
} from "./types.ts";
