import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import type { CronSettings } from '../src/core/schedule-entry.ts';
import type { ScheduleRun } from '../src/core/schedule-run.ts';
import { type Cron, type CronOptions, createCron } from '../src/cron.ts';
import { createParsedTargets } from '../src/engine/parsed-targets.ts';
import { createScheduleStore, type ScheduleStore } from '../src/engine/schedule-store.ts';
import { createLog } from '../src/log.ts';
import { createFakeClock, type FakeClock } from './engine/fake-clock.ts';
import { createFakeOperations, type FakeOperations } from './fixtures/fake-operations.ts';
import { createFakeSwarm, type FakeSwarm } from './fixtures/fake-swarm.ts';

/** Every quarter of an hour: the fake clock starts at 12:00. */
export const settings: CronSettings = {
  expression: '0 */15 * * * *',
  timeZone: 'UTC',
  cleansServices: true,
  cleansNodes: true,
  backsUpServices: true,
  parallel: 10,
};

export const secondMs = 1000;
export const minuteMs = 60 * secondMs;

export interface CronWorld {
  readonly clock: FakeClock;
  readonly swarm: FakeSwarm;
  readonly operations: FakeOperations;
  readonly database: DatabaseSync;
  readonly logs: () => readonly Record<string, unknown>[];
  /** Begins to watch the clock, on what is in the database. The swarm, the operations and the clock go on. */
  begin(
    change?: Partial<CronSettings>,
    options?: Partial<CronOptions>,
  ): Cron & { readonly store: ScheduleStore };
  /** Resolves so many milliseconds after 12:00. */
  at(ms: number): Promise<void>;
  /** Adds a service; its labels without `swarm-utils.`. */
  addService(name: string, labels: Readonly<Record<string, string>>): string;
  /** What was started: `action name`. */
  started(): readonly string[];
}

/** Whatever is still watched when the test ends is stopped: time would not stop passing. */
export function createCronWorld(context: TestContext): CronWorld {
  const clock = createFakeClock();
  const swarm = createFakeSwarm({ now: clock.now });
  const operations = createFakeOperations({ now: clock.now });
  operations.endAllWith({ status: 'succeeded' });
  const database = new DatabaseSync(':memory:');
  const lines: string[] = [];
  const log = createLog({
    level: 'info',
    redact: text => text,
    destination: { write: line => lines.push(line) },
  });
  return {
    clock,
    swarm,
    operations,
    database,
    logs: () => lines.map(line => JSON.parse(line)),
    begin(change = {}, options = {}) {
      const store = createScheduleStore(database, clock.now());
      const cron = createCron({
        settings: { ...settings, ...change },
        swarm,
        parsedTargets: createParsedTargets(),
        operations,
        store,
        clock,
        log,
        ...options,
      });
      cron.start();
      context.after(() => {
        void cron.stop();
      });
      return { ...cron, store };
    },
    at: ms => clock.sleep(ms - clock.elapsedMs),
    addService: (name, labels) =>
      swarm.addService({
        name,
        labels: Object.fromEntries(
          Object.entries(labels).map(([key, value]) => [`swarm-utils.${key}`, value]),
        ),
      }).id,
    started: () => operations.starts.map(({ request, target }) => `${request.action} ${target.name}`),
  };
}

export const clean = { 'clean.enable': 'true', 'clean.exec': 'true' };
export const backup = { 'backup.enable': 'true', 'backup.exec': 'dump' };

/** The runs of an entry in short, newest first: when, how, and what came of each target. */
export function inShort(runs: readonly ScheduleRun[]): readonly string[] {
  return runs.map(({ scheduledAt, status, count, results }) =>
    [
      scheduledAt.slice(11, 19),
      status,
      ...(count === undefined ? [] : [`${count}x`]),
      ...results.map(each => `${each.action} ${each.target.name} ${each.status}`),
    ].join(', '),
  );
}
