/** What lies in blocks that free themselves: arrays, strings and structs. */

import { type Form, PAGE } from "./place.ts";
import { expect, expectEqual, expectError, type Run } from "./run.ts";

/** Letters of one to four bytes of UTF-8, a zero, and a byte order mark. */
const TEXT = "\ufeffOh là, 10 € für 🎵\0!";

export function checkData(run: Run, { name, api, kind, makeHeap }: Form): void {
  const check = (what: string, body: () => void): void => run.check(`${name}: ${what}`, body);

  check("a block is freed where it was declared, or by hand", () => {
    const heap = makeHeap();
    {
      using block = heap.block(1000, 64);
      expectEqual([block.size, block.pointer % 64], [1000, 0]);
      block.view(Uint8Array).fill(1);
      expect(heap.owns(block.pointer), "a live block");
    }
    const block = heap.block(1000);
    block.dispose();
    block.dispose();
    expectError(() => block.pointer, "DISPOSED", "block");
    const kept = heap.block(10).release();
    expectEqual(heap.stats().usedBlocks, 1, "blocks in use");
    heap.deallocate(kept);
    heap.check();
  });

  check("a scope frees what it holds, also when something is thrown", () => {
    const heap = makeHeap();
    let kept = 0;
    const work = (): void => {
      using scope = heap.scope();
      scope.allocate(100);
      scope.use(heap.block(2000));
      scope.adopt(heap.allocate(30_000), (pointer) => heap.deallocate(pointer));
      kept = scope.use(heap.block(10)).release();
      throw new RangeError("on the way");
    };
    let thrown: unknown;
    try {
      work();
    } catch (error) {
      thrown = error;
    }
    expect(thrown instanceof RangeError, `what the program threw, found ${String(thrown)}`);
    expect(heap.owns(kept), "what it kept to live");
    expectEqual(heap.stats().usedBlocks, 1, "blocks in use");
    heap.check();
  });

  check("a block is registered until it is freed or unregistered", () => {
    const heap = makeHeap();
    const owner = {};
    const pointers = [heap.allocate(100), heap.allocate(100)] as const;
    for (const pointer of pointers) heap.register(owner, pointer);
    expectError(() => heap.register({}, pointers[0]), "INVALID_POINTER", "is already registered");
    expectEqual([heap.unregister(pointers[0]), heap.unregister(pointers[0])], [true, false]);
    heap.deallocate(pointers[1]);
    expectEqual(heap.unregister(pointers[1]), false);
  });

  check("an array is zero at first, and survives growth", () => {
    const heap = makeHeap();
    const dirty = heap.allocate(800);
    heap.view(Uint8Array, dirty, 800).fill(255);
    heap.deallocate(dirty);
    using array = heap.array(Float64Array, 100);
    expect(
      array.elements.every((each) => each === 0),
      "zeros",
    );
    array.elements.set([1.5, 2.5]);
    const before = heap.buffer.byteLength;
    heap.allocate(10 * PAGE);
    expectEqual(heap.buffer.byteLength > before, kind.grows, "whether the memory grew");
    array.elements[99] = 3.5;
    expectEqual(
      [array.length, ...array.elements.slice(0, 2), array.elements[99]],
      [100, 1.5, 2.5, 3.5],
    );
    expectEqual([...heap.view(Float64Array, array.pointer, 2)], [1.5, 2.5]);
  });

  check("a string comes back as it was, with and without a zero at the end", () => {
    const heap = makeHeap();
    using text = heap.string(TEXT);
    expectEqual(text.size, 29);
    expectEqual(heap.readString(text.pointer, text.size), TEXT);
    using cText = heap.cString(TEXT.replace("\0", ""));
    expectEqual(heap.readCString(cText.pointer), TEXT.replace("\0", ""));
    expectEqual(cText.view(Uint8Array).at(-1), 0);
    expectError(() => heap.cString(TEXT), "BAD_OPTIONS", "it has a zero at index");
    // Half of a letter of two words, and half of one of three bytes.
    using broken = heap.string("a\ud83c");
    expectEqual(heap.readString(broken.pointer, broken.size), "a\ufffd");
    using half = heap.block(2);
    half.view(Uint8Array).set([0xe2, 0x82]);
    expectEqual(heap.readString(half.pointer, 2), "\ufffd");
  });

  check("a struct lies as in C, and survives growth", () => {
    const heap = makeHeap();
    const point = api.struct({ x: "f32", y: "f32" });
    const shape = api.struct({
      tag: "u8",
      id: "i64",
      at: point,
      codes: ["u16", 3],
      last: "i8",
    });
    expectEqual([shape.size, shape.alignment], [32, 8]);
    expectEqual(shape.offsets, { tag: 0, id: 8, at: 16, codes: 24, last: 30 });
    using block = heap.block(2 * shape.size);
    const second = shape.of(block, 1);
    heap.allocate(10 * PAGE);
    second.tag = 257;
    second.id = -(2n ** 40n);
    second.at.y = 0.5;
    second.codes[2] = 65_535;
    second.last = -1;
    const again = shape.at(heap, block.pointer + shape.size);
    expectEqual(
      [again.tag, Number(again.id), again.at.y, again.codes[2], again.last],
      [1, -(2 ** 40), 0.5, 65_535, -1],
    );
    expectError(() => shape.of(block, 2), "INVALID_SIZE", "have room for 2");
  });
}
