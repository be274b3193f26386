import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CephPaths, cephConfiguration, cephPaths } from './ceph-configuration.ts';
import { LabError } from './lab-error.ts';
import type { S3Layout } from './layout.ts';
import { namespacePath } from './network.ts';
import {
  killRecorded,
  killUntilGone,
  processesInNamespace,
  recordedProcess,
  startDaemon,
} from './processes.ts';
import { lastLines, runChecked } from './run-command.ts';

/** The one user of a lab's S3. */
export interface S3Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
}

type CephDaemon = 'mon' | 'osd' | 'gateway';

/**
 * Starts a Ceph of one monitor, one disk in memory and the S3 gateway in the namespace of the layout, which must
 * exist and be empty, and makes its user. About a second. Throws `s3-failed` with the end of the logs.
 */
export async function startCeph(s3: S3Layout): Promise<S3Credentials> {
  const paths = cephPaths(s3.stateDir);
  await rm(s3.stateDir, { recursive: true, force: true });
  await Promise.all([paths.mon, paths.osd].map(folder => mkdir(folder, { recursive: true })));
  const [clusterId, diskId] = [randomUUID(), randomUUID()];
  await writeFile(paths.configuration, cephConfiguration(s3, clusterId));
  await Promise.all([makeKeyring(paths), makeMonitorMap(paths, clusterId), makeCertificate(s3, paths)]);

  await tool(s3, 'ceph-mon', [
    '--id',
    'a',
    '--mkfs',
    '--monmap',
    paths.monitorMap,
    '--keyring',
    paths.keyring,
  ]);
  startCephDaemon(s3, 'mon', ['ceph-mon', '--id', 'a']);
  await Promise.all([
    tool(s3, 'ceph', ['osd', 'new', diskId]),
    tool(s3, 'ceph', ['auth', 'import', '--in-file', paths.keyring]),
    tool(s3, 'ceph-osd', ['--id', '0', '--no-mon-config', '--mkfs', '--osd-uuid', diskId]),
  ]);
  startCephDaemon(s3, 'osd', ['ceph-osd', '--id', '0']);
  await startGateway(s3);

  const credentials = {
    accessKey: randomBytes(10).toString('hex').toUpperCase(),
    secretKey: randomBytes(30).toString('base64url'),
  };
  await radosgwAdmin(s3, [
    ...['user', 'create', '--uid', 'lab', '--display-name', 'lab'],
    ...['--access-key', credentials.accessKey, '--secret-key', credentials.secretKey],
  ]);
  // It comes last: where it is, all of it was there.
  await writeFile(`${paths.state}.new`, JSON.stringify(credentials), { mode: 0o600 });
  await rename(`${paths.state}.new`, paths.state);
  return credentials;
}

/** The credentials of a Ceph whose store still runs, be its gateway up or not; undefined where there is none. */
export async function runningCeph(s3: S3Layout): Promise<S3Credentials | undefined> {
  const { state } = cephPaths(s3.stateDir);
  const text = await readFile(state, 'utf8').catch(() => undefined);
  const [mon, osd] = await Promise.all([recorded(s3, 'mon'), recorded(s3, 'osd')]);
  return text === undefined || mon === undefined || osd === undefined
    ? undefined
    : (JSON.parse(text) as S3Credentials);
}

/** Starts the S3 gateway on its store and waits until it answers. Harmless when it runs already. */
export async function startGateway(s3: S3Layout): Promise<void> {
  if ((await recorded(s3, 'gateway')) === undefined) {
    startCephDaemon(s3, 'gateway', ['radosgw', '--name', 'client.admin']);
  }
  const started = performance.now();
  const answers = () =>
    fetch(`http://${s3.address}:${s3.httpPort}/`, { signal: AbortSignal.timeout(1000) }).then(
      // Not any answer: some networks have somebody who answers for addresses that are not there.
      async response => {
        await response.body?.cancel();
        return response.headers.has('x-amz-request-id');
      },
      () => false,
    );
  while (!(await answers())) {
    const elapsedMs = performance.now() - started;
    // Its record is written a moment after its start: what is missing early is not ended.
    const hasEnded = elapsedMs > 2000 && (await recorded(s3, 'gateway')) === undefined;
    if (hasEnded || elapsedMs > 60_000) {
      throw new LabError('s3-failed', `The S3 gateway does not answer:\n${await logs(s3)}`);
    }
    await sleep(20);
  }
}

/** Kills the gateway. The store, and all that is in it, stays. */
export async function killGateway(s3: S3Layout): Promise<void> {
  await killRecorded(pidFile(s3, 'gateway'));
}

/** The gateway's process, if it runs. */
export function gatewayProcess(s3: S3Layout): Promise<number | undefined> {
  return recorded(s3, 'gateway');
}

/** Ends all of it, whatever state it is in, and with it everything that was stored. */
export async function killCeph(s3: S3Layout): Promise<void> {
  const daemons: readonly CephDaemon[] = ['gateway', 'osd', 'mon'];
  await Promise.all(daemons.map(daemon => killRecorded(pidFile(s3, daemon))));
  const path = namespacePath(s3.namespace);
  await killUntilGone(() => processesInNamespace(path), s3.namespace);
  await rm(s3.stateDir, { recursive: true, force: true });
}

/** Runs `radosgw-admin` against the store; throws `command-failed`. */
export function radosgwAdmin(s3: S3Layout, args: readonly string[]): Promise<string> {
  return tool(s3, 'radosgw-admin', args);
}

async function makeKeyring({ keyring }: CephPaths): Promise<void> {
  const all = ['mon', 'osd', 'mgr'].flatMap(service => ['--cap', service, 'allow *']);
  const create = ['--create-keyring', keyring, '--gen-key', '--name', 'mon.', '--cap', 'mon', 'allow *'];
  const disk = ['--name', 'osd.0', '--cap', 'mon', 'allow profile osd', '--cap', 'osd', 'allow *'];
  await runChecked('ceph-authtool', create);
  await runChecked('ceph-authtool', [keyring, '--gen-key', '--name', 'client.admin', ...all]);
  await runChecked('ceph-authtool', [keyring, '--gen-key', ...disk]);
}

async function makeMonitorMap({ monitorMap, monitorAddress }: CephPaths, clusterId: string): Promise<void> {
  await runChecked('monmaptool', [
    '--create',
    '--fsid',
    clusterId,
    '--addv',
    'a',
    monitorAddress,
    monitorMap,
  ]);
}

async function makeCertificate({ address }: S3Layout, { certificate, certificateKey }: CephPaths) {
  await runChecked('openssl', [
    ...['req', '-x509', '-nodes', '-days', '3650', '-subj', '/CN=swarm-utils lab S3'],
    ...[
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-addext',
      `subjectAltName=IP:${address}`,
    ],
    ...['-keyout', certificateKey, '-out', certificate],
  ]);
}

function startCephDaemon(s3: S3Layout, daemon: CephDaemon, argv: readonly string[]): void {
  const [program = '', ...args] = argv;
  const { configuration } = cephPaths(s3.stateDir);
  startDaemon({
    argv: [...within(s3), program, '--conf', configuration, ...args, '-f'],
    logFile: logFile(s3, daemon),
    pidFile: pidFile(s3, daemon),
  });
}

function tool(s3: S3Layout, program: string, args: readonly string[]): Promise<string> {
  const { configuration } = cephPaths(s3.stateDir);
  const [nsenter = '', ...options] = within(s3);
  return runChecked(nsenter, [...options, program, '--conf', configuration, ...args], { timeoutMs: 60_000 });
}

function within(s3: S3Layout): string[] {
  return ['nsenter', `--net=${namespacePath(s3.namespace)}`];
}

function recorded(s3: S3Layout, daemon: CephDaemon): Promise<number | undefined> {
  return recordedProcess(pidFile(s3, daemon));
}

async function logs(s3: S3Layout): Promise<string> {
  const daemons: readonly CephDaemon[] = ['mon', 'osd', 'gateway'];
  const texts = await Promise.all(
    daemons.map(async daemon => {
      const text = await readFile(logFile(s3, daemon), 'utf8').catch(() => '');
      return `${daemon}: ${lastLines(text, 5)}`;
    }),
  );
  return texts.join('\n');
}

function logFile(s3: S3Layout, daemon: CephDaemon): string {
  return join(s3.stateDir, `${daemon}.log`);
}

function pidFile(s3: S3Layout, daemon: CephDaemon): string {
  return join(s3.stateDir, `${daemon}.pid`);
}
