import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { backupToken, bucket, openRestoreScene, type RestoreScene } from './restore-scene.ts';
import { type S3Proxy, startS3Proxy } from './s3-proxy.ts';

const resticPassword = 'canary-restic-password-5e1c';
const s3Label = (name: string) => `swarm-utils.backup.volume-list-upload.s3.${name}`;

describe('a repository of restic', { timeout: 600_000 }, () => {
  let scene: RestoreScene;
  let proxy: S3Proxy;
  before(async () => {
    scene = await openRestoreScene();
    proxy = await startS3Proxy(scene.lab, scene.s3);
    console.log((await operate('restic version')).trim());
  });
  after(async () => {
    await proxy?.close();
    await scene?.close();
  });

  /** Runs a shell text with restic as an operator would, in a container on worker-2. */
  const operate = async (text: string, name = '', options: readonly string[] = ['--rm']) => {
    const { accessKey, secretKey, endpoint } = scene.s3;
    const variables = {
      RESTIC_REPOSITORY: `s3:${endpoint}/${bucket}/${name}/restic`,
      RESTIC_PASSWORD: resticPassword,
      AWS_ACCESS_KEY_ID: accessKey,
      AWS_SECRET_ACCESS_KEY: secretKey,
    };
    const { exitCode, stdout, stderr } = await scene
      .node('worker-2')
      .docker([
        ...['run', ...options, '--entrypoint', 'sh'],
        ...Object.entries(variables).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
        ...[scene.lab.images.restic, '-c', text],
      ]);
    assert.equal(exitCode, 0, stderr);
    return stdout;
  };
  const create = (name: string, labels: Readonly<Record<string, string>> = {}) =>
    scene.createBackedUp(
      name,
      { [`${name}-data`]: '/data' },
      { labels: { 'swarm-utils.backup.engine': 'restic', 'swarm-utils.backup.stop': 'false', ...labels } },
    );
  const inData = (name: string, text: string) => scene.inVolume(scene.node('worker-1'), `${name}-data`, text);
  const locks = async (name: string) => (await scene.s3.list(bucket, `${name}/restic/locks/`)).length;
  const backUp = async (name: string) => {
    const answer = await scene.backUp(name);
    assert.equal(answer.status, 200, answer.text);
    return answer.body;
  };
  const snapshotOf = ({ steps }: { steps: { name: string; volumes: { archive: string }[] }[] }) =>
    steps.find(({ name }) => name === 'verify')?.volumes[0]?.archive ?? assert.fail();

  /** Locks a repository with a restic of another host, until the function that it answers kills that. Its lock stays. */
  const lockAs = async (name: string, host: string) => {
    const text = 'restic check --read-data --limit-download 1; true';
    const container = (await operate(text, name, ['--detach', '--hostname', host])).trim();
    await scene.until('it is locked', async () => (await locks(name)) === 1, 60_000);
    return async () => {
      const { exitCode, stderr } = await scene.node('worker-2').docker(['rm', '--force', container]);
      assert.equal(exitCode, 0, stderr);
    };
  };

  test('whose bucket or keys are wrong says so when it is listed', async () => {
    for (const [name, label, words] of [
      ['no-bucket', s3Label('bucket'), /bucket does not exist|NoSuchBucket/],
      ['no-key', s3Label('secret-key'), /signature/i],
    ] as const) {
      await create(name, { [label]: 'mistyped' });
      const { status, body, text } = await scene.deployment.api.get(
        `/api/backups?serviceName=${name}`,
        backupToken,
      );
      assert.deepEqual([status, body.error.code], [424, 'store_unavailable'], text);
      assert.match(body.error.message, words);
    }
  });

  test('that another one has locked is not unlocked: the backup says who is at it, and ends', async () => {
    await create('locked');
    await inData('locked', 'head -c 30000000 /dev/urandom >/v/file');
    await backUp('locked');
    const release = await lockAs('locked', 'operator');
    const answer = await scene.backUp('locked');
    assert.deepEqual([answer.status, answer.body.error.code], [409, 'store_busy'], answer.text);
    assert.match(answer.body.error.message, /on the host operator/);
    assert.equal(await locks('locked'), 1);
    await release();
    await operate('restic unlock --remove-all', 'locked');
    await backUp('locked');
  });

  test('that a killed helper of ours has left locked is unlocked', async () => {
    await create('left');
    await inData('left', 'head -c 30000000 /dev/urandom >/v/file');
    await backUp('left');
    const id = (await scene.docker('service', 'inspect', '--format', '{{.ID}}', 'left')).trim();
    const { swarmNodeId } = scene.node('worker-1');
    const release = await lockAs('left', `${id}-${swarmNodeId}-0badcafe`);
    await release();
    assert.equal(await locks('left'), 1);
    await backUp('left');
    assert.equal(await locks('left'), 0);
  });

  test('that is slow: a check that takes too long is called that, and leaves no lock', async () => {
    await create('slow', { [s3Label('url')]: proxy.host, 'swarm-utils.backup.verify.timeout': '3000' });
    await inData('slow', 'for i in 1 2 3 4 5 6; do head -c 3000000 /dev/urandom >/v/$i; done');
    proxy.behaviour.delayMs = 400;
    try {
      const answer = await scene.backUp('slow');
      assert.deepEqual([answer.status, answer.body.error.code], [504, 'timed_out'], answer.text);
      assert.match(
        answer.body.error.message,
        /check .* longer than its time-out of 3000 ms.*verify\.timeout/,
      );
      assert.ok(!/not whole|"paths"/.test(answer.body.error.message), answer.body.error.message);
      assert.equal(await locks('slow'), 0);
    } finally {
      proxy.behaviour.delayMs = 0;
    }
    await scene.label('slow', 'swarm-utils.backup.verify.timeout', '60000');
    await backUp('slow');
  });

  test('of which something is gone: the deeper the check, the more of it is found', async () => {
    await create('gone');
    await inData('gone', 'for i in 1 2 3 4 5 6 7 8; do head -c 3000000 /dev/urandom >/v/$i; done');
    await backUp('gone');
    const [pack] = (await scene.s3.list(bucket, 'gone/restic/data/')).sort((a, b) => b.size - a.size);
    await scene.s3.remove(bucket, pack?.key ?? '');
    await scene.label('gone', 'swarm-utils.backup.verify', 'repository');
    const answer = await scene.backUp('gone');
    assert.deepEqual([answer.status, answer.body.error.code], [424, 'backup_not_whole'], answer.text);
  });

  test('of a volume whose files come and go has a snapshot each time, and names what went away', async () => {
    const writer =
      'i=0; while :; do i=$((i+1)); for k in 1 2 3 4 5 6 7 8 9; do : >/data/s/$i.$k; done; rm -f /data/s/*; done';
    await create('moving');
    await inData('moving', 'mkdir /v/s; for i in 1 2 3; do head -c 1000000 /dev/urandom >/v/keep$i; done');
    const worker = scene.node('worker-1');
    const { stdout } = await worker.docker([
      ...['run', '--detach', '--volume', 'moving-data:/data'],
      ...[scene.lab.images.runner, 'sh', '-c', writer],
    ]);
    try {
      const operations = [];
      for (let time = 0; time < 10; time += 1) {
        operations.push(await backUp('moving'));
      }
      assert.equal(new Set(operations.map(snapshotOf)).size, 10);
    } finally {
      await worker.docker(['rm', '--force', stdout.trim()]);
    }
  });
});
