/** engine/classes.ts: the sizes of slots, and the multiplication that finds a slot. */

import { expect, test } from "vitest";

import {
  classFor,
  MAX_SMALL,
  reciprocalFor,
  sizeAfter,
  slotIn,
  slotsIn,
  startsSlot,
} from "../../engine/classes.ts";
import { CLASS_COUNT, classAt, slotBytesFor, slotSize } from "../../engine/control.ts";
import * as exported from "../../engine/exports.ts";
import { mount } from "../../engine/memory/counting.ts";
import { forgetHeap, resizable } from "./engines.ts";

const SIZES = [8];
while (SIZES.at(-1)! < MAX_SMALL) SIZES.push(sizeAfter(SIZES.at(-1)!));

test("the sizes are 8, multiples of 16 up to 256, of 32 up to 512, of 64 up to 960, and 1008", () => {
  expect(SIZES).toHaveLength(CLASS_COUNT);
  const steps = SIZES.slice(1).map((size, i) => size - SIZES[i]!);
  expect(steps).toEqual([8, ...Array(15).fill(16), ...Array(8).fill(32), ...Array(7).fill(64), 48]);
});

test("a slot above 256 bytes is less than an eighth larger than the request", () => {
  for (let request = 257; request <= MAX_SMALL; request++) {
    const slot = SIZES.find((size) => size >= request)!;
    expect(slot - request, `${request}`).toBeLessThan(request / 8);
  }
});

test("the smallest class that is large enough serves a size", () => {
  mount(resizable(0));
  forgetHeap();
  expect(exported.heap_create(0, 0, 0, 0, MAX_SMALL)).toBe(0);
  expect(SIZES.map((_, i) => slotSize(classAt(i)))).toEqual(SIZES);
  for (let request = 0; request <= MAX_SMALL; request++) {
    const expected = SIZES.find((size) => size >= request);
    expect(slotSize(classFor(request)), `${request}`).toBe(expected);
    expect(slotBytesFor(request), `${request}`).toBe(expected);
  }
});

test.each(SIZES)("the reciprocal of %d finds the slot of each offset in 64 slots", (size) => {
  const reciprocal = reciprocalFor(size);
  for (let offset = 0; offset < 64 * size; offset++) {
    const product = Math.imul(offset, reciprocal);
    if (slotIn(product) !== Math.floor(offset / size)) expect(offset).toBe("in its slot");
    if (startsSlot(product, reciprocal) !== (offset % size === 0)) expect(offset).toBe("a start");
  }
  expect([size - 1, size, 10 * size].map((bytes) => slotsIn(bytes, reciprocal))).toEqual([
    0, 1, 10,
  ]);
});
