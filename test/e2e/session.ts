import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Answer } from './api-client.ts';
import type { DeployOptions } from './deployment.ts';
import type { ServiceOptions } from './services.ts';
import { openStage, type Stage } from './stage.ts';

/** The plain token of every service that `Session.create` makes. */
export const serviceToken = 'token-of-the-service-9c1d';

/** Short enough for tests to wait for them, long enough for two busy processors. */
const quickTimeouts = {
  SWARM_UTILS_UPDATE_SERVICE_TIMEOUT: '20000',
  SWARM_UTILS_PENDING_SERVICE_TIMEOUT: '6000',
  SWARM_UTILS_EXTRA_TIMEOUT: '1000',
  SWARM_UTILS_LOCK_TIMEOUT: '1000',
} as const;

/** A hook that goes on until `Session.release`. */
export const holdingHook = { 'swarm-utils.update.exec-pre': 'until [ -e /tmp/go ]; do sleep 0.1; done' };

/** A task of a service, as far as tests look at it. */
export interface TaskSight {
  readonly id: string;
  readonly nodeId: string;
  readonly containerId: string;
  readonly image: string;
}

/** A stage, and services that one plain token may update. */
export interface Session extends Stage {
  /** As `Services.create`, with the labels that let `serviceToken` update the service. */
  create(name: string, options?: ServiceOptions): Promise<void>;
  /** Asks for an update with the service's token. */
  update(serviceName: string, fields?: object): Promise<Answer>;
  /** Runs the Docker CLI on the manager; it must succeed. */
  docker(...args: readonly string[]): Promise<string>;
  /** Waits until tasks of exactly these images run: a rollback is over for the swarm before the last of them does. */
  waitForImages(serviceName: string, ...references: readonly string[]): Promise<void>;
  /** Waits until something is so. */
  until(what: string, isSo: () => Promise<boolean>, timeoutMs?: number): Promise<void>;
  /** Runs a program in the container of each of a service's tasks; it must succeed. Answers what they printed. */
  inTasks(serviceName: string, ...command: readonly string[]): Promise<readonly string[]>;
  /** Waits until the `holdingHook` of a service is at work in all its tasks. */
  untilHeld(serviceName: string): Promise<void>;
  /** Lets the `holdingHook` end in the tasks that there are. */
  release(serviceName: string): Promise<void>;
  /** Tasks that run. */
  tasks(serviceName: string): Promise<readonly TaskSight[]>;
  /** The reference of an image in a registry of the lab, with its digest. */
  pinned(reference: string): Promise<string>;
  /** Names of the helper services that there are. */
  helpers(): Promise<readonly string[]>;
  /** Removes a label of a service, or writes it with another value. */
  label(serviceName: string, label: string, value?: string): Promise<void>;
}

/** @param environment more variables of swarm-utils, or other values */
export async function openSession(
  environment: Readonly<Record<string, string>> = {},
  options: DeployOptions = {},
): Promise<Session> {
  const stage = await openStage({ ...quickTimeouts, ...environment }, options);
  const { lab, deployment, services } = stage;
  const engine = lab.manager.engine();
  // The first helper on a node would else pull its image while its time to start runs.
  await Promise.all(
    lab.nodes.map(async node => {
      const { exitCode, stderr } = await node.docker(['pull', '--quiet', lab.images.dockerCli]);
      assert.equal(exitCode, 0, stderr);
    }),
  );
  const docker = async (...args: readonly string[]) => {
    const { exitCode, stdout, stderr } = await lab.manager.docker(args);
    assert.equal(exitCode, 0, `docker ${args.join(' ')}: ${stderr}`);
    return stdout;
  };

  const until: Session['until'] = async (what, isSo, timeoutMs = 15_000) => {
    const deadline = Date.now() + timeoutMs;
    while (!(await isSo())) {
      assert.ok(Date.now() < deadline, `not within ${timeoutMs} ms: ${what}`);
      await sleep(25);
    }
  };
  const pinned = async (reference: string) => {
    const [address, name] = splitReference(reference);
    const registry = [lab.registry, lab.privateRegistry].find(known => known.address === address);
    assert.ok(registry, `${reference} is in no registry of the lab`);
    return `${reference}@${await registry.digest(name)}`;
  };

  const tasks = async (serviceName: string) => {
    const filters = JSON.stringify({ service: [serviceName], 'desired-state': ['running'] });
    const found = (await engine.listTasks({ filters })) as EngineTask[];
    return found
      .filter(({ Status }) => Status.State === 'running')
      .map(task => ({
        id: task.ID,
        nodeId: task.NodeID,
        containerId: task.Status.ContainerStatus.ContainerID,
        image: task.Spec.ContainerSpec.Image,
      }));
  };

  const inTasks = async (serviceName: string, ...command: readonly string[]) =>
    Promise.all(
      (await tasks(serviceName)).map(async ({ nodeId, containerId }) => {
        const node = lab.nodes.find(({ swarmNodeId }) => swarmNodeId === nodeId) ?? assert.fail(nodeId);
        const { exitCode, stdout, stderr } = await node.docker(['exec', containerId, ...command]);
        assert.equal(exitCode, 0, `${command.join(' ')}: ${stderr}`);
        return stdout;
      }),
    );

  return {
    ...stage,
    docker,
    until,
    tasks,
    inTasks,
    untilHeld: serviceName =>
      until(`the hook of ${serviceName} is at work`, async () =>
        (await inTasks(serviceName, 'ps')).every(processes => processes.includes('until [ -e /tmp/go ]')),
      ),
    async release(serviceName) {
      await inTasks(serviceName, 'touch', '/tmp/go');
    },
    pinned,
    async waitForImages(serviceName, ...references) {
      const wanted = (await Promise.all(references.map(pinned))).sort();
      await until(`${serviceName} runs ${wanted}`, async () =>
        isDeepStrictEqual((await services.runningImages(serviceName)).toSorted(), wanted),
      );
    },
    create: (name, created = {}) =>
      services.create(name, {
        ...created,
        labels: {
          'swarm-utils.update.enable': 'true',
          'swarm-utils.update.token': serviceToken,
          ...created.labels,
        },
      }),
    update: (serviceName, fields = {}) =>
      deployment.api.post('/api/update/service', { serviceName, ...fields }, serviceToken),
    async helpers() {
      const found = await engine.listServices({ filters: '{"label":["swarm-utils.helper"]}' });
      return found.map(({ Spec }) => Spec?.Name ?? '');
    },
    async label(serviceName, label, value) {
      const change = value === undefined ? ['--label-rm', label] : ['--label-add', `${label}=${value}`];
      await docker('service', 'update', '--quiet', '--detach', ...change, serviceName);
    },
  };
}

interface EngineTask {
  readonly ID: string;
  readonly NodeID: string;
  readonly Spec: { readonly ContainerSpec: { readonly Image: string } };
  readonly Status: { readonly State: string; readonly ContainerStatus: { readonly ContainerID: string } };
}

function splitReference(reference: string): [string, string] {
  const slash = reference.indexOf('/');
  return [reference.slice(0, slash), reference.slice(slash + 1)];
}
