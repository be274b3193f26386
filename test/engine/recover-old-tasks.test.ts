import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { authorize, redeemLabelToken } from '../../src/core/authorize.ts';
import { serviceTarget } from '../../src/core/target.ts';
import { runOperation } from '../../src/engine/run-operation.ts';
import type { Service } from '../../src/engine/swarm.ts';
import { addStopped, dead, openWorld } from './recovery-scene.ts';
import { choice, letHelpersFind } from './stopped-shop.ts';
import { createRecorder } from './world.ts';

const nfs = { type: 'volume', source: 'data', driverOptions: { type: 'nfs' } } as const;
const pinned = { constraints: ['node.hostname==two'] };

/** The shop, stopped by a process that was killed, with an old task on the second of three nodes. */
async function openOld(change: Parameters<typeof addStopped>[3] = {}) {
  const scene = openWorld();
  const { world, swarm } = scene;
  swarm.addNode({ id: 'node-2', hostname: 'two' });
  swarm.addNode({ id: 'node-3', hostname: 'three' });
  const { shop } = await addStopped(world, dead, 1, change);
  swarm.addTask({ serviceId: shop.id, id: 'old', nodeId: 'node-2', desiredState: 'remove' });
  let startedAtMs: number | undefined;
  swarm.onScale(({ id }) => {
    startedAtMs ??= scene.clock.elapsedMs;
    swarm.deleteTasks(id);
    swarm.addTask({ serviceId: id, nodeId: 'node-3' });
  });
  return {
    ...scene,
    shop,
    goesDown: () => void swarm.addNode({ id: 'node-2', hostname: 'two', state: 'down' }),
    comesBack: () => void swarm.addNode({ id: 'node-2', hostname: 'two' }),
    isForgotten: () => swarm.deleteTasks(shop.id),
    /** Runs the recovery for so long. */
    async recover(ms: number) {
      await scene.recovery.begin(ms);
      const left = ms - scene.clock.elapsedMs;
      await scene.clock.sleep(Math.max(1, left));
      scene.recovery.stop();
    },
    startedAtMs: () => startedAtMs,
    replicas: async () => (await swarm.getService(shop.id))?.replicas,
  };
}

suite('a service that was left stopped while an old task of it runs', () => {
  test('is started as soon as that has ended, and not before', async () => {
    const { swarm, clock, recover, startedAtMs, mended, failed, errors } = await openOld();
    clock.at(47_300, () => swarm.deleteTasks('shop-id'));
    await recover(60_000);
    const at = startedAtMs() ?? 0;
    assert.ok(at >= 47_300 && at < 48_500, `${at}`);
    assert.deepEqual([failed, mended], [['service shop'], ['service shop: started again, 1 replica']]);
    assert.match(String(errors[0]), /old on two \(running\)\. swarm-utils starts it by itself as soon as/);
  });

  test('is restored no sooner than that', async () => {
    const scene = await openOld({ entry: { restoring: [choice.place] } });
    letHelpersFind(scene.world, 'complete');
    scene.clock.at(20_000, () => scene.swarm.deleteTasks('shop-id'));
    scene.swarm.before('createHelper', () => assert.ok(scene.clock.elapsedMs >= 20_000));
    await scene.recover(40_000);
    assert.ok(scene.swarm.callsOf('createHelper').length > 0);
    assert.equal(await scene.replicas(), 1);
  });

  suite('on a node that is down', () => {
    const startedWith = async (
      change: Parameters<typeof addStopped>[3],
      act: (scene: Awaited<ReturnType<typeof openOld>>) => void = () => undefined,
    ) => {
      const scene = await openOld(change);
      scene.goesDown();
      act(scene);
      await scene.recover(60_000);
      return { ...scene, isStarted: scene.startedAtMs() !== undefined };
    };

    test('is started at once where it can run on another one and its volumes are its own', async () => {
      const { startedAtMs } = await startedWith({ volumes: ['data'] });
      assert.ok((startedAtMs() ?? 60_000) < 1000);
    });

    test('is not started where it can run on no other: once the node is back there would be two', async () => {
      const { isStarted, errors } = await startedWith(pinned);
      assert.equal(isStarted, false);
      assert.match(
        String(errors[0]),
        /old on two \(node down\)\. two is down, and no other node can run the service/,
      );
    });

    test('is then started once the node is back and the task has ended', async () => {
      const { startedAtMs } = await startedWith(pinned, ({ clock, swarm, comesBack }) => {
        clock.at(20_000, comesBack);
        clock.at(30_000, () => swarm.deleteTasks('shop-id'));
      });
      const at = startedAtMs() ?? 0;
      assert.ok(at >= 30_000 && at < 32_000, `${at}`);
    });

    test('is not started where the node may write to the same storage', async () => {
      const { isStarted, errors } = await startedWith({ mounts: [nfs] });
      assert.equal(isStarted, false);
      assert.match(String(errors[0]), /may be one storage with those of other nodes/);
      assert.match(String(errors[0]), /docker node rm --force node-2/);
    });

    test('is not started either when the swarm has forgotten the task, or gives it up', async () => {
      const entry = { nodeIds: ['node-2'] };
      for (const act of [
        ({ isForgotten }: Awaited<ReturnType<typeof openOld>>) => isForgotten(),
        ({ swarm }: Awaited<ReturnType<typeof openOld>>) =>
          void swarm.changeTask('old', { state: 'orphaned' }),
      ]) {
        assert.equal((await startedWith({ mounts: [nfs], entry }, act)).isStarted, false);
        assert.equal((await startedWith({ ...pinned, entry }, act)).isStarted, false);
      }
    });

    test('is started where an admin has said that nothing runs there', async () => {
      const entry = { nodeIds: ['node-2'], deadNodeIds: ['node-2'] };
      assert.equal((await startedWith({ mounts: [nfs], entry })).isStarted, true);
      assert.equal((await startedWith({ ...pinned, entry })).isStarted, true);
    });

    test('is started once the node has left the swarm', async () => {
      const entry = { nodeIds: ['node-2'] };
      const scene = await openOld({ mounts: [nfs], entry });
      scene.goesDown();
      scene.clock.at(20_000, () => scene.swarm.deleteNode('node-2'));
      await scene.recover(60_000);
      const at = scene.startedAtMs() ?? 0;
      assert.ok(at >= 20_000 && at < 22_000, `${at}`);
    });
  });

  test('is let be where somebody started it, with a restore that had put nothing in the place of the old', async () => {
    const scene = await openOld({ replicas: 1, entry: { restoring: [choice.place] } });
    letHelpersFind(scene.world, 'complete');
    await scene.recover(10_000);
    const actions = scene.swarm.callsOf('createHelper').map(([{ command }]) => command.slice(5).join(' '));
    assert.deepEqual(actions, ['inspect', 'finish']);
    assert.deepEqual(
      [scene.mended, await scene.world.journal.list()],
      [['service shop: it has 1 replica'], []],
    );
  });

  test('is told to be stopped again where somebody started it in the midst of a restore', async () => {
    const scene = await openOld({ replicas: 1, entry: { restoring: [choice.place] } });
    letHelpersFind(scene.world, 'committed');
    await scene.recover(10_000);
    const actions = new Set(
      scene.swarm.callsOf('createHelper').map(([{ command }]) => command.slice(5).join(' ')),
    );
    assert.deepEqual([...actions], ['inspect']);
    assert.match(String(scene.errors[0]), /somebody started the service on them.* Scale it to 0/);
    assert.equal((await scene.world.journal.list()).length, 1);
  });
});

suite('an operation on a service whose old task still runs', () => {
  const labels = {
    'swarm-utils.backup.enable': 'true',
    'swarm-utils.backup.exec': 'dump',
  };
  const run = async ({ world, swarm }: Awaited<ReturnType<typeof openOld>>, isForce = false) => {
    const service = (await swarm.getService('shop-id')) as Service;
    const request = { action: 'backup', ...(isForce && { isForce }) } as const;
    const decision = authorize({ kind: 'admin' }, request, serviceTarget(service));
    assert.ok(decision.allowed);
    const recorder = createRecorder();
    const end = await runOperation(world, redeemLabelToken(decision.labelToken), recorder.listener);
    return { end, recorder };
  };

  test('waits for it as long as a stop may take, and brings the service back first', async () => {
    const scene = await openOld({ labels, stopGraceMs: 60_000 });
    scene.clock.at(65_000, () => scene.swarm.deleteTasks('shop-id'));
    const { end, recorder } = await run(scene);
    assert.equal(end.status, 'succeeded', JSON.stringify(end));
    assert.deepEqual(recorder.ends(), ['mend succeeded', 'exec succeeded']);
    assert.ok((scene.startedAtMs() ?? 0) >= 65_000);
  });

  test('is refused where it goes on for longer', async () => {
    const scene = await openOld({ labels });
    const { end, recorder } = await run(scene);
    assert.deepEqual([end.status, end.error?.code, recorder.ends()], ['failed', 'not_stopped', []]);
    assert.equal(await scene.replicas(), 0);
  });

  test('goes on where an admin says that nothing runs on the node that is down', async () => {
    const scene = await openOld({ labels, mounts: [nfs] });
    scene.goesDown();
    assert.equal((await run(scene)).end.error?.code, 'not_stopped');
    const { end } = await run(scene, true);
    assert.equal(end.status, 'succeeded', JSON.stringify(end));
    assert.equal(await scene.replicas(), 1);
  });

  test('is refused for all that where the node is up', async () => {
    const scene = await openOld({ labels, mounts: [nfs] });
    assert.equal((await run(scene, true)).end.error?.code, 'not_stopped');
  });
});
