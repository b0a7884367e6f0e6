// What bench:native measures.

/** Figures of one allocator: each the least of all rounds. */
export interface Row {
  [figure: string]: number;
}

/** A trace, a program or a pattern of threads. */
export interface Result {
  readonly name: string;
  readonly rows: Record<string, Row>;
  /** What the harness costs, if it was measured. */
  readonly floor?: Row;
}

export interface Results {
  machine: Record<string, string | number>;
  versions: Record<string, string>;
  /** ns per operation, and bytes. */
  traces?: Result[];
  /** Microseconds of CPU time, and bytes. */
  programs?: Result[];
  /** ns per allocation and free, with a thread and with two. */
  threads?: Result[];
}
