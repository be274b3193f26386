import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { readStanding } from '../../../src/engine/rollout/standing.ts';
import type { Task } from '../../../src/engine/swarm.ts';
import { run, setUp } from '../rollout-scene.ts';
import { newImage, oldImage } from '../world.ts';

const endedWell = {
  image: newImage,
  state: 'complete',
  desiredState: 'shutdown',
  exitCode: 0,
} as const satisfies Partial<Task>;
const endedBadly = { ...endedWell, state: 'failed', error: 'task: non-zero exit (3)', exitCode: 3 } as const;

suite('the tasks of a one-shot service', () => {
  /** At 100 ms the swarm has replaced its tasks by others. */
  function replaceBy(
    tasks: readonly Partial<Task>[],
    state: 'completed' | 'paused' | 'updating',
    change = {},
  ) {
    const scene = setUp({ replicas: tasks.length, restartCondition: 'none', ...change });
    const { service, swarm, clock, setUpdate } = scene;
    clock.at(100, () => {
      swarm.deleteTasks(service.id);
      for (const [index, task] of tasks.entries()) {
        swarm.addTask({ serviceId: service.id, slot: index + 1, ...task });
      }
      setUpdate(state, `update ${state}`);
    });
    return scene;
  }

  test('end well with exit code 0, whether the swarm still watched them or not', async () => {
    for (const state of ['completed', 'paused'] as const) {
      for (const restartCondition of ['none', 'on-failure'] as const) {
        const { world, service, clock } = replaceBy([endedWell, endedWell], state, { restartCondition });
        const outcome = await run(world, service);
        assert.deepEqual(
          [outcome.status, outcome.message],
          ['succeeded', '0 of 2 tasks run the new image, 2 ended well.'],
        );
        assert.ok(clock.elapsedMs < 500);
      }
    }
  });

  test('may end while others still run', async () => {
    const { world, service } = replaceBy([endedWell, { image: newImage }], 'completed');
    assert.equal((await run(world, service)).status, 'succeeded');
  });

  test('are one for each node, where the service is global, and those of before are not taken for them', async () => {
    const { world, service, swarm, clock, setUpdate } = setUp({ mode: 'global', restartCondition: 'none' });
    swarm.addNode({ id: 'node-2' });
    for (const nodeId of ['node-1', 'node-2']) {
      swarm.addTask({ serviceId: service.id, nodeId, ...endedWell, image: oldImage });
    }
    clock.at(1000, () => swarm.addTask({ serviceId: service.id, nodeId: 'node-1', ...endedWell }));
    clock.at(4000, () => {
      swarm.addTask({ serviceId: service.id, nodeId: 'node-2', ...endedWell });
      setUpdate('completed');
    });
    const outcome = await run(world, service);
    assert.deepEqual(
      [outcome.status, outcome.message],
      ['succeeded', '0 of 2 tasks run the new image, 2 ended well.'],
    );
    assert.ok(clock.elapsedMs >= 4000);
  });

  test('that the swarm did not come to are not done: it is paused, and the message says what exit code 0 is to it', async () => {
    const { world, service } = replaceBy([endedWell, { image: oldImage }], 'paused');
    const outcome = await run(world, service);
    assert.ok(outcome.status === 'failed');
    assert.equal(outcome.code, 'update_paused');
    assert.match(outcome.message, /exit code 0 within the 5000 ms .*--update-failure-action continue/);
  });

  test('that end badly are a failure at once', async () => {
    const { world, service, clock } = replaceBy([endedBadly], 'completed');
    const outcome = await run(world, service);
    assert.ok(outcome.status === 'failed');
    assert.equal(outcome.code, 'tasks_failed');
    assert.match(outcome.message, /Cause: task: non-zero exit \(3\)/);
    assert.ok(clock.elapsedMs < 4000);
  });

  test('do not end well with exit code 0 where they are to run on', async () => {
    const { world, service } = replaceBy([endedWell], 'paused', { restartCondition: 'any' });
    const outcome = await run(world, service);
    assert.equal(outcome.status === 'failed' && outcome.code, 'update_paused');
  });
});

suite('a one-shot service that is asked for the image that it has', () => {
  async function standingOf(task: Partial<Task>, state: 'completed' | 'paused') {
    const { world, service, swarm } = setUp({
      replicas: 1,
      restartCondition: 'none',
      image: newImage,
      update: { state, message: '', startedAt: 'then' },
    });
    swarm.deleteTasks(service.id);
    swarm.addTask({ serviceId: service.id, slot: 1, ...task });
    return (await readStanding(world, service)).is;
  }

  test('has nothing to do where it ran to its good end', async () => {
    assert.equal(await standingOf(endedWell, 'completed'), 'settled');
    assert.equal(await standingOf(endedWell, 'paused'), 'settled');
  });

  test('must run anew where it ended badly: the swarm would not by itself', async () => {
    assert.equal(await standingOf(endedBadly, 'completed'), 'given-up');
    assert.equal(await standingOf(endedBadly, 'paused'), 'given-up');
  });
});
