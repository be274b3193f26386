import { isIPv4 } from 'node:net';
import { ipKeyGenerator, MemoryStore, type Options } from 'express-rate-limit';

const WINDOW_MS = 60_000;
// What providers hand to one customer: one attacker has no more than one of these for free.
const IPV6_SUBNET = 56;

/** What becomes of one more refused credential. */
export type FailureVerdict =
  | { readonly isOverLimit: false }
  | { readonly isOverLimit: true; readonly isFirst: boolean; readonly retryAfterSeconds: number };

/** Counts one more refused credential of an address. */
export type CountFailure = (address: string) => Promise<FailureVerdict>;

/**
 * Counts refused credentials by address. It is asked on the path of failures only, so it can't hold up who has a valid
 * one.
 * @param limit failures a minute; 0 = no limit
 */
export function createFailureLimit(limit: number): CountFailure {
  if (limit === 0) {
    return async () => ({ isOverLimit: false });
  }
  const store = new MemoryStore();
  // All that this store looks at.
  store.init({ windowMs: WINDOW_MS } as Options);
  return async address => {
    const { totalHits, resetTime } = await store.increment(keyOf(address));
    if (totalHits <= limit) {
      return { isOverLimit: false };
    }
    // The library's own clock.
    const waitMs = resetTime === undefined ? WINDOW_MS : resetTime.getTime() - Date.now();
    return {
      isOverLimit: true,
      isFirst: totalHits === limit + 1,
      retryAfterSeconds: Math.min(60, Math.max(1, Math.ceil(waitMs / 1000))),
    };
  };
}

/** An IPv4 address, or the network of an IPv6 address. */
function keyOf(address: string): string {
  return isIPv4(address) ? address : ipKeyGenerator(address, IPV6_SUBNET);
}
