/** Tasks side by side. */

/**
 * Runs all tasks, in their order, at most `size` at a time.
 *
 * @param run Called for each task. If one call fails, `signal` is aborted, and no further task starts.
 * @throws The first error.
 */
export async function runInPool<Task>(
  tasks: readonly Task[],
  size: number,
  run: (task: Task, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  const { signal } = controller;
  const waiting = tasks.values();
  const work = async (): Promise<void> => {
    for (const task of waiting) {
      if (signal.aborted) return;
      try {
        await run(task, signal);
      } catch (error) {
        if (!signal.aborted) controller.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: size }, work));
  signal.throwIfAborted();
}
