/** A table from the addresses of live blocks to their ids. */

const NONE = -1;

/**
 * Open addressing over two columns: a `Map` takes five times as long. Addresses are numbers of up to 53 bits, not 0.
 */
export class AddressTable {
  #mask = 1023;
  #keys = new Float64Array(1024);
  #ids = new Int32Array(1024);
  #count = 0;

  /** Enters an address. @returns the id that it had before, or -1 */
  set(address: number, id: number): number {
    if (2 * this.#count >= this.#mask) this.#grow();
    const at = this.#find(address);
    const before = this.#keys[at] === 0 ? NONE : this.#ids[at]!;
    if (before === NONE) this.#count += 1;
    this.#keys[at] = address;
    this.#ids[at] = id;
    return before;
  }

  /** Removes an address. @returns the id that it had, or -1 if it was not in the table */
  take(address: number): number {
    let hole = this.#find(address);
    if (this.#keys[hole] === 0) return NONE;
    const id = this.#ids[hole]!;
    this.#count -= 1;
    // What follows moves up, unless it is already as near to its place as it can be.
    for (let at = (hole + 1) & this.#mask; this.#keys[at] !== 0; at = (at + 1) & this.#mask) {
      const home = this.#home(this.#keys[at]!);
      if (((at - home) & this.#mask) < ((at - hole) & this.#mask)) continue;
      this.#keys[hole] = this.#keys[at]!;
      this.#ids[hole] = this.#ids[at]!;
      hole = at;
    }
    this.#keys[hole] = 0;
    return id;
  }

  #find(address: number): number {
    let at = this.#home(address);
    while (this.#keys[at] !== 0 && this.#keys[at] !== address) at = (at + 1) & this.#mask;
    return at;
  }

  #home(address: number): number {
    const mixed = Math.imul((address >>> 0) ^ Math.imul(address / 2 ** 32, 0x85ebca6b), 0x9e3779b1);
    return (mixed ^ (mixed >>> 15)) & this.#mask;
  }

  #grow(): void {
    const [keys, ids] = [this.#keys, this.#ids];
    this.#keys = new Float64Array(2 * keys.length);
    this.#ids = new Int32Array(2 * keys.length);
    this.#mask = 2 * keys.length - 1;
    for (let i = 0; i < keys.length; i += 1) {
      if (keys[i] === 0) continue;
      const at = this.#find(keys[i]!);
      this.#keys[at] = keys[i]!;
      this.#ids[at] = ids[i]!;
    }
  }
}
