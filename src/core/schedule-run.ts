import type { ActionName, OperationStatus } from './operation.ts';
import type { ScheduleEntry } from './schedule-entry.ts';
import type { Target } from './target.ts';

/**
 * `skipped`: the run before was still going. `missed`: swarm-utils was not running, or not given the time.
 * `interrupted`: swarm-utils ended before the run did.
 */
export type ScheduleRunStatus = 'running' | 'succeeded' | 'failed' | 'skipped' | 'missed' | 'interrupted';

/** One time that an entry was due, or several that nothing came of. Times are ISO 8601 in UTC. */
export interface ScheduleRun {
  readonly id: string;
  /** The entry's. */
  readonly key: string;
  /** When it was due; of several the last. */
  readonly scheduledAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly status: ScheduleRunStatus;
  /** How many times were skipped or missed; exact up to 1000. */
  readonly count?: number;
  /** The newest that were missed, oldest first; at most 10. */
  readonly times?: readonly string[];
  /** What became of each target, in the order of the phases. */
  readonly results: readonly ScheduleResult[];
  readonly message?: string;
}

export interface ScheduleResult {
  readonly action: ActionName;
  readonly target: Pick<Target, 'kind' | 'id' | 'name'>;
  /** `refused`: labels do not allow it, as the message says. `skipped`: a node that can't be cleaned now. */
  readonly status: OperationStatus | 'refused' | 'skipped';
  /** Id of the operation. */
  readonly operation?: string;
  readonly message?: string;
}

/** An entry as it is now. */
export interface ScheduleState {
  readonly entry: ScheduleEntry;
  readonly isRunning: boolean;
  readonly nextAt?: Date;
}

/** What did not happen of an entry, as far as it is kept. */
export interface MissedRuns {
  readonly count: number;
  /** Oldest first, at most 10. */
  readonly last: readonly string[];
}

/** What may be read of the clock. */
export interface ScheduleView {
  readonly timeZone: string;
  /** All, the common one first. */
  states(): readonly ScheduleState[];
  /** Newest first. */
  runsOf(key: string, limit: number): readonly ScheduleRun[];
  missedOf(key: string): MissedRuns;
}

/** Whether what came of a target makes the run a failed one. */
export function isFailure({ status }: ScheduleResult): boolean {
  return status !== 'succeeded' && status !== 'unchanged' && status !== 'skipped';
}
