import { OperationError } from '../core/errors.ts';
import type { Warning } from '../core/warning.ts';
import {
  hasEndedWell,
  hasFailed,
  isLive,
  measureProgress,
  newestWithoutSuccessor,
  type Progress,
} from './rollout/progress.ts';
import type { Node, Service, Swarm, Task, UpdateStatus } from './swarm.ts';
import { byNewest, isTerminal, isUnassigned } from './task-report.ts';

/** Longer than the swarm waits, by default, before it starts a failed task again. */
const RECENT_MS = 30_000;
const NAMED_NODES = 5;

/** Where a rollout stands. */
export interface RolloutView {
  readonly service: Service;
  /** The swarm's word on this rollout; absent while, or where, it has none. */
  readonly update?: UpdateStatus;
  /** With the spec that is rolled out. */
  readonly progress: Progress;
  /** With the spec that the service has: after a rollback, the one of before. */
  readonly current: Progress;
  /** Tasks of the new spec for which no node was found yet. */
  readonly unscheduled: readonly Task[];
  /** Tasks of the new spec that came to a bad end, newest first. */
  readonly failed: readonly Task[];
  /** Tasks of the new spec that came to the good end that they are for. */
  readonly ended: readonly Task[];
  /** Those of the failed that have no successor. */
  readonly givenUp: readonly Task[];
  /** Tasks that are to run the new spec and do not yet, or are to end and have not. */
  readonly stuck: readonly Task[];
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
  const [service, tasks, nodes] = await Promise.all([
    swarm.getService(before.id),
    swarm.listTasks(before.id),
    before.mode === 'global' ? swarm.listNodes() : [],
  ]);
  if (service === undefined) {
    throw new OperationError('target_gone', 'Somebody removed the service during the update.');
  }
  const isNew = (task: Task) =>
    task.image === rollout.image && (!rollout.isForce || task.forceUpdate > before.forceUpdate);
  const isCurrent = (task: Task) => task.image === service.image && task.forceUpdate === service.forceUpdate;
  const sight = { service, tasks, nodes };
  const isBad = (task: Task) => isNew(task) && hasFailed(service, task);
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
    progress: measureProgress(sight, isNew),
    current: measureProgress(sight, isCurrent),
    unscheduled: tasks.filter(task => isLive(task) && isNew(task) && isUnassigned(task)),
    failed: tasks.filter(isBad).sort(byNewest(task => task.stateAt)),
    ended: tasks.filter(task => isNew(task) && hasEndedWell(service, task)),
    givenUp: newestWithoutSuccessor(tasks).filter(isBad),
    stuck: tasks.filter(
      task => !isTerminal(task.state) && !(isLive(task) && isNew(task) && task.state === 'running'),
    ),
  };
}

/**
 * Whether a service that nobody updates runs its image as it should: in every task, and without tasks of it that ended
 * a moment ago, since those that crash again and again run in between.
 */
export function runsSteadily({ progress, failed }: RolloutView, now: Date): boolean {
  return progress.hasConverged && failed.every(task => now.getTime() - Date.parse(task.stateAt) > RECENT_MS);
}

/** One sentence on where it stands. */
export function describeRollout({ progress, failed }: RolloutView): string {
  const { running, wanted, done } = progress;
  const ended = done.length === 0 ? '' : `, ${done.length} ended well`;
  const failures = failed.length === 0 ? '' : `, ${failed.length} failed`;
  return `${running.length} of ${wanted} tasks run the new image${ended}${failures}.`;
}

/** What is not as it should be although the swarm has done all that it will do. */
export function warnOfRollout({ progress: { passedOver } }: RolloutView): readonly Warning[] {
  return passedOver.length === 0 ? [] : [{ code: 'old_task_kept', message: describePassedOver(passedOver) }];
}

function describePassedOver(passedOver: Progress['passedOver']): string {
  const nodes = passedOver.map(({ node }) => node);
  const more = nodes.length - NAMED_NODES;
  const names = nodes.slice(0, NAMED_NODES).map(nameOf).join(', ');
  const many = nodes.length > 1;
  return (
    `${many ? 'Tasks' : 'A task'} of the old image still ${many ? 'run' : 'runs'} on ${names}` +
    `${more > 0 ? ` and ${more} more` : ''}: the swarm replaces no task of a global service on a node that is paused. It ` +
    'does once the node is active again: `docker node update --availability active NODE`.'
  );
}

function nameOf({ hostname, id }: Node): string {
  return `${hostname} (${id})`;
}
