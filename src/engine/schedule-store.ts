import type { DatabaseSync } from 'node:sqlite';
import { MAX_COUNTED, MAX_LISTED } from '../core/occurrences.ts';
import type { MissedRuns, ScheduleRun } from '../core/schedule-run.ts';

/** What an entry was when it was watched last. */
export interface Watched {
  readonly expression: string;
  readonly timeZone: string;
  /** All that was due up to then was started, or is a run that is `skipped` or `missed`. */
  readonly until: Date;
}

/** The runs of the schedule, and until when the clock was watched, kept across restarts. */
export interface ScheduleStore {
  /** Inserts or replaces. Of each key the newest hundred are kept. */
  save(run: ScheduleRun): void;
  /** Newest first. */
  runsOf(key: string, limit: number): readonly ScheduleRun[];
  missedOf(key: string): MissedRuns;
  watchedOf(key: string): Watched | undefined;
  /** Notes until when entries were watched. */
  watch(entries: readonly (Watched & { readonly key: string })[]): void;
  /** Forgets the watch, not the runs, of all entries but these: what comes back later missed nothing. */
  watchOnly(keys: readonly string[]): void;
  /** Runs that the process before left going. */
  readonly interrupted: readonly ScheduleRun[];
}

const RUNS_KEPT = 100;
const RUNS_KEPT_DAYS = 90;
const DAY_MS = 24 * 60 * 60 * 1000;

const schema = `
  CREATE TABLE IF NOT EXISTS schedule_runs (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL, status TEXT NOT NULL,
    scheduled_at TEXT NOT NULL, json TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS schedule_runs_by_key ON schedule_runs (key, number);
  CREATE TABLE IF NOT EXISTS schedule_watch (
    key TEXT PRIMARY KEY, expression TEXT NOT NULL, time_zone TEXT NOT NULL, watched_until TEXT NOT NULL
  ) STRICT;
`;

/** Makes its tables in a database, removes what is too old, and marks the runs that the process before left going. */
export function createScheduleStore(database: DatabaseSync, now: Date): ScheduleStore {
  database.exec(schema);
  const oldest = new Date(now.getTime() - RUNS_KEPT_DAYS * DAY_MS);
  database.prepare('DELETE FROM schedule_runs WHERE scheduled_at < ?').run(oldest.toISOString());
  // Keeps the place of a run that is known, and so their order.
  const save = database.prepare(
    'INSERT INTO schedule_runs (id, key, status, scheduled_at, json) VALUES (?, ?, ?, ?, ?) ' +
      'ON CONFLICT (id) DO UPDATE SET status = excluded.status, scheduled_at = excluded.scheduled_at, json = excluded.json',
  );
  const removeOld = database.prepare(
    'DELETE FROM schedule_runs WHERE key = ? AND number <= ' +
      '(SELECT number FROM schedule_runs WHERE key = ? ORDER BY number DESC LIMIT 1 OFFSET ?)',
  );
  const list = database.prepare('SELECT json FROM schedule_runs WHERE key = ? ORDER BY number DESC LIMIT ?');
  const missed = database.prepare(
    "SELECT json FROM schedule_runs WHERE key = ? AND status = 'missed' ORDER BY number",
  );
  const findWatch = database.prepare(
    'SELECT expression, time_zone, watched_until FROM schedule_watch WHERE key = ?',
  );
  const watch = database.prepare(
    'INSERT INTO schedule_watch (key, expression, time_zone, watched_until) VALUES (?, ?, ?, ?) ' +
      'ON CONFLICT (key) DO UPDATE SET expression = excluded.expression, time_zone = excluded.time_zone, ' +
      'watched_until = excluded.watched_until',
  );
  const unwatch = database.prepare(
    'DELETE FROM schedule_watch WHERE key NOT IN (SELECT value FROM json_each(?))',
  );

  function saveRun(run: ScheduleRun): void {
    save.run(run.id, run.key, run.status, run.scheduledAt, JSON.stringify(run));
    removeOld.run(run.key, run.key, RUNS_KEPT);
  }

  const interrupted = database
    .prepare("SELECT json FROM schedule_runs WHERE status = 'running' ORDER BY number")
    .all()
    .map(
      (row): ScheduleRun => ({
        ...readRun(row),
        status: 'interrupted',
        finishedAt: now.toISOString(),
        message: 'swarm-utils ended before the run did.',
      }),
    );
  interrupted.forEach(saveRun);

  return {
    interrupted,
    save: saveRun,
    runsOf: (key, limit) => list.all(key, limit).map(readRun),
    missedOf(key) {
      const runs = missed.all(key).map(readRun);
      const count = runs.reduce((sum, run) => sum + (run.count ?? 1), 0);
      return {
        count: Math.min(count, MAX_COUNTED),
        last: runs.flatMap(({ times = [] }) => times).slice(-MAX_LISTED),
      };
    },
    watchedOf(key) {
      const row = findWatch.get(key);
      return (
        row && {
          expression: String(row.expression),
          timeZone: String(row.time_zone),
          until: new Date(String(row.watched_until)),
        }
      );
    },
    watch(entries) {
      database.exec('BEGIN IMMEDIATE');
      try {
        for (const { key, expression, timeZone, until } of entries) {
          watch.run(key, expression, timeZone, until.toISOString());
        }
        database.exec('COMMIT');
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
    },
    watchOnly: keys => {
      unwatch.run(JSON.stringify(keys));
    },
  };
}

function readRun(row: Record<string, unknown>): ScheduleRun {
  return JSON.parse(String(row.json)) as ScheduleRun;
}
