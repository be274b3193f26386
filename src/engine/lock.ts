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
    run(key, timeoutMs, work) {
      let hasBegun = false;
      const begin = () => {
        hasBegun = true;
        return work();
      };
      return lock.acquire(key, begin, timeoutMs === undefined ? {} : { timeout: timeoutMs }).catch(error => {
        throw hasBegun
          ? error
          : new LockTimeout(`The lock of ${key} was not free in time.`, { cause: error });
      });
    },
  };
}
