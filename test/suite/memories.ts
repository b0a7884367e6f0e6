/** Where a heap can live: a part of a memory, beside other heaps, and where other code grows the memory. */

import { describe, expect, it } from "vitest";

import type { HeapMemory } from "../../src/index.ts";
import { errorOf, expectFilled, fill } from "./heaps.ts";
import { type Heap, MOST, PAGE, type Place } from "./place.ts";

const bytesOf = (memory: HeapMemory): Uint8Array =>
  new Uint8Array("buffer" in memory ? memory.buffer : memory);

/** Grows a memory as other code does. */
function growBy(memory: HeapMemory, pages: number): void {
  if ("growTo" in memory) memory.growTo(memory.end + pages * PAGE);
  else if ("buffer" in memory) memory.grow(pages);
  else if ("growable" in memory) memory.grow(memory.byteLength + pages * PAGE);
  else (memory as ArrayBuffer).resize(memory.byteLength + pages * PAGE);
}

export function memoriesSuite(place: Place): void {
  const { kind, engine } = place;
  const { Heap } = place.api;

  const make = (bytes = kind.grows ? 2 * PAGE : MOST): HeapMemory => kind.make(bytes, MOST);

  it("a heap stays between base and limit, and changes nothing else", () => {
    for (const base of [1, 16, 1000, PAGE, PAGE + 12_345]) {
      const memory = make();
      bytesOf(memory).fill(0xee);
      const limit = base + 3 * PAGE + 500;
      const heap = new Heap({ memory, base, limit, engine, margin: 0 });
      const pointers: number[] = [];
      for (let p = heap.tryAllocate(1000); p !== 0; p = heap.tryAllocate(1000)) {
        pointers.push(p);
        fill(heap, p, 1000, 0x11);
      }
      const stats = heap.stats();
      expect(stats.base).toBe(Math.ceil(base / 16) * 16);
      expect(pointers[0]).toBeGreaterThan(base);
      expect(pointers.at(-1)! + 1000).toBeLessThanOrEqual(limit);
      expect(pointers.length).toBeGreaterThan(170);
      const bytes = bytesOf(memory);
      expect(bytes.subarray(0, base).every((byte) => byte === 0xee)).toBe(true);
      const beyond = bytes.subarray(limit, 2 * PAGE);
      expect(beyond.every((byte) => byte === 0xee)).toBe(true);
      for (const p of pointers) heap.deallocate(p);
      heap.check();
    }
  });

  it("a heap never uses address 0", () => {
    for (const base of [0, 1, 15, 16]) {
      const memory = make();
      bytesOf(memory).fill(0xee);
      const heap = new Heap({ memory, base, engine });
      expect(heap.stats().base).toBe(16);
      expect(
        bytesOf(memory)
          .subarray(0, 16)
          .every((byte) => byte === 0xee),
      ).toBe(true);
    }
  });

  it("several heaps share a memory", () => {
    const memory = make();
    const heaps = [0, 8, 16, 24].map(
      (page) => new Heap({ memory, base: page * PAGE, limit: (page + 8) * PAGE, engine }),
    );
    const live: { heap: Heap; p: number }[] = [];
    for (let i = 0; i < 600; i += 1) {
      const heap = heaps[(i * 7) % 4]!;
      const p = heap.tryAllocate((i * 67) % 3000);
      if (p === 0) continue;
      fill(heap, p, heap.usableSize(p), i);
      live.push({ heap, p });
      expect(heaps.filter((each) => each.owns(p))).toEqual([heap]);
    }
    for (const heap of heaps) heap.check();
    for (const { heap, p } of live.filter((_, i) => i % 2 === 0)) {
      const [other] = heaps.filter((each) => each !== heap);
      expect(errorOf(() => other!.deallocate(p)).code).toBe("OUT_OF_HEAP");
      heap.deallocate(p);
    }
    live.forEach(({ heap, p }, i) => {
      if (i % 2 === 1) expectFilled(heap, p, heap.usableSize(p), heap.view(Uint8Array, p, 1)[0]);
    });
    for (const heap of heaps) heap.check();
  });

  it("another engine can join a heap, and both continue", () => {
    for (const other of place.joining) {
      const memory = make();
      const first = new Heap({ memory, base: 100, engine, margin: 0 });
      const kept = first.allocate(100);
      fill(first, kept, first.usableSize(kept));
      const second = Heap.attach(memory, { base: 100, engine: other });
      expect(second.engine).toBe(other);
      expect(second.stats()).toEqual(first.stats());
      expect([...second.walk()]).toEqual([...first.walk()]);
      expectFilled(second, kept, 100);
      const heaps = [first, second];
      const live: number[] = [kept];
      for (let i = 0; i < 400; i += 1) {
        const heap = heaps[i % 2]!;
        const p = heap.tryAllocate((i * 131) % 9000);
        if (p !== 0) {
          fill(heap, p, heap.usableSize(p));
          expect(heaps[(i + 1) % 2]!.owns(p)).toBe(true);
          live.push(p);
        }
        if (i % 3 === 0) {
          const q = live.splice((i * 11) % live.length, 1)[0]!;
          expectFilled(heap, q, heap.usableSize(q));
          heap.deallocate(q);
          expect(errorOf(() => heaps[(i + 1) % 2]!.deallocate(q)).code).not.toBe("CORRUPT");
        }
        if (i % 50 === 0) heaps[(i / 50) % 2]!.check();
      }
      first.check();
      second.check();
      expect(second.stats()).toEqual(first.stats());
      expect(Heap.attach(memory, { base: first.base, engine: other }).stats()).toEqual(
        first.stats(),
      );
    }
  });

  it("blocks keep their contents when the memory grows, and views are new", () => {
    const memory = make();
    const heap = new Heap({ memory, engine, margin: 0 });
    const p = heap.allocate(1000);
    heap.view(Uint32Array, p, 250).fill(0xabcdef01);
    const old = heap.buffer;
    heap.allocate(20 * PAGE);
    if (kind.name === "WebAssembly.Memory") expect(old.byteLength).toBe(0);
    const view = heap.view(Uint32Array, p, 250);
    expect(view.buffer).toBe(heap.buffer);
    expect(view.every((word) => word === 0xabcdef01)).toBe(true);
    heap.check();
  });

  describe.runIf(kind.grows)("if other code grows the memory", () => {
    it("a heap leaves the memory to the code that grew it", () => {
      const memory = kind.make(2 * PAGE, MOST);
      const heap = new Heap({ memory, engine, margin: 0 });
      const theirs: [from: number, to: number][] = [];
      const live: number[] = [];
      for (let round = 1; round <= 4; round += 1) {
        const from = bytesOf(memory).length;
        growBy(memory, 1);
        bytesOf(memory).fill(0xee, from);
        theirs.push([from, from + PAGE]);
        for (let i = 0; i < 40; i += 1) {
          const p = heap.allocate(2500);
          fill(heap, p, 2500);
          live.push(p);
          for (const [start, end] of theirs) expect(p + 2500 <= start || p >= end).toBe(true);
        }
        heap.check();
      }
      for (const [start, end] of theirs) {
        expect(
          bytesOf(memory)
            .subarray(start, end)
            .every((byte) => byte === 0xee),
        ).toBe(true);
        expect(errorOf(() => heap.deallocate(start + 4096)).code).toBe("OUT_OF_HEAP");
      }
      const gaps = [...heap.walk()].filter(({ kind: what }) => what === "foreign");
      expect(gaps.length).toBeGreaterThan(0);
      const { heapBytes, base, break: end } = heap.stats();
      expect(heapBytes).toBeLessThanOrEqual(end - base - theirs.length * PAGE);
      for (const p of live) {
        expectFilled(heap, p, 2500);
        heap.deallocate(p);
      }
      expect(heap.stats().usedBlocks).toBe(0);
      heap.check();
    });

    it("a heap with a limit uses the memory up to there", () => {
      const memory = kind.make(2 * PAGE, MOST);
      const heap = new Heap({ memory, engine, margin: 0, limit: 20 * PAGE });
      growBy(memory, 10);
      const p = heap.allocate(8 * PAGE);
      fill(heap, p, 8 * PAGE);
      expect(p + 8 * PAGE).toBeLessThan(12 * PAGE);
      expect([...heap.walk()].some(({ kind: what }) => what === "foreign")).toBe(false);
      growBy(memory, 1);
      fill(heap, heap.allocate(6 * PAGE), 6 * PAGE);
      expectFilled(heap, p, 8 * PAGE);
      heap.check();
    });

    it("a heap notices the growth between any two calls", () => {
      const memory = kind.make(2 * PAGE, MOST);
      const heap = new Heap({ memory, engine, margin: 0 });
      const p = heap.allocate(100);
      const calls: (() => unknown)[] = [
        () => heap.allocate(100),
        () => heap.allocate(100, 64),
        () => heap.allocateZeroed(100),
        () => heap.reallocate(p, 90),
        () => heap.usableSize(p),
        () => heap.owns(p),
        () => heap.view(Uint8Array, p, 100).fill(1),
        () => heap.stats(),
        () => [...heap.walk()],
        () => heap.check(),
        () => heap.deallocate(heap.allocate(3000)),
        () => heap.trim(),
        () => heap.deallocate(p),
        () => heap.reset(),
      ];
      for (const call of calls) {
        growBy(memory, 1);
        call();
        heap.check();
      }
    });

    it("two heaps without limits grow in turn", () => {
      const memory = kind.make(PAGE, MOST);
      const first = new Heap({ memory, engine, margin: 0 });
      const second = new Heap({ memory, engine, margin: 0, base: first.stats().break });
      const live: { heap: Heap; p: number }[] = [];
      for (let i = 0; i < 300; i += 1) {
        const heap = i % 2 === 0 ? first : second;
        const p = heap.tryAllocate(3000);
        if (p === 0) break;
        fill(heap, p, 3000);
        live.push({ heap, p });
      }
      expect(live.length).toBeGreaterThan(200);
      first.check();
      second.check();
      for (const { heap, p } of live) {
        expectFilled(heap, p, 3000);
        heap.deallocate(p);
      }
      first.check();
      second.check();
    });
  });
}
