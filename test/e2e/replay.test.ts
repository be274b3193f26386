import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { InboundWebhook } from '../../providers/provider.ts';
import { githubClaims, gitlabClaims } from '../fixtures/claims.ts';
import { githubPackage, githubPush, githubRelease } from '../fixtures/github-payloads.ts';
import { signGithubWebhook, tokenGitlabWebhook } from '../fixtures/webhooks.ts';
import { grantLabels, openStage, type Stage, tokenLabels } from './stage.ts';

const repository = { fullName: 'mona/shop', id: 501, ownerId: 77, isOrganizations: false };
const plainToken = 'token-of-the-plain-service';

describe('what comes twice', { timeout: 300_000 }, () => {
  let stage: Stage;
  before(async () => {
    stage = await openStage();
    const { lab, services } = stage;
    await lab.registry.tag('app:1', 'mona/shop:v1');
    const image = lab.registry.reference('mona/shop:v1');
    const pushed = { repository: repository.fullName, ref: 'refs/heads/main' };
    await Promise.all([
      services.create('shop', {
        image,
        labels: {
          ...grantLabels('github', {
            repository: repository.fullName,
            ref: 'refs/tags/*',
            on: 'package,registry_package',
          }),
          'swarm-utils.update.image-allow': `${lab.registry.reference('mona/shop')}:v*`,
        },
      }),
      services.create('shop-on-push', { image, labels: grantLabels('github', { ...pushed, on: 'push' }) }),
      services.create('shop-oidc', { image, replicas: 0, labels: grantLabels('github', pushed) }),
      services.create('shop-released', {
        image,
        replicas: 0,
        labels: {
          ...grantLabels('github', { ...pushed, ref: 'refs/tags/v*', on: 'release' }),
          'swarm-utils.update.image': `${lab.registry.reference('mona/shop')}:{tag}`,
        },
      }),
      services.create('plain', { image, replicas: 0, labels: tokenLabels(plainToken) }),
      services.create('team', {
        image,
        replicas: 0,
        labels: grantLabels('gitlab', { repository: 'acme/team/shop', ref: 'refs/heads/main' }),
      }),
    ]);
  });
  after(() => stage?.close());

  const githubToken = () =>
    stage.deployment.githubIssuer.sign(
      githubClaims({
        aud: stage.deployment.audience,
        repository: repository.fullName,
        repository_id: `${repository.id}`,
        repository_owner: 'mona',
        repository_owner_id: `${repository.ownerId}`,
      }),
    );
  const gitlabToken = () =>
    stage.deployment.gitlabIssuer.sign(gitlabClaims({ aud: stage.deployment.audience }));
  const update = (serviceName: string, token: string, fields: object = {}) =>
    stage.deployment.api.post('/api/update/service', { serviceName, ...fields }, token);
  const sign = (event: string, payload: object) =>
    signGithubWebhook({
      event,
      payload,
      secret: stage.deployment.webhookSecret('github', repository.fullName),
    });
  const send = (webhook: InboundWebhook) => stage.deployment.api.webhook('github', webhook);
  const withNewGuid = ({ body, headers }: InboundWebhook): InboundWebhook => ({
    body,
    headers: { ...headers, 'x-github-delivery': '00000000-0000-4000-8000-000000000000' },
  });

  test('the several deliveries of one multi-arch push are one rollout, of the index', async () => {
    const { lab, services } = stage;
    const index = await lab.registry.tagIndex('app:2', 'mona/shop:v2');
    const packageUrl = lab.registry.reference('mona/shop:v2');
    const manifest = await lab.registry.digest('app:2');
    assert.notEqual(index, manifest);
    const event = (tag: string, digest: string, name: 'package' | 'registry_package' = 'package') => {
      const payload = githubPackage(name, { tag, digest }, {}, repository);
      const { package_version: version } = payload[name] as { package_version: { package_url: string } };
      version.package_url = tag === '' ? packageUrl.replace(/[^:]*$/, '') : packageUrl;
      return sign(name, payload);
    };
    let ids: readonly string[] = [];
    const changed = await stage.changedBy(async () => {
      const answers = await Promise.all(
        [
          event('', manifest),
          event('', `sha256:${'5a'.repeat(32)}`),
          event('v2', index),
          event('v2', index, 'registry_package'),
        ].map(send),
      );
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 200, 202, 202],
      );
      assert.match(answers[0]?.body.ignored, /no tag/);
      ids = [...new Set(answers.flatMap(({ body }) => body.operations.map(({ id }: { id: string }) => id)))];
      for (const id of ids) {
        assert.match((await stage.verdict(id)).status, /^(succeeded|unchanged)$/);
      }
    });
    assert.deepEqual(changed, ['shop']);
    assert.deepEqual(await services.runningImages('shop'), [`${packageUrl}@${index}`]);
    const statuses = await Promise.all(ids.map(async id => (await stage.verdict(id)).status));
    assert.equal(statuses.filter(status => status === 'succeeded').length, 1);
  });

  test('a redelivery gets the same ids and runs nothing again, also after a restart', async () => {
    const { lab, services, deployment } = stage;
    await lab.registry.tag('app:2', 'mona/shop:v1');
    const webhook = sign('push', githubPush({}, repository));
    const first = await send(webhook);
    assert.equal(first.status, 202);
    const [{ id }] = first.body.operations;
    const whileRunning = await send(withNewGuid(webhook));
    assert.deepEqual([whileRunning.status, whileRunning.text], [202, first.text]);
    assert.equal((await stage.verdict(id)).status, 'succeeded');
    const image = await services.image('shop-on-push');

    // What would be deployed if it ran again:
    await lab.registry.tag('app:3', 'mona/shop:v1');
    const again = await stage.withoutEffect(() => send(withNewGuid(webhook)));
    assert.deepEqual([again.status, again.text], [202, first.text]);
    await deployment.restart();
    const afterwards = await stage.withoutEffect(() => send(webhook));
    assert.deepEqual([afterwards.status, afterwards.text], [202, first.text]);
    assert.equal(await services.image('shop-on-push'), image);
    assert.deepEqual(await services.runningImages('shop-on-push'), [image]);
  });

  test('the two deliveries of one release start one update', async () => {
    const { lab } = stage;
    const digest = await lab.registry.tag('app:3', 'mona/shop:v1.2.3');
    const first = await send(sign('release', githubRelease({}, repository, 'published')));
    assert.equal((await stage.verdict(first.body.operations[0].id)).image.digest, digest);
    const second = await stage.withoutEffect(() =>
      send(sign('release', githubRelease({}, repository, 'released'))),
    );
    assert.deepEqual(second.body, first.body);
  });

  test('an OIDC token is good for one request: again it gets the same operation, for another it is refused', async () => {
    const { lab, services, deployment } = stage;
    const digest = await lab.registry.tag('app:2', 'mona/shop:once');
    const image = lab.registry.reference('mona/shop:once');
    const other = lab.registry.reference('mona/shop:v2');
    const token = githubToken();
    const first = await update('shop-oidc', token, { image });
    assert.equal(first.body.image.digest, digest);
    const check = async () => {
      const same = await stage.withoutEffect(() => update('shop-oidc', token, { image }));
      assert.deepEqual([same.status, same.body], [200, first.body]);
      for (const [name, fields] of [
        ['shop-oidc', { image: other }],
        ['shop-oidc', { image, isForce: true }],
        ['shop-oidc', {}],
      ] as const) {
        const refused = await stage.withoutEffect(() => update(name, token, fields));
        assert.deepEqual([refused.status, refused.body.error.code], [409, 'token_reused']);
      }
    };
    await check();
    await deployment.restart();
    await check();
    assert.equal(await services.image('shop-oidc'), `${image}@${digest}`);
  });

  test('while an issuer is down its tokens get 503, and all else goes on', async () => {
    const { lab, deployment } = stage;
    const { gitlabIssuer, api } = deployment;
    gitlabIssuer.fault = 'error';
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const { status, body, headers } = await stage.withoutEffect(() => update('team', gitlabToken()));
      assert.deepEqual([status, body.error.code], [503, 'issuer_unavailable']);
      assert.ok(Number(headers['retry-after']) > 0);
    }
    // It is not hammered.
    assert.deepEqual(gitlabIssuer.fetches, { discovery: 1, jwks: 0 });
    await lab.registry.tag('app:3', 'mona/shop:v1');
    assert.equal((await update('plain', plainToken)).body.status, 'succeeded');
    assert.equal((await update('shop-oidc', githubToken())).status, 200);
    const payload = githubPush({ after: '7'.repeat(40) }, repository);
    assert.equal((await send(sign('push', payload))).status, 202);
    const ping = await api.webhook(
      'gitlab',
      tokenGitlabWebhook({
        payload: { object_kind: 'note', project: { path_with_namespace: 'acme/team/shop' } },
        token: deployment.webhookSecret('gitlab', 'acme/team/shop'),
      }),
    );
    assert.equal(ping.status, 200);
  });
});
