/** Structs: named fields at offsets, laid out as C does on wasm32. */

import type { Block } from "./block.ts";
import { badOptions, HeapError, isWord, noAddress, shown } from "./errors.ts";
import type { Heap, TypedArrayType } from "./heap.ts";
import { expectMemory } from "./memories.ts";

/** The type of a number in memory. A pointer is a `u32`. */
export type Scalar = "i8" | "u8" | "i16" | "u16" | "i32" | "u32" | "i64" | "u64" | "f32" | "f64";

/** The type of a field: a number, a fixed number of them, or a struct within the struct. */
export type Field = Scalar | readonly [type: Scalar, length: number] | Struct<any>;

/** The fields of a struct by name, in the order in which they lie in memory. */
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

/** What a field is to JavaScript. */
export type FieldValue<Of extends Field> = Of extends "i64" | "u64"
  ? bigint
  : Of extends Scalar
    ? number
    : Of extends readonly [infer Type extends Scalar, number]
      ? Arrays[Type]
      : Of extends Struct<infer Inner>
        ? StructView<Inner>
        : never;

/** A struct in memory: its numbers can be read and written; arrays and inner structs are views, changed in place. */
export type StructView<Of extends Fields> = {
  -readonly [Name in keyof Of as Of[Name] extends Scalar ? Name : never]: FieldValue<Of[Name]>;
} & {
  readonly [Name in keyof Of as Of[Name] extends Scalar ? never : Name]: FieldValue<Of[Name]>;
};

/** A struct's layout, and the way to see it in memory. Made by `struct`. */
export interface Struct<Of extends Fields> {
  /** Bytes that one takes, padding included: in an array, the distance from one to the next. */
  readonly size: number;
  /** Bytes that its address is a multiple of: the largest alignment of its fields, at most 8. */
  readonly alignment: number;
  /** Where each field begins, in bytes from the start. */
  readonly offsets: { readonly [Name in keyof Of]: number };

  /**
   * The struct at `index` (default 0) of those that a block has room for. Throws `INVALID_SIZE` where it has no room for
   * that many, `DISPOSED` where the block was disposed of. Cost: one object.
   */
  of(block: Block, index?: number): StructView<Of>;

  /**
   * The struct at an address of the heap's memory, which need not be a block's: a module has structs of its own. Throws
   * `INVALID_POINTER` where it is no multiple of `alignment`, `OUT_OF_HEAP` where it is 0 or the struct would go beyond the
   * end of the memory. Cost: one object.
   */
  at(heap: Heap, pointer: number): StructView<Of>;
}

/**
 * Describes a struct. Each field lies at the next multiple of its own size, as in C; so does the whole.
 *
 * ```ts
 * const Point = struct({ x: "f64", y: "f64", id: "u32" });
 * using points = heap.block(100 * Point.size);
 * const last = Point.of(points, 99);
 * last.x = 1.5;
 * ```
 *
 * What `of` and `at` answer stays right when the memory grows, but for arrays (`["f32", 16]`), which are typed arrays on the
 * memory as it is: ask for those again after anything that may have allocated. Numbers are stored as typed arrays store
 * them: those of integer types wrap. It is not known here when a block is freed: nothing must be used beyond that.
 *
 * Throws `BAD_OPTIONS` for a type that there is not, for a field whose name is a whole number, since JavaScript puts
 * such names before all others, and for `__proto__`.
 */
export function struct<const Of extends Fields>(fields: Of): Struct<Of> {
  if (typeof fields !== "object" || fields === null) {
    throw badOptions(`fields is ${shown(fields)}: expected an object such as { x: "f64" }`);
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

  class View extends Place {}
  Object.defineProperties(View.prototype, accessors);
  const viewAt = (heap: Heap, pointer: number): StructView<Of> =>
    new View(windowOf(heap), pointer) as unknown as StructView<Of>;

  return {
    size,
    alignment,
    offsets: offsets as { [Name in keyof Of]: number },

    of(block, index = 0) {
      if (typeof block?.size !== "number") {
        throw badOptions(`${shown(block)} is no block: expected one; for an address there is at`);
      }
      const { heap, pointer } = block;
      if (Number.isInteger(index) && index >= 0 && (index + 1) * size <= block.size) {
        return viewAt(heap, pointer + index * size);
      }
      throw new HeapError(
        "INVALID_SIZE",
        `there is no struct ${shown(index)} in the block at ${pointer}: ` +
          `its ${block.size} bytes have room for ${Math.floor(block.size / size)} of ${size} bytes each`,
        { pointer },
      );
    },

    at(heap, pointer) {
      if (typeof heap?.usableSize !== "function") {
        throw badOptions(`${shown(heap)} is no heap: expected one, and then the address`);
      }
      if (!isWord(pointer)) throw noAddress(pointer);
      if (pointer === 0 || pointer + size > heap.buffer.byteLength) {
        expectMemory(heap.memory);
        throw new HeapError(
          "OUT_OF_HEAP",
          pointer === 0
            ? "pointer 0 leads to no struct: it is what C calls NULL"
            : `a struct of ${size} bytes at ${pointer} would go beyond the end of the memory`,
          { pointer },
        );
      }
      if (pointer % alignment === 0) return viewAt(heap, pointer);
      throw new HeapError(
        "INVALID_POINTER",
        `pointer ${pointer} is no multiple of ${alignment}, which is the alignment of the struct`,
        { pointer },
      );
    },
  };
}

/** A struct's place in memory. Its methods are static: every name of the instance may be a field's. */
class Place {
  readonly #window: Window;
  readonly #pointer: number;

  constructor(window: Window, pointer: number) {
    this.#window = window;
    this.#pointer = pointer;
  }

  static heapOf(place: Place): Heap {
    return place.#window.heap;
  }

  static pointerOf(place: Place): number {
    return place.#pointer;
  }

  /** Reads or writes a number; through a new view where the old one does not reach there any more. */
  static use(place: Place, access: Access, offset: number, value?: unknown): unknown {
    const at = place.#pointer + offset;
    const window = place.#window;
    try {
      return access(window.view, at, value);
    } catch {
      expectMemory(window.heap.memory);
      window.view = new DataView(window.heap.buffer);
      return access(window.view, at, value);
    }
  }
}

/** What the structs of a heap are seen through: a view of the memory, made again when it is too old. */
interface Window {
  readonly heap: Heap;
  view: DataView;
}

const windows = /* @__PURE__ */ new WeakMap<Heap, Window>();

function windowOf(heap: Heap): Window {
  let window = windows.get(heap);
  if (window === undefined) {
    window = { heap, view: new DataView(heap.buffer) };
    windows.set(heap, window);
  }
  return window;
}

/** How a field lies in memory, and the accessor of one at an offset. */
interface Layout {
  size: number;
  alignment: number;
  accessorAt(offset: number): {
    get(this: Place): unknown;
    set?(this: Place, value: unknown): void;
  };
}

function layoutOf(name: string, field: Field): Layout {
  if (/^\d+$/.test(name)) {
    throw badOptions(
      `field ${name} has a number for a name: expected one that begins with a letter`,
    );
  }
  if (name === "__proto__") {
    throw badOptions(
      `field ${name} has a name with a meaning of its own in JavaScript: expected another`,
    );
  }
  if (isStruct(field)) {
    return {
      size: field.size,
      alignment: field.alignment,
      accessorAt: (offset) => ({
        get() {
          return field.at(Place.heapOf(this), Place.pointerOf(this) + offset);
        },
      }),
    };
  }
  const isArray = Array.isArray(field);
  const [type, length] = (isArray ? field : [field]) as [type: Scalar, length: number];
  if (typeof type !== "string" || !Object.hasOwn(SCALARS, type)) {
    throw badOptions(
      `field ${name} is ${shown(type)}: expected ${Object.keys(SCALARS).join(", ")}, one of them and a length, or a struct`,
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
          return Place.use(this, read, offset);
        },
        set(value) {
          Place.use(this, write, offset, value);
        },
      }),
    };
  }
  if (!Number.isInteger(length) || length < 0) {
    throw badOptions(
      `field ${name} has the length ${shown(length)}: expected a whole number of elements from 0`,
    );
  }
  return {
    size: length * size,
    alignment: size,
    accessorAt: (offset) => ({
      get() {
        return new array(Place.heapOf(this).buffer, Place.pointerOf(this) + offset, length);
      },
    }),
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
