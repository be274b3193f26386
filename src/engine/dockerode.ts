import type { Readable } from 'node:stream';
import Docker from 'dockerode';
import { formatImageReference, parseImageReference } from '../core/image-reference.ts';
import type { RegistryCredentials } from '../core/registry-credentials.ts';
import { createKeptThings } from './dockerode-kept.ts';
import { call, unlessGone } from './engine-call.ts';
import { messageOf, readRegistryError } from './engine-error.ts';
import {
  type DistributionJson,
  type NodeJson,
  readNode,
  readRegistryImage,
  readService,
  readTask,
  type ServiceJson,
  type ServiceSpecJson,
  type TaskJson,
  writeHelperSpec,
  writeImage,
} from './engine-json.ts';
import { type Swarm, SwarmError } from './swarm.ts';
import { readLogLines, readOutput } from './task-logs.ts';

export interface EngineConnection {
  /** `unix:///path` or `tcp://host:port`. */
  readonly host: string;
  /** PEM texts; `tcp://` with a certificate authority speaks TLS. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Longest wait for one answer, milliseconds. Default 30 s. */
  readonly requestTimeoutMs?: number;
}

/** Who asks whether this is ready asks again in a few seconds. */
const CHECK_TIMEOUT_MS = 4000;
const LOGS_TIMEOUT_MS = 5000;
const MAX_LOG_BYTES = 256 * 1024;
/** Ten thousand images of a node have room in it. */
const MAX_OUTPUT_BYTES = 8 * 1024 * 1024;

/** The swarm behind the Engine API of a manager, from version 1.41 (Docker 20.10) on. */
export function createDockerodeSwarm(connection: EngineConnection): Swarm {
  const docker = new Docker(readConnection(connection));
  const requestTimeoutMs = connection.requestTimeoutMs ?? 30_000;
  const abortSignal = () => AbortSignal.timeout(requestTimeoutMs);

  const listServices = async (filters: Record<string, string[]>) => {
    const found = await call(() =>
      docker.listServices({ filters: JSON.stringify(filters), abortSignal: abortSignal() }),
    );
    return (found as unknown as ServiceJson[]).map(readService);
  };
  const inspectService = (id: string) =>
    call(async () => (await docker.getService(id).inspect({ abortSignal: abortSignal() })) as ServiceJson);

  /** The Engine refuses another version than the newest, so a spec that was read before is of this one too. */
  const writeService = (
    serviceId: string,
    version: number,
    spec: ServiceSpecJson,
    authconfig: EngineRequest['authconfig'],
  ) =>
    call(() =>
      dial(docker, {
        method: 'POST',
        path: `/services/${serviceId}/update?`,
        options: { _query: { version }, _body: spec },
        authconfig,
        abortSignal: abortSignal(),
      }),
    );

  return {
    ...createKeptThings(docker, abortSignal),

    async checkManager() {
      const timeoutMs = Math.min(requestTimeoutMs, CHECK_TIMEOUT_MS);
      await call(() => docker.listNodes({ abortSignal: AbortSignal.timeout(timeoutMs) }));
    },

    async findService(name) {
      const found = await listServices({ name: [name] });
      return found.find(service => service.name === name);
    },

    async getService(id) {
      const json = await unlessGone(() => inspectService(id));
      return json && readService(json);
    },

    listServices: label => listServices(label === undefined ? {} : { label: [label] }),

    async updateServiceImage(serviceId, change, credentials) {
      const { Spec: spec } = await inspectService(serviceId);
      // Without credentials the swarm keeps those that the spec was last written with, whatever registry they were for.
      const isOtherRegistry = registryOf(spec.TaskTemplate.ContainerSpec?.Image) !== registryOf(change.image);
      const authconfig = credentials === undefined && isOtherRegistry ? {} : writeCredentials(credentials);
      await writeService(serviceId, change.version, writeImage(spec, change), authconfig);
    },

    async scaleService(serviceId, { replicas, version }) {
      const { Spec: spec } = await inspectService(serviceId);
      if (spec.Mode?.Replicated === undefined) {
        throw new SwarmError('rejected', 'Only a replicated service can be scaled.');
      }
      const changed = { ...spec, Mode: { Replicated: { ...spec.Mode.Replicated, Replicas: replicas } } };
      await writeService(serviceId, version, changed, undefined);
      const { Version: written } = await inspectService(serviceId);
      return written.Index;
    },

    async createHelper(helper, options) {
      const { credentials } = options;
      const request = { _query: {}, _body: writeHelperSpec(helper, options), abortSignal: abortSignal() };
      const created = await call(() =>
        docker.createService(
          writeCredentials(credentials),
          request as unknown as Docker.CreateServiceOptions,
        ),
      );
      return created.id;
    },

    async removeService(serviceId) {
      await unlessGone(() => call(() => docker.getService(serviceId).remove({ abortSignal: abortSignal() })));
    },

    async listTasks(serviceId) {
      const filters = JSON.stringify({ service: [serviceId] });
      const found = await unlessGone(() =>
        call(() => docker.listTasks({ filters, abortSignal: abortSignal() })),
      );
      return ((found ?? []) as unknown as TaskJson[]).map(readTask);
    },

    async getTask(id) {
      const json = await unlessGone(() =>
        call(async () => (await docker.getTask(id).inspect({ abortSignal: abortSignal() })) as TaskJson),
      );
      return json && readTask(json);
    },

    async taskLogs(taskId, lines) {
      const options = { stdout: true, stderr: true, timestamps: true, tail: lines };
      const { bytes, fault } = await readStream(docker, `/tasks/${taskId}/logs?`, options, MAX_LOG_BYTES);
      if (fault !== undefined && bytes.length === 0) {
        throw fault;
      }
      return readLogLines(bytes).slice(-lines);
    },

    async taskOutput(taskId) {
      const options = { stdout: true, stderr: true };
      const { bytes, fault } = await readStream(docker, `/tasks/${taskId}/logs?`, options, MAX_OUTPUT_BYTES);
      const output = fault === undefined && bytes.length <= MAX_OUTPUT_BYTES ? readOutput(bytes) : undefined;
      if (output === undefined) {
        throw (
          fault ?? new SwarmError('logs_unavailable', 'The output of the task can not be read as a whole.')
        );
      }
      return output;
    },

    async isTaskRunningIn(containerId) {
      // Of all desired states: who is told to end goes on until it has.
      const [tasks, nodes] = await Promise.all([
        call(() => docker.listTasks({ abortSignal: abortSignal() })),
        call(() => docker.listNodes({ abortSignal: abortSignal() })),
      ]);
      const down = (nodes as unknown as NodeJson[]).filter(({ Status }) => Status.State === 'down');
      return (tasks as unknown as TaskJson[])
        .map(readTask)
        .filter(({ state, containerId: id }) => state === 'running' && id?.startsWith(containerId))
        .some(({ nodeId }) => !down.some(({ ID }) => ID === nodeId));
    },

    async serviceOfContainer(containerId) {
      const container = await unlessGone(() =>
        call(() => docker.getContainer(containerId).inspect({ abortSignal: abortSignal() })),
      );
      return container?.Config.Labels['com.docker.swarm.service.id'];
    },

    async listNodes() {
      const found = await call(() => docker.listNodes({ abortSignal: abortSignal() }));
      return (found as unknown as NodeJson[]).map(readNode);
    },

    async resolveImage(image, credentials, timeoutMs = requestTimeoutMs) {
      // The Engine wants one of the two: with a digest the tag says nothing.
      const { tag, ...rest } = image;
      const name = formatImageReference(image.digest === undefined ? image : rest);
      try {
        const found = await dial(docker, {
          path: `/distribution/${name}/json`,
          authconfig: writeCredentials(credentials),
          abortSignal: AbortSignal.timeout(Math.max(0, Math.min(requestTimeoutMs, timeoutMs))),
        });
        return readRegistryImage(found as DistributionJson);
      } catch (error) {
        throw readRegistryError(error, name);
      }
    },
  };
}

function readConnection({ host, tls }: EngineConnection): Docker.DockerOptions {
  const url = new URL(host);
  // Whatever is not given here would be taken from DOCKER_HOST and DOCKER_CERT_PATH.
  const none = { host: undefined, port: undefined, ca: undefined, cert: undefined, key: undefined };
  return (
    url.protocol === 'unix:'
      ? { ...none, socketPath: decodeURIComponent(url.pathname) }
      : {
          ...none,
          ...tls,
          host: url.hostname,
          port: url.port || (tls?.ca === undefined ? 2375 : 2376),
          protocol: tls?.ca === undefined ? 'http' : 'https',
        }
  ) as Docker.DockerOptions;
}

function registryOf(image: string | undefined): string | undefined {
  return image === undefined ? undefined : parseImageReference(image)?.registry;
}

/** Undefined is right where the types of dockerode forbid it: then no X-Registry-Auth header goes out. */
function writeCredentials(credentials: RegistryCredentials | undefined): Docker.AuthConfig {
  return (credentials && {
    username: credentials.username,
    password: credentials.password,
    serveraddress: credentials.registry,
  }) as Docker.AuthConfig;
}

/**
 * Reads an answer that may never end, for as long and as much as is reasonable.
 * @returns what came, and why no more came where that is a fault; a little more than `maxBytes` where there was too much
 */
async function readStream(
  docker: Docker,
  path: string,
  options: object,
  maxBytes: number,
): Promise<{ readonly bytes: Buffer; readonly fault?: SwarmError }> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    const stream = (await dial(docker, {
      path,
      options,
      isStream: true,
      abortSignal: AbortSignal.timeout(LOGS_TIMEOUT_MS),
    })) as Readable;
    for await (const chunk of stream) {
      chunks.push(chunk as Buffer);
      size += (chunk as Buffer).length;
      if (size > maxBytes) {
        break;
      }
    }
    return { bytes: Buffer.concat(chunks) };
  } catch (error) {
    const fault = new SwarmError('logs_unavailable', messageOf(error), { cause: error });
    return { bytes: Buffer.concat(chunks), fault };
  }
}

interface EngineRequest {
  readonly path: string;
  readonly abortSignal: AbortSignal;
  readonly method?: 'GET' | 'POST';
  readonly options?: object;
  readonly authconfig?: Docker.AuthConfig | Record<string, never> | undefined;
  readonly isStream?: boolean;
}

/** For what dockerode has no method with a time-out. */
function dial(docker: Docker, request: EngineRequest): Promise<unknown> {
  const statusCodes = { 200: true, 401: 'unauthorized', 404: 'not found', 500: 'server error' };
  return new Promise((resolve, reject) => {
    docker.modem.dial({ method: 'GET', statusCodes, ...request }, (error: unknown, answer: unknown) =>
      error ? reject(error) : resolve(answer),
    );
  });
}
