import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProviderName } from '../../providers/provider.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import type { Answer } from './api-client.ts';
import { type Deployment, type DeployOptions, deploy, stackName } from './deployment.ts';
import { createServices, type Services } from './services.ts';

/** What most end-to-end tests need: a lab as after its start, and swarm-utils deployed in it. */
export interface Stage {
  readonly lab: Lab;
  readonly deployment: Deployment;
  readonly services: Services;
  /** Waits for the verdict of an operation and answers it. */
  // biome-ignore lint/suspicious/noExplicitAny: an answer of the API
  verdict(operationId: string): Promise<any>;
  /** Makes an attempt and fails if anything came of it: an operation, a write to any service, a helper. */
  withoutEffect(attempt: () => Promise<Answer>): Promise<Answer>;
  /** Does something and answers the names of the services that were written, made or removed meanwhile. */
  changedBy(work: () => Promise<unknown>): Promise<readonly string[]>;
  close(): Promise<void>;
}

const VERDICT_TIMEOUT_MS = 30_000;

export async function openStage(
  environment: Readonly<Record<string, string>> = {},
  options: DeployOptions | ((lab: Lab) => DeployOptions) = {},
): Promise<Stage> {
  const instance = Number(process.env.SWARM_UTILS_LAB_INSTANCE ?? '1');
  const lab = await startLab({ instance, nodes: 3, managers: 1 });
  await lab.reset();
  const deployment = await deploy(lab, environment, typeof options === 'function' ? options(lab) : options);
  const { api, secrets } = deployment;
  const engine = lab.manager.engine();

  /** Versions by name; a version grows with every write. */
  const versions = async () =>
    new Map(
      (await engine.listServices())
        .map(({ Spec, Version }) => [Spec?.Name ?? '', Version?.Index] as const)
        .filter(([name]) => !name.startsWith(`${stackName}_`)),
    );
  const newestOperations = async () => (await api.get('/api/operations', secrets.adminToken)).text;
  const changedBy = async (work: () => Promise<unknown>) => {
    const before = await versions();
    await work();
    const after = await versions();
    return [...new Set([...before.keys(), ...after.keys()])]
      .filter(name => before.get(name) !== after.get(name))
      .sort();
  };

  return {
    lab,
    deployment,
    services: createServices(lab),
    changedBy,
    async verdict(operationId) {
      const until = Date.now() + VERDICT_TIMEOUT_MS;
      for (;;) {
        const { body } = await api.get(`/api/operations/${operationId}`, secrets.adminToken);
        if (body.status !== 'queued' && body.status !== 'running') {
          return body;
        }
        assert.ok(Date.now() < until, `no verdict: ${JSON.stringify(body)}`);
        await sleep(50);
      }
    },
    async withoutEffect(attempt) {
      const operations = await newestOperations();
      let answer: Answer | undefined;
      const changed = await changedBy(async () => {
        answer = await attempt();
        assert.equal(await newestOperations(), operations, 'an operation was accepted');
      });
      assert.deepEqual(changed, []);
      assert.ok(answer);
      return answer;
    },
    async close() {
      await deployment.close();
      await lab.reset();
    },
  };
}

/** The labels that turn `update` on and grant it to a provider's identity. */
export function grantLabels(
  provider: ProviderName,
  fields: Readonly<Record<string, string>>,
): Record<string, string> {
  const prefix = `swarm-utils.update.${provider}.`;
  const written = Object.entries(fields).map(([key, value]) => [prefix + key, value]);
  return { 'swarm-utils.update.enable': 'true', ...Object.fromEntries(written) };
}

/** The labels that turn `update` on for a plain token. */
export function tokenLabels(token: string): Record<string, string> {
  return { 'swarm-utils.update.enable': 'true', 'swarm-utils.update.token': token };
}

/** Waits until a step of an operation has begun. */
export async function untilStep({ deployment }: Stage, id: string, name: string): Promise<void> {
  const until = Date.now() + 15_000;
  for (;;) {
    const { body } = await deployment.api.get(`/api/operations/${id}`, deployment.secrets.adminToken);
    if (body.steps.some((step: { name: string }) => step.name === name)) {
      return;
    }
    assert.ok(Date.now() < until, JSON.stringify(body));
    await sleep(50);
  }
}

/** Makes a file in every container of a service. */
export async function touchInTasks({ lab }: Stage, service: string, path: string): Promise<void> {
  for (const node of lab.nodes) {
    const filter = `label=com.docker.swarm.service.name=${service}`;
    const { stdout } = await node.docker(['ps', '--quiet', '--filter', filter]);
    for (const id of stdout.split('\n').filter(line => line !== '')) {
      assert.equal((await node.docker(['exec', id, 'touch', path])).exitCode, 0);
    }
  }
}
