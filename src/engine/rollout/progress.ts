import { allowsNode } from '../../core/placement/constraint.ts';
import type { Node, Service, Task } from '../swarm.ts';
import { byNewest, isTerminal } from '../task-report.ts';

/** How far the tasks of a service are with a spec. */
export interface Progress {
  /** Tasks that should run it. */
  readonly wanted: number;
  /** Ids of those that run it. */
  readonly running: readonly string[];
  /** Ids of those that ran it to a good end, where that is what they are for: of one-shot services. */
  readonly done: readonly string[];
  /** Tasks of other specs that the swarm lets run on, and where. */
  readonly passedOver: readonly { readonly task: Task; readonly node: Node }[];
  /** Every task that should run it does, or did. A service without tasks has converged. */
  readonly hasConverged: boolean;
}

export interface Sight {
  readonly service: Service;
  readonly tasks: readonly Task[];
  /** Of the swarm; only global services want them. */
  readonly nodes: readonly Node[];
}

/**
 * Measures how far the tasks are. A global service wants a task per fitting node: which nodes fit, its tasks say,
 * also those that ended. On a node that is paused the swarm replaces no task of it, until the node is active again.
 * @param isMeant whether a task is of the spec
 * @see github.com/moby/swarmkit, manager/orchestrator/global/global.go (reconcileServices)
 */
export function measureProgress(
  { service, tasks, nodes }: Sight,
  isMeant: (task: Task) => boolean,
): Progress {
  const live = tasks.filter(isLive);
  const passedOver = live.flatMap(task => {
    const node = nodes.find(({ id }) => id === task.nodeId);
    return service.mode === 'global' && !isMeant(task) && node?.availability === 'pause'
      ? [{ task, node }]
      : [];
  });
  const counted = live.filter(task => !passedOver.some(each => each.task === task));
  const running = counted.filter(task => isMeant(task) && task.state === 'running').map(({ id }) => id);
  const last = newestWithoutSuccessor(tasks);
  const done = last.filter(task => isMeant(task) && hasEndedWell(service, task)).map(({ id }) => id);
  const owed = last.filter(task => !done.includes(task.id) && isOwed(service, task, nodes)).length;
  const wanted =
    service.mode === 'replicated' ? (service.replicas ?? 0) : counted.length + done.length + owed;
  const hasConverged = running.length + done.length === wanted && counted.length + done.length === wanted;
  return { wanted, running, done, passedOver, hasConverged };
}

/** Whether the swarm is to start another task where one of a global service ended. */
function isOwed({ constraints }: Service, { nodeId }: Task, nodes: readonly Node[]): boolean {
  const node = nodes.find(({ id }) => id === nodeId);
  return (
    node !== undefined &&
    node.availability === 'active' &&
    node.state !== 'down' &&
    allowsNode(constraints, node)
  );
}

/** Whether the swarm wants a task to run, now or soon. */
export function isLive({ desiredState }: Task): boolean {
  return desiredState === 'running' || desiredState === 'ready';
}

/** Exit code 0 is the good end of a task that is not to be started again then. */
export function hasEndedWell({ restartCondition }: Service, { state, error }: Task): boolean {
  return restartCondition !== 'any' && state === 'complete' && error === undefined;
}

/**
 * Whether a task came to an end that is a failure. One that is `complete` ended with exit code 0, which is no end for a
 * task that is to run on; so do those that get no healthier and take their end politely. What the swarm stopped for its
 * own reasons is `shutdown`, with no error; one that it had started and then `rejected` it took off a node that the
 * constraints do not allow any more.
 */
export function hasFailed(service: Service, task: Task): boolean {
  const { state, error, containerId } = task;
  const isTurnedAway = state === 'rejected' && containerId !== undefined;
  return (
    isTerminal(state) &&
    (error !== undefined || state === 'complete') &&
    !isTurnedAway &&
    !hasEndedWell(service, task)
  );
}

/** The newest task of each slot or node that has none that is to run. */
export function newestWithoutSuccessor(tasks: readonly Task[]): readonly Task[] {
  const places = Map.groupBy(tasks, ({ slot, nodeId }) => `${slot ?? nodeId}`);
  return [...places.values()].flatMap(inPlace =>
    inPlace.some(isLive) ? [] : inPlace.toSorted(byNewest(({ createdAt }) => createdAt)).slice(0, 1),
  );
}
