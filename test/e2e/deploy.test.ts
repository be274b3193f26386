import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { InboundWebhook, ProviderName } from '../../providers/provider.ts';
import { githubClaims, gitlabClaims } from '../fixtures/claims.ts';
import { githubPush, githubSha, githubWorkflowRun } from '../fixtures/github-payloads.ts';
import { gitlabPipeline, gitlabPush, gitlabSha } from '../fixtures/gitlab-payloads.ts';
import { signGithubWebhook, signGitlabWebhook, tokenGitlabWebhook } from '../fixtures/webhooks.ts';
import { testUpdatesByToken } from './deploy-by-token.ts';
import { grantLabels, openStage, type Stage } from './stage.ts';

const shop = { fullName: 'mona/shop', id: 501, ownerId: 77, isOrganizations: false };
const orgShop = { fullName: 'acme/shop', id: 502, ownerId: 1001, isOrganizations: true };
const teamShop = { path: 'team/backend/shop', id: 503 };
/** How long after a fetch of keys an unknown key causes none. */
const UNKNOWN_KEY_MS = 60_000;

const signedShop = { path: 'signed/shop', id: 504 };

/** What a platform sends when a job has pushed an image, and what its service says. */
interface Platform {
  readonly provider: ProviderName;
  readonly service: string;
  readonly repository: string;
  /** Of the pushed image, and where the label `image` has it from. */
  readonly tag: string;
  readonly labels: Readonly<Record<string, string>>;
  webhook(stage: Stage): InboundWebhook;
  token(stage: Stage): string;
}

const platforms: readonly [Platform, ...Platform[]] = [
  {
    provider: 'github',
    service: 'shop',
    repository: shop.fullName,
    tag: 'main',
    // The reference that runs is resolved anew.
    labels: { on: 'push' },
    webhook: ({ deployment }) =>
      signGithubWebhook({
        event: 'push',
        payload: githubPush({}, shop),
        secret: deployment.webhookSecret('github', shop.fullName),
      }),
    token: ({ deployment }) =>
      deployment.githubIssuer.sign(
        githubClaims({
          aud: deployment.audience,
          repository: shop.fullName,
          repository_id: `${shop.id}`,
          repository_owner: 'mona',
          repository_owner_id: `${shop.ownerId}`,
        }),
      ),
  },
  {
    provider: 'github-org',
    service: 'org-shop',
    repository: orgShop.fullName,
    tag: githubSha,
    labels: { on: 'workflow_run', 'repository-id': `${orgShop.id}`, image: '{sha}' },
    webhook: ({ deployment }) =>
      signGithubWebhook({
        event: 'workflow_run',
        payload: githubWorkflowRun({}, orgShop),
        secret: deployment.secrets.organizationWebhookSecret,
      }),
    token: ({ deployment }) =>
      deployment.githubIssuer.sign(
        githubClaims({
          aud: deployment.audience,
          repository_id: `${orgShop.id}`,
          repository_owner_id: `${orgShop.ownerId}`,
        }),
      ),
  },
  {
    provider: 'gitlab',
    service: 'team-shop',
    repository: teamShop.path,
    tag: gitlabSha.slice(0, 8),
    labels: { on: 'pipeline', image: '{short_sha}' },
    // The secret of the group: one webhook for all its projects.
    webhook: ({ deployment }) =>
      tokenGitlabWebhook({
        payload: gitlabPipeline({}, teamShop),
        token: deployment.webhookSecret('gitlab', 'team'),
      }),
    token: ({ deployment }) =>
      deployment.gitlabIssuer.sign(
        gitlabClaims({
          aud: deployment.audience,
          project_path: teamShop.path,
          project_id: `${teamShop.id}`,
          job_project_path: teamShop.path,
          job_project_id: `${teamShop.id}`,
        }),
      ),
  },
];

describe('a deployment through swarm-utils', { timeout: 300_000 }, () => {
  let stage: Stage;
  /** Of the keys of GitHub's issuer. */
  let keysFetchedAt = 0;
  before(async () => {
    stage = await openStage();
    // So that the minute of the last test begins now.
    const early = { serviceName: 'not-yet' };
    const { status } = await stage.deployment.api.post(
      '/api/update/service',
      early,
      platforms[0].token(stage),
    );
    assert.equal(status, 404);
    keysFetchedAt = Date.now();
    await Promise.all(platforms.map(platform => createServices(stage, platform)));
  });
  after(() => stage?.close());

  for (const platform of platforms) {
    const { provider, service, repository, tag } = platform;

    test(`a webhook of ${provider} brings the pushed image onto its service and onto no other`, async () => {
      const { deployment, lab } = stage;
      const digest = await lab.registry.tag('app:2', `${repository}:${tag}`);
      const changed = await stage.changedBy(async () => {
        const { status, body } = await deployment.api.webhook(provider, platform.webhook(stage));
        assert.equal(status, 202, JSON.stringify(body));
        assert.deepEqual(
          body.operations.map(({ id: _, ...rest }: { id: string }) => rest),
          [{ action: 'update', serviceName: service }],
        );
        const operation = await stage.verdict(body.operations[0].id);
        assert.equal(operation.status, 'succeeded', JSON.stringify(operation));
        assert.equal(operation.caller.repository, repository);
      });
      assert.deepEqual(changed, [service]);
      await assertRuns(stage, service, `${lab.registry.reference(`${repository}:${tag}`)}@${digest}`);
    });

    test(`an OIDC token of ${provider} brings the named image onto its service and onto no other`, async () => {
      const { deployment, lab } = stage;
      const digest = await lab.registry.tag('app:3', `${repository}:build-7`);
      const image = lab.registry.reference(`${repository}:build-7`);
      const changed = await stage.changedBy(async () => {
        const { status, body } = await deployment.api.post(
          '/api/update/service',
          { serviceName: service, image },
          platform.token(stage),
        );
        assert.equal(status, 200, JSON.stringify(body));
        assert.equal(body.image.digest, digest);
        assert.deepEqual([body.caller.kind, body.caller.repository], ['workload', repository]);
      });
      assert.deepEqual(changed, [service]);
      await assertRuns(stage, service, `${image}@${digest}`);
    });
  }

  test('a webhook that GitLab signed deploys, where a signing token is configured', async () => {
    const { deployment, lab, services } = stage;
    await lab.registry.tag('app:1', `${signedShop.path}:main`);
    const image = lab.registry.reference(`${signedShop.path}:main`);
    await services.create('signed-shop', {
      image,
      replicas: 0,
      labels: grantLabels('gitlab', { repository: signedShop.path, ref: 'refs/heads/main', on: 'push' }),
    });
    const digest = await lab.registry.tag('app:2', `${signedShop.path}:main`);
    const changed = await stage.changedBy(async () => {
      const { status, body } = await deployment.api.webhook(
        'gitlab',
        signGitlabWebhook({
          payload: gitlabPush({}, signedShop),
          signingToken: deployment.secrets.gitlabSigningToken,
        }),
      );
      assert.equal(status, 202);
      assert.equal((await stage.verdict(body.operations[0].id)).status, 'succeeded');
    });
    assert.deepEqual(changed, ['signed-shop']);
    assert.equal(await services.image('signed-shop'), `${image}@${digest}`);
  });

  test('a webhook deploys onto every service that asks for it', async () => {
    const { deployment, lab, services } = stage;
    const repository = 'mona/fleet';
    const fleet = { ...shop, fullName: repository, id: 505 };
    await lab.registry.tag('app:1', `${repository}:main`);
    const image = lab.registry.reference(`${repository}:main`);
    const labels = grantLabels('github', {
      repository: 'Mona/Fleet',
      ref: 'refs/heads/*',
      on: 'push,release',
    });
    const names = ['fleet-api', 'fleet-web', 'fleet-worker'];
    await Promise.all(names.map(name => services.create(name, { image, replicas: 0, labels })));
    const digest = await lab.registry.tag('app:3', `${repository}:main`);
    const changed = await stage.changedBy(async () => {
      const { body } = await deployment.api.webhook(
        'github',
        signGithubWebhook({
          event: 'push',
          payload: githubPush({}, fleet),
          secret: deployment.webhookSecret('github', repository),
        }),
      );
      const ids = body.operations.map(({ id }: { id: string }) => id);
      await Promise.all(ids.map((id: string) => stage.verdict(id)));
    });
    assert.deepEqual(changed, names);
    for (const name of names) {
      assert.equal(await services.image(name), `${image}@${digest}`);
    }
  });

  testUpdatesByToken(() => stage);

  test('after a change of keys the new ones count and the old ones as long as they are published', async () => {
    const [{ service, token }] = platforms;
    const { githubIssuer, api } = stage.deployment;
    const update = () => api.post('/api/update/service', { serviceName: service }, token(stage));
    assert.deepEqual(githubIssuer.fetches, { discovery: 1, jwks: 1 });
    const byOldKey = token(stage);
    await githubIssuer.rotate({ keepOld: true });
    // Unknown keys cause one fetch a minute, and till then count for nothing.
    const isEarly = Date.now() < keysFetchedAt + UNKNOWN_KEY_MS / 2;
    const early = isEarly ? await stage.withoutEffect(update) : undefined;
    assert.ok(early === undefined || (early.status === 401 && githubIssuer.fetches.jwks === 1));
    await sleep(keysFetchedAt + UNKNOWN_KEY_MS - Date.now());
    assert.equal((await update()).status, 200);
    assert.equal((await api.post('/api/update/service', { serviceName: service }, byOldKey)).status, 200);
    assert.deepEqual(githubIssuer.fetches, { discovery: 2, jwks: 2 });
  });
});

/** The platform's service, and around it those that must never be touched. */
async function createServices(stage: Stage, platform: Platform): Promise<void> {
  const { lab, services } = stage;
  const { provider, service, repository, tag, labels: own } = platform;
  await lab.registry.tag('app:1', `${repository}:${tag}`);
  const image = lab.registry.reference(`${repository}:${tag}`);
  const { image: tagTemplate, ...conditions } = own;
  const wanted = { repository, ref: 'refs/heads/main', ...conditions };
  const { on, ...withoutOn } = { on: '', ...wanted };
  const elsewhere = provider === 'github' ? 'gitlab' : 'github';
  const named: Record<string, string> =
    tagTemplate === undefined
      ? {}
      : { 'swarm-utils.update.image': lab.registry.reference(`${repository}:${tagTemplate}`) };
  const decoys: Readonly<Record<string, Record<string, string>>> = {
    // Their names begin as the service's does, or are its beginning.
    [`${service}-of-another`]: grantLabels(provider, { ...wanted, repository: `${repository}-admin` }),
    [`${service}_admin`]: grantLabels(provider, {
      ...wanted,
      repository: `${repository.split('/')[0]}/admin`,
    }),
    [service.slice(0, -1)]: grantLabels(provider, { ...wanted, ref: 'refs/heads/main2,refs/heads/mai' }),
    [`${service}-off`]: { ...grantLabels(provider, wanted), 'swarm-utils.update.enable': 'false' },
    [`${service}-without-enable`]: withoutEnable(grantLabels(provider, wanted)),
    [`${service}-without-on`]: grantLabels(provider, withoutOn),
    [`${service}-on-others`]: grantLabels(provider, { ...wanted, on: 'deployment' }),
    [`${service}-elsewhere`]: grantLabels(elsewhere, {
      ...withoutOn,
      repository: repository.split('/').slice(-2).join('/'),
      on: 'push',
    }),
    [`${service}-without-labels`]: {},
  };
  await Promise.all([
    services.create(service, { image, replicas: 1, labels: { ...grantLabels(provider, wanted), ...named } }),
    ...Object.entries(decoys).map(([name, labels]) =>
      services.create(name, { image, replicas: 0, labels: { ...labels, ...named } }),
    ),
  ]);
}

function withoutEnable({ 'swarm-utils.update.enable': _, ...rest }: Record<string, string>) {
  return rest;
}

async function assertRuns({ services }: Stage, service: string, image: string): Promise<void> {
  assert.equal(await services.image(service), image);
  assert.deepEqual(await services.runningImages(service), [image]);
}
