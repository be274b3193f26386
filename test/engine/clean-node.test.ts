import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { HelperService } from '../../src/core/helper.ts';
import { runOperation } from '../../src/engine/run-operation.ts';
import { SwarmError } from '../../src/engine/swarm.ts';
import { cleanNodeDefaults } from '../core/clean-defaults.ts';
import {
  cleanNode,
  containerIdOf,
  contentOfNode,
  idOf,
  imageRow,
  type NodeScript,
  scriptNode,
  stoppedRow,
} from './node-commands.ts';
import { createRecorder, createWorld, secret, type TestWorld } from './world.ts';

const disk = (images: string, cache = '0B') => ({
  stdout: [JSON.stringify(['Images', images, '0B (0%)']), JSON.stringify(['Build Cache', cache, cache])],
});

/** Whatever is to be removed is removed. */
const obedient: NodeScript = {
  'container rm': command => ({ stdout: command.slice(4) }),
  'image rm': command => ({ stdout: command.slice(4).map(id => `Deleted: ${id}`) }),
  'builder prune': { stdout: ['Total reclaimed space: 1.5GB'] },
};

function setUp(script: NodeScript = {}, labels: Readonly<Record<string, string>> = {}) {
  const world = createWorld();
  const node = world.swarm.addNode({ id: 'node-7', hostname: 'worker-7', labels });
  const ran = scriptNode(world, { ...obedient, ...script });
  const commands = () => ran.map(({ words }) => words.slice(0, 3).join(' '));
  const removals = () => ran.filter(({ words }) => words[1] === 'rm').map(({ words }) => words.slice(3));
  return { world, node, ran, commands, removals };
}

/** Labels that turn the other parts off. */
const only = (part: string) =>
  Object.fromEntries(
    ['container', 'image', 'builder']
      .filter(name => name !== part)
      .map(name => [`swarm-utils.clean.${name}.enable`, 'false']),
  );

suite('the clean of a node', () => {
  test('goes in its order, and says what went and how much that was', async () => {
    let looks = 0;
    const { world, node, commands, removals } = setUp({
      'container ls --all --no-trunc --size': { stdout: [stoppedRow('1'), stoppedRow('2')] },
      'container ls': { stdout: ['["c","shop:1"]'] },
      'image ls': {
        stdout: [
          imageRow('a', { repository: 'shop', tag: '1' }),
          imageRow('b'),
          imageRow('c', { repository: 'x', tag: 'y' }),
        ],
      },
      'system df': () => disk(looks++ === 0 ? '12.5MB' : '2.5MB'),
    });
    const { end, ends, step, faults } = await cleanNode(world, node);
    assert.deepEqual(end, { status: 'succeeded' });
    assert.deepEqual(ends(), ['containers succeeded', 'images succeeded', 'build-cache succeeded']);
    assert.deepEqual(commands(), [
      'container ls --all',
      'image ls --no-trunc',
      'container ls --all',
      'container rm --',
      'system df --format',
      'image rm --',
      'system df --format',
      'builder prune --force',
    ]);
    assert.deepEqual(removals(), [
      [containerIdOf('1'), containerIdOf('2')],
      [idOf('b'), idOf('c')],
    ]);
    assert.deepEqual(faults, []);
    assert.deepEqual(step('containers')?.removal, {
      kind: 'containers',
      isDryRun: false,
      removed: ['1', '2'].map(digit => ({
        id: containerIdOf(digit),
        names: [`name-${digit}`],
        sizeBytes: 2000,
      })),
      removedCount: 2,
      refused: [],
      keptCount: 0,
      reclaimedBytes: 4000,
    });
    assert.equal(step('containers')?.message, 'Removed 2 stopped containers, 4 kB.');
    const { removed, ...images } = step('images')?.removal ?? assert.fail();
    assert.deepEqual(
      removed.map(({ names }) => names),
      [[], ['x:y']],
    );
    assert.deepEqual(images, {
      kind: 'images',
      isDryRun: false,
      removedCount: 2,
      refused: [],
      keptCount: 1,
      reclaimedBytes: 10_000_000,
    });
    assert.equal(step('images')?.message, 'Removed 2 images, 10 MB. Kept 1: 1 used by containers.');
    assert.equal(step('build-cache')?.removal?.reclaimedBytes, 1_500_000_000);
    assert.equal(step('build-cache')?.message, 'Removed build cache: 1.5 GB.');
  });

  test('reads all in one helper on that node, and removes all in another, with the socket and nothing else', async () => {
    const { world, node, ran } = setUp({ 'image ls': { stdout: [imageRow('b')] } });
    await cleanNode(world, node);
    const helpers = [...new Set(ran.map(({ helper }) => helper))];
    assert.equal(helpers.length, 2);
    assert.equal(new Set(helpers.map(({ name }) => name)).size, 2);
    for (const helper of helpers) {
      assert.match(helper.name, /^swarm-utils-clean-worker-7-[0-9a-f]{10}$/);
      assert.equal(helper.nodeId, 'node-7');
      assert.equal(helper.environment, undefined);
      assert.deepEqual(
        helper.mounts.map(mount => 'source' in mount && mount.source),
        ['/var/run/docker.sock'],
      );
      assert.deepEqual(helper.command.slice(0, 2), ['/bin/sh', '-euc']);
    }
    assert.deepEqual(new Set(helpers.map(({ command }) => command[2])).size, 1, 'the script is a constant');
    assert.equal((await world.swarm.listServices('swarm-utils.helper')).length, 0);
  });

  test('has no helper to read where nothing is to be read', async () => {
    const { world, node, ran } = setUp({}, only('builder'));
    assert.equal((await cleanNode(world, node)).end.status, 'succeeded');
    assert.deepEqual(
      ran.map(({ words }) => words[0]),
      ['builder'],
    );
  });

  test('keeps what services need as they are and as they were, those without tasks too, and the helper image', async () => {
    const keptCount = 8;
    const { world, node, removals } = setUp(
      {
        'image ls': {
          stdout: [
            imageRow('a', { repository: 'shop', tag: '<none>', digest: idOf('1') }),
            imageRow('b', { repository: 'shop', tag: '<none>', digest: idOf('2') }),
            imageRow('c', { repository: 'asleep', tag: '3' }),
            imageRow('d', { repository: 'docker', tag: '25.0.5-cli-alpine3.20' }),
            imageRow('e', { repository: 'kept', tag: 'x' }),
            imageRow('f', { repository: 'offen', tag: '2' }),
            imageRow('7', { repository: 'restic', tag: '1' }),
            imageRow('8', { repository: 'rclone', tag: '1' }),
            imageRow('9', { repository: 'unused', tag: 'x' }),
          ],
        },
      },
      { 'swarm-utils.clean.image.keep': 'kept' },
    );
    world.swarm.addService({
      name: 'shop',
      image: `shop:2@${idOf('2')}`,
      previousImage: `shop:1@${idOf('1')}`,
    });
    world.swarm.addService({ name: 'asleep', image: 'asleep:3', replicas: 0 });
    const { step } = await cleanNode(world, node);
    assert.deepEqual(removals(), [[idOf('9')]]);
    assert.equal(step('images')?.removal?.keptCount, keptCount);
    assert.match(step('images')?.message ?? '', /Kept 8: 7 needed by services, 1 kept by a pattern\./);
  });

  test('keeps what a service came to need while it was listing', async () => {
    const { world, node, removals } = setUp({
      'image ls': () => {
        world.swarm.addService({ name: 'late', image: 'late:1' });
        return { stdout: [imageRow('a', { repository: 'late', tag: '1' }), imageRow('b')] };
      },
    });
    await cleanNode(world, node);
    assert.deepEqual(removals(), [[idOf('b')]]);
  });

  test('measures nothing where nothing is to go', async () => {
    const { world, node, commands } = setUp();
    const { step, end } = await cleanNode(world, node);
    assert.equal(end.status, 'succeeded');
    assert.ok(!commands().some(command => /rm|df/.test(command)), String(commands()));
    assert.equal(step('images')?.message, 'Removed 0 images, 0 B.');
    assert.equal(step('images')?.removal?.reclaimedBytes, 0);
  });

  test('in a dry run removes nothing, and lists also what would go with the containers', async () => {
    const { world, node, commands } = setUp({
      'container ls --all --no-trunc --size': { stdout: [stoppedRow('1')] },
      'container ls': { stdout: [JSON.stringify([containerIdOf('1'), 'x:1']), '["other","y:1"]'] },
      'image ls': {
        stdout: [imageRow('a', { repository: 'x', tag: '1' }), imageRow('b', { repository: 'y', tag: '1' })],
      },
      'system df': disk('9MB', '7MB'),
    });
    const { end, step } = await cleanNode(world, node, true);
    assert.equal(end.status, 'succeeded');
    assert.ok(!commands().some(command => /\brm\b|prune/.test(command)), String(commands()));
    assert.deepEqual(step('images')?.removal?.removed, [
      { id: idOf('a'), names: ['x:1'], sizeBytes: 1_500_000 },
    ]);
    assert.equal(step('images')?.removal?.reclaimedBytes, undefined);
    assert.equal(step('containers')?.message, 'Would remove 1 stopped containers, 2 kB.');
    assert.equal(step('build-cache')?.message, 'Would remove build cache: at most 7 MB.');
    assert.equal(step('build-cache')?.removal?.isDryRun, true);
  });

  test('has the parts, ages and time-outs of the labels', async () => {
    const { world, node, ran } = setUp(
      {
        'container ls --all --no-trunc --size': {
          stdout: [stoppedRow('1', { createdAt: '2026-11-22 11:59:59 +0000 UTC' }), stoppedRow('2')],
        },
      },
      {
        'swarm-utils.clean.image.enable': 'false',
        'swarm-utils.clean.container.min-age': '60000',
        'swarm-utils.clean.container.timeout': '4_200',
        'swarm-utils.clean.builder.min-age': '90500',
      },
    );
    const { ends, step } = await cleanNode(world, node);
    assert.deepEqual(ends(), ['containers succeeded', 'build-cache succeeded']);
    assert.deepEqual(
      ran.map(({ seconds }) => seconds),
      [5, 5, 60],
    );
    assert.ok(ran[2]?.helper.command.includes('DOCKER_BUILDKIT=0'));
    assert.deepEqual(ran[2]?.words, ['builder', 'prune', '--force', '--filter', 'until=91s']);
    assert.match(step('containers')?.message ?? '', /Kept 1: 1 too young\./);
  });

  test('with many images goes in several commands, and lists two hundred of them', async () => {
    const rows = Array.from({ length: 230 }, (_, index) =>
      JSON.stringify([
        `sha256:${index.toString(16).padStart(64, '0')}`,
        '<none>',
        '<none>',
        '<none>',
        '',
        '1MB',
      ]),
    );
    const { world, node, removals } = setUp({ 'image ls': { stdout: rows } });
    const { step } = await cleanNode(world, node);
    assert.deepEqual(
      removals().map(({ length }) => length),
      [50, 50, 50, 50, 30],
    );
    assert.deepEqual(
      [step('images')?.removal?.removedCount, step('images')?.removal?.removed.length],
      [230, 200],
    );
  });
});

test('a clean of very many images has a helper for each part of them that the swarm can store', async () => {
  const rows = Array.from({ length: 5000 }, (_, index) =>
    JSON.stringify([
      `sha256:${index.toString(16).padStart(64, '0')}`,
      '<none>',
      '<none>',
      '<none>',
      '',
      '1MB',
    ]),
  );
  const { world, node, ran } = setUp({ 'image ls': { stdout: rows } });
  const { end, step } = await cleanNode(world, node);
  assert.equal(end.status, 'succeeded');
  assert.equal(step('images')?.removal?.removedCount, 5000);
  const helpers = [...new Set(ran.map(({ helper }) => helper))];
  assert.equal(helpers.length, 3);
  assert.equal(new Set(helpers.map(({ name }) => name)).size, 3);
  for (const { command } of helpers) {
    assert.ok(JSON.stringify(command).length < 400_000);
  }
  assert.equal(ran.at(-1)?.words.join(' '), 'builder prune --force');
});

suite('the command that a node’s label brings', () => {
  const labels = { 'swarm-utils.clean.exec': 'journalctl --vacuum-time=7d', ...only('none') };

  function setUpExec(end: { readonly exitCode?: number; readonly state?: 'running' } = {}) {
    const { world, node } = setUp({}, labels);
    const helpers: HelperService[] = [];
    world.swarm.onHelper((service, swarm, helper) => {
      helpers.push(helper);
      const { exitCode = 0, state = exitCode === 0 ? 'complete' : 'failed' } = end;
      const task = swarm.addTask({ serviceId: service.id, nodeId: helper.nodeId, state, exitCode });
      swarm.setLogs(task.id, [`freed 1G of ${secret}`]);
    });
    return { world, node, helpers };
  }

  test('runs there as one argument of the shell, beside the socket', async () => {
    const { world, node, helpers } = setUpExec();
    const { end, step, ends } = await cleanNode(world, node);
    assert.equal(end.status, 'succeeded');
    assert.deepEqual(ends(), ['exec succeeded']);
    const [helper] = helpers;
    assert.deepEqual(helper?.command, ['/bin/sh', '-c', 'journalctl --vacuum-time=7d']);
    assert.deepEqual([helper?.nodeId, helper?.timeoutMs], ['node-7', 60_000]);
    assert.deepEqual(
      helper?.mounts.map(({ target }) => target),
      ['/var/run/docker.sock', '/tmp'],
    );
    const [task] = step('exec')?.helper?.tasks ?? [];
    assert.deepEqual([task?.exitCode, task?.logs], [0, ['freed 1G of [redacted]']]);
  });

  test('fails the clean with its exit code, or when it takes too long', async () => {
    const failed = setUpExec({ exitCode: 7 });
    const first = await cleanNode(failed.world, failed.node);
    assert.equal(first.end.error?.code, 'exec_failed');
    assert.equal(first.step('exec')?.helper?.tasks[0]?.exitCode, 7);
    const late = setUpExec({ state: 'running' });
    assert.equal((await cleanNode(late.world, late.node)).end.status, 'timed_out');
    assert.equal((await late.world.swarm.listServices('swarm-utils.helper')).length, 0);
  });

  test('is not run in a dry run', async () => {
    const { world, node, helpers } = setUpExec();
    const { end, step } = await cleanNode(world, node, true);
    assert.deepEqual([end.status, step('exec')?.status, helpers.length], ['succeeded', 'skipped', 0]);
  });
});

suite('a clean of a node that does not go well', () => {
  const one = { 'image ls': { stdout: [imageRow('a'), imageRow('b', { repository: 'x', tag: '1' })] } };

  test('names what the Engine did not let go, which is no failure when it is in use again or gone', async () => {
    const { world, node } = setUp({
      ...one,
      'image rm': {
        exitCode: 1,
        stdout: [`Deleted: ${idOf('b')}`],
        stderr: [
          `Error response from daemon: conflict: unable to delete ${'a'.repeat(12)} (must be forced) - in use by ${secret}`,
        ],
      },
    });
    const { end, step } = await cleanNode(world, node);
    assert.equal(end.status, 'succeeded');
    assert.deepEqual(step('images')?.removal?.refused, [
      {
        id: idOf('a'),
        names: [],
        sizeBytes: 1_500_000,
        reason: `conflict: unable to delete ${'a'.repeat(12)} (must be forced) - in use by [redacted]`,
      },
    ]);
    assert.match(step('images')?.message ?? '', /^Removed 1 images.* 1 were in use again or gone\.$/);
  });

  test('fails when something is not removed for another reason, and goes on with the next step', async () => {
    const { world, node } = setUp({
      ...one,
      'image rm': {
        exitCode: 1,
        stderr: [`Error response from daemon: ${'a'.repeat(12)}: read-only file system`],
      },
    });
    const { end, ends, step } = await cleanNode(world, node);
    assert.deepEqual([end.status, end.error?.code], ['failed', 'not_removed']);
    assert.match(
      end.error?.message ?? '',
      /^Removed 0 images, 0 B\. 2 could not be removed: .*read-only file system/,
    );
    assert.deepEqual(ends(), ['containers succeeded', 'images failed', 'build-cache succeeded']);
    assert.equal(step('images')?.removal?.refused[1]?.reason, 'not removed');
  });

  test('counts no bytes where they can not be measured', async () => {
    for (const df of [
      { exitCode: 1, stderr: ['a disk usage operation is already running'] },
      disk('N/A'),
      { hangs: true },
    ]) {
      const { world, node } = setUp({ ...one, 'system df': df });
      const { end, step } = await cleanNode(world, node);
      assert.equal(end.status, 'succeeded');
      assert.equal(step('images')?.removal?.reclaimedBytes, undefined);
      assert.match(step('images')?.message ?? '', /how many bytes is not known/);
    }
    const { world, node } = setUp({ 'builder prune': { stdout: ['something new'] } });
    assert.match((await cleanNode(world, node)).step('build-cache')?.message ?? '', /how much is not known/);
  });

  test('reads what buildx prints too', async () => {
    const { world, node } = setUp({
      'builder prune': { stdout: ['ID RECLAIMABLE SIZE', 'x true 12MB', 'Total:\t12MB'] },
    });
    assert.equal((await cleanNode(world, node)).step('build-cache')?.removal?.reclaimedBytes, 12_000_000);
  });

  test('removes nothing on a list that it can not read', async () => {
    for (const script of [
      { 'image ls': { stdout: ['REPOSITORY TAG'] } },
      { ...one, 'container ls --all --no-trunc --format': { stdout: ['?'] } },
    ]) {
      const { world, node, commands } = setUp(script);
      const { end, ends } = await cleanNode(world, node);
      assert.deepEqual([end.status, end.error?.code], ['failed', 'helper_failed']);
      assert.deepEqual(ends(), ['containers succeeded', 'images failed', 'build-cache succeeded']);
      assert.ok(!commands().includes('image rm --'));
    }
  });

  test('takes nothing that a command prints for the end of another, and no name for an option', async () => {
    const { world, node, removals } = setUp({
      'image ls': {
        stdout: [imageRow('a', { repository: '--force', tag: '1' }), imageRow('b')],
        stderr: ['00000000-0000-0000-0000-000000000000 0 0', 'sh 0 0'],
      },
      'container ls --all --no-trunc --size': {
        stdout: [stoppedRow('1').replace('name-1', 'x\\n00000000-0000-0000-0000-000000000000 0 0')],
      },
    });
    const { end, step } = await cleanNode(world, node);
    assert.equal(end.status, 'succeeded');
    assert.deepEqual(removals(), [[containerIdOf('1')], [idOf('b')]]);
    assert.match(step('images')?.message ?? '', /1 with a name that can not be read/);
  });

  test('fails as a whole when the helper did not print what it was to print', async () => {
    const { world, node } = setUp(one);
    world.swarm.onHelper((service, swarm, { nodeId }) => {
      const task = swarm.addTask({ serviceId: service.id, nodeId, state: 'complete', exitCode: 0 });
      swarm.setOutput(task.id, { stdout: [imageRow('a')], stderr: [] });
    });
    const { end, ends } = await cleanNode(world, node);
    assert.equal(end.error?.code, 'helper_failed');
    assert.deepEqual(ends(), ['containers failed', 'images failed', 'build-cache failed']);
  });

  test('is told of when a removal takes too long, with what went until then', async () => {
    const { world, node } = setUp({
      'container ls --all --no-trunc --size': { stdout: [stoppedRow('1'), stoppedRow('2')] },
      'container rm': { stdout: [containerIdOf('1')], hangs: true },
    });
    const { end, ends, step } = await cleanNode(world, node);
    assert.deepEqual([end.status, end.error?.code], ['timed_out', 'timed_out']);
    assert.deepEqual(ends(), ['containers timed_out', 'images succeeded', 'build-cache succeeded']);
    assert.equal(step('containers')?.removal?.removedCount, 1);
    assert.match(step('containers')?.message ?? '', /^Removed 1 .*longer than its time-out of 60000 ms\./);
  });

  test('removes nothing when the list did not arrive as a whole', async () => {
    const { world, node, commands } = setUp(one);
    world.swarm.fail('taskOutput', new SwarmError('logs_unavailable', 'incomplete log stream'), 10);
    const { end, step } = await cleanNode(world, node);
    assert.deepEqual([end.status, end.error?.code], ['failed', 'helper_failed']);
    assert.match(step('images')?.message ?? '', /can't be read: incomplete log stream/);
    assert.ok(!commands().includes('image rm --'));
  });

  test('says what the command said when it fails, and when it takes too long', async () => {
    const { world, node } = setUp({
      'image ls': { exitCode: 1, stderr: ['Cannot connect to the Docker daemon'] },
      'container ls --all --no-trunc --size': { hangs: true },
    });
    const { end, step } = await cleanNode(world, node);
    assert.deepEqual([end.status, end.error?.code], ['timed_out', 'timed_out']);
    assert.equal(step('containers')?.status, 'timed_out');
    assert.match(
      step('images')?.message ?? '',
      /ended with exit code 1\. It printed: Cannot connect to the Docker daemon/,
    );
    assert.deepEqual(
      step('images')?.helper?.tasks.flatMap(({ logs }) => logs),
      ['Cannot connect to the Docker daemon'],
    );
    assert.equal((await world.swarm.listServices('swarm-utils.helper')).length, 0);
  });

  test('tells that the node went down meanwhile, and does not wait for it', async () => {
    const { world, node } = setUp();
    world.swarm.onHelper((service, swarm, { nodeId }) => {
      swarm.addTask({ serviceId: service.id, nodeId, state: 'running' });
      swarm.addNode({ ...node, state: 'down' });
    });
    const { end, ends } = await cleanNode(world, node);
    assert.deepEqual([end.status, end.error?.code], ['failed', 'node_unavailable']);
    assert.deepEqual(ends(), ['containers failed', 'images failed', 'build-cache failed']);
  });

  test('tells that a node is down, drained or paused, and asks nothing of it', async () => {
    for (const change of [
      { state: 'down' },
      { state: 'disconnected' },
      { availability: 'drain' },
      { availability: 'pause' },
    ] as const) {
      const { world, ran } = setUp();
      const node = world.swarm.addNode({ id: 'node-8', hostname: 'worker-8', ...change });
      const { end, reports } = await cleanNode(world, node);
      assert.deepEqual([end.status, end.error?.code], ['failed', 'node_unavailable']);
      assert.match(
        end.error?.message ?? '',
        new RegExp(`worker-8 is .*${Object.values(change)[0]}|is ${Object.values(change)[0]}`),
      );
      assert.deepEqual([reports.length, ran.length], [0, 0]);
    }
  });

  test('is decided again on the labels as they are now, and needs the node', async () => {
    const { world, node } = setUp();
    const content = contentOfNode(node);
    world.swarm.addNode({ ...node, labels: { 'swarm-utils.clean.enable': 'false' } });
    const changed = await cleanNodeWith(world, content);
    assert.equal(changed.error?.code, 'not_authorized_any_more');
    const gone = setUp();
    const other = createWorld();
    assert.equal((await cleanNodeWith(other, contentOfNode(gone.node))).error?.code, 'target_gone');
  });

  test('works with what the environment says', async () => {
    const world = createWorld({
      cleanNode: { ...cleanNodeDefaults, minAgeMs: { container: 0, image: 1, builder: 0 } },
    });
    const node = world.swarm.addNode({ id: 'node-7', hostname: 'worker-7' });
    scriptNode(world, { ...obedient, 'image ls': { stdout: [imageRow('a', { createdAt: 'never' })] } });
    assert.match((await cleanNode(world, node)).step('images')?.message ?? '', /1 too young/);
  });
});

function cleanNodeWith(world: TestWorld, content: ReturnType<typeof contentOfNode>) {
  return runOperation(world, content, createRecorder().listener);
}
