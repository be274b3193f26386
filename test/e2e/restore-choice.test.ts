import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { backupIdOf } from '../../src/core/archive-name.ts';
import { tarGz, volumeEntries } from '../fixtures/tar.ts';
import type { Answer } from './api-client.ts';
import { backupToken, bucket, openRestoreScene, type RestoreScene, restoreToken } from './restore-scene.ts';

const day = 24 * 60 * 60 * 1000;
const idBefore = (days: number) => backupIdOf(new Date(Date.now() - days * day));
const [first, second, third] = [idBefore(3), idBefore(2), idBefore(1)] as const;

describe('what is restored, and where to', { timeout: 420_000 }, () => {
  let scene: RestoreScene;
  before(async () => {
    scene = await openRestoreScene();
  });
  after(() => scene.close());

  /** An archive whose only file says where it is from. */
  const store = (service: string, node: string, volume: string, id: string) =>
    scene.s3.write(
      bucket,
      `${service}/${node}_${volume}_${id}.tar.gz`,
      tarGz(volumeEntries(volume, { text: `${node} ${id}` })),
    );
  const textIn = (nodeName: string, volume: string) =>
    scene.inVolume(scene.node(nodeName), volume, 'cat /v/text 2>/dev/null || echo none');
  const messageOf = ({ body }: Answer, step: string) =>
    body.steps.find(({ name }: { name: string }) => name === step)?.message;
  /** Fails unless it was refused, and the service was not touched. */
  const refused = async (service: string, attempt: () => Promise<Answer>) => {
    let answer: Answer | undefined;
    const changed = await scene.changedBy(async () => {
      answer = await attempt();
    });
    assert.deepEqual(changed, []);
    assert.equal((await scene.tasks(service)).length > 0, true);
    return answer ?? assert.fail();
  };

  test('the newest backup that has everything, one that is named, or one archive', async () => {
    await scene.createBackedUp('notes', { 'notes-a': '/a', 'notes-b': '/b' });
    await store('notes', 'worker-1', 'notes-a', first);
    await store('notes', 'worker-1', 'notes-b', first);
    await store('notes', 'worker-1', 'notes-a', second);
    await store('notes', 'worker-1', 'notes-b', second);
    // A half of one; others that are none of ours.
    await store('notes', 'worker-1', 'notes-a', third);
    await store('notesy', 'worker-1', 'notes-a', third);
    await scene.s3.write(bucket, `notes/worker-1_notes-a_2025-02-31T00-00-00Z.tar.gz`, 'no such day');
    await scene.s3.write(bucket, `notes/restic/config`, 'x');

    const { body } = await scene.deployment.api.get('/api/backups?serviceName=notes', backupToken);
    assert.deepEqual(
      body.backups.map(
        ({ id, isComplete, archives }: { id: string; isComplete: boolean; archives: unknown[] }) => [
          id,
          isComplete,
          archives.length,
        ],
      ),
      [
        [third, false, 1],
        [second, true, 2],
        [first, true, 2],
      ],
    );

    const newest = await scene.restore('notes');
    assert.equal(newest.status, 200, newest.text);
    const both = async () => Promise.all([textIn('worker-1', 'notes-a'), textIn('worker-1', 'notes-b')]);
    assert.deepEqual(await both(), [`worker-1 ${second}`, `worker-1 ${second}`]);

    const alone = await scene.restore('notes', { volume: 'notes-a' });
    assert.equal(alone.status, 200, alone.text);
    assert.deepEqual(await both(), [`worker-1 ${third}`, `worker-1 ${second}`]);

    const named = await scene.restore('notes', { backup: first });
    assert.equal(named.status, 200, named.text);
    assert.deepEqual(await both(), [`worker-1 ${first}`, `worker-1 ${first}`]);

    const archive = await scene.restore('notes', { backup: `worker-1_notes-b_${second}.tar.gz` });
    assert.equal(archive.status, 200, archive.text);
    assert.deepEqual(await both(), [`worker-1 ${first}`, `worker-1 ${second}`]);
    await scene.assertNothingLeft();

    for (const [fields, message] of [
      [{ backup: third }, /In the backup .* there is no archive for the volume notes-b on worker-1/],
      [
        { backup: '2020-01-01T00-00-00Z' },
        new RegExp(`There is no backup 2020.* The newest: ${third}, ${second}`),
      ],
      [{ backup: `worker-1_notes-a_${second}.tar.gz`, volume: 'notes-b' }, /is of the volume notes-a/],
    ] as const) {
      const answer = await refused('notes', () => scene.restore('notes', fields));
      assert.deepEqual([answer.status, answer.body.error.code], [424, 'backup_not_found'], answer.text);
      assert.match(answer.body.error.message, message);
    }
    assert.deepEqual(await both(), [`worker-1 ${first}`, `worker-1 ${second}`]);
  });

  test('a drill unpacks, counts, and touches nothing', async () => {
    const [task] = await scene.tasks('notes');
    const volumes = await scene.volumes(scene.node('worker-1'));
    const drill = await refused('notes', () => scene.restore('notes', { drill: true }));
    assert.equal(drill.status, 200, drill.text);
    assert.deepEqual(
      drill.body.steps.map(({ name }: { name: string }) => name),
      ['find', 'drill'],
    );
    assert.deepEqual(
      drill.body.steps[1].volumes,
      ['notes-a', 'notes-b'].map(volume => ({
        node: 'worker-1',
        volume,
        archive: `worker-1_${volume}_${second}.tar.gz`,
        files: 1,
        sizeBytes: `worker-1 ${second}`.length,
      })),
    );
    assert.deepEqual(await scene.tasks('notes'), [task]);
    await scene.assertNothingLeft();
    assert.deepEqual(await scene.volumes(scene.node('worker-1')), volumes);

    await scene.s3.write(bucket, `notes/worker-1_notes-a_${third}.tar.gz`, 'not an archive');
    const broken = await refused('notes', () => scene.restore('notes', { drill: true, volume: 'notes-a' }));
    assert.deepEqual([broken.status, broken.body.error.code], [424, 'restore_failed'], broken.text);
    await scene.assertNothingLeft();
  });

  test('each node that has data of its own gets its own', async () => {
    await scene.create('pair', {
      replicas: 2,
      args: [
        ...['--constraint', 'node.role==worker', '--replicas-max-per-node', '1'],
        ...['--mount', 'type=volume,source=pair-data,target=/data'],
      ],
      labels: {
        'swarm-utils.backup.volume-list-upload': 'pair-data',
        'swarm-utils.restore.enable': 'true',
        'swarm-utils.restore.token': restoreToken,
      },
    });
    await store('pair', 'worker-1', 'pair-data', second);
    await store('pair', 'worker-2', 'pair-data', second);
    await store('pair', 'worker-1', 'pair-data', third);
    const answer = await scene.restore('pair');
    assert.equal(answer.status, 200, answer.text);
    assert.equal(await textIn('worker-1', 'pair-data'), `worker-1 ${second}`);
    assert.equal(await textIn('worker-2', 'pair-data'), `worker-2 ${second}`);
    assert.equal((await scene.tasks('pair')).length, 2);
    await scene.services.remove('pair');
  });

  test('an admin moves a volume to a node that does not have it yet', async () => {
    const { adminToken } = scene.deployment.secrets;
    await scene.createBackedUp('moving', { 'moving-data': '/data' });
    await store('moving', 'worker-1', 'moving-data', second);
    const other = await refused('moving', () => scene.restore('moving', { nodeName: 'worker-2' }));
    assert.deepEqual([other.status, other.body.error.code], [422, 'node_not_allowed']);

    const moved = await scene.restore('moving', { nodeName: 'worker-2' }, adminToken);
    assert.equal(moved.status, 200, moved.text);
    assert.match(
      messageOf(moved, 'find'),
      /moving-data from worker-1 to worker-2.* New: the volume moving-data on worker-2\./,
    );
    const constraints = [
      '--constraint-rm',
      'node.hostname==worker-1',
      '--constraint-add',
      'node.hostname==worker-2',
    ];
    await scene.docker('service', 'update', '--detach', '--quiet', ...constraints, 'moving');
    await scene.until('it runs on worker-2', async () =>
      (await scene.tasks('moving')).some(({ nodeId }) => nodeId === scene.node('worker-2').swarmNodeId),
    );
    assert.deepEqual(await scene.inTasks('moving', 'cat', '/data/text'), [`worker-1 ${second}`]);
    // Where it is now, the archive of the node where it was is taken.
    const again = await scene.restore('moving');
    assert.equal(again.status, 200, again.text);
    assert.equal((await textIn('worker-1', 'moving-data')).trim(), 'none');
    const unknown = await refused('moving', () =>
      scene.restore('moving', { nodeName: 'worker-9' }, adminToken),
    );
    assert.deepEqual([unknown.status, unknown.body.error.code], [424, 'node_unavailable'], unknown.text);
    await scene.services.remove('moving');
  });

  test('what lies on the disk of a node stays on it', async () => {
    const { adminToken } = scene.deployment.secrets;
    await scene.createBackedUp(
      'homely',
      { 'homely-data': '/data' },
      { labels: { 'swarm-utils.backup.target': 'local' } },
    );
    const before = await scene.volumes(scene.node('worker-2'));
    const none = await refused('homely', () => scene.restore('homely'));
    assert.deepEqual([none.status, none.body.error.code], [424, 'backup_not_found'], none.text);
    await scene.inVolume(
      scene.node('worker-1'),
      'swarm-utils-backups',
      `mkdir -p /v/homely && cat >/v/homely/worker-1_homely-data_${second}.tar.gz`,
      tarGz(volumeEntries('homely-data', { text: 'local' })),
    );
    const elsewhere = await refused('homely', () =>
      scene.restore('homely', { nodeName: 'worker-2' }, adminToken),
    );
    assert.deepEqual(
      [elsewhere.status, elsewhere.body.error.code],
      [424, 'backup_not_found'],
      elsewhere.text,
    );
    assert.match(
      elsewhere.body.error.message,
      /lies on the node worker-1, which keeps its backups on its own disk/,
    );
    assert.deepEqual(await scene.volumes(scene.node('worker-2')), before, 'to look makes no volume');
    assert.equal((await scene.restore('homely')).status, 200);
    assert.equal(await textIn('worker-1', 'homely-data'), 'local');
    await scene.services.remove('homely');
  });

  test('a service without tasks is found by its volume, and stays without', async () => {
    await scene.createBackedUp('asleep', { 'asleep-data': '/data' }, { replicas: 0 });
    await store('asleep', 'worker-1', 'asleep-data', second);
    const nowhere = await scene.restore('asleep');
    assert.deepEqual([nowhere.status, nowhere.body.error.code], [424, 'volume_not_found'], nowhere.text);
    await scene.node('worker-1').docker(['volume', 'create', 'asleep-data']);
    const answer = await scene.restore('asleep');
    assert.equal(answer.status, 200, answer.text);
    assert.equal(await textIn('worker-1', 'asleep-data'), `worker-1 ${second}`);
    assert.deepEqual(await scene.tasks('asleep'), []);
    await scene.assertNothingLeft();
    await scene.services.remove('asleep');
  });

  test('a node that takes no helpers, and a service that can not be stopped, are told of before', async () => {
    const worker = scene.node('worker-1');
    await worker.setAvailability('pause');
    try {
      const paused = await refused('notes', () => scene.restore('notes'));
      assert.deepEqual([paused.status, paused.body.error.code], [424, 'node_unavailable'], paused.text);
      assert.match(paused.body.error.message, /worker-1.*availability is pause.*Nothing was done/);
    } finally {
      await worker.setAvailability('active');
    }
    await scene.create('everywhere', {
      isGlobal: true,
      args: [
        ...['--constraint', 'node.hostname==worker-2'],
        ...['--mount', 'type=volume,source=everywhere-data,target=/data'],
      ],
      runningTasks: 1,
      labels: {
        'swarm-utils.backup.volume-list-upload': 'everywhere-data',
        'swarm-utils.restore.enable': 'true',
        'swarm-utils.restore.token': restoreToken,
      },
    });
    await store('everywhere', 'worker-2', 'everywhere-data', second);
    const global = await refused('everywhere', () => scene.restore('everywhere'));
    assert.deepEqual([global.status, global.body.error.code], [424, 'unsupported_mode'], global.text);
    const drill = await refused('everywhere', () => scene.restore('everywhere', { drill: 'true' }));
    assert.equal(drill.status, 200, drill.text);
    await scene.services.remove('everywhere', 'notes');
  });

  test('what was on a node that is gone comes back on another one', async () => {
    const { adminToken } = scene.deployment.secrets;
    const worker = scene.node('worker-1');
    await scene.createBackedUp('orphan', { 'orphan-data': '/data' });
    await store('orphan', 'worker-1', 'orphan-data', second);
    await worker.kill();
    try {
      await scene.until(
        'the swarm has seen it',
        async () =>
          (await scene.docker('node', 'ls', '--format', '{{.Hostname}} {{.Status}}')).includes(
            'worker-1 Down',
          ),
        60_000,
      );
      const answer = await scene.restore('orphan');
      assert.deepEqual([answer.status, answer.body.error.code], [424, 'node_unavailable'], answer.text);
      await scene.docker('service', 'scale', '--detach', 'orphan=0');
      const constraints = [
        '--constraint-rm',
        'node.hostname==worker-1',
        '--constraint-add',
        'node.hostname==worker-2',
      ];
      await scene.docker('service', 'update', '--detach', '--quiet', ...constraints, 'orphan');
      const moved = await scene.restore('orphan', { nodeName: 'worker-2' }, adminToken);
      assert.equal(moved.status, 200, moved.text);
      await scene.docker('service', 'scale', '--detach', 'orphan=1');
      await scene.until(
        'it runs on worker-2',
        async () =>
          (await textIn('worker-2', 'orphan-data')) !== 'none\n' &&
          (await scene.tasks('orphan')).some(({ nodeId }) => nodeId === scene.node('worker-2').swarmNodeId),
      );
      assert.equal(await textIn('worker-2', 'orphan-data'), `worker-1 ${second}`);
    } finally {
      await worker.start();
    }
  });
});
