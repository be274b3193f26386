import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { HelperService } from '../../src/core/helper.ts';
import { runOperation } from '../../src/engine/run-operation.ts';
import { SwarmError } from '../../src/engine/swarm.ts';
import { cleanNodeDefaults } from '../core/clean-defaults.ts';
import { cleanNode, contentOfNode } from './clean-of-node.ts';
import {
  connectEngine,
  containerIdOf,
  containerJson,
  createEngine,
  type ImageJson,
  idOf,
  imageJson,
  type Replies,
} from './fake-engine.ts';
import { createRecorder, createWorld, secret, type TestWorld } from './world.ts';

type Has = NonNullable<Parameters<typeof createEngine>[0]>;

function setUp(has: Has = {}, labels: Readonly<Record<string, string>> = {}, options = {}) {
  const world = createWorld();
  const node = world.swarm.addNode({ id: 'node-7', hostname: 'worker-7', labels });
  const asked = connectEngine(world, createEngine(has), options);
  const requests = () => asked.map(({ text }) => text);
  const removals = () =>
    requests().flatMap(text => /^DELETE \/(?:images|containers)\/([^?]+)/.exec(text)?.[1] ?? []);
  return { world, node, asked, requests, removals };
}

/** Labels that turn the other parts off. */
const only = (part: string) =>
  Object.fromEntries(
    ['container', 'image', 'builder']
      .filter(name => name !== part)
      .map(name => [`swarm-utils.clean.${name}.enable`, 'false']),
  );

const tagged = (digit: string, ...RepoTags: readonly string[]) => imageJson(digit, { RepoTags });
const built = (digit: string, at: string) => containerJson(digit, { Created: Date.parse(at) / 1000 });
/** Of the i-th of very many. */
const longId = (index: number) => `sha256:${index.toString(16).padStart(64, '0')}`;

suite('the clean of a node', () => {
  test('goes in its order, and says what went and how much that was', async () => {
    const { world, node, requests } = setUp({
      containers: [
        containerJson('1'),
        containerJson('2'),
        containerJson('3', { State: 'running', ImageID: idOf('a') }),
      ],
      images: [
        tagged('a', 'shop:1'),
        imageJson('b', { Size: 4_000_000 }),
        { ...tagged('c', 'x:y'), Size: 6_000_000 },
      ],
    });
    const { end, ends, step, faults } = await cleanNode(world, node);
    assert.deepEqual(end, { status: 'succeeded' });
    assert.deepEqual(ends(), ['containers succeeded', 'images succeeded', 'build-cache succeeded']);
    assert.deepEqual(requests(), [
      'GET /containers/json?all=1&size=1&filters={"status":["created","exited","dead"]}',
      'GET /images/json?all=1',
      'GET /containers/json?all=1',
      `DELETE /containers/${containerIdOf('1')}`,
      `DELETE /containers/${containerIdOf('2')}`,
      'GET /info',
      'GET /system/df?type=image',
      `GET /images/${idOf('b')}/json`,
      `GET /images/${idOf('c')}/json`,
      `DELETE /images/${idOf('b')}?noprune=1`,
      'DELETE /images/x:y?noprune=1',
      'GET /info',
      'GET /system/df?type=image',
      'POST /build/prune',
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
    for (const name of ['containers', 'images', 'build-cache']) {
      assert.equal(step(name)?.warnings, undefined);
      assert.ok(step(name)?.helper?.tasks.every(({ exitCode }) => exitCode === 0));
    }
  });

  test('reads all in one helper on that node, and removes all in another, with the socket and nothing else', async () => {
    const { world, node, asked } = setUp({ images: [imageJson('b')] });
    await cleanNode(world, node);
    const helpers = [...new Set(asked.map(({ helper }) => helper))];
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
    const { world, node, requests } = setUp({}, only('builder'));
    assert.equal((await cleanNode(world, node)).end.status, 'succeeded');
    assert.deepEqual(requests(), ['POST /build/prune']);
  });

  test('keeps what services need as they are and as they were, those without tasks too, and the helper image', async () => {
    const { world, node, removals } = setUp(
      {
        images: [
          imageJson('a', { RepoDigests: [`shop@${idOf('1')}`] }),
          imageJson('b', { RepoTags: null, RepoDigests: [`shop@${idOf('2')}`] }),
          tagged('c', 'asleep:3'),
          tagged('d', 'docker:25.0.5-cli-alpine3.20'),
          tagged('e', 'kept:x'),
          tagged('f', 'offen:2'),
          tagged('7', 'restic:1'),
          tagged('8', 'rclone:1'),
          tagged('9', 'unused:x'),
        ],
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
    assert.deepEqual(removals(), ['unused:x']);
    assert.equal(step('images')?.removal?.keptCount, 8);
    assert.match(step('images')?.message ?? '', /Kept 8: 7 needed by services, 1 kept by a pattern\./);
  });

  test('keeps what a service came to need while it was listing', async () => {
    const { world, node, removals } = setUp({
      images: [tagged('a', 'late:1'), imageJson('b')],
      replies: {
        'GET /containers/json?all=1': () => {
          world.swarm.addService({ name: 'late', image: 'late:1' });
          return { json: [] };
        },
      },
    });
    await cleanNode(world, node);
    assert.deepEqual(removals(), [idOf('b')]);
  });

  test('removes an image that services pulled from two repositories, by the names that the store has', async () => {
    const names = ['staging/app', 'prod/app'].map(repository => `${repository}:v1@${idOf('a')}`);
    const { world, node, removals } = setUp({
      images: [imageJson('a', { RepoTags: names, RepoDigests: [`prod/app@${idOf('a')}`] })],
    });
    const { end, step } = await cleanNode(world, node);
    assert.equal(end.status, 'succeeded');
    assert.deepEqual(removals(), names);
    assert.equal(step('images')?.removal?.removedCount, 1);
    assert.equal((await cleanNode(world, node)).step('images')?.removal?.removedCount, 0);
  });

  test('removes what was built on an image before that image, and keeps it else', async () => {
    const chain = (isNeeded: boolean): Has => ({
      images: [
        tagged('1', 'base:1'),
        imageJson('2', { ParentId: idOf('1') }),
        imageJson('3', { ParentId: idOf('2'), RepoTags: [isNeeded ? 'needed:1' : 'app:1'] }),
      ],
    });
    const all = setUp(chain(false));
    await cleanNode(all.world, all.node);
    assert.deepEqual(all.removals(), ['app:1', idOf('2'), 'base:1']);
    const none = setUp(chain(true));
    none.world.swarm.addService({ name: 'x', image: 'needed:1' });
    const { step } = await cleanNode(none.world, none.node);
    assert.deepEqual(none.removals(), []);
    assert.match(
      step('images')?.message ?? '',
      /Kept 3: 2 that others were built on, 1 needed by services\./,
    );
  });

  test('keeps containers that never started, but for those of the swarm and those of the age that is said', async () => {
    const task = { 'com.docker.swarm.task.id': 't', 'com.docker.swarm.service.id': 'gone' };
    const containers = [
      containerJson('1', { State: 'created' }),
      containerJson('2', { State: 'created', Labels: task }),
      { ...built('3', '2026-11-22T11:30:00Z'), State: 'created', Labels: task },
      { ...built('4', '2026-11-22T11:59:00Z'), State: 'created' },
    ];
    const bare = setUp({ containers });
    const first = await cleanNode(bare.world, bare.node);
    assert.deepEqual(bare.removals(), [containerIdOf('2')]);
    assert.equal(
      first.step('containers')?.message,
      'Removed 0 stopped containers and 1 that never started, 2 kB. Kept 3: 3 never started.',
    );
    const labels = { 'swarm-utils.clean.container.created-min-age': '600000' };
    const labelled = setUp({ containers }, labels);
    await cleanNode(labelled.world, labelled.node);
    assert.deepEqual(labelled.removals(), ['1', '2', '3'].map(containerIdOf));
    const world = createWorld({ cleanNode: { ...cleanNodeDefaults, createdMinAgeMs: 0 } });
    const node = world.swarm.addNode({ id: 'node-7', hostname: 'worker-7' });
    connectEngine(world, createEngine({ containers }));
    assert.equal((await cleanNode(world, node)).step('containers')?.removal?.removedCount, 4);
  });

  test('measures nothing where nothing is to go', async () => {
    const { world, node, requests } = setUp();
    const { step, end } = await cleanNode(world, node);
    assert.equal(end.status, 'succeeded');
    assert.ok(!requests().some(text => /DELETE|df|info/.test(text)), String(requests()));
    assert.equal(step('images')?.message, 'Removed 0 images, 0 B.');
    assert.equal(step('images')?.removal?.reclaimedBytes, 0);
  });

  test('in a dry run removes nothing, and lists also what would go with the containers', async () => {
    const { world, node, requests } = setUp({
      containers: [
        containerJson('1', { ImageID: idOf('a') }),
        containerJson('2', { State: 'running', ImageID: idOf('b') }),
      ],
      images: [tagged('a', 'x:1'), tagged('b', 'y:1')],
      replies: { 'GET /system/df?type=build-cache': { json: { BuildCache: [{ Size: 7_000_000 }] } } },
    });
    const { end, step } = await cleanNode(world, node, true);
    assert.equal(end.status, 'succeeded');
    assert.ok(
      requests().every(text => text.startsWith('GET ')),
      String(requests()),
    );
    assert.deepEqual(step('images')?.removal?.removed, [
      { id: idOf('a'), names: ['x:1'], sizeBytes: 1_500_000 },
    ]);
    assert.equal(step('images')?.removal?.reclaimedBytes, undefined);
    assert.equal(step('containers')?.message, 'Would remove 1 stopped containers, 2 kB.');
    assert.equal(step('build-cache')?.message, 'Would remove build cache: at most 7 MB.');
    assert.equal(step('build-cache')?.removal?.isDryRun, true);
  });

  test('has the parts, ages and time-outs of the labels', async () => {
    const { world, node, asked } = setUp(
      { containers: [built('1', '2026-11-22T11:59:59Z'), containerJson('2')] },
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
      asked.map(({ seconds }) => seconds),
      [5, 5, 60],
    );
    assert.equal(asked[2]?.text, 'POST /build/prune?filters={"until":["91s"]}');
    assert.match(step('containers')?.message ?? '', /Kept 1: 1 too young\./);
  });

  test('with many images goes in several conversations, and lists two hundred of them', async () => {
    const images = Array.from({ length: 230 }, (_, index) => imageJson('0', { Id: longId(index) }));
    const { world, node, asked, removals } = setUp({ images });
    const { step } = await cleanNode(world, node);
    assert.equal(removals().length, 230);
    assert.equal(new Set(asked.map(({ helper }) => helper)).size, 2);
    assert.deepEqual(
      [step('images')?.removal?.removedCount, step('images')?.removal?.removed.length],
      [230, 200],
    );
  });
});

test('a clean of very many images has a helper for each part of them that the swarm can store', async () => {
  const images: ImageJson[] = Array.from({ length: 3000 }, (_, index) =>
    imageJson('0', { Id: longId(index) }),
  );
  const { world, node, asked } = setUp({ images });
  const { end, step } = await cleanNode(world, node);
  assert.equal(end.status, 'succeeded');
  assert.equal(step('images')?.removal?.removedCount, 3000);
  const helpers = [...new Set(asked.map(({ helper }) => helper))];
  assert.ok(helpers.length > 3);
  assert.equal(new Set(helpers.map(({ name }) => name)).size, helpers.length);
  for (const { command } of helpers) {
    assert.ok(JSON.stringify(command).length < 400_000);
  }
  assert.equal(asked.at(-1)?.text, 'POST /build/prune');
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
  const one: Has = { images: [imageJson('a'), tagged('b', 'x:1')] };
  const conflict = (message: string) => ({ status: 409, json: { message } });

  test('warns of what the Engine did not let go because it is in use again, which is no failure', async () => {
    const words = `conflict: unable to delete ${'a'.repeat(12)} (must be forced) - in use by ${secret}`;
    const reason = words.replace(secret, '[redacted]');
    const { world, node } = setUp({ ...one, replies: { [`DELETE /images/${idOf('a')}`]: conflict(words) } });
    const { end, step } = await cleanNode(world, node);
    assert.equal(end.status, 'succeeded');
    assert.deepEqual(step('images')?.removal?.refused, [
      { id: idOf('a'), names: [], sizeBytes: 1_500_000, reason },
    ]);
    assert.equal(step('images')?.message, 'Removed 1 images, 1.5 MB. 1 had to stay.');
    assert.deepEqual(step('images')?.warnings, [
      { code: 'not_removed', message: `Chosen to be removed, and still there: ${idOf('a')} (${reason})` },
    ]);
  });

  for (const [what, words] of [
    ['runs', 'You cannot remove a running container. Stop the container before attempting removal'],
    ['runs, by a newer Engine', 'cannot remove container: container is running: stop the container before'],
    ['restarts', 'cannot remove container: container is restarting: stop the container before removing'],
    ['is paused', 'cannot remove container: container is paused and must be unpaused first'],
    ['is being removed', 'removal of container 111 is already in progress'],
    ['does something that no release says yet', 'whatever'],
  ] as const) {
    test(`does not fail for a container that ${what} by the time it is to go`, async () => {
      const { world, node } = setUp({
        containers: [containerJson('1'), containerJson('2')],
        replies: { [`DELETE /containers/${containerIdOf('1')}`]: conflict(words) },
      });
      const { end, step } = await cleanNode(world, node);
      assert.equal(end.status, 'succeeded');
      assert.equal(step('containers')?.message, 'Removed 1 stopped containers, 2 kB. 1 had to stay.');
      assert.equal(step('containers')?.removal?.refused[0]?.reason, words);
      assert.match(step('containers')?.warnings?.[0]?.message ?? '', /name-1 \(/);
    });
  }

  test('says nothing against what others had removed before', async () => {
    const gone = { status: 404, json: { message: 'No such thing' } };
    const { world, node } = setUp({
      ...one,
      containers: [containerJson('1')],
      replies: { 'DELETE /containers/': gone, 'DELETE /images/': gone },
    });
    const { end, step } = await cleanNode(world, node);
    assert.equal(end.status, 'succeeded');
    assert.equal(step('containers')?.message, 'Removed 0 stopped containers, 0 B. 1 had gone already.');
    assert.equal(step('images')?.message, 'Removed 0 images, 0 B. 2 had gone already.');
    assert.deepEqual(step('images')?.removal?.refused, []);
    assert.equal(step('images')?.warnings, undefined);
  });

  test('names five of very many in its warning', async () => {
    const images = Array.from({ length: 30 }, (_, index) =>
      imageJson('0', { Id: longId(index), RepoDigests: [`x${index}@${longId(index)}`] }),
    );
    const { world, node } = setUp({ images, replies: { 'DELETE /images/': conflict('in use') } });
    const { step } = await cleanNode(world, node);
    assert.match(step('images')?.warnings?.[0]?.message ?? '', /x4@\S+ \(in use\); and 25 more$/);
    assert.equal(step('images')?.removal?.refused.length, 30);
  });

  test('fails when something is not removed for another reason, and goes on with the next step', async () => {
    const full = { status: 500, json: { message: 'read-only file system' } };
    const { world, node } = setUp({ ...one, replies: { 'DELETE /images/': full } });
    const { end, ends, step } = await cleanNode(world, node);
    assert.deepEqual([end.status, end.error?.code], ['failed', 'not_removed']);
    assert.match(
      end.error?.message ?? '',
      /^Removed 0 images, 0 B\. 2 could not be removed: sha256:a+ \(500: read-only file system\)/,
    );
    assert.deepEqual(ends(), ['containers succeeded', 'images failed', 'build-cache succeeded']);
    assert.equal(step('images')?.removal?.refused[1]?.reason, '500: read-only file system');
  });

  test('counts no bytes where they can not be measured', async () => {
    const busy = { status: 409, json: { message: 'a disk usage operation is already running' } };
    for (const reply of [busy, { json: {} }, { json: 'N/A' }, { hangs: true }, { breaksOff: true }]) {
      const { world, node } = setUp({ ...one, replies: { 'GET /system/df': reply } });
      const { end, step } = await cleanNode(world, node);
      assert.equal(end.status, 'succeeded', JSON.stringify(reply));
      assert.equal(step('images')?.removal?.reclaimedBytes, undefined);
      assert.match(step('images')?.message ?? '', /^Removed 2 images, how many bytes is not known/);
    }
  });

  test('fails in the build cache where its answer can not be read', async () => {
    const replies: Replies = { 'POST /build/prune': { json: { SpaceReclaimed: '1.5GB' } } };
    const { world, node } = setUp({ ...one, replies });
    const { ends, end } = await cleanNode(world, node);
    assert.equal(end.error?.code, 'helper_failed');
    assert.deepEqual(ends(), ['containers succeeded', 'images succeeded', 'build-cache failed']);
  });

  test('removes nothing on a list that it can not read', async () => {
    for (const replies of [
      { 'GET /images/json': { text: 'REPOSITORY TAG' } },
      { 'GET /images/json': { json: [{ Id: '--force', RepoTags: [], Created: 1, Size: 1 }] } },
      { 'GET /containers/json?all=1&size=1': { json: [] }, 'GET /containers/json': { json: ['?'] } },
    ] as readonly Replies[]) {
      const { world, node, removals } = setUp({ ...one, replies });
      const { end, ends } = await cleanNode(world, node);
      assert.deepEqual([end.status, end.error?.code], ['failed', 'helper_failed']);
      assert.match(end.error?.message ?? '', /cannot be read, so nothing was done/);
      assert.deepEqual(ends(), ['containers succeeded', 'images failed', 'build-cache succeeded']);
      assert.deepEqual(removals(), []);
    }
  });

  test('takes no name for anything else, and what it can not read for nothing that can go', async () => {
    const forged = 'x"]\n00000000-0000-0000-0000-000000000000 0 0 y';
    const { world, node, removals } = setUp({
      images: [tagged('a', '--force:1'), tagged('b', '../containers/x:1'), imageJson('c')],
      containers: [containerJson('1', { Names: [forged] })],
    });
    const { end, step } = await cleanNode(world, node);
    assert.equal(end.status, 'succeeded');
    assert.deepEqual(removals(), [containerIdOf('1'), idOf('c')]);
    assert.match(step('images')?.message ?? '', /2 with a name that cannot be read/);
    assert.doesNotMatch(step('containers')?.removal?.removed[0]?.names[0] ?? '', /\n/);
  });

  test('fails as a whole when the helper did not print what it was to print', async () => {
    const { world, node } = setUp(one);
    world.swarm.onHelper((service, swarm, { nodeId }) => {
      const task = swarm.addTask({ serviceId: service.id, nodeId, state: 'complete', exitCode: 0 });
      swarm.setOutput(task.id, { stdout: ['[]'], stderr: [] });
    });
    const { end, ends } = await cleanNode(world, node);
    assert.equal(end.error?.code, 'helper_failed');
    assert.deepEqual(ends(), ['containers failed', 'images failed', 'build-cache failed']);
  });

  test('asks an Engine that is too old for nothing, and says what to do', async () => {
    const { world, node, removals } = setUp(one, {}, { apiVersion: '1.40' });
    const { end } = await cleanNode(world, node);
    assert.equal(end.error?.code, 'helper_failed');
    assert.match(end.error?.message ?? '', /worker-7 speaks its API up to version 1\.40.*Update Docker/);
    assert.deepEqual(removals(), []);
  });

  test('is told of when a removal takes too long, with what went until then', async () => {
    const { world, node } = setUp({
      containers: [containerJson('1'), containerJson('2')],
      replies: { [`DELETE /containers/${containerIdOf('2')}`]: { hangs: true } },
    });
    const { end, ends, step } = await cleanNode(world, node);
    assert.deepEqual([end.status, end.error?.code], ['timed_out', 'timed_out']);
    assert.deepEqual(ends(), ['containers timed_out', 'images succeeded', 'build-cache succeeded']);
    assert.equal(step('containers')?.removal?.removedCount, 1);
    assert.match(step('containers')?.message ?? '', /^Removed 1 .*longer than the time-out of 60000 ms\./);
  });

  test('removes nothing when the list did not arrive as a whole', async () => {
    const { world, node, removals } = setUp(one);
    world.swarm.fail('taskOutput', new SwarmError('logs_unavailable', 'incomplete log stream'), 10);
    const { end, step } = await cleanNode(world, node);
    assert.deepEqual([end.status, end.error?.code], ['failed', 'helper_failed']);
    assert.match(step('images')?.message ?? '', /can't be read: incomplete log stream/);
    assert.deepEqual(removals(), []);
  });

  test('says what the Engine said when it fails, and when it takes too long', async () => {
    const { world, node } = setUp({
      replies: {
        'GET /images/json': { breaksOff: true },
        'GET /containers/json?all=1&size=1': { hangs: true },
      },
    });
    const { end, step } = await cleanNode(world, node);
    assert.deepEqual([end.status, end.error?.code], ['timed_out', 'timed_out']);
    assert.equal(step('containers')?.status, 'timed_out');
    assert.match(step('images')?.message ?? '', /The Docker CLI says: error during connect: unexpected EOF/);
    assert.deepEqual(
      step('images')?.helper?.tasks.flatMap(({ logs }) => logs),
      ['error during connect: unexpected EOF'],
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
      const { world, asked } = setUp();
      const node = world.swarm.addNode({ id: 'node-8', hostname: 'worker-8', ...change });
      const { end, reports } = await cleanNode(world, node);
      assert.deepEqual([end.status, end.error?.code], ['failed', 'node_unavailable']);
      assert.match(
        end.error?.message ?? '',
        new RegExp(`worker-8 is .*${Object.values(change)[0]}|is ${Object.values(change)[0]}`),
      );
      assert.deepEqual([reports.length, asked.length], [0, 0]);
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
    connectEngine(world, createEngine({ images: [imageJson('a', { Created: 0 })] }));
    assert.match((await cleanNode(world, node)).step('images')?.message ?? '', /1 too young/);
  });
});

function cleanNodeWith(world: TestWorld, content: ReturnType<typeof contentOfNode>) {
  return runOperation(world, content, createRecorder().listener);
}
