/** A trace that can't be read as one: where, what was found there and what was expected. */
export class TraceError extends Error {
  override readonly name = "TraceError";
  /** The path as it was given; `<stdin>` for standard input. */
  readonly file: string;
  /** From 1; 0 when the file could not be read at all. */
  readonly line: number;
  readonly found: string;
  readonly expected: string;

  constructor(file: string, line: number, found: string, expected: string) {
    super(
      line === 0
        ? `cannot read ${file}: ${found}. Expected ${expected}`
        : `${file}:${line}: found ${found}, expected ${expected}`,
    );
    this.file = file;
    this.line = line;
    this.found = found;
    this.expected = expected;
  }
}
