/** What a case of the damage tests reports, as the worker writes it and `main.ts` adds it up. */

export type EngineName = "js" | "wasm";
export const ENGINES: readonly EngineName[] = ["js", "wasm"];

/** What a heap must never do. A hang is the fourth failure: `main.ts` finds it, since the worker cannot. */
export const FAILURES = ["writes outside", "addresses outside", "other exceptions"] as const;
export type Failure = (typeof FAILURES)[number];

export interface Report {
  readonly engine: EngineName;
  readonly seed: number;
  /** Calls that returned without an error. */
  readonly returned: number;
  /** Name of the error → calls that ended in it. */
  readonly errors: Readonly<Record<string, number>>;
  /** Calls that trapped. The library reports a trap as CORRUPT. */
  readonly traps: number;
  readonly failures: readonly { readonly kind: Failure; readonly detail: string }[];
}
