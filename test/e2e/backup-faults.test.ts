import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { LabNode } from '../lab/lab-node.ts';
import type { Answer } from './api-client.ts';
import { serviceName as swarmUtils } from './deployment.ts';
import { backupToken, bucket, openRestoreScene, type RestoreScene } from './restore-scene.ts';

const s3Label = (name: string) => `swarm-utils.backup.volume-list-upload.s3.${name}`;

describe('faults of a backup', { timeout: 420_000 }, () => {
  let scene: RestoreScene;
  before(async () => {
    scene = await openRestoreScene();
  });
  after(() => scene.close());

  const replicas = async (name: string) =>
    (await scene.docker('service', 'inspect', '--format', '{{.Spec.Mode.Replicated.Replicas}}', name)).trim();

  /** A service with two replicas on a node, which a backup stops. */
  const create = (
    name: string,
    labels: Readonly<Record<string, string>> = {},
    node = 'worker-1',
    image = scene.lab.images.app['1'],
  ) =>
    scene.create(name, {
      image,
      replicas: 2,
      args: [
        ...['--constraint', `node.hostname==${node}`],
        ...['--mount', `type=volume,source=${name}-data,target=/data`],
      ],
      labels: {
        'swarm-utils.backup.enable': 'true',
        'swarm-utils.backup.token': backupToken,
        'swarm-utils.backup.stop': 'true',
        'swarm-utils.backup.volume-list-upload': `${name}-data`,
        ...labels,
      },
    });

  const assertAsBefore = async (name: string) => {
    assert.equal(await replicas(name), '2');
    assert.equal((await scene.tasks(name)).length, 2);
    await scene.assertNothingLeft();
  };

  /** It failed in the upload, and the service is as it was. */
  const assertNotUploaded = async (name: string, answer: Answer, words: RegExp) => {
    assert.deepEqual([answer.status, answer.body.error.code], [424, 'upload_failed'], answer.text);
    assert.match(answer.body.error.message, words);
    assert.ok(!answer.text.includes(scene.s3.secretKey));
    const ends = answer.body.steps.map(
      (step: { name: string; status: string }) => `${step.name} ${step.status}`,
    );
    assert.deepEqual(ends, [
      'locate succeeded',
      'stop succeeded',
      'upload failed',
      'start succeeded',
      'verify skipped',
      'forget skipped',
    ]);
    await assertAsBefore(name);
  };

  for (const engine of ['offen', 'restic'] as const) {
    const label = { 'swarm-utils.backup.engine': engine };

    test(`${engine}: a wrong key`, async () => {
      const name = `wrong-key-${engine}`;
      await create(name, { ...label, [s3Label('secret-key')]: 'canary-of-a-wrong-key-2f5d' });
      const answer = await scene.backUp(name);
      await assertNotUploaded(name, answer, /403|Forbidden|signature/i);
      assert.ok(!answer.text.includes('canary-of-a-wrong-key'));
    });

    test(`${engine}: a bucket that is not there, and is not made`, async () => {
      const name = `no-bucket-${engine}`;
      await create(name, { ...label, [s3Label('bucket')]: 'mistyped' });
      await assertNotUploaded(name, await scene.backUp(name), /bucket does not exist|NoSuchBucket/i);
      await assert.rejects(scene.s3.list('mistyped'));
    });

    test(`${engine}: a server that is gone`, async () => {
      const name = `gone-${engine}`;
      await create(name, label);
      await scene.s3.stop();
      try {
        await assertNotUploaded(name, await scene.backUp(name), /refused/);
      } finally {
        await scene.s3.start();
      }
      assert.deepEqual(await scene.s3.list(bucket, `${name}/`), []);
      assert.equal((await scene.backUp(name)).status, 200);
    });

    test(`${engine}: a server that hangs is left when the time is up`, async () => {
      const name = `hangs-${engine}`;
      await create(name, { ...label, 'swarm-utils.backup.volume-list-upload.timeout': '4000' });
      await scene.s3.pause();
      try {
        const answer = await scene.backUp(name);
        assert.deepEqual([answer.status, answer.body.error.code], [504, 'timed_out'], answer.text);
        await assertAsBefore(name);
      } finally {
        await scene.s3.resume();
      }
    });

    test(`${engine}: a disk of the target local that is full, and no half archive is on it`, async () => {
      const name = `full-${engine}`;
      const worker = scene.node('worker-2');
      if (!(await scene.volumes(worker)).includes('swarm-utils-backups')) {
        await worker.createSmallVolume('swarm-utils-backups', 30_000_000);
      }
      const onDisk = (text: string) => scene.inVolume(worker, 'swarm-utils-backups', text);
      // All but 2 MB.
      await onDisk(
        'head -c 60000000 /dev/zero >/v/others || head -c $(($(stat -c %s /v/others) - 2000000)) /dev/zero >/v/others',
      );
      await create(name, { ...label, 'swarm-utils.backup.target': 'local' }, 'worker-2');
      await scene.inVolume(worker, `${name}-data`, 'head -c 5000000 /dev/urandom >/v/large');
      await assertNotUploaded(name, await scene.backUp(name), /no space left/i);
      const half = `find /v/${name} -name '*tar.gz*' -o -path '*/snapshots/?*'`;
      assert.equal(await onDisk(half), '');
      await onDisk('rm /v/others');
      const answer = await scene.backUp(name);
      assert.equal(answer.status, 200, answer.text);
    });
  }

  test('a volume that is not there is an error, and none is made', async () => {
    const worker = scene.node('worker-1');
    await create('absent', { 'swarm-utils.backup.volume-list-upload': 'absent-data,mistyped-data' });
    const version = await scene.services.version('absent');
    const answer = await scene.backUp('absent');
    assert.deepEqual([answer.status, answer.body.error.code], [424, 'volume_not_found'], answer.text);
    assert.match(answer.body.error.message, /mistyped-data does not exist on worker-1/);
    assert.ok(!(await scene.volumes(worker)).includes('mistyped-data'));
    assert.equal(await scene.services.version('absent'), version);
    await assertAsBefore('absent');
  });

  test('a dump that no task could make is no backup: an old one would be taken for it', async () => {
    await create('undumped', { 'swarm-utils.backup.exec': 'date >/data/dump' });
    const scale = async (count: number) => {
      await scene.docker('service', 'scale', '--detach', `undumped=${count}`);
      await scene.until('it has them', async () => (await scene.tasks('undumped')).length === count);
    };
    await scale(0);
    const answer = await scene.backUp('undumped');
    assert.deepEqual([answer.status, answer.body.error.code], [424, 'exec_failed'], answer.text);
    assert.match(answer.body.error.message, /^No task was running.* The service is scaled to 0\./);
    assert.deepEqual(await scene.s3.list(bucket, 'undumped/'), []);
    await scale(2);
    const good = await scene.backUp('undumped');
    assert.deepEqual([good.status, good.body.warnings], [200, undefined], good.text);
    await assertAsBefore('undumped');
  });

  test('a node that takes no tasks is an error before anything is stopped', async () => {
    await create('paused');
    const worker = scene.node('worker-1');
    const version = await scene.services.version('paused');
    const refused = async (node: LabNode) => {
      await node.setAvailability('pause');
      try {
        return await scene.backUp('paused');
      } finally {
        await node.setAvailability('active');
      }
    };
    const answer = await refused(worker);
    assert.deepEqual([answer.status, answer.body.error.code], [424, 'node_unavailable'], answer.text);
    assert.match(answer.body.error.message, /worker-1, which takes no tasks \(availability pause\)/);
    assert.equal(await scene.services.version('paused'), version);
    await assertAsBefore('paused');
  });

  /** Backs a service up that starts slowly, and writes over its archive before that is looked at. */
  const backUpMeddled = async (name: string, change: (content: Buffer) => Buffer) => {
    await create(name, {}, 'worker-1', scene.lab.images.app.slow);
    await scene.inVolume(scene.node('worker-1'), `${name}-data`, 'head -c 6000000 /dev/urandom >/v/file');
    const answer = scene.backUp(name);
    await scene.until(
      'it is written',
      async () => (await scene.s3.list(bucket, `${name}/`)).length > 0,
      60_000,
    );
    const [{ key } = { key: '' }] = await scene.s3.list(bucket, `${name}/`);
    await scene.s3.write(bucket, key, change(await scene.s3.read(bucket, key)));
    return { answer: await answer, archive: key.slice(name.length + 1) };
  };

  test('an archive of the same size that is another one is found, and said', async () => {
    const { answer, archive } = await backUpMeddled('meddled', content => content.fill('x', 5_000_000));
    const { status, body, text } = answer;
    assert.deepEqual([status, body.error.code], [424, 'backup_not_whole'], text);
    assert.ok(body.error.message.includes(`${archive} is not what was written`), text);
    await assertAsBefore('meddled');
  });

  test('an archive whose tag is no checksum of it is read as a whole', async () => {
    // In parts of 5 MB.
    const { answer } = await backUpMeddled('rewritten', content => content);
    assert.equal(answer.status, 200, answer.text);
    const { message } = answer.body.steps.find(({ name }: { name: string }) => name === 'verify');
    assert.match(message, /no checksums of 1 archives, so these were read as a whole/);
    await assertAsBefore('rewritten');
  });

  test('an image of a helper that nobody has', async () => {
    await create('no-image');
    const set = async (image: string) => {
      const variable = `SWARM_UTILS_BACKUP_OFFEN_IMAGE=${image}`;
      await scene.docker('service', 'update', '--quiet', '--env-add', variable, swarmUtils);
      await scene.until(
        'it is ready',
        async () =>
          (await scene.deployment.api.get('/readyz').catch(() => ({ status: 0 }))).status === 200 &&
          (await scene.tasks(swarmUtils)).length === 1,
        60_000,
      );
    };
    await set(scene.lab.images.missing);
    await assertNotUploaded('no-image', await scene.backUp('no-image'), /No such image|not found|manifest/i);
    await set(scene.lab.images.offen);
    assert.equal((await scene.backUp('no-image')).status, 200);
  });
});
