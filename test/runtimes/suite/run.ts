/** Runs checks by name, and expects. Our own: test runners ask for more than an AudioWorklet has. */

export interface Results {
  readonly passed: number;
  readonly failed: readonly { readonly check: string; readonly message: string }[];
  readonly skipped: readonly { readonly check: string; readonly why: string }[];
}

export class Run implements Results {
  passed = 0;
  readonly failed: { check: string; message: string }[] = [];
  readonly skipped: { check: string; why: string }[] = [];

  check(name: string, body: () => void): void {
    try {
      body();
      this.passed += 1;
    } catch (error) {
      const { stack = "", message } = error instanceof Error ? error : new Error(String(error));
      // V8's stack begins with the message, JavaScriptCore's is without it.
      const lines = stack.split("\n").filter((line) => !line.includes(message));
      this.failed.push({ check: name, message: [message, ...lines.slice(0, 4)].join("\n") });
    }
  }

  skip(check: string, why: string): void {
    this.skipped.push({ check, why });
  }
}

export function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(`expected ${what}`);
}

/** Compares plain data. */
export function expectEqual(found: unknown, wanted: unknown, what = "it"): void {
  const [a, b] = [found, wanted].map((value) => JSON.stringify(value) ?? String(value));
  expect(a === b, `${what} to be ${b}, found ${a}`);
}

/** What `call` throws, which has to be a HeapError by its code, with `message` in its message. */
export function expectError(
  call: () => unknown,
  code: string,
  message: string,
  about: { pointer?: number; size?: number } = {},
): void {
  let thrown: unknown;
  try {
    call();
  } catch (error) {
    thrown = error;
  }
  expect(thrown instanceof Error, `${code} to be thrown, found ${String(thrown)}`);
  const error = thrown as Error & { code?: string; pointer?: number; size?: number };
  expectEqual([error.name, error.code], ["HeapError", code], `the error "${error.message}"`);
  expect(error.message.includes(message), `"${message}" in the message "${error.message}"`);
  for (const key of ["pointer", "size"] as const) {
    if (key in about)
      expect(Object.is(error[key], about[key]), `${key} ${about[key]}, found ${error[key]}`);
  }
}

/** Numbers that look random: `below(n)` is a whole number from 0 to n - 1. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    // A counter stirred by two multiplications (splitmix).
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) % below;
  };
}
