import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { variables } from '../../src/config-variables.ts';
import { githubClaims } from '../fixtures/claims.ts';
import { githubPush } from '../fixtures/github-payloads.ts';
import { gitlabJob, gitlabPush } from '../fixtures/gitlab-payloads.ts';
import { signGithubWebhook, signGitlabWebhook, tokenGitlabWebhook } from '../fixtures/webhooks.ts';
import type { Answer } from './api-client.ts';
import { createCanaryBackups, runCanaryBackups } from './canary-backups.ts';
import { misspeltOnNode, nodeSecrets, runCanaryCleans } from './canary-cleans.ts';
import { createCanaryServices, labelSecrets, misspelt } from './canary-services.ts';
import { sendTokensToWrongPlaces } from './canary-wrong-places.ts';
import { canarySecrets, serviceName } from './deployment.ts';
import { type HelperSightings, joinSightings, watchHelpers } from './helper-watch.ts';
import { findSecrets } from './secret-forms.ts';
import { openStage, type Stage } from './stage.ts';

/** Secret variables that nothing else of the deployment sets. */
const moreSecrets = {
  SWARM_UTILS_GITHUB_API_TOKEN: 'canary-github-api-token-3b1d',
  SWARM_UTILS_S3_ACCESS_KEY: 'canary-s3-access-key-81aa',
  SWARM_UTILS_S3_SECRET_KEY: 'canary+s3/secret key=90cf',
  SWARM_UTILS_RESTIC_PASSWORD: 'canary "restic" password \\ 4be2',
};
const registryAuthPassword = 'canary:registry-auth-password/77+1';
const otherAuthPassword = 'canary-other-registry-password-52';

describe('no secret is shown by anything', { timeout: 600_000 }, () => {
  let stage: Stage;
  let secrets: Record<string, string>;
  let sightings: HelperSightings;
  /** Every answer there was, with its headers. */
  const answers: Answer[] = [];
  before(async () => {
    stage = await openStage({}, ({ registry }) => {
      const auths = {
        [registry.address]: { auth: btoa(`somebody:${registryAuthPassword}`) },
        'other.example': { username: 'somebody', password: otherAuthPassword },
      };
      return { moreSecrets: { ...moreSecrets, SWARM_UTILS_REGISTRY_AUTH: JSON.stringify({ auths }) } };
    });
    const { deployment, lab } = stage;
    secrets = {
      ...canarySecrets,
      ...moreSecrets,
      registryAuthPassword,
      otherAuthPassword,
      ...labelSecrets,
      ...misspelt,
      ...misspeltOnNode,
      nodeToken: nodeSecrets['swarm-utils.clean.token'],
      registryPassword: lab.privateRegistry.password,
      webhookSecret: deployment.webhookSecret('github', 'mona/shop'),
      projectToken: deployment.webhookSecret('gitlab', 'team/shop'),
    };
    await createCanaryServices(stage, Object.values({ ...canarySecrets, ...moreSecrets }));
    const s3 = await lab.startS3();
    Object.assign(secrets, { labAccessKey: s3.accessKey, labSecretKey: s3.secretKey });
    await createCanaryBackups(stage, s3, Object.values(moreSecrets));
  });
  after(() => stage?.close());

  const keep = async (answer: Promise<Answer>) => {
    answers.push(await answer);
    return answers.at(-1) as Answer;
  };
  const assertNone = (what: string, text: string) => {
    const found = findSecrets(text, secrets);
    assert.deepEqual(found, [], `${what}: ${text.slice(0, 20_000)}`);
  };

  test('what looks for secrets finds those that are there for their owner to see', async () => {
    const { Spec } = await stage.lab.manager.engine().getService('hooks').inspect();
    const found = findSecrets(JSON.stringify(Spec), secrets);
    const expected = [
      ...Object.keys(canarySecrets),
      ...Object.keys(moreSecrets),
      ...Object.keys(labelSecrets),
    ];
    assert.deepEqual([...found].sort(), expected.sort());
  });

  test('every secret variable holds one', async () => {
    const service = await stage.lab.manager.engine().getService(serviceName).inspect();
    const env: readonly string[] = service.Spec.TaskTemplate.ContainerSpec.Env;
    const given = env.map(entry => entry.slice(0, entry.indexOf('=')));
    const secretVariables = [...variables].filter(([, { isSecret }]) => isSecret).map(([name]) => name);
    const missing = secretVariables.filter(name => !given.includes(`${name}_FILE`));
    // A manager that is reached by its socket has no use for three of them, and a certificate is public.
    assert.deepEqual(missing.sort(), [
      'SWARM_UTILS_DOCKER_TLS_CA',
      'SWARM_UTILS_DOCKER_TLS_CERT',
      'SWARM_UTILS_DOCKER_TLS_KEY',
      'SWARM_UTILS_S3_CA',
    ]);
  });

  test('every kind of update runs, well and badly, and its helpers are watched', async () => {
    const { lab, deployment } = stage;
    const { api } = deployment;
    const token = labelSecrets['swarm-utils.update.token'];
    const update = async (name: string, image: string, status: number, code?: string) => {
      const answer = await keep(api.post('/api/update/service', { serviceName: name, image }, token));
      assert.deepEqual([answer.status, answer.body.error?.code], [status, code], `${name}: ${answer.text}`);
    };
    sightings = await watchHelpers(lab, () =>
      Promise.all([
        update('hooks', lab.images.app['2'], 200),
        update('hook-fails', lab.images.app['2'], 424, 'exec_failed'),
        update('crashes', lab.images.app['2'], 424, 'update_paused'),
        update('login-by-label', lab.images.privateApp['2'], 200),
        update('login-by-environment', lab.images.privateApp['2'], 200),
        update('login-is-wrong', lab.images.privateApp['2'], 424, 'registry_unauthorized'),
        update('login-is-missing', 'nowhere.example/app:1', 424, 'registry_credentials_missing'),
        update('image-is-missing', `${lab.registry.address}/app:none`, 424, 'image_not_found'),
        update('misspelt', lab.images.app['2'], 422, 'label_fault'),
      ]),
    );
    assert.ok(sightings.services.length >= 5, `${sightings.services.length} helpers`);
    assert.ok(sightings.containers.length >= 5, `${sightings.containers.length} containers of helpers`);
    // What was printed is there, without the secrets.
    for (const name of ['hooks', 'hook-fails', 'crashes']) {
      const answer = answers.find(({ body }) => body.target?.name === name);
      assert.match(answer?.text ?? '', /"leak: \[redacted\]( \[redacted\])+"/, name);
    }
  });

  test('every kind of clean runs, well and badly, and its helpers are watched', async () => {
    const seen = await runCanaryCleans(stage, keep);
    assert.ok(seen.services.length >= 5, `${seen.services.length} helpers`);
    sightings = joinSightings(sightings, seen);
    for (const name of ['hooks', 'hook-fails']) {
      const answer = answers.findLast(({ body }) => body?.action === 'clean' && body.target?.name === name);
      assert.match(answer?.text ?? '', /"leak: \[redacted\]( \[redacted\])+"/, name);
    }
  });

  test('every kind of backup and restore runs, well and badly, and its helpers are watched', async () => {
    const seen = await runCanaryBackups(stage, keep);
    assert.ok(seen.services.length >= 30, `${seen.services.length} helpers`);
    assert.ok(seen.containers.length >= 30, `${seen.containers.length} containers of helpers`);
    // Each has a look at what is secret of it, and what was stopped stands in a config.
    assert.ok(seen.secrets.length >= 10, `${seen.secrets.length} secrets`);
    assert.ok(seen.printed.length >= 10, `${seen.printed.length} outputs`);
    assert.ok(seen.configs.length >= 3, `${seen.configs.length} configs`);
    sightings = joinSightings(sightings, seen);
    const leak = answers.find(
      ({ body }) => body?.action === 'backup' && body.target?.name === 'backup-offen',
    );
    assert.match(leak?.text ?? '', /"leak: \[redacted\]( \[redacted\])+"/);
  });

  test('tokens come in wrong places', async () => {
    const { githubIssuer, audience } = stage.deployment;
    const jwt = githubIssuer.sign(githubClaims({ aud: audience, repository: 'mona/shop' }));
    const expired = githubIssuer.sign(githubClaims({ aud: audience, exp: 1 }));
    secrets.jwt = jwt.split('.')[2] ?? '';
    secrets.expired = expired.split('.')[2] ?? '';
    await sendTokensToWrongPlaces(stage, keep, [jwt, expired]);
  });

  test('webhooks come signed and forged', async () => {
    const { api, gitlabIssuer } = stage.deployment;
    const { webhookSecret = '', projectToken = '' } = secrets;
    const shop = { fullName: 'mona/shop', id: 501, ownerId: 77, isOrganizations: false };
    const team = { path: 'team/shop', id: 20 };
    const signingToken = canarySecrets.gitlabSigningToken;
    for (const secret of [
      webhookSecret,
      canarySecrets.webhookMasterKey,
      canarySecrets.organizationWebhookSecret,
    ]) {
      for (const provider of ['github', 'github-org']) {
        const webhook = signGithubWebhook({ event: 'push', payload: githubPush({}, shop), secret });
        await keep(api.webhook(provider, webhook));
        const headers = { ...webhook.headers, 'x-hub-signature-256': secret, 'x-github-event': secret };
        await keep(api.webhook(provider, { ...webhook, headers }));
      }
    }
    for (const token of [projectToken, canarySecrets.webhookMasterKey, signingToken, 'canary-forged-e3']) {
      await keep(api.webhook('gitlab', tokenGitlabWebhook({ payload: gitlabPush({}, team), token })));
    }
    await keep(
      api.webhook(
        'gitlab',
        signGitlabWebhook({ payload: gitlabPush({}, { path: 'signed/a', id: 1 }), signingToken }),
      ),
    );
    // For these GitLab is asked, with the API token, about the ref.
    for (const fault of [undefined, 'error', 'redirect'] as const) {
      gitlabIssuer.fault = fault;
      const payload = gitlabJob({ build_id: fault }, team);
      await keep(api.webhook('gitlab', tokenGitlabWebhook({ payload, token: projectToken })));
    }
    gitlabIssuer.fault = undefined;
    assert.ok(answers.some(({ status }) => status === 202));
  });

  test('no answer holds a secret, nor what can be read afterwards', async () => {
    const { api } = stage.deployment;
    const { adminToken } = canarySecrets;
    const { body } = await keep(api.get('/api/operations?limit=200', adminToken));
    for (const { id } of body.operations) {
      await stage.verdict(id);
      await keep(api.get(`/api/operations/${id}`, adminToken));
      await keep(api.get(`/api/operations/${id}/events`, adminToken));
    }
    const services = await keep(api.get('/api/services', adminToken));
    for (const { name } of services.body.services) {
      await keep(api.get(`/api/services/${name}`, adminToken));
    }
    assert.ok(answers.length > 100);
    for (const { status, headers, text } of answers) {
      assertNone('an answer', `${status} ${JSON.stringify(headers)} ${text}`);
    }
  });

  test('no helper, nor its task or container, holds a secret', () => {
    for (const [kind, seen] of Object.entries(sightings)) {
      for (const json of seen) {
        assertNone(kind, json);
      }
    }
  });

  test('the log holds no secret, misspelt labels in it have no value', async () => {
    // Labels are looked at when it starts.
    await stage.deployment.restart();
    const log = await stage.deployment.logs();
    for (const event of [
      'access.refused',
      'access.denied',
      'operation.finished',
      'label.fault',
      'stop.end',
    ]) {
      assert.match(log, new RegExp(`"event":"${event}"`));
    }
    for (const label of [...Object.keys(misspelt), ...Object.keys(misspeltOnNode)]) {
      assert.ok(log.includes(`"label":"${label}","value":"[redacted]"`), label);
    }
    for (const line of log.split('\n')) {
      assertNone('the log', line);
    }
  });

  test('the files that it keeps hold no secret', async () => {
    const container = stage.lab.manager.engine().getContainer(await stage.deployment.containerId());
    const { Mounts: mounts } = await container.inspect();
    // The node's disk is a folder of this machine.
    const folder = mounts.find(({ Destination }) => Destination === '/data')?.Source ?? '';
    const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter(file =>
      file.isFile(),
    );
    const contents = await Promise.all(
      files.map(file => readFile(join(file.parentPath, file.name), 'latin1')),
    );
    const text = contents.join('\n');
    assert.ok(text.includes('SQLite format 3') && text.includes('login-is-wrong'));
    assert.deepEqual(findSecrets(text, secrets), []);
  });

  test('a start that fails for its configuration names no value', async () => {
    const service = await stage.lab.manager.engine().getService(serviceName).inspect();
    const wrong = {
      SWARM_UTILS_WEBHOOK_MASTER_KEY: 'canary-short-f1',
      SWARM_UTILS_REGISTRY_AUTH: '{"auths": {"registry.example": {"auth": "canary-f3"}}}',
      SWARM_UTILS_GITLAB_SIGNING_TOKENS: '{"a/b": "canary-f4"}',
      SWARM_UTILS_GITHUB_ORG_WEBHOOK_SECRET: 'canary f5\u0007',
      SWARM_UTILS_DOCKER_TLS_KEY: 'canary-f6',
      SWARM_UTILS_ADMIN_TOKEN_LIST: 'sha256:canary-f7',
      SWARM_UTILS_ADMIN_TOKENS: 'canary-f8',
      SWARM_UTILS_REGISTRY_PASWORD: 'canary-f9',
    };
    const { exitCode, stdout, stderr } = await stage.lab.manager.docker([
      ...['run', '--rm', ...Object.entries(wrong).flatMap(([name, value]) => ['--env', `${name}=${value}`])],
      service.Spec.TaskTemplate.ContainerSpec.Image,
    ]);
    assert.equal(exitCode, 1, stderr);
    assert.match(stderr, /SWARM_UTILS_WEBHOOK_MASTER_KEY/);
    assert.doesNotMatch(stdout + stderr, /canary[- ]/);
  });
});
