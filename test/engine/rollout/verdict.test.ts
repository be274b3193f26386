import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { RolloutOutcome } from '../../../src/engine/rollout.ts';
import type { Task } from '../../../src/engine/swarm.ts';
import { run, setUp, timeoutMs } from '../rollout-scene.ts';
import { newImage, oldImage, unassigned } from '../world.ts';

function assertFailed(
  outcome: RolloutOutcome,
): asserts outcome is RolloutOutcome & { status: 'failed' | 'rolled_back' | 'timed_out' } {
  assert.notEqual(outcome.status, 'succeeded');
}

const crashed = {
  image: newImage,
  state: 'failed',
  desiredState: 'shutdown',
  error: 'task: non-zero exit (1)',
  exitCode: 1,
} as const satisfies Partial<Task>;

suite('a rollback', () => {
  /** The swarm calls it completed at 1 s; tasks of the old image begin when the test says so. */
  function rollBack() {
    const scene = setUp({ replicas: 1 });
    const { service, swarm, clock, setUpdate } = scene;
    clock.at(100, () => {
      swarm.deleteTasks(service.id);
      swarm.addTask({ serviceId: service.id, slot: 1, ...crashed });
      setUpdate('rollback_started', 'update rolled back', { image: oldImage });
    });
    clock.at(1000, () => setUpdate('rollback_completed', 'rollback completed', { completedAt: 'x' }));
    const begin = () => swarm.addTask({ serviceId: service.id, slot: 1, image: oldImage });
    return { ...scene, begin };
  }

  test('that is complete before its task runs has its verdict when it does, with the cause', async () => {
    const { world, service, clock, begin } = rollBack();
    clock.at(4000, begin);
    const outcome = await run(world, service);
    assertFailed(outcome);
    assert.equal(outcome.status, 'rolled_back');
    assert.match(
      outcome.message,
      /acme\/shop:1@.*: rollback completed\. Cause: task: non-zero exit \(1\)\. 0 of 1/,
    );
    assert.ok(clock.elapsedMs >= 4000 && clock.elapsedMs < 4500, `${clock.elapsedMs}`);
  });

  test('whose task does not come says so, once a task should have begun', async () => {
    const { world, service, clock } = rollBack();
    const outcome = await run(world, service);
    assertFailed(outcome);
    assert.equal(outcome.status, 'rolled_back');
    assert.match(outcome.message, /Only 0 of 1 tasks run it so far: see `docker service ps shop`/);
    assert.ok(clock.elapsedMs >= 21_000 && clock.elapsedMs < 22_000, `${clock.elapsedMs}`);
  });

  test('is one when the time is over, too', async () => {
    const { world, service } = rollBack();
    const outcome = await run(world, service, { timeoutMs: 3000 });
    assert.equal(outcome.status, 'rolled_back');
  });
});

suite('the cause of a failure', () => {
  test('is in the message, whatever the swarm did', async () => {
    for (const [state, code] of [
      ['paused', 'update_paused'],
      ['rollback_paused', 'rollback_paused'],
    ] as const) {
      const { world, service, swarm, clock, setUpdate } = setUp({ replicas: 1 });
      clock.at(100, () => {
        swarm.addTask({ serviceId: service.id, slot: 1, ...crashed });
        setUpdate(state);
      });
      const outcome = await run(world, service);
      assertFailed(outcome);
      assert.equal(outcome.code, code);
      assert.match(outcome.message, /Cause: task: non-zero exit \(1\)\./);
    }
  });

  test('is the exit code 0 of a task that is to run on', async () => {
    const { world, service, swarm, clock, setUpdate } = setUp({ replicas: 1 });
    clock.at(100, () => {
      const { error: _, ...ended } = crashed;
      swarm.addTask({ serviceId: service.id, slot: 1, ...ended, state: 'complete', exitCode: 0 });
      setUpdate('paused');
    });
    const outcome = await run(world, service);
    assert.match(outcome.message, /Cause: a task ended with exit code 0, but is to run on\./);
  });

  test('is no task that was taken off a node which the constraints do not allow any more', async () => {
    const { world, service, swarm, clock, setUpdate } = setUp({
      mode: 'global',
      constraints: ['node.id!=node-2'],
    });
    swarm.addNode({ id: 'node-2' });
    swarm.addTask({ id: 'old', serviceId: service.id, nodeId: 'node-1', image: oldImage });
    clock.at(100, () => {
      swarm.changeTask('old', { state: 'shutdown', desiredState: 'shutdown' });
      swarm.addTask({ serviceId: service.id, nodeId: 'node-1', image: newImage });
      const turnedAway = {
        state: 'rejected',
        desiredState: 'shutdown',
        error: 'assigned node no longer meets constraints',
      } as const;
      swarm.addTask({ serviceId: service.id, nodeId: 'node-2', image: newImage, ...turnedAway });
      setUpdate('completed');
    });
    const outcome = await run(world, service);
    assert.deepEqual([outcome.status, outcome.message], ['succeeded', '1 of 1 tasks run the new image.']);
    assert.ok(clock.elapsedMs < 500);
  });
});

suite('tasks that fail later than the swarm watches', () => {
  /** The swarm calls the update completed, and a task crashes every two seconds. */
  function crashAgainAndAgain(failureAction: 'pause' | 'rollback' | 'continue') {
    const scene = setUp({ replicas: 1, failureAction, updateMonitorMs: 2500 });
    const { service, swarm, clock, setUpdate } = scene;
    for (let ms = 100; ms < timeoutMs; ms += 2000) {
      clock.at(ms, () => {
        swarm.deleteTasks(service.id);
        swarm.addTask({ serviceId: service.id, slot: 1, ...crashed });
        swarm.addTask({ serviceId: service.id, slot: 1, image: newImage });
        setUpdate('completed');
      });
    }
    return scene;
  }

  test('are no success, and the message says why the failure action was not taken', async () => {
    for (const failureAction of ['pause', 'rollback'] as const) {
      const { world, service } = crashAgainAndAgain(failureAction);
      const outcome = await run(world, service);
      assertFailed(outcome);
      assert.equal(outcome.code, 'tasks_failed');
      assert.match(
        outcome.message,
        new RegExp(
          `Cause: task: non-zero exit \\(1\\)\\. They failed later than the 2500 ms .*\\(${failureAction}\\)`,
        ),
      );
    }
  });

  test('are what the failure action `continue` asks for', async () => {
    const { world, service } = crashAgainAndAgain('continue');
    const outcome = await run(world, service);
    assertFailed(outcome);
    assert.equal(outcome.code, 'tasks_failed');
    assert.doesNotMatch(outcome.message, /failed later than/);
  });

  test('are no success while they run for a moment, however short the swarm watches', async () => {
    const { world, service, swarm } = crashAgainAndAgain('pause');
    swarm.changeService(service.id, { updateMonitorMs: 1 });
    const outcome = await run(world, service);
    assert.equal(outcome.status === 'failed' && outcome.code, 'tasks_failed');
  });

  test('and that the swarm does not start again need not be waited for', async () => {
    for (const restartCondition of ['none', 'on-failure', 'any'] as const) {
      const { world, service, swarm, clock, setUpdate } = setUp({ replicas: 1, restartCondition });
      clock.at(100, () => {
        swarm.deleteTasks(service.id);
        swarm.addTask({ serviceId: service.id, slot: 1, ...crashed });
        setUpdate('completed');
      });
      const outcome = await run(world, service);
      assertFailed(outcome);
      assert.equal(outcome.code, 'tasks_failed');
      assert.match(
        outcome.message,
        /its tasks ended, and the swarm starts no others\. Cause: task: non-zero exit/,
      );
      assert.ok(clock.elapsedMs >= 3000 && clock.elapsedMs < 3500, `${clock.elapsedMs}`);
    }
  });

  test('are not given up while their successors are waited for', async () => {
    const { world, service, swarm, clock, setUpdate } = setUp({ replicas: 1, updateMonitorMs: 1000 });
    clock.at(100, () => {
      swarm.deleteTasks(service.id);
      swarm.addTask({ serviceId: service.id, slot: 1, ...crashed });
      swarm.addTask({
        id: 'next',
        serviceId: service.id,
        slot: 1,
        image: newImage,
        state: 'ready',
        desiredState: 'ready',
      });
      setUpdate('completed');
    });
    clock.at(8000, () => swarm.changeTask('next', { state: 'running', desiredState: 'running' }));
    assert.equal((await run(world, service)).status, 'succeeded');
    assert.ok(clock.elapsedMs >= 13_000);
  });
});

suite('a task that finds no node', () => {
  test('has advice that fits the cause', async () => {
    for (const [why, advice] of [
      ['no suitable node (insufficient resources on 3 nodes)', /make room/],
      ['no suitable node (unsupported platform on 3 nodes)', /platform that the image is for/],
      ['no suitable node (max replicas per node limit exceed)', /--replicas-max-per-node.*stop-first/],
      ['no suitable node (scheduling constraints not satisfied on 3 nodes)', /constraints of the service/],
      [
        'no suitable node (2 nodes not available for new tasks; host-mode port already in use on 1 node)',
        /bring nodes back.*; free the port/,
      ],
      ['no suitable node', /It keeps trying; go back: `docker service rollback shop`/],
    ] as const) {
      const { world, service, swarm, clock, setUpdate } = setUp();
      clock.at(100, () => {
        setUpdate('updating');
        const waiting = {
          state: 'pending',
          message: 'pending task scheduling',
          error: why,
          ...unassigned,
        } as const;
        swarm.addTask({ serviceId: service.id, slot: 1, image: newImage, ...waiting });
      });
      const outcome = await run(world, service);
      assertFailed(outcome);
      assert.equal(outcome.code, 'not_scheduled');
      assert.ok(outcome.message.includes(why));
      assert.match(outcome.message, advice);
    }
  });

  test('is known of a global service too, whose tasks have their node before', async () => {
    const { world, service, swarm, clock, setUpdate } = setUp({ mode: 'global' });
    swarm.addTask({ id: 'old', serviceId: service.id, nodeId: 'node-1', image: oldImage });
    clock.at(100, () => {
      setUpdate('updating');
      swarm.changeTask('old', { desiredState: 'shutdown' });
      const waiting = {
        state: 'pending',
        error: 'no suitable node (insufficient resources on 1 node)',
      } as const;
      swarm.addTask({ serviceId: service.id, nodeId: 'node-1', image: newImage, ...waiting });
    });
    const outcome = await run(world, service);
    assertFailed(outcome);
    assert.equal(outcome.code, 'not_scheduled');
  });
});

test('an update whose time is over says how many tasks have still to end', async () => {
  const { world, service, swarm, clock, setUpdate } = setUp({ replicas: 1 });
  swarm.addTask({ id: 'slow', serviceId: service.id, slot: 2 });
  clock.at(100, () => {
    setUpdate('updating');
    swarm.changeTask('slow', { desiredState: 'shutdown' });
  });
  const outcome = await run(world, service);
  assert.match(outcome.message, /goes on\. 1 task told to end has not ended yet\. See `docker/);
});

test('an update whose time is over names the nodes that do not answer, and the cause', async () => {
  const { world, service, swarm, clock, setUpdate } = setUp({ replicas: 1 });
  swarm.addNode({ id: 'node-2', hostname: 'worker-2', state: 'down' });
  clock.at(100, () => {
    setUpdate('updating');
    swarm.addTask({ serviceId: service.id, slot: 1, ...crashed });
    swarm.addTask({ serviceId: service.id, slot: 1, nodeId: 'node-2', image: newImage, state: 'preparing' });
  });
  const outcome = await run(world, service);
  assertFailed(outcome);
  assert.equal(outcome.code, 'timed_out');
  assert.match(
    outcome.message,
    /goes on\. It has tasks on nodes that do not answer: worker-2 is down\. Cause: task: non-zero exit/,
  );
});
