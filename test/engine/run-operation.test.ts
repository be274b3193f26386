import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Step } from '../../src/core/step.ts';
import { serviceTarget } from '../../src/core/target.ts';
import { runOperation, runSteps } from '../../src/engine/run-operation.ts';
import { type Service, SwarmError, type SwarmErrorCode } from '../../src/engine/swarm.ts';
import { digestA, image, shopIdentity, tokenCaller, workload } from '../core/examples.ts';
import { readExecCommand } from './exec-command.ts';
import {
  addShop,
  contentOf,
  createRecorder,
  createWorld,
  newDigest,
  newImage,
  oldDigest,
  oldImage,
  ownServiceId,
  secret,
  type TestWorld,
} from './world.ts';

const toNew = { image: image('registry.test/acme/shop:2') };

async function run(world: TestWorld, service: Service, request: Parameters<typeof contentOf>[1] = toNew) {
  const recorder = createRecorder();
  const end = await runOperation(world, contentOf(service, request), recorder.listener);
  return { ...recorder, end };
}

suite('an update', () => {
  test('resolves, rolls out and says from what to what', async () => {
    const world = createWorld();
    const { end, ends, images, reports, faults } = await run(world, addShop(world));
    const change = { from: oldImage, to: newImage, digest: newDigest };
    assert.deepEqual(end, { status: 'succeeded', image: change });
    assert.deepEqual(images, [change]);
    assert.deepEqual(ends(), ['resolve succeeded', 'rollout succeeded']);
    assert.deepEqual(faults, []);
    for (const { startedAt, durationMs, status } of reports) {
      assert.match(startedAt ?? '', /^2026-11-22T12:00:/);
      assert.equal(typeof durationMs, status === 'running' ? 'undefined' : 'number');
    }
  });

  test('of what runs already is unchanged, and nothing is written', async () => {
    const world = createWorld();
    const service = addShop(world, {
      labels: { 'swarm-utils.update.exec-pre': 'x', 'swarm-utils.update.exec-post': 'x' },
    });
    const { end, ends } = await run(world, service, {});
    assert.equal(end.status, 'unchanged');
    assert.deepEqual(ends(), [
      'resolve succeeded',
      'exec-pre skipped',
      'rollout skipped',
      'exec-post skipped',
    ]);
    assert.equal(world.swarm.callsOf('updateServiceImage').length, 0);
  });

  test('shows no password that the labels of the service hold, whatever its tasks print', async () => {
    const world = createWorld();
    const service = addShop(world, {
      labels: {
        'swarm-utils.update.registry.password': 'label-canary',
        'swarm-utils.update.exec-pre': 'env',
      },
    });
    world.swarm.onHelper((helper, swarm, { nodeId }) => {
      const ended = { nodeId, state: 'complete', desiredState: 'shutdown', exitCode: 0 } as const;
      swarm.setLogs(swarm.addTask({ serviceId: helper.id, ...ended }).id, ['PASSWORD=label-canary']);
    });
    const { reports } = await run(world, service);
    assert.deepEqual(reports.findLast(({ name }) => name === 'exec-pre')?.helper?.tasks[0]?.logs, [
      'PASSWORD=[redacted]',
    ]);
  });

  test('of the service that swarm-utils itself runs as is refused', async () => {
    const world = createWorld();
    const { end, reports } = await run(world, addShop(world, { id: ownServiceId }));
    assert.equal(end.error?.code, 'own_service');
    assert.deepEqual(reports, []);
    assert.equal(world.swarm.callsOf('updateServiceImage').length, 0);
  });

  test('that is rolled back is not a success', async () => {
    const world = createWorld();
    world.swarm.onUpdate(({ id }) =>
      world.swarm.changeService(id, {
        image: oldImage,
        update: { state: 'rollback_completed', message: `task said ${secret}` },
      }),
    );
    const { end, reports } = await run(world, addShop(world));
    assert.equal(end.status, 'rolled_back');
    assert.equal(end.error?.code, 'rolled_back');
    assert.match(end.error?.message ?? '', /task said \[redacted\]/);
    assert.equal(reports.at(-1)?.status, 'failed');
    assert.doesNotMatch(JSON.stringify(reports), new RegExp(secret));
  });

  test('gives the rollout its own time, the pending time and the extra time', async () => {
    const world = createWorld();
    world.swarm.onUpdate(({ id }) =>
      world.swarm.changeService(id, { update: { state: 'updating', message: '' } }),
    );
    const { end } = await run(world, addShop(world, { labels: { 'swarm-utils.update.timeout': '5000' } }));
    assert.equal(end.status, 'timed_out');
    assert.equal(world.clock.elapsedMs, 5000 + 20_000 + 10_000);
  });
});

suite('the hooks of a service', () => {
  const labels = {
    'swarm-utils.update.exec-pre': 'dump "$HOME"; $(id)',
    'swarm-utils.update.exec-pre.shell': '/bin/bash',
    'swarm-utils.update.exec-post': 'warm up',
    'swarm-utils.update.exec-post.timeout': '1234',
  };

  test('run in every running task, before in the old ones and after in the new ones', async () => {
    const world = createWorld();
    world.swarm.addNode({ id: 'node-2' });
    const service = addShop(world, { labels, replicas: 1 });
    world.swarm.addTask({
      serviceId: service.id,
      slot: 2,
      nodeId: 'node-2',
      containerId: 'container-of-slot-2',
    });
    world.swarm.addTask({ serviceId: service.id, slot: 3, state: 'shutdown', desiredState: 'shutdown' });
    world.swarm.addTask({ serviceId: service.id, slot: 4, state: 'starting' });
    const { end, ends } = await run(world, service);
    assert.equal(end.status, 'succeeded');
    assert.deepEqual(ends(), [
      'resolve succeeded',
      'exec-pre succeeded',
      'rollout succeeded',
      'exec-post succeeded',
    ]);
    const helpers = world.swarm.callsOf('createHelper').map(([helper]) => helper);
    assert.deepEqual(
      helpers
        .map(({ nodeId, command, timeoutMs }) => {
          const { container, seconds, user, words } = readExecCommand(command);
          return [nodeId, container, words, seconds, user, timeoutMs];
        })
        .slice(0, 2),
      ['1', '2'].map(number => [
        `node-${number}`,
        `container-of-slot-${number}`,
        ['/bin/bash', '-c', 'dump "$HOME"; $(id)'],
        ...['60', '', 60_000],
      ]),
    );
    assert.equal(helpers.length, 3);
    assert.deepEqual(readExecCommand(helpers[2]?.command ?? []).words, ['/bin/sh', '-c', 'warm up']);
    assert.equal(new Set(helpers.map(({ command }) => command[2])).size, 1, 'the script is a constant');
    assert.equal(helpers[2]?.timeoutMs, 1234);
    assert.deepEqual(helpers[0]?.mounts, [
      { type: 'bind', source: '/var/run/docker.sock', target: '/var/run/docker.sock', isReadOnly: true },
    ]);
    assert.equal(new Set(helpers.map(({ name }) => name)).size, 3);
  });

  test('of a global service are told apart by their nodes', async () => {
    const world = createWorld();
    const service = addShop(world, { labels, mode: 'global' });
    for (const nodeId of ['node-1', 'node-2']) {
      world.swarm.addTask({ serviceId: service.id, nodeId });
    }
    await run(world, service);
    const names = world.swarm.callsOf('createHelper').map(([{ name }]) => name);
    assert.equal(new Set(names).size, names.length);
  });

  test('have nothing to do where no task runs', async () => {
    const world = createWorld();
    const { end, reports } = await run(world, addShop(world, { labels, replicas: 0 }));
    assert.equal(end.status, 'succeeded');
    assert.equal(
      reports.find(({ name, status }) => name === 'exec-pre' && status === 'succeeded')?.message,
      'Done in 0 tasks.',
    );
  });

  test('that fail in one task of several fail the update before it has begun', async () => {
    const world = createWorld();
    const service = addShop(world, { labels, replicas: 3 });
    world.swarm.onHelper((helper, swarm, { command }) => {
      const { container } = readExecCommand(command);
      const isBad = container === 'container-of-slot-2';
      const task = swarm.addTask({
        serviceId: helper.id,
        state: isBad ? 'failed' : 'complete',
        exitCode: isBad ? 3 : 0,
        ...(isBad && { error: `exit 3 ${secret}` }),
      });
      swarm.setLogs(task.id, [`${container} said ${secret}`]);
    });
    const { end, ends, reports } = await run(world, service);
    assert.deepEqual(ends(), [
      'resolve succeeded',
      'exec-pre failed',
      'rollout skipped',
      'exec-post skipped',
    ]);
    assert.equal(end.status, 'failed');
    assert.deepEqual(end.error, {
      code: 'exec_failed',
      message:
        'exec-pre failed in 1 of 3 tasks. The helper failed: exit 3 [redacted]. It printed: container-of-slot-2 said [redacted]',
    });
    const tasks = reports.find(({ status }) => status === 'failed')?.helper?.tasks ?? [];
    assert.deepEqual(
      tasks.map(({ exitCode }) => exitCode),
      [0, 3, 0],
    );
    assert.deepEqual(tasks[1]?.logs, ['container-of-slot-2 said [redacted]']);
    assert.equal(world.swarm.callsOf('updateServiceImage').length, 0);
    assert.deepEqual(await world.swarm.listServices('swarm-utils.helper'), []);
  });

  test('that fail after the rollout fail the update, which is done', async () => {
    const world = createWorld();
    world.swarm.onHelper((helper, swarm, { command }) => {
      const isPost = command.at(-1) === 'warm up';
      swarm.addTask({
        serviceId: helper.id,
        state: isPost ? 'failed' : 'complete',
        exitCode: isPost ? 1 : 0,
      });
    });
    const { end } = await run(world, addShop(world, { labels }));
    assert.deepEqual([end.status, end.error?.code, end.image?.to], ['failed', 'exec_failed', newImage]);
  });

  test('that take too long time out', async () => {
    const world = createWorld();
    world.swarm.onHelper((helper, swarm) => swarm.addTask({ serviceId: helper.id }));
    const { end, ends } = await run(world, addShop(world, { labels }));
    assert.equal(ends()[1], 'exec-pre timed_out');
    assert.deepEqual([end.status, end.error?.code], ['timed_out', 'timed_out']);
    assert.deepEqual(await world.swarm.listServices('swarm-utils.helper'), []);
  });

  test('are all waited for when one can not begin: none is at work once the operation has ended', async () => {
    const world = createWorld();
    world.swarm.onHelper((helper, swarm) => {
      const { id } = swarm.addTask({ serviceId: helper.id });
      world.clock.at(30_000, () => swarm.changeTask(id, { state: 'complete', exitCode: 0 }));
    });
    world.swarm.fail('createHelper', new SwarmError('rejected', 'invalid mount'));
    const { end } = await run(world, addShop(world, { labels, replicas: 3 }));
    assert.deepEqual([end.status, end.error?.code], ['failed', 'rejected']);
    assert.ok(world.clock.elapsedMs >= 30_000);
    assert.deepEqual(await world.swarm.listServices('swarm-utils.helper'), []);
  });

  test("pull their own image with the environment's login for its registry, never with the service's", async () => {
    const hub = { registry: 'docker.io', username: 'hub', password: secret };
    const world = createWorld({
      registries: [{ registry: 'registry.test', username: 'env', password: 'x' }, hub],
    });
    const service = addShop(world, {
      replicas: 1,
      labels: {
        'swarm-utils.update.exec-pre': 'x',
        'swarm-utils.update.registry.auth': 'true',
        'swarm-utils.update.registry.user': 'label',
        'swarm-utils.update.registry.password': 'y',
        'swarm-utils.update.registry.url': 'registry.test',
      },
    });
    await run(world, service);
    assert.deepEqual(world.swarm.callsOf('createHelper')[0]?.[1].credentials, hub);
    assert.equal(world.swarm.callsOf('resolveImage')[0]?.[1]?.username, 'label');
    assert.equal(world.swarm.callsOf('updateServiceImage')[0]?.[2]?.username, 'label');
  });
});

suite('what was allowed is decided again when its turn has come', () => {
  const caller = tokenCaller('a');
  const before = {
    'swarm-utils.update.token': 'a',
    'swarm-utils.update.image-allow': 'registry.test/acme/shop',
  };

  test('and refused when the labels do not allow it any more', async () => {
    const changes: readonly Record<string, string>[] = [
      { 'swarm-utils.update.token': 'b' },
      { 'swarm-utils.update.enable': 'false' },
      { 'swarm-utils.update.image-allow': 'registry.test/acme/shop:v*' },
      { 'swarm-utils.update.timout': '1' },
    ];
    for (const change of changes) {
      const world = createWorld();
      const service = addShop(world, { labels: before });
      const content = contentOf(service, toNew, caller);
      world.swarm.changeService(service.id, { labels: { ...service.labels, ...change } });
      const { listener, reports } = createRecorder();
      const { status, error } = await runOperation(world, content, listener);
      assert.deepEqual([status, error?.code], ['failed', 'not_authorized_any_more'], JSON.stringify(change));
      assert.deepEqual(reports, []);
      assert.equal(world.swarm.callsOf('updateServiceImage').length, 0);
    }
  });

  test('and done as the labels are now: a tag pattern that came in between makes the tag count', async () => {
    const world = createWorld();
    const service = addShop(world, { labels: before });
    const pinned = image(`registry.test/acme/shop:2@${digestA}`);
    const content = contentOf(service, { image: pinned }, caller);
    assert.equal(content.mustMatchTag, false);
    world.swarm.changeService(service.id, {
      labels: { ...service.labels, 'swarm-utils.update.image-allow': 'registry.test/acme/shop:2' },
    });
    const { listener } = createRecorder();
    const { error } = await runOperation(world, content, listener);
    assert.equal(error?.code, 'digest_mismatch');
    assert.equal(world.swarm.callsOf('updateServiceImage').length, 0);
  });

  test('and ends when the service is gone', async () => {
    const world = createWorld();
    const service = addShop(world);
    const content = contentOf(service);
    world.swarm.deleteService(service.id);
    const { listener } = createRecorder();
    const { status, error } = await runOperation(world, content, listener);
    assert.deepEqual([status, error?.code], ['failed', 'target_gone']);
  });

  test('for a workload by the same identity', async () => {
    const world = createWorld();
    const labels = {
      'swarm-utils.update.github.repository': 'acme/shop',
      'swarm-utils.update.github.ref': 'refs/heads/main',
    };
    const service = addShop(world, { labels });
    const content = contentOf(service, toNew, workload(shopIdentity));
    const { listener } = createRecorder();
    assert.equal((await runOperation(world, content, listener)).status, 'succeeded');
  });
});

suite('what the Engine refuses', () => {
  const codes: Readonly<Record<SwarmErrorCode, readonly [string, RegExp]>> = {
    unavailable: ['swarm_unavailable', /^The swarm manager could not be reached\.$/],
    not_found: ['target_gone', /detail \[redacted\]/],
    out_of_sequence: ['update_conflict', /detail/],
    name_conflict: ['helper_busy', /detail/],
    logs_unavailable: ['internal', /detail/],
    image_not_found: ['image_not_found', /registry does not have this image: detail/],
    registry_unauthorized: [
      'registry_unauthorized',
      /refused the login.*swarm-utils\.update\.registry.*SWARM_UTILS_REGISTRY.*detail/,
    ],
    registry_unreachable: ['registry_unreachable', /nothing was deployed: detail/],
    spec_too_large: ['spec_too_large', /Make the labels of the service smaller: detail/],
    engine_too_old: ['engine_too_old', /^detail/],
    engine_too_new: ['engine_too_new', /^detail/],
    rejected: ['rejected', /The Engine refused: detail/],
  };
  for (const [code, [expected, message]] of Object.entries(codes)) {
    test(`${code} is ${expected}`, async () => {
      const world = createWorld();
      world.swarm.fail('resolveImage', new SwarmError(code as SwarmErrorCode, `detail ${secret}`));
      const { end, ends, reports } = await run(world, addShop(world));
      assert.deepEqual([end.status, end.error?.code], ['failed', expected]);
      assert.match(end.error?.message ?? '', message);
      assert.deepEqual(ends(), ['resolve failed', 'rollout skipped']);
      assert.doesNotMatch(JSON.stringify([end, reports]), new RegExp(secret));
    });
  }

  test('where the Engine is, is told to the log only', async () => {
    const world = createWorld();
    const away = new SwarmError('unavailable', 'connect ENOENT /var/run/docker.sock');
    world.swarm.fail('getService', away);
    const { end, faults } = await run(world, addShop(world));
    assert.doesNotMatch(JSON.stringify(end), /docker\.sock/);
    assert.deepEqual(faults, [away]);
  });

  test('a fault of this program is told to the log, and to the caller that there was one', async () => {
    for (const method of ['getService', 'resolveImage', 'updateServiceImage', 'listTasks'] as const) {
      const world = createWorld();
      const fault = new TypeError(`undefined is not ${secret}`);
      world.swarm.fail(method, fault);
      const { end, faults } = await run(world, addShop(world));
      assert.deepEqual(
        end.error,
        { code: 'internal', message: 'swarm-utils itself failed; its log says how.' },
        method,
      );
      assert.equal(end.status, 'failed');
      assert.deepEqual(faults, [fault]);
    }
  });
});

suite('steps', () => {
  const exec = (name: string, when: Step['when']): Step => ({
    name,
    when,
    timeoutMs: 1000,
    work: { kind: 'exec', shell: 'sh', script: name },
  });
  const resolve: Step = {
    name: 'resolve',
    when: 'on-success',
    timeoutMs: 1000,
    work: { kind: 'resolve-image', mustMatchTag: false, isForce: false },
  };

  /** @param bad the steps that fail */
  async function runAll(steps: readonly Step[], ...bad: readonly string[]) {
    const world = createWorld();
    const service = addShop(world);
    world.swarm.onHelper((helper, swarm, { command }) => {
      const isBad = bad.includes(command.at(-1) ?? '');
      swarm.addTask({ serviceId: helper.id, state: isBad ? 'failed' : 'complete', exitCode: isBad ? 1 : 0 });
    });
    const recorder = createRecorder();
    const shared = {
      world,
      service,
      target: serviceTarget(service),
      checkStillAllowed: async () => service.version,
    };
    const end = await runSteps(shared, steps, recorder.listener, 60_000);
    return { end, ends: recorder.ends(), progress: recorder.progress };
  }

  test('that are always done are done after a failure too, which stays the verdict', async () => {
    const steps = [
      exec('stop', 'on-success'),
      exec('upload', 'on-success'),
      exec('start', 'always'),
      exec('last', 'on-success'),
    ];
    const { end, ends, progress } = await runAll(steps, 'upload', 'start');
    assert.deepEqual(ends, ['stop succeeded', 'upload failed', 'start failed', 'last skipped']);
    assert.match(end.error?.message ?? '', /^upload failed/);
    assert.deepEqual(progress, [
      'stop: Running it in 2 tasks.',
      'upload: Running it in 2 tasks.',
      'start: Running it in 2 tasks.',
    ]);
  });

  test('that are always done make a failure of a success', async () => {
    const { end, ends } = await runAll([exec('upload', 'on-success'), exec('start', 'always')], 'start');
    assert.deepEqual(ends, ['upload succeeded', 'start failed']);
    assert.equal(end.status, 'failed');
  });

  test('that are always done are done when there is nothing to do, and may fail then', async () => {
    const steps = [resolve, exec('rollout', 'on-success'), exec('undo', 'always')];
    const good = await runAll(steps);
    assert.deepEqual(
      [good.end.status, good.ends],
      ['unchanged', ['resolve succeeded', 'rollout skipped', 'undo succeeded']],
    );
    assert.equal(good.end.image?.digest, oldDigest);
    const bad = await runAll(steps, 'undo');
    assert.deepEqual([bad.end.status, bad.end.error?.code], ['failed', 'exec_failed']);
  });

  test('a rollout without a resolved image is a fault of this program', async () => {
    const { end } = await runAll([
      { name: 'rollout', when: 'on-success', timeoutMs: 1, work: { kind: 'rollout' } },
    ]);
    assert.equal(end.error?.code, 'internal');
  });
});

suite('the time of the whole operation', () => {
  const labels = { 'swarm-utils.update.exec-pre': 'a', 'swarm-utils.update.exec-post': 'b' };

  test('is told when it begins: of each step as often as it is done', async () => {
    const world = createWorld();
    const { budgets } = await run(world, addShop(world, { labels, replicas: 3 }));
    const onceMs = 60_000 + 20_000;
    assert.deepEqual(budgets, [onceMs + 3 * onceMs + onceMs + 3 * onceMs + 10_000]);
    const plain = createWorld();
    assert.deepEqual((await run(plain, addShop(plain))).budgets, [2 * onceMs + 10_000]);
  });

  test('when it is up, nothing begins but what is always done', async () => {
    const world = createWorld();
    const service = addShop(world);
    const step = (name: string, when: Step['when']): Step => ({
      name,
      when,
      timeoutMs: 60_000,
      work: { kind: 'exec', shell: 'sh', script: name },
    });
    // Each takes its time, and none too much of it.
    world.swarm.onHelper((helper, swarm) => {
      const task = swarm.addTask({ serviceId: helper.id });
      world.clock.at(world.clock.elapsedMs + 30_000, () =>
        swarm.changeTask(task.id, { state: 'complete', exitCode: 0 }),
      );
    });
    const recorder = createRecorder();
    const shared = {
      world,
      service,
      target: serviceTarget(service),
      checkStillAllowed: async () => service.version,
    };
    const steps = [
      step('stop', 'on-success'),
      step('upload', 'on-success'),
      step('more', 'on-success'),
      step('start', 'always'),
      step('verify', 'on-success'),
    ];
    const end = await runSteps(shared, steps, recorder.listener, 50_000);
    assert.deepEqual(recorder.ends(), [
      'stop succeeded',
      'upload succeeded',
      'more skipped',
      'start succeeded',
      'verify skipped',
    ]);
    assert.deepEqual([end.status, end.error?.code], ['timed_out', 'timed_out']);
    assert.match(end.error?.message ?? '', /50000 ms, passed before the step more could begin/);
  });
});
