import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { HelperService } from '../../src/core/helper.ts';
import { runHelper } from '../../src/engine/run-helper.ts';
import { type Node, SwarmError, type Task } from '../../src/engine/swarm.ts';
import { createWorld, secret, type TestWorld, unassigned } from './world.ts';

const helper: HelperService = {
  name: 'swarm-utils-exec-shop-0123456789',
  image: 'docker:cli',
  command: ['docker', 'exec', 'x', '/bin/sh', '-c', 'echo "$HOME"'],
  nodeId: 'node-1',
  mounts: [],
  timeoutMs: 60_000,
};

const run = (world: TestWorld, change: Partial<HelperService> = {}) =>
  runHelper({ ...world, pendingTimeoutMs: 20_000 }, { ...helper, ...change });

/** The helper's task is as said, and becomes so later on. */
function setUp(
  task: Partial<Task> | undefined,
  ...later: readonly (readonly [atMs: number, change: Partial<Task>])[]
) {
  const world = createWorld();
  const { swarm, clock } = world;
  swarm.onHelper(service => {
    if (task === undefined) {
      return;
    }
    const { id } = swarm.addTask({ serviceId: service.id, id: 'helper-task', ...task });
    swarm.setLogs(id, ['one', `two ${secret}`]);
    for (const [atMs, change] of later) {
      clock.at(atMs, () => void swarm.getTask(id).then(found => found && swarm.changeTask(id, change)));
    }
  });
  return world;
}

async function assertGone({ swarm }: TestWorld): Promise<void> {
  assert.deepEqual(await swarm.listServices('swarm-utils.helper'), []);
}

const away = new SwarmError('unavailable', 'no leader');

suite('a helper', () => {
  test('runs to its end, and is removed', async () => {
    const world = setUp(
      { state: 'preparing' },
      [3000, { state: 'running' }],
      [9000, { state: 'complete', exitCode: 0 }],
    );
    const outcome = await run(world);
    assert.deepEqual(outcome, {
      status: 'succeeded',
      report: {
        name: helper.name,
        tasks: [
          {
            id: 'helper-task',
            node: 'node-1',
            state: 'complete',
            exitCode: 0,
            logs: ['one', 'two [redacted]'],
          },
        ],
      },
    });
    assert.ok(world.clock.elapsedMs < 9500);
    assert.deepEqual(world.swarm.callsOf('createHelper')[0]?.[0], helper);
    await assertGone(world);
  });

  test('that never was seen running has run all the same', async () => {
    const world = setUp({ state: 'complete', exitCode: 0 });
    assert.equal((await run(world)).status, 'succeeded');
  });

  for (const [state, error, message] of [
    ['failed', `task: non-zero exit (7) ${secret}`, 'The helper failed: task: non-zero exit (7) [redacted].'],
    ['rejected', 'No such image: docker:cli', 'The helper rejected: No such image: docker:cli.'],
    ['shutdown', undefined, 'The helper shutdown.'],
    ['orphaned', undefined, 'The helper orphaned.'],
  ] as const) {
    test(`whose task is ${state} has failed`, async () => {
      const world = setUp({ state: 'running' }, [1000, { state, exitCode: 7, ...(error && { error }) }]);
      const outcome = await run(world);
      assert.deepEqual([outcome.status, outcome.message], ['failed', message]);
      assert.equal(outcome.report.tasks[0]?.exitCode, 7);
      await assertGone(world);
    });
  }

  test('that finds no node has failed after the pending time-out, and says why', async () => {
    const world = setUp({
      state: 'pending',
      message: 'pending task scheduling',
      error: 'no suitable node',
      ...unassigned,
    });
    const outcome = await run(world);
    assert.equal(outcome.status, 'failed');
    assert.match(
      outcome.message ?? '',
      /still pending after 20000 ms: no suitable node\..*SWARM_UTILS_PENDING_SERVICE_TIMEOUT/,
    );
    assert.ok(world.clock.elapsedMs < 21_000);
    await assertGone(world);
  });

  test('for which the swarm makes no task at all has failed too', async () => {
    const world = setUp(undefined);
    const outcome = await run(world);
    assert.match(outcome.message ?? '', /has no task after 20000 ms/);
    assert.deepEqual(outcome.report.tasks, []);
    await assertGone(world);
  });

  test('that runs too long is stopped before anybody hears of it', async () => {
    const world = setUp({ state: 'running' });
    const { swarm, clock } = world;
    let stoppedAt = 0;
    const removed = { at: 0 };
    // The service goes at once, its task only when it has stopped.
    const slow = {
      ...swarm,
      removeService: async (id: string) => {
        removed.at = clock.elapsedMs;
        await swarm.removeService(id);
      },
      getTask: async (id: string) => {
        assert.equal(id, 'helper-task');
        if (clock.elapsedMs < removed.at + 4000) {
          return { state: 'running' } as Task;
        }
        stoppedAt = clock.elapsedMs;
        return undefined;
      },
    };
    const outcome = await run({ ...world, swarm: slow });
    assert.deepEqual(
      [outcome.status, outcome.message],
      ['timed_out', 'The helper ran longer than its time-out of 60000 ms.'],
    );
    assert.deepEqual(outcome.report.tasks[0]?.logs, ['one', 'two [redacted]']);
    assert.ok(removed.at >= 60_000);
    assert.ok(stoppedAt >= removed.at + 4000);
    await assertGone(world);
  });

  test('on a node that went down is not waited for without end', async () => {
    const world = setUp({ state: 'running' });
    const stuck = { ...world.swarm, getTask: async () => ({ state: 'running' }) as Task };
    assert.equal((await run({ ...world, swarm: stuck })).status, 'timed_out');
    assert.ok(world.clock.elapsedMs < 60_000 + 16_000);
    await assertGone(world);
  });

  test('is judged by its newest task', async () => {
    const world = createWorld();
    world.swarm.onHelper(({ id: serviceId }) => {
      world.swarm.addTask({ serviceId, state: 'complete', exitCode: 0, createdAt: '2026-11-22T12:00:01.5Z' });
      world.swarm.addTask({
        serviceId,
        state: 'failed',
        error: 'older',
        createdAt: '2026-11-22T12:00:01.45Z',
      });
    });
    assert.equal((await run(world)).status, 'succeeded');
  });
});

suite('a helper is removed', () => {
  test('also when its logs can not be read', async () => {
    const world = setUp({ state: 'complete', exitCode: 0 });
    world.swarm.fail('taskLogs', new SwarmError('logs_unavailable', 'the node does not answer'));
    const outcome = await run(world);
    assert.equal(outcome.status, 'succeeded');
    assert.deepEqual(outcome.report.tasks[0]?.logs, ["(the logs can't be read: the node does not answer)"]);
    await assertGone(world);
  });

  test('also when the nodes can not be listed', async () => {
    const world = setUp({ state: 'complete', exitCode: 0 });
    world.swarm.fail('listNodes', away);
    assert.equal((await run(world)).report.tasks[0]?.node, 'node-1');
    await assertGone(world);
  });

  test('also when the logs fail in a way that nobody thought of', async () => {
    for (const method of ['taskLogs', 'listNodes'] as const) {
      const world = setUp({ state: 'complete', exitCode: 0 });
      world.swarm.fail(method, new TypeError('a fault'));
      await assert.rejects(run(world), /a fault/);
      await assertGone(world);
    }
  });

  test('also when the Engine refuses to list its tasks', async () => {
    const world = setUp({ state: 'running' });
    world.swarm.fail('listTasks', new SwarmError('rejected', 'unknown task state'), 1e9);
    await assert.rejects(run(world), { code: 'rejected' });
    await assertGone(world);
  });

  test('as soon as a manager answers again', async () => {
    const world = setUp({ state: 'complete', exitCode: 0 });
    world.swarm.fail('removeService', away, 12);
    assert.equal((await run(world)).status, 'succeeded');
    await assertGone(world);
  });

  test('and a change of the leader costs it nothing', async () => {
    const world = setUp({ state: 'running' }, [9000, { state: 'complete', exitCode: 0 }]);
    world.clock.at(1000, () => world.swarm.fail('listTasks', away, 12));
    assert.equal((await run(world)).status, 'succeeded');
  });

  test('unless the swarm stays away, which is said', async () => {
    const world = setUp({ state: 'running' });
    world.clock.at(1000, () => {
      world.swarm.fail('listTasks', away, 1e9);
      world.swarm.fail('removeService', away, 1e9);
    });
    await assert.rejects(run(world), { code: 'unavailable' });
    assert.ok(world.clock.elapsedMs < 60_000);
  });
});

suite('a helper that is there already', () => {
  const living = 'a1b2c3d4e5f6';
  const leftover = (
    world: TestWorld,
    task: Partial<Task> | undefined,
    labels: Record<string, string> = { 'swarm-utils.helper': `${living}/1` },
  ) => {
    const { swarm } = world;
    const other = swarm.addService({ name: 'swarm-utils' });
    swarm.addTask({ serviceId: other.id, containerId: `${living}${'0'.repeat(52)}` });
    const service = swarm.addService({ name: helper.name, labels, id: 'leftover' });
    if (task !== undefined) {
      swarm.addTask({ serviceId: service.id, ...task });
    }
  };
  const labelled = (owner: string) => ({ 'swarm-utils.helper': owner });

  test('and has finished goes, and the new one runs', async () => {
    for (const state of ['complete', 'failed', 'rejected', 'shutdown'] as const) {
      const world = createWorld();
      leftover(world, { state });
      assert.equal((await run(world)).status, 'succeeded', state);
      assert.equal(world.swarm.callsOf('removeService')[0]?.[0], 'leftover');
      await assertGone(world);
    }
  });

  test('and is at work for somebody who is alive is let be', async () => {
    for (const state of ['running', 'preparing', 'pending', 'new'] as const) {
      const world = createWorld();
      leftover(world, { state });
      await assert.rejects(run(world), { name: 'OperationError', code: 'helper_busy' }, state);
      assert.equal(world.swarm.callsOf('removeService').length, 0);
    }
  });

  test('and is at work for nobody goes, and the new one runs when it has stopped', async () => {
    // The last one is this very world's, which has none of that name at work.
    for (const owner of ['0123456789ab/1', 'a-host/1', 'true', '', createWorld().owner]) {
      const world = createWorld();
      leftover(world, { state: 'running', id: 'left-task' }, labelled(owner));
      let lookedAt = 0;
      const slow = {
        ...world.swarm,
        getTask: async () => {
          lookedAt += 1;
          return lookedAt < 5 ? ({ state: 'running' } as Task) : undefined;
        },
        createHelper: (...args: Parameters<typeof world.swarm.createHelper>) => {
          assert.ok(lookedAt === 0 || lookedAt >= 5, `after ${lookedAt} looks`);
          return world.swarm.createHelper(...args);
        },
      };
      assert.equal((await run({ ...world, swarm: slow })).status, 'succeeded', owner);
      await assertGone(world);
    }
  });

  test('and is at work for this process is not disturbed', async () => {
    const world = setUp({ state: 'running' }, [5000, { state: 'complete', exitCode: 0 }]);
    const first = run(world);
    await assert.rejects(run(world), { code: 'helper_busy' });
    assert.equal((await first).status, 'succeeded');
    assert.equal((await run(world)).status, 'succeeded');
    assert.equal(world.namesInUse.size, 0);
  });

  test('and has no tasks yet is at work, until it is older than the pending time-out', async () => {
    const world = createWorld();
    leftover(world, undefined);
    await assert.rejects(run(world), { code: 'helper_busy' });
    world.clock.at(20_001, () => undefined);
    await world.clock.sleep(20_001);
    assert.equal((await run(world)).status, 'succeeded');
  });

  test('and is somebody else’s service of that name is let be', async () => {
    const world = createWorld();
    leftover(world, { state: 'complete' }, {});
    await assert.rejects(run(world), { code: 'helper_busy' });
    assert.equal(world.swarm.callsOf('removeService').length, 0);
  });

  test('but is gone when looked for is no obstacle', async () => {
    const world = createWorld();
    leftover(world, { state: 'running' });
    world.swarm.before('findService', () => world.swarm.deleteService('leftover'));
    assert.equal((await run(world)).status, 'succeeded');
  });

  test('and comes back in between is a refusal, not a loop', async () => {
    const world = createWorld();
    leftover(world, { state: 'complete' });
    world.swarm.fail('createHelper', new SwarmError('name_conflict', 'exists'), 2);
    await assert.rejects(run(world), { code: 'name_conflict' });
  });
});

suite('a helper whose node', () => {
  const on = (task: Partial<Task>, node: Partial<Node>) => {
    const world = setUp({ nodeId: 'node-2', ...task });
    world.swarm.addNode({ id: 'node-2', hostname: 'two' });
    world.clock.at(10_000, () => world.swarm.addNode({ id: 'node-2', hostname: 'two', ...node }));
    return world;
  };

  test('goes down is not waited for, nor asked what it printed', async () => {
    const world = on({ state: 'running' }, { state: 'down' });
    const outcome = await run(world, { nodeId: 'node-2' });
    assert.deepEqual(
      [outcome.status, outcome.code, outcome.message],
      ['failed', 'node_unavailable', "The node two is down, so the helper there can't be waited for."],
    );
    assert.deepEqual(outcome.report.tasks[0]?.node, 'two');
    assert.equal(world.swarm.callsOf('taskLogs').length, 0);
    assert.ok(world.clock.elapsedMs < 13_000, `${world.clock.elapsedMs}`);
    await assertGone(world);
  });

  test('is closed before the helper has a place on it', async () => {
    for (const availability of ['drain', 'pause'] as const) {
      const world = on({ state: 'pending', ...unassigned }, { availability });
      const outcome = await run(world, { nodeId: 'node-2' });
      assert.equal(outcome.code, 'node_unavailable');
      assert.match(outcome.message ?? '', new RegExp(`node two is ${availability}`));
      assert.ok(world.clock.elapsedMs < 13_000);
    }
  });

  test('takes no others goes on with those that it has', async () => {
    const world = on({ state: 'running' }, { availability: 'pause' });
    world.clock.at(30_000, () => world.swarm.changeTask('helper-task', { state: 'complete', exitCode: 0 }));
    assert.equal((await run(world, { nodeId: 'node-2' })).status, 'succeeded');
  });

  test('has left the swarm is not waited for', async () => {
    const world = setUp({ state: 'running', nodeId: 'node-9' });
    assert.equal((await run(world, { nodeId: 'node-9' })).code, 'node_unavailable');
  });
});

suite('the secrets of a helper', () => {
  const secrets = [
    { path: '/run/secrets/key', value: 'canary-key' },
    { path: '/run/secrets/password', value: 'canary-password' },
  ];

  test('are there for it, and for nobody after it', async () => {
    const world = setUp({ state: 'complete', exitCode: 0 });
    await run(world, { secrets });
    const { swarm } = world;
    const made = swarm.callsOf('createSecret').map(([secret]) => secret);
    assert.deepEqual(
      made.map(({ value, owner }) => [value, owner]),
      [
        ['canary-key', world.owner],
        ['canary-password', world.owner],
      ],
    );
    assert.ok(made.every(({ name }) => name.length <= 64));
    const given = swarm.callsOf('createHelper')[0]?.[1].secrets ?? [];
    assert.deepEqual(
      given.map(({ name, path }) => [name, path]),
      made.map(({ name }, index) => [name, secrets[index]?.path]),
    );
    assert.deepEqual(await swarm.listHelperSecrets(), []);
    assert.equal(world.namesInUse.size, 0);
    const order = swarm.calls.map(({ method }) => method);
    assert.ok(order.indexOf('removeService') < order.indexOf('removeSecret'));
  });

  test('are removed when the helper can not be made', async () => {
    const world = createWorld();
    world.swarm.fail('createHelper', new SwarmError('rejected', 'invalid mount'));
    await assert.rejects(run(world, { secrets }), { code: 'rejected' });
    assert.deepEqual([await world.swarm.listHelperSecrets(), world.namesInUse.size], [[], 0]);
  });

  test('are removed when the next one can not be made', async () => {
    const world = createWorld();
    world.swarm.before('createSecret', () => {
      if (world.swarm.callsOf('createSecret').length === 2) {
        world.swarm.fail('createSecret', new SwarmError('rejected', 'too large'));
      }
    });
    await assert.rejects(run(world, { secrets }), { code: 'rejected' });
    assert.deepEqual([await world.swarm.listHelperSecrets(), world.namesInUse.size], [[], 0]);
    assert.equal(world.swarm.callsOf('createHelper').length, 0);
  });

  test('are removed when its node is lost', async () => {
    const world = setUp({ state: 'running', nodeId: 'node-9' });
    await run(world, { secrets, nodeId: 'node-9' });
    assert.deepEqual(await world.swarm.listHelperSecrets(), []);
  });

  test('that can not be removed cost the verdict nothing: they count as left behind', async () => {
    const world = setUp({ state: 'complete', exitCode: 0 });
    world.swarm.fail('removeSecret', away, 1e9);
    assert.equal((await run(world, { secrets })).status, 'succeeded');
    assert.equal((await world.swarm.listHelperSecrets()).length, 2);
    assert.equal(world.namesInUse.size, 0);
  });
});

test('a helper that the Engine does not take is not removed, for there is none', async () => {
  const world = createWorld();
  world.swarm.fail('createHelper', new SwarmError('rejected', 'invalid mount'));
  await assert.rejects(run(world), { code: 'rejected' });
  assert.equal(world.swarm.callsOf('removeService').length, 0);
});
