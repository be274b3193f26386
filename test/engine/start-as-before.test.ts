import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Task } from '../../src/engine/swarm.ts';
import { choice, openShop } from './stopped-shop.ts';
import { unassigned } from './world.ts';

type Change = Partial<Task>;
const ended = { state: 'failed', desiredState: 'shutdown', exitCode: 1 } as const;
const crash: Change = { ...ended, error: 'task: non-zero exit (1)' };
const otherCrash: Change = { ...ended, exitCode: 2, error: 'task: non-zero exit (2)' };
const container = 'a1b2'.repeat(16);
const unhealthy = (id: string): Change => ({ ...ended, error: `container ${id}: dockerexec: unhealthy` });
const next: Change = { state: 'ready', desiredState: 'ready' };
const running: Change = { state: 'running' };
const nowhere: Change = {
  state: 'pending',
  error: 'no suitable node (insufficient resources on 3 nodes)',
  ...unassigned,
};

/** A shop whose slots had these tasks before its stop, and have those once it is started again. */
async function startAgain(
  before: readonly (readonly Change[])[],
  after: readonly (readonly Change[])[],
  isRestore = false,
) {
  const shop = openShop({ replicas: before.length });
  const { swarm, clock } = shop.world;
  const add = (slots: readonly (readonly Change[])[]) =>
    slots.forEach((tasks, index) => {
      tasks.forEach(task => void swarm.addTask({ serviceId: shop.service.id, slot: index + 1, ...task }));
    });
  swarm.deleteTasks(shop.service.id);
  add(before);
  swarm.onScale(({ id, replicas = 0 }) => {
    swarm.deleteTasks(id);
    add(replicas === 0 ? [] : after);
  });
  if (isRestore) {
    shop.context.chosen = [choice];
    shop.context.isSettled = true;
  }
  await shop.stop();
  const begunAtMs = clock.elapsedMs;
  const outcome = await shop.start();
  return { ...outcome, tookMs: clock.elapsedMs - begunAtMs, replicas: await shop.replicas() };
}

suite('start of a service that did not run before its stop', () => {
  const same: readonly (readonly [string, readonly (readonly Change[])[], readonly (readonly Change[])[]])[] =
    [
      ['crashes', [[crash, next]], [[crash, next]]],
      [
        'crashed differently once, long ago',
        [[{ ...otherCrash, createdAt: '2026-11-01T12:00:00Z' }, crash, next]],
        [[crash, next]],
      ],
      [
        'is killed by its health check, in another container',
        [[unhealthy(container)]],
        [[unhealthy('c3d4'.repeat(16))]],
      ],
      ['finds no node', [[nowhere]], [[nowhere]]],
      [
        'has an image that is nowhere',
        [[{ ...ended, state: 'rejected', error: 'No such image: x' }]],
        [[{ ...ended, state: 'rejected', error: 'No such image: x' }]],
      ],
      ['runs in part', [[running], [crash, next]], [[running], [crash, next]]],
    ];
  for (const [what, before, after] of same) {
    test(`does not wait where it ${what} as it did`, async () => {
      const { status, message, warnings, tookMs, replicas } = await startAgain(before, after);
      assert.deepEqual(warnings, [{ code: 'not_running', message }]);
      assert.equal(status, 'succeeded', message);
      assert.match(
        `${message}`,
        /does not run as it did not run before it was stopped: \d of \d replicas? running\./,
      );
      assert.ok(tookMs < 5000, `${tookMs}`);
      assert.equal(replicas, before.length);
    });
  }

  const other: typeof same = [
    ['ran', [[running]], [[crash, next]]],
    ['crashed in another way', [[otherCrash, next]], [[crash, next]]],
    [
      'ran in part, and runs in less',
      [[running], [crash, next]],
      [
        [crash, next],
        [crash, next],
      ],
    ],
    ['crashed, and starts still', [[crash, next]], [[{ state: 'starting' }]]],
    ['was starting', [[{ state: 'starting' }]], [[crash, next]]],
  ];
  for (const [what, before, after] of other) {
    test(`waits where it ${what}`, async () => {
      const { error, tookMs } = await startAgain(before, after);
      assert.equal(error?.code, 'not_started');
      assert.ok(tookMs >= 50_000);
    });
  }

  test('says so where it runs now', async () => {
    const { message } = await startAgain([[crash, next]], [[running]]);
    assert.equal(message, '1 of 1 replica running.');
  });

  test('after a restore does not call that good: it was to mend the service', async () => {
    const { error, tookMs } = await startAgain([[crash, next]], [[crash, next]], true);
    assert.equal(error?.code, 'not_started');
    assert.ok(tookMs < 5000);
  });
});
