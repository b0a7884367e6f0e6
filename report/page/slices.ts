/** Long work in slices, so that the page stays responsive. */

const SLICE_MS = 30;

/** Runs work to its end; reports the share that is done between two slices. */
export async function inSlices(
  work: Generator<number, void>,
  onProgress: (share: number) => void,
): Promise<void> {
  for (let end = performance.now() + SLICE_MS, next = work.next(); next.done !== true;) {
    if (performance.now() > end) {
      onProgress(next.value);
      await new Promise((resolve) => setTimeout(resolve, 0));
      end = performance.now() + SLICE_MS;
    }
    next = work.next();
  }
}
