import { mkdir } from 'node:fs/promises';
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
  settings: { bridge: 'none', iptables: false, 'insecure-registries': ['10.77.0.0/16'] },
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
    { timeoutMs: 600_000, env: { DOCKER_BUILDKIT: '1', BUILDKIT_PROGRESS: 'plain' } },
  );
  if (result.exitCode !== 0) {
    const output = lastLines(`${result.stdout}\n${result.stderr}`, 40);
    throw new LabError('image-failed', `docker ${args.join(' ')} ended with ${result.exitCode}:\n${output}`);
  }
  return result.stdout;
}
