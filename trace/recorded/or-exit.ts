/** For scripts that read traces: an invalid trace ends the script with a message, as in the command line. */

import { TraceError } from "../error.ts";

/** Returns what was read. If the trace is invalid, prints the message and exits with status 2. */
export async function orExit<Read>(reading: Promise<Read>): Promise<Read> {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof TraceError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}
