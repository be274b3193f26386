import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { backupIdOf } from '../../src/core/archive-name.ts';
import { startLab } from '../lab/lab.ts';
import type { Answer } from './api-client.ts';
import { backupToken, bucket, openRestoreScene, type RestoreScene } from './restore-scene.ts';

const day = 24 * 60 * 60 * 1000;
const begun = Date.now();
const oldId = (days: number) => backupIdOf(new Date(begun - days * day));

interface VolumeReport {
  readonly node: string;
  readonly volume: string;
  readonly archive: string;
  readonly sizeBytes: number;
  readonly checksum?: string;
}

describe('backup service', { timeout: 420_000 }, () => {
  let scene: RestoreScene;
  before(async () => {
    const instance = Number(process.env.SWARM_UTILS_LAB_INSTANCE ?? '1');
    const s3 = await (await startLab({ instance, nodes: 3, managers: 1 })).startS3();
    scene = await openRestoreScene({ SWARM_UTILS_S3_CA: await readFile(s3.certificate, 'utf8') });
  });
  after(() => scene.close());

  const stepsOf = ({ body }: Answer) =>
    body.steps.map((step: { name: string; status: string }) => `${step.name} ${step.status}`);
  const reportsOf = ({ body }: Answer, name: string): readonly VolumeReport[] =>
    body.steps.find((step: { name: string }) => step.name === name).volumes;
  const backUp = async (name: string) => {
    const answer = await scene.backUp(name);
    assert.equal(answer.status, 200, answer.text);
    return answer;
  };
  const keys = async (prefix: string, from = bucket) =>
    (await scene.s3.list(from, prefix)).map(({ key }) => key);
  /** Runs restic against the repository of a service, as a person would. */
  const restic = async (service: string, password: string, ...args: readonly string[]) => {
    const { s3 } = scene;
    const environment = {
      RESTIC_REPOSITORY: `s3:${s3.endpoint}/${bucket}/${service}/restic`,
      RESTIC_PASSWORD: password,
      AWS_ACCESS_KEY_ID: s3.accessKey,
      AWS_SECRET_ACCESS_KEY: s3.secretKey,
    };
    return scene.lab.manager.docker([
      ...['run', '--rm'],
      ...Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
      ...[scene.lab.images.restic, ...args],
    ]);
  };

  test('an archive holds all of a volume, whoever owns it, and is what was written', async () => {
    const worker = scene.node('worker-1');
    await scene.createBackedUp('owners', { 'owners-data': '/data' });
    await scene.inVolume(
      worker,
      'owners-data',
      `cd /v && umask 077 && mkdir -p private/deeper 'odd name' && head -c 40000000 /dev/urandom >private/deeper/secret
       echo x >"odd name/new
line" && ln -s private link && ln private/deeper/secret hard && : >empty && chown -R 70:70 private`,
    );
    const answer = await backUp('owners');
    assert.deepEqual(stepsOf(answer), [
      'locate succeeded',
      'stop succeeded',
      'upload succeeded',
      'start succeeded',
      'verify succeeded',
      'forget skipped',
    ]);
    const [report, ...others] = reportsOf(answer, 'verify');
    assert.ok(report);
    assert.deepEqual(others, []);
    assert.match(report.archive, /^worker-1_owners-data_\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.tar\.gz$/);
    assert.deepEqual(await keys('owners/'), [`owners/${report.archive}`]);

    // In parts of 16 MiB, as the S3 client of the program does it.
    const content = await scene.s3.read(bucket, `owners/${report.archive}`);
    const part = 16 * 1024 * 1024;
    const sums = Array.from({ length: Math.ceil(content.length / part) }, (_, index) =>
      createHash('md5')
        .update(content.subarray(index * part, (index + 1) * part))
        .digest(),
    );
    const tag = `${createHash('md5').update(Buffer.concat(sums)).digest('hex')}-${sums.length}`;
    assert.deepEqual([report.sizeBytes, report.checksum], [content.length, tag]);
    // Proven by what the server says, not by reading it all once more.
    assert.doesNotMatch(answer.text, /read as a whole/);

    const listed = await scene.lab.manager.docker(
      ['run', '--rm', '--interactive', scene.lab.images.runner, 'tar', '-tvzf', '-'],
      { input: content },
    );
    assert.match(
      listed.stdout,
      /-rw------- 70\/70 +40000000 .*backup\/owners-data\/private\/deeper\/secret\n/,
    );
    assert.match(listed.stdout, /link -> private\n/);
    assert.match(listed.stdout, /odd name\/new/);
    await scene.assertNothingLeft();
  });

  for (const engine of ['offen', 'restic'] as const) {
    test(`${engine} speaks https, with an authority of one's own; labels win over the environment`, async () => {
      const name = `secure-${engine}`;
      await scene.s3.createBucket('elsewhere');
      await scene.createBackedUp(
        name,
        { [`${name}-data`]: '/data' },
        {
          labels: {
            'swarm-utils.backup.engine': engine,
            'swarm-utils.backup.stop': 'false',
            'swarm-utils.backup.volume-list-upload.s3.url': scene.s3.httpsHost,
            'swarm-utils.backup.volume-list-upload.s3.https': 'true',
            'swarm-utils.backup.volume-list-upload.s3.bucket': 'elsewhere',
          },
        },
      );
      const answer = await backUp(name);
      assert.deepEqual(stepsOf(answer).slice(0, 3), [
        'locate succeeded',
        'upload succeeded',
        'verify succeeded',
      ]);
      assert.ok((await keys(`${name}/`, 'elsewhere')).length > 0);
      assert.deepEqual(await keys(`${name}/`), []);
    });
  }

  test('a service with data on every node is backed up from every node', async () => {
    for (const [engine, target] of [
      ['offen', 's3'],
      ['offen', 'local'],
      ['restic', 's3'],
      ['restic', 'local'],
    ] as const) {
      const name = `everywhere-${engine}-${target}`;
      await scene.create(name, {
        isGlobal: true,
        args: ['--mount', `type=volume,source=${name},target=/data`],
        labels: {
          'swarm-utils.backup.enable': 'true',
          'swarm-utils.backup.token': backupToken,
          'swarm-utils.backup.engine': engine,
          'swarm-utils.backup.target': target,
          'swarm-utils.backup.volume-list-upload': name,
        },
      });
      const reports = reportsOf(await backUp(name), 'verify');
      assert.deepEqual(reports.map(({ node }) => node).sort(), ['manager-1', 'worker-1', 'worker-2']);
      assert.equal(new Set(reports.map(({ archive }) => archive)).size, 3);
      for (const { node, archive } of reports.filter(() => engine === 'offen' && target === 'local')) {
        const there = await scene.inVolume(scene.node(node), 'swarm-utils-backups', `ls -A /v/${name}`);
        assert.equal(there, `${archive}\n`, node);
      }
      await scene.services.remove(name);
    }
    await scene.assertNothingLeft();
  });

  test("retention of one never touches another's, whose name begins with its own", async () => {
    const stem = 'worker-1_twins-data';
    const archive = (days: number, of = stem) => `${of}_${oldId(days)}.tar.gz`;
    const names = [
      ...[40, 30, 6, 3].map(days => archive(days)),
      // A node that is gone: its last one stays.
      ...[60, 50].map(days => archive(days, 'gone-1_twins-data')),
      'notes.txt',
    ];
    for (const prefix of ['shop', 'shopping', 'shop-admin']) {
      await Promise.all(names.map(name => scene.s3.write(bucket, `${prefix}/${name}`, 'old')));
    }
    await scene.createBackedUp('shop', { 'twins-data': '/data' });
    await scene.createBackedUp('shopping', { 'twins-data': '/data' });
    const answer = await backUp('shop');
    assert.ok(stepsOf(answer).includes('forget succeeded'), answer.text);
    const left = (prefix: string) =>
      keys(`${prefix}/`).then(all => all.map(key => key.slice(prefix.length + 1)));
    const [own] = reportsOf(answer, 'verify');
    assert.deepEqual(
      (await left('shop')).sort(),
      [archive(3), archive(50, 'gone-1_twins-data'), 'notes.txt', own?.archive].sort(),
    );
    for (const other of ['shopping', 'shop-admin']) {
      assert.deepEqual(await left(other), names.toSorted(), other);
    }
  });

  test('retention of the target local goes by the same rules', async () => {
    const worker = scene.node('worker-1');
    const old = (days: number, stem = 'worker-1_here-data') => `${stem}_${oldId(days)}.tar.gz`;
    await scene.createBackedUp(
      'here',
      { 'here-data': '/data' },
      { labels: { 'swarm-utils.backup.target': 'local' } },
    );
    const names = [old(20), old(10), old(2), old(90, 'worker-1_left-data')];
    const touch = names.flatMap(name => [`/v/here/${name}`, `/v/hereafter/${name}`]).join(' ');
    await scene.inVolume(worker, 'swarm-utils-backups', `mkdir -p /v/here /v/hereafter && touch ${touch}`);
    const answer = await backUp('here');
    const [own] = reportsOf(answer, 'verify');
    assert.match(own?.checksum ?? '', /^md5:[0-9a-f]{32}$/);
    const left = await scene.inVolume(
      worker,
      'swarm-utils-backups',
      'cd /v && ls -A here && echo && ls -A hereafter',
    );
    const [here = '', hereafter = ''] = left.split('\n\n');
    assert.deepEqual(here.split('\n').sort(), [old(2), old(90, 'worker-1_left-data'), own?.archive].sort());
    assert.equal(hereafter.trim().split('\n').length, names.length);
  });

  test('restic: the second one is small, old ones go, others stay', async () => {
    const password = 'canary-restic-password-5e1c';
    await scene.createBackedUp(
      'dedup',
      { 'dedup-data': '/data' },
      { labels: { 'swarm-utils.backup.engine': 'restic', 'swarm-utils.backup.stop': 'false' } },
    );
    await scene.inVolume(scene.node('worker-1'), 'dedup-data', 'head -c 5000000 /dev/urandom >/v/file');
    const sizeOf = async () =>
      (await scene.s3.list(bucket, 'dedup/')).reduce((sum, { size }) => sum + size, 0);
    await backUp('dedup');
    const first = await sizeOf();
    await backUp('dedup');
    assert.ok((await sizeOf()) - first < 100_000, `${first} and then ${await sizeOf()}`);

    const made = async (service: string, days: number, volume = 'dedup-data') => {
      const tags = [`service=${service}`, `volume=${volume}`, `backup=${oldId(days)}`];
      const options = ['--host', 'worker-1', ...tags.flatMap(tag => ['--tag', tag])];
      const { exitCode, stderr } = await restic('dedup', password, 'backup', ...options, '/etc');
      assert.equal(exitCode, 0, stderr);
    };
    await made('dedup', 30);
    await made('dedup', 20, 'left-data');
    await made('dedupe', 30);
    const { exitCode } = await restic('dedup', password, 'backup', '--host', 'worker-1', '/etc');
    assert.equal(exitCode, 0);
    const answer = await backUp('dedup');
    assert.ok(stepsOf(answer).includes('forget succeeded'), answer.text);
    const { stdout } = await restic('dedup', password, 'snapshots', '--json');
    const tags = (JSON.parse(stdout) as { tags?: string[] }[]).map(
      snapshot => snapshot.tags?.join(' ') ?? '',
    );
    assert.equal(tags.filter(tag => tag.includes('service=dedup ')).length, 4);
    assert.equal(tags.filter(tag => tag.includes(oldId(30).slice(0, 10))).length, 1);
    assert.ok(tags.some(tag => tag.startsWith('service=dedupe ')) && tags.includes(''));
    await scene.assertNothingLeft();
  });

  test('restic: a repository of another password is an error, and stays as it is', async () => {
    const name = 'foreign';
    assert.equal((await restic(name, 'of somebody else', 'init')).exitCode, 0);
    const before = await keys(`${name}/`);
    await scene.createBackedUp(
      name,
      { 'foreign-data': '/data' },
      { labels: { 'swarm-utils.backup.engine': 'restic' } },
    );
    const answer = await scene.backUp(name);
    assert.deepEqual([answer.status, answer.body.error.code], [424, 'store_unavailable'], answer.text);
    assert.match(answer.body.error.message, /wrong password/);
    assert.deepEqual(await keys(`${name}/`), before);
    assert.equal((await scene.tasks(name)).length, 1);
    await scene.assertNothingLeft();
  });
});
