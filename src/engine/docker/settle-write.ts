import { setTimeout as sleep } from 'node:timers/promises';
import { SwarmError } from '../swarm.ts';
import { CallFault } from './call-fault.ts';

const WRITE_ATTEMPTS = 3;
const PAUSE_MS = 50;

/**
 * Does a write whose answer may be lost, and finds out what became of it: a lost answer is looked for in the swarm before the
 * write is done again. To do it again must be safe: the swarm refuses it where it was done meanwhile.
 * @param find what the write makes, if it is there; may throw what the write would have come to
 * @param patienceMs how long a swarm that is away is waited for before it is looked into
 * @throws SwarmError with `mayBeDone` where that can't be seen
 */
export async function settleWrite<T>(
  write: () => Promise<T>,
  find: () => Promise<T | undefined>,
  patienceMs: number,
): Promise<T> {
  let isLost = false;
  for (let round = 1; ; round += 1) {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof SwarmError)) {
        throw error;
      }
      const isRefusedAsDone = error.code === 'name_conflict' || error.code === 'out_of_sequence';
      if (!error.mayBeDone && !(isLost && isRefusedAsDone)) {
        throw isLost
          ? new SwarmError(error.code, error.message, { cause: error.cause, mayBeDone: true })
          : error;
      }
      isLost = true;
      const found = await look(find, error, patienceMs);
      if (found !== undefined) {
        return found;
      }
      // One that timed out may be done at any moment.
      const isOver = !(error.cause instanceof CallFault && error.cause.kind === 'timed_out');
      if (isRefusedAsDone || !isOver || round === WRITE_ATTEMPTS) {
        throw error.code === 'rejected'
          ? new SwarmError('rejected', error.message, { cause: error.cause })
          : error;
      }
    }
    await sleep(round * PAUSE_MS);
  }
}

/** As `settleWrite`, for what is done again without harm. */
export async function settleRemoval(remove: () => Promise<void>): Promise<void> {
  const write = async () => {
    await remove();
    return true;
  };
  await settleWrite(write, async () => undefined, 0);
}

async function look<T>(
  find: () => Promise<T | undefined>,
  lost: SwarmError,
  patienceMs: number,
): Promise<T | undefined> {
  for (const until = performance.now() + patienceMs; ; ) {
    try {
      return await find();
    } catch (error) {
      if (!(error instanceof SwarmError && error.code === 'unavailable')) {
        throw error;
      }
      if (performance.now() >= until) {
        throw lost;
      }
    }
    await sleep(PAUSE_MS * 5);
  }
}
