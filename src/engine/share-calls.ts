import { endInTime } from './end-in-time.ts';
import { SwarmError } from './swarm.ts';

/**
 * Makes one call to the swarm do for all who ask while it runs. One that has not ended after its time is given up, and who asks
 * next begins another: a call that never ends must not hold up those who come later.
 * @param timeoutMs longer than the call itself promises to take, milliseconds
 * @returns a call that rejects with a SwarmError `unavailable` when its time is over
 */
export function shareCalls<T>(call: () => Promise<T>, timeoutMs: number): () => Promise<T> {
  const tooLate = () => new SwarmError('unavailable', `no answer within ${timeoutMs} ms`);
  let running: Promise<T> | undefined;
  return () => {
    running ??= endInTime(call(), timeoutMs, tooLate).finally(() => {
      running = undefined;
    });
    return running;
  };
}
