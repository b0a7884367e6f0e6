/** What a heap does, on every engine and in every memory. */

import { describe, expect, it } from "vitest";

import { Heap, type Entry, type HeapOptions } from "../../src/index.ts";
import { expectError, expectFilled, fill, MAX_SIZE, PAGE, PLACES } from "./heaps.ts";

const FITS = ["best", "first", "next"] as const;

describe.each(PLACES)("$name", ({ makeHeap, kind, engine }) => {
  /** A heap of blocks alone, where each entry of a walk is easily foretold. */
  const plain = (options: HeapOptions = {}): Heap => makeHeap({ small: 0, ...options });

  /** Blocks of 3000 bytes one behind the other, and one more that stays. */
  function row(heap: Heap, count: number): number[] {
    const pointers = Array.from({ length: count + 1 }, () => heap.allocate(3000));
    return pointers.slice(0, count);
  }

  const at = (heap: Heap, address: number): Entry | undefined =>
    [...heap.walk()].find((entry) => entry.address === address);

  /** The top block: the last entry. */
  const topOf = (heap: Heap): Entry => [...heap.walk()].at(-1)!;

  /** Bytes from the top block's start to the break, with the map. */
  const roomOf = (heap: Heap): number => heap.stats().break - topOf(heap).address;

  it("knows its engine and its memory", () => {
    const heap = makeHeap();
    expect(heap.engine).toBe(engine);
    expect(heap.buffer).toBe("buffer" in heap.memory ? heap.memory.buffer : heap.memory);
  });

  describe("first use", () => {
    it("creates the heap with its margin", () => {
      const heap = makeHeap({ margin: 100_000 });
      const stats = heap.stats();
      expect(stats.breakMoves).toBe(1);
      expect(stats.base).toBe(16);
      expect(roomOf(heap)).toBeGreaterThan(100_000 - 1024);
      expect(stats.heapBytes).toBe(stats.break - stats.base);
      heap.allocate(50_000);
      expect(heap.stats().breakMoves).toBe(1);
    });

    it("moves the break by a page at least", () => {
      expect(makeHeap({ margin: 0 }).stats().heapBytes).toBeGreaterThanOrEqual(PAGE - 16);
    });

    it("is empty", () => {
      const heap = makeHeap();
      heap.check();
      const { usedBlocks, usedBytes, peakHeapBytes, heapBytes } = heap.stats();
      expect({ usedBlocks, usedBytes }).toEqual({ usedBlocks: 0, usedBytes: 0 });
      expect(peakHeapBytes).toBe(heapBytes);
    });
  });

  describe("nothing fits", () => {
    it("grows from the start of the top block", () => {
      const heap = plain({ margin: 0 });
      const last = heap.allocate(3000);
      const room = roomOf(heap);
      const before = heap.stats();
      const pointer = heap.allocate(room + 1000);
      expect(pointer).toBe(last + heap.usableSize(last) + 4);
      const after = heap.stats();
      expect(after.breakMoves).toBe(before.breakMoves + 1);
      // Only what was missing, in whole pages.
      expect(after.break - before.break).toBeLessThanOrEqual(PAGE + 16);
      heap.check();
    });

    it("moves the break by a page at least, and leaves the margin", () => {
      for (const margin of [0, 200_000]) {
        const heap = plain({ margin });
        const before = heap.stats();
        heap.allocate(roomOf(heap) + 16);
        const after = heap.stats();
        expect(after.break - before.break).toBeGreaterThanOrEqual(PAGE);
        expect(roomOf(heap)).toBeGreaterThanOrEqual(margin);
        heap.check();
      }
    });

    it("takes a share of the heap as its margin unless told otherwise", () => {
      const heap = plain();
      heap.allocate(26 * PAGE);
      const before = heap.stats();
      heap.allocate(roomOf(heap) + 2 * PAGE);
      const { heapBytes } = heap.stats();
      const map = heapBytes / 512;
      expect(roomOf(heap)).toBeGreaterThanOrEqual(before.heapBytes / 256 - 16);
      expect(roomOf(heap)).toBeLessThan(heapBytes / 256 + map + PAGE);
    });

    it("stops at the limit", () => {
      const limit = 5 * PAGE + 1000;
      const heap = makeHeap({ limit });
      let last = 0;
      for (let p = heap.tryAllocate(5000); p !== 0; p = heap.tryAllocate(5000)) last = p;
      const stats = heap.stats();
      expect(stats.limit).toBe(limit - (limit % 16));
      expect(stats.break).toBeLessThanOrEqual(limit);
      expect(last).toBeGreaterThan(limit - 12_000);
      expectError(heap, () => heap.allocate(5000), "OUT_OF_MEMORY");
      while (heap.tryAllocate(200) !== 0);
      expect(heap.stats().break).toBe(stats.limit);
      heap.deallocate(last);
      expect(heap.allocate(5000)).toBe(last);
    });
  });

  describe("something fits", () => {
    it.each(FITS)("uses the free block whole where the rest can't be a block (%s fit)", (fit) => {
      const heap = plain({ fit });
      const [, p] = row(heap, 3) as [number, number, number];
      const size = heap.usableSize(p);
      heap.deallocate(p);
      expect(heap.allocate(size - 12)).toBe(p);
      expect(heap.usableSize(p)).toBe(size);
      heap.check();
    });

    it.each(FITS)("splits the free block where the rest can be one (%s fit)", (fit) => {
      const heap = plain({ fit });
      const [, p] = row(heap, 3) as [number, number, number];
      const size = heap.usableSize(p);
      heap.deallocate(p);
      expect(heap.allocate(1000)).toBe(p);
      const used = heap.usableSize(p);
      expect(used).toBeLessThan(1016);
      const rest = p + used + 4;
      expect(at(heap, rest)).toEqual({ address: rest, size: size - used - 4, kind: "free" });
      heap.check();
    });
  });

  describe("deallocate", () => {
    const SIZE = 3004;

    it("frees a block between two that are in use", () => {
      const heap = plain();
      const [, p] = row(heap, 3) as [number, number, number];
      heap.deallocate(p);
      expect(at(heap, p)).toEqual({
        address: p,
        size: heap.usableSize(p + SIZE + 4),
        kind: "free",
      });
      expect(heap.owns(p)).toBe(false);
      heap.check();
    });

    it.each([
      ["with a following free block", [2, 1], 1, 2],
      ["with a preceding free block", [0, 1], 0, 2],
      ["with both", [0, 2, 1], 0, 3],
      ["at the start of the heap", [1, 0], 0, 2],
    ])("joins %s", (_, order, first, count) => {
      const heap = plain();
      const pointers = row(heap, 3);
      const size = heap.usableSize(pointers[0]!) + 4;
      for (const i of order) heap.deallocate(pointers[i]!);
      const start = pointers[first]!;
      const entry = [...heap.walk()].find(
        (each) => each.kind === "free" && each.address <= start && each.address + each.size > start,
      )!;
      expect(entry.address + entry.size).toBe(start + count * size - 4);
      heap.check();
    });

    it("coalesces with the top block", () => {
      const heap = plain();
      const [a] = row(heap, 1) as [number];
      const top = topOf(heap);
      const b = a + heap.usableSize(a) + 4;
      heap.deallocate(b);
      heap.deallocate(a);
      const free = topOf(heap);
      expect(free.kind).toBe("free");
      expect(free.address).toBeLessThanOrEqual(a);
      expect(free.address + free.size).toBe(top.address + top.size);
      heap.check();
    });

    it("gives everything back, in whatever order", () => {
      for (const small of [0, 1008]) {
        const heap = makeHeap({ small });
        const pointers = Array.from({ length: 300 }, (_, i) => heap.allocate((i * 37) % 2500));
        while (pointers.length > 0) {
          heap.deallocate(pointers.splice((pointers.length * 7) % pointers.length || 0, 1)[0]!);
          if (pointers.length % 50 === 0) heap.check();
        }
        expect(heap.stats().usedBlocks).toBe(0);
      }
    });
  });

  describe.each([
    ["blocks", 0],
    ["slabs", 1008],
  ])("reallocate, of %s", (_, small) => {
    it("keeps a block in place that shrinks or stays", () => {
      const heap = makeHeap({ small });
      const p = heap.allocate(5000);
      fill(heap, p, 5000);
      expect(heap.reallocate(p, 5000)).toBe(p);
      expect(heap.reallocate(p, heap.usableSize(p))).toBe(p);
      expect(heap.reallocate(p, 2000)).toBe(p);
      expect(heap.usableSize(p)).toBeLessThan(2100);
      expectFilled(heap, p, 2000);
      heap.check();
    });

    it("grows in place into a free block behind", () => {
      const heap = plain({ small });
      const [a, b] = row(heap, 3) as [number, number];
      fill(heap, a, 3000);
      heap.deallocate(b);
      expect(heap.reallocate(a, 5000)).toBe(a);
      expectFilled(heap, a, 3000);
      heap.check();
    });

    it("grows in place into the top block, and beyond the break", () => {
      const heap = makeHeap({ small });
      heap.allocate(10 * PAGE);
      const p = heap.allocate(3000);
      fill(heap, p, 3000);
      expect(heap.reallocate(p, 10_000)).toBe(p);
      const { breakMoves } = heap.stats();
      expect(heap.reallocate(p, roomOf(heap) + 12_000)).toBe(p);
      expect(heap.stats().breakMoves).toBe(breakMoves + 1);
      expectFilled(heap, p, 3000);
      heap.check();
    });

    it("moves where nothing is free behind, contents and all", () => {
      const heap = makeHeap({ small });
      const [, p] = row(heap, 3) as [number, number];
      fill(heap, p, 3000, 77);
      const moved = heap.reallocate(p, 6000);
      expect(moved).not.toBe(p);
      expectFilled(heap, moved, 3000, 77);
      expect(heap.owns(p)).toBe(false);
      heap.check();
    });

    it("keeps the contents through every size", () => {
      const heap = makeHeap({ small });
      const sizes = [
        1, 7, 8, 9, 15, 16, 17, 40, 500, 1008, 1009, 3000, 70_000, 2000, 1000, 100, 20, 3, 0,
      ];
      let p = heap.allocate(1);
      let kept = 1;
      fill(heap, p, 1, 99);
      for (const size of sizes) {
        const wall = heap.allocate(24);
        p = heap.reallocate(p, size);
        expect(heap.usableSize(p)).toBeGreaterThanOrEqual(size);
        expectFilled(heap, p, Math.min(kept, size), 99);
        fill(heap, p, size, 99);
        kept = size;
        heap.check();
        heap.deallocate(wall);
      }
    });

    it("is allocate for 0", () => {
      const heap = makeHeap({ small });
      const p = heap.reallocate(0, 100);
      expect(heap.owns(p)).toBe(true);
      expect(heap.usableSize(p)).toBeGreaterThanOrEqual(100);
    });
  });

  it("allocates zeros where there was something else", () => {
    for (const small of [0, 1008]) {
      const heap = makeHeap({ small });
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

  it("aligns to 16 bytes from 16 bytes up, to 8 below, and to what is asked for", () => {
    for (const small of [0, 1008]) {
      const heap = makeHeap({ small });
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

  it("answers room for what was asked, and little more", () => {
    for (const small of [0, 1008]) {
      const heap = makeHeap({ small });
      for (const size of [0, 1, 8, 9, 16, 17, 100, 1000, 1008, 1009, 2000, 60_000]) {
        const room = heap.usableSize(heap.allocate(size));
        expect(room).toBeGreaterThanOrEqual(size);
        expect(room).toBeLessThan(size + 32 + size / 8);
      }
    }
  });

  it("owns live blocks and nothing else", () => {
    const heap = makeHeap();
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

  it("views a block as any typed array", () => {
    const heap = makeHeap();
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

  it("trims the free end where the memory can shrink", () => {
    const heap = makeHeap({ margin: 0 });
    const p = heap.allocate(100);
    fill(heap, p, 100);
    heap.deallocate(heap.allocate(20 * PAGE));
    const before = heap.stats();
    const given = heap.trim();
    const after = heap.stats();
    expect(before.break - after.break).toBe(given);
    if (kind.shrinks) {
      expect(given).toBeGreaterThan(19 * PAGE);
      expect(heap.buffer.byteLength).toBe(after.break);
      expect(after.peakHeapBytes).toBe(before.peakHeapBytes);
    } else expect(given).toBe(0);
    expect(heap.trim()).toBe(0);
    heap.check();
    expectFilled(heap, p, 100);
    fill(heap, heap.allocate(20 * PAGE), 20 * PAGE);
    heap.check();
  });

  it("counts", () => {
    const heap = plain({ margin: 0 });
    const empty = heap.stats();
    const pointers = [3000, 5000, 7000].map((size) => heap.allocate(size));
    const rooms = pointers.map((p) => heap.usableSize(p));
    const full = heap.stats();
    expect(full.usedBlocks).toBe(3);
    expect(full.usedBytes).toBe(rooms.reduce((a, b) => a + b));
    heap.deallocate(pointers[1]!);
    const less = heap.stats();
    expect(less.usedBlocks).toBe(2);
    expect(less.usedBytes).toBe(full.usedBytes - rooms[1]!);
    expect(less.freeBytes).toBe(full.freeBytes + rooms[1]!);
    expect(less.freeBlocks).toBe(full.freeBlocks + 1);
    expect(less.heapBytes).toBe(empty.heapBytes);
  });

  it("walks over everything in address order", () => {
    const heap = makeHeap();
    const live = new Map<number, number>();
    for (let i = 0; i < 400; i += 1) {
      const p = heap.allocate((i * 29) % 1500);
      if (i % 3 === 0) heap.deallocate(p);
      else live.set(p, heap.usableSize(p));
    }
    let last = 0;
    for (const { address, size, kind } of heap.walk()) {
      expect(address).toBeGreaterThanOrEqual(last);
      last = address + size;
      const isUsed = kind === "used" || kind === "used-slot";
      expect(live.get(address)).toBe(isUsed ? size : undefined);
      live.delete(address);
    }
    expect(live.size).toBe(0);
    expect(last).toBeLessThanOrEqual(heap.stats().break);
  });

  it("frees everything at once", () => {
    for (const small of [0, 1008]) {
      const heap = makeHeap({ small });
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

  it("chooses by its fit", () => {
    const chosen = FITS.map((fit) => {
      const heap = plain({ fit });
      // Free, in address order: 3000, 2000, 2500 bytes.
      const pointers = [3000, 48, 2000, 48, 2500, 48].map((size) => heap.allocate(size));
      for (const i of [0, 2, 4]) heap.deallocate(pointers[i]!);
      const first = pointers.indexOf(heap.allocate(1990));
      heap.check();
      return first;
    });
    expect(chosen).toEqual([2, 0, 0]);
  });

  it("goes on from the last find with next fit, and from the start with first fit", () => {
    const chosen = (["first", "next"] as const).map((fit) => {
      const heap = plain({ fit });
      const pointers = Array.from({ length: 12 }, () => heap.allocate(3000));
      for (const i of [0, 2, 4, 6]) heap.deallocate(pointers[i]!);
      const found = [3000, 3000].map((size) => heap.allocate(size));
      heap.deallocate(found[0]!);
      found.push(heap.allocate(3000));
      heap.check();
      return found.map((p) => pointers.indexOf(p));
    });
    expect(chosen[0]).toEqual([0, 2, 0]);
    expect(chosen[1]!.slice(0, 2)).toEqual([0, 2]);
  });

  describe.each(FITS)("%s fit", (fit) => {
    it.each([0, 200, 1008])("lets no block overlap another (slabs up to %d)", (small) => {
      const heap = makeHeap({ fit, small, margin: 4096 });
      churn(heap, 1500, small + FITS.indexOf(fit));
      heap.check();
    });
  });

  it("has room for the largest size nowhere", () => {
    expectError(makeHeap(), () => makeHeap().allocate(MAX_SIZE), "OUT_OF_MEMORY");
  });
});

it("gives the same pointers on both engines", () => {
  for (const fit of FITS) {
    for (const small of [0, 1008]) {
      const [wasm, js] = (["wasm", "js"] as const).map((engine) => {
        const heap = new Heap({ engine, fit, small, margin: 0 });
        return [churn(heap, 3000, 5), heap.stats(), Buffer.from(heap.buffer)] as const;
      });
      expect(js![0]).toEqual(wasm![0]);
      expect(js![1]).toEqual(wasm![1]);
      expect(js![2].equals(wasm![2])).toBe(true);
    }
  }
});

/** Random calls, every block filled and verified; all pointers that were answered. */
function churn(heap: Heap, calls: number, seed: number): number[] {
  let state = seed + 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const size = (): number => random([32, 300, 1100, 5000, 20_000][random(5)]!);
  const live: { p: number; length: number; byte: number }[] = [];
  const answered: number[] = [];
  const note = (p: number): void => {
    answered.push(p);
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
  return answered;
}
