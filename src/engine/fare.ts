import type { Task } from './swarm.ts';
import { byNewest, isPending, isRunning } from './task-report.ts';

/** How a service fared before it was stopped. */
export interface Fare {
  readonly running: number;
  /** Why those that were wanted did not run, once each. */
  readonly reasons: ReadonlySet<string>;
  readonly taskIds: ReadonlySet<string>;
}

/** Ids and addresses, which differ from one failure to the next of the same kind. */
const CHANGING = /\b[0-9a-f]{12,64}\b|\b[0-9a-z]{25}\b|:\d+(?=->)/g;

/** @param tasks all that the swarm remembers, before anything of them is told to end */
export function fareOf(tasks: readonly Task[]): Fare {
  const slots = [...Map.groupBy(tasks, placeOf).values()];
  const idle = slots.filter(slot => !slot.some(isRunning));
  const newest = idle.flatMap(slot =>
    slot
      .filter(isReasonKnown)
      .toSorted(byNewest(({ createdAt }) => createdAt))
      .slice(0, 1),
  );
  return {
    running: tasks.filter(isRunning).length,
    reasons: new Set(newest.map(reasonOf)),
    taskIds: new Set(tasks.map(({ id }) => id)),
  };
}

/**
 * Whether a service that was started again does not run for the reasons for which it did not run before: as many tasks run
 * as before, which were too few, and each of the others has failed or waits like one of those before.
 */
export function faresAsBefore(tasks: readonly Task[], wanted: number, before: Fare): boolean {
  const since = tasks.filter(({ id }) => !before.taskIds.has(id));
  const running = since.filter(isRunning).length;
  if (before.reasons.size === 0 || before.running >= wanted || running < before.running) {
    return false;
  }
  const slots = [...Map.groupBy(since, placeOf).values()];
  const idle = slots.filter(slot => !slot.some(isRunning));
  return (
    slots.length >= wanted &&
    idle.every(slot => slot.some(task => isReasonKnown(task) && before.reasons.has(reasonOf(task))))
  );
}

function placeOf({ slot, nodeId }: Task): string {
  return slot === undefined ? `${nodeId}` : `${slot}`;
}

function isReasonKnown({ state, desiredState, error }: Task): boolean {
  return (
    state === 'failed' ||
    state === 'rejected' ||
    (error !== undefined && isPending(state) && desiredState === 'running')
  );
}

function reasonOf({ state, error = '', exitCode }: Task): string {
  const how = isPending(state) ? 'pending' : state;
  return `${how} ${exitCode ?? ''} ${error.replaceAll(CHANGING, '#')}`;
}
