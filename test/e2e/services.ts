import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab/lab.ts';

export interface ServiceOptions {
  readonly image?: string;
  readonly replicas?: number;
  readonly isGlobal?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  /** How many tasks to wait for. Default: all replicas, or one on each node. */
  readonly runningTasks?: number;
  /** More arguments of `docker service create`. */
  readonly args?: readonly string[];
}

const START_TIMEOUT_MS = 30_000;

/** Services of a lab that tests let swarm-utils work on. */
export interface Services {
  /** Creates a service and waits until all its tasks run. Its updates are monitored for 0.5 s. */
  create(name: string, options?: ServiceOptions): Promise<void>;
  /** The image in its spec, with the digest. */
  image(name: string): Promise<string>;
  /** The images of the tasks that run. */
  runningImages(name: string): Promise<readonly string[]>;
  /** Grows with every write of the service. */
  version(name: string): Promise<number>;
  remove(...names: string[]): Promise<void>;
}

export function createServices(lab: Lab): Services {
  const engine = lab.manager.engine();
  const docker = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await lab.manager.docker(args);
    assert.equal(exitCode, 0, `docker ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const running = async (name: string) => {
    const filters = JSON.stringify({ service: [name], 'desired-state': ['running'] });
    const tasks = (await engine.listTasks({ filters })) as {
      Status: { State: string };
      Spec: { ContainerSpec: { Image: string } };
    }[];
    return tasks.filter(task => task.Status.State === 'running').map(task => task.Spec.ContainerSpec.Image);
  };

  return {
    async create(name, options = {}) {
      const { image = lab.images.app['1'], replicas = 1, isGlobal = false, labels = {}, args = [] } = options;
      // No virtual addresses: the kernels that the lab runs on need not have IPVS.
      const shape = ['--endpoint-mode', 'dnsrr', '--update-monitor', '500ms', '--rollback-monitor', '500ms'];
      const mode = isGlobal ? ['--mode', 'global'] : ['--replicas', `${replicas}`];
      const written = Object.entries(labels).flatMap(([label, value]) => ['--label', `${label}=${value}`]);
      await docker(
        'service',
        'create',
        '--detach',
        '--quiet',
        '--name',
        name,
        ...shape,
        ...mode,
        ...written,
        ...args,
        image,
      );
      const wanted = options.runningTasks ?? (isGlobal ? lab.nodes.length : replicas);
      const until = Date.now() + START_TIMEOUT_MS;
      while ((await running(name)).length < wanted) {
        assert.ok(
          Date.now() < until,
          `${name} did not start: ${await docker('service', 'ps', '--no-trunc', name)}`,
        );
        await sleep(50);
      }
    },
    async image(name) {
      const { Spec } = await engine.getService(name).inspect();
      return Spec.TaskTemplate.ContainerSpec.Image;
    },
    runningImages: running,
    async version(name) {
      return (await engine.getService(name).inspect()).Version.Index;
    },
    async remove(...names) {
      await docker('service', 'rm', ...names);
    },
  };
}
