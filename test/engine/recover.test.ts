import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createJournal } from '../../src/engine/journal.ts';
import { runOperation } from '../../src/engine/run-operation.ts';
import { SwarmError } from '../../src/engine/swarm.ts';
import { addStopped, dead, living, openWorld } from './recovery-scene.ts';
import { choice, letHelpersFind } from './stopped-shop.ts';
import { addShop, contentOf, createRecorder, newImage, type TestWorld, unassigned } from './world.ts';

const away = new SwarmError('unavailable', 'no leader');
const helper = 'swarm-utils-upload-shop-0123456789';
const secret = 'swarm-utils-upload-shop-0123456789-89abcdef';

const addHelper = ({ swarm }: TestWorld, owner: string, name = helper, image = 'offen:2') =>
  swarm.addService({ name, image, labels: { 'swarm-utils.helper': owner } });

suite('what an owner that is gone has left', () => {
  test('is removed or mended before anything else: helpers, then secrets, then services', async () => {
    const { world, swarm, recovery, mended } = openWorld();
    const { shop } = await addStopped(world);
    const { id } = addHelper(world, dead);
    swarm.addTask({ serviceId: id, state: 'complete' });
    await swarm.createSecret({ name: secret, value: 'canary', owner: dead });
    swarm.forgetCalls();
    await recovery.begin(20_000);
    recovery.stop();
    assert.deepEqual(mended, [
      `helper ${helper}: removed`,
      `secret ${secret}: removed`,
      'service shop: started again, 3 replicas',
    ]);
    const { replicas, previousReplicas } = (await swarm.getService(shop.id)) ?? {};
    assert.deepEqual([replicas, previousReplicas], [3, 3]);
    assert.deepEqual(
      [
        await swarm.listServices('swarm-utils.helper'),
        await swarm.listHelperSecrets(),
        await world.journal.list(),
      ],
      [[], [], []],
    );
    const writes = swarm.calls.map(({ method }) => method).filter(method => /^(remove|scale)/.test(method));
    assert.deepEqual(writes, [
      'removeService',
      'removeSecret',
      'scaleService',
      'scaleService',
      'removeConfig',
    ]);
  });

  test('is let be where its owner is alive, and found once that one has been killed', async () => {
    const { world, swarm, clock, recovery, mended } = openWorld();
    await addStopped(world, `${living}/1`);
    addHelper(world, `${living}/1`);
    await swarm.createSecret({ name: secret, value: 'canary', owner: `${living}/1` });
    await recovery.begin(20_000);
    assert.deepEqual(mended, []);
    // At once: there is nothing to wait for.
    assert.ok(clock.elapsedMs < 1000);
    swarm.deleteService('another-swarm-utils-id');
    await clock.sleep(25_000);
    recovery.stop();
    assert.equal(mended.length, 3);
  });

  test('also when it was in an earlier life of this very container', async () => {
    const { world, recovery, mended } = openWorld();
    addHelper(world, `${world.owner}/0`);
    await recovery.begin(20_000);
    recovery.stop();
    assert.deepEqual(mended, [`helper ${helper}: removed`]);
  });

  test('and is not told by its label alone, which anybody can write', async () => {
    const { world, swarm, recovery, mended } = openWorld();
    addHelper(world, dead, 'shop-of-somebody');
    addHelper(world, dead, 'swarm-utils_swarm-utils');
    await swarm.createSecret({ name: 'password-of-somebody', value: 'x', owner: dead });
    await recovery.begin(20_000);
    recovery.stop();
    assert.deepEqual(mended, []);
    assert.deepEqual(swarm.callsOf('removeService'), []);
  });

  test('of a helper at work: waits until it has stopped before its service is started', async () => {
    const { world, swarm, clock, recovery } = openWorld();
    const { shop } = await addStopped(world);
    const { id } = addHelper(world, dead);
    const task = swarm.addTask({ serviceId: id, state: 'running' });
    let scaledAtMs = 0;
    const tasks = { ...task };
    swarm.before('removeService', () => {
      clock.at(clock.elapsedMs + 4000, () => Object.assign(tasks, { state: 'shutdown' }));
    });
    swarm.before('getTask', () => undefined);
    const getTask = swarm.getTask;
    Object.assign(swarm, {
      getTask: async (taskId: string) => (taskId === task.id ? tasks : getTask(taskId)),
    });
    swarm.onScale(() => {
      scaledAtMs ||= clock.elapsedMs;
    });
    await recovery.begin(20_000);
    recovery.stop();
    assert.ok(scaledAtMs >= 4000, `${scaledAtMs}`);
    assert.equal((await swarm.getService(shop.id))?.replicas, 3);
  });
});

suite('a service that was left stopped', () => {
  test('keeps what somebody else gave it', async () => {
    const { world, swarm, recovery, mended } = openWorld();
    const { shop } = await addStopped(world);
    swarm.changeService(shop.id, { replicas: 1, previousReplicas: 0 });
    await recovery.begin(20_000);
    recovery.stop();
    assert.deepEqual(mended, ['service shop: it has 1 replica']);
    assert.equal((await swarm.getService(shop.id))?.replicas, 1);
    assert.deepEqual(await world.journal.list(), []);
  });

  test('gets what a rollback would bring back, where the process ended right after the start', async () => {
    const { world, swarm, recovery } = openWorld();
    const { shop } = await addStopped(world);
    for (const slot of [1, 2, 3]) {
      swarm.addTask({ serviceId: shop.id, slot });
    }
    swarm.changeService(shop.id, { replicas: 3, previousReplicas: 0 });
    await recovery.begin(20_000);
    recovery.stop();
    assert.equal((await swarm.getService(shop.id))?.previousReplicas, 3);
  });

  test('on volumes that are half restored is started when they are whole, and not before', async () => {
    const { world, swarm, clock, recovery, mended, failed } = openWorld();
    const shop = addShop(world, { replicas: 0, volumes: ['data'] });
    const stopped = { serviceId: shop.id, serviceName: 'shop', replicas: 2, restoring: [choice.place] };
    await createJournal(swarm, dead).open(stopped);
    letHelpersFind(world, undefined);
    await recovery.begin(3000);
    assert.deepEqual([failed, mended], [['service shop'], []]);
    assert.equal((await swarm.getService(shop.id))?.replicas, 0);
    letHelpersFind(world, 'complete');
    await clock.sleep(10_000);
    recovery.stop();
    assert.deepEqual(mended, ['service shop: started again, 2 replicas']);
    assert.equal((await swarm.getService(shop.id))?.replicas, 2);
  });

  test('is not written again before its tasks have a node, and is known to be started', async () => {
    const { world, swarm, clock, recovery, mended } = openWorld();
    const { shop } = await addStopped(world, dead, 1);
    swarm.onScale(({ id }) => {
      swarm.deleteTasks(id);
      swarm.addTask({ serviceId: id, id: 'waiting', state: 'pending', ...unassigned });
    });
    await recovery.begin(10_000);
    const scaled = () => swarm.callsOf('scaleService').length;
    assert.deepEqual([scaled(), mended], [1, ['service shop: started again, 1 replica']]);
    assert.equal((await world.journal.list()).length, 1);
    swarm.onScale(() => undefined);
    swarm.changeTask('waiting', { state: 'running', nodeId: 'node-1' });
    await clock.sleep(10_000);
    recovery.stop();
    assert.deepEqual([scaled(), mended.length, await world.journal.list()], [2, 1, []]);
    assert.equal((await swarm.getService(shop.id))?.previousReplicas, 1);
  });

  test('and is gone is forgotten', async () => {
    const { world, swarm, recovery, mended } = openWorld();
    const { shop } = await addStopped(world);
    swarm.deleteService(shop.id);
    await recovery.begin(20_000);
    recovery.stop();
    assert.deepEqual(mended, ['service shop: it is gone, so there was nothing to start']);
    assert.deepEqual(await world.journal.list(), []);
  });

  test('by this process is let be while an operation has its lock, and mended after', async () => {
    const { world, swarm, clock, lock, recovery, mended } = openWorld();
    const { shop } = await addStopped(world, world.owner);
    const held = Promise.withResolvers<void>();
    const operation = lock.run(shop.id, undefined, () => held.promise);
    await recovery.begin(20_000);
    assert.deepEqual([mended, swarm.callsOf('scaleService')], [[], []]);
    held.resolve();
    await operation;
    await clock.sleep(25_000);
    recovery.stop();
    assert.deepEqual(mended, ['service shop: started again, 3 replicas']);
  });
});

suite('helpers and secrets of this process', () => {
  test('that are at work are let be', async () => {
    const { world, swarm, recovery, mended } = openWorld();
    world.namesInUse.add(helper).add(secret);
    addHelper(world, world.owner);
    await swarm.createSecret({ name: secret, value: 'canary', owner: world.owner });
    await recovery.begin(20_000);
    recovery.stop();
    assert.deepEqual(mended, []);
  });

  test('that it could not clear away are cleared away later', async () => {
    const { world, swarm, recovery, mended } = openWorld();
    addHelper(world, world.owner);
    await swarm.createSecret({ name: secret, value: 'canary', owner: world.owner });
    await recovery.begin(20_000);
    recovery.stop();
    assert.deepEqual(mended, [`helper ${helper}: removed`, `secret ${secret}: removed`]);
  });
});

suite('one failure', () => {
  test('does not stop the others, is told once, and tried again', async () => {
    const { world, swarm, clock, recovery, mended, failed } = openWorld();
    const { shop } = await addStopped(world);
    addHelper(world, dead);
    swarm.fail('removeService', new SwarmError('rejected', 'not today'), 3);
    await recovery.begin(8000);
    assert.deepEqual(failed, [`helper ${helper}`]);
    assert.deepEqual(mended, ['service shop: started again, 3 replicas']);
    assert.equal((await swarm.getService(shop.id))?.replicas, 3);
    await clock.sleep(20_000);
    recovery.stop();
    assert.deepEqual(failed, [`helper ${helper}`]);
    assert.deepEqual(mended.at(-1), `helper ${helper}: removed`);
  });

  test('of the swarm is told once, waited for with a bound, and mended when it is back', async () => {
    const { world, swarm, clock, recovery, mended, awayTold } = openWorld();
    await addStopped(world);
    swarm.fail('listServices', away, 5);
    await recovery.begin(12_000);
    assert.ok(clock.elapsedMs >= 12_000 && clock.elapsedMs < 13_000, `${clock.elapsedMs}`);
    assert.deepEqual([mended, awayTold], [[], [away]]);
    await clock.sleep(30_000);
    recovery.stop();
    assert.deepEqual([mended.length, awayTold.length], [1, 1]);
  });
});

suite('an operation on a service that was left stopped', () => {
  const update = async (world: TestWorld, shopId: string) => {
    const recorder = createRecorder();
    const service = (await world.swarm.getService(shopId)) ?? assert.fail();
    const image = { registry: 'registry.test', repository: 'acme/shop', tag: '2' };
    const end = await runOperation(world, contentOf(service, { image }), recorder.listener);
    return { end, recorder };
  };

  test('brings it back first, waits until it runs, and says so', async () => {
    const { world, swarm, clock } = openWorld();
    const { shop } = await addStopped(world);
    swarm.onScale(({ id }) => {
      swarm.deleteTasks(id);
      clock.at(clock.elapsedMs + 3000, () => {
        for (const slot of [1, 2, 3]) {
          swarm.addTask({ serviceId: id, slot });
        }
      });
    });
    const { end, recorder } = await update(world, shop.id);
    assert.equal(end.status, 'succeeded', JSON.stringify(end));
    assert.equal(recorder.ends()[0], 'mend succeeded');
    assert.match(
      recorder.reports[0]?.message ?? '',
      /left the service stopped: started again, 3 replicas\.$/,
    );
    const { image, replicas } = (await swarm.getService(shop.id)) ?? {};
    assert.deepEqual([image, replicas], [newImage, 3]);
    assert.deepEqual(await world.journal.list(), []);
  });

  test('is refused while another one, which is alive, is at work on it', async () => {
    const { world, swarm } = openWorld();
    const { shop } = await addStopped(world, `${living}/1`);
    const { end } = await update(world, shop.id);
    assert.deepEqual([end.status, end.error?.code], ['failed', 'busy']);
    assert.equal((await swarm.getService(shop.id))?.replicas, 0);
    assert.equal((await world.journal.list()).length, 1);
  });

  test('goes on where its tasks do not come to run: it may be what mends them', async () => {
    const { world, swarm } = openWorld();
    const { shop } = await addStopped(world);
    swarm.onScale(({ id }) => swarm.deleteTasks(id));
    const { end } = await update(world, shop.id);
    assert.equal(end.status, 'succeeded');
  });
});
