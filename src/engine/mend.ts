import { OperationError } from '../core/errors.ts';
import { helperLabel } from '../core/label-reader.ts';
import { plural } from '../core/text/plural.ts';
import { awaitTasksRun } from './await-tasks.ts';
import { finishRestore } from './backup/finish-restore.ts';
import { scaleBack, settleReplicas } from './bring-back.ts';
import { after } from './clock.ts';
import { insist } from './insist.ts';
import type { JournalEntry, StoppedService } from './journal.ts';
import { awaitOldTasks, findOldTasks } from './old-tasks.ts';
import { isAlive } from './owner.ts';
import { removeHelper } from './remove-helper.ts';
import type { EngineWorld } from './steps/step-executor.ts';
import { stopTimeoutMs } from './stop-timeout.ts';
import type { Service } from './swarm.ts';

/** Something that was left behind, by its name in the swarm. */
export interface Leftover {
  readonly kind: 'helper' | 'secret' | 'service';
  readonly name: string;
}

/** Told of everything that was tried, once. */
export interface MendListener {
  /** @param what was done */
  mended(leftover: Leftover, what: string): void;
  /** It is there still. */
  failed(leftover: Leftover, error: unknown): void;
}

/** As `helperName` and `runHelper` make them: who labels a service of his own like a helper does not lose it. */
const HELPER_NAME = /^swarm-utils-.+-[0-9a-f]{10}$/;
const SECRET_NAME = /^swarm-utils-.+-[0-9a-f]{8}$/;

/**
 * Removes the helpers, and then their secrets, that nobody who is alive has at work, and waits until the helpers have
 * stopped. One that can't be removed holds up no other.
 * @returns whether all of them are gone
 * @throws SwarmError when they can't be listed
 */
export async function removeLeftHelpers(world: EngineWorld, listener: MendListener): Promise<boolean> {
  const { swarm, clock } = world;
  const isLeft = createLeftCheck(world);
  const helpers = (await swarm.listServices(helperLabel)).filter(({ name }) => HELPER_NAME.test(name));
  const removed = await each(helpers, listener, 'helper', async ({ id, name, labels }) => {
    if (await isLeft(name, labels[helperLabel] ?? '')) {
      await removeHelper(world, id);
      listener.mended({ kind: 'helper', name }, 'removed');
    }
  });
  const secrets = (await swarm.listHelperSecrets()).filter(({ name }) => SECRET_NAME.test(name));
  const forgotten = await each(secrets, listener, 'secret', async ({ id, name, owner }) => {
    if (await isLeft(name, owner)) {
      await insist(clock, () => swarm.removeSecret(id));
      listener.mended({ kind: 'secret', name }, 'removed');
    }
  });
  return removed && forgotten;
}

/** Asks for each owner once. */
function createLeftCheck({ swarm, owner: self, namesInUse }: EngineWorld) {
  const known = new Map<string, Promise<boolean>>();
  return async (name: string, owner: string): Promise<boolean> => {
    if (owner === self) {
      return !namesInUse.has(name);
    }
    const alive = known.get(owner) ?? isAlive(swarm, self, owner);
    known.set(owner, alive);
    return !(await alive);
  };
}

/** @returns whether it went well with all of them */
async function each<T extends { readonly name: string }>(
  items: readonly T[],
  listener: MendListener,
  kind: Leftover['kind'],
  mend: (item: T) => Promise<void>,
): Promise<boolean> {
  const done = items.map(async item => {
    try {
      await mend(item);
      return true;
    } catch (error) {
      listener.failed({ kind, name: item.name }, error);
      return false;
    }
  });
  return !(await Promise.all(done)).includes(false);
}

/** What became of an entry. */
export interface Undone {
  /** Fit for a log, after the name of the service. */
  readonly what: string;
  /** The entry is closed. Else there is no node for its tasks yet, and it is to be undone once more later. */
  readonly isClosed: boolean;
}

export interface UndoOptions {
  /** How long to wait for old tasks. Absent: not at all. */
  readonly until?: Date;
  /** Done once the service has its replicas again, while a rollback would still take them away. */
  readonly beforeSettled?: (service: Service) => Promise<unknown>;
}

/**
 * Undoes what an entry of the journal says. The caller holds the service's lock, and nobody who is alive is at it.
 * @throws OperationError `not_stopped` while an old task of the service may still run; `update_conflict`; `restore_failed`
 *   where the volumes are not whole yet
 * @throws SwarmError; after each of them the entry is there still
 */
export async function undo(
  world: EngineWorld,
  entry: JournalEntry,
  { until = world.clock.now(), beforeSettled = async () => undefined }: UndoOptions = {},
): Promise<Undone> {
  if (entry.restoring.length > 0) {
    await settleVolumes(world, entry, until);
  }
  const comeback = await scaleBack(world, entry, until);
  if (comeback.status === 'gone') {
    await insist(world.clock, () => world.journal.close(entry));
    return { what: 'it is gone, so there was nothing to start', isClosed: true };
  }
  await beforeSettled(comeback.service);
  const isClosed = await settleReplicas(world, entry);
  if (isClosed) {
    await insist(world.clock, () => world.journal.close(entry));
  }
  const { replicas } = comeback.service;
  return {
    what:
      comeback.status === 'scaled'
        ? `started again, ${plural(replicas ?? 0, 'replica')}`
        : `it has ${plural(replicas ?? 0, 'replica')}`,
    isClosed,
  };
}

/**
 * Brings the restore of a service that was stopped for it to its end. Nothing takes the place of what a task may still have
 * open: it would go on writing to what is gone.
 * @param until how long to wait for old tasks
 * @throws OperationError `not_stopped`, `restore_failed`, and as `finishRestore`
 * @throws SwarmError
 */
export async function settleVolumes(world: EngineWorld, stopped: StoppedService, until: Date): Promise<void> {
  const { swarm, clock } = world;
  const service = await insist(clock, () => swarm.getService(stopped.serviceId));
  if (service?.replicas === 0) {
    await awaitOldTasks(world, stopped, until);
  }
  const homes = new Set(stopped.restoring.map(({ nodeId }) => nodeId));
  const running = await findOldTasks(world, { ...stopped, nodeIds: [], homes });
  await finishRestore(world, stopped.restoring, { isInUse: running.length > 0 });
}

/**
 * Undoes what an earlier operation left of a service, before another one works on it: it waits until the service runs, for
 * as long as its start may take, and then goes on in any case. The caller holds its lock.
 * @param deadNodeIds nodes that are down, of which an admin says that nothing runs there any more
 * @returns what was done, as a sentence; undefined where nothing was left
 * @throws OperationError `busy` while the earlier one is at work, in another process; `not_stopped` where an old task goes on
 *   for longer than a stop may take; `update_conflict`, `restore_failed`
 * @throws SwarmError
 */
export async function undoBefore(
  world: EngineWorld,
  serviceId: string,
  deadNodeIds: readonly string[],
  listener: MendListener,
): Promise<string | undefined> {
  const { swarm, clock, settings } = world;
  const entry = (await world.journal.list()).find(each => each.serviceId === serviceId);
  if (entry === undefined) {
    return undefined;
  }
  if (entry.owner !== world.owner && (await isAlive(swarm, world.owner, entry.owner))) {
    const message =
      'Another swarm-utils has stopped the service and is still at work on it. Try again later.';
    throw new OperationError('busy', message);
  }
  await removeLeftHelpers(world, listener);
  const timeoutMs = settings.backup.startTimeoutMs + settings.timeouts.pendingMs;
  const awaitTasks = (service: Service) => awaitTasksRun(world, service, timeoutMs, () => undefined);
  const service = await insist(clock, () => swarm.getService(serviceId));
  const stopMs = stopTimeoutMs(settings.backup.stopTimeoutMs, service === undefined ? [] : [service]);
  const known = { ...entry, deadNodeIds: [...(entry.deadNodeIds ?? []), ...deadNodeIds] };
  const { what, isClosed } = await undo(world, known, {
    until: after(clock, stopMs),
    ...(entry.replicas > 0 && { beforeSettled: awaitTasks }),
  });
  if (!isClosed) {
    // What comes now may be what gives its tasks a place.
    await insist(clock, () => world.journal.close(entry));
  }
  listener.mended({ kind: 'service', name: entry.serviceName }, what);
  return `An earlier operation had left the service stopped: ${what}.`;
}
