import { conformance } from "../suite/main.ts";
import type { Place } from "../suite/place.ts";
import { ENTRIES } from "./entries.js";

// TypeScript has no typings of this scope.
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(
  name: string,
  type: new (options: { processorOptions: Place }) => AudioWorkletProcessor,
): void;

class Conformance extends AudioWorkletProcessor {
  readonly #place: Place;

  constructor({ processorOptions }: { processorOptions: Place }) {
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
