/**
 * In Node, Bun and Deno: `node.js main|worker PLACE`, where PLACE is a Here as JSON, without files. Prints the report.
 */

import { readFileSync } from "node:fs";
import { argv } from "node:process";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { conformance } from "../suite/main.ts";
import type { Here, Sent, WasmFile } from "../suite/place.ts";
import { heapToSend } from "../suite/thread.ts";
import { ENTRIES } from "./entries.js";

const [, , where, place] = argv;

if (isMainThread && where === "worker") {
  const worker = new Worker(new URL(import.meta.url), {
    argv: [where, place],
    workerData: heapToSend(ENTRIES[0]!.api),
  });
  worker.on("message", (report: string) => console.log(report));
} else {
  const files = [
    file("heap.wasm", false),
    file("heap.shared.wasm", true),
    file("heap.debug.wasm", false),
  ];
  const sent = workerData as Sent | null;
  const here: Here = { ...JSON.parse(place!), files, ...(sent && { sent }) };
  const report = JSON.stringify(conformance(ENTRIES, here));
  if (parentPort) parentPort.postMessage(report);
  else console.log(report);
}

function file(name: string, shared: boolean): WasmFile {
  const url = new URL(import.meta.resolve(`heapwright/${name}`));
  return { name, shared, bytes: new Uint8Array(readFileSync(url)) };
}
