import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { OperationError } from '../../src/core/errors.ts';
import type { RolloutOutcome } from '../../src/engine/rollout.ts';
import { SwarmError, type UpdateStatus } from '../../src/engine/swarm.ts';
import { run, setUp, timeoutMs } from './rollout-scene.ts';
import { addShop, createWorld, newImage, oldImage, secret, unassigned } from './world.ts';

suite('a rollout', () => {
  test('succeeds when the swarm says so and all tasks run the new image', async () => {
    const { world, service, clock, swarm, setUpdate } = setUp();
    clock.at(100, () => setUpdate('updating'));
    clock.at(2000, () => {
      swarm.deleteTasks(service.id);
      swarm.addTask({ serviceId: service.id, slot: 1, image: newImage });
      swarm.addTask({ serviceId: service.id, slot: 2, image: newImage });
    });
    clock.at(5000, () => setUpdate('completed'));
    const progress: string[] = [];
    const outcome = await run(world, service, {}, progress);
    assert.deepEqual(outcome, {
      status: 'succeeded',
      message: '2 of 2 tasks run the new image.',
      warnings: [],
    });
    // Not before the swarm's own monitor period was over, and soon after it.
    assert.ok(clock.elapsedMs >= 5000 && clock.elapsedMs < 5300, `${clock.elapsedMs}`);
    assert.deepEqual(progress, ['0 of 2 tasks run the new image.', '2 of 2 tasks run the new image.']);
    assert.equal(swarm.callsOf('updateServiceImage').length, 1);
  });

  test('of a service without replicas succeeds at once, though the swarm says nothing', async () => {
    const { world, service, clock } = setUp({ replicas: 0 });
    assert.equal((await run(world, service)).status, 'succeeded');
    assert.ok(clock.elapsedMs < 100);
  });

  test('of a global service that fits no node succeeds at once', async () => {
    const { world, service } = setUp({ mode: 'global' });
    assert.equal((await run(world, service)).status, 'succeeded');
  });

  test('of a global service wants every task that should run', async () => {
    const { world, service, swarm, clock, setUpdate } = setUp({ mode: 'global' });
    const tasks = ['node-1', 'node-2'].map(nodeId => swarm.addTask({ serviceId: service.id, nodeId }));
    clock.at(10, () => setUpdate('updating'));
    clock.at(1000, () => {
      for (const { id } of tasks) {
        swarm.changeTask(id, { state: 'shutdown', desiredState: 'shutdown' });
      }
      swarm.addTask({ serviceId: service.id, nodeId: 'node-1', image: newImage });
      swarm.addTask({ serviceId: service.id, nodeId: 'node-2', image: newImage, state: 'starting' });
      setUpdate('completed');
    });
    assert.equal((await run(world, service)).status, 'timed_out');
    const outcome = await run(world, service, { timeoutMs: 1 });
    assert.match(outcome.message, /1 of 2 tasks run the new image/);
  });

  test('that the swarm does not begin has no verdict until all tasks run the new image', async () => {
    const { world, service, clock, swarm } = setUp();
    clock.at(3000, () => {
      swarm.deleteTasks(service.id);
      swarm.addTask({ serviceId: service.id, slot: 1, image: newImage });
    });
    clock.at(6000, () => swarm.addTask({ serviceId: service.id, slot: 2, image: newImage }));
    assert.equal((await run(world, service)).status, 'succeeded');
    assert.ok(clock.elapsedMs >= 6000);
  });

  test('is not judged by what the swarm said of the update before', async () => {
    for (const state of ['paused', 'completed', 'rollback_completed', 'rollback_paused'] as const) {
      const world = createWorld();
      const update: UpdateStatus = { state, message: 'of before', startedAt: 'before', completedAt: 'then' };
      const service = addShop(world, { update });
      // The engine is late: for a while the old status is still there.
      world.swarm.onUpdate(({ id }) => world.swarm.changeService(id, { update }));
      world.clock.at(1000, () => {
        world.swarm.deleteTasks(service.id);
        world.swarm.addTask({ serviceId: service.id, slot: 1 });
        world.swarm.addTask({ serviceId: service.id, slot: 2 });
        world.swarm.changeService(service.id, {
          update: { state: 'completed', message: '', startedAt: 'now' },
        });
      });
      const outcome = await run(world, service);
      assert.equal(outcome.status, 'succeeded', state);
      assert.ok(world.clock.elapsedMs >= 1000, state);
    }
  });

  test('whose tasks fail again and again is no success, though the swarm calls it completed while one runs', async () => {
    const { world, service, swarm, clock, setUpdate } = setUp({ replicas: 1, failureAction: 'continue' });
    for (let ms = 100; ms < timeoutMs; ms += 2000) {
      clock.at(ms, () => {
        swarm.deleteTasks(service.id);
        const failed = {
          state: 'failed',
          desiredState: 'shutdown',
          error: 'task: non-zero exit (1)',
        } as const;
        swarm.addTask({ serviceId: service.id, slot: 1, image: newImage, ...failed });
        swarm.addTask({ serviceId: service.id, slot: 1, image: newImage });
        setUpdate('completed');
      });
    }
    const outcome = await run(world, service);
    assert.equal(outcome.status, 'failed');
    assert.match(outcome.message, /calls the update completed, but its tasks did not keep running/);
  });

  test('whose task failed once succeeds when the next one has run as long as the swarm watches new ones', async () => {
    const { world, service, swarm, clock, setUpdate } = setUp({ replicas: 1, updateMonitorMs: 7000 });
    clock.at(1000, () => {
      swarm.deleteTasks(service.id);
      const failed = { state: 'failed', desiredState: 'shutdown', error: 'task: non-zero exit (1)' } as const;
      swarm.addTask({ serviceId: service.id, slot: 1, image: newImage, ...failed });
      swarm.addTask({ serviceId: service.id, slot: 1, image: newImage });
      setUpdate('completed');
    });
    assert.equal((await run(world, service)).status, 'succeeded');
    assert.ok(clock.elapsedMs >= 8000 && clock.elapsedMs < 8500, `${clock.elapsedMs}`);
  });

  test('waits for old tasks to go', async () => {
    const { world, service, swarm, clock, setUpdate } = setUp({ replicas: 1 });
    clock.at(10, () => {
      swarm.addTask({ serviceId: service.id, slot: 1, image: newImage });
      setUpdate('completed');
    });
    clock.at(4000, () => {
      swarm.deleteTasks(service.id);
      swarm.addTask({ serviceId: service.id, slot: 1, image: newImage });
    });
    assert.equal((await run(world, service)).status, 'succeeded');
    assert.ok(clock.elapsedMs >= 4000);
  });

  test('by force wants tasks that were made by it, though the image is the same', async () => {
    const { world, service, swarm, clock } = setUp({ image: newImage });
    clock.at(2000, () => {
      swarm.deleteTasks(service.id);
      swarm.addTask({ serviceId: service.id, slot: 1 });
      swarm.addTask({ serviceId: service.id, slot: 2 });
    });
    assert.equal((await run(world, service, { isForce: true })).status, 'succeeded');
    assert.ok(clock.elapsedMs >= 2000);
    assert.deepEqual(swarm.callsOf('updateServiceImage')[0]?.slice(0, 2), [
      service.id,
      { image: newImage, platforms: [], isForce: true, version: service.version },
    ]);
  });

  test('that is under way already is watched, not written: to write it again would end its monitoring', async () => {
    const { world, service, swarm, clock, setUpdate } = setUp({
      image: newImage,
      update: { state: 'updating', message: '', startedAt: 'before' },
    });
    clock.at(3000, () => setUpdate('rollback_started', 'failed', { startedAt: 'before', image: oldImage }));
    clock.at(4000, () => setUpdate('rollback_completed', 'rolled back', { startedAt: 'before' }));
    assert.equal((await run(world, service)).status, 'rolled_back');
    assert.equal(swarm.callsOf('updateServiceImage').length, 0);
  });

  test('that is under way with another image, or by force, is written', async () => {
    for (const change of [
      { image: newImage, isForce: true },
      { image: oldImage, isForce: false },
    ]) {
      const world = createWorld();
      const service = addShop(world, {
        image: change.image,
        update: { state: 'updating', message: '', startedAt: 'before' },
      });
      assert.equal((await run(world, service, { isForce: change.isForce })).status, 'succeeded');
      assert.equal(world.swarm.callsOf('updateServiceImage').length, 1);
    }
  });

  test('writes the platforms of the image with it', async () => {
    const world = createWorld();
    const platforms = [{ os: 'linux', architecture: 'arm64' }];
    await run(world, addShop(world), { platforms });
    assert.deepEqual(world.swarm.callsOf('updateServiceImage')[0]?.[1].platforms, platforms);
  });

  test('sends the login to the swarm', async () => {
    const world = createWorld();
    const credentials = { registry: 'registry.test', username: 'robot', password: secret };
    await run(world, addShop(world), { credentials });
    assert.deepEqual(world.swarm.callsOf('updateServiceImage')[0]?.[2], credentials);
  });
});

suite('a rollout that fails', () => {
  function assertFailed(
    outcome: RolloutOutcome,
  ): asserts outcome is RolloutOutcome & { status: 'failed' | 'rolled_back' | 'timed_out' } {
    assert.notEqual(outcome.status, 'succeeded');
  }

  test('and is rolled back is not a success: the verdict waits for the end of the rollback', async () => {
    const { world, service, swarm, clock, setUpdate } = setUp();
    clock.at(10, () => setUpdate('updating'));
    clock.at(500, () => {
      swarm.addTask({
        serviceId: service.id,
        image: newImage,
        state: 'failed',
        desiredState: 'shutdown',
        error: `task: non-zero exit (1): ${secret}`,
        exitCode: 1,
      });
    });
    clock.at(1000, () => setUpdate('rollback_started', 'update rolled back', { image: oldImage }));
    clock.at(5000, () => setUpdate('rollback_completed', 'rollback completed', { completedAt: 'x' }));
    const outcome = await run(world, service);
    assertFailed(outcome);
    assert.deepEqual([outcome.status, outcome.code], ['rolled_back', 'rolled_back']);
    assert.match(
      outcome.message,
      /rolled the service back to registry\.test\/acme\/shop:1@.*rollback completed/,
    );
    assert.ok(clock.elapsedMs >= 5000);
    const [task] = outcome.tasks;
    assert.deepEqual(
      [task?.state, task?.exitCode, task?.error, task?.node],
      ['failed', 1, 'task: non-zero exit (1): [redacted]', 'node-1'],
    );
  });

  test('and whose rollback fails too says so', async () => {
    const { world, service, clock, setUpdate } = setUp();
    clock.at(10, () => setUpdate('rollback_paused', 'rollback paused', { image: oldImage }));
    const outcome = await run(world, service);
    assertFailed(outcome);
    assert.deepEqual([outcome.status, outcome.code], ['failed', 'rollback_paused']);
    assert.match(outcome.message, /docker service ps shop/);
  });

  test('and is paused says what to do', async () => {
    const { world, service, clock, setUpdate } = setUp();
    clock.at(10, () => setUpdate('paused', 'update paused due to failure of task x'));
    const outcome = await run(world, service);
    assertFailed(outcome);
    assert.deepEqual([outcome.status, outcome.code], ['failed', 'update_paused']);
    assert.match(outcome.message, /due to failure of task x.*docker service rollback shop.*0 of 2 tasks/);
  });

  test('because somebody else gave the service another image meanwhile', async () => {
    const { world, service, swarm, clock } = setUp();
    clock.at(500, () => swarm.changeService(service.id, { image: 'registry.test/acme/shop:3' }));
    const outcome = await run(world, service);
    assertFailed(outcome);
    assert.deepEqual([outcome.status, outcome.code], ['failed', 'replaced']);
    assert.match(outcome.message, /acme\/shop:3/);
  });

  test('because somebody rolled it back by hand', async () => {
    const { world, service, clock, setUpdate } = setUp();
    clock.at(500, () => setUpdate('rollback_started', 'manually requested rollback', { image: oldImage }));
    clock.at(900, () => setUpdate('rollback_completed', 'rollback completed'));
    assert.equal((await run(world, service)).status, 'rolled_back');
  });

  test('because somebody removed the service', async () => {
    const { world, service, swarm, clock } = setUp();
    clock.at(500, () => swarm.deleteService(service.id));
    await assert.rejects(run(world, service), { name: 'OperationError', code: 'target_gone' });
  });

  test('because no node fits: after the pending time-out, not after that of the update', async () => {
    const { world, service, swarm, clock, setUpdate } = setUp();
    clock.at(10, () => setUpdate('updating'));
    clock.at(100, () =>
      swarm.addTask({
        serviceId: service.id,
        image: newImage,
        state: 'pending',
        message: 'pending task scheduling',
        error: 'no suitable node (insufficient resources on 3 nodes)',
        ...unassigned,
      }),
    );
    const outcome = await run(world, service);
    assertFailed(outcome);
    assert.deepEqual([outcome.status, outcome.code], ['failed', 'not_scheduled']);
    assert.match(outcome.message, /20000 ms: no suitable node/);
    assert.ok(clock.elapsedMs > 20_000 && clock.elapsedMs < 21_000, `${clock.elapsedMs}`);
  });

  test('because time is up: the swarm goes on, and the message says so', async () => {
    const { world, service, clock, setUpdate } = setUp();
    clock.at(10, () => setUpdate('updating'));
    const outcome = await run(world, service);
    assertFailed(outcome);
    assert.deepEqual([outcome.status, outcome.code], ['timed_out', 'timed_out']);
    assert.match(outcome.message, /60000 ms and goes on.*swarm-utils\.update\.timeout/);
    assert.equal(clock.elapsedMs, timeoutMs);
  });

  test('reports the newest failed tasks of the new image, at most three, with their last lines', async () => {
    const { world, service, swarm, clock, setUpdate } = setUp();
    clock.at(100, () => {
      // As the Engine writes times: with as many digits as it needs.
      for (const stateAt of ['01Z', '03Z', '03.5Z', '03.45Z', '02Z']) {
        const task = swarm.addTask({
          serviceId: service.id,
          image: newImage,
          state: 'failed',
          desiredState: 'shutdown',
          error: stateAt,
          stateAt: `2026-11-22T12:00:${stateAt}`,
          exitCode: 1,
        });
        swarm.setLogs(task.id, [`started`, `password is ${secret}`]);
      }
      swarm.addTask({
        serviceId: service.id,
        image: oldImage,
        state: 'failed',
        desiredState: 'shutdown',
        error: 'of the old image',
      });
      setUpdate('paused');
    });
    const outcome = await run(world, service);
    assertFailed(outcome);
    assert.deepEqual(
      outcome.tasks.map(({ error }) => error),
      ['03.5Z', '03.45Z', '03Z'],
    );
    assert.deepEqual(outcome.tasks[0]?.logs, ['started', 'password is [redacted]']);
    assert.match(outcome.message, /5 failed/);
  });

  test('says where the log driver keeps what its tasks printed from being read', async () => {
    const { world, service, swarm, clock, setUpdate } = setUp({
      replicas: 1,
      logDriver: { name: 'none', isCopyDisabled: false },
    });
    clock.at(100, () => {
      const failed = { state: 'failed', desiredState: 'shutdown', error: 'task: non-zero exit (1)' } as const;
      swarm.addTask({
        serviceId: service.id,
        slot: 1,
        image: newImage,
        containerId: 'c',
        exitCode: 1,
        ...failed,
      });
    });
    clock.at(200, () => setUpdate('paused'));
    const outcome = await run(world, service);
    assert.ok(outcome.status === 'failed');
    assert.deepEqual(outcome.tasks[0]?.logs, ["(the logs can't be read: the service's log driver is none)"]);
  });

  test('keeps its verdict when neither logs nor nodes can be read', async () => {
    const { world, service, swarm, clock, setUpdate } = setUp();
    clock.at(100, () => {
      swarm.addTask({
        serviceId: service.id,
        image: newImage,
        state: 'failed',
        desiredState: 'shutdown',
        error: 'x',
      });
      setUpdate('rollback_completed', 'x', { image: oldImage });
    });
    swarm.fail('taskLogs', new SwarmError('logs_unavailable', 'the log driver is syslog'), 9);
    swarm.fail('listNodes', new SwarmError('unavailable', 'away'), 9);
    const outcome = await run(world, service);
    assertFailed(outcome);
    assert.equal(outcome.status, 'rolled_back');
    assert.equal(outcome.tasks[0]?.node, 'node-1');
    assert.deepEqual(outcome.tasks[0]?.logs, ["(the logs can't be read: the log driver is syslog)"]);
  });
});

suite('a swarm that others write to or that is away', () => {
  const outOfSequence = new SwarmError('out_of_sequence', 'update out of sequence');

  test('the write is tried again on a fresh version', async () => {
    const world = createWorld();
    world.swarm.fail('updateServiceImage', outOfSequence, 9);
    assert.equal((await run(world, addShop(world))).status, 'succeeded');
    assert.equal(world.swarm.callsOf('updateServiceImage').length, 10);
  });

  test('and given up in the end', async () => {
    const world = createWorld();
    world.swarm.fail('updateServiceImage', outOfSequence, 1000);
    await assert.rejects(run(world, addShop(world)), (error: OperationError) => {
      assert.equal(error.code, 'update_conflict');
      assert.equal(error.cause, outOfSequence);
      return true;
    });
    assert.equal(world.swarm.callsOf('updateServiceImage').length, 10);
  });

  test('any other refusal of the write is not tried again', async () => {
    for (const code of ['unavailable', 'rejected', 'not_found'] as const) {
      const world = createWorld();
      world.swarm.fail('updateServiceImage', new SwarmError(code, 'x'), 1000);
      await assert.rejects(run(world, addShop(world)), { code });
      assert.equal(world.swarm.callsOf('updateServiceImage').length, 1);
    }
  });

  test('a change of the leader in between does not cost the verdict', async () => {
    const { world, service, swarm, clock, setUpdate } = setUp({ replicas: 0 });
    clock.at(10, () => setUpdate('updating'));
    clock.at(1000, () => swarm.fail('getService', new SwarmError('unavailable', 'no leader'), 10));
    clock.at(8000, () => setUpdate('completed'));
    assert.equal((await run(world, service)).status, 'succeeded');
  });

  test('a swarm that stays away does', async () => {
    const { world, service, swarm, clock, setUpdate } = setUp();
    clock.at(10, () => setUpdate('updating'));
    clock.at(1000, () => swarm.fail('listTasks', new SwarmError('unavailable', 'no leader'), 1e9));
    await assert.rejects(run(world, service), { code: 'unavailable' });
    assert.ok(clock.elapsedMs < timeoutMs);
  });
});
