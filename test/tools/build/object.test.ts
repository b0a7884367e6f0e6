/** Object files and archives for wasm-ld. Linking them is tested in test/interop/objects.test.ts. */

import binaryen from "binaryen";
import { describe, expect, it } from "vitest";
import { Reader, readModule } from "../../../cli/sections.ts";
import { archive } from "../../../tools/build/archive.ts";
import { objectFile } from "../../../tools/build/object.ts";

/** A module in the text format as an object with every import and export under its own name. */
function objectOf(text: string): Uint8Array {
  const module = binaryen.parseText(text);
  const binary = module.emitBinary();
  module.dispose();
  const { imports, exports } = readModule(binary);
  return objectFile(binary, {
    names: Object.fromEntries(exports.map(({ name }) => [name, [name, `also_${name}`]])),
    imports: Object.fromEntries(
      imports.map(({ name }) => [name, { name, isWeak: name === "weak" }]),
    ),
    features: ["+bulk-memory"],
  });
}

const MODULE = `(module
  (import "env" "memory" (memory 0))
  (import "env" "other" (func $other (param i32) (result i32)))
  (import "env" "address" (global $address i32))
  (import "env" "weak" (global $weak i32))
  (global $own (mut i32) (i32.const 7))
  (func $inner (result i32) (i32.add (global.get $own) (global.get $address)))
  (func (export "outer") (result i32)
    (global.set $own (global.get $weak))
    (i32.add (call $other (i32.const 1000000)) (call $inner))))`;

function section(object: Uint8Array, name: string): Reader {
  const reader = new Reader(
    readModule(object).sections.find((each) => each.name === name)!.payload,
  );
  reader.name();
  return reader;
}

/** The places that the linker fills in: the kind, the opcode before the place, and the number that is there. */
function places(
  object: Uint8Array,
): { kind: number; opcode: number; value: number; symbol: number }[] {
  const { sections } = readModule(object);
  const reader = section(object, "reloc.CODE");
  const { id, payload } = sections[reader.number()]!;
  expect(id).toBe(10);
  return Array.from({ length: reader.number() }, () => {
    const kind = reader.byte();
    const offset = reader.number();
    const symbol = reader.number();
    if (kind === 4) expect(reader.number()).toBe(0);
    const number = new Reader(payload.subarray(offset, offset + 5));
    const value = number.number();
    expect(number.at).toBe(5);
    return { kind, opcode: payload[offset - 1]!, value, symbol };
  });
}

describe("an object file", () => {
  it("lists functions, addresses, globals and second names as symbols", () => {
    const reader = section(objectOf(MODULE), "linking");
    expect([reader.number(), reader.byte()]).toEqual([2, 8]);
    reader.number();
    const symbols = Array.from({ length: reader.number() }, () => {
      const kind = ["function", "data", "global"][reader.byte()];
      const flags = reader.number();
      if (kind !== "data") reader.number();
      return `${kind} ${flags.toString(16)} ${reader.name()}`;
    });
    expect(symbols).toEqual([
      "function 50 other",
      "function 2 heapwright.1",
      "function 0 outer",
      "data 10 address",
      "data 11 weak",
      "global 2 heapwright.global.0",
      "function 0 also_outer",
    ]);
  });

  it("has five bytes for each index and address, and the address of an imported global as a constant", () => {
    expect(places(objectOf(MODULE))).toEqual([
      { kind: 7, opcode: 0x23, value: 0, symbol: 5 },
      { kind: 4, opcode: 0x41, value: 0, symbol: 3 },
      { kind: 4, opcode: 0x41, value: 0, symbol: 4 },
      { kind: 7, opcode: 0x24, value: 0, symbol: 5 },
      { kind: 0, opcode: 0x10, value: 0, symbol: 0 },
      { kind: 0, opcode: 0x10, value: 1, symbol: 1 },
    ]);
  });

  it("imports the program's memory", () => {
    const { imports, exports } = readModule(objectOf(MODULE));
    expect(imports.map(({ module, name }) => `${module} ${name}`)).toEqual([
      "env __linear_memory",
      "env other",
    ]);
    expect(exports).toEqual([]);
  });

  it("is the same each time", () => {
    expect(objectOf(MODULE)).toEqual(objectOf(MODULE));
  });

  it("refuses what it cannot have", () => {
    const table = '(module (import "env" "memory" (memory 0)) (table 1 funcref))';
    expect(() => objectOf(table)).toThrow("object: a section 4 cannot be in it");
    const start = (body: string): string =>
      `(module (global $g (mut i32) (i32.const 0)) (func $s ${body}) (start $s))`;
    expect(() => objectOf(start("(global.set $g (i32.const 1))"))).toThrow("start function");
    expect(objectOf(start("(global.set $g (i32.const 0))")).length).toBeGreaterThan(0);
  });

  it("needs a symbol for each import", () => {
    const module = binaryen.parseText(MODULE);
    const binary = module.emitBinary();
    module.dispose();
    expect(() => objectFile(binary, { names: {}, imports: {}, features: [] })).toThrow(
      "there is no symbol for the import other",
    );
  });
});

describe("an archive", () => {
  it("leads from each symbol to its member, at an even offset", () => {
    const one = { name: "one.o", symbols: ["a", "bb"], bytes: Buffer.from("one") };
    const two = { name: "two.o", symbols: ["c"], bytes: Buffer.from("second") };
    const bytes = Buffer.from(archive([one, two]));
    expect(bytes.subarray(0, 8).toString()).toBe("!<arch>\n");
    const index = bytes.subarray(68);
    expect(index.readUInt32BE(0)).toBe(3);
    const offsets = [4, 8, 12].map((at) => index.readUInt32BE(at));
    expect(index.subarray(16, 23).toString()).toBe("a\0bb\0c\0");
    const names = offsets.map((at) => bytes.subarray(at, at + 6).toString());
    expect(names).toEqual(["one.o/", "one.o/", "two.o/"]);
    expect(offsets.every((at) => at % 2 === 0)).toBe(true);
    expect(bytes.subarray(offsets[2]! + 60, offsets[2]! + 66).toString()).toBe("second");
  });
});
