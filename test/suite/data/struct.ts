/** Structs in a heap: what is read and written there. */

import { expect, it } from "vitest";

import type { Scalar } from "../../../src/index.ts";
import { errorOf, expectError } from "../heaps.ts";
import { PAGE, type Place } from "../place.ts";

export function structSuite(place: Place): void {
  const { makeHeap, kind } = place;
  const { struct } = place.api;

  const Point = place.api.struct({ x: "f64", y: "f64", id: "u32" });

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

  it.each(EXTREMES)(
    "a field is read as it was written, and its neighbours are unchanged: %s",
    (type, ...values) => {
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
    },
  );

  it("fields have the offsets of C", () => {
    const { struct } = place.api;
    const point = struct({ x: "f32", y: "f32" });
    const shape = struct({ tag: "u8", id: "i64", at: point, codes: ["u16", 3], last: "i8" });
    expect([shape.size, shape.alignment]).toEqual([32, 8]);
    expect(shape.offsets).toEqual({ tag: 0, id: 8, at: 16, codes: 24, last: 30 });
  });

  it("fields are little-endian, as in WebAssembly", () => {
    const heap = makeHeap();
    using block = heap.block(Point.size);
    Point.of(block).id = 0x01020304;
    expect([...block.view(Uint8Array).subarray(16, 20)]).toEqual([4, 3, 2, 1]);
  });

  it("a struct view survives the growth of the memory", () => {
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

  it("nested arrays and structs are changed in place", () => {
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

  it("an assigned array or struct is copied", () => {
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

  it("a field can have any name", () => {
    const heap = makeHeap();
    const Odd = struct({ pointer: "u8", heap: "u8", constructor: "u8", use: "u8", view: "u8" });
    using block = heap.block(Odd.size);
    const odd = Odd.of(block);
    [odd.pointer, odd.heap, odd.constructor, odd.use, odd.view] = [1, 2, 3, 4, 5];
    expect([...block.view(Uint8Array)]).toEqual([1, 2, 3, 4, 5]);
  });

  it("a struct cannot lie outside its block", () => {
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

  it("a struct cannot lie outside the memory, or at a misaligned address", () => {
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
}
