import AsyncLock from 'async-lock';

/** One operation at a time per target, in this process. */
export interface Lock {
  /**
   * Runs the work when the key is free, first come first served.
   * @param timeoutMs longest wait for the key, milliseconds; absent: as long as those before take
   * @throws LockTimeout when the key did not get free; the work was not begun
   */
  run<T>(key: string, timeoutMs: number | undefined, work: () => Promise<T>): Promise<T>;
}

export class LockTimeout extends Error {
  override readonly name = 'LockTimeout';
}

export function createLock(): Lock {
  // No maxExecutionTime: it would let the next one in while the first is still at work.
  const lock = new AsyncLock({ maxPending: Number.POSITIVE_INFINITY });
  return {
    run<T>(key: string, timeoutMs: number | undefined, work: () => Promise<T>) {
      let hasGivenUp = false;
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      // Not async-lock's own time-out: thousands who gave up would overflow its stack when their turn comes.
      const timer =
        timeoutMs === undefined
          ? undefined
          : setTimeout(() => {
              hasGivenUp = true;
              reject(new LockTimeout(`The lock of ${key} was not free in time.`));
            }, timeoutMs);
      const takeTurn = async () => {
        clearTimeout(timer);
        if (!hasGivenUp) {
          await work().then(resolve, reject);
        }
      };
      lock.acquire(key, takeTurn).catch(reject);
      return promise;
    },
  };
}
