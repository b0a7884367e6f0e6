// An explicit-state model checker: it visits every state that a small system can reach, breadth first, and so finds a shortest
// way to one that breaks a rule. (Clarke, Grumberg, Peled, "Model Checking", 1999, chapter 2.)
//
// A state is an array of bytes, all 0 at the start. States are kept one after the other in one array, and found again through a
// hash table with open addressing, so ten million of them fit into a gigabyte.

/** One more state: what happened, and the change to a copy of the state. A change that returns false is outside the model. */
export type Go = (
  label: string,
  change: (next: Uint8Array) => void | false,
  isOptional?: boolean,
) => void;

/** A small system. */
export interface Model {
  readonly name: string;
  /** Bytes of a state. */
  readonly width: number;
  /** Writes the first state, which is all 0. */
  start?(state: Uint8Array): void;
  /** Calls `go` for everything that can happen next. What is optional, like a death, does not keep the system going. */
  moves(state: Readonly<Uint8Array>, go: Go): void;
  /** Throws `broken` in a state that must not be. */
  check?(state: Readonly<Uint8Array>): void;
  /** The same in a state in which nothing can happen any more. */
  checkLast?(state: Readonly<Uint8Array>): void;
  /** The shared words of a state, for people. */
  show(state: Readonly<Uint8Array>): string;
}

export interface Result {
  readonly name: string;
  readonly states: number;
  readonly moves: number;
  /** The rule that was broken; undefined if all hold. */
  readonly broken: string | undefined;
  /** The steps that lead there. */
  readonly steps: readonly string[];
}

class Broken extends Error {}

/** A rule does not hold. */
export function broken(rule: string): never {
  throw new Broken(rule);
}

/** Visits all states of a model, until one breaks a rule. */
export function explore(model: Model, limit = 1.5e8): Result {
  const { width } = model;
  const states = new States(width);
  const next = new Uint8Array(width);
  const current = new Uint8Array(width);
  let moves = 0;
  let at = -1;
  let label = "start";
  try {
    model.start?.(next);
    states.add(next, -1, label);
    for (at = 0; at < states.count; at++) {
      current.set(states.at(at));
      let canGoOn = false;
      model.moves(current, (what, change, isOptional = false) => {
        next.set(current);
        label = what;
        if (change(next) === false) return;
        if (!isOptional) canGoOn = true;
        moves++;
        model.check?.(next);
        states.add(next, at, what);
      });
      if (states.count > limit) throw new Error(`${model.name}: more than ${limit} states`);
      if (canGoOn || !model.checkLast) continue;
      label = "nothing can happen any more";
      next.set(current);
      model.checkLast(current);
    }
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    const steps = [...states.wayTo(at, model), `${label.padEnd(44)} ${model.show(next)}`];
    return { name: model.name, states: states.count, moves, broken: error.message, steps };
  }
  return { name: model.name, states: states.count, moves, broken: undefined, steps: [] };
}

/** All states so far, each with the one that it was reached from. */
class States {
  count = 0;
  readonly #width: number;
  #bytes: Uint8Array;
  #parents = new Int32Array(1 << 12);
  #labels = new Uint16Array(1 << 12);
  #table = new Int32Array(1 << 14).fill(-1);
  readonly #names: string[] = [];
  readonly #numbers = new Map<string, number>();

  constructor(width: number) {
    this.#width = width;
    this.#bytes = new Uint8Array(width << 12);
  }

  at(index: number): Uint8Array {
    return this.#bytes.subarray(index * this.#width, (index + 1) * this.#width);
  }

  /** Adds a state unless it is known. */
  add(state: Uint8Array, parent: number, label: string): void {
    const slot = this.#find(state);
    if (this.#table[slot]! >= 0) return;
    if (this.count === this.#parents.length) this.#makeRoom();
    this.#bytes.set(state, this.count * this.#width);
    this.#parents[this.count] = parent;
    this.#labels[this.count] = this.#numberOf(label);
    this.#table[slot] = this.count++;
    if (this.count * 2 > this.#table.length) this.#hashAgain();
  }

  /** The steps that lead to a state. */
  wayTo(index: number, model: Model): string[] {
    const steps: string[] = [];
    for (let at = index; at > 0; at = this.#parents[at]!)
      steps.push(`${this.#names[this.#labels[at]!]!.padEnd(44)} ${model.show(this.at(at))}`);
    return steps.toReversed();
  }

  #numberOf(label: string): number {
    let number = this.#numbers.get(label);
    if (number === undefined) {
      number = this.#names.push(label) - 1;
      this.#numbers.set(label, number);
    }
    return number;
  }

  #find(state: Uint8Array): number {
    const mask = this.#table.length - 1;
    const width = this.#width;
    let hash = 0x811c9dc5;
    for (let i = 0; i < width; i++) hash = Math.imul(hash ^ state[i]!, 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    let slot = (hash ^ (hash >>> 13)) & mask;
    while (!this.#isFreeOr(slot, state)) slot = (slot + 1) & mask;
    return slot;
  }

  #isFreeOr(slot: number, state: Uint8Array): boolean {
    const index = this.#table[slot]!;
    if (index < 0) return true;
    const from = index * this.#width;
    for (let i = 0; i < this.#width; i++) if (this.#bytes[from + i] !== state[i]) return false;
    return true;
  }

  #makeRoom(): void {
    const room = Math.floor(this.count * 1.6);
    const larger = <Kind extends Uint8Array | Int32Array | Uint16Array>(to: Kind, from: Kind) => {
      to.set(from);
      return to;
    };
    this.#bytes = larger(new Uint8Array(room * this.#width), this.#bytes);
    this.#parents = larger(new Int32Array(room), this.#parents);
    this.#labels = larger(new Uint16Array(room), this.#labels);
  }

  #hashAgain(): void {
    this.#table = new Int32Array(this.#table.length * 2).fill(-1);
    for (let i = 0; i < this.count; i++) this.#table[this.#find(this.at(i))] = i;
  }
}

// Writing models ----------------------------------------------------------------------------------------------------------

/** Numbers for the names of steps: 0, 1, 2, … */
export function numbered<const Names extends readonly string[]>(
  ...names: Names
): Readonly<Record<Names[number], number>> {
  return Object.fromEntries(names.map((name, i) => [name, i])) as Record<Names[number], number>;
}

/** Number of the lowest bit that is set; -1 for 0. */
export function lowestBit(bits: number): number {
  return bits === 0 ? -1 : 31 - Math.clz32(bits & -bits);
}

/** `count` bits, as they are read: the last one first. */
export function bitsOf(word: number, count: number): string {
  return word.toString(2).padStart(count, "0");
}
