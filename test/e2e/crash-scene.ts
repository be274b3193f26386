import assert from 'node:assert/strict';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { startLab } from '../lab/lab.ts';
import type { LabNode } from '../lab/lab-node.ts';
import type { LabS3 } from '../lab/lab-s3.ts';
import { openSession, type Session } from './session.ts';

/** An event of an operation as the API streams it; the first one is the operation as it is. */
export interface SeenEvent {
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: what comes differs by type
  readonly data: any;
}

/** A session with an S3, and a database that is dumped, stopped and backed up: two volumes on one worker. */
export interface CrashScene extends Session {
  readonly s3: LabS3;
  readonly worker: LabNode;
  /** Starts a backup of the database, and answers the operation's id. */
  beginBackup(): Promise<string>;
  /** Backs the database up, to the verdict. */
  // biome-ignore lint/suspicious/noExplicitAny: an operation
  backUp(): Promise<any>;
  /** Waits for an event of an operation. Fails where the operation ends before. */
  untilEvent(id: string, isIt: (event: SeenEvent) => boolean): Promise<SeenEvent>;
  /** kill -9 of swarm-utils, once; the swarm starts it again. Resolves when its container is no more. */
  killSwarmUtils(): Promise<void>;
  /**
   * Waits until the database runs with its replica, swarm-utils is ready, and nothing of any operation is left: no helper,
   * secret, entry of the journal, container or volume.
   * @param options.hasCrashed a node has: its Engine may keep the ended container of a helper that had just been removed
   */
  untilMended(options?: { readonly timeoutMs?: number; readonly hasCrashed?: boolean }): Promise<void>;
  /** What of an operation is in the swarm and on its nodes; empty after each. */
  leftovers(): Promise<readonly string[]>;
  /** How many rows the database has. */
  rows(): Promise<number>;
}

const bucket = 'backups';
export const database = 'shop';
export const volumes = ['shop-data', 'shop-dump'] as const;
export const rowCount = 1000;

const VERDICT_TIMEOUT_MS = 90_000;
const MEND_TIMEOUT_MS = 30_000;
const ANONYMOUS_VOLUME = /^[0-9a-f]{64}$/;

export async function openCrashScene(
  environment: Readonly<Record<string, string>> = {},
  labels: Readonly<Record<string, string>> = {},
): Promise<CrashScene> {
  const instance = Number(process.env.SWARM_UTILS_LAB_INSTANCE ?? '1');
  const lab = await startLab({ instance, nodes: 3, managers: 1 });
  const s3 = await lab.startS3();
  const session = await openSession(
    {
      SWARM_UTILS_S3_URL: s3.host,
      SWARM_UTILS_S3_HTTPS: 'false',
      SWARM_UTILS_S3_BUCKET: bucket,
      SWARM_UTILS_PENDING_SERVICE_TIMEOUT: '10000',
      ...environment,
    },
    {
      moreSecrets: {
        SWARM_UTILS_S3_ACCESS_KEY: s3.accessKey,
        SWARM_UTILS_S3_SECRET_KEY: s3.secretKey,
        SWARM_UTILS_RESTIC_PASSWORD: 'canary-restic-password-81c5',
      },
    },
  );
  const { deployment, docker, until } = session;
  const { adminToken } = deployment.secrets;
  const worker = lab.nodes.find(({ name }) => name === 'worker-1') ?? assert.fail();
  // Else the first helper would pull them while its time to start runs.
  for (const image of [lab.images.offen, lab.images.restic, lab.images.rclone]) {
    assert.equal((await worker.docker(['pull', '--quiet', image])).exitCode, 0);
  }
  await s3.createBucket(bucket);
  await session.create(database, {
    image: lab.images.postgres,
    labels: {
      'swarm-utils.backup.enable': 'true',
      'swarm-utils.backup.exec': 'pg_dump --file /dump/shop.sql',
      'swarm-utils.backup.stop': 'true',
      'swarm-utils.backup.volume-list-upload': volumes.join(),
      ...labels,
    },
    args: [
      ...['--mount', `type=volume,source=${volumes[0]},target=/var/lib/postgresql/data`],
      ...['--mount', `type=volume,source=${volumes[1]},target=/dump`],
      ...['--constraint', `node.hostname==${worker.name}`],
    ],
  });
  await session.inTasks(
    database,
    ...['psql', '-c', `CREATE TABLE things AS SELECT * FROM generate_series(1, ${rowCount})`],
  );

  const post = (fields: object) =>
    deployment.api.post('/api/backup/service', { serviceName: database, ...fields }, adminToken);

  const leftovers = async () => {
    const engine = lab.manager.engine();
    const filters = JSON.stringify({ label: ['swarm-utils.helper'] });
    const secrets = await engine.listSecrets({ filters } as object);
    const journal = JSON.stringify({ label: ['swarm-utils.journal'] });
    const configs = await engine.listConfigs({ filters: journal } as object);
    const onNodes = lab.nodes.map(async node => {
      if (!(await node.isRunning())) {
        return [];
      }
      const containers = await node.engine().listContainers({ all: true, filters });
      const { Volumes } = await node.engine().listVolumes();
      return [
        ...containers.map(({ Names, State }) => `container ${Names} (${State}) on ${node.name}`),
        ...Volumes.filter(({ Name }) => ANONYMOUS_VOLUME.test(Name)).map(({ Name }) => `volume ${Name}`),
      ];
    });
    return [
      ...(await session.helpers()).map(name => `helper ${name}`),
      ...secrets.map(({ Spec }) => `secret ${Spec?.Name}`),
      ...configs.map(({ Spec }) => `config ${Spec?.Name}`),
      ...(await Promise.all(onNodes)).flat(),
    ];
  };

  return {
    ...session,
    s3,
    worker,
    leftovers,
    async beginBackup() {
      const { status, body, text } = await post({ waitRes: false });
      assert.equal(status, 202, text);
      return body.id;
    },
    async backUp() {
      return (await post({})).body;
    },
    untilEvent: (id, isIt) =>
      readEvents(`http://${lab.manager.address}:3000/api/operations/${id}/events`, adminToken, isIt),
    async killSwarmUtils() {
      await killContainer(lab.manager, await deployment.containerId());
    },
    async untilMended({ timeoutMs = MEND_TIMEOUT_MS, hasCrashed = false } = {}) {
      const isReady = () =>
        deployment.api.get('/readyz').then(
          ({ status }) => status === 200,
          () => false,
        );
      let seen = '';
      const look = async () => {
        const replicas = (
          await docker('service', 'inspect', '--format', '{{.Spec.Mode.Replicated.Replicas}}', database)
        ).trim();
        const running = (await session.tasks(database)).length;
        const left = (await leftovers()).filter(name => !(hasCrashed && isEnded(name)));
        const ready = await isReady();
        seen = JSON.stringify({ replicas, running, left, ready });
        return ready && replicas === '1' && running === 1 && left.length === 0;
      };
      await until('mended', look, timeoutMs).catch(async error => {
        const ps = await docker('service', 'ps', '--no-trunc', database);
        throw new Error(`${error.message} ${seen}\n${ps}\n${await deployment.logs()}`);
      });
    },
    async rows() {
      const [count] = await session.inTasks(database, 'psql', '-At', '-c', 'SELECT count(*) FROM things');
      return Number(count);
    },
  };
}

function isEnded(leftover: string): boolean {
  return /^container .* \(exited\) on /.test(leftover);
}

/** At once, and not as `docker stop` would: the program hears nothing of it. */
async function killContainer(node: LabNode, id: string): Promise<void> {
  const container = node.engine().getContainer(id);
  await container.kill({ signal: 'SIGKILL' });
  await container.wait();
}

/** Reads server-sent events until one is it. */
async function readEvents(
  url: string,
  token: string,
  isIt: (event: SeenEvent) => boolean,
): Promise<SeenEvent> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    httpGet(url, { headers, agent: false, timeout: VERDICT_TIMEOUT_MS }, resolve).on('error', reject);
  });
  assert.equal(response.statusCode, 200);
  const seen: string[] = [];
  let type = '';
  try {
    for await (const line of createInterface({ input: response })) {
      if (line.startsWith('event: ')) {
        type = line.slice('event: '.length);
      } else if (line.startsWith('data: ')) {
        const data = JSON.parse(line.slice('data: '.length));
        seen.push(`${type} ${data.name ?? data.step ?? ''} ${data.status ?? data.message ?? ''}`);
        if (isIt({ type, data })) {
          return { type, data };
        }
      }
    }
  } finally {
    response.destroy();
  }
  assert.fail(`it did not come: ${seen.join('; ')}`);
}
