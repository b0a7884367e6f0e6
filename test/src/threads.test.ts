/** heapwright/threads: one heap, used by several threads of Node at the same time. */

import { once } from "node:events";

import { afterEach, describe, expect, it } from "vitest";

import { Heap, type Held, startWorker, type Started } from "../../src/threads.ts";

const newMemory = () => new WebAssembly.Memory({ initial: 2, maximum: 1024, shared: true });
const LIMIT = 1024 * 65536;
const newHeap = () => new Heap({ memory: newMemory(), shared: true, limit: LIMIT });

const running = new Set<Started>();
afterEach(async () => {
  for (const { worker, ended } of running) {
    await worker.terminate();
    await ended;
  }
  running.clear();
});

function start(heap: Heap, data: object): Started {
  const started = startWorker(heap, new URL("./workers/threads.mjs", import.meta.url), { data });
  running.add(started);
  return started;
}

async function message<Message>({ worker }: Started): Promise<Message> {
  const [found] = await once(worker as never, "message");
  return found as Message;
}

/** Calls `use` while another thread has the lock: one that recovers. */
function whileLocked(heap: Heap, use: () => void): void {
  const engine = heap.engineInUse as unknown as {
    heap_recover(thread: number): number;
    heap_recovered(): void;
  };
  expect(engine.heap_recover(heap.reserve())).toBe(0);
  use();
  engine.heap_recovered();
}

const codeOf = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "no error";
};

describe("a heap for several threads", () => {
  it("allocates, reallocates and frees like other heaps", () => {
    const heap = newHeap();
    const pointers = Array.from({ length: 300 }, (_, i) => heap.allocate((i * 37) % 3000));
    expect(new Set(pointers).size).toBe(300);
    heap.check();
    expect(heap.stats().usedBlocks).toBe(300);
    const moved = heap.reallocate(pointers.pop()!, 9000);
    expect(heap.usableSize(moved)).toBeGreaterThanOrEqual(9000);
    expect(codeOf(() => heap.deallocate(moved + 64))).toBe("INVALID_POINTER");
    heap.deallocate(moved);
    expect(codeOf(() => heap.deallocate(moved))).toBe("DOUBLE_FREE");
    for (const p of pointers) heap.deallocate(p);
    heap.check();
    expect(heap.stats().usedBlocks).toBe(0);
  });

  it("is made in a memory of its own by default", () => {
    const heap = new Heap();
    expect(heap.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(heap.engine).toBe("wasm");
    heap.deallocate(heap.allocate(100));
  });

  it("frees blocks and slots of another thread", () => {
    const heap = newHeap();
    const other = Heap.attach(heap.memory);
    expect(other.thread).not.toBe(heap.thread);
    const pointers = [24, 24, 2000, 30_000].map((size) => heap.allocate(size));
    for (const p of pointers) other.deallocate(p);
    for (const p of pointers) expect(codeOf(() => other.deallocate(p))).toBe("DOUBLE_FREE");
    heap.check();
    expect(heap.stats().usedBlocks).toBe(0);
  });

  it("lives at a base", () => {
    const memory = newMemory();
    const heap = new Heap({ memory, shared: true, base: 65536, limit: LIMIT });
    const other = Heap.attach(memory, { base: 65536 });
    const p = other.allocate(100);
    expect(p).toBeGreaterThan(65536);
    heap.deallocate(p);
  });

  it("collect releases the slabs that are not used", () => {
    const heap = newHeap();
    const other = Heap.attach(heap.memory);
    const pointers = Array.from({ length: 2000 }, () => heap.allocate(200));
    const before = heap.stats().largestFree;
    for (const p of pointers) other.deallocate(p);
    heap.collect();
    heap.check();
    expect(heap.stats().largestFree).toBeGreaterThan(before + 100_000);
  });

  it("cannot be reset", () => {
    expect(codeOf(() => newHeap().reset())).toBe("BAD_OPTIONS");
  });

  it("detach: the thread can free afterwards, but not allocate", () => {
    const heap = newHeap();
    const other = Heap.attach(heap.memory);
    const pointers = [24, 5000].map((size) => other.allocate(size));
    other.detach();
    other.detach();
    expect(other.thread).toBe(0);
    for (const size of [24, 5000]) expect(codeOf(() => other.allocate(size))).toBe("BUSY");
    expect(codeOf(() => other.collect())).toBe("BUSY");
    for (const p of pointers) other.deallocate(p);
    heap.collect();
    expect(heap.stats().usedBlocks).toBe(0);
    heap.check();
  });

  it("has room for 64 threads", () => {
    const heap = newHeap();
    const numbers = Array.from({ length: 63 }, () => heap.reserve());
    expect(new Set(numbers).size).toBe(63);
    expect(codeOf(() => heap.reserve())).toBe("BUSY");
    expect(codeOf(() => Heap.attach(heap.memory))).toBe("BUSY");
    const other = Heap.attach(heap.memory, { thread: numbers[7]! });
    expect(other.thread).toBe(numbers[7]);
    other.detach();
    expect(heap.reserve()).not.toBe(numbers[7]);
  });
});

describe("a thread that never waits", () => {
  it("fails with BUSY if it needs the lock, and frees all the same", () => {
    const heap = newHeap();
    const audio = Heap.attach(heap.memory, { patience: 0 });
    const pointers = [audio.allocate(5000), heap.allocate(5000), heap.allocate(24)];
    whileLocked(heap, () => {
      expect(codeOf(() => audio.allocate(5000))).toBe("BUSY");
      expect(codeOf(() => audio.allocateZeroed(5000))).toBe("BUSY");
      expect(codeOf(() => audio.reallocate(pointers[0]!, 90_000))).toBe("BUSY");
      expect(codeOf(() => audio.collect())).toBe("BUSY");
      expect(codeOf(() => audio.detach())).toBe("BUSY");
      expect(audio.tryAllocate(5000)).toBe(0);
      for (const p of pointers) audio.deallocate(p);
    });
    const p = audio.allocate(5000);
    audio.deallocate(p);
    heap.collect();
    heap.check();
    expect(heap.stats().usedBlocks).toBe(0);
  });

  it.each([8, 100, 1000])("has the slots of %i bytes that prefill got ready", (size) => {
    const heap = newHeap();
    const audio = Heap.attach(heap.memory, { patience: 0 });
    audio.prefill(size, 200);
    heap.collect();
    expect(heap.stats().usedBlocks).toBe(0);
    whileLocked(heap, () => {
      for (let round = 0; round < 3; round++) {
        const pointers = Array.from({ length: 200 }, () => audio.tryAllocate(size));
        expect(pointers).not.toContain(0);
        expect(new Set(pointers).size).toBe(200);
        for (const p of pointers) audio.deallocate(p);
      }
    });
    heap.check();
  });
});

describe("options that are refused", () => {
  const heap = newHeap();
  it.each<[string, () => unknown]>([
    [
      "a memory that is not shared",
      () => new Heap({ memory: new WebAssembly.Memory({ initial: 1 }) }),
    ],
    ["a SharedArrayBuffer", () => new Heap({ memory: new SharedArrayBuffer(1 << 20) })],
    ["shared: false", () => new Heap({ shared: false as true })],
    ["the JavaScript engine", () => new Heap({ engine: "js" })],
    ["a negative patience", () => new Heap({ patience: -1 })],
    ["a patience that is no number", () => Heap.attach(heap.memory, { patience: "1" as never })],
    ["a base without a heap", () => Heap.attach(heap.memory, { base: 4096 })],
    ["a thread that was not reserved", () => Heap.attach(heap.memory, { thread: 5 })],
    ["a thread that is in use", () => Heap.attach(heap.memory, { thread: heap.thread })],
    ["a thread beyond all places", () => Heap.attach(heap.memory, { thread: 200 })],
    ["a count that is no whole number", () => heap.prefill(100, 1.5)],
  ])("%s", (_, call) => {
    expect(codeOf(call)).toBe("BAD_OPTIONS");
  });

  it("a size of prefill that slabs do not serve", () => {
    expect(codeOf(() => heap.prefill(1009, 1))).toBe("INVALID_SIZE");
  });

  it("a heap of another layout", async () => {
    const { Heap: Plain } = await import("../../src/index.ts");
    const plain = new Plain({ memory: newMemory() });
    expect(codeOf(() => Heap.attach(plain.memory))).toBe("BAD_OPTIONS");
    expect(codeOf(() => Plain.attach(heap.memory))).toBe("BAD_OPTIONS");
  });
});

describe("workers", () => {
  it("free what the main thread has allocated and filled", async () => {
    const heap = newHeap();
    const pointers = [16, 100, 4000].map((size) => heap.allocate(size));
    pointers.forEach((p, i) => heap.view(Int32Array, p, 4).fill(i + 1));
    const started = start(heap, { task: "free", pointers });
    const { sums, thread } = await message<{ sums: number[]; thread: number }>(started);
    expect(sums).toEqual([4, 8, 12]);
    expect(thread).toBe(started.thread);
    expect(await started.ended).toEqual([]);
    expect(heap.stats().usedBlocks).toBe(0);
    heap.check();
  });

  it("that are terminated: recovery lists what they held, unchanged", async () => {
    const heap = newHeap();
    const started = start(heap, { task: "hold" });
    const { pointers, block } = await message<{ pointers: number[]; block: number }>(started);
    heap.deallocate(pointers.pop()!);
    await started.worker.terminate();
    const held: readonly Held[] = await started.ended;
    // The first requests of a size get blocks, which have no owner.
    const listed = held.map(({ pointer }) => pointer);
    expect(listed.length).toBeGreaterThan(20);
    expect(pointers).toEqual(expect.arrayContaining(listed));
    for (const { size } of held) expect(size).toBe(112);
    pointers.forEach((p, i) =>
      expect(heap.view(Int32Array, p, 25)).toEqual(new Int32Array(25).fill(i)),
    );
    for (const p of [...pointers, block]) heap.deallocate(p);
    heap.collect();
    heap.check();
    expect(heap.stats().usedBlocks).toBe(0);
    expect(heap.recover(started.thread)).toEqual([]);
  });

  it(
    "that are terminated while they allocate do not stop the others",
    { timeout: 30_000 },
    async () => {
      const heap = newHeap();
      for (let i = 0; i < 5; i++) {
        const started = start(heap, { task: "churn" });
        await message(started);
        await new Promise((resolve) => setTimeout(resolve, i * 3));
        await started.worker.terminate();
        await started.ended;
        running.delete(started);
        heap.deallocate(heap.allocate(100));
        heap.deallocate(heap.allocate(10_000));
        heap.check();
      }
    },
  );
});
