import { setTimeout as sleep } from 'node:timers/promises';

/** Time, so that tests can pass it faster. */
export interface Clock {
  now(): Date;
  /** @param ms milliseconds */
  sleep(ms: number): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  sleep: ms => sleep(ms),
};

const FIRST_INTERVAL_MS = 25;
const LONGEST_INTERVAL_MS = 100;

/**
 * Looks again and again, at first often: the swarm has no events for tasks.
 * @param look answers undefined as long as there is nothing to tell
 * @param until from when on to give up
 * @returns undefined when it gave up; it has looked once at least
 */
export async function poll<T>(
  clock: Clock,
  until: Date,
  look: () => Promise<T | undefined>,
): Promise<T | undefined> {
  for (let intervalMs = FIRST_INTERVAL_MS; ; intervalMs = Math.min(intervalMs * 1.5, LONGEST_INTERVAL_MS)) {
    const found = await look();
    if (found !== undefined || clock.now() >= until) {
      return found;
    }
    await clock.sleep(Math.min(intervalMs, Math.max(1, until.getTime() - clock.now().getTime())));
  }
}

/** @param ms milliseconds from now on */
export function after(clock: Clock, ms: number): Date {
  return new Date(clock.now().getTime() + ms);
}
