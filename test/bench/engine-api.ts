import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** The Engine API over its socket and nothing between: what a program can at best be as fast as. */
export interface EngineApi {
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body: unknown): Promise<T>;
  delete(path: string): Promise<void>;
}

/** Of a service, what a rollout needs. */
export interface ServiceJson {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly Spec: ServiceSpecJson;
  readonly UpdateStatus?: { readonly State: string; readonly StartedAt: string; readonly Message: string };
}

export interface ServiceSpecJson {
  readonly Name: string;
  readonly TaskTemplate: { readonly ContainerSpec: { readonly Image: string } };
}

export interface TaskJson {
  readonly DesiredState: string;
  readonly Spec: { readonly ContainerSpec: { readonly Image: string } };
  readonly Status: { readonly State: string };
}

export function connectEngine(socketPath: string): EngineApi {
  const agent = new Agent({ keepAlive: true });

  function send<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = text === undefined ? {} : { 'content-type': 'application/json' };
    const sent = request({ socketPath, agent, method, path, headers }, response => {
      const chunks: Buffer[] = [];
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const answer = Buffer.concat(chunks).toString('utf8');
        if ((response.statusCode ?? 500) >= 300) {
          reject(new Error(`${method} ${path}: ${response.statusCode} ${answer}`));
        } else {
          resolve((answer === '' ? undefined : JSON.parse(answer)) as T);
        }
      });
    });
    sent.on('error', reject);
    sent.end(text);
    return promise;
  }

  return {
    get: path => send('GET', path),
    post: (path, body) => send('POST', path, body),
    delete: path => send('DELETE', path),
  };
}

export function tasksOf(engine: EngineApi, serviceId: string): Promise<readonly TaskJson[]> {
  const filters = encodeURIComponent(JSON.stringify({ service: [serviceId] }));
  return engine.get(`/tasks?filters=${filters}`);
}

/** Whether just so many tasks are wanted, and all of them run that image. */
export function allRun(tasks: readonly TaskJson[], image: string, replicas: number): boolean {
  const wanted = tasks.filter(task => task.DesiredState === 'running' || task.DesiredState === 'ready');
  const running = wanted.filter(
    task => task.Status.State === 'running' && task.Spec.ContainerSpec.Image === image,
  );
  return wanted.length === replicas && running.length === replicas;
}

export async function resolveDigest(engine: EngineApi, image: string): Promise<string> {
  const found = await engine.get<{ Descriptor: { digest: string } }>(`/distribution/${image}/json`);
  return found.Descriptor.digest;
}

const POLL_MS = 20;

/**
 * The whole rollout: the digest, the update with the service's version, then looks at the service and its tasks every
 * 20 ms until the swarm calls the update completed and all tasks run the new image.
 */
export async function rollOutByApi(
  engine: EngineApi,
  service: string,
  image: string,
  replicas: number,
): Promise<void> {
  const pinned = `${image}@${await resolveDigest(engine, image)}`;
  const {
    ID: id,
    Version: version,
    Spec: spec,
    UpdateStatus: before,
  } = await engine.get<ServiceJson>(`/services/${service}`);
  const { TaskTemplate: template } = spec;
  await engine.post(`/services/${id}/update?version=${version.Index}`, {
    ...spec,
    TaskTemplate: { ...template, ContainerSpec: { ...template.ContainerSpec, Image: pinned } },
  });
  for (;;) {
    const [{ UpdateStatus: update }, tasks] = await Promise.all([
      engine.get<ServiceJson>(`/services/${id}`),
      tasksOf(engine, id),
    ]);
    const isNew = update !== undefined && update.StartedAt !== before?.StartedAt;
    if (isNew && /^(?:paused|rollback_)/.test(update.State)) {
      throw new Error(`${service}: ${update.State}: ${update.Message}`);
    }
    if (isNew && update.State === 'completed' && allRun(tasks, pinned, replicas)) {
      return;
    }
    await sleep(POLL_MS);
  }
}

/**
 * Runs a command once on every node: a global service with the nodes' Docker sockets, and looks at its tasks every 20 ms
 * until all are complete; then it is removed.
 * @param run.tasks on how many nodes
 */
export async function runEverywhere(
  engine: EngineApi,
  run: {
    readonly name: string;
    readonly image: string;
    readonly command: readonly string[];
    readonly tasks: number;
    readonly isOnHostNetwork?: boolean;
  },
): Promise<void> {
  const socket = '/var/run/docker.sock';
  const { ID: id } = await engine.post<{ ID: string }>('/services/create', {
    Name: run.name,
    Mode: { Global: {} },
    TaskTemplate: {
      ContainerSpec: {
        Image: run.image,
        Command: run.command,
        Mounts: [{ Type: 'bind', Source: socket, Target: socket, ReadOnly: true }],
      },
      RestartPolicy: { Condition: 'none', MaxAttempts: 0 },
      LogDriver: { Name: 'json-file' },
      ...(run.isOnHostNetwork && { Networks: [{ Target: 'host' }] }),
    },
  });
  for (;;) {
    const states = (await tasksOf(engine, id)).map(({ Status }) => Status.State);
    const bad = states.find(state => ['failed', 'rejected', 'shutdown', 'orphaned'].includes(state));
    if (bad !== undefined) {
      throw new Error(`${run.name}: a task is ${bad}`);
    }
    if (states.length === run.tasks && states.every(state => state === 'complete')) {
      break;
    }
    await sleep(POLL_MS);
  }
  await engine.delete(`/services/${id}`);
}
