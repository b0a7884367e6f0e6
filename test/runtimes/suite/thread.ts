/** A heap that one thread makes and another one joins. */

import type { Entry, Library } from "./place.ts";
import { expectEqual, type Run } from "./run.ts";

/** What the one sends to the other. */
export interface Sent {
  readonly memory: WebAssembly.Memory;
  /** Of a string that the one wrote. */
  readonly pointer: number;
}

const TEXT = "from another thread";

export function heapToSend({ Heap }: Library): Sent {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 64, shared: true });
  return { memory, pointer: new Heap({ memory }).cString(TEXT).release() };
}

export function checkSent(run: Run, entries: readonly Entry[], { memory, pointer }: Sent): void {
  for (const { name, api } of entries) {
    run.check(`${name}: joins the heap of another thread`, () => {
      const heap = api.Heap.attach(memory);
      expectEqual(heap.readCString(pointer), TEXT);
      heap.deallocate(heap.allocate(1000));
      heap.check();
    });
  }
}
