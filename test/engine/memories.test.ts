/** Where a heap can live: in each kind of memory, in a part of one, beside other heaps and other code, above 2 GiB. */

import { describe, expect, test } from "vitest";

import { HEADER, MAX_SIZE } from "../../engine/block.ts";
import { CONTROL } from "../../engine/control.ts";
import type { AnyMemory } from "../../engine/memory/any-memory.ts";
import {
  bytesOf,
  createEngine,
  FORMS,
  imageOf,
  PAGE,
  PINNED,
  resizable,
  wasmMemory,
} from "./engines.ts";
import { blocksOf } from "../suite/picture.ts";
import { DEFAULT_SMALL, heapOf, TestHeap, uncreated } from "./test-heap.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** Memory of a process, which other code grows by a page whenever `when` returns true, also while the heap grows it. */
function systemMemory(most: number, when: () => boolean) {
  const buffer = new ArrayBuffer(most * PAGE);
  /** Where pages of other code begin. */
  const theirs: number[] = [];
  let end = 0;
  let seen = 0;
  const letOthersGrow = (): void => {
    if (!when() || end + PAGE > buffer.byteLength) return;
    new Uint8Array(buffer, end, PAGE).fill(0xee);
    theirs.push(end);
    end += PAGE;
  };
  return {
    theirs,
    buffer,
    get end(): number {
      letOthersGrow();
      return (seen = end);
    },
    growTo(least: number): boolean {
      letOthersGrow();
      if (end !== seen || least > buffer.byteLength) return false;
      end = Math.ceil(least / PAGE) * PAGE;
      letOthersGrow();
      return true;
    },
    shrinkTo(): void {},
  };
}

describe.each(FORMS)("%s", (form) => {
  const kinds: [string, () => AnyMemory][] = [["a WebAssembly.Memory", () => wasmMemory(0, 64)]];
  // The wasm with metadata that never moves is built for a memory that is not shared.
  if (form !== "wasm" || !PINNED) {
    kinds.push([
      "a shared WebAssembly.Memory",
      () => new WebAssembly.Memory({ initial: 1, maximum: 64, shared: true }),
    ]);
  }
  if (form !== "wasm") {
    kinds.push(
      ["a fixed ArrayBuffer", () => new ArrayBuffer(64 * PAGE)],
      ["a resizable ArrayBuffer", () => resizable(0, 64)],
      ["a fixed SharedArrayBuffer", () => new SharedArrayBuffer(64 * PAGE)],
      [
        "a growable SharedArrayBuffer",
        () => new SharedArrayBuffer(0, { maxByteLength: 64 * PAGE }),
      ],
      ["a buffer whose length is no multiple of anything", () => new ArrayBuffer(64 * PAGE - 7)],
    );
  }

  describe.each(kinds)("a heap in %s", (_, create) => {
    test.each([0, DEFAULT_SMALL])(
      "uses its last granule, twice; slabs up to %d bytes",
      async (small) => {
        const memory = create();
        const heap = await heapOf(form, { memory, small });
        const fill = (): number[] => {
          const live: number[] = [];
          for (const size of [100_000, 1000, 100, 10]) {
            for (let p = heap.request(size); typeof p === "number"; p = heap.request(size)) {
              heap.bytes(p, size).fill(live.length + 1);
              live.push(p);
            }
          }
          return live;
        };
        const live = fill();
        expect(heap.break).toBeGreaterThan(64 * PAGE - 32);
        expect(heap.break).toBeLessThanOrEqual(64 * PAGE);
        heap.expectSound();
        live.forEach((p, i) => expect(bytesOf(memory)[p]).toBe((i + 1) & 255));
        for (const p of live) expect(heap.release(p)).toBe("OK");
        expect(heap.walk().some(({ kind }) => kind === 1 || kind === 3)).toBe(false);
        expect(fill().length).toBeGreaterThan(live.length / 2);
      },
    );
  });

  describe("base and limit", () => {
    test("the heap changes nothing outside them", async () => {
      const memory = wasmMemory(8);
      bytesOf(memory).fill(0xaa);
      const heap = await heapOf(form, {
        memory,
        base: 3000,
        limit: 5 * PAGE - 3,
        small: DEFAULT_SMALL,
      });
      let size = 1;
      while (typeof heap.request(size) === "number") size += 10;
      expect(heap.base).toBe(3008);
      expect(heap.break).toBeLessThanOrEqual(5 * PAGE - 16);
      expect(
        bytesOf(memory)
          .subarray(0, 3008)
          .every((byte) => byte === 0xaa),
      ).toBe(true);
      expect(
        bytesOf(memory)
          .subarray(5 * PAGE - 16)
          .every((byte) => byte === 0xaa),
      ).toBe(true);
    });

    test("several heaps in one memory are independent", async () => {
      const memory = wasmMemory(1);
      const ranges = [
        [0, 3],
        [3, 7],
        [7, 12],
      ] as const;
      const heaps = [];
      for (const [from, to] of ranges) {
        heaps.push(
          await heapOf(form, { memory, base: from * PAGE, limit: to * PAGE, small: DEFAULT_SMALL }),
        );
      }
      const live: number[][] = [[], [], []];
      for (let size = 0; size < 20_000; size += 40) {
        heaps.forEach((heap, i) => {
          const p = heap.request(size);
          if (typeof p !== "number") return;
          heap.bytes(p, size).fill(i + 1);
          live[i]!.push(p);
        });
      }
      heaps.forEach((heap, i) => {
        const [from, to] = ranges[i]!;
        expect(heap.break).toBeLessThanOrEqual(to * PAGE);
        expect(live[i]!.every((p) => p > from * PAGE && p < to * PAGE)).toBe(true);
        for (const p of live[(i + 1) % 3]!.slice(-5)) expect(heap.release(p)).toBe("OUT_OF_HEAP");
        for (const p of live[i]!) expect(heap.release(p)).toBe("OK");
        expect(heap.walk().some(({ kind }) => kind === 1 || kind === 3)).toBe(false);
      });
    });
  });

  describe("attach", () => {
    test.each(FORMS)("an engine joins the heap that another created: %s", async (other) => {
      const memory = wasmMemory(0);
      const heap = await heapOf(form, {
        memory,
        base: 1000,
        small: DEFAULT_SMALL,
        fit: "next",
        margin: 5000,
      });
      const live = Array.from({ length: 200 }, (_, i) => heap.allocate(i * 9));
      const joined = await uncreated(other, memory);
      expect(joined.engine.heap_attach(1000)).toBe(0);
      expect(joined.base).toBe(heap.base);
      expect(joined.walk()).toEqual(heap.walk());
      // Both go on in turn.
      live.forEach((p, i) => expect((i % 2 === 0 ? heap : joined).release(p)).toBe("OK"));
      const turns = [heap, joined].map((each) =>
        Array.from({ length: 200 }, (_, i) => each.allocate(i * 50)),
      );
      for (const p of turns[0]!) expect(joined.release(p)).toBe("OK");
      for (const p of turns[1]!) expect(heap.release(p)).toBe("OK");
      expect(heap.unchanged(() => joined.release(turns[0]![5]!))).not.toBe("OK");
    });

    test("fails if there is no heap", async () => {
      const memory = wasmMemory(2);
      const heap = await heapOf(form, { memory, base: PAGE });
      const joined = await uncreated(form, memory);
      for (const base of [
        0,
        16,
        PAGE - 16,
        PAGE + 16,
        2 * PAGE - 16,
        2 * PAGE,
        100 * PAGE,
        -1,
        -16,
        -(2 ** 31),
      ]) {
        expect(
          joined.unchanged(() => joined.engine.heap_attach(base)),
          `${base}`,
        ).toBe(8);
      }
      expect(joined.base).toBe(0);
      expect(joined.engine.heap_attach(PAGE)).toBe(0);
      expect(joined.base).toBe(heap.base);
    });

    test("after a failed attach, the engine still uses its heap", async () => {
      const heap = await heapOf(form, { memory: wasmMemory(2) });
      expect(heap.engine.heap_attach(PAGE)).toBe(8);
      expect(heap.base).toBe(16);
      heap.allocate(10);
    });
  });

  describe("if other code grows the memory", () => {
    /** Grows the memory as other code does, and fills the new pages. */
    function grow(memory: WebAssembly.Memory, pages: number): { from: number; to: number } {
      const from = memory.grow(pages) * PAGE;
      const to = from + pages * PAGE;
      bytesOf(memory).fill(0xee, from, to);
      return { from, to };
    }

    function isUntouched(
      memory: WebAssembly.Memory,
      { from, to }: { from: number; to: number },
    ): boolean {
      return bytesOf(memory)
        .subarray(from, to)
        .every((byte) => byte === 0xee);
    }

    test("the views are made again", async () => {
      const memory = wasmMemory(0);
      const heap = await heapOf(form, { memory, small: DEFAULT_SMALL });
      const p = heap.allocate(1000);
      grow(memory, 1);
      expect(heap.release(p)).toBe("OK");
      expect(heap.allocate(1000)).toBe(p);
    });

    test.skipIf(form === "source")(
      "the views are made again in optimised code, on every kind of memory",
      async () => {
        for (const [, create] of kinds) {
          const heap = await heapOf(form, { memory: create(), small: DEFAULT_SMALL });
          for (let left = 20_000; left > 0; left--)
            heap.engine.heap_release(heap.engine.malloc(left % 2000));
        }
        const memory = wasmMemory(0);
        const heap = await heapOf(form, { memory, small: DEFAULT_SMALL });
        for (let left = 20; left > 0; left--) {
          memory.grow(left % 2); // 0 detaches too
          const p = heap.allocate(left);
          memory.grow(left % 2);
          expect(heap.release(p)).toBe("OK");
        }
      },
    );

    /** Bytes from the top block's start to the break. */
    function roomOf(heap: TestHeap): number {
      return heap.break - heap.top.address;
    }

    test("the heap continues behind the foreign region", async () => {
      const memory = wasmMemory(0);
      const heap = await heapOf(form, { memory });
      const p = heap.allocate(100);
      const others = grow(memory, 2);
      const q = heap.allocate(roomOf(heap) + 10);
      expect(q).toBeGreaterThan(others.to);
      expect(isUntouched(memory, others)).toBe(true);
      expect(heap.picture(p)).toMatch(
        PINNED
          ? /^used 112, free \d+, foreign \d+, (metadata \d+, )*used \d+, top$/
          : /^used 112, free \d+, foreign \d+, used \d+, top$/,
      );
      const region = heap.walk().find(({ kind }) => kind === 5)!;
      expect(region.address).toBe(others.from);
      expect(region.address + region.size).toBeGreaterThanOrEqual(others.to);
      // The memory before the foreign region is used, and the region is no part of the heap.
      const left = blocksOf(memory, heap.base).find(
        ({ address, kind }) => kind === "free" && address > p,
      )!;
      expect(heap.allocate(left.size - 4)).toBe(left.address);
      expect(heap.engine.heap_stat(0)).toBe(heap.break - heap.base - 2 * PAGE);
      expect(heap.release(q)).toBe("OK");
      expect(heap.release(p)).toBe("OK");
    });

    test("the heap first uses all of its own memory, to the last byte", async () => {
      const memory = wasmMemory(2);
      const heap = await heapOf(form, { memory });
      const hole = heap.allocate(5000);
      heap.allocate(10);
      heap.release(hole);
      const others = grow(memory, 1);
      const { address } = heap.top;
      const map = PINNED ? 0 : 256; // a byte for each 512 bytes of the heap
      const most = 2 * PAGE - map - address - HEADER;
      expect(heap.break).toBe(PAGE);
      expect(heap.allocate(most)).toBe(address);
      expect(heap.break).toBe(2 * PAGE);
      heap.expectSound();
      expect(heap.release(address)).toBe("OK");
      expect(heap.allocate(most + 1)).toBeGreaterThan(others.to);
      expect(isUntouched(memory, others)).toBe(true);
    });

    test("the heap continues after many foreign regions", async () => {
      const memory = wasmMemory(0);
      const heap = await heapOf(form, { memory, small: DEFAULT_SMALL });
      const others = [];
      const live = [];
      for (let i = 0; i < 10; i++) {
        live.push(heap.allocate(roomOf(heap) + i * PAGE), heap.allocate(100));
        others.push(grow(memory, 1 + (i % 3)));
        heap.expectSound();
      }
      expect(others.every((each) => isUntouched(memory, each))).toBe(true);
      const regions = blocksOf(memory, heap.base).filter(({ kind }) => kind === "foreign");
      expect(regions.length).toBeGreaterThan(3);
      const foreignBytes = regions.reduce((sum, { size }) => sum + size - 16, 0);
      expect(heap.engine.heap_stat(0)).toBe(heap.break - heap.base - foreignBytes);
      for (const p of live) expect(heap.release(p)).toBe("OK");
      heap.engine.heap_reset();
      expect(others.every((each) => isUntouched(memory, each))).toBe(true);
    });

    test("a block does not grow over a foreign region, and does not coalesce with the memory behind it", async () => {
      const memory = wasmMemory(0);
      const heap = await heapOf(form, { memory });
      const p = heap.allocate(heap.top.size - 4);
      heap.bytes(p, 1000).fill(7);
      const others = grow(memory, 1);
      const q = heap.reallocate(p, 3 * PAGE) as number;
      expect(q).toBeGreaterThan(others.to);
      expect(heap.bytes(q, 1000).every((byte) => byte === 7)).toBe(true);
      expect(heap.release(q)).toBe("OK");
      const kinds = blocksOf(memory, heap.base).map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind !== "metadata")).toEqual(["free", "foreign", "top"]);
      expect(kinds.includes("metadata")).toBe(PINNED);
      expect(isUntouched(memory, others)).toBe(true);
    });

    test("a heap with a limit uses the memory that other code grew below it", async () => {
      const memory = wasmMemory(0);
      const heap = await heapOf(form, { memory, limit: 8 * PAGE });
      memory.grow(2);
      const { address } = heap.top;
      heap.allocate(roomOf(heap) + PAGE);
      expect(heap.picture(address)).not.toMatch("foreign");
    });
  });

  describe("above 2 GiB", () => {
    test("pointers are right below and above 2 GiB", async () => {
      const memory = sparse();
      const heap = await heapOf(form, { memory, base: 2 * GIB - PAGE, small: DEFAULT_SMALL });
      const live = use(heap, 4000);
      expect(Math.min(...live)).toBeLessThan(2 * GIB);
      expect(Math.max(...live)).toBeGreaterThan(2 * GIB);
      heap.expectSound();
      finish(heap, live);
    });

    test("a heap uses its memory up to 4 GiB", async () => {
      const memory = sparse();
      const base = 4 * GIB - 4 * PAGE;
      const heap = await heapOf(form, { memory, base, small: DEFAULT_SMALL });
      expect(heap.base).toBe(base);
      const live = [];
      for (const size of [1000, 100, 0]) {
        for (let p = heap.request(size); typeof p === "number"; p = heap.request(size))
          live.push(p);
      }
      expect(heap.engine.heap_error()).toBe(1);
      expect(heap.break).toBe(4 * GIB - 16);
      const map = PINNED ? 0 : 528; // a byte for each 512 bytes of the heap, behind its blocks
      expect(Math.max(...live)).toBeGreaterThan(4 * GIB - map - 64);
      heap.expectSound();
      finish(heap, live);
    });

    // The source takes seconds to prove the map of 8 million cells.
    test.skipIf(form === "source")("a heap can have 4 GiB", async () => {
      const memory = sparse();
      const heap = await heapOf(form, { memory, limit: 2 ** 32 - 16 });
      const p = heap.allocate(MAX_SIZE);
      expect(heap.request(MAX_SIZE)).toBe("OUT_OF_MEMORY");
      if (PINNED) expect(heap.request(MAX_SIZE - 32 * MIB)).toBe("OUT_OF_MEMORY");
      const rest = MAX_SIZE - (PINNED ? 36 : 32) * MIB; // less room for the map
      const q = heap.allocate(rest);
      expect(q).toBeGreaterThan(p + MAX_SIZE);
      expect(heap.usableSize(q)).toBeGreaterThanOrEqual(rest);
      expect(q + rest).toBeGreaterThan(3.9 * GIB);
      const live = use(heap, 200);
      expect(heap.engine.heap_stat(0) >>> 0).toBeGreaterThan(3.9 * GIB);
      expect(heap.request(MAX_SIZE)).toBe("OUT_OF_MEMORY");
      expect(heap.release(p)).toBe("OK");
      expect(heap.release(p)).toBe("DOUBLE_FREE");
      const again = heap.allocate(MAX_SIZE);
      expect(again).toBe(p);
      finish(heap, [...live, again, q]);
    });

    function sparse(): WebAssembly.Memory {
      return new WebAssembly.Memory({ initial: 65536, maximum: 65536 });
    }

    /** Blocks and slots of many sizes, some freed and some moved; those that are live. */
    function use(heap: TestHeap, count: number): number[] {
      const live: number[] = [];
      for (let i = 0; i < count; i++) {
        const size = (i * 7919) % 1500;
        live.push(heap.allocate(size, i % 11 === 0 ? 64 : 0));
        if (i % 3 === 2) heap.release(live.splice((i * 31) % live.length, 1)[0]!);
        if (i % 5 === 0) {
          const at = (i * 17) % live.length;
          live[at] = heap.reallocate(live[at]!, (i * 13) % 3000) as number;
        }
      }
      return live;
    }

    /** Frees all that is live, once. */
    function finish(heap: TestHeap, live: number[]): void {
      for (const p of live) {
        expect(heap.release(p)).toBe("OK");
        expect(heap.release(p)).not.toBe("OK");
      }
      heap.expectSound();
      expect(heap.walk().some(({ kind }) => kind === 1 || kind === 3)).toBe(false);
    }
  });
});

test("two instances of the wasm have a heap each", async () => {
  const memory = wasmMemory(1);
  const [one, two] = await Promise.all([
    createEngine("wasm", memory),
    createEngine("wasm", memory),
  ]);
  const heaps = [one, two].map((engine) => new TestHeap(engine, memory));
  const [p, q] = heaps.map((heap) => heap.allocate(100));
  expect(heaps[0]!.base).toBe(PAGE);
  expect(heaps[1]!.base).toBe(2 * PAGE);
  // For each, what the other grew is memory of other code.
  for (let left = 100; left > 0; left--) for (const heap of heaps) heap.allocate(10_000);
  const before = imageOf(memory);
  expect(heaps[0]!.release(q!)).toBe("OUT_OF_HEAP");
  expect(imageOf(memory).equals(before)).toBe(true);
  expect(heaps.map((heap, i) => heap.release([p, q][i]!))).toEqual(["OK", "OK"]);
  for (const heap of heaps) heap.expectSound();
  expect(CONTROL % 16).toBe(0);
});

test.runIf(!PINNED)("memory that other code grows at any moment stays its own", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    let state = 0; // a new heap owns all memory that there is
    const memory = systemMemory(200, () => {
      state = (Math.imul(state, 1664525) + (state === 0 ? 0 : 1013904223)) >>> 0;
      return state >>> 29 === 1;
    });
    const heap = await heapOf("js", { memory });
    state = seed;
    const live: number[] = [];
    for (let i = 0; i < 40; i++) {
      const p = heap.request(1000 + 997 * i);
      if (typeof p === "number") live.push(p);
    }
    expect(live.length).toBe(40);
    expect(memory.theirs.length).toBeGreaterThan(0);
    for (const from of memory.theirs) {
      const page = new Uint8Array(memory.buffer, from, PAGE);
      expect(page.findIndex((byte) => byte !== 0xee)).toBe(-1);
    }
    for (const p of live) expect(heap.release(p)).toBe("OK");
  }
});
