/** Structs: named fields at offsets, with the layout of C on wasm32. */

import {
  badOptions,
  HeapError,
  invalid,
  invalidLength,
  invalidPointer,
  isWord,
  noAddress,
} from "../errors.ts";
import type { Block } from "../lifetimes/block.ts";
import { bufferUpTo, expectMemory } from "../memories.ts";
import { show, shown } from "../show.ts";
import type { HeapLike, TypedArrayType } from "../types.ts";

/** The type of a number in memory. A pointer is a `u32`. */
export type Scalar = "i8" | "u8" | "i16" | "u16" | "i32" | "u32" | "i64" | "u64" | "f32" | "f64";

/** The type of a field: a number, a fixed number of them, or a struct within the struct. */
export type Field = Scalar | readonly [type: Scalar, length: number] | Struct<any>;

/** The fields of a struct by name, in the order of memory. */
export type Fields = Readonly<Record<string, Field>>;

/** The typed array of each type. */
interface Arrays {
  i8: Int8Array;
  u8: Uint8Array;
  i16: Int16Array;
  u16: Uint16Array;
  i32: Int32Array;
  u32: Uint32Array;
  i64: BigInt64Array;
  u64: BigUint64Array;
  f32: Float32Array;
  f64: Float64Array;
}

/** The type of a field's value in JavaScript. */
export type FieldValue<Of extends Field> = Of extends "i64" | "u64"
  ? bigint
  : Of extends Scalar
    ? number
    : Of extends readonly [infer Type extends Scalar, number]
      ? Arrays[Type]
      : Of extends Struct<infer Inner>
        ? StructView<Inner>
        : never;

/**
 * A struct in memory. Its fields can be read and assigned. Arrays and inner structs are views of the memory; assigning one
 * copies its elements or fields.
 */
export type StructView<Of extends Fields> = {
  -readonly [Name in keyof Of]: FieldValue<Of[Name]>;
};

/** The layout of a struct, and the functions that view it in memory. Made by `struct`. */
export interface Struct<Of extends Fields> {
  /** Bytes that one struct takes, padding included: in an array, the distance from one to the next. */
  readonly size: number;
  /** Bytes that its address must be a multiple of: the largest alignment of its fields, at most 8. */
  readonly alignment: number;
  /** Bytes from the start of the struct to each field. */
  readonly offsets: { readonly [Name in keyof Of]: number };

  /**
   * Views a struct in a block. Cost: one object.
   *
   * @param block The block or array.
   * @param index Number of the struct in the block, from 0.
   * @returns The view.
   * @throws {HeapError} `INVALID_SIZE` if the block is too small, `DISPOSED` if it was disposed of.
   */
  of(block: Block, index?: number): StructView<Of>;

  /**
   * Views a struct at an address of the heap's memory. It need not be in a block: a module has structs of its own. Cost: one
   * object.
   *
   * @param heap The heap.
   * @param pointer Address in bytes, a multiple of `alignment`.
   * @returns The view.
   * @throws {HeapError} `INVALID_POINTER` if the pointer is misaligned. `OUT_OF_HEAP` if it is 0, or the struct would exceed the
   *   memory.
   */
  at(heap: HeapLike, pointer: number): StructView<Of>;
}

/**
 * Describes a struct. Each field lies at the next multiple of its own size, as in C.
 *
 * A view made by `of` or `at` stays valid when the memory grows. Its arrays (`["f32", 16]`) do not: they are typed arrays on the
 * memory as it is, so read the field again after a call that may allocate. Integers wrap, as in typed arrays. A view does not
 * know when its block is freed: don't use it afterwards.
 *
 * @param fields The fields by name, in the order of memory: a type, a type with a length, or a struct. A name must not be a whole
 *   number, since JavaScript would put it first, nor `__proto__`.
 * @returns The struct.
 * @throws {HeapError} `BAD_OPTIONS` for an invalid type or name.
 * @example
 * ```ts
 * const Point = struct({ x: "f64", y: "f64", id: "u32" });
 * using points = heap.block(100 * Point.size);
 * const last = Point.of(points, 99);
 * last.x = 1.5;
 * ```
 */
export function struct<const Of extends Fields>(fields: Of): Struct<Of> {
  if (typeof fields !== "object" || fields === null) {
    throw invalid("fields", fields, 'an object such as { x: "f64" }');
  }
  const offsets: Record<string, number> = {};
  const accessors: PropertyDescriptorMap = {};
  let end = 0;
  let alignment = 1;
  for (const [name, field] of Object.entries(fields)) {
    const layout = layoutOf(name, field);
    const offset = roundUp(end, layout.alignment);
    offsets[name] = offset;
    accessors[name] = { ...layout.accessorAt(offset), enumerable: true };
    end = offset + layout.size;
    alignment = Math.max(alignment, layout.alignment);
  }
  const size = roundUp(end, alignment);

  class View extends Place {
    [show](_: unknown, options: unknown, inspect?: (value: unknown, options: unknown) => string) {
      const values: Record<string, unknown> = {};
      for (const name of Object.keys(accessors)) values[name] = (this as never)[name];
      const text = inspect?.(values, options) ?? JSON.stringify(Object.keys(values));
      return `Struct(${size} bytes at ${Place.pointerOf(this)}) ${text}`;
    }
  }
  Object.defineProperties(View.prototype, accessors);
  const viewAt = (heap: HeapLike, pointer: number): StructView<Of> =>
    new View(windowOf(heap), pointer) as unknown as StructView<Of>;

  return {
    size,
    alignment,
    offsets: offsets as { [Name in keyof Of]: number },

    of(block, index = 0) {
      if (typeof block?.size !== "number") {
        throw badOptions(
          `Invalid block ${shown(block)}: expected a block. For an address, call at().`,
        );
      }
      const { heap, pointer } = block;
      if (Number.isInteger(index) && index >= 0 && (index + 1) * size <= block.size) {
        return viewAt(heap, pointer + index * size);
      }
      throw new HeapError(
        "INVALID_SIZE",
        `Invalid index ${shown(index)}: the ${block.size} bytes of the block at ${pointer} have room for ` +
          `${Math.floor(block.size / size)} structs of ${size} bytes.`,
        { pointer },
      );
    },

    at(heap, pointer) {
      if (typeof heap?.usableSize !== "function") throw invalid("heap", heap, "a heap");
      if (!isWord(pointer)) throw noAddress(pointer);
      if (pointer === 0 || pointer + size > bufferUpTo(heap.memory, pointer + size).byteLength) {
        throw beyondMemory(heap, pointer, size);
      }
      if (pointer % alignment === 0) return viewAt(heap, pointer);
      throw invalidPointer(
        "INVALID_POINTER",
        pointer,
        `the struct needs an address that is a multiple of ${alignment}.`,
      );
    },
  };
}

/** A struct of `size` bytes, or a field of it, is not in the memory. */
function beyondMemory(heap: HeapLike, pointer: number, size: number): HeapError {
  expectMemory(heap.memory);
  return invalidPointer(
    "OUT_OF_HEAP",
    pointer,
    pointer === 0
      ? "it is NULL, no struct starts there."
      : `the ${size} bytes there exceed the memory of ${heap.buffer.byteLength} bytes.`,
  );
}

/** A struct's place in memory. Its methods are static: every name of the instance may be a field's. */
class Place {
  readonly #window: Window;
  readonly #pointer: number;

  constructor(window: Window, pointer: number) {
    this.#window = window;
    this.#pointer = pointer;
  }

  static heapOf(place: Place): HeapLike {
    return place.#window.heap;
  }

  static pointerOf(place: Place): number {
    return place.#pointer;
  }

  /** Reads or writes a number; through a new view if the last one does not reach there. */
  static use(
    place: Place,
    access: Access,
    offset: number,
    bytes: number,
    value?: unknown,
  ): unknown {
    const at = place.#pointer + offset;
    const window = place.#window;
    const { view } = window;
    try {
      return access(view, at, value);
    } catch {
      const { heap } = window;
      const buffer = bufferUpTo(heap.memory, at + bytes);
      if (at + bytes > buffer.byteLength) throw beyondMemory(heap, at, bytes);
      window.view = new DataView(buffer);
      return access(window.view, at, value);
    }
  }
}

/** The view through which all structs of a heap are read and written. It is made again when it is outdated. */
interface Window {
  readonly heap: HeapLike;
  view: DataView;
}

const windows = /* @__PURE__ */ new WeakMap<HeapLike, Window>();

function windowOf(heap: HeapLike): Window {
  let window = windows.get(heap);
  if (window === undefined) {
    window = { heap, view: new DataView(heap.buffer) };
    windows.set(heap, window);
  }
  return window;
}

/** The size of a field, and its accessor at an offset. */
interface Layout {
  size: number;
  alignment: number;
  accessorAt(offset: number): {
    get(this: Place): unknown;
    set(this: Place, value: any): void;
  };
}

function layoutOf(name: string, field: Field): Layout {
  if (/^\d+$/.test(name) || name === "__proto__") {
    throw invalid("field name", name, "a name that is neither a whole number nor __proto__");
  }
  if (isStruct(field)) {
    const names = Object.keys(field.offsets);
    return {
      size: field.size,
      alignment: field.alignment,
      accessorAt(offset) {
        const view = (place: Place): Record<string, unknown> =>
          field.at(Place.heapOf(place), Place.pointerOf(place) + offset);
        return {
          get() {
            return view(this);
          },
          set(value) {
            if (typeof value !== "object" || value === null) {
              throw invalid(`field ${name}:`, value, "an object with the fields of the struct");
            }
            const target = view(this);
            for (const each of names) target[each] = value[each];
          },
        };
      },
    };
  }
  const isArray = Array.isArray(field);
  const [type, length] = (isArray ? field : [field]) as [type: Scalar, length: number];
  if (typeof type !== "string" || !Object.hasOwn(SCALARS, type)) {
    throw invalid(
      `type of field ${name}:`,
      type,
      `${Object.keys(SCALARS).join(", ")}, one of them with a length, or a struct`,
    );
  }
  const [array, read, write] = SCALARS[type];
  const size = array.BYTES_PER_ELEMENT;
  if (!isArray) {
    return {
      size,
      alignment: size,
      accessorAt: (offset) => ({
        get() {
          return Place.use(this, read, offset, size);
        },
        set(value) {
          Place.use(this, write, offset, size, value);
        },
      }),
    };
  }
  if (!Number.isInteger(length) || length < 0) {
    throw invalid(`length of field ${name}:`, length, "a whole number of elements from 0");
  }
  return {
    size: length * size,
    alignment: size,
    accessorAt(offset) {
      const view = (place: Place) => {
        const heap = Place.heapOf(place);
        const pointer = Place.pointerOf(place) + offset;
        const buffer = bufferUpTo(heap.memory, pointer + length * size);
        if (pointer + length * size > buffer.byteLength) {
          throw beyondMemory(heap, pointer, length * size);
        }
        return new array(buffer, pointer, length) as unknown as { set(values: unknown): void };
      };
      return {
        get() {
          return view(this);
        },
        set(values) {
          if (values?.length !== length) throw invalidLength(values?.length, length, {});
          view(this).set(values);
        },
      };
    },
  };
}

function isStruct(field: Field): field is Struct<any> {
  return (
    typeof field === "object" && field !== null && "of" in field && typeof field.of === "function"
  );
}

type Access = (view: DataView, at: number, value?: any) => unknown;
type Kind = readonly [array: TypedArrayType<ArrayBufferView>, read: Access, write: Access];

const SCALARS: { readonly [Type in Scalar]: Kind } = {
  i8: [Int8Array, (view, at) => view.getInt8(at), (view, at, n) => view.setInt8(at, n)],
  u8: [Uint8Array, (view, at) => view.getUint8(at), (view, at, n) => view.setUint8(at, n)],
  i16: [
    Int16Array,
    (view, at) => view.getInt16(at, true),
    (view, at, n) => view.setInt16(at, n, true),
  ],
  u16: [
    Uint16Array,
    (view, at) => view.getUint16(at, true),
    (view, at, n) => view.setUint16(at, n, true),
  ],
  i32: [
    Int32Array,
    (view, at) => view.getInt32(at, true),
    (view, at, n) => view.setInt32(at, n, true),
  ],
  u32: [
    Uint32Array,
    (view, at) => view.getUint32(at, true),
    (view, at, n) => view.setUint32(at, n, true),
  ],
  i64: [
    BigInt64Array,
    (view, at) => view.getBigInt64(at, true),
    (view, at, n) => view.setBigInt64(at, n, true),
  ],
  u64: [
    BigUint64Array,
    (view, at) => view.getBigUint64(at, true),
    (view, at, n) => view.setBigUint64(at, n, true),
  ],
  f32: [
    Float32Array,
    (view, at) => view.getFloat32(at, true),
    (view, at, n) => view.setFloat32(at, n, true),
  ],
  f64: [
    Float64Array,
    (view, at) => view.getFloat64(at, true),
    (view, at, n) => view.setFloat64(at, n, true),
  ],
};

function roundUp(bytes: number, to: number): number {
  return Math.ceil(bytes / to) * to;
}
