/** Structs: where fields lie, and what is read and written there, in every memory. */

import { describe, expect, it } from "vitest";

import { Heap, struct, type Scalar } from "../../src/index.ts";
import { errorOf, expectError, PAGE, PLACES } from "./heaps.ts";

const Point = struct({ x: "f64", y: "f64", id: "u32" });

describe("the layout", () => {
  it("is C's: each field at the next multiple of its size, and so the whole", () => {
    const Mixed = struct({ a: "u8", b: "u16", c: "u8", d: "u32", e: "i8", f: "f64", g: "u8" });
    expect(Mixed.offsets).toEqual({ a: 0, b: 2, c: 4, d: 8, e: 12, f: 16, g: 24 });
    expect([Mixed.size, Mixed.alignment]).toEqual([32, 8]);
    expect([Point.size, Point.alignment, Point.offsets]).toEqual([24, 8, { x: 0, y: 8, id: 16 }]);
  });

  it("has room for arrays and structs within", () => {
    const Color = struct({ r: "u8", g: "u8", b: "u8" });
    expect([Color.size, Color.alignment]).toEqual([3, 1]);
    const Body = struct({ tag: "u8", color: Color, mass: ["f32", 3], at: Point, last: ["u16", 0] });
    expect(Body.offsets).toEqual({ tag: 0, color: 1, mass: 4, at: 16, last: 40 });
    expect([Body.size, Body.alignment]).toEqual([40, 8]);
  });

  it("may be empty", () => {
    const Nothing = struct({});
    expect([Nothing.size, Nothing.alignment]).toEqual([0, 1]);
  });

  it.each([
    [{ x: "f16" }, 'Invalid type of field x: "f16": expected i8, u8,'],
    [{ x: "toString" }, 'Invalid type of field x: "toString": expected i8'],
    [{ x: null }, "Invalid type of field x: null: expected i8"],
    [{ x: undefined }, "Invalid type of field x: undefined: expected i8"],
    [{ x: {} }, "Invalid type of field x: [object Object]: expected i8"],
    [{ x: ["u9", 2] }, 'Invalid type of field x: "u9": expected i8'],
    [
      { x: ["u8", -1] },
      "Invalid length of field x: -1: expected a whole number of elements from 0",
    ],
    [{ x: ["u8", 1.5] }, "Invalid length of field x: 1.5"],
    [{ x: ["u8", "2"] }, 'Invalid length of field x: "2"'],
    [{ x: ["u8"] }, "Invalid length of field x: undefined"],
    [{ 12: "u8" }, 'Invalid field name "12": expected a name that is neither'],
    [{ ["__proto__"]: "u8" }, 'Invalid field name "__proto__": expected a name that is neither'],
    [{ x: { offsets: "u32" } }, "Invalid type of field x: [object Object]: expected i8"],
  ])("refuses %j", (fields, message) => {
    const error = errorOf(() => struct(fields as never));
    expect(error.code).toBe("BAD_OPTIONS");
    expect(error.message).toContain(message);
  });
});

describe.each(PLACES)("$name", ({ makeHeap, kind }) => {
  const EXTREMES: readonly [Scalar, ...(number | bigint)[]][] = [
    ["i8", -128, 127],
    ["u8", 0, 255],
    ["i16", -32768, 32767],
    ["u16", 0, 65535],
    ["i32", -(2 ** 31), 2 ** 31 - 1],
    ["u32", 0, 2 ** 32 - 1],
    ["i64", -(2n ** 63n), 2n ** 63n - 1n],
    ["u64", 0n, 2n ** 64n - 1n],
    ["f32", -1.5, 2 ** 127],
    ["f64", Math.PI, Number.MAX_VALUE],
  ];

  it.each(EXTREMES)("reads what it wrote, and nothing beside: %s", (type, ...values) => {
    const heap = makeHeap();
    const Three = struct({ before: type, value: type, after: type });
    using block = heap.block(Three.size);
    block.view(Uint8Array).fill(0);
    const three = Three.of(block) as Record<string, number | bigint>;
    const zero = three["before"];
    for (const value of values) {
      three["value"] = value;
      expect(three["value"]).toBe(value);
      expect([three["before"], three["after"]]).toEqual([zero, zero]);
    }
  });

  it("is little-endian, as WebAssembly is", () => {
    const heap = makeHeap();
    using block = heap.block(Point.size);
    Point.of(block).id = 0x01020304;
    expect([...block.view(Uint8Array).subarray(16, 20)]).toEqual([4, 3, 2, 1]);
  });

  it("survives growth, the same object", () => {
    const heap = makeHeap();
    using block = heap.block(2 * Point.size);
    const points = [Point.of(block), Point.of(block, 1), Point.at(heap, block.pointer)];
    points[0]!.x = 1;
    points[1]!.id = 2;
    // Whatever was shared or not: what the view of the memory does not reach yet counts too.
    for (let round = 0; round < 3; round += 1) {
      using far = heap.block((round + 1) * 4 * PAGE);
      const last = Point.of(far, Math.floor(far.size / Point.size) - 1);
      last.y = round;
      expect(last.y).toBe(round);
      points[2]!.y = round;
      expect([points[0]!.x, points[1]!.id, points[0]!.y]).toEqual([1, 2, round]);
    }
    if (kind.shrinks) {
      heap.trim();
      expect(points[0]!.x).toBe(1);
    }
  });

  it("has arrays and structs within, changed in place", () => {
    const heap = makeHeap();
    const Body = struct({ tag: "u8", at: Point, mass: ["f32", 3], stamps: ["i64", 2] });
    using block = heap.block(3 * Body.size);
    block.view(Uint8Array).fill(0);
    const body = Body.of(block, 2);
    body.at.y = 2.5;
    body.mass.set([1, 2, 3]);
    body.stamps[1] = -1n;
    heap.deallocate(heap.allocate(8 * PAGE));
    expect([body.at.x, body.at.y, [...body.mass]]).toEqual([0, 2.5, [1, 2, 3]]);
    expect(body.stamps[1]).toBe(-1n);
    expect(body.mass.byteOffset).toBe(block.pointer + 2 * Body.size + Body.offsets.mass);
    expect(Object.keys(Body.offsets)).toEqual(["tag", "at", "mass", "stamps"]);
  });

  it("copies an assigned array or struct", () => {
    const heap = makeHeap();
    const Body = struct({ at: Point, mass: ["f32", 3], stamps: ["i64", 2] });
    using block = heap.block(2 * Body.size);
    const [first, second] = [Body.of(block, 0), Body.of(block, 1)];
    first.mass = new Float32Array([1, 2, 3]);
    Object.assign(first, { stamps: [-1n, 2n], at: { x: 1, y: 2, id: 3 } });
    second.mass = first.mass;
    second.at = first.at;
    Object.assign(first, { mass: [4, 5, 6] });
    first.at.x = 7;
    expect([...first.mass, ...second.mass]).toEqual([4, 5, 6, 1, 2, 3]);
    expect([...first.stamps]).toEqual([-1n, 2n]);
    expect([second.at.x, second.at.y, second.at.id]).toEqual([1, 2, 3]);
    for (const mass of [[1, 2], [1, 2, 3, 4], 1, null, undefined]) {
      const error = errorOf(() => Object.assign(first, { mass }));
      expect([error.code, [...first.mass]]).toEqual(["INVALID_SIZE", [4, 5, 6]]);
    }
    for (const at of [1, null, undefined]) {
      expect(errorOf(() => Object.assign(first, { at })).code).toBe("BAD_OPTIONS");
    }
  });

  it("may call its fields what it likes", () => {
    const heap = makeHeap();
    const Odd = struct({ pointer: "u8", heap: "u8", constructor: "u8", use: "u8", view: "u8" });
    using block = heap.block(Odd.size);
    const odd = Odd.of(block);
    [odd.pointer, odd.heap, odd.constructor, odd.use, odd.view] = [1, 2, 3, 4, 5];
    expect([...block.view(Uint8Array)]).toEqual([1, 2, 3, 4, 5]);
  });

  it("keeps within the block", () => {
    const heap = makeHeap();
    using block = heap.block(2 * Point.size + 7);
    const { pointer } = block;
    for (const index of [2, -1, 0.5, NaN, Infinity]) {
      const error = expectError(heap, () => Point.of(block, index), "INVALID_SIZE", { pointer });
      expect(error.message).toContain(
        `Invalid index ${index}: the 55 bytes of the block at ${pointer}`,
      );
      expect(error.message).toContain("have room for 2 structs of 24 bytes");
    }
    block.dispose();
    expectError(heap, () => Point.of(block), "DISPOSED");
  });

  it("keeps within the memory, at addresses that fit", () => {
    const heap = makeHeap();
    const end = heap.buffer.byteLength;
    expect(Point.at(heap, end - Point.size).x).toBeTypeOf("number");
    for (const pointer of [0, end - 16, end, end + 8, -16]) {
      expectError(heap, () => Point.at(heap, pointer), "OUT_OF_HEAP", { pointer });
    }
    for (const pointer of [4, 12, 1001, 0.5, NaN]) {
      expectError(heap, () => Point.at(heap, pointer), "INVALID_POINTER", { pointer });
    }
    expect(errorOf(() => Point.at(heap, 12)).message).toContain(
      "an address that is a multiple of 8",
    );
  });
});

it("sees each heap by itself", () => {
  const heaps = [new Heap(), new Heap({ engine: "js" })];
  const points = heaps.map((heap, i) => {
    const point = Point.of(heap.block(Point.size));
    point.id = i;
    return point;
  });
  expect(points.map(({ id }) => id)).toEqual([0, 1]);
});
