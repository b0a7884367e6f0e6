/** Programs for the tests of the report. */

import { fileURLToPath } from "node:url";

import { packProgram, unpackProgram, type Program } from "../../report/pack.ts";
import { openTrace, traceSource } from "../../trace/read.ts";

export function recorded(name: string): string {
  return fileURLToPath(new URL(`../../trace/recorded/${name}.rep.gz`, import.meta.url));
}

/** A trace as a page has it, after it was packed. */
export async function programOf(file: string): Promise<Program> {
  return unpackProgram(await packProgram(await openTrace(traceSource(file))));
}

/** The same for the text of a trace. */
export async function programOfText(text: string): Promise<Program> {
  const source = {
    file: "text",
    rereadable: true,
    bytes: async function* () {
      yield new TextEncoder().encode(text);
    },
  };
  return unpackProgram(await packProgram(await openTrace(source)));
}
