/** What a verb needs of the program around it. */

import type { Progress } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

/** A command cannot do what it was asked to. The message says why, and what to do. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
}

export interface Context {
  readonly progress: Progress;
  /** The properties of standard output. Available after the options are parsed. */
  readonly terminal: () => Terminal;
  /** Prints a result to standard output. */
  readonly print: (text: string) => void;
  /** Prints a message to standard error. */
  readonly warn: (sentence: string) => void;
  /** Prints a message for each failure; the exit status says that there were some. */
  readonly fail: (sentences: readonly string[]) => void;
  /** Sets the exit status, if it is not that of a failure. */
  readonly exitWith: (status: number) => void;
}
