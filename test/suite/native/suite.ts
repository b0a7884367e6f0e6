/** Heaps in native memory: on the program break and in mappings, used by JavaScript and by C. */

import { describe, expect, it } from "vitest";

import { errorOf } from "../heaps.ts";
import type { Calls } from "./calls.ts";

export type NativeLibrary = Pick<
  typeof import("../../../src/native.ts"),
  "Heap" | "mapping" | "processBreak"
>;

const MIB = 2 ** 20;

/** `residentBytes`: memory of the process that the system has given pages to. */
export function nativeSuite(api: NativeLibrary, calls: Calls, residentBytes: () => number): void {
  const { Heap, mapping, processBreak } = api;
  const memories = [
    ["the program break", processBreak],
    ["a mapping", () => mapping({ reserve: 256 * MIB })],
  ] as const;

  describe.each(memories)("%s", (_, memory) => {
    it("has real addresses, which C reads and writes", () => {
      const heap = new Heap({ memory: memory() });
      const text = heap.cString("grüezi");
      const address = heap.address(text.pointer);
      expect(address - heap.memory.address).toBe(BigInt(text.pointer));
      expect(calls.strlen(address)).toBe(7);
      expect(calls.strlen(heap.address(text.pointer + 4))).toBe(3);
      text.dispose();
      heap.check();
    });

    it("converts pointers and addresses", () => {
      const heap = new Heap({ memory: memory() });
      const p = heap.allocate(100);
      for (const each of [0, p, p + 99, heap.break]) {
        expect(heap.pointer(heap.address(each))).toBe(each);
      }
      expect(heap.address(0)).toBe(0n);
      const outside = [-1, 1, 1.5, heap.break + 16, 2 ** 32, NaN, 5n, "5"] as number[];
      for (const pointer of outside) {
        expect(errorOf(() => heap.address(pointer)).code).toBe("OUT_OF_HEAP");
      }
      const end = heap.address(heap.break);
      for (const address of [-1n, 1n, heap.memory.address, end + 1n, 5, "5"] as bigint[]) {
        expect(errorOf(() => heap.pointer(address)).code).toBe("OUT_OF_HEAP");
      }
    });

    it("sorts with qsort, which calls back", () => {
      const heap = new Heap({ memory: memory() });
      const numbers = heap.array(Int32Array, 500);
      numbers.elements.forEach((__, i, all) => (all[i] = (i * 7919) % 1009));
      const expected = numbers.elements.slice().sort();
      let calledBack = 0;
      calls.qsort(heap.address(numbers.pointer), 500, 4, (a, b) => {
        calledBack += 1;
        const words = new Int32Array(heap.buffer);
        return words[heap.pointer(a) / 4]! - words[heap.pointer(b) / 4]!;
      });
      expect(calledBack).toBeGreaterThan(500);
      expect([...numbers.elements]).toEqual([...expected]);
      numbers.dispose();
      heap.check();
    });

    it.runIf(calls.compress !== undefined)("compresses with zlib, block to block", () => {
      const heap = new Heap({ memory: memory() });
      const scope = heap.scope();
      const [from, to, again, size] = [50_000, 60_000, 50_000, 8].map((each) =>
        scope.allocate(each),
      ) as [number, number, number, number];
      const text = heap.view(Uint8Array, from, 50_000);
      text.forEach((__, i) => (text[i] = 97 + ((i * i) % 7)));
      const sizeView = heap.view(BigUint64Array, size, 1);
      sizeView[0] = 60_000n;
      const { compress, uncompress } = calls as Required<Calls>;
      const at = (p: number): bigint => heap.address(p);
      expect(compress(at(to), at(size), at(from), 50_000)).toBe(0);
      const compressed = Number(sizeView[0]);
      expect(compressed).toBeLessThan(5000);
      sizeView[0] = 50_000n;
      expect(uncompress(at(again), at(size), at(to), compressed)).toBe(0);
      expect(heap.view(Uint8Array, again, 50_000)).toEqual(heap.view(Uint8Array, from, 50_000));
      heap.check();
      scope.dispose();
      expect(heap.stats().usedBlocks).toBe(0);
    });

    it("grows in place: earlier addresses and views stay valid", () => {
      const heap = new Heap({ memory: memory() });
      const p = heap.allocate(1000);
      const address = heap.address(p);
      const view = heap.view(Uint8Array, p, 1000).fill(7);
      for (let i = 0; i < 40; i += 1) heap.allocate(MIB / 2);
      expect(heap.address(p)).toBe(address);
      expect(view.every((byte) => byte === 7)).toBe(true);
      view.fill(9);
      expect(heap.view(Uint8Array, p, 1000)[999]).toBe(9);
      heap.check();
    });

    it("returns memory to the system, at the end and in the middle", () => {
      const heap = new Heap({ memory: memory() });
      const full = (): number => {
        const p = heap.allocate(16 * MIB);
        heap.view(Uint8Array, p, 16 * MIB).fill(1);
        return p;
      };
      const pointers = [full(), full(), full()];
      const kept = heap.cString("kept");
      const before = residentBytes();
      heap.deallocate(pointers[0]!);
      heap.deallocate(pointers[1]!);
      expect(heap.trim()).toBeGreaterThan(31 * MIB);
      expect(before - residentBytes()).toBeGreaterThan(28 * MIB);
      expect(heap.readCString(kept.pointer)).toBe("kept");
      heap.check();
      heap.deallocate(pointers[2]!);
      kept.dispose();
      expect(heap.trim()).toBeGreaterThan(47 * MIB);
      expect(before - residentBytes()).toBeGreaterThan(42 * MIB);
      heap.check();
      expect(heap.view(Uint8Array, full(), 1)[0]).toBe(1);
      heap.check();
    });

    it("another heap object can join", () => {
      const heap = new Heap({ memory: memory() });
      const p = heap.cString("shared").release();
      const other = Heap.attach(heap.memory);
      expect(other.readCString(other.pointer(heap.address(p)))).toBe("shared");
      for (let i = 0; i < 30; i += 1) [heap, other][i % 2]!.allocate(MIB);
      other.deallocate(p);
      heap.check();
    });
  });

  it("leaves to other code what that adds to the program break", () => {
    const heap = new Heap({ memory: processBreak(), margin: 0 });
    const theirs: bigint[] = [];
    const live: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      // A length that is no multiple of 16, and one of a page.
      for (const bytes of [round + 1, 65536]) theirs.push(calls.sbrk(bytes));
      for (let i = 0; i < 10; i += 1) {
        const p = heap.allocate(20_000);
        heap.view(Uint8Array, p, 20_000).fill(round);
        live.push(p);
        for (const from of theirs) {
          const at = heap.address(p);
          expect(at + 20_000n <= from || at > from).toBe(true);
        }
      }
      heap.check();
    }
    expect([...heap.walk()].some(({ kind }) => kind === "foreign")).toBe(true);
    live.forEach((p, i) => {
      const view = heap.view(Uint8Array, p, 20_000);
      expect(view.every((byte) => byte === Math.floor(i / 10))).toBe(true);
      heap.deallocate(p);
    });
    heap.check();
  });

  it("moves the program break up and down", () => {
    const heap = new Heap({ memory: processBreak() });
    const before = calls.sbrk(0);
    const p = heap.allocate(8 * MIB);
    expect(calls.sbrk(0) - before).toBeGreaterThanOrEqual(BigInt(7 * MIB));
    expect(heap.address(p)).toBeLessThan(calls.sbrk(0));
    heap.deallocate(p);
    // Unless other code has moved it too, which is rare in so short a time.
    const high = calls.sbrk(0);
    heap.trim();
    if (heap.memory.end === heap.break) expect(calls.sbrk(0)).toBeLessThan(high);
    heap.check();
  });

  it("several heaps share the program break", () => {
    const heaps = [1, 2, 3].map(() => new Heap({ memory: processBreak() }));
    const live = Array.from({ length: 90 }, (_, i) => {
      const heap = heaps[i % 3]!;
      const p = heap.allocate(100_000);
      heap.view(Uint8Array, p, 100_000).fill(i);
      return { heap, p, i };
    });
    for (const { heap, p, i } of live) {
      expect(heap.view(Uint8Array, p, 100_000).every((byte) => byte === i)).toBe(true);
      heap.deallocate(p);
    }
    for (const heap of heaps) heap.check();
  });

  it("a mapping ends where its reserve does, and is aligned as blocks are", () => {
    const heap = new Heap({ memory: mapping({ reserve: 65536 }) });
    const error = errorOf(() => heap.allocate(70_000));
    expect(error.code).toBe("OUT_OF_MEMORY");
    expect(error.message).toContain(
      "the mapping cannot grow beyond 65536 bytes: pass a larger reserve",
    );
    const large = new Heap();
    expect(large.memory.maxByteLength).toBe(2 ** 32);
    expect(large.address(large.allocate(10, 2 ** 20)) % BigInt(2 ** 20)).toBe(0n);
    const p = large.allocate(2 ** 31 - 2 ** 20);
    large.view(Uint8Array, p, 2 ** 31 - 2 ** 20)[2 ** 31 - 2 ** 20 - 1] = 1;
    const q = large.allocate(2 ** 30);
    expect(large.address(q)).toBe(large.memory.address + BigInt(q));
    large.view(Uint8Array, q, 2 ** 30).fill(5, 2 ** 30 - 3);
    large.check();
  });

  it.each([65535, 2 ** 32 + 1, 1.5e5 + 0.5, NaN, "65536"])("rejects a reserve of %s", (reserve) => {
    const error = errorOf(() => mapping({ reserve: reserve as number }));
    expect(error.code).toBe("BAD_OPTIONS");
    expect(error.message).toContain("expected a whole number of bytes from 65536 to 4294967296");
  });

  it("rejects other memories, options that are none, and a limit on the program break", () => {
    const wrong: [unknown, string][] = [
      [{ memory: new ArrayBuffer(2 ** 20) }, "expected processBreak() or mapping()"],
      [{ memory: null }, "expected processBreak() or mapping()"],
      [mapping(), "expected an object such as { memory }"],
      [null, "expected an object such as { memory }"],
      [
        { engine: "wasm" },
        'The engine "wasm" needs a WebAssembly.Memory: use engine "js" or "auto"',
      ],
      [{ memory: processBreak(), limit: 2 ** 20 }, "other code moves the program break too"],
    ];
    for (const [options, message] of wrong) {
      const error = errorOf(() => new Heap(options as never));
      expect(error.code).toBe("BAD_OPTIONS");
      expect(error.message).toContain(message);
    }
    expect(new Heap({ memory: mapping(), limit: 2 ** 20 }).limit).toBe(2 ** 20);
  });
}
