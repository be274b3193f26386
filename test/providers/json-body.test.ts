import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { createGithubWebhooks } from '../../providers/github.ts';
import { createGithubOrgWebhooks } from '../../providers/github-org.ts';
import { createGitlabWebhooks } from '../../providers/gitlab.ts';
import { parseJsonBody, parseUnverifiedBody } from '../../providers/json-body.ts';
import type { InboundWebhook } from '../../providers/provider.ts';
import { webhookSecret } from '../../providers/webhook-secret.ts';
import { githubPush } from '../fixtures/github-payloads.ts';
import { gitlabPush } from '../fixtures/gitlab-payloads.ts';
import { signGithubWebhook, tokenGitlabWebhook } from '../fixtures/webhooks.ts';

const masterKey = 'a master key of at least 32 characters';
const MAX_VALUES = 250_000;
const MAX_BYTES = 5 * 1024 * 1024;
const refusal = {
  code: 'invalid_credential',
  message: 'larger than what is parsed before it is verified',
};

const request = (body: string | Buffer): InboundWebhook => ({
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(body),
});

/** Counts what is parsed while a test runs. */
const countParses = (context: TestContext) => context.mock.method(JSON, 'parse').mock;

suite('an unverified body', () => {
  for (const [what, unit, perUnit] of [
    ['objects', '{}', 2],
    ['lists', '[]', 2],
    ['numbers', '0', 1],
    ['fields', '"k":0', 1],
    ['empty texts', '""', 1],
  ] as const) {
    test(`of 250 000 ${what} is parsed, and one more is too many`, context => {
      const [start, end] = what === 'fields' ? ['{', '}'] : ['{"x":[', ']}'];
      // What stands around the units is counted too.
      const around = what === 'fields' ? 0 : 1;
      const bodyOf = (count: number) => request(start + `${unit},`.repeat(count - 1) + unit + end);
      const most = Math.floor((MAX_VALUES - around) / perUnit);
      assert.ok(parseUnverifiedBody(bodyOf(most)));
      const parses = countParses(context);
      assert.throws(() => parseUnverifiedBody(bodyOf(most + 1)), refusal);
      assert.equal(parses.callCount(), 0);
    });
  }

  test('that is nested deeply is not parsed', context => {
    const parses = countParses(context);
    const deep = `{"x":${'['.repeat(MAX_VALUES)}${']'.repeat(MAX_VALUES)}}`;
    assert.throws(() => parseUnverifiedBody(request(deep)), refusal);
    assert.equal(parses.callCount(), 0);
  });

  test('of one text of 5 MiB is parsed, and a byte more is too much', context => {
    const text = `{"x":"${'y'.repeat(MAX_BYTES - 8)}"}`;
    assert.ok(parseUnverifiedBody(request(text)));
    const parses = countParses(context);
    assert.throws(() => parseUnverifiedBody(request(`${text} `)), refusal);
    assert.equal(parses.callCount(), 0);
  });

  test('that names what is read at its end is no way around', () => {
    const late = `{"x":[${'{},'.repeat(MAX_VALUES)}0],"repository":{"full_name":"acme/shop"}}`;
    assert.throws(() => parseUnverifiedBody(request(late)), refusal);
  });
});

test('a verified body may have more', () => {
  const body = `{"x":[${'{},'.repeat(MAX_VALUES)}0]}`;
  assert.ok(parseJsonBody(request(body)));
});

suite('a webhook with more values than an unverified body may have', () => {
  const padding = Array.from({ length: MAX_VALUES }, () => 0);
  const secret = 'the secret of the organisation';

  test('is refused on /webhooks/github, however it is signed, and is not parsed', async context => {
    const github = createGithubWebhooks({ masterKey });
    const signed = signGithubWebhook({
      event: 'push',
      payload: githubPush({ padding }),
      secret: webhookSecret(masterKey, 'github', 'acme/shop'),
    });
    const parses = countParses(context);
    await assert.rejects(github.verifyWebhook(signed), refusal);
    assert.equal(parses.callCount(), 0);
    assert.equal(github.maxBodyBytes, MAX_BYTES);
  });

  test('is refused on /webhooks/gitlab, whatever its token, and is not parsed', async context => {
    const gitlab = createGitlabWebhooks({ masterKey, now: () => new Date() });
    const hook = tokenGitlabWebhook({
      payload: { ...gitlabPush(), padding },
      token: webhookSecret(masterKey, 'gitlab', 'acme/team/shop'),
    });
    const parses = countParses(context);
    await assert.rejects(gitlab.verifyWebhook(hook), refusal);
    assert.equal(parses.callCount(), 0);
    assert.equal(gitlab.maxBodyBytes, MAX_BYTES);
  });

  test('is taken on /webhooks/github-org when it is signed, and not parsed when it is not', async context => {
    const organization = createGithubOrgWebhooks({ organization: { name: 'acme' }, secret });
    const signed = signGithubWebhook({ event: 'push', payload: githubPush({ padding }), secret });
    assert.equal((await organization.verifyWebhook(signed)).kind, 'delivery');
    const parses = countParses(context);
    const forged = { ...signed, body: Buffer.concat([signed.body, Buffer.from(' ')]) };
    await assert.rejects(organization.verifyWebhook(forged), { code: 'invalid_credential' });
    assert.equal(parses.callCount(), 0);
    assert.equal(organization.maxBodyBytes, 25 * 1024 * 1024);
  });
});
