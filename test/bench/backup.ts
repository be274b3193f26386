import { setTimeout as sleep } from 'node:timers/promises';
import { type BackupEngine, type BackupStore, backupEngines } from '../../src/core/backup.ts';
import type { HelperMount, HelperSecret } from '../../src/core/helper.ts';
import { resticAccess, type StoreAccess } from '../../src/engine/backup/store-access.ts';
import type { Lab } from '../lab/lab.ts';
import type { LabS3 } from '../lab/lab-s3.ts';
import { layoutLab } from '../lab/layout.ts';
import { dockerClient } from '../lab/packages.ts';
import { runChecked } from '../lab/run-command.ts';
import { radosgwAdmin } from '../lab/s3-process.ts';
import { type Bench, type Benchmark, startBenchLab } from './bench.ts';
import { adminToken, buildBundle, startSwarmUtils } from './bundle.ts';
import { cells, describeTarget, formatTable, ratio, seconds } from './report.ts';
import { waitUntilReady } from './server-process.ts';
import { pairRatios, summarize } from './statistics.ts';

const TARGET = 1.05;
const volume = 'data';
const bucket = 'backups';
const PATIENCE_MS = 15 * 60_000;
const resticPassword = 'password-of-the-benchmark';
/** As many as a database or an upload folder might have, and none that compresses. */
const fill = 'for n in $(seq 64); do dd if=/dev/urandom of=/data/$n bs=1M count=16 2>/dev/null; done';

/** Somebody who backs the volume up and knows when it is done. */
interface Contender {
  readonly name: string;
  /** Its folder in the bucket. */
  readonly prefix: string;
  backUp(): Promise<void>;
}

/** What is compared: two contenders, and how often each backs up after another. */
interface Pairing {
  readonly name: string;
  readonly ours: Contender;
  readonly byHand: Contender;
  /** Of the same data, one after the other; the last one is of unchanged data. */
  readonly backups: number;
  /** Before the clock runs. */
  prepare(contender: Contender): Promise<void>;
}

/** Times by contender; of each round one per backup. */
type Times = ReadonlyMap<Contender, readonly (readonly number[])[]>;

/** Time to back 1 GiB up, against the same programs run by hand. */
export const backupBenchmark: Benchmark = {
  summary: 'time to back a volume of 1 GiB up to S3, against the same programs run by hand',
  defaults: { rounds: 3 },
  async run(bench, { rounds }) {
    const bundle = await buildBundle(bench);
    const lab = await startBenchLab(bench, 1);
    const s3 = await lab.startS3();
    await s3.createBucket(bucket);
    const { images, manager } = lab;
    const used = [images.dockerCli, images.offen, images.restic, images.rclone, images.runner];
    for (const image of used) {
      await docker(lab, 'pull', '--quiet', image);
    }
    bench.tell('writing 1 GiB');
    await docker(lab, 'run', '--rm', '--volume', `${volume}:/data`, images.runner, 'sh', '-c', fill);
    const server = await startSwarmUtils(bench, bundle, {
      name: 'swarm-utils',
      socketPath: manager.socketPath,
      env: {
        SWARM_UTILS_DOCKER_CLI_IMAGE_NAME: images.dockerCli,
        SWARM_UTILS_BACKUP_OFFEN_IMAGE: images.offen,
        SWARM_UTILS_BACKUP_RESTIC_IMAGE: images.restic,
        SWARM_UTILS_BACKUP_RCLONE_IMAGE: images.rclone,
        SWARM_UTILS_S3_URL: s3.host,
        SWARM_UTILS_S3_HTTPS: 'false',
        SWARM_UTILS_S3_BUCKET: bucket,
        SWARM_UTILS_S3_ACCESS_KEY: s3.accessKey,
        SWARM_UTILS_S3_SECRET_KEY: s3.secretKey,
        SWARM_UTILS_RESTIC_PASSWORD: resticPassword,
      },
    });
    await waitUntilReady(server, '/readyz');
    const pairings = [];
    for (const engine of backupEngines) {
      pairings.push(await createPairing(lab, s3, engine, server.port));
    }
    const offenName = images.isOffenDouble ? 'its CONTRACT DOUBLE, not the real program' : 'the real program';
    console.log(`\noffen: ${offenName}.`);
    const isMet = [];
    for (const pairing of pairings) {
      isMet.push(report(pairing, await measure(bench, lab, s3, pairing, rounds), rounds));
    }
    return isMet.every(Boolean);
  },
};

async function createPairing(lab: Lab, s3: LabS3, engine: BackupEngine, port: number): Promise<Pairing> {
  const service = `shop-${engine}`;
  await createService(lab, service, engine);
  const hand = { engine, prefix: `hand-${engine}` };
  const access = accessOf(s3, storeOf(s3, hand));
  await writeSecrets(lab, access.secrets, engine);
  const runByHand = (variables: Readonly<Record<string, string>>, command: readonly string[]) =>
    runProgram(lab, engine, { ...access.environment, ...variables }, access.mounts, command);
  const commands: Record<BackupEngine, () => Promise<void>> = {
    async offen() {
      const name = `manager-1_${volume}_%Y-%m-%dT%H-%M-%SZ.tar.gz`;
      await runByHand({ BACKUP_SOURCES: `/backup/${volume}`, BACKUP_FILENAME: name }, ['backup']);
    },
    async restic() {
      const host = ['--host', 'manager-1'];
      await runByHand({}, ['restic', 'backup', '--quiet', ...host, `/backup/${volume}`]);
      await runByHand({}, ['restic', 'check']);
      await runByHand({}, ['restic', 'forget', '--prune', '--keep-within', '5d']);
    },
  };
  return {
    name: engine,
    ours: { name: 'swarm-utils', prefix: service, backUp: () => requestBackup(port, service) },
    byHand: { name: 'by hand, docker run', prefix: hand.prefix, backUp: commands[engine] },
    backups: engine === 'restic' ? 2 : 1,
    async prepare({ prefix }) {
      if (engine === 'restic') {
        const { environment } = accessOf(s3, storeOf(s3, { engine, prefix }));
        await runProgram(lab, engine, environment, access.mounts, ['restic', 'init']);
      }
    },
  };
}

function storeOf(s3: LabS3, { engine, prefix }: Pick<BackupStore, 'engine' | 'prefix'>): BackupStore {
  const { host: endpoint, accessKey, secretKey } = s3;
  const target = { kind: 's3', endpoint, isHttps: false, bucket, accessKey, secretKey } as const;
  return { engine, prefix, target, retentionDays: 5, resticPassword };
}

/** What a person would set. */
function accessOf(s3: LabS3, store: BackupStore): StoreAccess {
  if (store.engine === 'restic') {
    return resticAccess(store);
  }
  const [accessKey, secretKey] = ['/run/secrets/access-key', '/run/secrets/secret-key'];
  return {
    environment: {
      AWS_S3_BUCKET_NAME: bucket,
      AWS_S3_PATH: store.prefix,
      AWS_ENDPOINT: s3.host,
      AWS_ENDPOINT_PROTO: 'http',
      AWS_ACCESS_KEY_ID_FILE: accessKey,
      AWS_SECRET_ACCESS_KEY_FILE: secretKey,
    },
    secrets: [
      { path: accessKey, value: s3.accessKey },
      { path: secretKey, value: s3.secretKey },
    ],
    mounts: [{ type: 'scratch', target: '/tmp' }],
  };
}

/** What our helpers have as Docker secrets a container has from a volume. */
async function writeSecrets(lab: Lab, secrets: readonly HelperSecret[], engine: string): Promise<void> {
  for (const { path, value } of secrets) {
    const options = ['--rm', '--interactive', '--volume', `secrets-${engine}:/run/secrets`];
    const script = ['sh', '-c', 'cat >"$0"', path];
    const { exitCode, stderr } = await lab.manager.docker(['run', ...options, lab.images.runner, ...script], {
      input: value,
    });
    if (exitCode !== 0) {
      throw new Error(`The secrets could not be written: ${stderr}`);
    }
  }
}

async function runProgram(
  lab: Lab,
  engine: BackupEngine,
  environment: Readonly<Record<string, string>>,
  mounts: readonly HelperMount[],
  [program = '', ...args]: readonly string[],
): Promise<void> {
  const volumes = [`${volume}:/backup/${volume}:ro`, `secrets-${engine}:/run/secrets:ro`];
  await docker(
    lab,
    ...['run', '--rm', '--entrypoint', program],
    ...Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ...[...volumes, ...mounts.map(({ target }) => target)].flatMap(mount => ['--volume', mount]),
    lab.images[engine],
    ...args,
  );
}

async function createService(lab: Lab, name: string, engine: BackupEngine): Promise<void> {
  const labels = {
    'swarm-utils.backup.enable': 'true',
    'swarm-utils.backup.engine': engine,
    'swarm-utils.backup.volume-list-upload': volume,
  };
  await docker(
    lab,
    ...['service', 'create', '--quiet', '--name', name, '--endpoint-mode', 'dnsrr'],
    ...['--mount', `type=volume,source=${volume},target=/data`],
    ...Object.entries(labels).flatMap(([label, value]) => ['--label', `${label}=${value}`]),
    ...[lab.images.runner, 'sh', '-c', 'trap exit TERM; while :; do sleep 1; done'],
  );
}

async function requestBackup(port: number, serviceName: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/api/backup/service`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ serviceName }),
  });
  const answer = await response.text();
  if (response.status !== 200) {
    throw new Error(`swarm-utils answered ${response.status}: ${answer}`);
  }
}

async function measure(
  { instance, tell }: Bench,
  lab: Lab,
  s3: LabS3,
  pairing: Pairing,
  rounds: number,
): Promise<Times> {
  const { ours, byHand } = pairing;
  const times = new Map([ours, byHand].map(contender => [contender, [] as number[][]]));
  for (let round = 0; round < rounds; round++) {
    // Who begins changes, so that nobody always comes after the same one.
    const inTurn = round % 2 === 0 ? [ours, byHand] : [byHand, ours];
    for (const contender of inTurn) {
      await pairing.prepare(contender);
      const taken = [];
      for (let backup = 0; backup < pairing.backups; backup++) {
        await sleep(1000);
        const start = performance.now();
        await contender.backUp();
        taken.push(performance.now() - start);
      }
      times.get(contender)?.push(taken);
      await empty(instance, lab, s3, contender.prefix);
    }
    const line = [ours, byHand].map(contender => {
      const last = times.get(contender)?.at(-1) ?? [];
      return `${contender.name} ${last.map(seconds).join(' then ')}`;
    });
    tell(`${pairing.name}, round ${round + 1} of ${rounds}: ${line.join(', ')}`);
  }
  return times;
}

/** The server holds all in memory, and what is removed until it collects its garbage. */
async function empty(instance: number, lab: Lab, s3: LabS3, prefix: string): Promise<void> {
  const objects = await s3.list(bucket, `${prefix}/`);
  if (objects.length === 0) {
    throw new Error(`Nothing was backed up to ${prefix}.`);
  }
  await s3.removeBuckets();
  await s3.createBucket(bucket);
  const { s3: layout } = layoutLab({ instance, nodes: lab.nodes.length, managers: 1 });
  await radosgwAdmin(layout, ['gc', 'process', '--include-all']);
}

function report({ name, ours, byHand, backups }: Pairing, times: Times, rounds: number): boolean {
  const timesOf = (contender: Contender, backup: number) =>
    (times.get(contender) ?? []).map(taken => taken[backup] ?? Number.NaN);
  const numbers = Array.from({ length: backups }, (_, index) => index);
  const rows = numbers.flatMap(index =>
    [ours, byHand].map(contender => [
      `${contender.name}${backups > 1 ? `, ${index === 0 ? 'first' : 'unchanged data'}` : ''}`,
      ...cells(summarize(timesOf(contender, index)), seconds),
      ...cells(summarize(pairRatios(timesOf(contender, index), timesOf(byHand, index))), ratio),
    ]),
  );
  console.log(
    `\n${name}: 1 GiB to S3, ${rounds} rounds in turn. Ratio: to the same by hand in the same round.\n`,
  );
  console.log(formatTable(['', 'min', 'median', 'max', 'ratio min', 'median', 'max'], rows));
  const { median } = summarize(pairRatios(timesOf(ours, 0), timesOf(byHand, 0)));
  const isMet = median <= TARGET;
  const target = `${name}: median ratio of swarm-utils ${ratio(median)}, target ≤ ${ratio(TARGET)}`;
  console.log(`\n${describeTarget(target, isMet)}`);
  for (const contender of backups > 1 ? [ours, byHand] : []) {
    const second = summarize(pairRatios(timesOf(contender, 1), timesOf(contender, 0)));
    console.log(
      `  ${contender.name}: unchanged data took ${ratio(second.median)} of the first backup (median)`,
    );
  }
  return isMet;
}

async function docker({ manager }: Lab, ...args: readonly string[]): Promise<string> {
  const host = ['--host', `unix://${manager.socketPath}`];
  return runChecked(dockerClient(), [...host, ...args], { timeoutMs: PATIENCE_MS });
}
