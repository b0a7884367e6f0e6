/** In a Worker: the page that starts it, and hands it the place. */

import type { Report } from "../suite/main.ts";
import { heapToSend } from "../suite/thread.ts";
import { placeHere, report } from "./browser.ts";
import { ENTRIES } from "./entries.js";

void report(async () => {
  const place = { ...(await placeHere()), sent: heapToSend(ENTRIES[0]!.api) };
  const worker = new Worker("/places/in-worker.js", { type: "module" });
  return new Promise<Report>((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data as Report);
    worker.onerror = ({ message }) => reject(new Error(`in the worker: ${message}`));
    worker.postMessage(place);
  });
});
