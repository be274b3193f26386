import { after, type Clock } from './clock.ts';
import { SwarmError } from './swarm.ts';

const PATIENCE_MS = 15_000;
const PAUSE_MS = 500;

/**
 * Asks the swarm again while no manager answers: while another one takes the lead, say. For what has begun: it must be seen to
 * its end, and nothing of it may be left behind. It gives up 15 s after the first failure, however long that took to come: one
 * call that stalled is no reason to.
 */
export async function insist<T>(clock: Clock, ask: () => Promise<T>): Promise<T> {
  let until: Date | undefined;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const isAway = error instanceof SwarmError && error.code === 'unavailable';
      until ??= after(clock, PATIENCE_MS);
      if (!isAway || clock.now() >= until) {
        throw error;
      }
    }
    await clock.sleep(PAUSE_MS);
  }
}
