import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { SwarmError } from '../../src/engine/swarm.ts';
import { choice, letHelpersFind, openShop, writesOf } from './stopped-shop.ts';
import { secret, type TestWorld, unassigned } from './world.ts';

const away = new SwarmError('unavailable', 'no leader');

async function openStopped(...args: Parameters<typeof openShop>) {
  const shop = openShop(...args);
  await shop.stop();
  shop.world.swarm.forgetCalls();
  shop.progress.length = 0;
  return shop;
}

suite('start', () => {
  test('brings back what it had, also for a rollback, and forgets the note when it is done', async () => {
    const shop = await openStopped({ replicas: 3 });
    assert.deepEqual(await shop.start(), { status: 'succeeded', message: '3 of 3 replicas running.' });
    assert.deepEqual(writesOf(shop.world), ['scaleService', 'scaleService', 'removeConfig']);
    const { replicas, previousReplicas } = await shop.now();
    assert.deepEqual([replicas, previousReplicas], [3, 3]);
    assert.deepEqual(await shop.entries(), []);
  });

  test('is done when tasks that are not to run on have come to their good end, and not for those of before', async () => {
    const shop = openShop({ replicas: 2, restartCondition: 'on-failure' });
    const { swarm, clock } = shop.world;
    const ended = { state: 'complete', desiredState: 'shutdown', exitCode: 0 } as const;
    await shop.stop();
    for (const slot of [1, 2]) {
      swarm.addTask({ serviceId: shop.service.id, slot, ...ended, createdAt: '2020-01-01T00:00:00Z' });
    }
    swarm.onScale(({ id, replicas }) => {
      assert.equal(replicas, 2);
      clock.at(clock.elapsedMs + 5000, () => {
        swarm.addTask({ serviceId: id, slot: 1, ...ended });
        swarm.addTask({ serviceId: id, slot: 2 });
      });
      swarm.onScale(() => undefined);
    });
    const startedAtMs = clock.elapsedMs;
    const outcome = await shop.start();
    assert.deepEqual(outcome, { status: 'succeeded', message: '1 of 2 replicas running, 1 ended well.' });
    assert.ok(clock.elapsedMs - startedAtMs >= 5000);
    assert.deepEqual([(await shop.now()).previousReplicas, await shop.entries()], [2, []]);
  });

  test('has nothing to do where nothing was stopped', async () => {
    const shop = openShop();
    assert.equal((await shop.start()).status, 'skipped');
    assert.deepEqual(writesOf(shop.world), []);
  });

  test('leaves a service without replicas so, and forgets the note', async () => {
    const shop = openShop({ replicas: 0 });
    shop.context.chosen = [choice];
    shop.context.isSettled = true;
    await shop.stop();
    assert.equal((await shop.start()).status, 'succeeded');
    assert.deepEqual([await shop.replicas(), await shop.entries()], [0, []]);
  });

  test('after a stop that did not come to its end starts nothing beside what still runs, and leaves that to the recovery', async () => {
    const shop = openShop();
    const { swarm, clock, leftBehind } = shop.world;
    swarm.onScale(() => undefined);
    assert.equal((await shop.stop()).error?.code, 'not_stopped');
    const stoppedAtMs = clock.elapsedMs;
    await assert.rejects(shop.start(), {
      code: 'not_stopped',
      message:
        /^The service stays stopped: 2 tasks of it may still run: task-\d+ on node-1 \(running\), .*starts it by itself/,
    });
    // The tasks had their time already.
    assert.ok(clock.elapsedMs - stoppedAtMs < 1000);
    assert.equal(swarm.callsOf('scaleService').length, 1);
    assert.deepEqual([await shop.replicas(), (await shop.entries()).length], [0, 1]);
    await leftBehind.wait(clock, 60_000);
    assert.ok(clock.elapsedMs - stoppedAtMs < 1000, 'the recovery was not called');
  });

  test('after a stop that was cut off waits for the tasks that still have time to end', async () => {
    const shop = openShop({ stopGraceMs: 40_000 });
    const { swarm, clock } = shop.world;
    swarm.onScale(({ id, replicas }) => {
      if (replicas === 0) {
        clock.at(35_000, () => swarm.deleteTasks(id));
        swarm.fail('listTasks', away, 1e9);
      } else {
        assert.ok(clock.elapsedMs >= 35_000, 'two at a time');
        swarm.addTask({ serviceId: id });
        swarm.addTask({ serviceId: id });
      }
    });
    await assert.rejects(shop.stop(), { code: 'unavailable' });
    swarm.fail('listTasks', away, 0);
    assert.equal((await shop.start()).status, 'succeeded');
    assert.deepEqual([await shop.replicas(), await shop.entries()], [2, []]);
  });

  test('after a stop that went well does not wait for a node that has gone down since', async () => {
    const shop = await openStopped({
      mounts: [{ type: 'volume', source: 'data', driverOptions: { type: 'nfs' } }],
    });
    shop.world.swarm.addNode({ id: 'node-1', state: 'down' });
    shop.world.swarm.addNode({ id: 'node-2' });
    assert.equal((await shop.start()).status, 'succeeded');
  });

  test('after a stop that never scaled it leaves it as it is', async () => {
    const shop = openShop();
    shop.world.swarm.fail('scaleService', new SwarmError('rejected', 'no'));
    await assert.rejects(shop.stop(), { code: 'rejected' });
    shop.world.swarm.forgetCalls();
    assert.equal((await shop.start()).status, 'succeeded');
    assert.deepEqual(writesOf(shop.world), ['removeConfig']);
  });

  test('of a service that is gone fails, and forgets the note', async () => {
    const shop = await openStopped();
    shop.world.swarm.deleteService(shop.service.id);
    assert.equal((await shop.start()).error?.code, 'target_gone');
    assert.deepEqual(await shop.entries(), []);
  });
});

suite('start after a restore', () => {
  const openRestored = async (isSettled: boolean | undefined, state: string | undefined) => {
    const shop = openShop({ volumes: ['data'] });
    shop.context.chosen = [choice];
    await shop.stop();
    if (isSettled !== undefined) {
      shop.context.isSettled = isSettled;
    }
    letHelpersFind(shop.world, state);
    shop.world.swarm.forgetCalls();
    return shop;
  };
  const order = ({ world }: { world: TestWorld }) =>
    world.swarm.calls
      .map(({ method }) => method)
      .filter(method => /^(createHelper|scaleService)$/.test(method));

  test('does not look at volumes that are known to be whole', async () => {
    const shop = await openRestored(true, undefined);
    assert.equal((await shop.start()).status, 'succeeded');
    assert.deepEqual(order(shop), ['scaleService', 'scaleService']);
  });

  test('first brings to its end what lies half done in the volumes', async () => {
    for (const isSettled of [undefined, false]) {
      const shop = await openRestored(isSettled, 'complete');
      assert.equal((await shop.start()).status, 'succeeded');
      assert.deepEqual(order(shop).slice(-2), ['scaleService', 'scaleService']);
      assert.equal(order(shop)[0], 'createHelper');
    }
  });

  test('does that no sooner than nothing runs on them any more', async () => {
    const shop = openShop({ volumes: ['data'] });
    const { swarm } = shop.world;
    shop.context.chosen = [choice];
    swarm.onScale(() => undefined);
    await shop.stop();
    await assert.rejects(shop.start(), { code: 'not_stopped' });
    assert.deepEqual([swarm.callsOf('createHelper'), (await shop.entries()).length], [[], 1]);
  });

  test('starts nothing where that fails, and leaves the note of it', async () => {
    const shop = await openRestored(false, undefined);
    await assert.rejects(shop.start(), { code: 'restore_failed', message: /stays stopped until they are/ });
    assert.equal(await shop.replicas(), 0);
    assert.deepEqual(
      (await shop.entries()).map(({ restoring }) => restoring),
      [[choice.place]],
    );
  });
});

suite('start and others who wrote the service meanwhile', () => {
  test('leaves the replicas that they gave it, and does not call that good', async () => {
    const shop = await openStopped();
    shop.world.swarm.changeService(shop.service.id, { replicas: 1 });
    shop.world.swarm.addTask({ serviceId: shop.service.id });
    const { status, error } = await shop.start();
    assert.deepEqual([status, error?.code], ['failed', 'written_meanwhile']);
    assert.match(error?.message ?? '', /It has 1 replica now\.$/);
    assert.deepEqual(writesOf(shop.world), ['removeConfig']);
    assert.equal(await shop.replicas(), 1);
  });

  test('starts it again where they gave it none, and does not call that good either', async () => {
    const shop = await openStopped();
    shop.world.swarm.changeService(shop.service.id, { image: 'registry.test/acme/shop:3' });
    const { error } = await shop.start();
    assert.equal(error?.code, 'written_meanwhile');
    const { replicas, image } = await shop.now();
    assert.deepEqual([replicas, image], [2, 'registry.test/acme/shop:3']);
    assert.deepEqual(await shop.entries(), []);
  });

  test('writes again what was out of sequence', async () => {
    const shop = await openStopped();
    shop.world.swarm.fail('scaleService', new SwarmError('out_of_sequence', 'update out of sequence'), 3);
    assert.equal((await shop.start()).status, 'succeeded');
    assert.equal(await shop.replicas(), 2);
  });

  test('keeps the note where that never ends', async () => {
    const shop = await openStopped();
    shop.world.swarm.fail('scaleService', new SwarmError('out_of_sequence', 'update out of sequence'), 1e9);
    await assert.rejects(shop.start(), { code: 'update_conflict' });
    assert.equal((await shop.entries()).length, 1);
  });
});

suite('start and a swarm that is away', () => {
  test('goes on when it is back', async () => {
    const shop = await openStopped();
    shop.world.swarm.fail('getService', away, 20);
    shop.world.swarm.fail('scaleService', away, 3);
    shop.world.swarm.fail('removeConfig', away, 10);
    assert.equal((await shop.start()).status, 'succeeded');
    assert.deepEqual([await shop.replicas(), await shop.entries()], [2, []]);
  });

  test('leaves the note where it stays away', async () => {
    const shop = await openStopped();
    shop.world.swarm.fail('getService', away, 1e9);
    await assert.rejects(shop.start(), { code: 'unavailable' });
    shop.world.swarm.fail('getService', away, 0);
    assert.equal((await shop.entries()).length, 1);
  });
});

suite('start and tasks that do not run', () => {
  test('writes the service no second time while a task has no node: the swarm would forget it', async () => {
    const shop = await openStopped();
    const { swarm } = shop.world;
    swarm.onScale(({ id }) => {
      swarm.deleteTasks(id);
      swarm.addTask({ serviceId: id });
      swarm.addTask({ serviceId: id, state: 'pending', error: 'no suitable node', ...unassigned });
    });
    assert.equal((await shop.start()).error?.code, 'not_started');
    const { replicas, previousReplicas } = await shop.now();
    assert.deepEqual([replicas, previousReplicas], [2, 0]);
    // For the recovery, which does it later.
    assert.equal((await shop.entries()).length, 1);
  });

  test('waits as long as a task may be pending, and longer', async () => {
    const shop = await openStopped();
    const { swarm, clock } = shop.world;
    swarm.onScale(() => undefined);
    clock.at(45_000, () => {
      swarm.addTask({ serviceId: shop.service.id });
      swarm.addTask({ serviceId: shop.service.id });
    });
    assert.equal((await shop.start()).status, 'succeeded');
    assert.ok(clock.elapsedMs >= 45_000);
    assert.deepEqual(shop.progress, ['0 of 2 replicas running.', '2 of 2 replicas running.']);
  });

  test('says why, and leaves the replicas', async () => {
    const shop = await openStopped();
    const { swarm, clock } = shop.world;
    swarm.onScale(({ id }) => {
      swarm.deleteTasks(id);
      const task = { serviceId: id, state: 'failed', desiredState: 'shutdown' } as const;
      const failed = swarm.addTask({ ...task, error: `exit (1) ${secret}`, exitCode: 1 });
      swarm.setLogs(failed.id, ['database is broken', secret]);
      // The swarm's next attempts.
      swarm.addTask({ serviceId: id, state: 'starting' });
      swarm.addTask({ serviceId: id, state: 'ready', desiredState: 'ready' });
    });
    const { status, error, tasks } = await shop.start();
    assert.deepEqual([status, error?.code], ['failed', 'not_started']);
    assert.match(
      error?.message ?? '',
      /after 50000 ms only 0 of 2 replicas running\. exit \(1\) \[redacted\]\./,
    );
    assert.deepEqual(tasks?.[0]?.logs, ['database is broken', '[redacted]']);
    assert.ok(clock.elapsedMs < 51_000);
    assert.deepEqual([await shop.replicas(), await shop.entries()], [2, []]);
  });

  test('has timed out where none failed, and names what they wait for', async () => {
    const shop = await openStopped();
    const { swarm } = shop.world;
    swarm.onScale(({ id }) => {
      swarm.deleteTasks(id);
      swarm.addTask({ serviceId: id, state: 'pending', error: 'no suitable node', ...unassigned });
    });
    const { status, error } = await shop.start();
    assert.deepEqual([status, error?.code], ['timed_out', 'not_started']);
    assert.match(error?.message ?? '', /no suitable node/);
  });
});
