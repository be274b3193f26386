import assert from 'node:assert/strict';
import { type Lab, startLab } from '../lab/lab.ts';
import type { LabNode } from '../lab/lab-node.ts';
import type { LabS3 } from '../lab/lab-s3.ts';
import type { Answer } from './api-client.ts';
import type { ServiceOptions } from './services.ts';
import { openSession, type Session } from './session.ts';

export const bucket = 'backups';
export const backupToken = 'token-of-the-backup-3f9e';
export const restoreToken = 'token-of-the-restore-b07d';
const resticPassword = 'canary-restic-password-5e1c';

/** A session with an S3, and services whose volumes are backed up and restored. */
export interface RestoreScene extends Session {
  readonly s3: LabS3;
  node(name: string): LabNode;
  /** A service on worker-1 with the labels that let it be backed up and restored. */
  createBackedUp(
    name: string,
    volumes: Readonly<Record<string, string>>,
    options?: ServiceOptions,
  ): Promise<void>;
  backUp(serviceName: string): Promise<Answer>;
  restore(serviceName: string, fields?: object, token?: string): Promise<Answer>;
  /** Runs a shell text in a container that has a volume at /v. */
  inVolume(node: LabNode, volume: string, text: string, input?: Uint8Array): Promise<string>;
  /** The names of the volumes of a node. */
  volumes(node: LabNode): Promise<readonly string[]>;
  /** Fails where anything of an operation is left: helpers, their secrets and containers, entries of the journal. */
  assertNothingLeft(): Promise<void>;
}

export async function openRestoreScene(
  environment: Readonly<Record<string, string>> = {},
): Promise<RestoreScene> {
  const instance = Number(process.env.SWARM_UTILS_LAB_INSTANCE ?? '1');
  const started: Lab = await startLab({ instance, nodes: 3, managers: 1 });
  const s3 = await started.startS3();
  const session = await openSession(
    {
      SWARM_UTILS_S3_URL: s3.host,
      SWARM_UTILS_S3_HTTPS: 'false',
      SWARM_UTILS_S3_BUCKET: bucket,
      SWARM_UTILS_BACKUP_OFFEN_IMAGE: started.images.offen,
      SWARM_UTILS_BACKUP_RESTIC_IMAGE: started.images.restic,
      SWARM_UTILS_BACKUP_RCLONE_IMAGE: started.images.rclone,
      SWARM_UTILS_PENDING_SERVICE_TIMEOUT: '20000',
      ...environment,
    },
    {
      moreSecrets: {
        SWARM_UTILS_S3_ACCESS_KEY: s3.accessKey,
        SWARM_UTILS_S3_SECRET_KEY: s3.secretKey,
        SWARM_UTILS_RESTIC_PASSWORD: resticPassword,
      },
    },
  );
  const { lab, deployment } = session;
  await s3.createBucket(bucket);
  console.log(
    `offen: ${lab.images.isOffenDouble ? 'CONTRACT DOUBLE, not the real program' : 'the real program'}`,
  );

  const run = async (node: LabNode, args: readonly string[], input?: Uint8Array) => {
    const { exitCode, stdout, stderr } = await node.docker(args, input && { input });
    assert.equal(exitCode, 0, `docker ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const names = async (node: LabNode, ...args: readonly string[]) =>
    (await run(node, args)).split('\n').filter(line => line !== '');

  return {
    ...session,
    s3,
    node: name => lab.nodes.find(node => node.name === name) ?? assert.fail(name),
    createBackedUp: (name, volumes, { labels, args = [], ...options } = {}) =>
      session.create(name, {
        ...options,
        args: [
          ...['--constraint', 'node.hostname==worker-1'],
          ...Object.entries(volumes).flatMap(([source, target]) => [
            '--mount',
            `type=volume,source=${source},target=${target}`,
          ]),
          ...args,
        ],
        labels: {
          'swarm-utils.backup.enable': 'true',
          'swarm-utils.backup.token': backupToken,
          'swarm-utils.backup.stop': 'true',
          'swarm-utils.backup.volume-list-upload': Object.keys(volumes).join(','),
          'swarm-utils.restore.enable': 'true',
          'swarm-utils.restore.token': restoreToken,
          ...labels,
        },
      }),
    backUp: serviceName => deployment.api.post('/api/backup/service', { serviceName }, backupToken),
    restore: (serviceName, fields = {}, token = restoreToken) =>
      deployment.api.post('/api/restore/service', { serviceName, ...fields }, token),
    inVolume: (node, volume, text, input) =>
      run(
        node,
        [
          ...['run', '--rm', '--interactive', '--network', 'none', '--volume', `${volume}:/v`],
          ...[lab.images.runner, 'sh', '-euc', text],
        ],
        input ?? new Uint8Array(),
      ),
    volumes: node => names(node, 'volume', 'ls', '--quiet'),
    async assertNothingLeft() {
      assert.deepEqual(await session.helpers(), []);
      const [manager] = lab.nodes;
      assert.ok(manager);
      const filter = ['--filter', 'label=swarm-utils.helper', '--format', '{{.Name}}'];
      assert.deepEqual(await names(manager, 'secret', 'ls', ...filter), []);
      const journal = ['--filter', 'label=swarm-utils.journal', '--format', '{{.Name}}'];
      assert.deepEqual(await names(manager, 'config', 'ls', ...journal), []);
      for (const node of lab.nodes) {
        // A container is removed by its node, a moment after its service.
        await session.until(`no helper's container is left on ${node.name}`, async () => {
          const containers = await names(
            node,
            ...['ps', '--all', '--quiet', '--filter', 'label=swarm-utils.helper'],
          );
          return containers.length === 0;
        });
        const anonymous = (await names(node, 'volume', 'ls', '--quiet')).filter(name =>
          /^[0-9a-f]{64}$/.test(name),
        );
        assert.deepEqual(anonymous, [], node.name);
      }
    },
  };
}
