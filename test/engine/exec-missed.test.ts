import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { authorize, redeemLabelToken } from '../../src/core/authorize.ts';
import type { VolumePlace } from '../../src/core/backup.ts';
import { serviceTarget } from '../../src/core/target.ts';
import { runOperation } from '../../src/engine/run-operation.ts';
import { exec } from '../../src/engine/steps/exec.ts';
import type { Service, Task } from '../../src/engine/swarm.ts';
import { volumesOn } from './backup-shop.ts';
import { addShop, contentOf, createRecorder, createWorld } from './world.ts';

const labels = {
  'swarm-utils.backup.enable': 'true',
  'swarm-utils.backup.exec': 'pg_dump',
};

async function backUp(change: Partial<Service>, ...tasks: readonly Partial<Task>[]) {
  const world = createWorld();
  const service = addShop(world, { ...change, labels: { ...labels, ...change.labels } });
  world.swarm.deleteTasks(service.id);
  for (const task of tasks) {
    world.swarm.addTask({ serviceId: service.id, ...task });
  }
  const decision = authorize({ kind: 'admin' }, { action: 'backup' }, serviceTarget(service));
  assert.ok(decision.allowed);
  const recorder = createRecorder();
  const end = await runOperation(world, redeemLabelToken(decision.labelToken), recorder.listener);
  const step = recorder.reports.findLast(({ name }) => name === 'exec');
  return { end, step, warnings: step?.warnings?.map(({ code }) => code) };
}

const crashed = {
  state: 'failed',
  desiredState: 'shutdown',
  error: 'task: non-zero exit (1)',
  exitCode: 1,
} as const;

suite('a dump that no task could make', () => {
  const cases: readonly (readonly [string, number, readonly Partial<Task>[], RegExp])[] = [
    ['is scaled to 0', 0, [], /The service is scaled to 0\./],
    [
      'crashes',
      1,
      [crashed, { state: 'ready', desiredState: 'ready' }],
      /Task task-\d+ is failed: task: non-zero exit \(1\)\./,
    ],
    ['is not healthy yet', 1, [{ state: 'starting' }], /Task task-\d+ is starting: started\./],
    ['has no tasks yet', 1, [], /nothing was backed up\. The label/],
    ['is told to end', 1, [{ desiredState: 'shutdown' }], /Task task-\d+ is running/],
  ];
  for (const [what, replicas, tasks, why] of cases) {
    test(`because the service ${what} is no backup`, async () => {
      const { end, step } = await backUp({ replicas }, ...tasks);
      assert.deepEqual([end.status, end.error?.code, step?.status], ['failed', 'exec_failed', 'failed']);
      assert.match(
        `${end.error?.message}`,
        /^No task was running, so exec ran nowhere and nothing was backed up\./,
      );
      assert.match(`${end.error?.message}`, why);
    });

    test(`because the service ${what} is said where the label makes a backup without it good`, async () => {
      const required = { 'swarm-utils.backup.exec.required': 'false' };
      const { end, warnings } = await backUp({ replicas, labels: required }, ...tasks);
      assert.deepEqual([end.status, warnings], ['succeeded', ['exec_not_run']]);
    });
  }

  test('uploads nothing', async () => {
    const world = createWorld();
    const service = addShop(world, {
      replicas: 0,
      volumes: ['data'],
      labels: {
        ...labels,
        'swarm-utils.backup.target': 'local',
        'swarm-utils.backup.stop': 'true',
        'swarm-utils.backup.volume-list-upload': 'data',
      },
    });
    const answer = volumesOn({ 'node-1': ['data'] });
    world.swarm.onHelper((service, swarm, helper) => {
      const { id } = swarm.addTask({ serviceId: service.id, state: 'complete', exitCode: 0 });
      swarm.setOutput(id, answer(helper));
    });
    const decision = authorize({ kind: 'admin' }, { action: 'backup' }, serviceTarget(service));
    assert.ok(decision.allowed);
    const recorder = createRecorder();
    await runOperation(world, redeemLabelToken(decision.labelToken), recorder.listener);
    assert.deepEqual(recorder.ends(), [
      'locate succeeded',
      'exec failed',
      'stop skipped',
      'upload skipped',
      'start skipped',
      'verify skipped',
      'forget skipped',
    ]);
  });
});

suite('a dump that some tasks could not make', () => {
  test('is made, and said not to be whole', async () => {
    const { end, step, warnings } = await backUp({ replicas: 2 }, { slot: 1 }, { slot: 2, ...crashed });
    assert.deepEqual([end.status, warnings], ['succeeded', ['exec_not_run']]);
    assert.match(`${step?.warnings?.[0]?.message}`, /^exec ran in 1 of 2 tasks\. Task task-\d+ is failed: /);
  });

  test('is nothing to say where all have made it', async () => {
    const { warnings } = await backUp({ replicas: 2 }, { slot: 1 }, { slot: 2 }, { slot: 2, ...crashed });
    assert.equal(warnings, undefined);
  });

  /** The dump of a service whose volumes were found on these nodes, while its task runs on the first. */
  const dumpAt = (change: Partial<Service>, ...nodeIds: readonly string[]) => {
    const world = createWorld();
    const service = addShop(world, { replicas: 1, volumes: ['dump'], ...change });
    const places: VolumePlace[] = nodeIds.map(nodeId => ({ nodeId, nodeName: nodeId, volume: 'dump' }));
    const context = {
      world,
      service,
      target: serviceTarget(service),
      onProgress: () => undefined,
      checkStillAllowed: async () => service.version,
      located: { backup: 'b', places },
    };
    const work = { kind: 'exec', shell: 'sh', script: 'dump', isRequired: true } as const;
    return exec(context, { name: 'exec', when: 'on-success', timeoutMs: 1000, work });
  };

  test('on the node of a volume, because it has moved from there, is no backup', async () => {
    assert.equal((await dumpAt({}, 'node-1')).status, 'succeeded');
    const { status, error } = await dumpAt({}, 'node-2');
    assert.deepEqual([status, error?.code], ['failed', 'exec_failed']);
    assert.match(`${error?.message}`, /tasks have moved meanwhile: dump on node-2\. Nothing was backed up\./);
    assert.equal((await dumpAt({}, 'node-1', 'node-2')).error?.code, 'exec_failed');
  });

  test('but for what all nodes share, or what the service does not mount', async () => {
    const mounts = [{ type: 'volume', source: 'dump', driverOptions: { type: 'nfs' } }] as const;
    assert.equal((await dumpAt({ mounts }, 'node-2')).status, 'succeeded');
    const shared = { 'swarm-utils.backup.volumes.shared': 'true' };
    assert.equal((await dumpAt({ labels: shared }, 'node-2')).status, 'succeeded');
    assert.equal((await dumpAt({ volumes: ['other'] }, 'node-2')).status, 'succeeded');
  });
});

suite('hooks that no task could run', () => {
  test('are said, and stop no update: it may be what mends the service', async () => {
    const world = createWorld();
    const service = addShop(world, { replicas: 1, labels: { 'swarm-utils.update.exec-pre': 'migrate' } });
    world.swarm.deleteTasks(service.id);
    world.swarm.addTask({ serviceId: service.id, ...crashed });
    const image = { registry: 'registry.test', repository: 'acme/shop', tag: '2' };
    const recorder = createRecorder();
    const end = await runOperation(world, contentOf(service, { image }), recorder.listener);
    assert.equal(end.status, 'succeeded', JSON.stringify(end));
    const step = recorder.reports.findLast(({ name }) => name === 'exec-pre');
    assert.deepEqual(
      step?.warnings?.map(({ code }) => code),
      ['exec_not_run'],
    );
  });

  test('of a clean are not missed where the service is scaled to 0', async () => {
    const world = createWorld();
    const clean = { 'swarm-utils.clean.enable': 'true', 'swarm-utils.clean.exec': 'rm' };
    const service = addShop(world, { replicas: 0, labels: clean });
    const decision = authorize(
      { kind: 'admin' },
      { action: 'clean', targetKind: 'service' },
      serviceTarget(service),
    );
    assert.ok(decision.allowed);
    const recorder = createRecorder();
    const end = await runOperation(world, redeemLabelToken(decision.labelToken), recorder.listener);
    assert.deepEqual([end.status, recorder.reports.at(-1)?.warnings], ['succeeded', undefined]);
  });
});
