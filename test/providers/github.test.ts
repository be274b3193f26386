import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createGithubWebhooks } from '../../providers/github.ts';
import { createGithubOrgWebhooks } from '../../providers/github-org.ts';
import type { InboundWebhook } from '../../providers/provider.ts';
import { webhookSecret } from '../../providers/webhook-secret.ts';
import {
  acmeShop,
  type GithubRepository,
  githubPing,
  githubPush,
  githubSha,
} from '../fixtures/github-payloads.ts';
import { signGithubWebhook } from '../fixtures/webhooks.ts';

const masterKey = 'a master key of at least 32 characters';
const ours = webhookSecret(masterKey, 'github', 'acme/shop');
const theirs = webhookSecret(masterKey, 'github', 'mallory/evil');
const evil: GithubRepository = { fullName: 'mallory/evil', id: 666, ownerId: 667, isOrganizations: false };
const invalid = { name: 'ProviderError', code: 'invalid_credential' };
const malformed = { name: 'ProviderError', code: 'malformed' };

const push = (overrides = {}) =>
  signGithubWebhook({ event: 'push', payload: githubPush(), secret: ours, ...overrides });

describe('a webhook of a repository', () => {
  const github = createGithubWebhooks({ masterKey });

  test('is a delivery of that repository', async () => {
    const { replayKey, ...delivery } = (await github.verifyWebhook(push())) as { replayKey: string };
    assert.match(replayKey, /^[0-9a-f]{64}$/);
    assert.deepEqual(delivery, {
      kind: 'delivery',
      event: 'push',
      identity: {
        provider: 'github',
        repository: 'acme/shop',
        claimedRepositoryId: '456789',
        ref: 'refs/heads/main',
        actor: 'octocat',
      },
      sha: githubSha,
      branch: 'main',
    });
  });

  test('keeps the platform’s case, and is found in any', async () => {
    const payload = githubPush({}, { ...acmeShop, fullName: 'Acme/Shop' });
    const delivery = await github.verifyWebhook(push({ payload }));
    assert.equal(delivery.kind === 'delivery' && delivery.identity.repository, 'Acme/Shop');
  });

  test('has the same replay key for every redelivery, whatever its unsigned headers say', async () => {
    const redelivery = push({ headers: { 'x-github-delivery': 'another', 'x-github-hook-id': '1' } });
    const [one, other] = await Promise.all([github.verifyWebhook(push()), github.verifyWebhook(redelivery)]);
    assert.equal(one.kind === 'delivery' && one.replayKey, other.kind === 'delivery' && other.replayKey);
    const different = await github.verifyWebhook(push({ payload: githubPush({ forced: true }) }));
    assert.notEqual(
      one.kind === 'delivery' && one.replayKey,
      different.kind === 'delivery' && different.replayKey,
    );
  });

  test('proves no repository id: B’s maintainer can sign A’s id with B’s secret', async () => {
    const payload = githubPush({}, { ...evil, id: acmeShop.id });
    const delivery = await github.verifyWebhook(push({ payload, secret: theirs }));
    assert.ok(delivery.kind === 'delivery');
    assert.equal(delivery.identity.repository, 'mallory/evil');
    assert.equal('repositoryId' in delivery.identity, false);
    assert.equal(delivery.identity.claimedRepositoryId, '456789');
  });

  for (const [what, request] of Object.entries<InboundWebhook>({
    'signed with the secret of another repository': push({ secret: theirs }),
    'of another repository, signed with ours': push({ payload: githubPush({}, evil) }),
    'signed with the master key': push({ secret: masterKey }),
    'signed with the secret of the same path on GitLab': push({
      secret: webhookSecret(masterKey, 'gitlab', 'acme/shop'),
    }),
    'without a signature': push({ headers: { 'x-hub-signature-256': undefined } }),
    'with the signature of SHA-1 only': push({
      headers: { 'x-hub-signature-256': undefined, 'x-hub-signature': `sha1=${'0'.repeat(40)}` },
    }),
    'whose body was changed': {
      ...push(),
      body: Buffer.from(JSON.stringify(githubPush({ ref: 'refs/heads/x' }))),
    },
    'whose body has a space more': { ...push(), body: Buffer.concat([push().body, Buffer.from(' ')]) },
    'without a body': { ...push(), body: Buffer.alloc(0) },
    'that names no repository': push({ payload: { ...githubPush(), repository: undefined } }),
    'that names no repository, signed for nobody': push({
      payload: { ...githubPush(), repository: undefined },
      secret: webhookSecret(masterKey, 'github', 'nobody/nothing'),
    }),
    'that names the repository as something else': push({
      payload: { repository: { full_name: ['acme/shop'] } },
    }),
    'that names the repository with a path in it': push({
      payload: { repository: { full_name: 'acme/shop/..' } },
    }),
    'that is text': push({ payload: '"acme/shop"' }),
    'that is a list': push({ payload: [githubPush()] }),
    'that is not JSON': push({ payload: '{"repository":{"full_name":"acme/shop"}' }),
    'that is not UTF-8': {
      ...push(),
      body: Buffer.from('7b22f8a1a1a1a1227d', 'hex'),
    },
    'sent as a form': push({
      payload: `payload=${encodeURIComponent(JSON.stringify(githubPush()))}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    }),
    'sent as text': push({ headers: { 'content-type': 'text/plain' } }),
    'sent as nothing': push({ headers: { 'content-type': undefined } }),
  })) {
    test(`${what} is refused`, async () => {
      const refusal = await github.verifyWebhook(request).then(
        () => assert.fail('accepted'),
        error => error,
      );
      assert.equal(refusal.code, 'invalid_credential');
      assert.equal(refusal.message, 'not signed with the secret of the repository that it names');
    });
  }

  test('with two repositories is the one that is signed for', async () => {
    const twice = JSON.stringify(githubPush()).replace(
      '{',
      '{"repository":{"full_name":"mallory/evil","id":1},',
    );
    await assert.rejects(github.verifyWebhook(push({ payload: twice, secret: theirs })), invalid);
    const delivery = await github.verifyWebhook(push({ payload: twice }));
    assert.equal(delivery.kind === 'delivery' && delivery.identity.repository, 'acme/shop');
  });

  test('can’t change what objects are', async () => {
    const payload = JSON.stringify(githubPush()).replace(
      '{',
      '{"__proto__":{"deleted":true},"constructor":1,',
    );
    assert.equal((await github.verifyWebhook(push({ payload }))).kind, 'delivery');
  });

  test('may name its character set', async () => {
    const request = push({ headers: { 'content-type': 'application/json; charset=utf-8' } });
    assert.equal((await github.verifyWebhook(request)).kind, 'delivery');
  });

  test('that is a ping starts nothing', async () => {
    const payload = githubPing({ ...acmeShop, isOrganizations: false });
    const delivery = await github.verifyWebhook(push({ event: 'ping', payload }));
    assert.deepEqual(delivery, { kind: 'ignored', event: 'ping', reason: 'The webhook is set up.' });
  });
});

describe('a webhook of the organisation', () => {
  const secret = 'the secret of the organisation';
  const organization = createGithubOrgWebhooks({ organization: { name: 'ACME', id: '123456' }, secret });
  const signed = (payload: object | string, overrides = {}) =>
    signGithubWebhook({ event: 'push', payload, secret, ...overrides });

  test('is a delivery of the repository, with its proved id', async () => {
    const delivery = await organization.verifyWebhook(signed(githubPush()));
    assert.ok(delivery.kind === 'delivery');
    assert.deepEqual(delivery.identity, {
      provider: 'github-org',
      repository: 'acme/shop',
      repositoryId: '456789',
      ref: 'refs/heads/main',
      actor: 'octocat',
    });
  });

  test('needs no id where none is configured', async () => {
    const nameOnly = createGithubOrgWebhooks({ organization: { name: 'acme' }, secret });
    assert.equal((await nameOnly.verifyWebhook(signed(githubPush()))).kind, 'delivery');
  });

  test('that is a ping names the organisation only', async () => {
    const ping = await organization.verifyWebhook(signed(githubPing(), { event: 'ping' }));
    assert.equal(ping.kind, 'ignored');
  });

  test('of a package that is linked to no repository starts nothing', async () => {
    const payload = { action: 'published', package: {}, organization: { login: 'acme', id: 123456 } };
    const delivery = await organization.verifyWebhook(signed(payload, { event: 'package' }));
    assert.equal(delivery.kind === 'ignored' && delivery.reason, 'It names no repository.');
  });

  const { repository, ...withoutRepository } = githubPush();
  const other = { login: 'other', id: 9 };
  for (const [what, request] of Object.entries<InboundWebhook>({
    'signed with another secret': signed(githubPush(), { secret: 'guess' }),
    'signed with a repository’s secret': signed(githubPush(), { secret: ours }),
    'of another organisation': signed({ ...githubPush(), organization: other }),
    'of a repository of somebody else': signed(githubPush({}, evil)),
    'of a repository of somebody else under our name': signed({
      ...githubPush(),
      repository: { ...(repository as object), owner: other },
    }),
    'of a repository whose name says another owner': signed({
      ...githubPush(),
      repository: { ...(repository as object), full_name: 'other/shop' },
    }),
    'of an organisation that took our name': signed({
      ...githubPush(),
      organization: { login: 'acme', id: 9 },
    }),
    'of an owner that took our name': signed(
      githubPush({}, { ...acmeShop, ownerId: 9, isOrganizations: false }),
    ),
    'of an owner without its id': signed({
      ...githubPush(),
      repository: { ...(repository as object), owner: { login: 'acme' } },
    }),
    'of nobody': signed({ ...withoutRepository, organization: undefined }),
    'of an odd organisation': signed({ ...githubPush(), organization: 'acme' }),
  })) {
    test(`${what} is refused`, async () => {
      await assert.rejects(organization.verifyWebhook(request), invalid);
    });
  }

  for (const [what, request] of Object.entries<InboundWebhook>({
    'sent as a form': signed('payload=%7B%7D', {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    }),
    'that is not JSON': signed('{'),
    'without an event': signed(githubPush(), { headers: { 'x-github-event': undefined } }),
    'with an odd event': signed(githubPush(), { headers: { 'x-github-event': 'Push!' } }),
  })) {
    test(`${what} is malformed`, async () => {
      await assert.rejects(organization.verifyWebhook(request), malformed);
    });
  }
});
