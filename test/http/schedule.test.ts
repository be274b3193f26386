import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ScheduleEntry } from '../../src/core/schedule-entry.ts';
import type { ScheduleRun, ScheduleView } from '../../src/core/schedule-run.ts';
import { fakeJwt } from '../fixtures/fake-providers.ts';
import { adminToken, blogToken, shopToken, startServer } from './start-server.ts';

const common: ScheduleEntry = {
  key: 'common',
  expression: '0 0 3 * * *',
  phases: [
    { action: 'clean', targetKind: 'service' },
    { action: 'clean', targetKind: 'node' },
  ],
};

function ownEntry(name: string): ScheduleEntry {
  return {
    key: `backup ${name}-id`,
    expression: '0 4 * * *',
    phases: [{ action: 'backup', targetKind: 'service' }],
    service: { id: `${name}-id`, name },
  };
}

const at = (hour: number) => `2026-11-22T0${hour}:00:00.000Z`;

function runOf(name: string, change: Partial<ScheduleRun> = {}): ScheduleRun {
  return {
    id: `run of ${name}`,
    key: `backup ${name}-id`,
    scheduledAt: at(4),
    startedAt: at(4),
    finishedAt: at(5),
    status: 'succeeded',
    results: [
      {
        action: 'backup',
        target: { kind: 'service', id: `${name}-id`, name },
        status: 'succeeded',
        operation: `operation of ${name}`,
      },
    ],
    ...change,
  };
}

function view(runs: Readonly<Record<string, readonly ScheduleRun[]>> = {}): ScheduleView {
  return {
    timeZone: 'Europe/Berlin',
    states: () => [
      { entry: ownEntry('shop'), isRunning: true, nextAt: new Date(at(4)) },
      { entry: common, isRunning: false, nextAt: new Date(at(3)) },
      { entry: ownEntry('blog'), isRunning: false },
    ],
    runsOf: (key, limit) => (runs[key] ?? []).slice(0, limit),
    missedOf: key => (key === 'common' ? { count: 12, last: [at(1), at(2)] } : { count: 0, last: [] }),
  };
}

const keysOf = (json: { readonly entries: readonly { readonly key: string }[] }) =>
  json.entries.map(({ key }) => key);

suite('GET /api/schedule', () => {
  test('shows admins all, the common run first, others the entries of services that they may read', async context => {
    const { ask } = await startServer(context, { schedule: view() });
    for (const [token, keys] of [
      [adminToken, ['common', 'backup blog-id', 'backup shop-id']],
      [shopToken, ['backup shop-id']],
      [blogToken, ['backup blog-id']],
      [fakeJwt({ jti: '1' }), ['backup shop-id']],
      [fakeJwt({ jti: '2', identity: { repository: 'evil/shop' } }), []],
    ] as const) {
      const { status, json } = await ask('/api/schedule', { token });
      assert.equal(status, 200);
      assert.equal(json.timeZone, 'Europe/Berlin');
      assert.deepEqual(keysOf(json), keys);
    }
  });

  test('is for nobody without a credential', async context => {
    const { ask } = await startServer(context, { schedule: view() });
    assert.equal((await ask('/api/schedule')).status, 401);
    assert.equal((await ask('/api/schedule', { token: 'nobodys-token' })).status, 401);
  });

  test('says of an entry what it does, when, and what came of it', async context => {
    const runs = [
      runOf('shop', { status: 'missed', count: 3, times: [at(4)], results: [], scheduledAt: at(6) }),
      runOf('shop'),
    ].map(({ startedAt, ...run }) => (run.status === 'missed' ? run : { ...run, startedAt: at(4) }));
    const { ask } = await startServer(context, { schedule: view({ 'backup shop-id': runs }) });
    const { json } = await ask('/api/schedule', { token: shopToken });
    const ended = { scheduledAt: at(4), startedAt: at(4), finishedAt: at(5), status: 'succeeded' };
    assert.deepEqual(json.entries, [
      {
        key: 'backup shop-id',
        actions: [{ action: 'backup', targetKind: 'service' }],
        serviceName: 'shop',
        expression: '0 4 * * *',
        nextAt: at(4),
        isRunning: true,
        lastRun: ended,
        missed: { count: 0, last: [] },
        runs: [
          { scheduledAt: at(6), finishedAt: at(5), status: 'missed', count: 3, times: [at(4)], results: [] },
          {
            ...ended,
            results: [
              {
                action: 'backup',
                target: { kind: 'service', name: 'shop' },
                status: 'succeeded',
                operation: 'operation of shop',
              },
            ],
          },
        ],
      },
    ]);
  });

  test('shows what was missed', async context => {
    const { ask } = await startServer(context, { schedule: view() });
    const { json } = await ask('/api/schedule', { token: adminToken });
    assert.deepEqual(json.entries[0].missed, { count: 12, last: [at(1), at(2)] });
    assert.equal(json.entries[0].lastRun, undefined);
    assert.equal(json.entries[1].nextAt, undefined);
  });

  test('asks the operations how far they are as long as the run does not know', async context => {
    const runs: ScheduleRun[] = [];
    const { ask, operations, update } = await startServer(context, { schedule: view({ common: runs }) });
    const { json: operation } = await update({ serviceName: 'shop' }, { token: adminToken });
    operations.change(operation.id, {
      status: 'failed',
      error: { code: 'interrupted', message: 'ended before' },
    });
    const [result] = runOf('shop').results;
    assert.ok(result);
    runs.push(
      runOf('shop', {
        status: 'interrupted',
        results: [
          { ...result, operation: operation.id, status: 'queued' },
          { ...result, operation: 'forgotten', status: 'running' },
          { ...result, operation: operation.id, status: 'succeeded' },
        ],
      }),
    );
    const { json } = await ask('/api/schedule', { token: adminToken });
    assert.deepEqual(
      json.entries[0].runs[0].results.map((each: { status: string; message?: string }) => [
        each.status,
        each.message,
      ]),
      [
        ['failed', 'ended before'],
        ['running', undefined],
        ['succeeded', undefined],
      ],
    );
  });

  test('lists ten runs, or as many as asked for, and finds the last that began behind them', async context => {
    const skipped = Array.from({ length: 20 }, (_, number) => {
      const { startedAt: _startedAt, finishedAt: _finishedAt, ...run } = runOf('shop', { status: 'skipped' });
      return { ...run, id: `${number}` };
    });
    const runs = [...skipped, runOf('shop', { status: 'failed' })];
    const { ask } = await startServer(context, { schedule: view({ 'backup shop-id': runs }) });
    const entryOf = async (query: string) =>
      (await ask(`/api/schedule${query}`, { token: shopToken })).json.entries[0];
    assert.equal((await entryOf('')).runs.length, 10);
    assert.equal((await entryOf('')).lastRun.status, 'failed');
    assert.equal((await entryOf('?limit=100')).runs.length, 21);
    assert.equal((await entryOf('?limit=1')).runs.length, 1);
    for (const wrong of ['?limit=0', '?limit=101', '?limit=a', '?serviceName=shop']) {
      assert.equal((await ask(`/api/schedule${wrong}`, { token: shopToken })).status, 400, wrong);
    }
  });
});
