/** src/memories.ts: what a heap can live in, also above 2 GiB; joining a heap. */

import { describe, expect, it } from "vitest";

import { Heap } from "../../src/index.ts";
import { errorOf, expectFilled, fill } from "../suite/heaps.ts";
import { memoriesSuite } from "../suite/memories.ts";
import { MOST, PAGE } from "../suite/place.ts";
import { PLACES } from "./places.ts";

const GIB = 2 ** 30;

const ADDRESS_SPACE = 4 * GIB;

describe.each(PLACES)("$name", memoriesSuite);

describe("a resizable ArrayBuffer", () => {
  it("that was trimmed grows again", () => {
    const memory = new ArrayBuffer(2 * PAGE, { maxByteLength: MOST });
    const heap = new Heap({ memory });
    for (let round = 0; round < 3; round += 1) {
      const p = heap.allocate(10 * PAGE);
      fill(heap, p, 10 * PAGE);
      heap.deallocate(p);
      expect(heap.trim()).toBeGreaterThan(9 * PAGE);
      heap.check();
    }
  });
});

describe("attach", () => {
  it.each(["wasm", "js"] as const)("finds no heap in a memory without pages: %s", (engine) => {
    const memory = new WebAssembly.Memory({ initial: 0 });
    const error = errorOf(() => Heap.attach(memory, { engine }));
    expect(error.code).toBe("BAD_OPTIONS");
    expect(error.message).toContain("No heap at base 0");
  });

  it("requires a memory, and accepts base and engine only", () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    new Heap({ memory });
    expect(errorOf(() => Heap.attach(undefined as never)).message).toContain(
      "Invalid memory (Undefined): expected a WebAssembly.Memory",
    );
    expect(errorOf(() => Heap.attach(memory, "js" as never)).message).toContain(
      'Invalid options "js": expected an object such as { base }',
    );
    expect(errorOf(() => Heap.attach(memory, { small: 0 } as never)).message).toContain(
      "Unknown option small: expected base, engine.",
    );
  });
});

describe.each(["wasm", "js"] as const)("%s above 2 GiB", (engine) => {
  /** Reserved, not touched. */
  const sparse = (bytes: number, most = bytes): WebAssembly.Memory =>
    new WebAssembly.Memory({ initial: bytes / PAGE, maximum: most / PAGE });

  it.each([
    ["across 2 GiB", 2 * GIB - PAGE - 4000, 2 * GIB + PAGE],
    ["from 2 GiB on", 2 * GIB, 2 * GIB + 4 * PAGE],
    ["across 3 GiB", 3 * GIB - PAGE - 4000, 3 * GIB + PAGE],
    ["up to 4 GiB", ADDRESS_SPACE - 4 * PAGE, ADDRESS_SPACE],
  ])("pointers are right %s", (_, base, end) => {
    for (const small of [0, 1008]) {
      const heap = new Heap({ memory: sparse(end), base, limit: end, engine, small, margin: 0 });
      const live: number[] = [];
      for (let i = 0; ; i += 1) {
        const p = heap.tryAllocate((i * 61) % 2000, i % 10 === 0 ? 256 : undefined);
        if (p === 0) break;
        expect(p).toBeGreaterThan(base);
        expect(p).toBeLessThan(end);
        fill(heap, p, heap.usableSize(p), i);
        live.push(p);
        if (i % 4 === 3) {
          const q = live.splice((i * 13) % live.length, 1)[0]!;
          heap.deallocate(q);
          expect(errorOf(() => heap.deallocate(q)).code).toBe("DOUBLE_FREE");
          expect(errorOf(() => heap.usableSize(q)).pointer).toBe(q);
        }
      }
      heap.check();
      const { usedBlocks, base: from, break: to } = heap.stats();
      expect(usedBlocks).toBe(live.length);
      expect(from).toBeGreaterThanOrEqual(base);
      expect(to).toBeGreaterThan(end - PAGE);
      expect(
        [...heap.walk()]
          .filter(({ kind }) => kind.startsWith("used"))
          .map(({ address }) => address),
      ).toEqual(live.toSorted((a, b) => a - b));
      for (const p of live) heap.deallocate(p);
      heap.check();
      expect(heap.stats().usedBlocks).toBe(0);
    }
  });

  it("a heap grows beyond 2 GiB, up to 4 GiB", () => {
    const heap = new Heap({ memory: sparse(PAGE, ADDRESS_SPACE), engine });
    const half = GIB - 32 * PAGE;
    const pointers = [0, 1, 2].map(() => heap.allocate(half));
    pointers.forEach((p, i) => fill(heap, p, 100, i));
    expect(pointers[2]).toBeGreaterThan(2 * GIB - 200 * PAGE);
    heap.check();
    const last = heap.allocate(900 * 2 ** 20);
    expect(last).toBeGreaterThan(2.9 * GIB);
    const view = heap.view(Uint8Array, last, 900 * 2 ** 20);
    view[view.length - 1] = 7;
    expect(heap.tryAllocate(GIB)).toBe(0);
    heap.check();
    expect(heap.stats().usedBlocks).toBe(4);
    heap.deallocate(pointers[1]!);
    heap.deallocate(pointers[2]!);
    // Or before: an older map may have been there.
    const both = heap.allocate(2 * half);
    expect(both).toBeGreaterThan(pointers[0]!);
    expect(both).toBeLessThanOrEqual(pointers[1]!);
    heap.check();
    pointers.slice(0, 1).forEach((p, i) => expectFilled(heap, p, 100, i));
    heap.reset();
    heap.check();
  }, 60_000);

  it("the largest size can be allocated", () => {
    const heap = new Heap({ memory: sparse(PAGE, ADDRESS_SPACE), engine });
    const p = heap.allocate(0x7fff0000);
    const view = heap.view(Uint8Array, p, 0x7fff0000);
    view[view.length - 1] = 9;
    expect(heap.usableSize(p)).toBeGreaterThanOrEqual(0x7fff0000);
    heap.check();
    heap.deallocate(p);
    heap.check();
  }, 60_000);
});
