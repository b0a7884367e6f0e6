import { conformance } from "../suite/main.ts";
import type { Here } from "../suite/place.ts";
import { ENTRIES } from "./entries.js";

// TypeScript has no typings of this scope.
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(
  name: string,
  type: new (options: { processorOptions: Here }) => AudioWorkletProcessor,
): void;

class Conformance extends AudioWorkletProcessor {
  readonly #place: Here;

  constructor({ processorOptions }: { processorOptions: Here }) {
    super();
    this.#place = processorOptions;
  }

  /** On the audio thread, while it renders; once. */
  process(): boolean {
    this.port.postMessage(conformance(ENTRIES, this.#place));
    return false;
  }
}

registerProcessor("conformance", Conformance);
