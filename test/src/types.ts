/**
 * The types of the whole public surface. Nothing here runs: `npm run types` checks it on the sources, and
 * test/package.test.ts on the typings of the package, in projects of several kinds.
 */

import { expectTypeOf } from "vitest";

import {
  type AttachOptions,
  Heap,
  HeapError,
  struct,
  type Block,
  type EngineName,
  type Entry,
  type EntryKind,
  type Field,
  type Fields,
  type FieldValue,
  type HeapArray,
  type HeapErrorCode,
  type HeapLike,
  type HeapMemory,
  type HeapOptions,
  type HeapStats,
  type NativeMemory,
  type Scalar,
  type Scope,
  type Struct,
  type StructView,
  type TypedArrayType,
  type WasmMemory,
} from "../../src/index.ts";

// Heaps -------------------------------------------------------------------------------------------------------------------

expectTypeOf<HeapMemory>().toEqualTypeOf<
  WasmMemory | ArrayBuffer | SharedArrayBuffer | NativeMemory
>();
expectTypeOf<WasmMemory["buffer"]>().toExtend<ArrayBuffer | SharedArrayBuffer>();
expectTypeOf<EngineName>().toEqualTypeOf<"wasm" | "js">();
expectTypeOf<HeapOptions>().toEqualTypeOf<{
  memory?: HeapMemory;
  base?: number;
  limit?: number;
  margin?: number;
  fit?: "best" | "first" | "next";
  small?: number;
  engine?: EngineName | "auto";
}>();

expectTypeOf(Heap).constructorParameters.toEqualTypeOf<[options?: HeapOptions | undefined]>();
expectTypeOf(Heap.attach).parameters.toEqualTypeOf<
  [memory: HeapMemory, options?: AttachOptions | undefined]
>();
expectTypeOf<AttachOptions>().toEqualTypeOf<Pick<HeapOptions, "base" | "engine">>();
expectTypeOf(Heap.attach).returns.toExtend<Heap>();
// @ts-expect-error there is no such fit
void new Heap({ fit: "worst" });
// @ts-expect-error a memory is an option
void new Heap(new ArrayBuffer(65536));

const heap = new Heap();
expectTypeOf(heap.memory).toEqualTypeOf<HeapMemory>();
expectTypeOf(heap.engine).toEqualTypeOf<EngineName>();
expectTypeOf(heap.buffer).toEqualTypeOf<ArrayBuffer | SharedArrayBuffer>();
// @ts-expect-error a heap stays in its memory
heap.memory = new ArrayBuffer(1);

expectTypeOf(heap.allocate).toEqualTypeOf<(size: number, alignment?: number) => number>();
expectTypeOf(heap.tryAllocate).toEqualTypeOf<(size: number, alignment?: number) => number>();
expectTypeOf(heap.allocateZeroed).toEqualTypeOf<(size: number) => number>();
expectTypeOf(heap.reallocate).toEqualTypeOf<(pointer: number, size: number) => number>();
expectTypeOf(heap.deallocate).toEqualTypeOf<(pointer: number) => void>();
expectTypeOf(heap.usableSize).toEqualTypeOf<(pointer: number) => number>();
expectTypeOf(heap.owns).toEqualTypeOf<(pointer: number) => boolean>();
expectTypeOf(heap.trim).toEqualTypeOf<() => number>();
expectTypeOf(heap.check).toEqualTypeOf<() => void>();
expectTypeOf(heap.reset).toEqualTypeOf<() => void>();
for (const figure of [
  "base",
  "break",
  "limit",
  "heapBytes",
  "peakHeapBytes",
  "breakMoves",
] as const) {
  expectTypeOf(heap[figure]).toEqualTypeOf<number>();
}
// @ts-expect-error a figure is read only
heap.base = 1;
expectTypeOf(heap.stats).toEqualTypeOf<() => HeapStats>();
expectTypeOf<HeapStats[keyof HeapStats]>().toEqualTypeOf<number>();
expectTypeOf<keyof HeapStats>().toEqualTypeOf<
  | "heapBytes"
  | "peakHeapBytes"
  | "breakMoves"
  | "base"
  | "break"
  | "limit"
  | "usedBytes"
  | "freeBytes"
  | "usedBlocks"
  | "freeBlocks"
  | "largestFree"
>();
expectTypeOf([...heap.walk()]).toEqualTypeOf<Entry[]>();
expectTypeOf<Entry>().toEqualTypeOf<{ address: number; size: number; kind: EntryKind }>();
expectTypeOf<EntryKind>().toEqualTypeOf<
  "free" | "used" | "free-slot" | "used-slot" | "metadata" | "foreign"
>();

expectTypeOf(heap.view(Float32Array, 16, 4)).toEqualTypeOf<Float32Array>();
expectTypeOf(heap.view(BigInt64Array, 16, 4)).toEqualTypeOf<BigInt64Array>();
expectTypeOf(Uint8ClampedArray).toExtend<TypedArrayType<Uint8ClampedArray>>();
// @ts-expect-error not a typed array
heap.view(Array, 16, 4);

// What frees itself -------------------------------------------------------------------------------------------------------

expectTypeOf(heap.block).toEqualTypeOf<(size: number, alignment?: number) => Block>();
const block = heap.block(64, 32);
expectTypeOf(block.heap).toEqualTypeOf<HeapLike>();
expectTypeOf<Heap>().toExtend<HeapLike>();
expectTypeOf(block.disposed).toEqualTypeOf<boolean>();
expectTypeOf(block.pointer).toEqualTypeOf<number>();
expectTypeOf(block.size).toEqualTypeOf<number>();
expectTypeOf(block.view(Uint16Array)).toEqualTypeOf<Uint16Array>();
expectTypeOf(block.release).toEqualTypeOf<() => number>();
expectTypeOf(block.dispose).toEqualTypeOf<() => void>();
expectTypeOf<Block>().toExtend<Disposable>();
expectTypeOf(block[Symbol.dispose]).toEqualTypeOf<() => void>();
// @ts-expect-error a block stays where it is
block.pointer = 16;

const array = heap.array(Float64Array, 10);
expectTypeOf(array).toEqualTypeOf<HeapArray<Float64Array>>();
expectTypeOf(array).toExtend<Block>();
expectTypeOf(array.elements).toEqualTypeOf<Float64Array>();
expectTypeOf(array.length).toEqualTypeOf<number>();
expectTypeOf(heap.array(BigUint64Array, 1).elements[0]!).toEqualTypeOf<bigint>();
// @ts-expect-error the length is missing
heap.array(Float64Array);

const scope = heap.scope();
expectTypeOf(scope).toEqualTypeOf<Scope>();
expectTypeOf(scope).toExtend<Disposable>();
expectTypeOf(scope.allocate).toEqualTypeOf<(size: number, alignment?: number) => number>();
expectTypeOf(scope.use(array)).toEqualTypeOf<HeapArray<Float64Array>>();
expectTypeOf(scope.use(heap.scope())).toEqualTypeOf<Scope>();
expectTypeOf(scope.use(null)).toEqualTypeOf<null>();
expectTypeOf(scope.adopt("name", (name) => void name.length)).toEqualTypeOf<string>();
expectTypeOf(scope.defer).toEqualTypeOf<(onDispose: () => void) => void>();
expectTypeOf(scope.move).toEqualTypeOf<() => Scope>();
expectTypeOf(scope.disposed).toEqualTypeOf<boolean>();
// @ts-expect-error nothing to free
scope.use("text");

class Mesh {
  vertices = 0;
}
expectTypeOf(heap.register).toEqualTypeOf<(object: object, pointer: number) => void>();
heap.register(new Mesh(), 16);
expectTypeOf(heap.unregister).toEqualTypeOf<(pointer: number) => boolean>();
// @ts-expect-error only objects are collected
heap.register("mesh", 16);

/** Several that `using` declares, and what is read from them. */
export function used(): number {
  using first = heap.block(8);
  using numbers = heap.array(Int32Array, 4);
  using inner = heap.scope();
  return inner.allocate(first.size) + numbers.elements[0]!;
}

// Typed data --------------------------------------------------------------------------------------------------------------

expectTypeOf(heap.string).toEqualTypeOf<(text: string) => Block>();
expectTypeOf(heap.cString).toEqualTypeOf<(text: string) => Block>();
expectTypeOf(heap.readString).toEqualTypeOf<(pointer: number, size: number) => string>();
expectTypeOf(heap.readCString).toEqualTypeOf<(pointer: number) => string>();

const Point = struct({ x: "f64", y: "f64", id: "u32" });
expectTypeOf(Point.size).toEqualTypeOf<number>();
expectTypeOf(Point.alignment).toEqualTypeOf<number>();
expectTypeOf(Point.offsets).toEqualTypeOf<{
  readonly x: number;
  readonly y: number;
  readonly id: number;
}>();
const point = Point.of(block);
expectTypeOf(point.x).toEqualTypeOf<number>();
expectTypeOf(Point.at(heap, 16).id).toEqualTypeOf<number>();
expectTypeOf(Point.of).parameters.toEqualTypeOf<[block: Block, index?: number | undefined]>();
point.x = 1.5;
// @ts-expect-error there is no such field
void point.z;
// @ts-expect-error a number
point.id = 5n;

const Body = struct({ at: Point, stamp: "i64", mass: ["f32", 3], hash: "u64", tags: ["u64", 2] });
const body = Body.of(block, 1);
expectTypeOf(body.at.x).toEqualTypeOf<number>();
expectTypeOf(body.stamp).toEqualTypeOf<bigint>();
expectTypeOf(body.hash).toEqualTypeOf<bigint>();
expectTypeOf(body.mass).toEqualTypeOf<Float32Array>();
expectTypeOf(body.tags).toEqualTypeOf<BigUint64Array>();
body.stamp = 5n;
body.at.y = 2;
// @ts-expect-error a bigint
body.stamp = 5;
body.mass = new Float32Array(3);
body.at = point;
// @ts-expect-error the array of another type
body.mass = new Float64Array(3);
// @ts-expect-error there is no such type
struct({ x: "f16" });
// @ts-expect-error a length is missing
struct({ x: ["f32"] });

expectTypeOf<Scalar>().toEqualTypeOf<
  "i8" | "u8" | "i16" | "u16" | "i32" | "u32" | "i64" | "u64" | "f32" | "f64"
>();
expectTypeOf<FieldValue<Scalar>>().toEqualTypeOf<number | bigint>();
expectTypeOf<["u8", 4]>().toExtend<Field>();
expectTypeOf({ x: "f64" } as const).toExtend<Fields>();
expectTypeOf(Point).toExtend<Struct<{ x: "f64"; y: "f64"; id: "u32" }>>();
expectTypeOf<StructView<{ x: "f64"; n: "i64" }>["n"]>().toEqualTypeOf<bigint>();

// Errors ------------------------------------------------------------------------------------------------------------------

const error = new HeapError("CORRUPT", "");
expectTypeOf(error).toExtend<Error>();
expectTypeOf(error.code).toEqualTypeOf<HeapErrorCode>();
expectTypeOf(error.pointer).toEqualTypeOf<number | undefined>();
expectTypeOf(error.size).toEqualTypeOf<number | undefined>();
expectTypeOf<HeapErrorCode>().toEqualTypeOf<
  | "OUT_OF_MEMORY"
  | "INVALID_SIZE"
  | "INVALID_ALIGNMENT"
  | "DOUBLE_FREE"
  | "INVALID_POINTER"
  | "OUT_OF_HEAP"
  | "CORRUPT"
  | "DISPOSED"
  | "BAD_OPTIONS"
  | "BUSY"
>();
