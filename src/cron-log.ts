import type { Logger } from 'pino';
import type { ScheduleEntry } from './core/schedule-entry.ts';
import { isFailure, type ScheduleRun, type ScheduleState } from './core/schedule-run.ts';

const MAX_LOGGED = 20;

/** The one line at the start: what comes next, the first twenty. */
export function logStart(log: Logger, timeZone: string, states: readonly ScheduleState[]): void {
  const next = states
    .flatMap(({ entry, nextAt }) => (nextAt === undefined ? [] : [{ ...namesOf(entry), nextAt }]))
    .sort((a, b) => a.nextAt.getTime() - b.nextAt.getTime())
    .slice(0, MAX_LOGGED);
  log.info({ event: 'schedule.started', timeZone, entries: states.length, next }, 'the clock is watched');
}

/** The one line that says what a run came to; the details are in the run. */
export function logRun(log: Logger, entry: ScheduleEntry, run: ScheduleRun): void {
  const { status, startedAt, finishedAt, results } = run;
  const durationMs =
    startedAt === undefined || finishedAt === undefined
      ? undefined
      : Date.parse(finishedAt) - Date.parse(startedAt);
  const failed = results.filter(isFailure).length;
  log.info(
    { event: 'schedule.run', ...namesOf(entry), status, durationMs, targets: results.length, failed },
    `${titleOf(entry)}: ${status}`,
  );
}

export function logMissed(
  log: Logger,
  entry: ScheduleEntry,
  { count, scheduledAt, message }: ScheduleRun,
): void {
  log.warn(
    { event: 'schedule.missed', ...namesOf(entry), count, last: scheduledAt },
    `${titleOf(entry)}: missed. ${message ?? ''}`,
  );
}

export function logInterrupted(log: Logger, { key, scheduledAt }: ScheduleRun): void {
  log.warn({ event: 'schedule.interrupted', key, scheduledAt }, 'a run was going when swarm-utils ended');
}

function namesOf({ key, phases, service }: ScheduleEntry): object {
  return service === undefined ? { key } : { action: phases[0]?.action, serviceName: service.name };
}

function titleOf({ phases, service }: ScheduleEntry): string {
  return service === undefined ? 'the common run' : `${phases[0]?.action} ${service.name} by its own time`;
}
