/**
 * An entity store: a struct of arrays, one column a field, which the garbage collector never looks at and which grows as
 * entities are spawned. A loop over a column reads memory in order; a wasm module could work on the same columns.
 *
 * `node examples/entity-store.js` prints:
 *
 *     100000 entities, room for 131072
 *     after 60 steps 66666 are left, the first at 0.50, 28.00
 *     4 blocks in use
 */

import { Heap } from "heapwright";

class Entities {
  static COLUMNS = ["x", "y", "vx", "vy"];

  count = 0;
  #heap;
  #capacity = 16;
  #pointers;

  constructor(heap) {
    this.#heap = heap;
    this.#pointers = Entities.COLUMNS.map(() => heap.allocate(this.#capacity * 4));
    this.#look();
  }

  get capacity() {
    return this.#capacity;
  }

  /** The columns as views, made again whenever a block may have moved or the memory's buffer was replaced. */
  #look() {
    Entities.COLUMNS.forEach((name, i) => {
      this[name] = this.#heap.view(Float32Array, this.#pointers[i], this.#capacity);
    });
  }

  spawn(x, y, vx, vy) {
    if (this.count === this.#capacity) this.#grow();
    const i = this.count++;
    this.x[i] = x;
    this.y[i] = y;
    this.vx[i] = vx;
    this.vy[i] = vy;
  }

  #grow() {
    this.#capacity *= 2;
    this.#pointers = this.#pointers.map((p) => this.#heap.reallocate(p, this.#capacity * 4));
    this.#look();
  }

  /** The last entity takes the place of the one that goes, so that the columns stay dense. */
  despawn(i) {
    const last = --this.count;
    for (const name of Entities.COLUMNS) this[name][i] = this[name][last];
  }
}

const heap = new Heap();
const entities = new Entities(heap);
for (let i = 0; i < 100_000; i++) entities.spawn(0, 0, (i % 3) / 2, i % 60);
console.log(`${entities.count} entities, room for ${entities.capacity}`);

for (let step = 0; step < 60; step++) {
  const { x, y, vx, vy, count } = entities;
  for (let i = 0; i < count; i++) {
    x[i] += vx[i] / 60;
    y[i] += vy[i] / 60;
  }
}
for (let i = entities.count - 1; i >= 0; i--) if (entities.x[i] < 0.25) entities.despawn(i);
const at = [entities.x[0], entities.y[0]].map((value) => value.toFixed(2)).join(", ");
console.log(`after 60 steps ${entities.count} are left, the first at ${at}`);
console.log(`${heap.stats().usedBlocks} blocks in use`);
