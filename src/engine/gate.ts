/** Lets a number of works run at the same time; the rest wait in the order they came. */
export interface Gate {
  /** Runs the work when there is room. Settles as the work does, which then makes room for the next. */
  pass<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * @param parallel how many may run at the same time, at least 1
 * @throws RangeError for less
 */
export function createGate(parallel: number): Gate {
  if (!(parallel >= 1)) {
    throw new RangeError('A gate that lets nobody through would hold everybody for ever.');
  }
  const waiting: (() => void)[] = [];
  let inside = 0;

  function leave(): void {
    const next = waiting.shift();
    if (next === undefined) {
      inside -= 1;
    } else {
      // The place is handed over, so that nobody who comes in between takes it.
      next();
    }
  }

  return {
    async pass(work) {
      if (inside < parallel) {
        inside += 1;
      } else {
        await new Promise<void>(resolve => {
          waiting.push(resolve);
        });
      }
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}
