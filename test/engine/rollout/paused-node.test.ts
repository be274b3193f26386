import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readStanding } from '../../../src/engine/rollout/standing.ts';
import type { Node } from '../../../src/engine/swarm.ts';
import { run, setUp } from '../rollout-scene.ts';
import { newImage, oldImage } from '../world.ts';

suite('a global service, while a node is paused', () => {
  /** The swarm updates the task of node-1 and leaves that of node-2. */
  function pause(node: Partial<Node> = { availability: 'pause' }) {
    const scene = setUp({ mode: 'global' });
    const { service, swarm, clock, setUpdate } = scene;
    swarm.addNode({ id: 'node-2', hostname: 'worker-2', ...node });
    swarm.addTask({ id: 'replaced', serviceId: service.id, nodeId: 'node-1', image: oldImage });
    swarm.addTask({ id: 'old', serviceId: service.id, nodeId: 'node-2', image: oldImage });
    clock.at(100, () => setUpdate('updating'));
    clock.at(1000, () => {
      swarm.changeTask('replaced', { state: 'shutdown', desiredState: 'shutdown' });
      swarm.addTask({ serviceId: service.id, nodeId: 'node-1', image: newImage });
    });
    clock.at(3000, () => setUpdate('completed'));
    return scene;
  }

  test('is updated when the swarm says so, and a warning names the node that keeps the old image', async () => {
    const { world, service, clock } = pause();
    const outcome = await run(world, service);
    assert.ok(outcome.status === 'succeeded');
    assert.equal(outcome.message, '1 of 1 tasks run the new image.');
    assert.deepEqual(
      outcome.warnings.map(({ code }) => code),
      ['old_task_kept'],
    );
    assert.match(
      `${outcome.warnings[0]?.message}`,
      /A task of the old image still runs on worker-2 \(node-2\).*docker node update --availability active/,
    );
    assert.ok(clock.elapsedMs >= 3000 && clock.elapsedMs < 3500);
  });

  test('has nothing to do when it is asked for again, and warns again', async () => {
    const { world, service, swarm } = pause();
    await run(world, service);
    const now = (await swarm.getService(service.id)) ?? assert.fail();
    const { is, warnings } = await readStanding(world, now);
    assert.deepEqual([is, warnings.map(({ code }) => code)], ['settled', ['old_task_kept']]);
  });

  test('is not updated while an old task runs where the swarm replaces it', async () => {
    for (const node of [{}, { state: 'unknown' }] as const) {
      const { world, service } = pause(node);
      assert.equal((await run(world, service)).status, 'timed_out');
    }
  });

  test('wants no task of a node that is down or drained, for the swarm does not either', async () => {
    for (const node of [{ state: 'down' }, { availability: 'drain' }] as const) {
      const { world, service, swarm, clock } = pause(node);
      clock.at(2000, () => {
        swarm.changeTask('old', { desiredState: 'shutdown' });
      });
      const outcome = await run(world, service);
      assert.ok(outcome.status === 'succeeded');
      assert.deepEqual(outcome.warnings, []);
    }
  });
});

test('a replicated service whose old task is on a paused node is waited for: the swarm replaces it elsewhere', async () => {
  const { world, service, swarm, clock, setUpdate } = setUp({ replicas: 1 });
  swarm.addNode({ id: 'node-1', availability: 'pause' });
  clock.at(3000, () => {
    swarm.deleteTasks(service.id);
    swarm.addTask({ serviceId: service.id, slot: 1, nodeId: 'node-2', image: newImage });
    setUpdate('completed');
  });
  assert.equal((await run(world, service)).status, 'succeeded');
  assert.ok(clock.elapsedMs >= 3000);
});
