/**
 * Cuts a trace to its first ops, as the traces in this folder were cut:
 *
 *     npx tsx traces/cut.ts whole.rep.gz 100000 > traces/name.rep.gz
 */

import { gzipSync } from "node:zlib";

import { openTrace, traceSource } from "../src/trace/read.ts";
import { firstOps, traceText } from "../src/trace/write.ts";

const [path, ops] = process.argv.slice(2);
if (path === undefined || !/^\d+$/.test(ops ?? "")) {
  console.error("usage: npx tsx traces/cut.ts TRACE OPS > CUT.rep.gz");
  process.exit(2);
}
const { chunks, header } = await openTrace(traceSource(path));
const text = traceText(await firstOps(chunks, Number(ops)), header);
process.stdout.write(gzipSync(text, { level: 9 }));
