import assert from 'node:assert/strict';
import type { LabS3 } from '../lab/lab-s3.ts';
import type { Answer } from './api-client.ts';
import { labelSecrets } from './canary-services.ts';
import { canarySecrets } from './deployment.ts';
import { type HelperSightings, joinSightings, watchHelpers } from './helper-watch.ts';
import type { Stage } from './stage.ts';

const backupToken = labelSecrets['swarm-utils.backup.token'];
const restoreToken = labelSecrets['swarm-utils.restore.token'];
const bucket = 'canary-backups';
const home = 'worker-1';

/**
 * Services for everything that can become of a backup and a restore. Keys of the lab's S3 are in their labels, those of
 * the environment are wrong. Their dumps print what they are told to.
 */
export async function createCanaryBackups(
  { lab, services }: Stage,
  s3: LabS3,
  printed: readonly string[],
): Promise<void> {
  await s3.createBucket(bucket);
  const worker = lab.nodes.find(({ name }) => name === home) ?? assert.fail();
  const { offen, rclone, restic } = lab.images;
  for (const image of [offen, rclone, restic]) {
    assert.equal((await worker.docker(['pull', '--quiet', image])).exitCode, 0);
  }
  const store = 'volume-list-upload.s3';
  const server = { [`${store}.url`]: s3.host, [`${store}.https`]: 'false', [`${store}.bucket`]: bucket };
  const keys = { [`${store}.access-key`]: s3.accessKey, [`${store}.secret-key`]: s3.secretKey };
  const create = (name: string, labels: Readonly<Record<string, string>>) =>
    services.create(name, {
      labels: {
        ...Object.fromEntries(
          Object.entries({
            enable: 'true',
            token: backupToken,
            exec: 'echo "leak: $LEAK"; echo rows > /data/rows',
            stop: 'true',
            'volume-list-upload': `${name}-data`,
            ...labels,
          }).map(([key, value]) => [`swarm-utils.backup.${key}`, value]),
        ),
        'swarm-utils.restore.enable': 'true',
        'swarm-utils.restore.token': restoreToken,
      },
      args: [
        ...['--constraint', `node.hostname==${home}`, '--env', `LEAK=${printed.join(' ')}`],
        ...['--mount', `type=volume,source=${name}-data,target=/data`],
      ],
    });
  await Promise.all([
    create('backup-offen', { ...server, ...keys }),
    create('backup-restic', { ...server, ...keys, engine: 'restic' }),
    create('backup-local', { target: 'local' }),
    create('backup-local-restic', { target: 'local', engine: 'restic' }),
    create('wrong-key-offen', server),
    create('wrong-key-restic', { ...server, engine: 'restic' }),
    create('no-bucket-offen', { ...server, ...keys, [`${store}.bucket`]: 'nobodys-bucket' }),
    create('no-bucket-restic', {
      ...server,
      ...keys,
      [`${store}.bucket`]: 'nobodys-bucket',
      engine: 'restic',
    }),
    create('no-server', { ...keys, stop: 'false' }),
  ]);
}

/**
 * Backs them up, lists, tries and restores.
 * @param keep is given every answer
 * @returns what there was to see of the helpers
 */
export async function runCanaryBackups(
  { lab, deployment }: Stage,
  keep: (answer: Promise<Answer>) => Promise<Answer>,
): Promise<HelperSightings> {
  const { api } = deployment;
  const post = async (
    action: 'backup' | 'restore',
    body: { readonly serviceName: string; readonly drill?: boolean },
    status: number,
    code?: string,
  ) => {
    const token = action === 'backup' ? backupToken : restoreToken;
    const answer = await keep(api.post(`/api/${action}/service`, body, token));
    assert.deepEqual([answer.status, answer.body.error?.code], [status, code], answer.text);
  };
  const backup = (serviceName: string, status: number, code?: string) =>
    post('backup', { serviceName }, status, code);
  const list = async (serviceName: string, status: number) => {
    const answer = await keep(api.get(`/api/backups?serviceName=${serviceName}`, restoreToken));
    assert.equal(answer.status, status, answer.text);
  };
  const good = ['backup-offen', 'backup-restic', 'backup-local', 'backup-local-restic'];
  const bad = ['wrong-key-offen', 'wrong-key-restic', 'no-bucket-offen', 'no-bucket-restic'];
  // A few at a time: many helpers on one node at once would be late.
  const written = await watchHelpers(lab, async () => {
    await Promise.all(good.map(name => backup(name, 200)));
    await Promise.all(bad.map(name => backup(name, 424, 'upload_failed')));
    await backup('no-server', 422, 'backup_target_incomplete');
  });
  const read = await watchHelpers(lab, async () => {
    await Promise.all(good.map(name => list(name, 200)));
    await Promise.all(bad.map(name => list(name, 424)));
    await list('no-server', 422);
    await Promise.all(good.map(serviceName => post('restore', { serviceName, drill: true }, 200)));
    await Promise.all(good.map(serviceName => post('restore', { serviceName }, 200)));
    await Promise.all(
      bad
        .slice(0, 3)
        .map(serviceName => keep(api.post('/api/restore/service', { serviceName }, restoreToken))),
    );
    for (const field of ['volume', 'backup', 'nodeName']) {
      const body = { serviceName: 'backup-offen', [field]: restoreToken };
      await keep(api.post('/api/restore/service', body, restoreToken));
      await keep(api.post('/api/restore/service', body, canarySecrets.adminToken));
      await keep(api.post('/api/explain', { action: 'restore', ...body }, restoreToken));
    }
    await keep(api.get(`/api/backups?serviceName=${restoreToken}`, restoreToken));
    await keep(
      api.post(`/api/restore/service?${restoreToken}`, { serviceName: 'backup-offen' }, restoreToken),
    );
  });
  return joinSightings(written, read);
}
