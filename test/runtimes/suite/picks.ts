/** Which engine a heap gets from an entry, and a heap in a memory of its own. */

import { expect, it } from "vitest";

import { errorOf } from "../../suite/heaps.ts";
import { PAGE } from "../../suite/place.ts";
import type { Entry, Here } from "./place.ts";

export function picksSuite({ api, engines }: Entry, here: Here): void {
  const { Heap } = api;
  const wasm = engines.includes("wasm") && here.wasm === "allowed";
  const js = engines.includes("js");
  // What to do instead: use another engine of the entry, or another entry.
  const advice = js && engines.includes("wasm") ? 'engine "js"' : "import from";

  function expectRefusal(options: object | undefined): void {
    const error = errorOf(() => new Heap(options));
    expect(error.code).toBe("BAD_OPTIONS");
    expect(error.message).toContain(advice);
  }

  if (wasm || js) {
    it(`auto chooses ${wasm ? "wasm" : "js"}`, () => {
      expect(new Heap().engine).toBe(wasm ? "wasm" : "js");
      expect(new Heap({ engine: "auto" }).engine).toBe(wasm ? "wasm" : "js");
    });

    it("a heap in a memory of its own grows, and can be trimmed if that memory can shrink", () => {
      for (const engine of engines.filter((each) => each === "js" || wasm)) {
        const heap = new Heap({ engine });
        const before = heap.buffer.byteLength;
        heap.deallocate(heap.allocate(20 * PAGE));
        expect(heap.buffer.byteLength).toBeGreaterThan(before);
        const freed = heap.trim();
        expect(freed > 15 * PAGE).toBe(here.wasm === "missing");
        heap.check();
        heap.allocate(20 * PAGE);
        heap.check();
      }
    });
  } else {
    it("makes no heap here, and says what to do", () => expectRefusal(undefined));
  }
  if (!wasm) it("rejects wasm here, and says what to do", () => expectRefusal({ engine: "wasm" }));
  it("rejects wasm in an ArrayBuffer, and says what to do", () => {
    expectRefusal({ memory: new ArrayBuffer(PAGE), engine: "wasm" });
  });
  if (!js) it("rejects js, and says what to do", () => expectRefusal({ engine: "js" }));
}
