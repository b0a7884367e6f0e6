/** The values that options accept. */

import { describe, expect, test } from "vitest";

import {
  bytesOption,
  listOf,
  oneOf,
  parseBytes,
  parseBytesOrAuto,
  parseCount,
} from "../../cli/options.ts";

describe("options", () => {
  test("bytes", () => {
    const texts = ["0", "4096", "64K", "64k", "1M", "4G"];
    expect(texts.map(parseBytes)).toEqual([0, 4096, 65536, 65536, 1048576, 2 ** 32]);
    for (const wrong of ["", "-1", "1.5", "K", "1T", "1 K", "5G", "auto"]) {
      expect(() => parseBytes(wrong)).toThrow("Expected a number of bytes");
    }
    expect(parseBytesOrAuto("auto")).toBe("auto");
    const shown = ["auto", "0", "1008", "4K", "65K", "65537", "1M", "1536K", "4G"];
    expect(shown.map(parseBytesOrAuto).map(bytesOption)).toEqual(shown);
  });

  test("counts", () => {
    expect(parseCount("10000")).toBe(10000);
    for (const wrong of ["0", "-1", "1e3", "many"]) expect(() => parseCount(wrong)).toThrow("1 or");
  });

  test("lists", () => {
    const parse = listOf(oneOf(["best", "first"]));
    expect(parse("first, best,first")).toEqual(["first", "best"]);
    expect(() => parse("best,")).toThrow("Allowed choices are best, first.");
  });
});
