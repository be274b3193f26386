import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { InboundWebhook, ProviderName } from '../../providers/provider.ts';
import { githubDeployment, githubPing, githubPush, githubWorkflowRun } from '../fixtures/github-payloads.ts';
import { gitlabPipeline, gitlabPush } from '../fixtures/gitlab-payloads.ts';
import { signGithubWebhook, signGitlabWebhook, tokenGitlabWebhook } from '../fixtures/webhooks.ts';
import type { Answer } from './api-client.ts';
import { grantLabels, openStage, type Stage } from './stage.ts';

const a = { fullName: 'acme/a', id: 1, ownerId: 1001, isOrganizations: true };
const b = { fullName: 'acme/b', id: 2, ownerId: 1001, isOrganizations: true };
const mallory = { fullName: 'mallory/a', id: 666, ownerId: 666, isOrganizations: true };
const projectA = { path: 'team/a', id: 11 };
const projectB = { path: 'team/b', id: 12 };
const signedA = { path: 'signed/a', id: 13 };
const everyEvent = 'push,workflow_run,deployment,release,package,registry_package';

// What B knows: its own secrets. What it wants: to have A's services deployed.
describe('a webhook that deploys for another', { timeout: 300_000 }, () => {
  let stage: Stage;
  before(async () => {
    stage = await openStage();
    const { lab, services } = stage;
    await lab.registry.tag('app:1', 'acme/a:main');
    const image = lab.registry.reference('acme/a:main');
    const exec = { 'swarm-utils.update.exec-pre': 'touch /tmp/attacked' };
    const create = (name: string, provider: ProviderName, grant: Record<string, string>) =>
      services.create(name, {
        image,
        labels: { ...grantLabels(provider, { ref: 'refs/heads/main', ...grant }), ...exec },
      });
    await Promise.all([
      create('a', 'github', { repository: a.fullName, on: everyEvent }),
      create('a-by-id', 'github', { 'repository-id': `${a.id}`, on: everyEvent }),
      create('a-both', 'github', { repository: a.fullName, 'repository-id': `${a.id}`, on: everyEvent }),
      create('a-org', 'github-org', { repository: a.fullName, on: everyEvent }),
      create('a-org-by-id', 'github-org', { 'repository-id': `${a.id}`, on: everyEvent }),
      create('a-gitlab', 'gitlab', { repository: projectA.path, on: 'push,pipeline,job,deployment' }),
      create('a-gitlab-by-id', 'gitlab', { 'repository-id': `${projectA.id}`, on: 'push,pipeline' }),
      create('a-signed', 'gitlab', { repository: signedA.path, on: 'push,pipeline' }),
    ]);
    // What an attack that gets through would deploy:
    await lab.registry.tag('app:2', 'acme/a:main');
  });
  after(() => stage?.close());

  const secretOf = (name: string) => stage.deployment.webhookSecret('github', name);
  const tokenOf = (path: string) => stage.deployment.webhookSecret('gitlab', path);
  const attempt = (provider: ProviderName, webhook: InboundWebhook): Promise<Answer> =>
    stage.withoutEffect(() => stage.deployment.api.webhook(provider, webhook));
  const unauthorized: Answer[] = [];
  /** Refused as every credential that is not valid, to the letter. */
  const assertUnauthorized = async (provider: ProviderName, webhook: InboundWebhook, what = '') => {
    const answer = await attempt(provider, webhook);
    assert.equal(answer.status, 401, `${what}: ${answer.text}`);
    unauthorized.push(answer);
    assert.equal(answer.text, unauthorized[0]?.text);
  };
  const assertIgnored = async (provider: ProviderName, webhook: InboundWebhook, what = '') => {
    const { status, body, text } = await attempt(provider, webhook);
    assert.deepEqual([status, body.operations], [200, []], `${what}: ${text}`);
  };
  const assertMalformed = async (provider: ProviderName, webhook: InboundWebhook, what = '') => {
    const { status, body, text } = await attempt(provider, webhook);
    assert.deepEqual([status, body.error?.code], [400, 'malformed'], `${what}: ${text}`);
  };

  test("B's secret does not sign for A, nor does the organisation's, no secret, or half a one", async () => {
    const payload = githubPush({}, a);
    const { organizationWebhookSecret, webhookMasterKey } = stage.deployment.secrets;
    for (const secret of [secretOf(b.fullName), organizationWebhookSecret, webhookMasterKey, '', 'acme/a']) {
      await assertUnauthorized('github', signGithubWebhook({ event: 'push', payload, secret }), secret);
    }
    const genuine = signGithubWebhook({ event: 'push', payload, secret: secretOf(a.fullName) });
    const sha1 = createHmac('sha1', secretOf(a.fullName)).update(genuine.body).digest('hex');
    const signature = genuine.headers['x-hub-signature-256'] ?? '';
    for (const headers of [
      { 'x-hub-signature-256': undefined },
      { 'x-hub-signature-256': undefined, 'x-hub-signature': `sha1=${sha1}` },
      { 'x-hub-signature-256': '' },
      { 'x-hub-signature-256': 'sha256=' },
      { 'x-hub-signature-256': signature.slice(0, -2) },
      { 'x-hub-signature-256': signature.toUpperCase() },
      { 'x-hub-signature-256': `${signature},${signature}` },
    ]) {
      const webhook = { body: genuine.body, headers: { ...genuine.headers, ...headers } };
      await assertUnauthorized('github', webhook, JSON.stringify(headers));
    }
  });

  test('a signed body that is changed afterwards is refused', async () => {
    const ofB = signGithubWebhook({
      event: 'push',
      payload: githubPush({}, b),
      secret: secretOf(b.fullName),
    });
    const renamed = ofB.body.toString().replaceAll('acme/b', 'acme/a');
    await assertUnauthorized('github', { ...ofB, body: Buffer.from(renamed) });
    await assertUnauthorized('github', { ...ofB, body: Buffer.concat([ofB.body, Buffer.from(' ')]) });
    // Signed by B for itself, to one reader; for A to another.
    const twice = `${ofB.body.toString().slice(0, -1)},"repository":${JSON.stringify(githubPush({}, a).repository)}}`;
    await assertUnauthorized(
      'github',
      signGithubWebhook({ event: 'push', payload: twice, secret: secretOf(b.fullName) }),
    );
  });

  test("B's own webhook that claims A's repository id reaches nothing of A", async () => {
    const payload = githubPush({}, { ...b, id: a.id });
    const webhook = signGithubWebhook({ event: 'push', payload, secret: secretOf(b.fullName) });
    await assertIgnored('github', webhook);
    const gitlab = tokenGitlabWebhook({
      payload: gitlabPush({}, { ...projectB, id: projectA.id }),
      token: tokenOf(projectB.path),
    });
    await assertIgnored('gitlab', gitlab);
  });

  test("B's body that names A where it is not looked for reaches nothing of A", async () => {
    const payload = {
      ...githubPush({}, b),
      organization: { login: 'acme', id: 1001 },
      base_repository: githubPush({}, a).repository,
      full_name: a.fullName,
    };
    await assertIgnored(
      'github',
      signGithubWebhook({ event: 'push', payload, secret: secretOf(b.fullName) }),
    );
    const run = githubWorkflowRun({ repository: githubPush({}, a).repository }, b);
    await assertIgnored(
      'github',
      signGithubWebhook({ event: 'workflow_run', payload: run, secret: secretOf(b.fullName) }),
    );
  });

  test("the webhook of the organisation takes its own secret and its own repositories' events only", async () => {
    const { organizationWebhookSecret: secret } = stage.deployment.secrets;
    const push = (payload: object, by = secret) => signGithubWebhook({ event: 'push', payload, secret: by });
    await assertUnauthorized('github-org', push(githubPush({}, a), secretOf(a.fullName)), "A's own secret");
    await assertUnauthorized('github-org', push(githubPush({}, a), secretOf(b.fullName)), "B's secret");
    await assertUnauthorized('github-org', push(githubPush({}, mallory)), 'another organisation');
    const mixed = { ...githubPush({}, a), organization: { login: 'mallory', id: 666 } };
    await assertUnauthorized('github-org', push(mixed), "another organisation's hook");
    const reborn = githubPush({}, { ...a, ownerId: 4711 });
    await assertUnauthorized('github-org', push(reborn), 'an organisation of the same name');
    await assertIgnored('github-org', push(githubPush({}, b)), 'another repository');
    await assertIgnored('github-org', push(githubPush({}, { ...b, fullName: 'acme/a2' })), 'a longer name');
  });

  test("GitLab: B's token, another group's and none do not speak for A", async () => {
    const payload = gitlabPush({}, projectA);
    const tokens = [projectB.path, 'team2', 'tea', 'team/a/b', 'signed', 'a'].map(tokenOf);
    const { webhookMasterKey } = stage.deployment.secrets;
    for (const token of [...tokens, secretOf('team/a'), webhookMasterKey, '', undefined]) {
      await assertUnauthorized('gitlab', tokenGitlabWebhook({ payload, ...(token && { token }) }));
    }
    const fake = `whsec_${Buffer.from(tokenOf('team')).toString('base64')}`;
    await assertUnauthorized('gitlab', signGitlabWebhook({ payload, signingToken: fake }));
  });

  test('GitLab: where a signature is demanded nothing less will do, nor one of yesterday', async () => {
    const payload = gitlabPush({}, signedA);
    const { gitlabSigningToken: signingToken } = stage.deployment.secrets;
    for (const path of [signedA.path, 'signed']) {
      await assertUnauthorized('gitlab', tokenGitlabWebhook({ payload, token: tokenOf(path) }), path);
    }
    const at = (seconds: number) => new Date(Date.now() + seconds * 1000);
    for (const webhook of [
      signGitlabWebhook({ payload, signingToken, at: at(-400) }),
      signGitlabWebhook({ payload, signingToken, at: at(400) }),
      signGitlabWebhook({ payload, signingToken, headers: { 'webhook-id': 'another' } }),
      signGitlabWebhook({
        payload,
        signingToken,
        headers: { 'webhook-signature': '', 'x-gitlab-token': tokenOf(signedA.path) },
      }),
      // The group's key does not reach beyond the group.
      signGitlabWebhook({ payload: gitlabPush({}, projectA), signingToken }),
    ]) {
      await assertUnauthorized('gitlab', webhook);
    }
  });

  test('a genuine webhook of A under the name of another event, of a fork, or of another ref starts nothing', async () => {
    const secret = secretOf(a.fullName);
    const sign = (event: string, payload: object) => signGithubWebhook({ event, payload, secret });
    const relabelled: readonly (readonly [string, object])[] = [
      ['push', githubDeployment({ environment: 'production' }, a)],
      ['push', githubWorkflowRun({ conclusion: 'failure' }, a)],
      ['deployment', githubPush({}, a)],
      ['workflow_run', githubPush({}, a)],
      ['release', githubPush({}, a)],
      ['push', { ...githubPush({}, a), pull_request: { number: 1 } }],
      ['push', { ...githubPush({}, a), action: 'opened' }],
      ['push', githubPing({ ...a, isOrganizations: false })],
    ];
    for (const [event, payload] of relabelled) {
      await assertMalformed('github', sign(event, payload), event);
    }
    const fork = { id: 999, full_name: 'mallory/a' };
    const ignored: readonly (readonly [string, object])[] = [
      ['workflow_run', githubWorkflowRun({ head_repository: fork }, a)],
      ['workflow_run', githubWorkflowRun({ event: 'pull_request' }, a)],
      ['workflow_run', githubWorkflowRun({ event: 'pull_request_target' }, a)],
      ['workflow_run', githubWorkflowRun({ event: 'workflow_run' }, a)],
      ['workflow_run', githubWorkflowRun({ head_branch: 'main2' }, a)],
      ['workflow_run', githubWorkflowRun({ conclusion: 'failure' }, a)],
      ['push', githubPush({ ref: 'refs/tags/main' }, a)],
      ['push', githubPush({ ref: 'refs/heads/main2' }, a)],
      ['push', githubPush({ ref: 'refs/heads/refs/heads/main' }, a)],
      ['push', githubPush({ deleted: true, after: '0'.repeat(40) }, a)],
      ['deployment', githubDeployment({ ref: 'main' }, a)],
      ['ping', githubPush({}, a)],
      ['issues', githubPush({}, a)],
    ];
    for (const [event, payload] of ignored) {
      await assertIgnored('github', sign(event, payload), event);
    }
  });

  test('GitLab: a pipeline of a merge request, of a fork, of a ref that is not protected starts nothing', async () => {
    const token = tokenOf(projectA.path);
    const send = (payload: object, headers = {}) => tokenGitlabWebhook({ payload, token, headers });
    for (const payload of [
      gitlabPipeline({ source: 'merge_request_event' }, projectA),
      gitlabPipeline({}, projectA, { source_project_id: 999, target_project_id: projectA.id }),
      gitlabPipeline({}, projectA, { source_project_id: projectA.id, target_project_id: projectA.id }),
      gitlabPipeline({ ref: 'main', tag: true }, projectA),
      gitlabPipeline({ source: 'schedule' }, projectA),
      gitlabPipeline({ protected_ref: false }, projectA),
      gitlabPipeline({ status: 'failed' }, projectA),
      gitlabPush({ ref_protected: false }, projectA),
      gitlabPush({ ref: 'refs/heads/mainly' }, projectA),
      { ...gitlabPush({}, projectA), object_kind: 'merge_request' },
    ]) {
      await assertIgnored(
        'gitlab',
        send(payload, { 'x-gitlab-event': 'Push Hook' }),
        JSON.stringify(payload),
      );
    }
  });

  test('a genuine webhook of A by the path of another provider is refused', async () => {
    const github = signGithubWebhook({
      event: 'push',
      payload: githubPush({}, a),
      secret: secretOf(a.fullName),
    });
    const gitlab = tokenGitlabWebhook({
      payload: gitlabPush({}, projectA),
      token: tokenOf(projectA.path),
    });
    await assertUnauthorized('github-org', github);
    await assertUnauthorized('gitlab', github);
    await assertUnauthorized('github', gitlab);
    await assertUnauthorized('github-org', gitlab);
  });

  test('after all that the services run what they ran, and a genuine webhook deploys', async () => {
    const { lab, services } = stage;
    const old = `${lab.registry.reference('acme/a:main')}@${await lab.registry.digest('app:1')}`;
    for (const name of ['a', 'a-by-id', 'a-both', 'a-org', 'a-org-by-id', 'a-gitlab', 'a-signed']) {
      assert.deepEqual(await services.runningImages(name), [old]);
    }
    const genuine = signGithubWebhook({
      event: 'push',
      payload: githubPush({}, a),
      secret: secretOf(a.fullName),
    });
    const changed = await stage.changedBy(async () => {
      const { body } = await stage.deployment.api.webhook('github', genuine);
      await Promise.all(body.operations.map(({ id }: { id: string }) => stage.verdict(id)));
    });
    assert.deepEqual(changed, ['a', 'a-both']);
  });
});
