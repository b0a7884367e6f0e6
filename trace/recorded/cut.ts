/**
 * Cuts a trace to its first operations, as the traces in this folder were cut:
 *
 *     npx tsx trace/recorded/cut.ts whole.rep.gz 100000 > trace/recorded/name.rep.gz
 */

import { gzipSync } from "node:zlib";

import { openTrace, traceSource } from "../read.ts";
import { firstOps, traceText } from "../write.ts";
import { orExit } from "./or-exit.ts";

async function cut(path: string, ops: number): Promise<Uint8Array> {
  const { chunks, header, sites } = await openTrace(traceSource(path));
  return gzipSync(traceText(await firstOps(chunks, ops), { ...header, sites }), { level: 9 });
}

const [path, ops] = process.argv.slice(2);
if (path === undefined || !/^\d+$/.test(ops ?? "")) {
  console.error("usage: npx tsx trace/recorded/cut.ts TRACE OPS > CUT.rep.gz");
  process.exit(2);
}
process.stdout.write(await orExit(cut(path, Number(ops))));
