import { join } from 'node:path';
import type { S3Layout } from './layout.ts';

/** Where a lab's Ceph has its files, and where its monitor listens. */
export interface CephPaths {
  readonly configuration: string;
  readonly keyring: string;
  readonly monitorMap: string;
  readonly mon: string;
  readonly osd: string;
  readonly certificate: string;
  readonly certificateKey: string;
  readonly state: string;
  readonly monitorAddress: string;
}

/** Its paths by the folder it has for itself. */
export function cephPaths(folder: string): CephPaths {
  return {
    configuration: join(folder, 'ceph.conf'),
    keyring: join(folder, 'keyring'),
    monitorMap: join(folder, 'monmap'),
    mon: join(folder, 'mon'),
    osd: join(folder, 'osd'),
    certificate: join(folder, 's3.crt'),
    certificateKey: join(folder, 's3.key'),
    state: join(folder, 's3.json'),
    // Each lab's Ceph has a network namespace, and so a loopback of its own.
    monitorAddress: '[v2:127.0.0.1:3300,v1:127.0.0.1:6789]',
  };
}

/**
 * The `ceph.conf` of a Ceph of one monitor and one disk in memory.
 * The options: https://docs.ceph.com/en/pacific/rados/configuration/ and https://docs.ceph.com/en/pacific/radosgw/config-ref/
 */
export function cephConfiguration(s3: S3Layout, clusterId: string): string {
  const paths = cephPaths(s3.stateDir);
  const { address, httpPort, httpsPort } = s3;
  const options: Readonly<Record<string, string | number>> = {
    fsid: clusterId,
    'mon host': paths.monitorAddress,
    'public addr': '127.0.0.1',
    keyring: paths.keyring,
    'mon data': paths.mon,
    'osd data': paths.osd,
    'rgw data': join(s3.stateDir, 'rgw'),
    'run dir': s3.stateDir,
    'crash dir': join(s3.stateDir, 'crash'),
    'pid file': '',
    'admin socket': '',
    'log file': '',
    'log to stderr': 'true',
    'osd objectstore': 'memstore',
    // What it may take of the memory, not what it takes.
    'memstore device bytes': 8 * 1024 ** 3,
    'osd crush chooseleaf type': 0,
    'osd pool default size': 1,
    'osd pool default min size': 1,
    'osd pool default pg num': 1,
    'osd pool default pgp num': 1,
    'osd pool default pg autoscale mode': 'off',
    'mon allow pool size one': 'true',
    'mon max pg per osd': 1000,
    'mon data avail warn': 1,
    'mon data avail crit': 1,
    // Each of the gateway's pools waits for a round of the monitors: by default a second, of which there are ten.
    'paxos propose interval': 0.02,
    'paxos min wait': 0.01,
    // It tells other gateways, and waits half a minute for those that were killed.
    'rgw cache enabled': 'false',
    'rgw frontends': [
      'beast',
      `endpoint=${address}:${httpPort}`,
      `ssl_endpoint=${address}:${httpsPort}`,
      `ssl_certificate=${paths.certificate}`,
      `ssl_private_key=${paths.certificateKey}`,
    ].join(' '),
  };
  const lines = Object.entries(options).map(([name, value]) => `${name} = ${value}`);
  return `[global]\n${lines.join('\n')}\n`;
}
