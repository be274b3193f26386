import { SwarmError } from './swarm.ts';

/** The error of a swarm that went away, for what it had been told before: it is not known what became of that. */
export function uncertain(error: unknown): unknown {
  return error instanceof SwarmError && error.code === 'unavailable'
    ? new SwarmError(error.code, error.message, {
        cause: error.cause,
        mayBeDone: true,
        ...(error.reason !== undefined && { reason: error.reason }),
      })
    : error;
}
