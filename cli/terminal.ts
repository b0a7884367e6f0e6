/** What the terminal can show. */

import { createColors } from "picocolors";

export interface Terminal {
  /** Whether characters beyond ASCII can be shown. */
  readonly unicode: boolean;
  /** Paints text, or leaves it as it is where colours are not wanted. */
  readonly paint: ReturnType<typeof createColors>;
}

/** Colours on a terminal only, and never against `NO_COLOR`; shades and rules where the locale is UTF-8. */
export function terminalOf(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): Terminal {
  const colour = stream.isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "";
  return {
    unicode: /utf-?8/i.test(locale) || env["WT_SESSION"] !== undefined,
    paint: createColors(colour),
  };
}
