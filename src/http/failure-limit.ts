import { isIPv4 } from 'node:net';
import type { Request, Response } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';

const WINDOW_MS = 60_000;
const MAPPED_IPV4 = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;
// What providers hand to one customer: one attacker has no more than one of these for free.
const IPV6_SUBNET = 56;

/** What becomes of one more refused credential. */
export type FailureVerdict =
  | { readonly isOverLimit: false }
  | { readonly isOverLimit: true; readonly isFirst: boolean; readonly retryAfterSeconds: number };

/**
 * Counts refused credentials by address. It is asked on the path of failures only, so it can't hold up who has a valid
 * one.
 * @param limit failures a minute; 0 = no limit
 */
export function createFailureLimit(limit: number) {
  if (limit === 0) {
    return async (_request: Request, _response: Response): Promise<FailureVerdict> => ({
      isOverLimit: false,
    });
  }
  const limiter = rateLimit({
    windowMs: WINDOW_MS,
    limit,
    standardHeaders: false,
    legacyHeaders: false,
    // Its checks write to the console, and a forwarded header without a trusted proxy is nothing unusual here.
    validate: false,
    keyGenerator: request => keyOf(request.ip ?? ''),
    handler: (_request, _response, next) => next(),
  });
  return async (request: Request, response: Response): Promise<FailureVerdict> => {
    await new Promise<void>((resolve, reject) => {
      const done = (error?: unknown) => (error === undefined ? resolve() : reject(error));
      Promise.resolve(limiter(request, response, done)).catch(reject);
    });
    const { used, resetTime } = (request as Request & { rateLimit: { used: number; resetTime?: Date } })
      .rateLimit;
    if (used <= limit) {
      return { isOverLimit: false };
    }
    // The library's own clock.
    const waitMs = resetTime === undefined ? WINDOW_MS : resetTime.getTime() - Date.now();
    return {
      isOverLimit: true,
      isFirst: used === limit + 1,
      retryAfterSeconds: Math.min(60, Math.max(1, Math.ceil(waitMs / 1000))),
    };
  };
}

/** An IPv4 address, also where the socket speaks IPv6, or the network of an IPv6 address. */
function keyOf(address: string): string {
  const plain = address.replace(MAPPED_IPV4, '');
  return isIPv4(plain) ? plain : ipKeyGenerator(plain, IPV6_SUBNET);
}
