// The threads of a model. Each has some bytes of the state, one thread after the other.

export interface Threads {
  /** Bytes of a state that ends with the threads. */
  readonly end: number;
  /** Where the bytes of a thread start. */
  at(thread: number): number;
  forEach(see: (thread: number, at: number) => void): void;
  /** Clears the bytes of the thread at `at`: it is at step 0, and has loaded nothing. */
  reset(state: Uint8Array, at: number): void;
}

/** So many threads of `width` bytes each, behind the first `start` bytes of a state. */
export function threadsFrom(start: number, width: number, count: number): Threads {
  const at = (thread: number): number => start + width * thread;
  return {
    end: at(count),
    at,
    forEach(see) {
      for (let thread = 0; thread < count; thread++) see(thread, at(thread));
    },
    reset: (state, from) => void state.fill(0, from, from + width),
  };
}
