/** The progress bar of a command on a terminal; nothing in a pipe. */

import { SingleBar, type Params } from "cli-progress";

import { duration } from "./report.ts";

export interface Progress {
  /** Shows the bar, which is full after `total` units of work, and the first task. */
  readonly start: (total: number, task: string) => void;
  /** Says what is worked on from now on. */
  readonly describe: (task: string) => void;
  /** Tells how many units of work are done. */
  readonly update: (done: number) => void;
  /** Removes the bar. */
  readonly stop: () => void;
}

const NO_PROGRESS: Progress = {
  start: () => {},
  describe: () => {},
  update: () => {},
  stop: () => {},
};

/** The time left is estimated from the speed of the last so many updates. */
const ETA_UPDATES = 1000;

const WIDEST_BAR = 30;
const NARROWEST_BAR = 8;

/** Draws on `stream`, which is standard error, so that results can go elsewhere. */
export function progressOn(stream: NodeJS.WriteStream, unicode: boolean): Progress {
  if (!stream.isTTY) return NO_PROGRESS;
  const bar = new SingleBar({
    stream,
    format: (_options, params, payload: { task: string }) => line(params, payload.task, unicode),
    etaBuffer: ETA_UPDATES,
    clearOnComplete: true,
    hideCursor: false,
    // Turning line wrapping off would need an escape code that a signal leaves behind.
    linewrap: true,
  });
  return {
    start: (total, task) => bar.start(total, 0, { task }),
    describe: (task) => bar.update({ task }),
    update: (done) => bar.update(done),
    stop: () => bar.stop(),
  };
}

/** `3 of 17 nginx.rep.gz  ████░░░░░░  41%  12 s left`, in at most as many characters as the terminal has. */
function line({ progress, eta, maxWidth }: Params, task: string, unicode: boolean): string {
  // Not a number until some work is done.
  const left = Number.isFinite(eta) && progress < 1 ? `  ${duration(eta)} left` : "";
  const end = `${`${Math.floor(100 * progress)}%`.padStart(4)}${left}`;
  const room = maxWidth - task.length - 2 - 2 - end.length;
  if (room >= NARROWEST_BAR) {
    const size = Math.min(room, WIDEST_BAR);
    const full = Math.floor(size * progress);
    const [done, rest] = unicode ? ["█", "░"] : ["#", "."];
    return `${task}  ${done.repeat(full)}${rest.repeat(size - full)}  ${end}`;
  }
  const most = maxWidth - 2 - end.length;
  const dots = unicode ? "…" : "...";
  const shown = task.length <= most ? task : `${task.slice(0, most - dots.length)}${dots}`;
  return `${shown}  ${end}`;
}
