/** Scopes: `heap.scope()` frees what it holds, last first. */

import { expect, it } from "vitest";

import { DISPOSE, errorOf, expectError, MAX_SIZE, usedBlocks } from "../heaps.ts";
import type { Place } from "../place.ts";

export function scopeSuite(place: Place): void {
  const { makeHeap } = place;

  it.each([{}, "name", 8n, 16, { [DISPOSE]: 1 }, { dispose() {} }])(
    "rejects a value without a Symbol.dispose method: %s",
    (value) => {
      using scope = makeHeap().scope();
      const error = errorOf(() => scope.use(value as never));
      expect(error.code).toBe("BAD_OPTIONS");
      expect(error.message).toMatch(
        /^Cannot use .*: it has no Symbol.dispose method. Call adopt\(\)/,
      );
    },
  );

  it.each([undefined, null, {}, "name", 16])("adopt and defer reject %s", (value) => {
    using scope = makeHeap().scope();
    for (const call of [() => scope.adopt(1, value as never), () => scope.defer(value as never)]) {
      const error = errorOf(call);
      expect(error.code).toBe("BAD_OPTIONS");
      expect(error.message).toMatch(/^Invalid onDispose .+: expected a function\.$/);
    }
  });

  it("ignores null and undefined, as DisposableStack does", () => {
    using scope = makeHeap().scope();
    expect([scope.use(null), scope.use(undefined)]).toEqual([null, undefined]);
  });

  it("frees the blocks it allocated at its end", () => {
    const heap = makeHeap();
    {
      using scope = heap.scope();
      const pointers = [10, 1000, 5000].map((size) => scope.allocate(size));
      expect(scope.allocate(10, 4096) % 4096).toBe(0);
      for (const p of pointers) expect(heap.owns(p)).toBe(true);
    }
    expect(usedBlocks(heap)).toBe(0);
    heap.check();
  });

  it("frees resources of every kind, last first", () => {
    const heap = makeHeap();
    const freed: unknown[] = [];
    const scope = heap.scope();
    const first = { [DISPOSE]: () => freed.push("first") };
    expect(scope.use(first)).toBe(first);
    const block = scope.use(heap.block(10));
    const array = scope.use(heap.array(Int8Array, 10));
    const pointer = scope.adopt(heap.allocate(10), (each) => {
      heap.deallocate(each);
      freed.push(each);
    });
    scope.defer(() => freed.push(`last, ${usedBlocks(heap)} live`));
    expect(usedBlocks(heap)).toBe(3);
    scope.dispose();
    expect(freed).toEqual(["last, 3 live", pointer, "first"]);
    expect(heap.owns(pointer)).toBe(false);
    expect(errorOf(() => block.pointer).code).toBe("DISPOSED");
    expect(errorOf(() => array.elements).code).toBe("DISPOSED");
  });

  it("does not free a block that was released", () => {
    const heap = makeHeap();
    const make = (): number => {
      using scope = heap.scope();
      scope.allocate(100);
      return scope.use(heap.array(Float32Array, 4)).release();
    };
    const pointer = make();
    expect(usedBlocks(heap)).toBe(1);
    heap.deallocate(pointer);
  });

  it("moves its resources to a new scope", () => {
    const heap = makeHeap();
    const make = (fails: boolean) => {
      using scope = heap.scope();
      scope.allocate(100);
      if (fails) throw new RangeError("on the way");
      return scope.move();
    };
    expect(() => make(true)).toThrow(RangeError);
    expect(usedBlocks(heap)).toBe(0);
    const moved = make(false);
    expect([usedBlocks(heap), moved.disposed]).toEqual([1, false]);
    moved.allocate(100);
    moved.dispose();
    expect([usedBlocks(heap), moved.disposed]).toEqual([0, true]);
  });

  it("can be used in another scope", () => {
    const heap = makeHeap();
    {
      using outer = heap.scope();
      const outside = outer.allocate(100);
      {
        using inner = heap.scope();
        inner.allocate(100);
      }
      expect(usedBlocks(heap)).toBe(1);
      expect(heap.owns(outside)).toBe(true);
      outer.use(heap.scope()).allocate(100);
      expect(usedBlocks(heap)).toBe(2);
    }
    expect(usedBlocks(heap)).toBe(0);
  });

  it("frees everything if an error is thrown", () => {
    const heap = makeHeap();
    const error = errorOf(() => {
      using scope = heap.scope();
      scope.allocate(100);
      scope.use(heap.block(100));
      scope.allocate(MAX_SIZE);
    });
    expect(error.code).toBe("OUT_OF_MEMORY");
    expect(usedBlocks(heap)).toBe(0);
  });

  it("throws the error of the only resource that could not be freed", () => {
    const heap = makeHeap();
    const scope = heap.scope();
    const [first, second, third] = [100, 5000, 200].map((size) => scope.allocate(size));
    heap.deallocate(second!);
    const error = errorOf(() => scope.dispose());
    expect([error.code, error.pointer]).toEqual(["DOUBLE_FREE", second]);
    expect([heap.owns(first!), heap.owns(third!)]).toEqual([false, false]);
    scope.dispose();
    expect(usedBlocks(heap)).toBe(0);
  });

  it("throws all errors, as nested SuppressedErrors", () => {
    const scope = makeHeap().scope();
    for (const each of ["first", undefined, "last"]) {
      scope.defer(() => {
        throw each;
      });
    }
    let thrown: unknown;
    try {
      scope.dispose();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(Error);
    expect(thrown).toMatchObject({
      name: "SuppressedError",
      message: "Several resources could not be freed.",
      error: "first",
      suppressed: { name: "SuppressedError", error: undefined, suppressed: "last" },
    });
  });

  it("cannot be used after its end", () => {
    const heap = makeHeap();
    for (const end of ["dispose", DISPOSE, "move"] as const) {
      const scope = heap.scope();
      expect(scope.disposed).toBe(false);
      scope[end]();
      expect(scope.disposed).toBe(true);
      scope.dispose();
      for (const use of [
        () => scope.allocate(1),
        () => scope.use(null),
        () => scope.adopt(1, () => {}),
        () => scope.defer(() => {}),
        () => scope.move(),
      ]) {
        const { message } = expectError(heap, use, "DISPOSED");
        expect(message).toBe(
          "This scope was disposed of or moved. Use it before, or make another one.",
        );
      }
    }
    expect(usedBlocks(heap)).toBe(0);
  });
}
