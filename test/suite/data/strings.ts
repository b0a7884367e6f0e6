/** Strings in a heap: `heap.string()`, `heap.cString()`, and reading them. */

import { expect, it } from "vitest";

import { expectError, expectFilled } from "../heaps.ts";
import { PAGE, type Place } from "../place.ts";

/** Texts and their bytes in UTF-8: from one byte a letter to four, zeros, a byte order mark, the edges of each length. */
export const TEXTS: readonly (readonly [text: string, bytes: readonly number[]])[] = [
  ["", []],
  ["plain", [0x70, 0x6c, 0x61, 0x69, 0x6e]],
  ["naïve", [0x6e, 0x61, 0xc3, 0xaf, 0x76, 0x65]],
  ["漢字", [0xe6, 0xbc, 0xa2, 0xe5, 0xad, 0x97]],
  ["😀 \u{10ffff}", [0xf0, 0x9f, 0x98, 0x80, 0x20, 0xf4, 0x8f, 0xbf, 0xbf]],
  ["\0a\0", [0, 0x61, 0]],
  ["\ufeffmark", [0xef, 0xbb, 0xbf, 0x6d, 0x61, 0x72, 0x6b]],
  [
    "\x7f\x80\u07ff\u0800\uffff\u{10000}",
    [0x7f, 0xc2, 0x80, 0xdf, 0xbf, 0xe0, 0xa0, 0x80, 0xef, 0xbf, 0xbf, 0xf0, 0x90, 0x80, 0x80],
  ],
];

export function stringsSuite(place: Place): void {
  const { makeHeap, kind } = place;

  it.each(TEXTS)("a string is read as it was written: %j", (text, bytes) => {
    const heap = makeHeap();
    using block = heap.string(text);
    expect(block.size).toBe(bytes.length);
    expect([...block.view(Uint8Array)]).toEqual(bytes);
    expect(heap.readString(block.pointer, block.size)).toBe(text);
  });

  it.each(TEXTS.filter(([text]) => !text.includes("\0")))(
    "a C string ends with a zero: %j",
    (text, bytes) => {
      const heap = makeHeap();
      using noise = heap.block(200);
      noise.view(Uint8Array).fill(255);
      using block = heap.cString(text);
      expect(block.size).toBe(bytes.length + 1);
      expect(block.view(Uint8Array).at(-1)).toBe(0);
      expect(heap.readCString(block.pointer)).toBe(text);
    },
  );

  it.each([undefined, null, 5, 5n, {}])("string and cString reject %s", (text) => {
    const heap = makeHeap();
    for (const call of [() => heap.string(text as never), () => heap.cString(text as never)]) {
      expect(expectError(heap, call, "BAD_OPTIONS").message).toContain("expected a string");
    }
  });

  it("a string survives the growth of the memory", () => {
    const heap = makeHeap();
    using block = heap.cString("stays");
    heap.deallocate(heap.allocate(8 * PAGE));
    expect(heap.readCString(block.pointer)).toBe("stays");
    if (!kind.grows) return;
    const long = "é".repeat(6 * PAGE);
    using longer = heap.string(long);
    expect(heap.readString(longer.pointer, longer.size)).toBe(long);
  });

  it("lone surrogates and invalid UTF-8 are replaced by U+FFFD", () => {
    const heap = makeHeap();
    using block = heap.string("a\ud800b\udc00");
    expect(heap.readString(block.pointer, block.size)).toBe("a\ufffdb\ufffd");
    using bytes = heap.block(4);
    bytes.view(Uint8Array).set([0x61, 0xff, 0xc3, 0x62]);
    expect(heap.readString(bytes.pointer, 4)).toBe("a\ufffd\ufffdb");
  });

  it("a string is read anywhere in the memory, outside the heap too", () => {
    const heap = makeHeap({ base: PAGE });
    new Uint8Array(heap.buffer).set([0x68, 0x69, 0], 100);
    expect(heap.readCString(100)).toBe("hi");
    expect(heap.readString(101, 1)).toBe("i");
    expect(heap.readString(heap.buffer.byteLength, 0)).toBe("");
  });

  it("cString rejects a text with a zero", () => {
    const heap = makeHeap();
    const error = expectError(heap, () => heap.cString("ab\0c"), "BAD_OPTIONS");
    expect(error.message).toContain("a zero at index 2");
    expect(heap.stats().usedBlocks).toBe(0);
  });

  it("reading rejects addresses and sizes outside the memory", () => {
    const heap = makeHeap();
    const end = heap.buffer.byteLength;
    for (const read of [(p: number) => heap.readString(p, 1), (p: number) => heap.readCString(p)]) {
      expect(expectError(heap, () => read(0), "OUT_OF_HEAP", { pointer: 0 }).message).toContain(
        "it is outside the memory",
      );
      expectError(heap, () => read(end + 1), "OUT_OF_HEAP", { pointer: end + 1 });
      expectError(heap, () => read(-16), "OUT_OF_HEAP", { pointer: -16 });
      expectError(heap, () => read(0.5), "INVALID_POINTER", { pointer: 0.5 });
    }
    for (const size of [-1, 0.5, NaN, 101]) {
      const error = expectError(heap, () => heap.readString(end - 100, size), "INVALID_SIZE", {
        pointer: end - 100,
        size,
      });
      expect(error.message).toContain(
        `Invalid size ${size}: expected a whole number of bytes from 0 to 100.`,
      );
    }
    new Uint8Array(heap.buffer).fill(0x61, end - 10);
    expectError(heap, () => heap.readCString(end - 10), "INVALID_POINTER", { pointer: end - 10 });
    expectError(heap, () => heap.readCString(end), "INVALID_POINTER", { pointer: end });
  });

  it("a string that does not fit changes nothing", () => {
    const heap = makeHeap({ limit: PAGE });
    const rest = heap.allocate(100);
    heap.view(Uint8Array, rest, 100).fill(7);
    expectError(heap, () => heap.string("a".repeat(PAGE)), "OUT_OF_MEMORY", { size: PAGE });
    expectFilled(heap, rest, 100, 7);
  });
}
