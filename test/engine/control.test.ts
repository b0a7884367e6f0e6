/** engine/control.ts: the drawing of the control block and its constants; which bytes are a heap. */

import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { HEADER } from "../../engine/block.ts";
import * as control from "../../engine/control.ts";
import { mount } from "../../engine/memory/counting.ts";
import { setWord, wordsOf } from "../suite/picture.ts";
import { PAGE, resizable } from "./engines.ts";

const source = readFileSync(new URL("../../engine/control.ts", import.meta.url), "utf8");
const constants: Record<string, unknown> = { ...control };

/** The offsets in the drawing from the line with this title on, up to an empty line, by name. */
function drawn(title: string): Map<string, number> {
  const [, table] = source.split(`//     ${title}\n`);
  const lines = table!.split("\n//\n")[0]!.matchAll(/^\/\/ +(\d+) {2}([A-Z_]+)(?= {2})/gm);
  return new Map([...lines].map(([, offset, name]) => [name!, Number(offset)]));
}

test("the drawing has the offsets of the constants", () => {
  const fields = drawn("offset from `heap`");
  const inRecord = drawn("offset in a class record");
  expect(fields.get("HEADER")).toBe(control.CONTROL - HEADER);
  expect(source).toContain(`ends, at ${control.CONTROL}\n`);
  fields.delete("HEADER");
  for (const [name, offset] of inRecord) fields.set(name, control.CLASSES_AT + offset);
  const expected = Object.keys(constants)
    .filter((name) => name.endsWith("_AT"))
    .map((name) => [name.slice(0, -3), constants[name]]);
  expect(Object.fromEntries(fields)).toEqual(Object.fromEntries(expected));
});

test("the drawing is in the order of the offsets", () => {
  for (const title of ["offset from `heap`", "offset in a class record"]) {
    const offsets = [...drawn(title).values()];
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
  }
});

test("a control block is a heap once it is marked as complete", () => {
  const memory = resizable(1);
  mount(memory);
  control.createControl(64, PAGE, 0, PAGE, 0, 0, 0);
  expect(control.isHeap(64)).toBe(false);
  control.markCreated();
  expect(control.isHeap(64)).toBe(true);
  expect([0, 80].map((at) => control.isHeap(at))).toEqual([false, false]);
  setWord(memory, 64 + control.MAGIC_AT, control.MAGIC + 1);
  expect(control.isHeap(64)).toBe(false);
});

test("a new control block overwrites whatever the memory held, and nothing else", () => {
  const memory = resizable(1);
  new Uint8Array(memory).fill(0xff);
  mount(memory);
  control.createControl(64, PAGE, 0, PAGE, 0, 0, 0);
  control.markCreated();
  const words = wordsOf(memory);
  const at = [control.QUICK_LISTS_AT, control.BIN_BITS_AT, control.BINS_AT, control.FOREIGN_AT];
  expect(at.map((offset) => words.getInt32(64 + offset, true))).toEqual([0, 0, 0, 0]);
  expect(words.getInt32(64 + control.BREAK_AT, true)).toBe(PAGE);
  const bytes = new Uint8Array(memory);
  expect(bytes.subarray(0, 64).every((byte) => byte === 0xff)).toBe(true);
  expect(bytes.subarray(64 + control.CONTROL, PAGE).every((byte) => byte === 0xff)).toBe(true);
});
