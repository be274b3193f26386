import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { removeCgroup } from './cgroups.ts';
import { type DockerDaemon, daemonPidFile, startDocker, waitForDocker } from './daemon.ts';
import { LabError } from './lab-error.ts';
import { cacheRoot } from './layout.ts';
import { dockerClient } from './packages.ts';
import { killRecorded } from './processes.ts';
import { lastLines, runCommand } from './run-command.ts';

const stateDir = join(cacheRoot, 'build');

/** A daemon for builds alone: in the machine's own network, where package registries are, and without one of its own. */
const buildDaemon: DockerDaemon = {
  hostname: 'build',
  stateDir,
  socketPath: join(stateDir, 'docker.sock'),
  cgroup: '/swarm-lab-build',
  endsWithStarter: true,
  settings: {
    bridge: 'none',
    iptables: false,
    'insecure-registries': ['10.77.0.0/16'],
    builder: { gc: { enabled: true, defaultKeepStorage: '3GB' } },
  },
};

/**
 * Runs the work with the build daemon up; it is down afterwards, and also when this process is killed. Its images and
 * its build cache stay. One at a time: the caller holds the lock `build`.
 * @param work is given the Docker CLI, which answers its output or throws `image-failed`
 */
export async function withBuildDaemon(
  work: (docker: (args: readonly string[]) => Promise<string>) => Promise<void>,
): Promise<void> {
  await killRecorded(daemonPidFile(buildDaemon));
  await rm(join(stateDir, 'dockerd.log'), { force: true });
  await startDocker(buildDaemon);
  try {
    await waitForDocker(buildDaemon);
    await work(docker);
  } finally {
    await killRecorded(daemonPidFile(buildDaemon));
    await removeCgroup(buildDaemon.cgroup);
  }
}

async function docker(args: readonly string[]): Promise<string> {
  const config = join(stateDir, 'docker-config');
  await mkdir(config, { recursive: true });
  const result = await runCommand(
    dockerClient(),
    ['--config', config, '--host', `unix://${buildDaemon.socketPath}`, ...args],
    { timeoutMs: 600_000, env: { DOCKER_BUILDKIT: await buildKit(), BUILDKIT_PROGRESS: 'plain' } },
  );
  if (result.exitCode !== 0) {
    const output = lastLines(`${result.stdout}\n${result.stderr}`, 60);
    throw new LabError('image-failed', `docker ${args.join(' ')} ended with ${result.exitCode}:\n${output}`);
  }
  return result.stdout;
}

/** `1` where the client can build with BuildKit: by itself before version 23, since then with the buildx plugin. */
async function buildKit(): Promise<'0' | '1'> {
  const { stdout: version } = await runCommand(dockerClient(), ['--version']);
  const major = Number(/version (\d+)/.exec(version)?.[1]);
  if (major < 23) {
    return '1';
  }
  const buildx = await runCommand(dockerClient(), ['buildx', 'version']);
  return buildx.exitCode === 0 ? '1' : '0';
}
