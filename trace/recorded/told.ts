/** For scripts that read traces: a trace that is wrong ends them with a sentence, as it ends the command line. */

import { TraceError } from "../error.ts";

/** What was read; where the trace is wrong, exit status 2. */
export async function told<Read>(reading: Promise<Read>): Promise<Read> {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof TraceError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}
