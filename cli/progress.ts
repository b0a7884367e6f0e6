/** A progress bar on a terminal; nothing in a pipe. */

import { SingleBar } from "cli-progress";

export interface Progress {
  /** Begins a bar, in place of the one before. */
  readonly start: (label: string, total: number) => void;
  readonly update: (done: number) => void;
  /** Takes the bar off the screen. */
  readonly stop: () => void;
}

const NO_PROGRESS: Progress = { start: () => {}, update: () => {}, stop: () => {} };

/** Bars are drawn on `stream`, which is standard error, so that results can go elsewhere. */
export function progressOn(stream: NodeJS.WriteStream, unicode: boolean): Progress {
  if (!stream.isTTY) return NO_PROGRESS;
  const bar = new SingleBar({
    stream,
    format: "{label} {bar} {percentage}%  {value} of {total} ops",
    barCompleteChar: unicode ? "█" : "#",
    barIncompleteChar: unicode ? "░" : ".",
    barsize: 30,
    clearOnComplete: true,
    hideCursor: false,
    // The terminal's own mode stays: a signal ends the program without a word. What is too long is cut.
    linewrap: true,
  });
  let shown = false;
  const stop = (): void => {
    if (shown) bar.stop();
    shown = false;
  };
  return {
    start: (label, total) => {
      stop();
      bar.start(total, 0, { label: label.padEnd(16) });
      shown = true;
    },
    update: (done) => bar.update(done),
    stop,
  };
}
