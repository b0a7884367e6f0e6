/** In an AudioWorklet: the page that starts it. An OfflineAudioContext needs no device to play on. */

import type { Report } from "../suite/main.ts";
import { heapToSend } from "../suite/thread.ts";
import { placeHere, report } from "./browser.ts";
import { ENTRIES } from "./entries.js";

void report(async () => {
  const place = { ...(await placeHere()), sent: heapToSend(ENTRIES[0]!.api) };
  const context = new OfflineAudioContext(1, 128, 44_100);
  await context.audioWorklet.addModule("/places/in-worklet.js");
  const node = new AudioWorkletNode(context, "conformance", { processorOptions: place });
  const answer = new Promise<Report>((resolve, reject) => {
    node.port.onmessage = ({ data }) => resolve(data as Report);
    node.onprocessorerror = () => reject(new Error("the worklet's processor threw an error"));
  });
  node.connect(context.destination);
  await context.startRendering();
  return answer;
});
