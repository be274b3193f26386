import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { stop } from '../../src/engine/steps/stop.ts';
import { SwarmError } from '../../src/engine/swarm.ts';
import { choice, openShop, stopStep, writesOf } from './stopped-shop.ts';
import { unassigned } from './world.ts';

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
    assert.deepEqual(shop.context.stopped?.entry, entry);
    assert.deepEqual(shop.progress, ['2 tasks still to end.', '1 task still to end.']);
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
      assert.deepEqual(shop.context.stopped?.entry, entry);
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
    assert.equal(shop.context.stopped?.entry.replicas, 2);
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
  const nfs = { type: 'volume', source: 'data', driverOptions: { type: 'nfs' } } as const;

  test('gives up after its time, and says that the service stays stopped until they end', async () => {
    const shop = openShop();
    hold(shop);
    const { status, error, message = '' } = await shop.stop();
    assert.deepEqual([status, error?.code], ['timed_out', 'not_stopped']);
    assert.match(
      message,
      /^2 tasks of the service did not end within 30000 ms: task-\d+ on node-1 \(running\), /,
    );
    assert.match(message, /stays stopped until nothing of it runs any more; then swarm-utils starts it/);
    assert.match(message, /swarm-utils\.backup\.stop\.timeout gives them more time/);
    assert.equal(shop.context.stopped?.entry.replicas, 2);
  });

  test('promises no start where it stopped nothing', async () => {
    const shop = openShop({ replicas: 0 });
    shop.world.swarm.addTask({ serviceId: shop.service.id, desiredState: 'remove' });
    const { error, message = '' } = await shop.stop();
    assert.equal(error?.code, 'not_stopped');
    assert.doesNotMatch(message, /starts it/);
  });

  test('gives them their grace period and more, whatever the label says', async () => {
    for (const stopGraceMs of [75_000, 30 * 24 * 3_600_000]) {
      const shop = openShop({ stopGraceMs });
      const { swarm, clock } = shop.world;
      hold(shop);
      clock.at(84_000, () => swarm.deleteTasks(shop.service.id));
      assert.equal((await shop.stop()).status, 'succeeded');
      assert.ok(clock.elapsedMs >= 84_000);
    }
  });

  test('goes by the grace period that a task was made with', async () => {
    const shop = openShop({ stopGraceMs: 1000 });
    const { swarm, clock } = shop.world;
    swarm.addTask({ serviceId: shop.service.id, slot: 3, stopGraceMs: 60_000 });
    hold(shop);
    clock.at(69_000, () => swarm.deleteTasks(shop.service.id));
    assert.equal((await shop.stop()).status, 'succeeded');
  });

  test('gives up at once where a node goes down that holds what is backed up', async () => {
    const shop = openShop();
    const { swarm, clock } = shop.world;
    hold(shop);
    swarm.addNode({ id: 'node-2', hostname: 'two' });
    swarm.addTask({ serviceId: shop.service.id, slot: 3, nodeId: 'node-2' });
    shop.context.located = { backup: 'b', places: [{ nodeId: 'node-2', nodeName: 'two', volume: 'data' }] };
    clock.at(4000, () => swarm.addNode({ id: 'node-2', hostname: 'two', state: 'down' }));
    const { status, error, message = '' } = await shop.stop();
    assert.deepEqual([status, error?.code], ['failed', 'not_stopped']);
    assert.match(
      message,
      /^1 task of the service may still run: task-\d+ on two \(node down\)\. two is down/,
    );
    assert.match(message, /docker node rm --force node-2/);
    assert.ok(clock.elapsedMs < 6000);
  });

  test('does not wait for a node that is down and holds nothing that the operation is about', async () => {
    const shop = openShop();
    const { swarm } = shop.world;
    swarm.addNode({ id: 'node-2', hostname: 'two', state: 'down' });
    swarm.onScale(({ id }) => {
      swarm.deleteTasks(id);
      swarm.addTask({ serviceId: id, nodeId: 'node-2', desiredState: 'shutdown' });
    });
    shop.context.located = { backup: 'b', places: [{ nodeId: 'node-1', nodeName: 'one', volume: 'data' }] };
    assert.equal((await shop.stop()).status, 'succeeded');
  });

  suite('on a node that was down before', () => {
    const openLost = (change: Parameters<typeof openShop>[0], home = 'node-1') => {
      const shop = openShop(change);
      const { swarm } = shop.world;
      swarm.addNode({ id: 'node-2', hostname: 'two', state: 'down' });
      const lost = { serviceId: shop.service.id, nodeId: 'node-2', desiredState: 'shutdown' } as const;
      swarm.addTask({ ...lost, id: 'lost' });
      swarm.onScale(({ id }) => {
        swarm.deleteTasks(id);
        swarm.addTask({ ...lost, id: 'lost' });
      });
      shop.context.located = { backup: 'b', places: [{ nodeId: home, nodeName: 'x', volume: 'data' }] };
      return shop;
    };
    const cases = [
      ['holds what is backed up', {}, 'node-2'],
      ['may write to the same storage', { mounts: [nfs] }, 'node-1'],
      [
        'may write to a cluster volume',
        { mounts: [{ type: 'cluster', source: 'c', driverOptions: {} }] },
        'node-1',
      ],
      [
        'may write to what a driver mounts that nobody can judge',
        { mounts: [{ ...nfs, driver: 'vieux/sshfs', driverOptions: {} }] },
        'node-1',
      ],
      [
        'may write to what the label says is one storage',
        { labels: { 'swarm-utils.backup.volumes.shared': 'true' } },
        'node-1',
      ],
    ] as const;
    for (const [what, change, home] of cases) {
      test(`and ${what}: touches nothing`, async () => {
        const shop = openLost(change, home);
        await assert.rejects(shop.stop(), {
          code: 'not_stopped',
          message:
            /^1 task of the service may still run: lost on two \(node down\)\. .* Nothing was touched\.$/,
        });
        assert.deepEqual([writesOf(shop.world), shop.context.stopped], [[], undefined]);
      });

      test(`and ${what}: stops it where an admin says that nothing runs there`, async () => {
        const shop = openLost(change, home);
        const context = { ...shop.context, deadNodeIds: ['node-2'] };
        assert.equal((await stop(context, stopStep)).status, 'succeeded');
        assert.deepEqual((await shop.entries())[0]?.deadNodeIds, ['node-2']);
      });
    }

    test('and has volumes of its own, or folders, or what the label says is its own: stops it', async () => {
      const bind = { type: 'bind', source: '/srv/data', driverOptions: {} } as const;
      const folder = { ...nfs, driverOptions: { type: 'none', o: 'bind', device: '/srv/data' } };
      for (const change of [
        { volumes: ['data'] },
        { mounts: [bind, folder] },
        { mounts: [nfs], labels: { 'swarm-utils.backup.volumes.shared': 'false' } },
      ]) {
        assert.equal((await openLost(change).stop()).status, 'succeeded');
      }
    });
  });

  test('notes on which nodes it had tasks, and not where they have ended', async () => {
    const shop = openShop();
    const { swarm } = shop.world;
    swarm.addNode({ id: 'node-2' });
    swarm.addTask({
      serviceId: shop.service.id,
      nodeId: 'node-2',
      state: 'failed',
      desiredState: 'shutdown',
    });
    await shop.stop();
    assert.deepEqual((await shop.entries())[0]?.nodeIds, ['node-1']);
  });

  test('passes over those that never got a node', async () => {
    const shop = openShop();
    const { swarm } = shop.world;
    swarm.onScale(({ id }) => {
      swarm.deleteTasks(id);
      swarm.addTask({ serviceId: id, state: 'pending', desiredState: 'remove', ...unassigned });
    });
    assert.equal((await shop.stop()).status, 'succeeded');
  });

  test('but waits for one that is still to get its node', async () => {
    const shop = openShop();
    const { swarm, clock } = shop.world;
    swarm.onScale(({ id }) => {
      swarm.deleteTasks(id);
      swarm.addTask({ serviceId: id, id: 'coming', state: 'pending', ...unassigned });
      clock.at(2000, () => swarm.deleteTasks(id));
    });
    assert.equal((await shop.stop()).status, 'succeeded');
    assert.ok(clock.elapsedMs >= 2000);
  });
});
