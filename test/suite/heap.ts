/** The calls of a program: allocation, alignment, zeroed blocks, what a heap owns, reset; random programs. */

import { describe, expect, it } from "vitest";

import { HEADER } from "../../engine/block.ts";
import { CONTROL, QUICK_ROOM } from "../../engine/control.ts";
import {
  allocateSlot,
  errorOf,
  expectError,
  expectFilled,
  expectSound,
  fill,
  FITS,
  isSlot,
  mapBytes,
  MAX_SIZE,
  MAX_SMALL,
  plainHeaps,
  quickCount,
  topOf,
  unchanged,
} from "./heaps.ts";
import { blocksOf } from "./picture.ts";
import { type Heap, MANY_PAGES, PAGE, type Place } from "./place.ts";

export function heapSuite(place: Place): void {
  const plain = plainHeaps(place);

  it("engine, memory and buffer are those of the place", () => {
    const heap = place.makeHeap();
    expect(heap.engine).toBe(place.engine);
    expect(heap.buffer).toBe("buffer" in heap.memory ? heap.memory.buffer : heap.memory);
    const tag = Object.prototype.toString.call(heap.buffer);
    expect(tag).toBe(`[object ${place.kind.shared ? "SharedArrayBuffer" : "ArrayBuffer"}]`);
  });

  it("a new heap is empty", () => {
    const heap = place.makeHeap();
    heap.check();
    const { usedBlocks, usedBytes, peakHeapBytes, heapBytes } = heap.stats();
    expect({ usedBlocks, usedBytes }).toEqual({ usedBlocks: 0, usedBytes: 0 });
    expect(peakHeapBytes).toBe(heapBytes);
    expect(heapBytes).toBeGreaterThanOrEqual(PAGE - 16);
  });

  it("allocateZeroed clears what was in the memory before", () => {
    for (const small of [0, 1008]) {
      const heap = place.makeHeap({ small });
      for (const size of [0, 1, 8, 50, 1000, 1009, 5000, 100_000]) {
        const p = heap.allocate(size);
        fill(heap, p, heap.usableSize(p), 255);
        heap.deallocate(p);
        const q = heap.allocateZeroed(size);
        expectFilled(heap, q, size, 0);
        fill(heap, q, size, 255);
      }
      heap.check();
    }
  });

  it.each([0, MAX_SMALL])(
    "allocateZeroed clears all bytes of a block; slabs up to %d bytes",
    (small) => {
      const heap = plain({ small });
      const sizes = [0, 1, 8, 100, 100, 100, 1000, 5000, 40_000];
      const dirty = [...sizes, ...sizes].map((size) => heap.allocate(size));
      for (const p of dirty) heap.view(Uint8Array, p, heap.usableSize(p)).fill(0xaa);
      for (const p of dirty) heap.deallocate(p);
      for (const size of [...sizes, ...sizes]) {
        const p = heap.allocateZeroed(size);
        expect(heap.view(Uint8Array, p, size).every((byte) => byte === 0)).toBe(true);
        heap.view(Uint8Array, p, heap.usableSize(p)).fill(0xaa);
      }
    },
  );

  describe.each([0, 256, MAX_SMALL])("alignment, slabs up to %d bytes", (small) => {
    it("every power of two up to 64 KiB, for any size", () => {
      const heap = plain({ small, pages: 256 });
      const live: [number, number][] = [];
      for (let alignment = 1; alignment <= PAGE; alignment *= 2) {
        for (const size of [0, 1, 7, 24, 100, 1000, 5000]) {
          for (let left = 6; left > 0; left--) {
            const p = heap.allocate(size, alignment);
            expect(p % alignment, `${size} bytes at ${alignment}`).toBe(0);
            expect(heap.usableSize(p)).toBeGreaterThanOrEqual(size);
            live.push([p, p + Math.max(size, 1)]);
          }
        }
      }
      live.sort(([a], [b]) => a - b);
      for (let i = 1; i < live.length; i++)
        expect(live[i]![0]).toBeGreaterThanOrEqual(live[i - 1]![1]);
      expectSound(heap);
      for (const [p] of live) heap.deallocate(p);
    });

    it("blocks from 16 bytes up are aligned to 16 bytes by default, smaller ones to 8", () => {
      const heap = plain({ small });
      for (let size = 0; size < 200; size++) {
        for (let left = 8; left > 0; left--)
          expect(heap.allocate(size) % (size < 16 ? 8 : 16)).toBe(0);
      }
    });
  });

  it("pointers are aligned to 16 bytes from 16 bytes up, to 8 below, and to the requested alignment", () => {
    for (const small of [0, 1008]) {
      const heap = place.makeHeap({ small });
      for (let size = 0; size < 2000; size += 7) {
        expect(heap.allocate(size) % (size < 16 ? 8 : 16)).toBe(0);
      }
      for (let alignment = 1; alignment <= PAGE; alignment *= 2) {
        for (const size of [0, 1, 20, 100, 512, 1008, 4000]) {
          const p = heap.allocate(size, alignment);
          expect(p % alignment).toBe(0);
          expect(p % (size < 16 ? 8 : 16)).toBe(0);
          expect(heap.usableSize(p)).toBeGreaterThanOrEqual(size);
          fill(heap, p, size);
          if (size === 20) heap.deallocate(p);
        }
        heap.check();
      }
    }
  });

  describe.runIf(place.kind.grows)("large alignments", () => {
    describe.each([0, 256, MAX_SMALL])("alignment, slabs up to %d bytes", (small) => {
      it.each([128 << 10, 1 << 20, 4 << 20, 16 << 20])("an alignment of %d bytes", (alignment) => {
        const heap = plain({ small, pages: MANY_PAGES });
        heap.allocate(10);
        const live = [1, 1000, 100_000].map((size) => {
          const p = heap.allocate(size, alignment);
          expect(p % alignment).toBe(0);
          expect(heap.usableSize(p)).toBeGreaterThanOrEqual(size);
          return p;
        });
        expect(live).toEqual([alignment, 2 * alignment, 3 * alignment]);
        expectSound(heap);
        // The memory before the aligned blocks is free, and serves other requests.
        expect(heap.allocate(alignment / 2)).toBeLessThan(alignment);
        for (const p of live) heap.deallocate(p);
        // So does their own, for the same alignment too.
        const { break: end } = heap;
        const again = live.map(() => heap.allocate(100, alignment));
        expect(again.toSorted((a, b) => a - b)).toEqual(live);
        expect(heap.break).toBe(end);
      });
    });

    it("an alignment of 4 MiB in a heap with a limit", () => {
      const limit = 9 << 20;
      const heap = plain({ limit, pages: MANY_PAGES });
      const p = heap.allocate(3 << 20, 4 << 20);
      expect(p).toBe(4 << 20);
      unchanged(heap, () => expect(heap.tryAllocate(2 << 20, 4 << 20)).toBe(0));
      expect(heap.tryAllocate(100_000, 4 << 20)).toBe(8 << 20);
      heap.deallocate(p);
      expect(heap.allocate(3 << 20, 4 << 20)).toBe(p);
    });
  });

  it("a block has room for what was requested, and little more", () => {
    for (const small of [0, 1008]) {
      const heap = place.makeHeap({ small });
      for (const size of [0, 1, 8, 9, 16, 17, 100, 1000, 1008, 1009, 2000, 60_000]) {
        const room = heap.usableSize(heap.allocate(size));
        expect(room).toBeGreaterThanOrEqual(size);
        expect(room).toBeLessThan(size + 32 + size / 8);
      }
    }
  });

  it("usableSize is the payload of the block, or the size of the slot", () => {
    const heap = plain();
    const usable = [0, 12, 13, 28, 29, 1000].map((size) => heap.usableSize(heap.allocate(size)));
    expect(usable).toEqual([12, 12, 28, 28, 44, 1004]);
    const slabs = plain({ small: MAX_SMALL });
    expect(
      [0, 8, 9, 16, 17, 250, 1000].map((size) => slabs.usableSize(allocateSlot(slabs, size))),
    ).toEqual([8, 8, 16, 16, 32, 256, 1008]);
  });

  it("owns live blocks and nothing else", () => {
    const heap = place.makeHeap();
    const pointers = [10, 100, 1000, 10_000].map((size) => heap.allocate(size));
    for (const p of pointers) {
      expect(heap.owns(p)).toBe(true);
      for (const wrong of [p + 1, p + 4, p - 4, p + 8, -p, p + 0.5, p + 2 ** 32]) {
        expect(heap.owns(wrong)).toBe(false);
      }
      heap.deallocate(p);
      expect(heap.owns(p)).toBe(false);
    }
    for (const wrong of [0, NaN, Infinity, undefined, null, "4096"])
      expect(heap.owns(wrong as number)).toBe(false);
  });

  it("owns blocks and slots in use only", () => {
    const heap = plain({ small: MAX_SMALL });
    const p = heap.allocate(5000);
    const s = allocateSlot(heap, 100);
    expect([p, s].map((each) => heap.owns(each))).toEqual([true, true]);
    const others = [
      0,
      1,
      p + 16,
      p - 16,
      p + 1,
      s + 8,
      s + 1,
      heap.base,
      heap.break,
      topOf(heap).address,
    ];
    for (const each of others)
      expect(
        unchanged(heap, () => heap.owns(each)),
        `${each}`,
      ).toBe(false);
    heap.deallocate(p);
    heap.deallocate(s);
    expect([p, s].map((each) => heap.owns(each))).toEqual([false, false]);
  });

  it("a block can be viewed as any typed array", () => {
    const heap = place.makeHeap();
    const p = heap.allocate(64);
    const types = [
      Int8Array,
      Uint8Array,
      Uint8ClampedArray,
      Int16Array,
      Uint16Array,
      Int32Array,
      Uint32Array,
      Float32Array,
      Float64Array,
      BigInt64Array,
      BigUint64Array,
    ];
    for (const type of types) {
      const view = heap.view<ArrayBufferView>(type, p, 64 / type.BYTES_PER_ELEMENT);
      expect(view).toBeInstanceOf(type);
      expect(view.buffer).toBe(heap.buffer);
      expect([view.byteOffset, view.byteLength]).toEqual([p, 64]);
    }
    expect(heap.view(Uint8Array, p, 0).length).toBe(0);
    heap.view(Float32Array, p, 16).fill(1.5);
    expect(heap.view(Uint32Array, p, 1)[0]).toBe(0x3fc00000);
  });

  describe("before a request fails", () => {
    it("the blocks in quick lists are coalesced", () => {
      const heap = plain({ pages: 4, small: 8 });
      const at = Array.from({ length: 8 * QUICK_ROOM }, (_, i) =>
        heap.allocate(1020 + 16 * (i % 8)),
      );
      for (const size of [1000, 9]) while (heap.tryAllocate(size) !== 0) continue;
      for (const p of at) heap.deallocate(p);
      expect(quickCount(heap)).toBe(8 * QUICK_ROOM);
      expect(heap.allocate(25_500)).toBe(at[0]); // larger than all but one of them
      expect(quickCount(heap)).toBe(0);
    });

    it("empty slabs are released", () => {
      const heap = plain({ pages: 4, small: MAX_SMALL });
      // The map needs some of the room that the break has not reached yet.
      const largest = 4 * PAGE - topOf(heap).address - mapBytes(heap, 4 * PAGE) - HEADER;
      for (let round = 0; round < 3; round++) {
        const live: number[] = [];
        for (let i = 0, p = heap.tryAllocate(i); p !== 0; p = heap.tryAllocate((++i * 37) % 1009))
          live.push(p);
        for (const p of live) heap.deallocate(p);
      }
      expect(heap.allocate(largest)).toBe(heap.base + CONTROL);
    });

    it.each(["best", "first", "next"] as const)(
      "the memory of empty slabs is searched; fit %s",
      (fit) => {
        const heap = plain({ limit: 1 << 20, small: MAX_SMALL, fit });
        for (let left = 32; left > 0; left--) heap.allocate(64); // blocks serve these
        const slots = Array.from({ length: 200 }, () => heap.allocate(64));
        for (const p of slots) expect(isSlot(heap, p)).toBe(true);
        for (let size = 1 << 20; size > MAX_SMALL; size = Math.floor(size * 0.8))
          while (heap.tryAllocate(size) !== 0) continue;
        for (const p of slots) heap.deallocate(p);
        expect(heap.tryAllocate(12_000)).not.toBe(0);
        expect(heap.tryAllocate(12_000)).toBe(0);
      },
    );
  });

  it("reset frees everything, and keeps the break", () => {
    for (const small of [0, 1008]) {
      const heap = place.makeHeap({ small });
      const pointers = Array.from({ length: 500 }, (_, i) => heap.allocate((i * 53) % 2000));
      const { break: end } = heap.stats();
      heap.reset();
      heap.check();
      const stats = heap.stats();
      expect([stats.usedBlocks, stats.usedBytes, stats.break]).toEqual([0, 0, end]);
      for (const p of pointers) expect(heap.owns(p)).toBe(false);
      for (let i = 0; i < 500; i += 1) heap.allocate((i * 53) % 2000);
      expect(heap.stats().break).toBe(end);
      heap.check();
    }
  });

  it.each([0, MAX_SMALL])("reset frees all blocks and slots; slabs up to %d bytes", (small) => {
    const heap = plain({ small });
    const sizes = Array.from({ length: 500 }, (_, i) => (i * 7919) % 3000);
    const live = sizes.map((size) => heap.allocate(size, size % 5 === 0 ? 64 : undefined));
    for (const p of live.filter((_, i) => i % 3 === 0)) heap.deallocate(p);
    const { break: end, breakMoves } = heap;
    heap.reset();
    expectSound(heap);
    expect([...heap.walk()].filter(({ kind }) => kind === "used" || kind === "used-slot")).toEqual(
      [],
    );
    expect(heap.break).toBe(end);
    for (const p of live.slice(-40)) {
      const { code } = unchanged(heap, () => errorOf(() => heap.deallocate(p)));
      expect(code, `${p}`).toMatch(/DOUBLE_FREE|INVALID_POINTER/);
    }
    for (const size of sizes) heap.allocate(size);
    expect(heap.breakMoves).toBe(breakMoves);
  });

  it("after reset, the top block is the only one", () => {
    const heap = plain();
    const { address } = topOf(heap);
    for (let size = 0; size < 3000; size += 100) heap.allocate(size);
    const end = topOf(heap).address + topOf(heap).size;
    heap.reset();
    expect(blocksOf(heap.memory, heap.base)).toEqual([
      { address, size: end - address, kind: "top" },
    ]);
  });

  describe.each(FITS)("fit %s", (fit) => {
    it.each([0, 200, MAX_SMALL])("blocks never overlap; slabs up to %d bytes", (small) => {
      const heap = place.makeHeap({ fit, small, margin: 4096 });
      churn(heap, 1500, small + FITS.indexOf(fit));
      heap.check();
    });

    it("blocks stay between base and limit", () => {
      const heap = place.makeHeap({ base: 10_000, limit: 5 * PAGE, margin: 0, fit, small: 0 });
      const pointers: number[] = [];
      for (let p = heap.tryAllocate(3000); p !== 0; p = heap.tryAllocate(3000)) pointers.push(p);
      expect(pointers.length).toBeGreaterThan(90);
      expect(Math.min(...pointers)).toBeGreaterThanOrEqual(10_000);
      expect(Math.max(...pointers) + 3000).toBeLessThanOrEqual(5 * PAGE);
      heap.check();
    });
  });

  it("no memory has room for two blocks of the largest size", () => {
    const heap = place.makeHeap();
    expectError(heap, () => heap.allocate(MAX_SIZE), "OUT_OF_MEMORY", { size: MAX_SIZE });
  });
}

/** Makes random calls, fills and verifies every block, and returns all pointers. */
export function churn(heap: Heap, calls: number, seed: number): number[] {
  let state = seed + 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const size = (): number => random([32, 300, 1100, 5000, 20_000][random(5)]!);
  const live: { p: number; length: number; byte: number }[] = [];
  const pointers: number[] = [];
  const note = (p: number): void => {
    pointers.push(p);
    if (p === 0) return;
    const length = heap.usableSize(p);
    const byte = random(256);
    fill(heap, p, length, byte);
    live.push({ p, length, byte });
  };
  const pick = (): { p: number; length: number; byte: number } => {
    const block = live.splice(random(live.length), 1)[0]!;
    expectFilled(heap, block.p, block.length, block.byte);
    return block;
  };
  for (let i = 0; i < calls; i += 1) {
    const what = live.length === 0 ? 0 : random(100);
    if (what < 35) note(heap.tryAllocate(size()));
    else if (what < 40) note(heap.tryAllocate(size(), 1 << random(13)));
    else if (what < 42) note(heap.allocateZeroed(random(2000)));
    else if (what < 55) {
      const { p, length, byte } = pick();
      const wanted = size();
      const moved = heap.reallocate(p, wanted);
      expectFilled(heap, moved, Math.min(length, wanted), byte);
      note(moved);
    } else heap.deallocate(pick().p);
    if (i % 200 === 0) heap.check();
  }
  return pointers;
}
