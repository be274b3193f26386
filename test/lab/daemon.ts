import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from './lab-error.ts';
import { recordedProcess, startDaemon } from './processes.ts';
import { lastLines } from './run-command.ts';

const initScript = join(import.meta.dirname, 'node-init.sh');

/** A Docker daemon in namespaces of its own. */
export interface DockerDaemon {
  readonly hostname: string;
  readonly stateDir: string;
  /** On the machine, for the machine. Containers see the daemon's usual `/var/run/docker.sock`. */
  readonly socketPath: string;
  readonly cgroup: string;
  /** The network namespace to run in (a path), or the machine's own. */
  readonly namespacePath?: string;
  /** The name server of its containers, or the machine's own. */
  readonly resolver?: string;
  /** The folder of a Debian whose programs it runs on, or the machine's own. */
  readonly tree?: string | undefined;
  /** Whether it is killed when the process that started it ends. */
  readonly endsWithStarter?: boolean;
  /** Added to its configuration file (`daemon.json`). */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Where `startDocker` records the daemon's first process. Killing that one ends all of it, containers too. */
export function daemonPidFile(daemon: DockerDaemon): string {
  return join(daemon.stateDir, 'daemon.pid');
}

/** Starts a daemon on its data folder, new or old. It must not be running. Does not wait: see `waitForDocker`. */
export async function startDocker(daemon: DockerDaemon): Promise<void> {
  const { stateDir, socketPath } = daemon;
  await mkdir(stateDir, { recursive: true });
  await rm(socketPath, { force: true });
  const configFile = join(stateDir, 'daemon.json');
  const settings = {
    'data-root': join(stateDir, 'data'),
    'exec-root': '/run/docker',
    pidfile: '/run/docker.pid',
    hosts: ['unix:///run/docker.sock', `unix://${socketPath}`],
    'cgroup-parent': daemon.cgroup,
    'exec-opts': ['native.cgroupdriver=cgroupfs'],
    ...daemon.settings,
  };
  await writeFile(configFile, JSON.stringify(settings, undefined, 2));
  const network = daemon.namespacePath === undefined ? [] : ['nsenter', `--net=${daemon.namespacePath}`];
  startDaemon({
    argv: [
      ...network,
      ...['unshare', '--uts', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'],
      ...['sh', initScript, daemon.hostname, daemon.resolver ?? '-', daemon.tree ?? '-', stateDir],
      ...['dockerd', '--config-file', configFile],
    ],
    logFile: logFile(daemon),
    pidFile: daemonPidFile(daemon),
    endsWithStarter: daemon.endsWithStarter,
  });
}

/** Waits until the daemon answers. Throws `daemon-failed` with its log when it ended, or has not answered in 60 s. */
export async function waitForDocker(daemon: DockerDaemon): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await answersPing(daemon.socketPath))) {
    // Its record is written a moment after its start: what is missing early is not ended.
    const hasEnded =
      performance.now() > deadline - 58_000 && (await recordedProcess(daemonPidFile(daemon))) === undefined;
    if (hasEnded || performance.now() > deadline) {
      const log = await readFile(logFile(daemon), 'utf8').catch(() => '');
      throw new LabError(
        'daemon-failed',
        `The Docker daemon of ${daemon.hostname} does not run:\n${lastLines(log)}`,
      );
    }
    await sleep(20);
  }
}

/** Whether a daemon answers on that socket within a second. */
export function answersPing(socketPath: string): Promise<boolean> {
  return new Promise(resolve => {
    const ping = request({ socketPath, path: '/_ping', agent: false, timeout: 1000 }, response => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    ping.once('timeout', () => ping.destroy());
    ping.once('error', () => resolve(false));
    ping.end();
  });
}

function logFile(daemon: DockerDaemon): string {
  return join(daemon.stateDir, 'dockerd.log');
}
