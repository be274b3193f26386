import { formatImageReference } from '../core/image-reference.ts';
import * as shapes from './docker/answer-shapes.ts';
import type { EngineConnection } from './docker/connection.ts';
import { createEngine } from './docker/engine.ts';
import type { SeenEngine } from './docker/engine-version.ts';
import { createTaskLogs } from './docker/read-task-logs.ts';
import { writeLogin } from './docker/registry-login.ts';
import { unlessGone } from './docker/unless-gone.ts';
import { createServiceWrites } from './docker/write-services.ts';
import { createKeptThings } from './dockerode-kept.ts';
import { readRegistryError } from './engine-error.ts';
import { readNode, readOwnEngine, readRegistryImage, readService, readTask } from './engine-json.ts';
import type { Swarm } from './swarm.ts';

const REQUEST_TIMEOUT_MS = 30_000;
/** Who asks whether this is ready asks again in a few seconds. */
const CHECK_TIMEOUT_MS = 4000;
const PATIENCE_MS = 15_000;
/** It counts all that is on its node, and is not worth a long wait. */
const INFO_TIMEOUT_MS = 5000;

/**
 * The swarm behind the Engine API of a manager, from version 1.41 (Docker 20.10) on.
 * @param onEngine told of the Engine when it is first seen, and of each that is another one
 */
export function createDockerodeSwarm(
  connection: EngineConnection,
  onEngine: (engine: SeenEngine) => void = () => undefined,
): Swarm {
  const { requestTimeoutMs = REQUEST_TIMEOUT_MS, patienceMs = PATIENCE_MS } = connection;
  const engine = createEngine(connection, requestTimeoutMs, onEngine);

  const listServices = async (filters: Record<string, string[]>) => {
    const query = { filters: JSON.stringify(filters) };
    return (await engine.read({ path: '/services', query }, shapes.services)).map(readService);
  };
  const listNodes = () => engine.read({ path: '/nodes' }, shapes.nodes);

  return {
    ...createKeptThings(engine, patienceMs),
    ...createServiceWrites(engine, patienceMs),
    ...createTaskLogs(engine),

    async checkManager() {
      await engine.read({ path: '/nodes', timeoutMs: CHECK_TIMEOUT_MS }, shapes.nodes);
    },

    async findService(name) {
      const found = await listServices({ name: [name] });
      return found.find(service => service.name === name);
    },

    async getService(id) {
      const json = await unlessGone(() =>
        engine.read({ path: `/services/${encodeURIComponent(id)}` }, shapes.service),
      );
      return json && readService(json);
    },

    listServices: label => listServices(label === undefined ? {} : { label: [label] }),

    async listTasks(serviceId) {
      const query = { filters: JSON.stringify({ service: [serviceId] }) };
      const found = await unlessGone(() => engine.read({ path: '/tasks', query }, shapes.tasks));
      return (found ?? []).map(readTask);
    },

    async getTask(id) {
      const json = await unlessGone(() =>
        engine.read({ path: `/tasks/${encodeURIComponent(id)}` }, shapes.task),
      );
      return json && readTask(json);
    },

    async isTaskRunningIn(containerId) {
      // Of all desired states: who is told to end goes on until it has.
      const [tasks, nodes] = await Promise.all([engine.read({ path: '/tasks' }, shapes.tasks), listNodes()]);
      const down = nodes.filter(({ Status }) => Status.State === 'down');
      return tasks
        .map(readTask)
        .filter(({ state, containerId: id }) => state === 'running' && id?.startsWith(containerId))
        .some(({ nodeId }) => !down.some(({ ID }) => ID === nodeId));
    },

    async serviceOfContainer(containerId) {
      const path = `/containers/${encodeURIComponent(containerId)}/json`;
      const container = await unlessGone(() => engine.read({ path }, shapes.container));
      return container?.Config.Labels?.['com.docker.swarm.service.id'];
    },

    async listNodes() {
      return (await listNodes()).map(readNode);
    },

    async describeEngine() {
      return readOwnEngine(await engine.read({ path: '/info', timeoutMs: INFO_TIMEOUT_MS }, shapes.info));
    },

    async resolveImage(image, credentials, timeoutMs) {
      // The Engine wants one of the two: with a digest the tag says nothing.
      const { tag, ...rest } = image;
      const name = formatImageReference(image.digest === undefined ? image : rest);
      const call = {
        path: `/distribution/${name}/json`,
        login: writeLogin(credentials),
        timeoutMs,
        isForwarded: true,
      } as const;
      try {
        return readRegistryImage(await engine.read(call, shapes.distribution));
      } catch (error) {
        throw readRegistryError(error, name);
      }
    },
  };
}
