/** What a heap does, on each engine in each memory. */

import { type Entry, type Form, type Heap, MOST, PAGE, type Place } from "./place.ts";
import { expect, expectEqual, expectError, type Run } from "./run.ts";

/** Which engine an entry takes, and what it says where it can't. */
export function checkPicks(run: Run, { name, api, engines }: Entry, place: Place): void {
  const { Heap } = api;
  const wasm = engines.includes("wasm") && place.wasm === "allowed";
  const js = engines.includes("js");
  // What to do instead: another engine where there is one inside, else another entry.
  const advice = js && engines.includes("wasm") ? 'engine "js"' : "import from";

  if (wasm || js) {
    run.check(`${name}: auto takes ${wasm ? "wasm" : "js"}`, () => {
      expectEqual(new Heap().engine, wasm ? "wasm" : "js");
      expectEqual(new Heap({ engine: "auto" }).engine, wasm ? "wasm" : "js");
    });
  } else {
    run.check(`${name}: makes no heap here, and says what to do`, () => {
      expectError(() => new Heap(), "BAD_OPTIONS", advice);
    });
  }
  if (!wasm) {
    run.check(`${name}: refuses wasm here, and says what to do`, () => {
      expectError(() => new Heap({ engine: "wasm" }), "BAD_OPTIONS", advice);
    });
  }
  run.check(`${name}: refuses wasm in an ArrayBuffer, and says what to do`, () => {
    const memory = new ArrayBuffer(PAGE);
    expectError(() => new Heap({ memory, engine: "wasm" }), "BAD_OPTIONS", advice);
  });
  if (!js) {
    run.check(`${name}: refuses js, and says what to do`, () => {
      expectError(() => new Heap({ engine: "js" }), "BAD_OPTIONS", advice);
    });
  }
}

export function checkHeap(run: Run, { name, api, engine, joining, kind, makeHeap }: Form): void {
  const check = (what: string, body: () => void): void => run.check(`${name}: ${what}`, body);

  /** `call` throws, and the heap is as it was. */
  const refused = (
    heap: Heap,
    call: () => unknown,
    code: string,
    message: string,
    about: { pointer?: number; size?: number } = {},
  ): void => {
    const before = [...heap.walk()];
    expectError(call, code, message, about);
    expectEqual([...heap.walk()], before, "the heap");
    heap.check();
  };

  check("has its engine, its memory and its buffer", () => {
    const heap = makeHeap();
    expectEqual(heap.engine, engine);
    expect(heap.buffer === ("buffer" in heap.memory ? heap.memory.buffer : heap.memory), "buffer");
    const tag = Object.prototype.toString.call(heap.buffer);
    expectEqual(tag, `[object ${kind.shared ? "SharedArrayBuffer" : "ArrayBuffer"}]`);
  });

  check("allocates blocks that do not overlap, and takes them back", () => {
    const heap = makeHeap();
    const sizes = [0, 1, 7, 8, 16, 100, 1008, 1009, 5000, 70_000];
    const pointers = sizes.map((size) => heap.allocate(size));
    for (const [i, pointer] of pointers.entries()) {
      const size = sizes[i]!;
      expect(pointer > 0 && pointer % (size < 16 ? 8 : 16) === 0, `aligned, found ${pointer}`);
      expect(heap.usableSize(pointer) >= size, `${size} bytes, found ${heap.usableSize(pointer)}`);
      expect(heap.owns(pointer), `to own ${pointer}`);
      heap.view(Uint8Array, pointer, size).fill(i + 1);
    }
    heap.check();
    for (const [i, pointer] of pointers.entries()) {
      const bytes = heap.view(Uint8Array, pointer, sizes[i]!);
      expect(
        bytes.every((byte) => byte === i + 1),
        `the block at ${pointer} as written`,
      );
      heap.deallocate(pointer);
      expect(!heap.owns(pointer), `not to own ${pointer}`);
    }
    heap.deallocate(0);
    expectEqual(heap.stats().usedBlocks, 0, "blocks in use");
    heap.check();
  });

  check("aligns, up to 65536", () => {
    const heap = makeHeap();
    for (let alignment = 1; alignment <= 65536; alignment *= 2) {
      const pointer = heap.allocate(100, alignment);
      expectEqual(pointer % alignment, 0, `the remainder of ${pointer} by ${alignment}`);
      heap.view(Uint8Array, pointer, 100).fill(255);
    }
    heap.check();
  });

  check("fills with zeros where it is asked to", () => {
    const heap = makeHeap();
    for (const size of [24, 3000, 100_000]) {
      const dirty = heap.allocate(size);
      heap.view(Uint8Array, dirty, size).fill(255);
      heap.deallocate(dirty);
      const pointer = heap.allocateZeroed(size);
      expect(
        heap.view(Uint8Array, pointer, size).every((byte) => byte === 0),
        `zeros in ${size} bytes`,
      );
    }
  });

  check("reallocates with the contents kept", () => {
    const heap = makeHeap();
    let pointer = heap.reallocate(0, 10);
    heap.view(Uint8Array, pointer, 10).set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    for (const size of [100, 5000, 150_000, 2000, 10]) {
      const behind = heap.allocate(64);
      pointer = heap.reallocate(pointer, size);
      expectEqual([...heap.view(Uint8Array, pointer, 10)], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      heap.deallocate(behind);
      heap.check();
    }
    expectEqual(heap.stats().usedBlocks, 1, "blocks in use");
  });

  check("views are of the memory as it is, also after it grew", () => {
    const heap = makeHeap();
    const pointer = heap.allocate(8 * 64);
    for (let i = 0; i < 64; i += 1) heap.view(Float64Array, pointer, 64)[i] = i / 3;
    const before = heap.buffer.byteLength;
    const large = heap.allocate(10 * PAGE);
    heap.view(Uint8Array, large, 10 * PAGE).fill(255);
    expectEqual(heap.buffer.byteLength > before, kind.grows, "whether the buffer grew");
    const view = heap.view(Float64Array, pointer, 64);
    expect(view.buffer === heap.buffer, "a view of the buffer");
    expectEqual(
      [...view],
      Array.from({ length: 64 }, (_, i) => i / 3),
    );
  });

  check("statistics and walk agree", () => {
    const heap = makeHeap();
    const pointers = [10, 100, 1000, 10_000].map((size) => heap.allocate(size));
    heap.deallocate(pointers[1]!);
    const stats = heap.stats();
    const entries = [...heap.walk()];
    const used = entries.filter((entry) => entry.kind === "used" || entry.kind === "used-slot");
    expectEqual(
      used.map((entry) => entry.address).toSorted((a, b) => a - b),
      [pointers[0]!, pointers[2]!, pointers[3]!].toSorted((a, b) => a - b),
    );
    expectEqual([stats.usedBlocks, stats.usedBytes], [3, sum(used.map((entry) => entry.size))]);
    expect(
      entries.every((entry, i) => i === 0 || entry.address > entries[i - 1]!.address),
      "entries in the order of addresses",
    );
    expectEqual(stats.heapBytes, stats.break - stats.base);
    expect(stats.peakHeapBytes >= stats.heapBytes && stats.breakMoves >= 1, "a peak and a move");
  });

  check(`trim ${kind.shrinks ? "gives memory back" : "gives back nothing"}`, () => {
    const heap = makeHeap();
    heap.deallocate(heap.allocate(20 * PAGE));
    const before = heap.buffer.byteLength;
    const given = heap.trim();
    expectEqual(given > 15 * PAGE, kind.shrinks, `whether ${given} are pages`);
    expectEqual(heap.buffer.byteLength, before - given, "the buffer's length");
    heap.check();
    expect(heap.allocate(20 * PAGE) !== 0, "to grow again");
  });

  check("reset frees everything", () => {
    const heap = makeHeap();
    const pointers = Array.from({ length: 100 }, (_, i) => heap.allocate(i * 37));
    heap.reset();
    heap.check();
    expectEqual(heap.stats().usedBlocks, 0, "blocks in use");
    expect(!pointers.some((pointer) => heap.owns(pointer)), "to own none");
  });

  for (const theirs of joining) {
    check(`${theirs} joins it by its base`, () => {
      const heap = makeHeap({ base: 4096 });
      const pointer = heap.allocate(1000);
      heap.view(Uint8Array, pointer, 4).set([1, 2, 3, 4]);
      const join = (base: number): Heap => api.Heap.attach(heap.memory, { base, engine: theirs });
      const joined = join(heap.stats().base);
      expectEqual(joined.engine, theirs);
      expectEqual([...joined.view(Uint8Array, pointer, 4)], [1, 2, 3, 4]);
      // Grown by one, and used by the other.
      const large = joined.allocate(9 * PAGE);
      heap.view(Uint8Array, large, 9 * PAGE).fill(9);
      joined.deallocate(pointer);
      refused(heap, () => heap.deallocate(pointer), "DOUBLE_FREE", "already free");
      refused(heap, () => join(64), "BAD_OPTIONS", "No heap at base 64");
    });
  }

  check("keeps to base, limit, margin, fit and small", () => {
    for (const fit of ["best", "first", "next"] as const) {
      const heap = makeHeap({ base: 10_000, limit: 5 * PAGE, margin: 0, fit, small: 0 });
      const pointers: number[] = [];
      for (let p = heap.tryAllocate(3000); p !== 0; p = heap.tryAllocate(3000)) pointers.push(p);
      expect(pointers.length > 90, `more than 90 blocks, found ${pointers.length}`);
      expect(Math.min(...pointers) >= 10_000, "none below the base");
      expect(Math.max(...pointers) + 3000 <= 5 * PAGE, "none beyond the limit");
      heap.check();
    }
  });

  check("errors name what was wrong, and leave the heap as it was", () => {
    const heap = makeHeap({ limit: MOST / 2 });
    const pointer = heap.allocate(100);
    const freed = heap.allocate(3000);
    heap.allocate(3000);
    heap.deallocate(freed);
    for (const size of [-1, 1.5, NaN, 2 ** 31, 2 ** 32, Infinity]) {
      refused(heap, () => heap.allocate(size), "INVALID_SIZE", `size ${size}`, { size });
      refused(heap, () => heap.reallocate(pointer, size), "INVALID_SIZE", `size ${size}`, { size });
    }
    const size = MOST;
    refused(heap, () => heap.allocate(size), "OUT_OF_MEMORY", `cannot allocate ${size} bytes`, {
      size,
    });
    refused(heap, () => heap.reallocate(pointer, size), "OUT_OF_MEMORY", "cannot allocate", {
      size,
    });
    expectEqual(heap.tryAllocate(size), 0);
    for (const alignment of [0, 3, -8, 2 ** 31]) {
      refused(
        heap,
        () => heap.allocate(1, alignment),
        "INVALID_ALIGNMENT",
        `Invalid alignment ${alignment}`,
      );
    }
    const wrong: [number, string, string][] = [
      [freed, "DOUBLE_FREE", "already free"],
      [pointer + 8, "INVALID_POINTER", "no block starts there"],
      [0.5, "INVALID_POINTER", "no block starts there"],
      [MOST, "OUT_OF_HEAP", "outside this heap"],
      [-16, "OUT_OF_HEAP", "is negative"],
    ];
    for (const [bad, code, message] of wrong) {
      refused(heap, () => heap.deallocate(bad), code, message, { pointer: bad });
      refused(heap, () => heap.reallocate(bad, 10), code, message, { pointer: bad });
      refused(heap, () => heap.usableSize(bad), code, message, { pointer: bad });
    }
    const room = heap.usableSize(pointer);
    refused(
      heap,
      () => heap.view(Uint8Array, pointer, room + 1),
      "INVALID_SIZE",
      `from 0 to ${room}`,
    );
    const options = { limitt: 1 } as object;
    refused(heap, () => makeHeap(options), "BAD_OPTIONS", "Unknown option limitt");
    refused(heap, () => makeHeap({ base: -1 }), "BAD_OPTIONS", "Invalid base -1");
  });

  check("a heap that was written over is found out", () => {
    const heap = makeHeap({ small: 0 });
    const pointer = heap.allocate(100);
    heap.allocate(100);
    const end = pointer + heap.usableSize(pointer);
    new Uint8Array(heap.buffer, end, 4).fill(255);
    expectError(() => heap.check(), "CORRUPT", "Something wrote outside its block");
  });
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
