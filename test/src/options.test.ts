/** src/options.ts: the options of a heap, and how invalid ones are rejected. */

import { describe, expect, it } from "vitest";

import { Heap } from "../../src/index.ts";
import { errorOf } from "../suite/heaps.ts";
import { optionsSuite } from "../suite/options.ts";
import { PAGE } from "../suite/place.ts";
import { PLACES } from "./places.ts";

describe.each(PLACES)("$name", optionsSuite);

it.each([
  ["null", null],
  ["a number", 65536],
  ["a string", "wasm"],
  ["an array", []],
  ["a buffer", new ArrayBuffer(PAGE)],
  ["a memory", new WebAssembly.Memory({ initial: 1 })],
])("rejects %s in place of options", (_, options) => {
  const error = errorOf(() => new Heap(options as never));
  expect(error.code).toBe("BAD_OPTIONS");
  expect(error.message).toMatch(/^Invalid options .*: expected an object such as \{ memory \}\.$/);
});

it("rejects a base without room below 4 GiB", () => {
  const error = errorOf(() => new Heap({ base: 2 ** 32 - 8 }));
  expect(error.code).toBe("BAD_OPTIONS");
  expect(error.message).toContain(
    "Invalid base 4294967288: expected at least 4 KiB of room below 4 GiB.",
  );
});

it("rejects a buffer that was transferred", () => {
  const memory = new ArrayBuffer(PAGE);
  structuredClone(memory, { transfer: [memory] });
  expect(errorOf(() => new Heap({ memory })).message).toContain("was transferred");
});
