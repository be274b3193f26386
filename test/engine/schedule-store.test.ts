import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import type { ScheduleRun } from '../../src/core/schedule-run.ts';
import { openStore } from '../../src/engine/store.ts';

const now = new Date('2026-11-22T12:00:00.000Z');
const dayMs = 24 * 60 * 60 * 1000;
const days = (count: number) => new Date(now.getTime() + count * dayMs);

function setUp(context: TestContext) {
  const dataDir = mkdtempSync(join(tmpdir(), 'swarm-utils-schedule-'));
  context.after(() => rmSync(dataDir, { recursive: true, force: true }));
  let last: ReturnType<typeof openStore> | undefined;
  context.after(() => last?.close());
  /** As after the end of the process before. */
  const open = (at = now) => {
    last?.close();
    last = openStore(dataDir, at);
    return last.schedule;
  };
  return { open };
}

function run(id: string, change: Partial<ScheduleRun> = {}): ScheduleRun {
  return {
    id,
    key: 'common',
    scheduledAt: now.toISOString(),
    status: 'succeeded',
    results: [
      {
        action: 'clean',
        target: { kind: 'service', id: 'shop-id', name: `"'; DROP TABLE schedule_runs; --\u0000 🔑` },
        status: 'succeeded',
      },
    ],
    ...change,
  };
}

suite('the runs', () => {
  test('are there again after a restart, newest first, each once and in its place', context => {
    const { open } = setUp(context);
    const first = open();
    first.save(run('a', { status: 'running' }));
    first.save(run('b', { status: 'skipped', count: 1 }));
    first.save(run('a'));
    first.save(run('b', { status: 'skipped', count: 2 }));
    first.save(run('c', { key: 'clean shop-id' }));
    const again = open();
    assert.deepEqual(again.runsOf('common', 10), [run('b', { status: 'skipped', count: 2 }), run('a')]);
    assert.deepEqual(again.runsOf('common', 1), [run('b', { status: 'skipped', count: 2 })]);
    assert.deepEqual(again.runsOf('clean shop-id', 10), [run('c', { key: 'clean shop-id' })]);
    assert.deepEqual(again.runsOf('other', 10), []);
    assert.deepEqual(again.interrupted, []);
  });

  test('that were going when the process ended are interrupted', context => {
    const { open } = setUp(context);
    open().save(run('a', { status: 'running', startedAt: now.toISOString() }));
    const again = open(days(1));
    const [interrupted] = again.runsOf('common', 10);
    assert.deepEqual(again.interrupted, [interrupted]);
    assert.equal(interrupted?.status, 'interrupted');
    assert.equal(interrupted.finishedAt, days(1).toISOString());
    assert.deepEqual(interrupted.results, run('a').results);
    assert.deepEqual(open(days(1)).interrupted, []);
  });

  test('are a hundred of each entry', context => {
    const store = setUp(context).open();
    store.save(run('other', { key: 'other' }));
    for (let number = 0; number < 150; number += 1) {
      store.save(run(`${number}`));
    }
    const kept = store.runsOf('common', 1000);
    assert.deepEqual([kept.length, kept[0]?.id, kept.at(-1)?.id], [100, '149', '50']);
    assert.equal(store.runsOf('other', 10).length, 1);
  });

  test('of long ago are removed at the next start: their service may be gone', context => {
    const { open } = setUp(context);
    const first = open();
    first.save(run('old'));
    first.save(run('new', { scheduledAt: days(80).toISOString() }));
    assert.deepEqual(
      open(days(91))
        .runsOf('common', 10)
        .map(({ id }) => id),
      ['new'],
    );
  });

  test('that were missed are counted, and the last are listed', context => {
    const store = setUp(context).open();
    assert.deepEqual(store.missedOf('common'), { count: 0, last: [] });
    const times = (hour: string) =>
      Array.from({ length: 6 }, (_, minute) => `2026-11-22T${hour}:0${minute}:00.000Z`);
    store.save(run('a', { status: 'missed', count: 6, times: times('01'), results: [] }));
    store.save(run('b'));
    store.save(run('c', { status: 'missed', count: 500, times: times('02'), results: [] }));
    assert.deepEqual(store.missedOf('common'), {
      count: 506,
      last: [...times('01').slice(2), ...times('02')],
    });
    store.save(run('d', { status: 'missed', count: 1000, times: [], results: [] }));
    assert.equal(store.missedOf('common').count, 1000);
    assert.equal(store.missedOf('other').count, 0);
  });
});

suite('the watch', () => {
  const watched = { expression: '0 0 3 * * *', timeZone: 'UTC', until: now };

  test('is known after a restart, the last note of each entry', context => {
    const { open } = setUp(context);
    const first = open();
    assert.equal(first.watchedOf('common'), undefined);
    first.watch([
      { key: 'common', ...watched },
      { key: 'clean shop-id', ...watched },
    ]);
    first.watch([{ key: 'common', expression: '* * * * *', timeZone: 'Europe/Berlin', until: days(1) }]);
    const again = open();
    assert.deepEqual(again.watchedOf('common'), {
      expression: '* * * * *',
      timeZone: 'Europe/Berlin',
      until: days(1),
    });
    assert.deepEqual(again.watchedOf('clean shop-id'), watched);
  });

  test('of what is no entry any more is forgotten', context => {
    const store = setUp(context).open();
    store.watch([
      { key: 'common', ...watched },
      { key: "'); DROP TABLE schedule_watch; --", ...watched },
    ]);
    store.watchOnly(['common', '"]']);
    assert.deepEqual(store.watchedOf('common'), watched);
    assert.equal(store.watchedOf("'); DROP TABLE schedule_watch; --"), undefined);
  });
});
