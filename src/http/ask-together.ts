/**
 * Makes one call do for all who ask while the one before it runs. It begins after all of them have asked, so that
 * nobody gets an answer that is older than the question; to join the call that runs would not promise that.
 * @param patienceMs how long a call that does not end holds up the next, milliseconds
 */
export function askTogether<T>(call: () => Promise<T>, patienceMs = 1000): () => Promise<T> {
  let running: Promise<unknown> | undefined;
  let next: Promise<T> | undefined;

  async function begin(): Promise<T> {
    await endOf(running, patienceMs);
    next = undefined;
    const result = call();
    running = result;
    return result;
  }

  return () => {
    next ??= begin();
    return next;
  };
}

/** Resolves when the work has ended, well or not, or has taken too long. */
async function endOf(work: Promise<unknown> | undefined, patienceMs: number): Promise<void> {
  if (work === undefined) {
    return;
  }
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<void>(resolve => {
    timer = setTimeout(resolve, patienceMs);
  });
  await Promise.race([work.catch(() => undefined), tooLate]);
  clearTimeout(timer);
}
