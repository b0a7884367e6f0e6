/** Every error of a call: its code, its message, and the heap unchanged. */

import { describe, expect, it } from "vitest";

import type { HeapErrorCode } from "../../src/index.ts";
import {
  errorOf,
  expectError,
  expectFilled,
  fill,
  firstDifference,
  imageOf,
  MAX_SIZE,
} from "./heaps.ts";
import { type Heap, MOST, PAGE, type Place } from "./place.ts";

const BAD_SIZES = [
  -1,
  -0.5,
  0.5,
  1023.999,
  NaN,
  Infinity,
  -Infinity,
  2 ** 31,
  2 ** 32,
  2 ** 32 + 16,
  2 ** 53,
  2 ** 53 + 2,
  MAX_SIZE + 1,
];

const BAD_ALIGNMENTS = [
  0,
  -1,
  -16,
  3,
  24,
  1.5,
  NaN,
  Infinity,
  2 ** 30 + 16,
  2 ** 31,
  2 ** 32,
  2 ** 32 + 16,
];

const FRACTIONS = [0.5, 4096.25, NaN, Infinity, -Infinity];

const BEYOND_ADDRESSES = [-1, -16, -(2 ** 31), 2 ** 32, 2 ** 32 + 4096, 2 ** 53];

export function errorsSuite(place: Place): void {
  const { makeHeap } = place;

  describe.each([
    ["with slabs", 1008],
    ["without slabs", 0],
  ])("%s", (_, small) => {
    /** A heap with something in it, so that there is something to destroy. */
    function usedHeap(): { heap: Heap; block: number; object: number } {
      const heap = makeHeap({ small });
      const objects = Array.from({ length: 8 }, () => heap.allocate(48));
      heap.deallocate(objects[2]!);
      const block = heap.allocate(5000);
      heap.allocate(2000);
      return { heap, block, object: objects[6]! };
    }

    it.each(BAD_SIZES)("rejects a size of %s", (size) => {
      const { heap, block, object } = usedHeap();
      expectError(heap, () => heap.allocate(size), "INVALID_SIZE", { size });
      expectError(heap, () => heap.allocate(size, 64), "INVALID_SIZE", { size });
      expectError(heap, () => heap.tryAllocate(size), "INVALID_SIZE", { size });
      expectError(heap, () => heap.allocateZeroed(size), "INVALID_SIZE", { size });
      expectError(heap, () => heap.reallocate(block, size), "INVALID_SIZE", { size });
      expectError(heap, () => heap.reallocate(object, size), "INVALID_SIZE", { size });
      expectError(heap, () => heap.reallocate(0, size), "INVALID_SIZE", { size });
    });

    it("returns a new block for each request of size 0", () => {
      const heap = makeHeap({ small });
      const pointers = [
        heap.allocate(0),
        heap.allocate(0),
        heap.allocateZeroed(0),
        heap.reallocate(0, 0),
      ];
      expect(new Set(pointers).size).toBe(4);
      for (const pointer of pointers) {
        expect(pointer).toBeGreaterThan(0);
        heap.deallocate(pointer);
      }
      heap.check();
    });

    it.each(BAD_ALIGNMENTS)("rejects an alignment of %s", (alignment) => {
      const { heap } = usedHeap();
      const error = expectError(heap, () => heap.allocate(100, alignment), "INVALID_ALIGNMENT");
      expect(error.message).toContain(
        `Invalid alignment ${alignment}: expected a power of two from 1 to 1073741824.`,
      );
      expectError(heap, () => heap.tryAllocate(100, alignment), "INVALID_ALIGNMENT");
    });

    it.each(FRACTIONS)("reports a pointer of %s as INVALID_POINTER", (pointer) => {
      const { heap } = usedHeap();
      expectEveryCall(heap, pointer, "INVALID_POINTER");
    });

    it.each(BEYOND_ADDRESSES)("reports a pointer of %s as OUT_OF_HEAP", (pointer) => {
      const { heap } = usedHeap();
      expectEveryCall(heap, pointer, "OUT_OF_HEAP");
    });

    it("reports pointers below and above the heap", () => {
      const heap = makeHeap({ small, base: PAGE + 64 });
      heap.allocate(100);
      const { base, break: end } = heap.stats();
      for (const pointer of [
        8,
        16,
        4096,
        PAGE,
        base - 16,
        base,
        end,
        end + 16,
        2 ** 31,
        2 ** 32 - 16,
      ]) {
        expectEveryCall(heap, pointer, "OUT_OF_HEAP");
      }
    });

    it("reports a pointer into a block or a slot", () => {
      const { heap, block, object } = usedHeap();
      for (const offset of [1, 2, 4, 8, 15, 16, 17, 32]) {
        expectEveryCall(heap, block + offset, "INVALID_POINTER");
        expectEveryCall(
          heap,
          object + offset,
          small === 0 && offset === 32 ? "INVALID_POINTER" : undefined,
        );
      }
      expectEveryCall(heap, block - 4, "INVALID_POINTER");
      expectEveryCall(heap, block + 4992, "INVALID_POINTER");
    });

    it("reports a pointer that was never allocated", () => {
      const { heap } = usedHeap();
      const end = heap.stats().break;
      expectEveryCall(heap, end - 4096, "INVALID_POINTER");
      expectEveryCall(heap, end - 16, "INVALID_POINTER");
    });

    it("reports a block that was freed before", () => {
      const { heap, block, object } = usedHeap();
      heap.deallocate(block);
      heap.deallocate(object);
      expectEveryCall(heap, block, "DOUBLE_FREE");
      expectEveryCall(heap, object, "DOUBLE_FREE");
    });

    it("reports a block that was freed and coalesced with its neighbours", () => {
      const heap = makeHeap({ small });
      const [a, b, c] = [3000, 3000, 3000].map((size) => heap.allocate(size)) as [
        number,
        number,
        number,
      ];
      heap.allocate(3000);
      heap.deallocate(a);
      heap.deallocate(c);
      heap.deallocate(b);
      for (const pointer of [a, b, c]) expectEveryCall(heap, pointer, "DOUBLE_FREE");
    });

    it("reports a block whose memory was allocated again in part", () => {
      const heap = makeHeap({ small });
      const a = heap.allocate(2000);
      const b = heap.allocate(2000);
      heap.allocate(2000);
      heap.deallocate(b);
      heap.deallocate(a);
      const again = heap.allocate(3000);
      expect(again).toBe(a);
      // What was b begins in the middle of the new block.
      expectEveryCall(heap, b, "INVALID_POINTER");
      heap.deallocate(again);
      expectEveryCall(heap, b, "DOUBLE_FREE");
    });

    it("reports a block that became part of the top block", () => {
      const heap = makeHeap({ small });
      heap.allocate(2000);
      const last = heap.allocate(2000);
      heap.deallocate(last);
      expectEveryCall(heap, last, "DOUBLE_FREE");
    });

    it("ignores deallocate(0), and reports 0 elsewhere", () => {
      const { heap } = usedHeap();
      const before = imageOf(heap);
      heap.deallocate(0);
      expect(firstDifference(before, imageOf(heap))).toBe(-1);
      expect(heap.owns(0)).toBe(false);
      for (const call of [() => heap.usableSize(0), () => heap.view(Uint8Array, 0, 0)]) {
        const error = expectError(heap, call, "OUT_OF_HEAP", { pointer: 0 });
        expect(error.message).toBe(
          "Invalid pointer 0: no block starts there. Pass a pointer returned by allocate() of this heap.",
        );
      }
    });

    it("reports a request that does not fit, and serves smaller ones", () => {
      const { heap, block } = usedHeap();
      fill(heap, block, 5000);
      expectError(heap, () => heap.allocate(MOST), "OUT_OF_MEMORY", { size: MOST });
      expectError(heap, () => heap.allocate(MAX_SIZE), "OUT_OF_MEMORY", { size: MAX_SIZE });
      expectError(heap, () => heap.allocate(MOST, PAGE), "OUT_OF_MEMORY", { size: MOST });
      expectError(heap, () => heap.allocateZeroed(MOST), "OUT_OF_MEMORY", { size: MOST });
      expectError(heap, () => heap.reallocate(block, MOST), "OUT_OF_MEMORY", { size: MOST });
      expect(heap.tryAllocate(MOST)).toBe(0);
      expect(heap.tryAllocate(MOST, 4096)).toBe(0);
      expectFilled(heap, block, 5000);
      fill(heap, heap.allocate(MOST / 4), MOST / 4);
      expectFilled(heap, block, 5000);
      heap.check();
    });

    it("continues after every byte was allocated, and after a reset", () => {
      const heap = makeHeap({ small });
      for (let size = MOST / 4; size >= 1; size = Math.floor(size / 2)) {
        const pointers: number[] = [];
        for (let pointer = 1; pointer !== 0;) {
          pointer = heap.tryAllocate(size);
          if (pointer !== 0) pointers.push(pointer);
        }
        if (size < 64) continue;
        expectError(heap, () => heap.allocate(size), "OUT_OF_MEMORY", { size });
        // One in two goes back, in favour of the next size.
        pointers.forEach((pointer, i) => i % 2 === 0 && heap.deallocate(pointer));
        heap.check();
      }
      heap.reset();
      heap.check();
      heap.deallocate(heap.allocate(MOST / 4));
    });

    it("rejects a view that is larger than the block", () => {
      const { heap, block, object } = usedHeap();
      const room = heap.usableSize(block);
      for (const length of [room + 1, -1, 0.5, NaN, Infinity, 2 ** 32, 2 ** 53]) {
        expectError(heap, () => heap.view(Uint8Array, block, length), "INVALID_SIZE", {
          pointer: block,
        });
      }
      const error = expectError(heap, () => heap.view(Float64Array, object, 8), "INVALID_SIZE", {
        size: 64,
      });
      const most = Math.floor(heap.usableSize(object) / 8);
      expect(error.message).toContain(
        `Invalid length 8: expected a whole number of elements from 0 to ${most}.`,
      );
    });

    function expectEveryCall(heap: Heap, pointer: number, code: HeapErrorCode | undefined): void {
      expect(heap.owns(pointer)).toBe(false);
      const calls = [
        () => heap.deallocate(pointer),
        () => heap.reallocate(pointer, 10),
        () => heap.reallocate(pointer, 100_000),
        () => heap.usableSize(pointer),
        () => heap.view(Uint8Array, pointer, 1),
      ];
      const found = new Set(calls.map((call) => errorOf(call).code));
      if (code === undefined) {
        // Some of these are the starts of others.
        expect([["INVALID_POINTER"], ["DOUBLE_FREE"]]).toContainEqual([...found]);
      } else {
        expect([...found]).toEqual([code]);
        for (const call of calls) expectError(heap, call, code, { pointer });
      }
      expect(errorOf(calls[0]!).message).toContain(`pointer ${pointer}: `);
    }
  });

  it("names the invariant that is violated", () => {
    const heap = makeHeap({ small: 0 });
    const a = heap.allocate(3000);
    heap.allocate(3000);
    heap.deallocate(a);
    // A free block repeats its size in its last word, which is before the next block's header.
    const size = heap.usableSize(heap.allocate(3000)) + 4;
    heap.deallocate(a);
    new Uint32Array(heap.buffer)[(a + size - 8) / 4] = 12345;
    const error = errorOf(() => heap.check());
    expect(error.code).toBe("CORRUPT");
    expect(error.pointer).toBe(a);
    expect(error.message).toBe(
      `The heap is corrupt at ${a}: invariant B3 is violated: a free block repeats its size in its last word. Something wrote outside its block.`,
    );
  });

  it("reports a block whose header is impossible", () => {
    const heap = makeHeap({ small: 0 });
    const a = heap.allocate(3000);
    heap.allocate(3000);
    const header = (a - 4) / 4;
    const words = new Uint32Array(heap.buffer);
    const right = words[header]!;
    for (const wrong of [0x10000000 | (right & 15), 16 | (right & 15), 0xfffffff0 | (right & 15)]) {
      words[header] = wrong;
      expect(errorOf(() => heap.deallocate(a)).code).toBe("CORRUPT");
      expect(heap.owns(a)).toBe(false);
      expect(errorOf(() => heap.check()).code).toBe("CORRUPT");
    }
    words[header] = right;
    heap.check();
    heap.deallocate(a);
  });

  it("reports a corrupt heap when it is walked", () => {
    const calls: ((heap: Heap, block: number) => unknown)[] = [
      (heap) => heap.stats(),
      (heap) => [...heap.walk()],
      (heap) => heap.check(),
    ];
    for (const call of calls) {
      const heap = makeHeap({ small: 0 });
      const [a] = [heap.allocate(3000), heap.allocate(3000)];
      new Uint32Array(heap.buffer)[(a - 4) / 4] = 3;
      expect(errorOf(() => call(heap, a)).code).toBe("CORRUPT");
    }
  });
}

/** One call for each code, and its message: quick, for every entry in every memory. */
export function messagesSuite({ makeHeap }: Place): void {
  it("messages say what was wrong", () => {
    const heap = makeHeap({ limit: MOST / 2 });
    const pointer = heap.allocate(100);
    const freed = heap.allocate(3000);
    heap.allocate(3000);
    heap.deallocate(freed);
    const room = heap.usableSize(pointer);
    const calls: [call: () => unknown, code: HeapErrorCode, message: string][] = [
      [() => heap.allocate(-1), "INVALID_SIZE", "size -1"],
      [() => heap.reallocate(pointer, 1.5), "INVALID_SIZE", "size 1.5"],
      [() => heap.allocate(MOST), "OUT_OF_MEMORY", `cannot allocate ${MOST} bytes`],
      [() => heap.reallocate(pointer, MOST), "OUT_OF_MEMORY", `cannot allocate ${MOST} bytes`],
      [() => heap.allocate(1, 3), "INVALID_ALIGNMENT", "Invalid alignment 3"],
      [() => heap.view(Uint8Array, pointer, room + 1), "INVALID_SIZE", `from 0 to ${room}`],
      [() => makeHeap({ limitt: 1 } as object), "BAD_OPTIONS", "Unknown option limitt"],
      [() => makeHeap({ base: -1 }), "BAD_OPTIONS", "Invalid base -1"],
    ];
    const pointers: [pointer: number, code: HeapErrorCode, message: string][] = [
      [freed, "DOUBLE_FREE", "already free"],
      [pointer + 8, "INVALID_POINTER", "no block starts there"],
      [0.5, "INVALID_POINTER", "no block starts there"],
      [MOST, "OUT_OF_HEAP", "outside this heap"],
      [-16, "OUT_OF_HEAP", "is negative"],
    ];
    for (const [bad, code, message] of pointers) {
      calls.push([() => heap.deallocate(bad), code, message]);
      calls.push([() => heap.reallocate(bad, 10), code, message]);
      calls.push([() => heap.usableSize(bad), code, message]);
    }
    for (const [call, code, message] of calls)
      expect(expectError(heap, call, code).message).toContain(message);
  });
}
