import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { authorize, redeemLabelToken } from '../../src/core/authorize.ts';
import type { HelperService } from '../../src/core/helper.ts';
import type { RestoreRequest } from '../../src/core/operation.ts';
import { serviceTarget } from '../../src/core/target.ts';
import { listBackups } from '../../src/engine/backup/list-backups.ts';
import { runOperation } from '../../src/engine/run-operation.ts';
import type { Service } from '../../src/engine/swarm.ts';
import { clusterMount, volumesOn } from './backup-shop.ts';
import { addShop, type CommandAnswer, createRecorder, createWorld, type TestWorld } from './world.ts';

const id = '2026-11-20T03-00-00Z';
const snapshotIds = { data: 'd'.repeat(64), dump: 'e'.repeat(64) } as const;
type Kind = 'volumes' | 'rclone' | 'restic' | 'unpack' | 'finish';
type Answers = Partial<Record<Kind, (helper: HelperService) => CommandAnswer>>;

const listing = (...names: readonly string[]) => ({
  stdout: [JSON.stringify(names.map(name => ({ Path: name, Name: name, Size: 7, IsDir: false })))],
});
const snapshot = (volume: 'data' | 'dump', change: object = {}) => ({
  id: snapshotIds[volume],
  hostname: 'node-1',
  tags: ['service=shop', `volume=${volume}`, `backup=${id}`],
  ...change,
});
const good: Required<Answers> = {
  volumes: volumesOn({ 'node-1': ['data', 'dump', 'swarm-utils-backups'] }),
  rclone: () => listing(`node-1_data_${id}.tar.gz`, `node-1_dump_${id}.tar.gz`),
  restic: () => ({ stdout: [JSON.stringify([snapshot('data'), snapshot('dump')])] }),
  unpack: () => ({ stdout: ['12 3456'], stderr: ["tar: removing leading '/' from member names"] }),
  finish: () => ({}),
};

function kindOf({ command }: HelperService): Kind {
  const text = command.join(' ');
  if (text.includes('dial-stdio')) return 'volumes';
  if (text.includes('rclone lsjson')) return 'rclone';
  if (text.includes('restic snapshots')) return 'restic';
  return text.includes('mkdir -m 700') ? 'unpack' : 'finish';
}

/** A shop with two volumes on node-1, whose helpers answer. */
function openShop(answers: Answers = {}, change: Partial<Service> = {}) {
  const world = createWorld();
  const service = addShop(world, {
    replicas: 1,
    volumes: ['data', 'dump'],
    ...change,
    labels: {
      'swarm-utils.backup.enable': 'true',
      'swarm-utils.backup.volume-list-upload': 'data,dump',
      'swarm-utils.restore.enable': 'true',
      ...change.labels,
    },
  });
  world.swarm.onScale((scaled, swarm) => {
    swarm.deleteTasks(scaled.id);
    for (let slot = 1; slot <= (scaled.replicas ?? 0); slot += 1) {
      swarm.addTask({ serviceId: scaled.id, slot });
    }
  });
  const helpers: HelperService[] = [];
  world.swarm.onHelper((helperService, swarm, helper) => {
    helpers.push(helper);
    const answer = { ...good, ...answers }[kindOf(helper)](helper);
    const { stdout = [], stderr = [], exitCode = 0, hangs = false } = answer;
    const task = swarm.addTask({
      serviceId: helperService.id,
      nodeId: helper.nodeId,
      state: hangs ? 'running' : exitCode === 0 ? 'complete' : 'failed',
      ...(!hangs && { exitCode }),
      ...(exitCode !== 0 && { error: `task: non-zero exit (${exitCode})` }),
    });
    swarm.setOutput(task.id, { stdout, stderr });
  });
  return {
    world,
    service,
    helpers,
    kinds: () => helpers.map(kindOf),
    restore: (request: Partial<RestoreRequest> = {}) => restore(world, service, request),
    list: () => listBackups(world, serviceTarget(service)),
  };
}

async function restore(world: TestWorld, service: Service, request: Partial<RestoreRequest>) {
  const decision = authorize(
    { kind: 'admin' },
    { action: 'restore', isDrill: false, ...request },
    serviceTarget(service),
  );
  assert.ok(decision.allowed);
  const recorder = createRecorder();
  const end = await runOperation(world, redeemLabelToken(decision.labelToken), recorder.listener);
  const step = (name: string) => recorder.reports.findLast(report => report.name === name);
  return { ...recorder, end, step };
}

const scales = ({ swarm }: TestWorld) => swarm.callsOf('scaleService').map(([, { replicas }]) => replicas);

suite('a restore', () => {
  test('finds, stops, unpacks beside the old content, swaps, starts', async () => {
    const { world, restore: run, kinds, helpers } = openShop();
    const { end, ends, step, progress } = await run();
    assert.deepEqual(end, { status: 'succeeded' });
    assert.deepEqual(ends(), [
      'find succeeded',
      'stop succeeded',
      'fetch succeeded',
      'swap succeeded',
      'start succeeded',
    ]);
    // Its own tasks tell where the data is.
    assert.deepEqual(kinds(), ['rclone', 'unpack', 'unpack', 'finish']);
    assert.deepEqual(step('fetch')?.volumes, [
      { node: 'node-1', volume: 'data', archive: `node-1_data_${id}.tar.gz`, files: 12, sizeBytes: 3456 },
      { node: 'node-1', volume: 'dump', archive: `node-1_dump_${id}.tar.gz`, files: 12, sizeBytes: 3456 },
    ]);
    assert.deepEqual(
      progress.filter(line => line.startsWith('fetch')),
      [
        'fetch: Unpacking data on node-1.',
        'fetch: Unpacked data on node-1.',
        'fetch: Unpacking dump on node-1.',
        'fetch: Unpacked dump on node-1.',
      ],
    );
    assert.equal(scales(world).at(0), 0);
    assert.equal(scales(world).at(-1), 1);
    assert.deepEqual(await world.journal.list(), []);
    const [look, unpack, , finish] = helpers;
    // To look writes nothing; to unpack sees one volume; to finish needs no secret.
    assert.deepEqual([look?.mounts, look?.capabilities], [[], undefined]);
    assert.deepEqual(
      unpack?.mounts.map(mount =>
        mount.type === 'volume' ? `${mount.source} ${mount.isReadOnly}` : mount.type,
      ),
      ['data false'],
    );
    assert.ok(!unpack?.capabilities?.includes('CAP_MKNOD'));
    assert.deepEqual([finish?.image, finish?.secrets], [world.settings.helperImage, undefined]);
  });

  test('keeps names and keys out of the text that a shell runs, and keys out of everything', async () => {
    const { helpers, restore: run, world } = openShop();
    await run();
    const { secretKey = '' } = world.settings.backup.store.s3;
    for (const helper of helpers) {
      const { command, environment, secrets = [], ...rest } = helper;
      assert.ok(!JSON.stringify({ command, environment, rest }).includes(secretKey));
      const script = command[0] === '/bin/sh' ? command[2] : '';
      assert.ok(!script?.includes('node-1') && !script?.includes(id));
      assert.equal(
        secrets.some(({ value }) => value.includes(secretKey)),
        kindOf(helper) !== 'finish',
      );
    }
  });

  test('of snapshots goes through restic', async () => {
    const {
      restore: run,
      kinds,
      helpers,
    } = openShop({}, { labels: { 'swarm-utils.backup.engine': 'restic' } });
    const { end, step } = await run({ backup: snapshotIds.dump.slice(0, 8) });
    assert.equal(end.status, 'succeeded');
    assert.deepEqual(kinds(), ['restic', 'unpack', 'finish']);
    assert.deepEqual(helpers[1]?.command.slice(4, 5).concat(helpers[1]?.command.slice(6)), [
      'dump',
      snapshotIds.dump,
    ]);
    assert.equal(step('fetch')?.volumes?.[0]?.archive, snapshotIds.dump);
  });

  test('that fails to unpack changes nothing and starts the service', async () => {
    const {
      world,
      restore: run,
      kinds,
    } = openShop({
      unpack: ({ command }) =>
        command.includes('dump')
          ? { exitCode: 1, stderr: ['one', 'two', 'gzip: crc error'] }
          : good.unpack({} as never),
    });
    const { end, ends } = await run();
    assert.deepEqual(ends().slice(2), ['fetch failed', 'swap succeeded', 'start succeeded']);
    assert.deepEqual([end.status, end.error?.code], ['failed', 'restore_failed']);
    assert.match(
      `${end.error?.message}`,
      /^node-1_dump_.* could not be unpacked on node-1\..* gzip: crc error$/,
    );
    assert.deepEqual(kinds(), ['rclone', 'unpack', 'unpack', 'finish']);
    assert.deepEqual(scales(world).at(-1), 1);
    assert.deepEqual(await world.journal.list(), []);
  });

  test('whose helper prints something else has failed', async () => {
    const { restore: run } = openShop({ unpack: () => ({ stdout: ['12 many'] }) });
    const { end } = await run();
    assert.equal(end.error?.code, 'restore_failed');
  });

  test('that overruns its time is removed, and the verdict says so', async () => {
    const { restore: run, kinds } = openShop({ unpack: () => ({ hangs: true }) });
    const { end, ends } = await run();
    assert.deepEqual([end.status, end.error?.code], ['timed_out', 'timed_out']);
    assert.deepEqual(ends().slice(2), ['fetch timed_out', 'swap succeeded', 'start succeeded']);
    assert.deepEqual(kinds(), ['rclone', 'unpack', 'finish']);
  });

  test('puts nothing in the place of what somebody started the service on meanwhile', async () => {
    const {
      world,
      service,
      restore: run,
      helpers,
    } = openShop({
      unpack: helper => {
        world.swarm.changeService(service.id, { replicas: 1 });
        world.swarm.addTask({ serviceId: service.id });
        return good.unpack(helper);
      },
    });
    const { end, ends, step } = await run();
    assert.deepEqual([end.status, end.error?.code], ['failed', 'written_meanwhile']);
    assert.deepEqual(ends().slice(2), ['fetch succeeded', 'swap failed', 'start failed']);
    assert.match(`${step('swap')?.message}`, /nothing was changed/);
    assert.equal(helpers.at(-1)?.command.at(-1), 'finish');
    assert.notEqual(helpers.at(-1)?.command.at(-2), 'commit');
    assert.deepEqual(await world.journal.list(), []);
  });

  test('that can not be brought to its end leaves the service stopped, and in the journal', async () => {
    const { world, restore: run } = openShop({ finish: () => ({ exitCode: 1, stderr: ['mv: I/O error'] }) });
    const { end, ends } = await run();
    assert.deepEqual(ends().slice(2), ['fetch succeeded', 'swap failed', 'start failed']);
    assert.equal(end.error?.code, 'restore_failed');
    assert.match(`${end.error?.message}`, /mv: I\/O error/);
    assert.deepEqual(scales(world), [0]);
    const [entry] = await world.journal.list();
    assert.deepEqual([entry?.replicas, entry?.restoring.map(({ volume }) => volume)], [1, ['data', 'dump']]);
  });

  test('of a service that can not be stopped is a drill or nothing', async () => {
    const { world, restore: run } = openShop({}, { mode: 'global' });
    world.swarm.addTask({ serviceId: 'shop-id' });
    const { end } = await run();
    assert.equal(end.error?.code, 'unsupported_mode');
    assert.deepEqual(scales(world), []);
    assert.equal((await run({ isDrill: true })).end.status, 'succeeded');
  });

  test('is not begun where there is nothing to restore', async () => {
    const { world, restore: run } = openShop({ rclone: () => listing(`node-1_data_${id}.tar.gz`) });
    const { end, ends } = await run();
    assert.deepEqual(ends(), [
      'find failed',
      'stop skipped',
      'fetch skipped',
      'swap skipped',
      'start skipped',
    ]);
    assert.equal(end.error?.code, 'backup_not_found');
    assert.match(`${end.error?.message}`, /No backup has all of .* Nothing was done\.$/);
    assert.deepEqual(scales(world), []);
  });
});

suite('a drill', () => {
  test('unpacks into a scratch volume while the service runs', async () => {
    const { world, restore: run, kinds, helpers } = openShop();
    const { end, step } = await run({ isDrill: true });
    assert.equal(end.status, 'succeeded');
    assert.deepEqual(kinds(), ['rclone', 'unpack', 'unpack']);
    assert.ok(helpers.slice(1).every(({ mounts }) => mounts.every(({ type }) => type === 'scratch')));
    assert.deepEqual(
      step('drill')?.volumes?.map(({ files, sizeBytes }) => [files, sizeBytes]),
      [
        [12, 3456],
        [12, 3456],
      ],
    );
    assert.deepEqual([scales(world), await world.journal.list()], [[], []]);
  });
});

suite('where the data lives', () => {
  test('is where the tasks run, not where they ran', async () => {
    const { world, restore: run, helpers } = openShop();
    world.swarm.addNode({ id: 'node-2' });
    const ended = { state: 'shutdown', desiredState: 'shutdown' } as const;
    world.swarm.addTask({ serviceId: 'shop-id', nodeId: 'node-2', slot: 1, ...ended });
    await run({ isDrill: true });
    assert.deepEqual([...new Set(helpers.map(({ nodeId }) => nodeId))], ['node-1']);
  });

  test('is where the newest tasks were when none runs', async () => {
    const { world, service, restore: run, helpers } = openShop();
    world.swarm.addNode({ id: 'node-2' });
    world.swarm.deleteTasks(service.id);
    const ended = { serviceId: service.id, state: 'failed', desiredState: 'shutdown', slot: 1 } as const;
    world.swarm.addTask({ ...ended, nodeId: 'node-2', createdAt: '2026-11-22T02:00:00Z' });
    world.swarm.addTask({ ...ended, nodeId: 'node-1', createdAt: '2026-11-22T01:00:00Z' });
    await run({ isDrill: true });
    assert.deepEqual([...new Set(helpers.map(({ nodeId }) => nodeId))], ['node-2']);
  });

  test('is asked of every node when no task is known, and for volumes that it does not mount', async () => {
    for (const change of [{ replicas: 0 }, { volumes: [] }]) {
      const {
        world,
        restore: run,
        helpers,
        kinds,
      } = openShop(
        { volumes: volumesOn({ 'node-2': ['data', 'dump'], 'node-1': ['dat', 'data2'] }) },
        change,
      );
      world.swarm.addNode({ id: 'node-2' });
      world.swarm.addNode({ id: 'node-3', state: 'down' });
      const { end } = await run({ isDrill: true });
      assert.equal(end.status, 'succeeded', end.error?.message);
      assert.deepEqual(kinds(), ['volumes', 'volumes', 'rclone', 'unpack', 'unpack']);
      assert.deepEqual(
        helpers.slice(2).map(({ nodeId }) => nodeId),
        ['node-2', 'node-2', 'node-2'],
      );
    }
  });

  test('is nowhere: then the node must be named', async () => {
    const { restore: run } = openShop({ volumes: volumesOn({ 'node-1': ['data'] }) }, { replicas: 0 });
    const { end } = await run();
    assert.equal(end.error?.code, 'volume_not_found');
    assert.match(`${end.error?.message}`, /has the volume dump\..*name the node/);
  });

  test('is not a cluster volume, whoever says that it is one', async () => {
    const message = /Volume dump is a cluster volume .*Nothing was touched\./;
    const answers = { volumes: volumesOn({ 'node-2': ['data', 'dump'] }, ['dump']) };
    const mounted = openShop(answers, { volumes: ['data'], mounts: [clusterMount('dump')] });
    const asleep = openShop(answers, { replicas: 0 });
    const named = openShop({ volumes: volumesOn({ 'node-1': ['data'] }, ['dump']) });
    for (const [shop, request] of [
      [mounted, {}],
      [asleep, {}],
      [named, { nodeName: 'node-1' }],
    ] as const) {
      shop.world.swarm.addNode({ id: 'node-2' });
      const { end } = await shop.restore(request);
      assert.equal(end.error?.code, 'unsupported_volume', end.error?.message);
      assert.match(end.error?.message ?? '', message);
      assert.deepEqual(scales(shop.world), []);
      assert.ok(!shop.kinds().includes('unpack'));
    }
  });

  test('is a node that is named, which need not have the volumes', async () => {
    const { world, restore: run, helpers } = openShop({ volumes: volumesOn({ 'node-2': ['data'] }) });
    world.swarm.addNode({ id: 'node-2' });
    const { end, step } = await run({ nodeName: 'node-2' });
    assert.equal(end.status, 'succeeded', end.error?.message);
    assert.match(
      `${step('find')?.message}`,
      /data from node-1 to node-2, .* New: the volume dump on node-2\.$/,
    );
    assert.deepEqual([...new Set(helpers.map(({ nodeId }) => nodeId))], ['node-2']);
  });

  for (const [what, node, message] of [
    ['down', { state: 'down' }, /it is down/],
    ['drained', { availability: 'drain' }, /availability is drain/],
    ['paused', { availability: 'pause' }, /availability is pause/],
  ] as const) {
    test(`can be a node that is ${what}: nothing is begun`, async () => {
      const { world, restore: run, helpers } = openShop();
      world.swarm.addNode({ id: 'node-1', ...node });
      const { end } = await run();
      assert.equal(end.error?.code, 'node_unavailable');
      assert.match(`${end.error?.message}`, message);
      assert.deepEqual([helpers.length, scales(world)], [0, []]);
    });
  }

  test('is named by its host name or its id, and one that came back is the entry that is not down', async () => {
    const { world, restore: run } = openShop();
    world.swarm.addNode({ id: 'node-2', hostname: 'twin', state: 'down' });
    world.swarm.addNode({ id: 'node-3', hostname: 'twin' });
    for (const nodeName of ['twin', 'node-3']) {
      const { end, step } = await run({ nodeName });
      assert.equal(end.status, 'succeeded');
      assert.match(`${step('find')?.message}`, /to twin/);
    }
  });

  test('must be told by a name that one node has', async () => {
    const { world, restore: run } = openShop();
    world.swarm.addNode({ id: 'node-2', hostname: 'twin' });
    world.swarm.addNode({ id: 'node-3', hostname: 'twin' });
    const { error } = (await run({ nodeName: 'twin' })).end;
    assert.equal(error?.code, 'ambiguous_name');
    assert.match(
      `${error?.message}`,
      /node-2 \(ready, active\), node-3 \(ready, active\).*docker node rm OLDID/,
    );
    assert.equal((await run({ nodeName: 'nobody' })).end.error?.code, 'node_unavailable');
  });
});

suite('what a store has', () => {
  const local = { labels: { 'swarm-utils.backup.target': 'local' } };
  const restic = { labels: { 'swarm-utils.backup.engine': 'restic' } };

  test('is only what is called like ours, however much else there is', async () => {
    const { list } = openShop({
      rclone: () => ({
        stdout: [
          JSON.stringify([
            { Name: `node-1_data_${id}.tar.gz`, Size: 7, IsDir: false },
            { Name: `node-1_dump_${id}.tar.gz`, Size: 7, IsDir: true },
            { Name: 'node-1_data_2026-02-31T00-00-00Z.tar.gz', Size: 7, IsDir: false },
            { Name: `../node-1_data_${id}.tar.gz`, Size: 7, IsDir: false },
            { Name: `-rf_data_${id}.tar.gz`, Size: 7, IsDir: false },
            { Name: `$(id)_data_${id}.tar.gz`, Size: 7, IsDir: false },
            { Name: 7, Size: 7 },
            null,
            'text',
          ]),
        ],
      }),
    });
    const backups = await list();
    assert.deepEqual(
      backups.map(backup => [backup.id, backup.isComplete, backup.archives.map(({ name }) => name)]),
      [[id, false, [`node-1_data_${id}.tar.gz`]]],
    );
  });

  test('of restic is what is tagged as this service’s', async () => {
    const { list } = openShop(
      {
        restic: () => ({
          stdout: [
            JSON.stringify([
              snapshot('data'),
              snapshot('dump', { tags: ['service=shopping', 'volume=dump', `backup=${id}`] }),
              snapshot('dump', { tags: ['service=shop', 'volume=dump', 'backup=yesterday'] }),
              snapshot('dump', { hostname: '../node-1' }),
              snapshot('dump', { tags: ['service=shop', 'volume=$(id)', `backup=${id}`] }),
              snapshot('dump', { id: 'short' }),
            ]),
          ],
        }),
      },
      restic,
    );
    assert.deepEqual(
      (await list()).map(({ archives }) => archives.map(({ volume }) => volume)),
      [['data']],
    );
  });

  test('may be nothing', async () => {
    for (const [answers, change] of [
      [{ rclone: () => ({ stdout: ['[', ']'] }) }, {}],
      [{ volumes: volumesOn({ 'node-1': ['data', 'swarm-utils-backups2'] }) }, local],
      [{ volumes: volumesOn({}, ['swarm-utils-backups']) }, local],
      [{ rclone: () => ({ exitCode: 3, stderr: ['directory not found'] }) }, local],
      [{ restic: () => ({ exitCode: 10 }) }, restic],
    ] as const) {
      assert.deepEqual(await openShop(answers, change).list(), []);
    }
  });

  test('is not nothing because it can not be read', async () => {
    const unavailable = 'store_unavailable';
    for (const [answers, change, code, message] of [
      [
        { rclone: () => ({ exitCode: 1, stderr: ['AccessDenied'] }) },
        {},
        unavailable,
        /can't be listed: .*AccessDenied/,
      ],
      [{ rclone: () => ({ exitCode: 3 }) }, {}, unavailable, /no bucket backups/],
      [{ rclone: () => ({ stdout: ['<html>'] }) }, {}, 'helper_failed', /can not be read/],
      [{ rclone: () => ({ stdout: ['{}'] }) }, {}, 'helper_failed', /can not be read/],
      [
        { volumes: () => ({ exitCode: 1, stderr: ['Cannot connect'] }) },
        local,
        'helper_failed',
        /Cannot connect/,
      ],
      [
        { restic: () => ({ exitCode: 12, stderr: ['Fatal: wrong password'] }) },
        restic,
        unavailable,
        /wrong password/,
      ],
      [
        { restic: () => ({ exitCode: 97, stderr: ['Stat: Access Denied.', 'Is there a repository at'] }) },
        restic,
        unavailable,
        /can not be used.* It printed: Stat: Access Denied\.$/,
      ],
      [{ restic: () => ({ exitCode: 98 }) }, restic, 'timed_out', /longer than its time-out of 60000 ms/],
    ] as const) {
      await assert.rejects(openShop(answers, change).list(), { code, message });
    }
    await assert.rejects(openShop({ rclone: () => ({ hangs: true }) }).list(), { code: 'timed_out' });
  });

  test('of a local store is on the nodes that have its volume; to look makes none', async () => {
    const { world, list, helpers, kinds } = openShop(
      { volumes: volumesOn({ 'node-2': ['swarm-utils-backups'] }) },
      local,
    );
    world.swarm.addNode({ id: 'node-2' });
    world.swarm.addNode({ id: 'node-3', availability: 'drain' });
    const [backup] = await list();
    assert.ok(backup?.archives.every(({ nodeId }) => nodeId === 'node-2'));
    assert.deepEqual(kinds().sort(), ['rclone', 'volumes', 'volumes']);
    const [mounting] = helpers.filter(({ mounts }) => mounts.some(({ type }) => type === 'volume'));
    assert.deepEqual(mounting?.mounts, [
      { type: 'volume', source: 'swarm-utils-backups', target: '/backups', isReadOnly: true },
    ]);
  });

  test('of a local store asks no more than ten nodes at the same time, however many there are', async () => {
    let most = 0;
    const { world, list, helpers } = openShop(
      {
        volumes: helper => {
          most = Math.max(most, helpers.length - world.swarm.callsOf('removeService').length);
          return volumesOn({})(helper);
        },
      },
      local,
    );
    for (let number = 2; number <= 40; number += 1) {
      world.swarm.addNode({ id: `node-${number}` });
    }
    assert.deepEqual(await list(), []);
    assert.deepEqual([helpers.length, most <= 10], [40, true]);
  });

  test('is asked where the service runs, else elsewhere', async () => {
    const { world, list, helpers } = openShop();
    world.swarm.addNode({ id: 'node-0' });
    await list();
    world.swarm.addNode({ id: 'node-1', availability: 'drain' });
    await list();
    world.swarm.addNode({ id: 'node-0', state: 'down' });
    await assert.rejects(list(), { code: 'node_unavailable' });
    assert.deepEqual(
      helpers.map(({ nodeId }) => nodeId),
      ['node-1', 'node-0'],
    );
  });

  test('shows its keys to no worker that the service does not run on, as long as a manager can be asked', async () => {
    const { world, service, list, helpers } = openShop();
    world.swarm.addNode({ id: 'node-0', hostname: 'stolen' });
    world.swarm.addNode({ id: 'node-2', role: 'manager' });
    world.swarm.addNode({ id: 'node-1', role: 'manager', availability: 'drain' });
    world.swarm.deleteTasks(service.id);
    await list();
    assert.deepEqual(
      helpers.map(({ nodeId, secrets }) => [nodeId, secrets?.length]),
      [['node-2', 1]],
    );
  });

  test('on another node of a local store is told of, and stays there', async () => {
    const { world, restore: run } = openShop(
      {
        volumes: volumesOn({ 'node-2': ['swarm-utils-backups'], 'node-1': ['data', 'dump'] }),
      },
      local,
    );
    world.swarm.addNode({ id: 'node-2' });
    const { end } = await run();
    assert.equal(end.error?.code, 'backup_not_found');
    assert.match(`${end.error?.message}`, /keeps its backups on its own disk/);
  });
});
