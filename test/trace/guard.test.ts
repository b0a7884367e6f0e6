/** With `check`, a replay verifies each block: faults of heaps that are wrong on purpose. */

import { expect, test } from "vitest";

import { ToyHeap } from "./toy-heap.ts";
import { replayOf, traceOf } from "./traces.ts";

test("reports blocks that overlap", async () => {
  class Overlapping extends ToyHeap {
    override tryAllocate(size: number): number {
      const pointer = super.tryAllocate(size);
      if (this.blocks.size === 1) return pointer;
      this.blocks.delete(pointer);
      this.blocks.set(pointer - 32, 32);
      return pointer - 32;
    }
  }
  const result = await replayOf(new Overlapping(), traceOf("a 0 32", "a 1 32", "f 0"), {
    check: 9,
  });
  expect(result.firstFailure).toMatch(
    /^line 7 \(f 0\): byte 16 of the 32 of block \d+ was overwritten/,
  );
});

test("reports a block that is returned twice", async () => {
  class Twice extends ToyHeap {
    override tryAllocate(size: number): number {
      return this.blocks.keys().next().value ?? super.tryAllocate(size);
    }
  }
  const result = await replayOf(new Twice(), traceOf("a 0 8", "a 1 8"), { check: 9 });
  expect(result.firstFailure).toMatch(
    /^line 6 \(a 1 8\): block \d+ was allocated while it was live/,
  );
});

test("reports a zeroed block that is not zero", async () => {
  class Dirty extends ToyHeap {
    override allocateZeroed(size: number): number {
      const pointer = super.allocateZeroed(size);
      new Uint8Array(this.buffer)[pointer + 9] = 1;
      return pointer;
    }
  }
  const result = await replayOf(new Dirty(), traceOf("z 0 9", "z 1 10"), { check: 9 });
  expect(result.firstFailure).toMatch(
    /^line 6 \(z 1 10\): byte 9 of the zeroed block \d+ is not 0/,
  );
});

test("reports contents that reallocate lost", async () => {
  class Forgetful extends ToyHeap {
    override reallocate(pointer: number, size: number): number {
      this.deallocate(pointer);
      return this.tryAllocate(size);
    }
  }
  const result = await replayOf(new Forgetful(), traceOf("a 0 7", "r 0 9"), { check: 9 });
  expect(result.firstFailure).toMatch(
    /^line 6 \(r 0 9\): byte 0 of the 9 of block \d+ was overwritten/,
  );
});

test("reports a misaligned block, and one that is too small", async () => {
  class Crooked extends ToyHeap {
    override tryAllocate(size: number): number {
      return super.tryAllocate(size, 16);
    }
  }
  const crooked = await replayOf(new Crooked(), traceOf("m 0 8 32", "m 1 8 32"), { check: 9 });
  expect(crooked.firstFailure).toMatch(/block \d+ is not aligned to 32 bytes/);
  class Small extends ToyHeap {
    override usableSize(): number {
      return 16;
    }
  }
  const small = await replayOf(new Small(), traceOf("a 0 17"), { check: 9 });
  expect(small.firstFailure).toMatch(/block \d+ holds 16 bytes; 17 were requested/);
});

test("reports blocks in use after all were freed", async () => {
  class Leaking extends ToyHeap {
    override deallocate(): void {}
  }
  const result = await replayOf(new Leaking(), traceOf("a 0 8", "f 0"));
  expect(result.whole).toBe(false);
  expect(result.firstFailure).toBe("after the last op: 1 blocks are in use though all were freed");
});
