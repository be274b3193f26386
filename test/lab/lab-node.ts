import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { answersPing, type DockerDaemon, startDocker, waitForDocker } from './daemon.ts';
import { dockerCommand, type EngineHome } from './engine-programs.ts';
import { type Flavour, flavourSettings } from './flavours.ts';
import { LabError } from './lab-error.ts';
import type { LabLayout, NodeLayout, NodeRole } from './layout.ts';
import { namespacePath, setPort } from './network.ts';
import { killUntilGone, processesInNamespace, sendSignal } from './processes.ts';
import { type CommandOptions, type CommandResult, runChecked, runCommand } from './run-command.ts';

/** One Docker host of the lab. */
export interface LabNode {
  /** Its host name in the swarm: `manager-1`, `worker-1` … */
  readonly name: string;
  readonly role: NodeRole;
  readonly address: string;
  /** Its docker.sock, as a path on this machine. */
  readonly socketPath: string;
  readonly swarmNodeId: string;
  /** A client of its Engine API. */
  engine(): Docker;
  /** The Docker CLI of its own release against it, with a configuration folder of its own. A failure is an exit code, not an error. */
  docker(args: readonly string[], options?: Pick<CommandOptions, 'input' | 'env'>): Promise<CommandResult>;
  /** Crashes the host: kill -9 of the daemon, its containers and all else on it. Its disk stays. */
  kill(): Promise<void>;
  /** Boots the host again and waits until the daemon answers and is back in the swarm. */
  start(): Promise<void>;
  /** Restarts the daemon as an administrator does: it stops its containers, ends, and comes up as by `start`. */
  restart(): Promise<void>;
  isRunning(): Promise<boolean>;
  /** The daemon hangs (SIGSTOP) until `resumeDaemon`: connections are taken and never answered. */
  pauseDaemon(): Promise<void>;
  resumeDaemon(): Promise<void>;
  /** Pulls or plugs its network cable. Its socket on this machine works all the same. */
  setLink(state: 'up' | 'down'): Promise<void>;
  /** `drain`: its tasks are stopped and it gets no others; `pause`: it keeps its tasks and gets no others. */
  setAvailability(availability: 'active' | 'pause' | 'drain'): Promise<void>;
  /**
   * Makes a volume on a disk of its own, of that size: what is written beyond it fails with ENOSPC. Unlike a volume of
   * type tmpfs it keeps its content when no container uses it; a `kill` of the node loses it.
   */
  createSmallVolume(name: string, sizeBytes: number): Promise<void>;
}

/** What a node runs: the kind of Engine, and where its programs are. */
export interface NodeEngine {
  readonly flavour: Flavour;
  readonly home: EngineHome;
}

/** The daemon of a node, as `startDocker` takes it. */
export function nodeDaemon(layout: LabLayout, node: NodeLayout, { flavour, home }: NodeEngine): DockerDaemon {
  return {
    hostname: node.name,
    stateDir: node.stateDir,
    socketPath: node.socketPath,
    tree: home.tree,
    cgroup: node.cgroup,
    namespacePath: namespacePath(node.namespace),
    // Nothing answers there: the lab resolves the swarm's names only.
    resolver: layout.hostAddress,
    settings: {
      // The lab's registries, and those that a test makes.
      'insecure-registries': [layout.subnet],
      ...flavourSettings(flavour),
    },
  };
}

/** Ends everything that runs on a node, whoever started it. Harmless when nothing does. */
export async function killNode(node: Pick<NodeLayout, 'namespace'>): Promise<void> {
  const path = namespacePath(node.namespace);
  await killUntilGone(() => processesInNamespace(path), node.namespace);
}

/** A node by its layout. `swarmNodeId` is what the swarm calls it. */
export function createLabNode(
  lab: LabLayout,
  layout: NodeLayout,
  nodeEngine: NodeEngine,
  swarmNodeId: string,
): LabNode {
  const daemon = nodeDaemon(lab, layout, nodeEngine);
  const start = async () => {
    if (await answersPing(layout.socketPath)) {
      return;
    }
    await killNode(layout);
    await startDocker(daemon);
    await waitForDocker(daemon);
    await waitForSwarm(engine(), layout);
  };
  const [client, ...clientArgs] = dockerCommand(nodeEngine.home);
  const engine = () => new Docker({ socketPath: layout.socketPath });

  return {
    name: layout.name,
    role: layout.role,
    address: layout.address,
    socketPath: layout.socketPath,
    swarmNodeId,
    engine,
    async docker(args, options = {}) {
      const config = join(layout.stateDir, 'docker-config');
      await mkdir(config, { recursive: true });
      return runCommand(
        client,
        [...clientArgs, '--config', config, '--host', `unix://${layout.socketPath}`, ...args],
        options,
      );
    },
    kill: () => killNode(layout),
    start,
    async restart() {
      await signalDaemon(layout, 'SIGTERM');
      await untilEnded(layout);
      await start();
    },
    isRunning: () => answersPing(layout.socketPath),
    pauseDaemon: () => signalDaemon(layout, 'SIGSTOP'),
    resumeDaemon: () => signalDaemon(layout, 'SIGCONT'),
    setLink: state => setPort(lab, layout, state),
    async setAvailability(availability) {
      const swarm = new Docker({ socketPath: lab.nodes[0]?.socketPath });
      const { Version: version, Spec: spec } = (await swarm.getNode(swarmNodeId).inspect()) as SwarmNode;
      await swarm
        .getNode(swarmNodeId)
        .update({ ...spec, version: version.Index, Availability: availability });
    },
    async createSmallVolume(name, sizeBytes) {
      const folder = `/run/small-disks/${name}`;
      const mount = 'umount "$0" 2>/dev/null; mkdir -p "$0" && exec mount -t tmpfs -o "size=$1" tmpfs "$0"';
      const daemonPid = (await daemonProcesses(layout))[0];
      await runChecked('nsenter', [
        ...['--target', `${daemonPid}`, '--mount', 'sh', '-c', mount, folder, `${sizeBytes}`],
      ]);
      const options = { type: 'none', o: 'bind', device: folder };
      await engine().createVolume({ Name: name, Driver: 'local', DriverOpts: options });
    },
  };
}

async function signalDaemon(layout: NodeLayout, signal: NodeJS.Signals): Promise<void> {
  for (const pid of await daemonProcesses(layout)) {
    sendSignal(pid, signal);
  }
}

async function untilEnded(layout: NodeLayout): Promise<void> {
  const deadline = performance.now() + 60_000;
  while ((await daemonProcesses(layout)).length > 0) {
    if (performance.now() > deadline) {
      throw new LabError(
        'timed-out',
        `The daemon of ${layout.name} has not ended 60 s after it was told to.`,
      );
    }
    await sleep(50);
  }
}

async function daemonProcesses({ namespace }: NodeLayout): Promise<number[]> {
  const pids = await processesInNamespace(namespacePath(namespace));
  const names = await Promise.all(pids.map(pid => readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')));
  return pids.filter((_, index) => names[index]?.trim() === 'dockerd');
}

async function waitForSwarm(engine: Docker, { name, role }: NodeLayout): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const { Swarm: swarm } = (await engine.info()) as { Swarm: SwarmInfo };
    if (swarm.LocalNodeState === 'active' && (role === 'worker' || swarm.ControlAvailable)) {
      return;
    }
    if (performance.now() > deadline) {
      throw new LabError(
        'timed-out',
        `${name} is not back in the swarm after 60 s: ${swarm.LocalNodeState} ${swarm.Error}`,
      );
    }
    await sleep(50);
  }
}

interface SwarmInfo {
  readonly LocalNodeState: string;
  readonly ControlAvailable: boolean;
  readonly Error: string;
}

interface SwarmNode {
  readonly Version: { readonly Index: number };
  readonly Spec: object;
}
