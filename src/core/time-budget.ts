import type { Step, Work } from './step.ts';

/** How often the work of a step is done. */
export interface RunCounts {
  /** Running tasks of the service: each runs an `exec`. */
  readonly tasks: number;
  /** Nodes that its data is on: each volume is written and read on each. */
  readonly nodes: number;
}

/** Milliseconds. */
export interface TimeAllowances {
  /** Until a helper runs. */
  readonly pendingMs: number;
  /** For the network and the like, once. */
  readonly extraMs: number;
}

/**
 * How long an operation may take once it has its lock, milliseconds: the sum over its steps of (time-out + pending) times
 * the number of runs, plus the extra time. The README of the original has the formula.
 */
export function timeBudgetMs(
  steps: readonly Step[],
  counts: RunCounts,
  { pendingMs, extraMs }: TimeAllowances,
): number {
  const volumes = Math.max(1, ...steps.map(({ work }) => ('volumes' in work ? work.volumes.length : 1)));
  return steps.reduce(
    (sum, { timeoutMs, work }) => sum + (timeoutMs + pendingMs) * runsOf(work, counts, volumes),
    extraMs,
  );
}

/** Whether `timeBudgetMs` has to know the counts of these steps. */
export function needsCounts(steps: readonly Step[]): boolean {
  return steps.some(({ work }) => isPerTask(work) || isPerVolume(work));
}

function runsOf(work: Work, { tasks, nodes }: RunCounts, volumes: number): number {
  if (isPerTask(work)) {
    return Math.max(1, tasks);
  }
  return isPerVolume(work) ? volumes * Math.max(1, nodes) : 1;
}

function isPerTask({ kind }: Work): boolean {
  return kind === 'exec';
}

function isPerVolume({ kind }: Work): boolean {
  switch (kind) {
    case 'upload':
    case 'verify-backup':
    case 'fetch-backup':
    case 'swap-volumes':
    case 'drill-restore':
      return true;
    default:
      return false;
  }
}
