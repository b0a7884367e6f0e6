/** Strings in a heap, on every engine and in every memory; and UTF-8 where the platform has no coder for it. */

import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";

import { decode, decodeByHand, encode, encodeByHand } from "../../src/data/utf8.ts";
import { expectError, expectFilled, PAGE, PLACES } from "./heaps.ts";

/** From one byte a letter to four; zero bytes, a byte order mark, the edges of each length. */
const TEXTS = [
  "",
  "plain",
  "naïve",
  "漢字",
  "😀 \u{10ffff}",
  "\0a\0",
  "\ufeffmark",
  "\x7f\x80\u07ff\u0800\uffff\u{10000}",
];

describe.each(PLACES)("$name", ({ makeHeap, kind }) => {
  it.each(TEXTS)("comes back as it was: %j", (text) => {
    const heap = makeHeap();
    using block = heap.string(text);
    expect(block.size).toBe(Buffer.byteLength(text));
    expect(Buffer.from(block.view(Uint8Array)).toString("hex")).toBe(
      Buffer.from(text).toString("hex"),
    );
    expect(heap.readString(block.pointer, block.size)).toBe(text);
  });

  it.each(TEXTS.filter((text) => !text.includes("\0")))("has a zero behind for C: %j", (text) => {
    const heap = makeHeap();
    using noise = heap.block(200);
    noise.view(Uint8Array).fill(255);
    using block = heap.cString(text);
    expect(block.size).toBe(Buffer.byteLength(text) + 1);
    expect(block.view(Uint8Array).at(-1)).toBe(0);
    expect(heap.readCString(block.pointer)).toBe(text);
  });

  it.each([undefined, null, 5, 5n, {}])("is made of text alone, not of %s", (text) => {
    const heap = makeHeap();
    for (const call of [() => heap.string(text as never), () => heap.cString(text as never)]) {
      expect(expectError(heap, call, "BAD_OPTIONS").message).toContain("expected a string");
    }
  });

  it("survives growth", () => {
    const heap = makeHeap();
    using block = heap.cString("stays");
    heap.deallocate(heap.allocate(8 * PAGE));
    expect(heap.readCString(block.pointer)).toBe("stays");
    if (!kind.grows) return;
    const long = "é".repeat(6 * PAGE);
    using longer = heap.string(long);
    expect(heap.readString(longer.pointer, longer.size)).toBe(long);
  });

  it("is text, whatever comes: halves of surrogate pairs and bytes that are no UTF-8 are replaced", () => {
    const heap = makeHeap();
    using block = heap.string("a\ud800b\udc00");
    expect(heap.readString(block.pointer, block.size)).toBe("a\ufffdb\ufffd");
    using bytes = heap.block(4);
    bytes.view(Uint8Array).set([0x61, 0xff, 0xc3, 0x62]);
    expect(heap.readString(bytes.pointer, 4)).toBe("a\ufffd\ufffdb");
  });

  it("is read wherever it lies in the memory, outside of the heap too", () => {
    const heap = makeHeap({ base: PAGE });
    new Uint8Array(heap.buffer).set([0x68, 0x69, 0], 100);
    expect(heap.readCString(100)).toBe("hi");
    expect(heap.readString(101, 1)).toBe("i");
    expect(heap.readString(heap.buffer.byteLength, 0)).toBe("");
  });

  it("refuses a zero within a text for C", () => {
    const heap = makeHeap();
    const error = expectError(heap, () => heap.cString("ab\0c"), "BAD_OPTIONS");
    expect(error.message).toContain("a zero at index 2");
    expect(heap.stats().usedBlocks).toBe(0);
  });

  it("refuses addresses and sizes beyond the memory", () => {
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

  it("frees nothing and takes nothing when memory is out", () => {
    const heap = makeHeap({ limit: PAGE });
    const rest = heap.allocate(100);
    heap.view(Uint8Array, rest, 100).fill(7);
    expectError(heap, () => heap.string("a".repeat(PAGE)), "OUT_OF_MEMORY", { size: PAGE });
    expectFilled(heap, rest, 100, 7);
  });
});

describe("UTF-8", () => {
  afterEach(() => vi.unstubAllGlobals());

  const anyText = fc.string({ unit: "binary", maxLength: 50 });
  const anyBytes = fc.uint8Array({ maxLength: 12 });
  /** Bytes that are often nearly right. */
  const edges = fc.array(
    fc.constantFrom(
      0x00,
      0x61,
      0x7f,
      0x80,
      0x8f,
      0x90,
      0x9f,
      0xa0,
      0xbf,
      0xc0,
      0xc1,
      0xc2,
      0xdf,
      0xe0,
      0xed,
      0xef,
      0xf0,
      0xf4,
      0xf5,
      0xff,
    ),
    { maxLength: 12 },
  );
  const reference = new TextDecoder("utf-8", { ignoreBOM: true });

  it("is encoded by hand as the platform does", () => {
    fc.assert(
      fc.property(anyText, fc.string({ unit: "grapheme" }), (text, more) => {
        for (const each of [text, more, `${text}\ud800`, `\udc00${text}`]) {
          expect([...encodeByHand(each)]).toEqual([...new TextEncoder().encode(each)]);
        }
      }),
      { numRuns: 300 },
    );
    for (const text of TEXTS) expect(Buffer.from(encodeByHand(text))).toEqual(Buffer.from(text));
  });

  it("is decoded by hand as the platform does, right or wrong", () => {
    fc.assert(
      fc.property(anyBytes, edges, (bytes, more) => {
        for (const each of [bytes, Uint8Array.from(more)]) {
          expect(decodeByHand(each)).toBe(reference.decode(each));
        }
      }),
      { numRuns: 3000 },
    );
    for (const text of TEXTS) expect(decodeByHand(new TextEncoder().encode(text))).toBe(text);
  });

  it("is handed to the platform's coder as browsers take it: neither shared nor resizable", () => {
    class Picky extends TextDecoder {
      override decode(bytes: Uint8Array): string {
        const { buffer } = bytes;
        if (!(buffer instanceof ArrayBuffer) || buffer.resizable) throw new TypeError("refused");
        return super.decode(bytes);
      }
    }
    vi.stubGlobal("TextDecoder", Picky);
    const shared = new Uint8Array(new SharedArrayBuffer(2)).fill(0x61);
    const resizable = new Uint8Array(new ArrayBuffer(2, { maxByteLength: 4 })).fill(0x62);
    expect([decode(shared), decode(resizable)]).toEqual(["aa", "bb"]);
  });

  it("needs no coder of the platform", () => {
    vi.stubGlobal("TextEncoder", undefined);
    vi.stubGlobal("TextDecoder", undefined);
    for (const text of TEXTS) expect(decode(encode(text))).toBe(text);
  });
});
