import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { stop } from '../../src/engine/steps/stop.ts';
import { SwarmError } from '../../src/engine/swarm.ts';
import { choice, openShop, stopStep, writesOf } from './stopped-shop.ts';

const away = new SwarmError('unavailable', 'no leader');

suite('stop', () => {
  test('notes the replicas, scales to 0, and waits until the last task has ended', async () => {
    const shop = openShop();
    const { swarm, clock } = shop.world;
    swarm.onScale(({ id }) => {
      void swarm.listTasks(id).then(tasks => {
        tasks.forEach((task, index) => {
          swarm.changeTask(task.id, { desiredState: 'remove' });
          clock.at(5000 * (index + 1), () => swarm.changeTask(task.id, { state: 'shutdown' }));
        });
      });
    });
    const outcome = await shop.stop();
    assert.deepEqual(outcome, { status: 'succeeded', message: 'Stopped: it had 2 replicas.' });
    assert.deepEqual(writesOf(shop.world), ['createConfig', 'scaleService']);
    assert.equal(await shop.replicas(), 0);
    assert.ok(clock.elapsedMs >= 10_000 && clock.elapsedMs < 11_000, `${clock.elapsedMs}`);
    const [entry] = await shop.entries();
    assert.deepEqual(
      [entry?.serviceId, entry?.serviceName, entry?.replicas, entry?.restoring, entry?.owner],
      [shop.service.id, 'shop', 2, [], shop.world.owner],
    );
    assert.deepEqual(shop.context.stopped, entry);
    assert.deepEqual(shop.progress, ['2 tasks are still to end.', '1 tasks are still to end.']);
  });

  test('has nothing to do for a backup where there are no replicas', async () => {
    const shop = openShop({ replicas: 0 });
    assert.equal((await shop.stop()).status, 'skipped');
    assert.deepEqual([writesOf(shop.world), shop.context.stopped], [[], undefined]);
  });

  test('but waits for tasks that somebody else has just told to end', async () => {
    const shop = openShop({ replicas: 0 });
    const { swarm, clock } = shop.world;
    const { id } = swarm.addTask({ serviceId: shop.service.id, desiredState: 'remove' });
    clock.at(3000, () => swarm.changeTask(id, { state: 'complete' }));
    assert.equal((await shop.stop()).status, 'skipped');
    assert.ok(clock.elapsedMs >= 3000);
  });

  test('notes for a restore which volumes it is of, also where there are no replicas', async () => {
    for (const replicas of [0, 2]) {
      const shop = openShop({ replicas });
      shop.context.chosen = [choice];
      await shop.stop();
      const [entry] = await shop.entries();
      assert.deepEqual([entry?.replicas, entry?.restoring], [replicas, [choice.place]]);
      assert.deepEqual(shop.context.stopped, entry);
    }
  });

  test('is refused while another one has the service stopped', async () => {
    const shop = openShop();
    const { id, name } = shop.service;
    await shop.world.journal.open({ serviceId: id, serviceName: name, replicas: 2, restoring: [] });
    await assert.rejects(shop.stop(), { code: 'busy' });
    assert.deepEqual([await shop.replicas(), shop.context.stopped], [2, undefined]);
  });

  test('does nothing where the note can not be written', async () => {
    const shop = openShop();
    shop.world.swarm.fail('createConfig', away, 1e9);
    await assert.rejects(shop.stop(), { code: 'unavailable' });
    assert.equal(shop.world.swarm.callsOf('scaleService').length, 0);
  });

  for (const mode of ['global', 'replicated-job'] as const) {
    test(`is refused for a ${mode} service`, async () => {
      const shop = openShop({ mode });
      await assert.rejects(shop.stop(), { code: 'unsupported_mode' });
      assert.deepEqual(writesOf(shop.world), []);
    });
  }

  test('of a service that is gone fails', async () => {
    const shop = openShop();
    shop.world.swarm.deleteService(shop.service.id);
    await assert.rejects(shop.stop(), { code: 'target_gone' });
  });
});

suite('stop and others who write the service', () => {
  test('notes what it had right before it was scaled', async () => {
    const shop = openShop();
    const { swarm } = shop.world;
    let hasCome = false;
    swarm.before('scaleService', () => {
      if (!hasCome) {
        hasCome = true;
        swarm.changeService(shop.service.id, { replicas: 5 });
      }
    });
    assert.equal((await shop.stop()).message, 'Stopped: it had 5 replicas.');
    assert.deepEqual(
      (await shop.entries()).map(({ replicas }) => replicas),
      [5],
    );
    assert.deepEqual(writesOf(shop.world), [
      ...['createConfig', 'scaleService', 'removeConfig'],
      ...['createConfig', 'scaleService'],
    ]);
  });

  test('gives up where that never ends, and leaves no note', async () => {
    const shop = openShop();
    const { swarm } = shop.world;
    swarm.before('scaleService', () => swarm.changeService(shop.service.id, {}));
    await assert.rejects(shop.stop(), { code: 'update_conflict' });
    assert.deepEqual([await shop.entries(), shop.context.stopped, await shop.replicas()], [[], undefined, 2]);
  });

  test('waits until an update is over', async () => {
    const shop = openShop({ update: { state: 'updating', message: 'update in progress' } });
    const { swarm, clock } = shop.world;
    clock.at(4000, () => {
      swarm.changeService(shop.service.id, { update: { state: 'completed', message: 'update completed' } });
    });
    assert.equal((await shop.stop()).status, 'succeeded');
    assert.ok(clock.elapsedMs >= 4000);
  });

  for (const state of ['updating', 'rollback_started'] as const) {
    test(`stops nothing where it stays ${state}`, async () => {
      const shop = openShop({ update: { state, message: '' } });
      await assert.rejects(shop.stop(), { code: 'update_conflict' });
      assert.deepEqual(writesOf(shop.world), []);
    });
  }

  test('says so where somebody starts it again at once', async () => {
    const shop = openShop();
    const { swarm, clock } = shop.world;
    swarm.onScale(() => undefined);
    clock.at(1000, () => swarm.changeService(shop.service.id, { replicas: 2 }));
    await assert.rejects(shop.stop(), { code: 'written_meanwhile' });
    assert.ok(clock.elapsedMs < 2000);
  });
});

suite('stop and a swarm that is away', () => {
  test('goes on when it is back', async () => {
    const shop = openShop();
    shop.world.swarm.fail('scaleService', away, 12);
    assert.equal((await shop.stop()).status, 'succeeded');
    assert.deepEqual([await shop.replicas(), (await shop.entries()).length], [0, 1]);
  });

  test('knows its own write of which the answer was lost', async () => {
    const shop = openShop();
    const { swarm } = shop.world;
    let isFirst = true;
    const deaf = {
      ...swarm,
      scaleService: async (...args: Parameters<typeof swarm.scaleService>) => {
        const version = await swarm.scaleService(...args);
        if (isFirst) {
          isFirst = false;
          throw away;
        }
        return version;
      },
    };
    const context = { ...shop.context, world: { ...shop.world, swarm: deaf } };
    assert.equal((await stop(context, stopStep)).message, 'Stopped: it had 2 replicas.');
    assert.deepEqual(
      (await shop.entries()).map(({ replicas }) => replicas),
      [2],
    );
  });

  test('keeps the note where it stays away: nobody knows what was done', async () => {
    const shop = openShop();
    shop.world.swarm.fail('scaleService', away, 1e9);
    await assert.rejects(shop.stop(), { code: 'unavailable' });
    assert.equal((await shop.entries()).length, 1);
    assert.equal(shop.context.stopped?.replicas, 2);
  });
});

suite('stop and tasks that do not end', () => {
  const hold = (shop: ReturnType<typeof openShop>) => {
    const { swarm } = shop.world;
    swarm.onScale(({ id }) => {
      void swarm
        .listTasks(id)
        .then(tasks => tasks.forEach(task => void swarm.changeTask(task.id, { desiredState: 'remove' })));
    });
  };

  test('gives up after its time', async () => {
    const shop = openShop();
    hold(shop);
    const outcome = await shop.stop();
    assert.deepEqual([outcome.status, outcome.error?.code], ['timed_out', 'not_stopped']);
    assert.match(
      outcome.message ?? '',
      /^2 tasks .* did not end within 30000 ms: task-\d+ on node-1 \(running\), /,
    );
    assert.equal(shop.context.stopped?.replicas, 2);
  });

  test('gives up at once where their node is down', async () => {
    const shop = openShop();
    const { swarm, clock } = shop.world;
    hold(shop);
    swarm.addNode({ id: 'node-2', hostname: 'two', state: 'down' });
    swarm.addTask({ serviceId: shop.service.id, slot: 3, nodeId: 'node-2' });
    const outcome = await shop.stop();
    assert.deepEqual([outcome.status, outcome.error?.code], ['failed', 'not_stopped']);
    assert.match(outcome.message ?? '', /^1 tasks .* on a node that is down.* on two \(running\)\.$/);
    assert.ok(clock.elapsedMs < 2000);
  });

  test('passes over what a node that is down had before, unless it holds what is backed up', async () => {
    for (const [nodeId, status] of [
      ['node-1', 'succeeded'],
      ['node-2', 'failed'],
    ] as const) {
      const shop = openShop();
      const { swarm } = shop.world;
      swarm.addNode({ id: 'node-2', hostname: 'two', state: 'down' });
      const lost = { serviceId: shop.service.id, nodeId: 'node-2', desiredState: 'shutdown' } as const;
      swarm.addTask({ ...lost, id: 'lost' });
      swarm.onScale(({ id }) => {
        swarm.deleteTasks(id);
        swarm.addTask({ ...lost, id: 'lost' });
      });
      shop.context.located = { backup: 'b', places: [{ nodeId, nodeName: 'x', volume: 'data' }] };
      assert.equal((await shop.stop()).status, status);
    }
  });

  test('passes over those that never got a node', async () => {
    const shop = openShop();
    const { swarm } = shop.world;
    swarm.onScale(({ id }) => {
      swarm.deleteTasks(id);
      swarm.addTask({
        serviceId: id,
        state: 'pending',
        desiredState: 'remove',
        ...({ nodeId: undefined } as object),
      });
    });
    assert.equal((await shop.stop()).status, 'succeeded');
  });
});
