/** src/show.ts: what console.log shows. */

import { inspect } from "node:util";

import { expect, it } from "vitest";

import { Heap, struct } from "../../src/index.ts";

it("console.log shows the pointer, the size and the state", () => {
  const heap = new Heap({ engine: "js" });
  expect(inspect(heap)).toBe(
    `Heap(${heap.heapBytes} bytes from ${heap.base} to ${heap.break}, engine js)`,
  );
  const block = heap.block(100);
  const array = heap.array(Float64Array, 4);
  const Point = struct({ x: "f64", inner: struct({ id: "u8" }) });
  const point = Point.at(heap, array.pointer);
  const scope = heap.scope();
  scope.allocate(1);
  expect(inspect(block)).toBe(`Block(100 bytes at ${block.pointer})`);
  expect(inspect(array)).toBe(`HeapArray(4 elements, 32 bytes at ${array.pointer})`);
  expect(inspect(point)).toBe(
    `Struct(16 bytes at ${array.pointer}) { x: 0, inner: Struct(8 bytes at ${array.pointer + 8}) { id: 0 } }`.replace(
      "Struct(8",
      "Struct(1",
    ),
  );
  expect(inspect(scope)).toBe("Scope(1 resources)");
  for (const each of [block, array, scope]) each.dispose();
  expect([block, array, scope].map((each) => inspect(each))).toEqual([
    "Block(100 bytes, disposed)",
    "HeapArray(4 elements, 32 bytes, disposed)",
    "Scope(disposed)",
  ]);
});
