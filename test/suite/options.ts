/** Options that are rejected, and the smallest heaps. */

import { expect, it } from "vitest";

import type { HeapOptions } from "../../src/index.ts";
import { errorOf } from "./heaps.ts";
import { MOST, PAGE, type Place } from "./place.ts";

export function optionsSuite(place: Place): void {
  const { makeHeap, kind, engine } = place;
  const { Heap } = place.api;

  it.each([
    ["base", -1],
    ["base", 0.5],
    ["base", 2 ** 32],
    ["base", NaN],
    ["base", "16"],
    ["limit", 0],
    ["limit", -1],
    ["limit", 4096.5],
    ["limit", 2 ** 32 + 1],
    ["margin", -1],
    ["margin", NaN],
    ["margin", 2 ** 33],
    ["small", -1],
    ["small", 1009],
    ["small", 64.5],
    ["fit", "worst"],
    ["fit", 0],
    ["engine", "native"],
    ["engine", null],
    ["memory", null],
    ["memory", {}],
    ["memory", 65536],
    ["memory", new Uint8Array(1)],
  ])("rejects %s: %s", (option, value) => {
    const error = errorOf(() => makeHeap({ [option]: value }));
    expect(error.code).toBe("BAD_OPTIONS");
    expect(error.message).toMatch(new RegExp(`^Invalid ${option} .+: expected .+`));
  });

  it.each([
    ["nothing", 0, 16],
    ["less than 4 KiB", PAGE, PAGE + 2048],
    ["one byte less than 4 KiB", PAGE, PAGE + 4095],
    ["less than nothing", 2 * PAGE, PAGE],
  ])("rejects a limit that leaves %s", (_, base, limit) => {
    const error = errorOf(() => makeHeap({ base, limit }));
    expect(error.code).toBe("BAD_OPTIONS");
    expect(error.message).toContain(
      `Invalid limit ${limit}: expected at least ${base + 4096}, 4 KiB above base`,
    );
  });

  it.each([
    ["size", { size: 1 }],
    ["Limit", { Limit: PAGE }],
    ["fits", { fit: "first", fits: undefined }],
  ])("rejects the unknown option %s", (name, options) => {
    const error = errorOf(() => makeHeap(options as HeapOptions));
    expect(error.code).toBe("BAD_OPTIONS");
    expect(error.message).toBe(
      `Unknown option ${name}: expected memory, base, limit, margin, fit, small, engine.`,
    );
  });

  it("accepts a limit 4 KiB above base", () => {
    for (const base of [0, 16, 4000, PAGE]) {
      const heap = makeHeap({ base, limit: base + 4096 });
      heap.deallocate(heap.allocate(16));
      heap.check();
    }
  });

  it("reports a base that the memory cannot reach", () => {
    const error = errorOf(() => makeHeap({ base: MOST }));
    expect(error.code).toBe("OUT_OF_MEMORY");
    expect(error.message).toContain(
      `Out of memory: a heap at base ${MOST} needs at least 4 KiB, and `,
    );
  });

  it("reports that there is no heap to attach to", () => {
    const memory = kind.make(MOST, MOST);
    for (const base of [0, 16, 4096, MOST - 16, MOST, MOST + 4096, 2 ** 32 - 16]) {
      const error = errorOf(() => Heap.attach(memory, { base, engine }));
      expect(error.code).toBe("BAD_OPTIONS");
      expect(error.message).toContain(`No heap at base ${base}: expected`);
    }
  });
}
