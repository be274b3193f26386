import { OperationError } from '../core/errors.ts';
import type { Service, Swarm, Task, UpdateStatus } from './swarm.ts';
import { byNewest, isPending, isTerminal } from './task-report.ts';

/** Longer than the swarm waits, by default, before it starts a failed task again. */
const RECENT_MS = 30_000;

/** Where a rollout stands. */
export interface RolloutView {
  readonly service: Service;
  /** The swarm's word on this rollout; absent while, or where, it has none. */
  readonly update?: UpdateStatus;
  /** Tasks that should run. */
  readonly wanted: number;
  /** Ids of those that run the new spec. */
  readonly updated: readonly string[];
  /** Every task that should run runs the new spec. A service without tasks has converged. */
  readonly hasConverged: boolean;
  /** Tasks of the new spec for which no node was found yet. */
  readonly unscheduled: readonly Task[];
  /** Tasks of the new spec that ended of themselves, newest first. */
  readonly failed: readonly Task[];
}

/**
 * Looks at the service and its tasks.
 * @throws OperationError `target_gone`
 */
export async function readView(
  swarm: Swarm,
  rollout: { readonly service: Service; readonly image: string; readonly isForce: boolean },
): Promise<RolloutView> {
  const before = rollout.service;
  const [service, tasks] = await Promise.all([swarm.getService(before.id), swarm.listTasks(before.id)]);
  if (service === undefined) {
    throw new OperationError('target_gone', 'Somebody removed the service during the update.');
  }
  const isNew = (task: Task) =>
    task.image === rollout.image && (!rollout.isForce || task.forceUpdate > before.forceUpdate);
  const live = tasks.filter(task => task.desiredState === 'running' || task.desiredState === 'ready');
  const updated = live.filter(task => isNew(task) && task.state === 'running').map(({ id }) => id);
  // A global service wants a task per fitting node: which nodes fit, its tasks say.
  const wanted = service.mode === 'replicated' ? (service.replicas ?? 0) : live.length;
  // An update that was under way is no old one: the swarm forgets its status when the service is written.
  const isStale =
    service.update !== undefined &&
    service.update.state !== 'updating' &&
    service.update.state !== 'rollback_started' &&
    service.update.startedAt === before.update?.startedAt &&
    service.update.state === before.update?.state;
  return {
    service,
    ...(service.update !== undefined && !isStale && { update: service.update }),
    wanted,
    updated,
    hasConverged: updated.length === wanted && live.length === wanted,
    unscheduled: live.filter(task => isNew(task) && isPending(task.state) && task.nodeId === undefined),
    failed: tasks.filter(task => isNew(task) && hasEndedItself(task)).sort(byNewest(task => task.stateAt)),
  };
}

/**
 * A service's task is to run. One that is `complete` ended too, with exit code 0; so do those that get no healthier and
 * take their end politely. What the swarm stopped for its own reasons is `shutdown`, with no error.
 */
function hasEndedItself({ state, error }: Task): boolean {
  return isTerminal(state) && (error !== undefined || state === 'complete');
}

/**
 * Whether a service that nobody updates runs its image as it should: in every task, and without tasks of it that ended
 * a moment ago, since those that crash again and again run in between.
 */
export function runsSteadily({ hasConverged, failed }: RolloutView, now: Date): boolean {
  return hasConverged && failed.every(task => now.getTime() - Date.parse(task.stateAt) > RECENT_MS);
}

/** One sentence on where it stands. */
export function describeRollout({ wanted, updated, failed }: RolloutView): string {
  const failures = failed.length === 0 ? '' : `, ${failed.length} failed`;
  return `${updated.length} of ${wanted} tasks run the new image${failures}.`;
}
