import { createHash } from 'node:crypto';
import type { Answer } from '../e2e/api-client.ts';
import type { Deployment } from '../e2e/deployment.ts';
import type { Services } from '../e2e/services.ts';
import { githubClaims, gitlabClaims } from '../fixtures/claims.ts';
import { acmeShop, githubRelease } from '../fixtures/github-payloads.ts';
import { signGithubWebhook } from '../fixtures/webhooks.ts';
import type { Lab } from '../lab/lab.ts';
import { databaseIsBackedUp, databaseIsRestored, restoreIsTried } from './backup-scenes.ts';
import { nodeIsCleaned, serviceIsCleaned } from './clean-scenes.ts';
import type { Narrator } from './narrator.ts';

/** The stage: who plays, and where. */
export interface Stage {
  readonly lab: Lab;
  readonly deployment: Deployment;
  readonly services: Services;
  readonly narrator: Narrator;
  /** Plain token of the service `api`. */
  readonly apiToken: string;
}

/** Three services of three projects. Their labels say who may update them. */
export async function setUp({ services, lab, narrator, apiToken }: Stage): Promise<void> {
  const on = { 'swarm-utils.update.enable': 'true' };
  const labels = {
    shop: {
      ...on,
      'swarm-utils.update.github.repository': 'acme/shop',
      'swarm-utils.update.github.ref': 'refs/heads/main,refs/tags/*',
      'swarm-utils.update.github.on': 'release',
      'swarm-utils.update.image': `${lab.registry.reference('app')}:{tag}`,
    },
    blog: {
      ...on,
      'swarm-utils.update.gitlab.repository': 'acme/blog',
      'swarm-utils.update.gitlab.ref': 'refs/heads/main',
    },
    api: {
      ...on,
      'swarm-utils.update.token': `sha256:${createHash('sha256').update(apiToken).digest('hex')}`,
    },
  };
  for (const [name, written] of Object.entries(labels)) {
    narrator.progress(`service ${name}, 2 replicas of app:1`);
    for (const [label, value] of Object.entries(written).slice(1)) {
      narrator.progress(`    ${label}=${value}`);
    }
  }
  await Promise.all(
    Object.entries(labels).map(([name, written]) =>
      services.create(name, { replicas: 2, labels: written, args: ['--update-failure-action', 'rollback'] }),
    ),
  );
}

export async function play(stage: Stage): Promise<void> {
  await webhookDeploys(stage);
  await oidcDeploys(stage);
  await plainTokenDeploys(stage);
  await foreignPipelineIsRefused(stage);
  await foreignSecretIsRefused(stage);
  await pullRequestIsRefused(stage);
  await foreignImageIsRefused(stage);
  await replayIsRefused(stage);
  await brokenImageIsRolledBack(stage);
  await serviceIsCleaned(stage);
  await nodeIsCleaned(stage);
  await databaseIsBackedUp(stage);
  await restoreIsTried(stage);
  await databaseIsRestored(stage);
}

async function webhookDeploys(stage: Stage): Promise<void> {
  const { narrator, deployment, lab } = stage;
  narrator.scene(
    'A signed GitHub webhook deploys a release',
    'Somebody publishes release 2 of acme/shop. GitHub signs the webhook with the secret of that repository; nothing of ' +
      'it is in a pipeline.',
  );
  const webhook = signGithubWebhook({
    event: 'release',
    payload: githubRelease({ tag_name: '2' }, acmeShop),
    secret: deployment.webhookSecret('github', acmeShop.fullName),
  });
  narrator.sent(
    'POST /webhooks/github',
    'X-GitHub-Event: release',
    `X-Hub-Signature-256: ${webhook.headers['x-hub-signature-256']?.slice(0, 24)}…`,
  );
  const accepted = await deployment.api.webhook('github', webhook);
  narrator.answered(accepted, { status: 202 });
  const [operation] = accepted.body?.operations ?? [];
  narrator.sent(
    `GET /api/operations/${operation?.id}/events`,
    '(an admin watches; the events end with the verdict)',
  );
  await deployment.api.get(`/api/operations/${operation?.id}/events`, deployment.secrets.adminToken);
  const finished = await deployment.api.get(
    `/api/operations/${operation?.id}`,
    deployment.secrets.adminToken,
  );
  narrator.answered(finished, { status: 200, verdict: 'succeeded' });
  await observeImage(stage, 'shop', await lab.registry.digest('app:2'));
}

async function oidcDeploys(stage: Stage): Promise<void> {
  const { narrator, lab } = stage;
  narrator.scene(
    'A GitLab OIDC token deploys, without any secret in CI',
    'A job of acme/blog on its protected branch main shows the id_token that GitLab gave it. swarm-utils checks it with ' +
      "GitLab's public keys and holds it against the labels of the service.",
  );
  const image = lab.images.app['2'];
  const answer = await update(
    stage,
    'blog',
    image,
    blogToken(stage),
    'Bearer <id_token of acme/blog, refs/heads/main>',
  );
  narrator.answered(answer, { status: 200, verdict: 'succeeded' });
  await observeImage(stage, 'blog', await lab.registry.digest('app:2'));
}

async function plainTokenDeploys(stage: Stage): Promise<void> {
  const { narrator, lab, apiToken } = stage;
  narrator.scene(
    'A plain token deploys',
    'The old way works too: a token that is good for updating this one service. Its label holds only the hash.',
  );
  const answer = await update(stage, 'api', lab.images.app['2'], apiToken, 'Bearer <plain token of api>');
  narrator.answered(answer, { status: 200, verdict: 'succeeded' });
  await observeImage(stage, 'api', await lab.registry.digest('app:2'));
}

async function foreignPipelineIsRefused(stage: Stage): Promise<void> {
  const { narrator, lab } = stage;
  narrator.scene(
    'A pipeline of another project is refused',
    'A valid job of acme/blog tries to deploy the shop. It gets the same answer as for a service that does not exist.',
  );
  const before = await stage.services.version('shop');
  const answer = await update(
    stage,
    'shop',
    lab.images.app['3'],
    blogToken(stage),
    'Bearer <id_token of acme/blog>',
  );
  narrator.answered(answer, { status: 404, code: 'not_found' });
  narrator.observed('shop was not touched', before === (await stage.services.version('shop')));
}

async function foreignSecretIsRefused(stage: Stage): Promise<void> {
  const { narrator, deployment, services } = stage;
  narrator.scene(
    "Another repository's webhook secret is refused",
    'A maintainer of acme/blog knows the webhook secret of acme/blog, and signs a release of acme/shop with it.',
  );
  const before = await services.version('shop');
  const forged = signGithubWebhook({
    event: 'release',
    payload: githubRelease({ tag_name: '3' }, acmeShop),
    secret: deployment.webhookSecret('github', 'acme/blog'),
  });
  narrator.sent('POST /webhooks/github', 'repository: acme/shop, signed with the secret of acme/blog');
  narrator.answered(await deployment.api.webhook('github', forged), { status: 401, code: 'unauthorized' });
  narrator.observed('shop was not touched', before === (await services.version('shop')));
}

async function pullRequestIsRefused(stage: Stage): Promise<void> {
  const { narrator, deployment, lab, services } = stage;
  narrator.scene(
    'A pull request is refused',
    'A job of acme/shop itself, but started by a pull request: not one of the events that the labels allow by default.',
  );
  const before = await services.version('shop');
  const claims = { ref: 'refs/heads/main', event_name: 'pull_request_target', aud: deployment.audience };
  const token = deployment.githubIssuer.sign(githubClaims(claims));
  const answer = await update(
    stage,
    'shop',
    lab.images.app['3'],
    token,
    'Bearer <OIDC token of acme/shop, pull_request_target>',
  );
  narrator.answered(answer, { status: 404, code: 'not_found' });
  narrator.sent(
    'POST /api/explain',
    'why not? The repository is named in the labels, so its pipelines may know',
  );
  const question = { action: 'update', serviceName: 'shop', image: lab.images.app['3'] };
  const explained = await deployment.api.post('/api/explain', question, token);
  const [reason] = explained.body?.findings ?? explained.body?.reasons ?? [];
  narrator.observed(
    reason?.message ?? explained.text,
    explained.status === 200 && reason?.reason === 'event_not_allowed',
  );
  narrator.observed('shop was not touched', before === (await services.version('shop')));
}

async function foreignImageIsRefused(stage: Stage): Promise<void> {
  const { narrator, lab, apiToken } = stage;
  narrator.scene(
    'Another image is refused',
    'The right token, but an image from a repository that is not the service’s own.',
  );
  const answer = await update(
    stage,
    'api',
    lab.registry.reference('evil:1'),
    apiToken,
    'Bearer <plain token of api>',
  );
  narrator.answered(answer, { status: 422, code: 'image_not_allowed' });
}

async function replayIsRefused(stage: Stage): Promise<void> {
  const { narrator, deployment, lab } = stage;
  narrator.scene(
    'A token is good for one request',
    'The same OIDC token again: for the same request it gets the same operation, for another image it gets nothing.',
  );
  const token = deployment.githubIssuer.sign(githubClaims({ aud: deployment.audience }));
  const who = 'Bearer <OIDC token of acme/shop, refs/heads/main>';
  narrator.answered(await update(stage, 'shop', lab.images.app['2'], token, who), {
    status: 200,
    verdict: 'unchanged',
  });
  narrator.answered(await update(stage, 'shop', lab.images.app['3'], token, who), {
    status: 409,
    code: 'token_reused',
  });
}

async function brokenImageIsRolledBack(stage: Stage): Promise<void> {
  const { narrator, lab, apiToken, services } = stage;
  narrator.scene(
    'A broken image gets an honest verdict',
    'app:crash ends at start. The swarm rolls back, as the service is told to, and the pipeline learns of it: not ' +
      'success, and the reason with the last lines that the task printed.',
  );
  const before = await services.image('api');
  const answer = await update(stage, 'api', lab.images.app.crash, apiToken, 'Bearer <plain token of api>');
  narrator.answered(answer, { status: 424, verdict: 'rolled_back' });
  narrator.observed('api runs the image from before', before === (await services.image('api')));
}

function blogToken({ deployment }: Stage): string {
  const project = {
    project_path: 'acme/blog',
    job_project_path: 'acme/blog',
    namespace_path: 'acme',
    job_namespace_path: 'acme',
  };
  return deployment.gitlabIssuer.sign(gitlabClaims({ ...project, aud: deployment.audience }));
}

async function update(
  stage: Stage,
  serviceName: string,
  image: string,
  token: string,
  who: string,
): Promise<Answer> {
  const body = { serviceName, image };
  stage.narrator.sent('POST /api/update/service', `Authorization: ${who}`, JSON.stringify(body));
  return stage.deployment.api.post('/api/update/service', body, token);
}

async function observeImage({ narrator, services }: Stage, name: string, digest: string): Promise<void> {
  const running = await services.runningImages(name);
  const isRight = running.length === 2 && running.every(image => image.endsWith(digest));
  narrator.observed(`both tasks of ${name} run …@${digest.slice(0, 19)}…`, isRight);
}
