import { RequestError } from '../core/errors.ts';

/**
 * More wait for one target only when somebody floods it: what is asked for twice is one, and twenty rollouts of a minute
 * are as long as a pipeline may wait.
 */
const MAX_PER_TARGET = 20;
/** Each takes some kilobytes of memory. A swarm with fifty targets that are flooded at once is no swarm at work. */
const MAX_IN_ALL = 1000;

/**
 * Lets operations in to wait, all or none.
 * @param waiting the target of each operation that waits
 * @param coming the target of each that would have to wait too
 * @throws RequestError `overloaded`
 */
export function checkRoom(waiting: readonly string[], coming: readonly string[]): void {
  const isFull = coming.some(
    id =>
      waiting.filter(other => other === id).length + coming.filter(other => other === id).length >
      MAX_PER_TARGET,
  );
  if (isFull) {
    throw new RequestError('overloaded', 'Too many operations wait for this service. Try again later.');
  }
  if (coming.length > 0 && waiting.length + coming.length > MAX_IN_ALL) {
    throw new RequestError('overloaded', 'Too many operations wait on this server. Try again later.');
  }
}
