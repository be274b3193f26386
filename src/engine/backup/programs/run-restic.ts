import { randomBytes } from 'node:crypto';
import {
  describeLocks,
  helperHost,
  nodeOfLock,
  type ResticLock,
  readLocks,
} from '../../../core/backup/restic-lock.ts';
import type { BackupStore } from '../../../core/backup.ts';
import type { HelperMount, HelperService } from '../../../core/helper.ts';
import { helperName } from '../../../core/helper-name.ts';
import { helperLabel } from '../../../core/label-reader.ts';
import { insist } from '../../insist.ts';
import type { HelperOutcome } from '../../run-helper.ts';
import { runPlacedHelper } from '../../run-placed-helper.ts';
import type { EngineWorld } from '../../steps/step-executor.ts';
import { resticAccess } from '../store-access.ts';
import { shell } from '../store-scripts.ts';
import { removeLock } from './restic-scripts.ts';
import { resticExit } from './restic-shell.ts';

/** A script of restic-scripts.ts in a helper of its own. */
export interface ResticCall {
  readonly name: string;
  readonly nodeId: string;
  /** The service, or the node, that the repository is of. */
  readonly owner: { readonly id: string; readonly name: string };
  readonly script: string;
  readonly values: readonly string[];
  /** Then restic is ended, and takes its lock away. */
  readonly timeoutMs: number;
  /** How long to wait for locks of others, within the time-out. */
  readonly lockMs: number;
  /** The volume of the target `local`, where it is one, is only read. */
  readonly isReadOnly?: boolean;
  readonly mounts?: readonly HelperMount[];
  readonly capabilities?: readonly string[];
}

/** For a script that has been told to end. */
const GRACE_MS = 12_000;
const UNLOCK_TIMEOUT_MS = 60_000;
const ENDING_MS = 5000;

/**
 * Runs restic. A lock that a helper of ours has left, whose operation is over, is removed, by its own host name; nobody
 * else's is, save those that restic itself takes for stale.
 * @returns as of any helper. Where the repository is locked the code is `store_busy`, and the message says by whom; of a
 *   snapshot that is not there `backup_not_found`; of a store that can't be opened `store_unavailable`
 * @throws OperationError `helper_busy`, `backup_target_incomplete`
 * @throws SwarmError
 */
export async function runRestic(
  world: EngineWorld,
  store: BackupStore,
  call: ResticCall,
): Promise<HelperOutcome> {
  const first = await runOnce(world, store, call);
  if (exitCodeOf(first) !== resticExit.locked) {
    return explain(first, call);
  }
  const left = await findLeft(world, call, locksOf(first));
  for (const lock of left) {
    await runOnce(world, store, {
      ...call,
      name: helperName('unlock', call.owner, lock.host),
      script: removeLock,
      values: [`${lock.pid}`],
      timeoutMs: UNLOCK_TIMEOUT_MS,
      host: lock.host,
    });
  }
  return explain(left.length === 0 ? first : await runOnce(world, store, call), call);
}

function runOnce(
  world: EngineWorld,
  store: BackupStore,
  { host, ...call }: ResticCall & { readonly host?: string },
): Promise<HelperOutcome> {
  const { name, nodeId, owner, script, values, timeoutMs, lockMs, isReadOnly = false, mounts = [] } = call;
  const access = resticAccess(store, { isReadOnly });
  const helper: HelperService = {
    name,
    nodeId,
    image: world.settings.backupImages.restic,
    command: shell(script, ...values),
    environment: {
      ...access.environment,
      LIMIT_SECONDS: `${Math.max(1, Math.floor(timeoutMs / 1000))}`,
      LOCK_SECONDS: `${Math.floor(lockMs / 1000)}`,
    },
    secrets: access.secrets,
    mounts: [...access.mounts, ...mounts],
    hostname: host ?? helperHost(owner.id, nodeId, randomBytes(4).toString('hex')),
    timeoutMs: timeoutMs + GRACE_MS,
    printsData: true,
    ...(call.capabilities !== undefined && { capabilities: call.capabilities }),
  };
  return runPlacedHelper(world, helper);
}

/**
 * Locks of helpers that are known to be gone: what runs a helper does not go on before that has ended, unless its node is away,
 * and no two are at work in a repository at the same time.
 */
async function findLeft(
  { swarm, clock }: EngineWorld,
  { owner }: ResticCall,
  locks: readonly ResticLock[],
): Promise<readonly ResticLock[]> {
  const ours = locks.filter(lock => nodeOfLock(lock, owner.id) !== undefined);
  if (ours.length === 0) {
    return [];
  }
  const [nodes, helpers] = await Promise.all([
    insist(clock, () => swarm.listNodes()),
    insist(clock, () => swarm.listServices(helperLabel)),
  ]);
  const left = ours.filter(
    lock =>
      nodes.some(({ id, state }) => id === nodeOfLock(lock, owner.id) && state === 'ready') &&
      !helpers.some(({ hostname }) => hostname === lock.host),
  );
  if (left.length > 0) {
    // One that has just been removed gets some seconds to end.
    await clock.sleep(ENDING_MS);
  }
  return left;
}

function locksOf({ output }: HelperOutcome): readonly ResticLock[] {
  return readLocks(output?.stdout ?? []);
}

function explain(outcome: HelperOutcome, { timeoutMs, lockMs }: ResticCall): HelperOutcome {
  switch (exitCodeOf(outcome)) {
    case resticExit.locked: {
      const message =
        `Somebody else is at work in the repository, which is locked ${describeLocks(locksOf(outcome))}. ` +
        `It was waited for ${Math.floor(lockMs / 1000)} seconds. Try again when that has ended; a lock that nobody holds any more ` +
        'counts for half an hour at most.';
      return { ...outcome, code: 'store_busy', message };
    }
    case resticExit.outOfTime:
      return {
        ...outcome,
        status: 'timed_out',
        message: `It took longer than its time-out of ${timeoutMs} ms.`,
      };
    case resticExit.noSnapshot:
      return {
        ...outcome,
        code: 'backup_not_found',
        message: 'The snapshot is not in the repository any more.',
      };
    case resticExit.hopeless:
    case resticExit.wrongPassword:
      return { ...outcome, code: 'store_unavailable', message: 'The repository can not be used.' };
    default:
      return outcome;
  }
}

export function exitCodeOf({ report }: HelperOutcome): number | undefined {
  return report.tasks.at(-1)?.exitCode;
}
