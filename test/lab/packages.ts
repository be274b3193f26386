import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from './lab-error.ts';
import { withLock } from './lock.ts';
import { findProgram, lastLines, runCommand } from './run-command.ts';

/** A program and the Debian packages that bring it. */
interface NeededProgram {
  readonly program: string;
  readonly packages: readonly string[];
  /** Another program whose package may bring this one too: asked for only if it did not. */
  readonly mayComeWith?: string;
}

/** What a lab runs on. */
export const labPrograms: readonly NeededProgram[] = [
  { program: 'ip', packages: ['iproute2'] },
  { program: 'iptables', packages: ['iptables'] },
  { program: 'dockerd', packages: ['docker.io'] },
  // A package of its own since Debian 13; before, there is no package of that name.
  { program: 'docker', packages: ['docker-cli'], mayComeWith: 'dockerd' },
  { program: 'busybox', packages: ['busybox-static'] },
  { program: 'docker-registry', packages: ['docker-registry'] },
  { program: 'curl', packages: ['curl', 'ca-certificates'] },
  { program: 'restic', packages: ['restic'] },
  { program: 'rclone', packages: ['rclone'] },
];

/** What the lab's S3 runs on. */
export const s3Programs: readonly NeededProgram[] = [
  { program: 'ceph-mon', packages: ['ceph-mon'] },
  { program: 'ceph-osd', packages: ['ceph-osd'] },
  { program: 'ceph', packages: ['ceph-common'] },
  { program: 'radosgw', packages: ['radosgw'] },
  { program: 'openssl', packages: ['openssl'] },
];

/** What a base image needs where Docker Hub cannot be reached. */
export const baseImagePrograms: readonly NeededProgram[] = [
  { program: 'debootstrap', packages: ['debootstrap'] },
];

/**
 * Installs the Debian packages whose programs are missing, and nothing else. The daemons that come with them are
 * not started. Throws `package-missing` with what to install by hand.
 */
export async function installPackages(
  needed: readonly NeededProgram[],
  onProgress: (message: string) => void,
): Promise<void> {
  if (missingPrograms(needed).length === 0) {
    return;
  }
  await withLock(
    'packages',
    async () => {
      const first = missingPrograms(needed).filter(
        ({ mayComeWith }) => !missingPrograms(needed).some(({ program }) => program === mayComeWith),
      );
      await install(packagesOf(first), onProgress);
      await install(packagesOf(missingPrograms(needed)), onProgress);
    },
    onProgress,
  );
}

/**
 * Downloads Debian packages, and of what they depend on the packages that this machine lacks, into a folder. Nothing is
 * installed. Throws `package-missing`.
 */
export async function downloadPackages(
  packages: readonly string[],
  folder: string,
  onProgress: (message: string) => void,
): Promise<void> {
  await mkdir(join(folder, 'partial'), { recursive: true });
  const options = ['--download-only', '--reinstall', '-o', `Dir::Cache::archives=${folder}`];
  await withLock('packages', () => aptInstall(packages, options, onProgress), onProgress);
}

/** The Docker client that came with the daemon, rather than another one that lies earlier in PATH. */
export function dockerClient(): string {
  const packaged = '/usr/bin/docker';
  return existsSync(packaged) ? packaged : (findProgram('docker') ?? 'docker');
}

function missingPrograms(needed: readonly NeededProgram[]): NeededProgram[] {
  return needed.filter(({ program }) => findProgram(program) === undefined);
}

function packagesOf(needed: readonly NeededProgram[]): string[] {
  return needed.flatMap(({ packages }) => packages);
}

async function install(packages: readonly string[], onProgress: (message: string) => void): Promise<void> {
  if (packages.length === 0) {
    return;
  }
  await withoutServiceStarts(() => aptInstall(packages, [], onProgress));
}

async function aptInstall(
  packages: readonly string[],
  options: readonly string[],
  onProgress: (message: string) => void,
): Promise<void> {
  if (!findProgram('apt-get')) {
    throw new LabError('package-missing', `No apt-get here; install by hand: ${packages.join(' ')}`);
  }
  const verb = options.includes('--download-only') ? 'downloading' : 'installing';
  onProgress(`${verb} Debian packages: ${packages.join(' ')}`);
  const attempt = () =>
    runCommand(
      'apt-get',
      [
        ...['install', '-q', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300'],
        ...options,
        ...packages,
      ],
      { env: { DEBIAN_FRONTEND: 'noninteractive' }, timeoutMs: 900_000 },
    );
  let result = await attempt();
  if (result.exitCode !== 0) {
    onProgress('apt-get update, for the package lists are missing or old');
    await runCommand('apt-get', ['update', '-q'], { timeoutMs: 300_000 });
    result = await attempt();
  }
  if (result.exitCode !== 0) {
    const reason = lastLines(result.stderr || result.stdout);
    throw new LabError('package-missing', `apt-get install ${packages.join(' ')} failed:\n${reason}`);
  }
}

// Debian's own way to install without starting: https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt
const policyFile = '/usr/sbin/policy-rc.d';
const policyMark = '# made by the swarm-utils lab while it installs packages';

async function withoutServiceStarts(work: () => Promise<void>): Promise<void> {
  const existing = await readFile(policyFile, 'utf8').catch(() => undefined);
  // One with our mark is what a killed run left.
  const isOurs = existing === undefined || existing.includes(policyMark);
  if (isOurs) {
    await writeFile(policyFile, `#!/bin/sh\n${policyMark}\nexit 101\n`, { mode: 0o755 });
  }
  try {
    await work();
  } finally {
    if (isOurs) {
      await rm(policyFile, { force: true });
    }
  }
}
