import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { decodeSigningToken, verifyStandardWebhook } from '../../providers/standard-webhook.ts';
import { isSignedBy, webhookSecret } from '../../providers/webhook-secret.ts';
import {
  gitlabDeletion,
  gitlabDeployment,
  gitlabJob,
  gitlabMergeRequest,
  gitlabPipeline,
  gitlabPush,
  gitlabRelease,
  gitlabTagPush,
} from '../fixtures/gitlab-payloads.ts';
import { signGithubWebhook, signGitlabWebhook, tokenGitlabWebhook } from '../fixtures/webhooks.ts';
import type { Answer } from './api-client.ts';
import { grantLabels, openStage, type Stage } from './stage.ts';

interface Example {
  readonly repository?: { readonly full_name: string };
}
interface Definition {
  readonly name: string;
  readonly examples: readonly Example[];
}

const require = createRequire(import.meta.url);
const servers = ['api.github.com', 'ghes-31', 'ghes-32', 'ghes-33', 'ghes-34', 'ghes-35'];
const definitionsOf = (server: string) =>
  require(`@octokit/webhooks-examples/${server}/index.json`) as readonly Definition[];

/**
 * Of the events that can start something: how many examples get which answer, by the path they come by. 401: another
 * organisation's, or, for a webhook of repositories, an organisation's.
 */
const expected: Readonly<Record<string, Readonly<Record<'github' | 'github-org', Record<string, number>>>>> =
  {
    ping: { github: { 200: 3, 401: 1 }, 'github-org': { 401: 4 } },
    push: { github: { 200: 4, 202: 3 }, 'github-org': { 200: 2, 202: 3, 401: 2 } },
    // npm packages: none is a container image.
    package: { github: { 200: 3 }, 'github-org': { 200: 2, 401: 1 } },
    workflow_run: { github: { 200: 3, 202: 2 }, 'github-org': { 200: 1, 401: 4 } },
    release: { github: { 200: 9, 202: 4 }, 'github-org': { 200: 9, 202: 4 } },
    deployment: { github: { 200: 1, 202: 3 }, 'github-org': { 200: 3, 401: 1 } },
  };
const named = Object.keys(expected);

describe('webhooks as the platforms send them', { timeout: 300_000 }, () => {
  let stage: Stage;
  before(async () => {
    // Whose name most examples have.
    stage = await openStage({
      SWARM_UTILS_GITHUB_ORG_NAME: 'Codertocat',
      SWARM_UTILS_GITHUB_ORG_ID: '',
    });
    const { lab, services } = stage;
    const github = { repository: 'Codertocat/Hello-World,octo-org/octo-repo' };
    const ref = 'refs/heads/*,refs/tags/*';
    const event = 'push,workflow_dispatch,repository_dispatch,release,dynamic';
    const on = 'package,registry_package,workflow_run,release,push,deployment';
    const orgGrant = { repository: 'Codertocat/*', event, on };
    const project = { repository: 'acme/team/shop', on: 'pipeline,job,deployment,release,tag_push,push' };
    const created = {
      'of-github': grantLabels('github', { ...github, ref, event, on }),
      'of-github-environments': grantLabels('github', { ...github, environment: 'production', event, on }),
      'of-organization': grantLabels('github-org', { ...orgGrant, ref }),
      'of-gitlab': grantLabels('gitlab', { ...project, ref, 'ref-protected': 'false' }),
      'of-gitlab-environments': grantLabels('gitlab', {
        ...project,
        environment: 'production',
        'ref-protected': 'false',
      }),
    };
    await Promise.all(
      Object.entries(created).map(([name, labels]) =>
        services.create(name, { image: lab.images.app['1'], replicas: 0, labels }),
      ),
    );
  });
  after(() => stage?.close());

  const send = (provider: 'github' | 'github-org', event: string, payload: Example): Promise<Answer> => {
    const { deployment } = stage;
    const secret =
      provider === 'github-org' || payload.repository === undefined
        ? deployment.secrets.organizationWebhookSecret
        : deployment.webhookSecret('github', payload.repository.full_name);
    return deployment.api.webhook(provider, signGithubWebhook({ event, payload, secret }));
  };

  for (const provider of ['github', 'github-org'] as const) {
    test(`every example of the events that can start something is taken or refused with a reason by ${provider}`, async () => {
      for (const { name: event, examples } of definitionsOf('api.github.com')) {
        if (!named.includes(event)) {
          continue;
        }
        const answers = await Promise.all(examples.map(payload => send(provider, event, payload)));
        for (const answer of answers) {
          assertReasoned(answer);
        }
        const counts = Object.groupBy(answers, ({ status }) => String(status));
        assert.deepEqual(
          Object.fromEntries(Object.entries(counts).map(([status, list]) => [status, list?.length])),
          expected[event]?.[provider],
          event,
        );
        await assertVerdicts(stage, answers);
      }
    });
  }

  test('every example of every other event, of every GitHub there is, starts nothing and is no fault', async () => {
    let count = 0;
    await stage.withoutEffect(async () => {
      let last: Answer | undefined;
      for (const server of servers) {
        for (const { name: event, examples } of definitionsOf(server)) {
          if (named.includes(event)) {
            continue;
          }
          const answers = await Promise.all(
            examples.flatMap(payload => [send('github', event, payload), send('github-org', event, payload)]),
          );
          for (const answer of answers) {
            assertReasoned(answer);
            assert.notEqual(answer.status, 202, event);
          }
          count += answers.length;
          last = answers.at(-1);
        }
      }
      assert.ok(last);
      return last;
    });
    assert.ok(count > 1000, `${count}`);
  });

  test('every example under the name of an event that can start something is no fault', async () => {
    const examples = definitionsOf('api.github.com').flatMap(({ name, examples: [first] }) =>
      first === undefined || named.includes(name) ? [] : [first],
    );
    for (const event of ['push', 'workflow_run', 'package', 'registry_package', 'release', 'deployment']) {
      const answers = await Promise.all(examples.map(payload => send('github', event, payload)));
      for (const answer of answers) {
        assertReasoned(answer);
        assert.ok(answer.status === 400 || answer.status === 401 || answer.status === 200, answer.text);
      }
    }
  });

  test('every kind of webhook of GitLab is taken or ignored with a reason', async () => {
    const { deployment } = stage;
    const token = deployment.webhookSecret('gitlab', 'acme/team/shop');
    const cases: readonly (readonly [status: number, payload: Record<string, unknown>])[] = [
      [202, gitlabPush()],
      [202, gitlabTagPush()],
      [202, gitlabPipeline()],
      [202, gitlabPipeline({ ref: 'v1', tag: true })],
      [202, gitlabJob()],
      [202, gitlabRelease()],
      [202, gitlabDeployment()],
      [200, gitlabDeletion('push')],
      [200, gitlabDeletion('tag_push')],
      [200, gitlabPipeline({ status: 'running' })],
      [200, gitlabPipeline({ source: 'merge_request_event' }, undefined, gitlabMergeRequest())],
      [200, gitlabJob({ build_status: 'failed' })],
      [200, gitlabDeployment({ status: 'running' })],
      [200, gitlabRelease({ action: 'delete' })],
      [200, gitlabPush({ object_kind: 'wiki_page' })],
      [400, gitlabPush({ ref: 7 })],
      [400, gitlabPipeline({ sha: 'x' })],
      [400, { ...gitlabPush(), object_kind: undefined }],
    ];
    const answers: Answer[] = [];
    for (const [status, payload] of cases) {
      const answer = await deployment.api.webhook('gitlab', tokenGitlabWebhook({ payload, token }));
      assertReasoned(answer);
      assert.equal(answer.status, status, `${JSON.stringify(payload)}: ${answer.text}`);
      answers.push(answer);
    }
    await assertVerdicts(stage, answers);
    const other = { path: 'signed/other', id: 21 };
    const signed = await deployment.api.webhook(
      'gitlab',
      signGitlabWebhook({
        payload: gitlabPush({}, other),
        signingToken: deployment.secrets.gitlabSigningToken,
      }),
    );
    assert.deepEqual([signed.status, signed.body.operations], [200, []]);
  });
});

describe('published signatures', () => {
  test("GitHub's own, and those of adnanh/webhook, verify", () => {
    for (const [secret, body, hex] of [
      [
        "It's a Secret to Everybody",
        'Hello, World!',
        '757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
      ],
      ['secret', '{"a": "z"}', 'f417af3a21bd70379b5796d5f013915e7029f62c580fb0f500f59a35a6f04c89'],
      ['secret', '', 'f9e66e179b6747ae54108f82f8ade8b3c25d76fd30afde6c395822c530196169'],
    ] as const) {
      assert.ok(isSignedBy(secret, Buffer.from(body), `sha256=${hex}`), body);
      assert.ok(!isSignedBy(secret, Buffer.from(`${body} `), `sha256=${hex}`));
      assert.ok(!isSignedBy(`${secret}x`, Buffer.from(body), `sha256=${hex}`));
    }
  });

  test('that of Standard Webhooks, and one in the form of GitLab, verify', () => {
    for (const { token, id, timestamp, body, signature } of [
      {
        token: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
        id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
        timestamp: '1614265330',
        body: '{"test": 2432232314}',
        signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
      },
      {
        token: 'whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=',
        id: 'f5e5f430-f57b-4e6e-9fac-d9128cd7232f',
        timestamp: '1776988800',
        body: '{"object_kind":"push"}',
        signature: 'v1,3E3Lo6+w0AeT+w8yaIQwPbNMIoEKRNQOyv0fzYr2ugw=',
      },
    ]) {
      const keys = [decodeSigningToken(token)];
      const now = new Date(Number(timestamp) * 1000);
      const webhook = (text: string) => ({
        body: Buffer.from(text),
        headers: { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature },
      });
      assert.equal(verifyStandardWebhook(keys, webhook(body), now), id);
      assert.equal(verifyStandardWebhook(keys, webhook(`${body} `), now), undefined);
    }
  });

  test('a repository’s secret is what the documentation derives', () => {
    const key = 'a master key of at least 32 characters';
    for (const provider of ['github', 'gitlab'] as const) {
      const text = `swarm-utils/webhook/v1/${provider}/acme/shop`;
      const derived = createHmac('sha256', key).update(text).digest('base64url');
      assert.equal(webhookSecret(key, provider, 'Acme/Shop'), derived);
    }
  });
});

/** Taken, ignored in words, or refused in words; never a fault of ours. */
function assertReasoned({ status, body, text }: Answer): void {
  assert.ok([200, 202, 400, 401].includes(status), `${status}: ${text}`);
  const hasReason =
    status === 202
      ? body.operations.length > 0
      : status === 200
        ? typeof body.ignored === 'string'
        : typeof body.error.message === 'string';
  assert.ok(hasReason, text);
}

/** What was started came to a good end. */
async function assertVerdicts(stage: Stage, answers: readonly Answer[]): Promise<void> {
  const ids = answers.flatMap(({ body }) => (body.operations ?? []).map(({ id }: { id: string }) => id));
  for (const id of new Set<string>(ids)) {
    assert.match((await stage.verdict(id)).status, /^(succeeded|unchanged)$/);
  }
}
