import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { githubClaims } from '../fixtures/claims.ts';
import { githubPackage } from '../fixtures/github-payloads.ts';
import { signGithubWebhook } from '../fixtures/webhooks.ts';
import type { Answer } from './api-client.ts';
import { grantLabels, openStage, type Stage, tokenLabels, touchInTasks, untilStep } from './stage.ts';

const tokenA = 'the-token-of-a-1b7e';
const tokenB = 'the-token-of-b-90cc';
const mona = { fullName: 'mona/a', id: 501, ownerId: 77, isOrganizations: false };

describe('a plain token that deploys for another', { timeout: 300_000 }, () => {
  let stage: Stage;
  /** Of the repository that all of these services run. */
  let image: string;
  before(async () => {
    stage = await openStage();
    const { lab, services } = stage;
    const tags = {
      'team/a:main': 'app:1',
      'team/a:v2': 'app:2',
      'team/a:dev': 'app:3',
      'team/ab:v2': 'app:3',
      'team/a/evil:v2': 'app:3',
    };
    for (const [target, source] of Object.entries(tags)) {
      await lab.registry.tag(source, target);
    }
    await lab.privateRegistry.tag('app:3', 'team/a:v2');
    image = lab.registry.reference('team/a:v2');
    const running = lab.registry.reference('team/a:main');
    const tagged = { 'swarm-utils.update.image-allow': `${lab.registry.reference('team/a')}:v*` };
    const github = grantLabels('github', { repository: mona.fullName, ref: 'refs/heads/main' });
    const created: Readonly<Record<string, Record<string, string>>> = {
      back: tokenLabels(tokenA),
      'back-admin_api': tokenLabels(tokenB),
      b: tokenLabels(tokenB),
      'a-tagged': { ...tokenLabels(tokenA), ...tagged },
      'a-hashed': tokenLabels(`sha256:${createHash('sha256').update(tokenA).digest('hex')}`),
      'a-typo': { ...tokenLabels(tokenA), 'swarm-utils.update.image-alow': image },
      'a-oidc': { ...github, ...tagged },
      'a-package': {
        ...tagged,
        ...grantLabels('github', {
          repository: mona.fullName,
          ref: 'refs/heads/main',
          on: 'package',
        }),
      },
      'a-package-any': {
        ...grantLabels('github', {
          repository: mona.fullName,
          ref: 'refs/heads/main',
          on: 'package',
        }),
      },
    };
    await Promise.all([
      ...Object.entries(created).map(([name, labels]) =>
        services.create(name, { image: running, replicas: 0, labels }),
      ),
      services.create('busy', {
        image: running,
        labels: {
          ...tokenLabels(tokenA),
          'swarm-utils.update.exec-pre': 'while [ ! -e /tmp/go ]; do sleep 0.1; done',
        },
      }),
    ]);
  });
  after(() => stage?.close());

  const post = (body: object, token?: string) =>
    stage.deployment.api.post('/api/update/service', body, token);
  const attempt = (serviceName: string, token: string, fields: object = { image }) =>
    stage.withoutEffect(() => post({ serviceName, ...fields }, token));

  test("B's token on A is answered as if there were no A, to the letter", async () => {
    const nobody = await attempt('no-such-service', tokenB);
    assert.equal(nobody.status, 404);
    for (const name of ['back', 'a-hashed', 'a-tagged', 'a-oidc', 'a-typo', 'swarm-utils_swarm-utils']) {
      const answer = await attempt(name, tokenB);
      assert.deepEqual(comparable(answer), comparable(nobody), name);
    }
    // Not even what would be said of the image or of the labels is different.
    const { api } = stage.deployment;
    for (const fields of [{}, { image: 'evil.example/x' }, { isForce: true, waitRes: false }]) {
      assert.deepEqual(comparable(await attempt('a-typo', tokenB, fields)), comparable(nobody));
    }
    const read = async (path: string) => comparable(await api.get(path, tokenB));
    assert.deepEqual(await read('/api/services/back'), await read('/api/services/no-such-service'));
    assert.deepEqual(
      await read('/api/operations?serviceName=back'),
      await read('/api/operations?serviceName=no-such-service'),
    );
    const explain = (serviceName: string) =>
      stage.withoutEffect(() => api.post('/api/explain', { action: 'update', serviceName }, tokenB));
    assert.deepEqual(comparable(await explain('back')), comparable(await explain('no-such-service')));
    const listed = (await api.get('/api/services', tokenB)).body.services.map(
      ({ name }: { name: string }) => name,
    );
    assert.deepEqual(listed.sort(), ['b', 'back-admin_api']);
  });

  test('a token that is nobody’s gets one answer, whatever it is asked with and for', async () => {
    const hash = createHash('sha256').update(tokenA).digest('hex');
    const answers: Answer[] = [];
    for (const token of [
      'wrong',
      `${tokenA} `.trim().slice(1),
      tokenA.toUpperCase(),
      hash,
      `sha256:${hash}`,
    ]) {
      for (const name of ['back', 'a-hashed', 'no-such-service']) {
        answers.push(await attempt(name, token));
      }
    }
    answers.push(await stage.withoutEffect(() => post({ serviceName: 'back', image })));
    answers.push(await stage.withoutEffect(() => post({ serviceName: 'back', image, token: '' })));
    answers.push(await stage.deployment.api.get('/api/services/back', 'wrong'));
    for (const answer of answers) {
      assert.equal(answer.status, 401);
      assert.deepEqual(comparable(answer), comparable(answers[0]));
    }
  });

  test('a name that begins another, or is begun by it, or is an id, reaches that other in no way', async () => {
    for (const [name, token] of [
      ['back-admin_api', tokenA],
      ['back', tokenB],
    ] as const) {
      assert.equal((await attempt(name, token)).status, 404, name);
    }
    const engine = stage.lab.manager.engine();
    const { ID: id } = await engine.getService('back').inspect();
    for (const name of ['bac', 'back-admin', 'ack', 'Back', 'back-admin_ap', id, id.slice(0, 12)]) {
      assert.equal((await attempt(name, tokenA)).status, 404, name);
    }
    const changed = await stage.changedBy(() => post({ serviceName: 'back', image }, tokenA));
    assert.deepEqual(changed, ['back']);
    const longer = await stage.changedBy(() => post({ serviceName: 'back-admin_api', image }, tokenB));
    assert.deepEqual(longer, ['back-admin_api']);
  });

  test('a name that would do harm in a shell or in the Engine’s API does nothing', async () => {
    for (const name of [
      'back; docker service rm back',
      '$(touch /tmp/attacked)',
      '`id`',
      '../services/back',
      'back/../b',
      'back?version=1',
      'back\nx',
      'back%00',
      '',
      ' back',
      'x'.repeat(300),
    ]) {
      for (const token of [tokenA, stage.deployment.secrets.adminToken]) {
        const { status } = await attempt(name, token);
        assert.ok(status === 400 || status === 404, `${name}: ${status}`);
      }
    }
  });

  test('an image that image-allow does not name is refused, whatever it looks like', async () => {
    const { lab } = stage;
    const other = lab.privateRegistry.reference('team/a:v2');
    for (const [name, refused] of [
      // By default: the repository that runs, in the registry that it is from.
      ['back', other],
      ['back', lab.registry.reference('team/ab:v2')],
      ['back', lab.registry.reference('team/a/evil:v2')],
      ['back', lab.registry.reference('team:v2')],
      ['back', 'team/a:v2'],
      ['back', 'evil.example/team/a:v2'],
      ['a-tagged', lab.registry.reference('team/a:dev')],
      ['a-tagged', lab.registry.reference('team/a:xv2')],
      ['a-tagged', lab.registry.reference('team/a')],
      ['a-tagged', `${lab.registry.reference('team/a')}@${await lab.registry.digest('team/a:v2')}`],
      ['a-tagged', other],
    ] as const) {
      const { status, body } = await attempt(name, tokenA, { image: refused });
      assert.deepEqual([status, body.error.code], [422, 'image_not_allowed'], `${name} ${refused}`);
    }
    for (const malformed of [`${image}$(id)`, `${image};x`, '-x', '--force', `${image}@sha256:12`, '']) {
      assert.equal((await attempt('back', tokenA, { image: malformed })).status, 400, malformed);
    }
  });

  test('a tag that decorates the digest of another image does not pass a tag pattern', async () => {
    const { lab, services, deployment } = stage;
    const foreign = await lab.registry.digest('team/a:dev');
    const decorated = `${image}@${foreign}`;
    const before = await services.version('a-tagged');
    const { status, body } = await post({ serviceName: 'a-tagged', image: decorated }, tokenA);
    assert.deepEqual([status, body.error.code], [424, 'digest_mismatch']);
    const workload = deployment.githubIssuer.sign(
      githubClaims({
        aud: deployment.audience,
        repository: mona.fullName,
        repository_owner: 'mona',
      }),
    );
    const byOidc = await post({ serviceName: 'a-oidc', image: decorated }, workload);
    assert.deepEqual([byOidc.status, byOidc.body.error.code], [424, 'digest_mismatch']);
    assert.equal(await services.version('a-tagged'), before);
    const own = `${image}@${await lab.registry.digest('team/a:v2')}`;
    assert.equal((await post({ serviceName: 'a-tagged', image: own }, tokenA)).status, 200);
    assert.equal(await services.image('a-tagged'), own);
  });

  test('a package event that decorates a foreign digest, or meets no tag pattern, deploys nothing', async () => {
    const { lab, services, deployment } = stage;
    await lab.registry.tag('app:2', 'mona/a:v2');
    await lab.registry.tag('app:3', 'mona/a:dev');
    const event = (digest: string) => {
      const payload = githubPackage('package', { name: 'a', tag: 'v2', digest }, {}, mona);
      const { package_version: version } = payload.package as { package_version: { package_url: string } };
      version.package_url = lab.registry.reference('mona/a:v2');
      return signGithubWebhook({
        event: 'package',
        payload,
        secret: deployment.webhookSecret('github', mona.fullName),
      });
    };
    const webhook = event(await lab.registry.digest('app:2'));
    // The one wants another repository's images; the other has no pattern that could stand for a ref.
    const answer = await stage.withoutEffect(() => deployment.api.webhook('github', webhook));
    assert.deepEqual([answer.status, answer.body.operations], [200, []]);
    const allow = `swarm-utils.update.image-allow=${lab.registry.reference('mona/a')}:v*`;
    await lab.manager.docker(['service', 'update', '--quiet', '--label-add', allow, 'a-package']);
    const before = await services.version('a-package');
    const decorated = await deployment.api.webhook('github', event(await lab.registry.digest('app:3')));
    const [{ id }] = decorated.body.operations;
    assert.equal((await stage.verdict(id)).error.code, 'digest_mismatch');
    assert.equal(await services.version('a-package'), before);
  });

  test('labels that change between acceptance and execution count as they are then', async () => {
    const { lab, services, deployment } = stage;
    const { api } = deployment;
    const running = await services.image('busy');
    const first = (await post({ serviceName: 'busy', image, waitRes: false }, tokenA)).body;
    await untilStep(stage, first.id, 'exec-pre');
    const second = await post(
      { serviceName: 'busy', image: lab.registry.reference('team/a:dev'), waitRes: false },
      tokenA,
    );
    assert.deepEqual([second.status, second.body.status], [202, 'queued']);
    const relabel = [
      'service',
      'update',
      '--detach',
      '--quiet',
      '--label-add',
      'swarm-utils.update.token=new',
    ];
    assert.equal((await lab.manager.docker([...relabel, 'busy'])).exitCode, 0);
    assert.equal(await services.image('busy'), running);
    await touchInTasks(stage, 'busy', '/tmp/go');
    // The one that had begun goes no further than its hook, the other does not begin.
    for (const [id, steps] of [
      [first.id, ['resolve', 'exec-pre', 'rollout']],
      [second.body.id, []],
    ]) {
      const refused = await stage.verdict(id);
      assert.deepEqual([refused.status, refused.error.code], ['failed', 'not_authorized_any_more']);
      assert.deepEqual(
        refused.steps.map(({ name }: { name: string }) => name),
        steps,
      );
    }
    assert.equal(await services.image('busy'), running);
    assert.deepEqual(await services.runningImages('busy'), [running]);
    assert.equal((await api.get(`/api/operations/${first.id}`, tokenA)).status, 404);
  });
});

function comparable(answer: Answer | undefined): unknown {
  const { date: _, ...headers } = answer?.headers ?? {};
  return { status: answer?.status, text: answer?.text, headers };
}
