import { OperationError } from '../core/errors.ts';
import { after } from './clock.ts';
import type { JournalEntry } from './journal.ts';
import { type Lock, LockTimeout } from './lock.ts';
import { type Leftover, type MendListener, removeLeftHelpers, undo } from './mend.ts';
import { isAlive } from './owner.ts';
import type { EngineWorld } from './steps/step-executor.ts';

/** Finds and mends what processes that are gone have left in the swarm, and what this one could not clear away. */
export interface Recovery {
  /**
   * Looks at once, and from then on again and again.
   * @returns when all that was found is mended; after `patienceMs` in any case
   */
  begin(patienceMs: number): Promise<void>;
  /** Begins no look any more. */
  stop(): void;
}

export interface RecoveryOptions {
  readonly world: EngineWorld;
  /** That of the operations: what one of them is at work on is let be. */
  readonly lock: Lock;
  readonly onMended: MendListener['mended'];
  /** Of one thing the same is told once, as long as it stays so. */
  readonly onFailed: MendListener['failed'];
  /** The swarm did not answer. Told once, as long as it stays so. */
  readonly onAway: (error: unknown) => void;
}

/** What became of an entry. */
type Mending = 'mended' | 'busy' | 'waiting' | 'failed';

/** While something is left. */
const NEXT_LOOK_MS = 5000;
/** While a service waits for the end of an old task: then it is started at once. */
const WAITING_LOOK_MS = 1000;
/** Those of before may still be at work, and be killed at it. */
const IDLE_LOOK_MS = 20_000;
const LOCK_TIMEOUT_MS = 100;
const PAUSE_MS = 50;

function pauseAfter(done: readonly Mending[]): number {
  if (done.includes('waiting')) {
    return WAITING_LOOK_MS;
  }
  return done.some(each => each !== 'mended') ? NEXT_LOOK_MS : IDLE_LOOK_MS;
}

export function createRecovery({ world, lock, onMended, onFailed, onAway }: RecoveryOptions): Recovery {
  const { clock, journal } = world;
  const told = new Map<string, string>();
  /** Entries of services that were started and whose tasks have no node yet. */
  const started = new Set<string>();
  let isAway = false;
  let isStopped = false;

  const keyOf = ({ kind, name }: Leftover) => `${kind} ${name}`;
  const listener: MendListener = {
    mended(leftover, what) {
      told.delete(keyOf(leftover));
      onMended(leftover, what);
    },
    failed(leftover, error) {
      const text = String(error);
      if (told.get(keyOf(leftover)) !== text) {
        told.set(keyOf(leftover), text);
        onFailed(leftover, error);
      }
    },
  };

  const mendEntry = async ({ id, serviceId, serviceName }: JournalEntry): Promise<Mending> => {
    const leftover: Leftover = { kind: 'service', name: serviceName };
    try {
      return await lock.run(serviceId, LOCK_TIMEOUT_MS, async () => {
        // The operation that had the lock may have done it.
        const entry = (await journal.list()).find(each => each.id === id);
        if (entry === undefined) {
          return 'mended';
        }
        const isOfAnother = entry.owner !== world.owner;
        if (isOfAnother && (await isAlive(world.swarm, world.owner, entry.owner))) {
          return 'busy';
        }
        const { what, isClosed } = await undo(world, entry);
        // One that is not closed yet is found again, and is known.
        if (!started.delete(id)) {
          listener.mended(leftover, what);
        }
        if (!isClosed) {
          started.add(id);
        }
        return isClosed ? 'mended' : 'failed';
      });
    } catch (error) {
      if (error instanceof LockTimeout) {
        // An operation is at work on it.
        return 'busy';
      }
      listener.failed(leftover, error);
      return error instanceof OperationError && error.code === 'not_stopped' ? 'waiting' : 'failed';
    }
  };

  const look = async (): Promise<readonly Mending[]> => {
    try {
      const areHelpersGone = await removeLeftHelpers(world, listener);
      const entries = await journal.list();
      const done = await Promise.all(entries.map(mendEntry));
      isAway = false;
      return areHelpersGone ? done : [...done, 'failed'];
    } catch (error) {
      if (!isAway) {
        onAway(error);
      }
      isAway = true;
      return ['failed'];
    }
  };

  const goOn = async (onDone: () => void) => {
    while (!isStopped) {
      const done = await look();
      if (!done.includes('failed') && !done.includes('waiting')) {
        onDone();
      }
      await world.leftBehind.wait(clock, pauseAfter(done));
    }
  };

  return {
    async begin(patienceMs) {
      let isDone = false;
      void goOn(() => {
        isDone = true;
      });
      const until = after(clock, patienceMs);
      while (!isDone && clock.now() < until) {
        await clock.sleep(PAUSE_MS);
      }
    },
    stop() {
      isStopped = true;
    },
  };
}
