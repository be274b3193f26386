import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cephPaths } from './ceph-configuration.ts';
import { LabError } from './lab-error.ts';
import type { LabLayout } from './layout.ts';
import { connectHosts, removeHost, setPort } from './network.ts';
import { installPackages, s3Programs } from './packages.ts';
import { sendSignal } from './processes.ts';
import { createS3Objects, type S3Objects } from './s3-objects.ts';
import {
  gatewayProcess,
  killCeph,
  killGateway,
  radosgwAdmin,
  runningCeph,
  type S3Credentials,
  startCeph,
  startGateway,
} from './s3-process.ts';

/**
 * A real S3 server (Ceph's gateway) on the lab's network: nodes, containers and this machine reach it alike. Wrong keys
 * are refused as everywhere. What it holds is in memory and lasts until the lab is reset or taken down.
 */
export interface LabS3 extends S3Objects, S3Credentials {
  /** `http://10.77.0.253:7480` */
  readonly endpoint: string;
  /** The same without the protocol: `10.77.0.253:7480` */
  readonly host: string;
  /** The same server by `https`, `10.77.0.253:7443`, with a certificate that nobody trusts by himself. */
  readonly httpsHost: string;
  /** That certificate, a PEM file. */
  readonly certificate: string;
  /** Makes an object as old as a test needs it, in every listing. Reading the object itself tells its true age. */
  setLastModified(bucket: string, key: string, lastModified: Date): Promise<void>;
  /** The server goes away: connections are refused at once until `start`. What it holds stays. */
  stop(): Promise<void>;
  /** It comes back, with all it held. */
  start(): Promise<void>;
  /** The server hangs (SIGSTOP) until `resume`: connections are taken and never answered. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Pulls or plugs its network cable. Without it packets vanish, also those of connections that were open. */
  setLink(state: 'up' | 'down'): Promise<void>;
  isRunning(): Promise<boolean>;
}

/** Starts a lab's S3, or mends and takes the one that runs. The caller holds the lab's lock. */
export async function startS3(layout: LabLayout, onProgress: (message: string) => void): Promise<LabS3> {
  const { s3 } = layout;
  await installPackages(s3Programs, onProgress);
  const credentials = await runningCeph(s3);
  if (credentials) {
    const running = createLabS3(layout, credentials);
    await running.setLink('up');
    await running.resume();
    await running.start();
    return running;
  }
  await removeS3(layout);
  try {
    await connectHosts(layout, [s3]);
    return createLabS3(layout, await startCeph(s3));
  } catch (error) {
    await removeS3(layout);
    throw error;
  }
}

/** As a lab's S3 is after its start, or none: what a reset asks for. */
export async function resetS3(layout: LabLayout): Promise<void> {
  if (await runningCeph(layout.s3)) {
    await (await startS3(layout, () => undefined)).removeBuckets();
  } else {
    await removeS3(layout);
  }
}

/** Takes away whatever there is of a lab's S3. Harmless when there is nothing. */
async function removeS3(layout: LabLayout): Promise<void> {
  await killCeph(layout.s3);
  await removeHost(layout, layout.s3);
}

function createLabS3(layout: LabLayout, credentials: S3Credentials): LabS3 {
  const { s3 } = layout;
  const host = `${s3.address}:${s3.httpPort}`;
  const signal = async (name: NodeJS.Signals) => {
    const pid = await gatewayProcess(s3);
    if (pid !== undefined) {
      sendSignal(pid, name);
    }
  };
  return {
    ...createS3Objects(`http://${host}`, credentials),
    ...credentials,
    endpoint: `http://${host}`,
    host,
    httpsHost: `${s3.address}:${s3.httpsPort}`,
    certificate: cephPaths(s3.stateDir).certificate,
    async setLastModified(bucket, key, lastModified) {
      const object = ['--bucket', bucket, '--object', key];
      const index = JSON.parse(await radosgwAdmin(s3, ['bi', 'get', ...object])) as BucketIndexEntry;
      if (index.entry.exists !== 'true') {
        throw new LabError('s3-failed', `There is no ${key} in ${bucket}.`);
      }
      index.entry.meta.mtime = lastModified.toISOString();
      const file = join(s3.stateDir, `bucket-index-${process.pid}.json`);
      await writeFile(file, JSON.stringify(index));
      await radosgwAdmin(s3, ['bi', 'put', ...object, '--infile', file]);
      await rm(file);
    },
    stop: () => killGateway(s3),
    start: () => startGateway(s3),
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    setLink: state => setPort(layout, s3, state),
    isRunning: async () => (await gatewayProcess(s3)) !== undefined,
  };
}

/** What `radosgw-admin bi get` answers, as far as it is read. */
interface BucketIndexEntry {
  readonly entry: { readonly exists: string; readonly meta: { mtime: string } };
}
