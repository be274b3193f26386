/**
 * Waits for all, also when one fails: no helper may be at work any more once the lock of its target is free.
 * @returns what they came to, in their order
 * @throws what the first of them, in their order, was rejected with
 */
export async function settleAll<T>(work: readonly Promise<T>[]): Promise<readonly T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
