/** src/data/struct.ts: the layout, and the fields in every memory. */

import { describe, expect, it } from "vitest";

import { Heap, struct } from "../../../src/index.ts";
import { structSuite } from "../../suite/data/struct.ts";
import { errorOf } from "../../suite/heaps.ts";
import { PLACES } from "../places.ts";

const Point = struct({ x: "f64", y: "f64", id: "u32" });

describe.each(PLACES)("$name", structSuite);

describe("the layout", () => {
  it("is that of C: each field, and the whole, at a multiple of its alignment", () => {
    const Mixed = struct({ a: "u8", b: "u16", c: "u8", d: "u32", e: "i8", f: "f64", g: "u8" });
    expect(Mixed.offsets).toEqual({ a: 0, b: 2, c: 4, d: 8, e: 12, f: 16, g: 24 });
    expect([Mixed.size, Mixed.alignment]).toEqual([32, 8]);
    expect([Point.size, Point.alignment, Point.offsets]).toEqual([24, 8, { x: 0, y: 8, id: 16 }]);
  });

  it("has room for nested arrays and structs", () => {
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
  ])("rejects %j", (fields, message) => {
    const error = errorOf(() => struct(fields as never));
    expect(error.code).toBe("BAD_OPTIONS");
    expect(error.message).toContain(message);
  });
});

it("structs of two heaps are independent", () => {
  const heaps = [new Heap(), new Heap({ engine: "js" })];
  const points = heaps.map((heap, i) => {
    const point = Point.of(heap.block(Point.size));
    point.id = i;
    return point;
  });
  expect(points.map(({ id }) => id)).toEqual([0, 1]);
});
