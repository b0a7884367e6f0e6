/** A heap that one thread makes and another one joins. */

import { expect, it } from "vitest";

import type { Library } from "../../suite/place.ts";
import type { Entry, Sent } from "./place.ts";

const TEXT = "from another thread";

export function heapToSend({ Heap }: Library): Sent {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 64, shared: true });
  return { memory, pointer: new Heap({ memory }).cString(TEXT).release() };
}

export function threadSuite({ name, api }: Entry, { memory, pointer }: Sent): void {
  it(`${name} joins the heap of another thread`, () => {
    const heap = api.Heap.attach(memory);
    expect(heap.readCString(pointer)).toBe(TEXT);
    heap.deallocate(heap.allocate(1000));
    heap.check();
  });
}
