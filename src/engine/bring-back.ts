import { OperationError } from '../core/errors.ts';
import { after, type Clock, poll } from './clock.ts';
import { insist } from './insist.ts';
import type { StoppedService } from './journal.ts';
import { awaitOldTasks } from './old-tasks.ts';
import { newestWithoutSuccessor } from './rollout/progress.ts';
import { type Service, type Swarm, SwarmError, type Task } from './swarm.ts';
import { isTerminal } from './task-report.ts';

/** `kept`: it had replicas, so nothing was to be done; `gone`: there is no such service any more. */
export type Comeback =
  | { readonly status: 'scaled' | 'kept'; readonly service: Service }
  | { readonly status: 'gone' };

interface BringBackWorld {
  readonly swarm: Swarm;
  readonly clock: Clock;
}

const WRITE_ATTEMPTS = 10;
/** A node that has room is found at once. */
const ASSIGN_TIMEOUT_MS = 2000;

/**
 * Gives a service that was scaled to 0 its replicas again, once nothing of it runs any more: two at a time would write to one
 * volume. Those that somebody else gave it are left as they are. Safe to be done again after it was killed at any point.
 * @param until how long to wait for old tasks; it has looked once at least
 * @throws OperationError `not_stopped` when one may still run; `update_conflict`
 * @throws SwarmError
 */
export async function scaleBack(
  world: BringBackWorld,
  stopped: StoppedService,
  until: Date = world.clock.now(),
): Promise<Comeback> {
  const isWithout = async ({ replicas }: Service) => {
    if (replicas !== 0 || stopped.replicas === 0) {
      return false;
    }
    await awaitOldTasks(world, stopped, until);
    return true;
  };
  const { service, hasWritten } = await writeWhile(world, stopped, isWithout);
  return service === undefined ? { status: 'gone' } : { status: hasWritten ? 'scaled' : 'kept', service };
}

/**
 * Writes the replicas once more, for `docker service rollback` would else bring the 0 back. Not before each task has its
 * node: the swarm never finds one for a task of a spec that was written again meanwhile, and makes no other.
 * @returns false where that has to wait
 * @throws OperationError `update_conflict`
 * @throws SwarmError
 * @see https://github.com/moby/swarmkit/blob/master/manager/scheduler/scheduler.go, noSuitableNode
 */
export async function settleReplicas(world: BringBackWorld, stopped: StoppedService): Promise<boolean> {
  let isSettled = true;
  const isToBeWritten = async (service: Service) => {
    const { replicas, previousReplicas } = service;
    if (replicas !== stopped.replicas || replicas === 0 || previousReplicas !== 0) {
      return false;
    }
    isSettled = await awaitNodes(world, service, replicas);
    return isSettled;
  };
  await writeWhile(world, stopped, isToBeWritten);
  return isSettled;
}

async function awaitNodes(
  { swarm, clock }: BringBackWorld,
  { id, updatedAt }: Service,
  replicas: number,
): Promise<boolean> {
  // A task that is not started again when it ends has had its node.
  const hasEnded = ({ createdAt, nodeId }: Task) =>
    nodeId !== undefined && Date.parse(createdAt) >= Date.parse(updatedAt);
  const found = await poll(clock, after(clock, ASSIGN_TIMEOUT_MS), async () => {
    const tasks = await insist(clock, () => swarm.listTasks(id));
    const wanted = tasks.filter(({ desiredState }) => !isTerminal(desiredState));
    const ended = newestWithoutSuccessor(tasks).filter(hasEnded);
    return (wanted.length + ended.length >= replicas && wanted.every(hasNode)) || undefined;
  });
  return found ?? false;
}

function hasNode({ nodeId }: Task): boolean {
  return nodeId !== undefined;
}

/** Writes the replicas as long as that is to be done, which is seen anew before each attempt. */
async function writeWhile(
  { swarm, clock }: BringBackWorld,
  { serviceId, replicas }: StoppedService,
  isToBeWritten: (service: Service) => Promise<boolean>,
): Promise<{ readonly service: Service | undefined; readonly hasWritten: boolean }> {
  let hasWritten = false;
  for (let attempt = 1; ; attempt += 1) {
    const service = await insist(clock, () => swarm.getService(serviceId));
    if (service === undefined || !(await isToBeWritten(service))) {
      return { service, hasWritten };
    }
    try {
      // Not insisted upon: whether a write that was not answered was done is seen by the next look.
      await swarm.scaleService(serviceId, { replicas, version: service.version });
      hasWritten = true;
    } catch (error) {
      refuseUnlessPassing(error, attempt);
      await clock.sleep(attempt * 50);
    }
  }
}

function refuseUnlessPassing(error: unknown, attempt: number): void {
  const code = error instanceof SwarmError ? error.code : undefined;
  const isPassing = code === 'out_of_sequence' || code === 'unavailable';
  if (code === 'not_found' || (isPassing && attempt < WRITE_ATTEMPTS)) {
    return;
  }
  if (code === 'out_of_sequence') {
    const message = `Others kept changing the service: ${attempt} attempts to scale it were out of sequence.`;
    throw new OperationError('update_conflict', message, { cause: error });
  }
  throw error;
}
