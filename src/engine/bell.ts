import type { Clock } from './clock.ts';

/** Wakes one who waits. */
export interface Bell {
  /** Whoever waits goes on at once; where nobody does, whoever waits next. */
  ring(): void;
  /** @param ms longest wait, milliseconds */
  wait(clock: Clock, ms: number): Promise<void>;
}

export function createBell(): Bell {
  let isRung = false;
  let wake: () => void = () => undefined;
  return {
    ring() {
      isRung = true;
      wake();
    },
    async wait(clock, ms) {
      if (!isRung) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await Promise.race([clock.sleep(ms), promise]);
      }
      isRung = false;
    },
  };
}
