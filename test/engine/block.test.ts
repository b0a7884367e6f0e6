/** engine/block.ts: sizes, flags and links of one block, over the memory that counts. */

import { beforeEach, expect, test } from "vitest";

import * as block from "../../engine/block.ts";
import { mount } from "../../engine/memory/counting.ts";
import { tagsOf, word } from "../suite/picture.ts";
import { resizable } from "./engines.ts";

const P = 1024;
let memory: ArrayBuffer;

beforeEach(() => {
  memory = resizable(1);
  mount(memory);
});

test("a block has room for the request and a header, in granules of 16 bytes", () => {
  for (let bytes = 0; bytes < 5000; bytes++) {
    const size = block.blockSizeFor(bytes);
    expect(size % 16).toBe(0);
    expect(size - block.HEADER).toBeGreaterThanOrEqual(bytes);
    expect(size - block.HEADER - bytes).toBeLessThan(16);
  }
  expect(block.blockSizeFor(block.MAX_SIZE)).toBe(0x7fff0010);
});

test("a span ends where a block at the next multiple of the alignment ends", () => {
  expect(block.alignedBytes(1024, 112, 1024)).toBe(112);
  expect(block.alignedBytes(1040, 112, 1024)).toBe(2048 - 1040 + 112);
  expect(block.alignedBytes(1040, 112, 16)).toBe(112);
});

test("a header holds the size and the flags apart", () => {
  for (const flags of [0, block.IN_USE, block.PREVIOUS_IN_USE, block.FOREIGN, block.FLAGS]) {
    block.setHeader(P, 4096, flags);
    expect(word(memory, P - block.HEADER)).toBe(4096 | flags);
    expect([block.sizeOf(P), block.payloadOf(P)]).toEqual([4096, 4092]);
    expect(block.header(P) & block.FLAGS).toBe(flags);
  }
});

test("CHECKED rejects a misaligned block, and a size with flags", () => {
  expect(() => block.setHeader(P + 8, 4096, 0)).toThrow();
  expect(() => block.setHeader(P, 4096 + 8, 0)).toThrow();
});

test("a free block repeats its size in its last word, where the next block finds it", () => {
  block.setFree(P, 112);
  expect(tagsOf(memory, P)).toBe("free, previous in use");
  expect([block.footer(P, 112), block.previousSize(P + 112)]).toEqual([112, 112]);
  expect(word(memory, P + 112 - 8)).toBe(112);
});

test("PREVIOUS_IN_USE is set and cleared without the other flags and the size", () => {
  block.setHeader(P, 112, block.IN_USE);
  block.setPreviousInUse(P);
  expect([tagsOf(memory, P), block.sizeOf(P)]).toEqual(["in use, previous in use", 112]);
  block.clearPreviousInUse(P);
  expect([tagsOf(memory, P), block.sizeOf(P)]).toEqual(["in use, previous free", 112]);
});

test("a size leads on if it is not 0 and ends no later than the top block starts", () => {
  expect([16, 112, 0, 128, -16].map((size) => block.endsBy(P, size, P + 112))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});

test("the links of a free block are four words, and a link leads to the word it names", () => {
  block.setNextFree(P, 1);
  block.setLinkTo(P, 2);
  block.storeLink(block.childWord(P, false), 3);
  block.storeLink(block.childWord(P, true), 4);
  expect([0, 4, 8, 12].map((offset) => word(memory, P + offset))).toEqual([1, 2, 3, 4]);
  expect([block.nextFree(P), block.linkTo(P), block.loadLink(P + 12)]).toEqual([1, 2, 4]);
  expect(block.nextWord(P)).toBe(P);
});
