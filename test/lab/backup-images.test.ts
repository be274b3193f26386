import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Lab, startLab, stopLab } from './lab.ts';
import type { LabS3 } from './lab-s3.ts';
import type { CommandResult } from './run-command.ts';

const instance = 8;
const bucket = 'backups';
const day = 24 * 60 * 60 * 1000;

describe('what backups of a lab are made with', { timeout: 300_000 }, () => {
  let lab: Lab;
  let s3: LabS3;
  before(async () => {
    await stopLab(instance);
    lab = await startLab({ instance, nodes: 2, managers: 1 });
    s3 = await lab.startS3();
    console.log(
      `offen: ${lab.images.isOffenDouble ? 'CONTRACT DOUBLE, not the real program' : 'the real program'}`,
    );
  });
  beforeEach(() => s3.createBucket(bucket));
  after(() => stopLab(instance));

  /** Runs a command in a container of its own; its end is the result. */
  const run = (options: readonly string[], image: string, ...command: readonly string[]) =>
    lab.manager.docker(['run', '--rm', ...options, image, ...command]);

  /** Runs offen's program over the volume `data`, as a helper service would. */
  const backup = (settings: Readonly<Record<string, string>>, image = lab.images.offen) => {
    const environment = {
      BACKUP_SOURCES: '/backup/data',
      BACKUP_FILENAME: 'node-1_data_%Y-%m-%dT%H-%M-%S.{{ .Extension }}',
      AWS_S3_BUCKET_NAME: bucket,
      AWS_S3_PATH: 'shop',
      AWS_ENDPOINT: s3.host,
      AWS_ENDPOINT_PROTO: 'http',
      AWS_ACCESS_KEY_ID: s3.accessKey,
      AWS_SECRET_ACCESS_KEY_FILE: '/secrets/key',
      ...settings,
    };
    const volumes = ['--volume', 'data:/backup/data:ro', '--volume', 'secrets:/secrets:ro'];
    const variables = Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
    return run([...volumes, ...variables, '--entrypoint', 'backup'], image);
  };

  const prepareData = async () => {
    const secret = `printf %s ${s3.secretKey} >/secrets/key`;
    const data =
      'mkdir -p /data/sub && head -c 12000000 /dev/urandom >/data/sub/file && ln -sfn sub /data/link';
    const volumes = ['--volume', 'data:/data', '--volume', 'secrets:/secrets'];
    assertDone(await run(volumes, lab.images.runner, 'sh', '-c', `${secret} && ${data}`));
  };

  test('postgres dumps and restores, starts on its own data and stops at once', async () => {
    const volumes = ['--volume', 'pg:/var/lib/postgresql/data', '--volume', 'dump:/dump'];
    const start = ['run', '--detach', '--name', 'postgres', ...volumes, lab.images.postgres];
    const inServer = (command: string) => lab.manager.docker(['exec', 'postgres', 'sh', '-c', command]);
    const rows = async () => (await inServer('psql -Atc "select sum(n) from t"')).stdout.trim();
    assertDone(await lab.manager.docker(start));
    await healthy(lab);
    assertDone(await inServer('psql -c "create table t as select generate_series(1, 1000) n"'));
    assertDone(await inServer('pg_dump --format custom --file /dump/t.dump'));
    assertDone(await inServer('psql -c "drop table t"'));
    assertDone(await inServer('pg_restore --dbname postgres /dump/t.dump'));
    assert.equal(await rows(), '500500');

    const before = performance.now();
    assertDone(await lab.manager.docker(['stop', 'postgres']));
    assert.ok(performance.now() - before < 5000);
    assertDone(await lab.manager.docker(['rm', 'postgres']));
    assertDone(await lab.manager.docker(start));
    await healthy(lab);
    assert.equal(await rows(), '500500');
    assertDone(await lab.manager.docker(['rm', '--force', 'postgres']));
  });

  test('offen uploads an archive under its name and path, in parts, with the secret from a file', async () => {
    await prepareData();
    assertDone(await backup({ AWS_PART_SIZE: '5' }));
    const [object, ...others] = await s3.list(bucket);
    assert.deepEqual(others, []);
    assert.match(object?.key ?? '', /^shop\/node-1_data_\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.tar\.gz$/);
    const listed = await lab.manager.docker(
      ['run', '--rm', '--interactive', lab.images.runner, 'tar', '-tzvf', '-'],
      { input: await s3.read(bucket, object?.key ?? '') },
    );
    assert.match(listed.stdout, /12000000 .*backup\/data\/sub\/file/);
    assert.match(listed.stdout, /backup\/data\/link -> sub/);
  });

  test('offen prunes what is old and starts so, never everything', async () => {
    await prepareData();
    const old = ['shop/node-1_data_old', 'shop/node-2_data_old', 'shopping/old'];
    for (const key of old) {
      await s3.write(bucket, key, 'old');
      await s3.setLastModified(bucket, key, new Date(Date.now() - 10 * day));
    }
    assertDone(await backup({ BACKUP_RETENTION_DAYS: '5', BACKUP_PRUNING_PREFIX: 'node-1_data_' }));
    const left = (await s3.list(bucket)).map(({ key }) => key).filter(key => key.endsWith('old'));
    assert.deepEqual(left, old.slice(1));
    // Without a prefix the path is one, and it is not a folder's: know it, and set the prefix.
    assertDone(await backup({ BACKUP_RETENTION_DAYS: '5' }));
    assert.deepEqual(
      (await s3.list(bucket)).filter(({ key }) => key.endsWith('old')),
      [],
    );
    const count = (await s3.list(bucket)).length;
    const refused = await backup({ BACKUP_RETENTION_DAYS: '0', BACKUP_FILENAME: 'all.tar.gz' });
    assert.match(refused.stdout + refused.stderr, /would delete all/);
    assert.equal((await s3.list(bucket)).length, count + 1);
  });

  test('offen copies to an archive folder', async () => {
    await prepareData();
    const copy = [
      '--volume',
      'data:/backup/data:ro',
      '--volume',
      'archive:/archive',
      '--entrypoint',
      'backup',
    ];
    const settings = ['BACKUP_SOURCES=/backup/data', 'BACKUP_FILENAME=here.tar.gz'];
    assertDone(await run([...copy, ...settings.flatMap(setting => ['--env', setting])], lab.images.offen));
    const listed = await run(['--volume', 'archive:/archive'], lab.images.runner, 'ls', '/archive');
    assert.equal(listed.stdout, 'here.tar.gz\n');
  });

  test('offen fails where it cannot do all of it', async () => {
    await prepareData();
    const count = (await s3.list(bucket)).length;
    for (const settings of [
      { AWS_ACCESS_KEY_ID: 'WRONG' },
      { AWS_S3_BUCKET_NAME: 'none-such' },
      { BACKUP_SOURCES: '/none' },
      { AWS_ENDPOINT: s3.endpoint },
      { AWS_ENDPOINT: s3.httpsHost, AWS_ENDPOINT_PROTO: 'https' },
      { BACKUP_RETENTION_DAYS: 'five' },
    ]) {
      assert.equal((await backup(settings)).exitCode, 1, JSON.stringify(settings));
    }
    assert.equal((await s3.list(bucket)).length, count);
    const trusting = {
      AWS_ENDPOINT: s3.httpsHost,
      AWS_ENDPOINT_PROTO: 'https',
      AWS_ENDPOINT_INSECURE: 'true',
    };
    assertDone(await backup(trusting));
  });

  test('offen gives a server up that is gone', async () => {
    await prepareData();
    await s3.stop();
    const before = performance.now();
    assert.equal((await backup({})).exitCode, 1);
    assert.ok(performance.now() - before < 40_000);
    await s3.start();
  });

  test('the contract double says what it is, and refuses what the real one ignores', async () => {
    await prepareData();
    for (const [settings, message] of [
      [{ BACKUP_FILE_NAME: 'x' }, /BACKUP_FILE_NAME: no such variable/],
      [{ AWS_REGION: 'eu-1' }, /AWS_REGION: no such variable/],
      [{ AWS_SECRET_ACCESS_KEY: 'x' }, /are both set/],
      [{ AWS_SECRET_ACCESS_KEY_FILE: '/secrets/none' }, /cannot be read/],
      [{ GPG_PASSPHRASE: 'x' }, /this contract double cannot/],
      [{ BACKUP_PRUNING_LEEWAY: '1d' }, /not a duration .*1d/],
    ] as const) {
      const { exitCode, stdout, stderr } = await backup(settings, lab.images.offenDouble);
      assert.equal(exitCode, 1);
      assert.match(stdout, message);
      assert.match(stderr, /CONTRACT DOUBLE/);
    }
  });

  test('faults: a full disk, a node that takes no tasks, an image that nobody has', async () => {
    const [, worker] = lab.nodes;
    assert.ok(worker);
    await worker.createSmallVolume('small', 1_000_000);
    const onWorker = (command: string) =>
      worker.docker(['run', '--rm', '--volume', 'small:/small', lab.images.runner, 'sh', '-c', command]);
    assertDone(await onWorker('head -c 500000 /dev/zero >/small/half'));
    assert.match((await onWorker('dd if=/dev/zero of=/small/more bs=100k count=9')).stderr, /No space left/);
    assert.match((await onWorker('rm /small/more; ls -l /small/half')).stdout, /500000/);

    await worker.setAvailability('pause');
    const list = ['node', 'inspect', '--format', '{{.Spec.Availability}} {{.Spec.Role}}', worker.name];
    assert.equal((await lab.manager.docker(list)).stdout, 'pause worker\n');
    await worker.setAvailability('drain');
    assert.equal((await lab.manager.docker(list)).stdout, 'drain worker\n');
    await lab.reset();
    assert.equal((await lab.manager.docker(list)).stdout, 'active worker\n');

    assert.match((await lab.manager.docker(['pull', lab.images.missing])).stderr, /not found|unknown/);
  });
});

function assertDone({ exitCode, stdout, stderr }: CommandResult): void {
  assert.equal(exitCode, 0, `${stdout}\n${stderr}`);
}

async function healthy(lab: Lab): Promise<void> {
  const ask = ['inspect', '--format', '{{.State.Health.Status}}', 'postgres'];
  for (let attempt = 0; attempt < 100; attempt++) {
    if ((await lab.manager.docker(ask)).stdout.trim() === 'healthy') {
      return;
    }
    await sleep(100);
  }
  assert.fail('postgres is not healthy within 10 s');
}
