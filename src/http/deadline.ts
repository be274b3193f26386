import { RequestError } from '../core/errors.ts';

/** How long one request may wait for others, all in all. It begins when it is made. */
export interface Deadline {
  /** @throws RequestError `swarm_unavailable` when it takes longer; what comes later is not used */
  before<T>(work: Promise<T>): Promise<T>;
  /** To be called when nothing is waited for any more. */
  end(): void;
}

/** @param ms milliseconds from now on */
export function createDeadline(ms: number): Deadline {
  const { promise: passed, reject } = Promise.withResolvers<never>();
  passed.catch(() => undefined);
  const timer = setTimeout(
    () => reject(new RequestError('swarm_unavailable', 'The deadline of a webhook has passed.')),
    ms,
  );
  return {
    before: work => Promise.race([work, passed]),
    end: () => clearTimeout(timer),
  };
}
