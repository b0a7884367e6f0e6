/** src/data/utf8.ts: UTF-8, also where the platform has no coder for it. */

import fc from "fast-check";
import { afterEach, expect, it, vi } from "vitest";

import { decode, decodeByHand, encode, encodeByHand } from "../../../src/data/utf8.ts";
import { TEXTS } from "../../suite/data/strings.ts";

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

it("encodeByHand encodes like the platform", () => {
  fc.assert(
    fc.property(anyText, fc.string({ unit: "grapheme" }), (text, more) => {
      for (const each of [text, more, `${text}\ud800`, `\udc00${text}`]) {
        expect([...encodeByHand(each)]).toEqual([...new TextEncoder().encode(each)]);
      }
    }),
    { numRuns: 300 },
  );
  for (const [text] of TEXTS) expect(Buffer.from(encodeByHand(text))).toEqual(Buffer.from(text));
});

it("decodeByHand decodes valid and invalid bytes like the platform", () => {
  fc.assert(
    fc.property(anyBytes, edges, (bytes, more) => {
      for (const each of [bytes, Uint8Array.from(more)]) {
        expect(decodeByHand(each)).toBe(reference.decode(each));
      }
    }),
    { numRuns: 3000 },
  );
  for (const [text] of TEXTS) expect(decodeByHand(new TextEncoder().encode(text))).toBe(text);
});

it("the platform's decoder gets no shared or resizable buffer", () => {
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

it("UTF-8 needs no coder of the platform", () => {
  vi.stubGlobal("TextEncoder", undefined);
  vi.stubGlobal("TextDecoder", undefined);
  for (const [text] of TEXTS) expect(decode(encode(text))).toBe(text);
});
