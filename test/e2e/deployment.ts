import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { webhookSecret } from '../../providers/webhook-secret.ts';
import { startIssuer, type TestIssuer } from '../fixtures/issuer.ts';
import type { Lab } from '../lab/lab.ts';
import { type ApiClient, createApiClient } from './api-client.ts';

/** Every secret that a deployment is given. Nothing that swarm-utils prints, answers or creates may hold one. */
export interface DeploymentSecrets {
  readonly adminToken: string;
  readonly webhookMasterKey: string;
  readonly organizationWebhookSecret: string;
  /** Of the group `signed`. */
  readonly gitlabSigningToken: string;
  readonly gitlabApiToken: string;
}

/** swarm-utils as its users have it: the image of this repository, deployed from `stack.yml` onto the lab's manager. */
export interface Deployment {
  readonly secrets: DeploymentSecrets;
  readonly api: ApiClient;
  readonly audience: string;
  /** The organisation of `github-org`: its login and its id. */
  readonly organization: { readonly name: string; readonly id: string };
  readonly githubIssuer: TestIssuer;
  readonly gitlabIssuer: TestIssuer;
  /** The webhook secret of a repository. */
  webhookSecret(provider: 'github' | 'gitlab', repository: string): string;
  /** All that it has logged so far. */
  logs(): Promise<string>;
  /** Forces a new container and waits until it is ready. What the old one was doing it may finish. */
  restart(): Promise<void>;
  /** The running container, on the lab's manager. */
  containerId(): Promise<string>;
  close(): Promise<void>;
}

export interface DeployOptions {
  readonly secrets?: DeploymentSecrets;
  /** More secret variables: each becomes a Docker secret that swarm-utils reads as `<variable>_FILE`. */
  readonly moreSecrets?: Readonly<Record<string, string>>;
  readonly onProgress?: (message: string) => void;
}

export const stackName = 'swarm-utils';
export const networkName = 'swarm-utils-overlay-net';
/** The name of swarm-utils itself in the swarm. */
export const serviceName = 'swarm-utils_swarm-utils';
const port = 3000;
const root = join(import.meta.dirname, '..', '..');
const START_TIMEOUT_MS = 60_000;

/** Easy to find wherever they should not be. */
export const canarySecrets: DeploymentSecrets = {
  adminToken: 'canary-admin-token-1f0c2a',
  webhookMasterKey: 'canary-webhook-master-key-5d9b1e-0123456789',
  organizationWebhookSecret: 'canary-organization-webhook-secret-77ac',
  gitlabSigningToken: `whsec_${Buffer.from('canary-gitlab-signing-token-0001').toString('base64')}`,
  gitlabApiToken: 'canary-gitlab-api-token-e4e1',
};

/**
 * Builds, deploys and waits until it is ready. The lab should be as after a reset.
 * @param environment more variables of swarm-utils, or other values
 */
export async function deploy(
  lab: Lab,
  environment: Readonly<Record<string, string>> = {},
  { secrets = canarySecrets, moreSecrets = {}, onProgress }: DeployOptions = {},
): Promise<Deployment> {
  const image = await lab.buildProjectImage(onProgress && { onProgress });
  onProgress?.('docker stack deploy --compose-file stack.yml swarm-utils');
  const githubIssuer = await startIssuer({ host: lab.hostAddress });
  const gitlabIssuer = await startIssuer({ host: lab.hostAddress });
  const folder = await mkdtemp(join(tmpdir(), 'swarm-utils-e2e-'));
  const api = createApiClient(`http://${lab.manager.address}:${port}`);
  const audience = 'https://deploy.lab.example';
  const organization = { name: 'acme', id: '1001' };
  const secretFiles = {
    SWARM_UTILS_GITHUB_ORG_WEBHOOK_SECRET: secrets.organizationWebhookSecret,
    SWARM_UTILS_GITLAB_SIGNING_TOKENS: JSON.stringify({ signed: secrets.gitlabSigningToken }),
    SWARM_UTILS_GITLAB_API_TOKEN: secrets.gitlabApiToken,
    SWARM_UTILS_REGISTRY_PASSWORD: lab.privateRegistry.password,
    ...moreSecrets,
  };
  const defaults = {
    SWARM_UTILS_DOCKER_CLI_IMAGE_NAME: lab.images.dockerCli,
    SWARM_UTILS_BACKUP_OFFEN_IMAGE: lab.images.offen,
    SWARM_UTILS_BACKUP_RCLONE_IMAGE: lab.images.rclone,
    SWARM_UTILS_BACKUP_RESTIC_IMAGE: lab.images.restic,
    SWARM_UTILS_OIDC_AUDIENCE: audience,
    SWARM_UTILS_OIDC_ALLOW_INSECURE_ISSUER: 'true',
    SWARM_UTILS_GITHUB_OIDC_ISSUER: githubIssuer.url,
    SWARM_UTILS_GITHUB_ORG_NAME: organization.name,
    SWARM_UTILS_GITHUB_ORG_ID: organization.id,
    SWARM_UTILS_GITLAB_URL: gitlabIssuer.url,
    SWARM_UTILS_REGISTRY_URL: lab.privateRegistry.address,
    SWARM_UTILS_REGISTRY_USER: lab.privateRegistry.username,
    // Nothing happens by itself unless a test wants it, not even at three at night.
    SWARM_UTILS_CRON_EXPR: '0 0 0 1 1 *',
    // Tests come from one address and are refused all the time.
    SWARM_UTILS_AUTH_FAILURE_LIMIT: '0',
  };

  const docker = async (
    args: readonly string[],
    options: { input?: string; env?: Record<string, string> } = {},
  ) => {
    const { exitCode, stdout, stderr } = await lab.manager.docker(args, options);
    assert.equal(exitCode, 0, `docker ${args.join(' ')}: ${stderr}`);
    return stdout;
  };

  const deployStack = async (variables: Readonly<Record<string, string>>) => {
    const override = join(folder, 'override.json');
    await writeFile(
      override,
      JSON.stringify(stackOverride({ ...defaults, ...variables }, Object.keys(secretFiles))),
    );
    const files = ['--compose-file', join(root, 'stack.yml'), '--compose-file', override];
    await docker(['stack', 'deploy', ...files, stackName], { env: { SWARM_UTILS_IMAGE: image } });
  };

  const waitUntilReady = async () => {
    const until = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const status = await api.get('/readyz').then(
        answer => answer.status,
        () => 0,
      );
      if (status === 200) {
        return;
      }
      assert.ok(
        Date.now() < until,
        `swarm-utils is not ready: ${await docker(['service', 'ps', '--no-trunc', serviceName])}`,
      );
      await sleep(100);
    }
  };

  const containerIds = async () => {
    const filters = ['--filter', `label=com.docker.swarm.service.name=${serviceName}`];
    return (await docker(['ps', '--quiet', '--no-trunc', ...filters])).split('\n').filter(id => id !== '');
  };

  const close = async () => {
    await Promise.all([githubIssuer.close(), gitlabIssuer.close()]);
    await rm(folder, { recursive: true });
  };

  try {
    await docker(['secret', 'create', 'swarm-utils-admin-tokens', '-'], { input: secrets.adminToken });
    await docker(['secret', 'create', 'swarm-utils-webhook-master-key', '-'], {
      input: secrets.webhookMasterKey,
    });
    for (const [variable, value] of Object.entries(secretFiles)) {
      await docker(['secret', 'create', secretNameOf(variable), '-'], { input: value });
    }
    await deployStack(environment);
    await waitUntilReady();
  } catch (error) {
    // Open issuers would keep a process from ending that only wants to say what went wrong.
    await close();
    throw error;
  }

  return {
    secrets,
    api,
    audience,
    organization,
    githubIssuer,
    gitlabIssuer,
    webhookSecret: (provider, repository) => webhookSecret(secrets.webhookMasterKey, provider, repository),
    async logs() {
      const { stdout, stderr } = await lab.manager.docker(['service', 'logs', '--raw', serviceName]);
      return stdout + stderr;
    },
    async restart() {
      const [old] = await containerIds();
      await docker(['service', 'update', '--detach', '--quiet', '--force', serviceName]);
      const until = Date.now() + START_TIMEOUT_MS;
      while ((await containerIds()).some(id => id === old)) {
        assert.ok(Date.now() < until, 'the old container does not stop');
        await sleep(100);
      }
      await waitUntilReady();
    },
    async containerId() {
      const [id] = await containerIds();
      assert.ok(id, 'swarm-utils has no container');
      return id;
    },
    close,
  };
}

/** What the lab needs beyond `stack.yml`: a published port, test issuers, and the secrets that `stack.yml` only mentions. */
function stackOverride(
  variables: Readonly<Record<string, string>>,
  secretVariables: readonly string[],
): object {
  const files = secretVariables.map(variable => [
    `${variable}_FILE`,
    `/run/secrets/${secretNameOf(variable)}`,
  ]);
  const names = secretVariables.map(secretNameOf);
  return {
    version: '3.8',
    services: {
      'swarm-utils': {
        environment: { ...variables, ...Object.fromEntries(files) },
        secrets: names,
        ports: [{ target: port, published: port, protocol: 'tcp', mode: 'host' }],
        // The stack's own pace suits production; here nothing is lost.
        stop_grace_period: '20s',
        deploy: { update_config: { order: 'stop-first', monitor: '1s' } },
      },
    },
    secrets: Object.fromEntries(names.map(name => [name, { external: true }])),
  };
}

function secretNameOf(variable: string): string {
  return variable.toLowerCase().replaceAll('_', '-');
}
