/** What the terminal can show. */

import { createColors } from "picocolors";

export interface Terminal {
  /** Characters in a line. */
  readonly columns: number;
  /** Whether it can show characters beyond ASCII. */
  readonly unicode: boolean;
  /** Adds colours to a text, or returns it unchanged if colours are off. */
  readonly paint: ReturnType<typeof createColors>;
}

/** The width of a report that goes to a file or a pipe. */
const PIPE_COLUMNS = 80;

/**
 * Describes the terminal, file or pipe that `stream` writes to. Characters beyond ASCII need a UTF-8 locale.
 * @param colour what `--color` and `--no-color` say; without them the environment decides (see `wantsColour`)
 */
export function terminalOf(
  stream: { isTTY?: boolean; columns?: number },
  env: NodeJS.ProcessEnv,
  colour?: boolean,
): Terminal {
  const isTerminal = stream.isTTY === true;
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "";
  return {
    columns: (isTerminal && stream.columns) || PIPE_COLUMNS,
    unicode: /utf-?8/i.test(locale) || env["WT_SESSION"] !== undefined,
    paint: createColors(colour ?? wantsColour(isTerminal, env)),
  };
}

/** `NO_COLOR` switches colours off, `FORCE_COLOR` on, or off if it is 0 or false. Otherwise only terminals get colours. */
function wantsColour(isTerminal: boolean, env: NodeJS.ProcessEnv): boolean {
  if (env["NO_COLOR"]) return false;
  if (env["FORCE_COLOR"]) return !["0", "false"].includes(env["FORCE_COLOR"]);
  return isTerminal && env["TERM"] !== "dumb";
}
