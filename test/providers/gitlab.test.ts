import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createGitlabWebhooks } from '../../providers/gitlab.ts';
import type { GitlabRefs, RefState } from '../../providers/gitlab-refs.ts';
import type { Delivery, InboundWebhook } from '../../providers/provider.ts';
import { webhookSecret } from '../../providers/webhook-secret.ts';
import {
  acmeTeamShop,
  gitlabDeployment,
  gitlabJob,
  gitlabPush,
  gitlabRelease,
  gitlabSha,
} from '../fixtures/gitlab-payloads.ts';
import { signGitlabWebhook, standardSignature, tokenGitlabWebhook } from '../fixtures/webhooks.ts';

const masterKey = 'a master key of at least 32 characters';
const now = new Date('2026-11-20T12:00:00Z');
const secretOf = (path: string) => webhookSecret(masterKey, 'gitlab', path);
const signingTokens = {
  'Acme/Signed': 'whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=',
  'acme/signed/deep/shop': `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
  other: `whsec_${Buffer.alloc(32, 8).toString('base64')}`,
};
const invalid = { name: 'ProviderError', code: 'invalid_credential' };

const gitlab = createGitlabWebhooks({ masterKey, signingTokens, now: () => now });
const evil = { path: 'mallory/evil', id: 666 };
const signedShop = { path: 'acme/signed/deep/shop', id: 30 };

async function verify(request: InboundWebhook, webhooks = gitlab): Promise<Delivery> {
  const delivery = await webhooks.verifyWebhook(request);
  assert.ok(delivery.kind === 'delivery');
  return delivery;
}

describe('a webhook with a token', () => {
  const push = (overrides: Partial<Parameters<typeof tokenGitlabWebhook>[0]> = {}) =>
    tokenGitlabWebhook({ payload: gitlabPush(), token: secretOf('acme/team/shop'), ...overrides });

  test('of the project is a delivery of that project', async () => {
    const { replayKey, ...delivery } = await verify(push());
    assert.match(replayKey, /^[0-9a-f]{64}$/);
    assert.deepEqual(delivery, {
      kind: 'delivery',
      event: 'push',
      identity: {
        provider: 'gitlab',
        repository: 'acme/team/shop',
        claimedRepositoryId: '20',
        ref: 'refs/heads/main',
        actor: 'jsmith',
        refProtected: true,
      },
      sha: gitlabSha,
      branch: 'main',
    });
  });

  for (const group of ['acme/team', 'acme', 'ACME']) {
    test(`of its group ${group} is one too`, async () => {
      assert.equal((await verify(push({ token: secretOf(group) }))).identity.repository, 'acme/team/shop');
    });
  }

  test('is found in any case', async () => {
    const payload = gitlabPush({}, { ...acmeTeamShop, path: 'Acme/Team/Shop' });
    assert.equal((await verify(push({ payload }))).identity.repository, 'Acme/Team/Shop');
  });

  test('has one replay key for every redelivery, and another for what happened again', async () => {
    const headers = { 'idempotency-key': 'one' };
    const first = await verify(push({ headers }));
    const retried = await verify(push({ headers: { ...headers, 'x-gitlab-event-uuid': 'another' } }));
    const again = await verify(push({ headers: { 'idempotency-key': 'two' } }));
    const other = await verify(push({ headers, payload: gitlabPush({ ref_protected: false }) }));
    const old = await verify(push({ headers: { 'idempotency-key': undefined } }));
    assert.equal(first.replayKey, retried.replayKey);
    assert.equal(new Set([first, again, other, old].map(({ replayKey }) => replayKey)).size, 4);
  });

  test('is believed for its project, not for its project’s id', async () => {
    const payload = gitlabPush({}, { ...evil, id: acmeTeamShop.id });
    const { identity } = await verify(push({ payload, token: secretOf(evil.path) }));
    assert.equal(identity.repository, 'mallory/evil');
    assert.equal('repositoryId' in identity, false);
    assert.equal(identity.claimedRepositoryId, '20');
  });

  test('of another event is named by its body, whatever its header says', async () => {
    const request = push({ headers: { 'x-gitlab-event': 'Pipeline Hook' } });
    assert.equal((await verify(request)).event, 'push');
  });

  for (const [what, request] of Object.entries<InboundWebhook>({
    'of another project': push({ token: secretOf('mallory/evil') }),
    'of another project, in our name': push({ payload: gitlabPush({}, evil) }),
    'of a project beside it': push({ token: secretOf('acme/team/shop2') }),
    'of a project of the same name': push({ token: secretOf('shop') }),
    'of a project below it': push({ token: secretOf('acme/team/shop/x') }),
    'of a group with the beginning of its name': push({ token: secretOf('acm') }),
    'of the same path on GitHub': push({ token: webhookSecret(masterKey, 'github', 'acme/shop') }),
    'that is the master key': push({ token: masterKey }),
    'that is empty': push({ token: '' }),
    'that is missing': push({ headers: { 'x-gitlab-token': undefined } }),
    'for nobody': push({ payload: { object_kind: 'push' }, token: secretOf('nobody/nothing') }),
    'and a project that is none': push({ payload: { project: { path_with_namespace: 5 } } }),
    'and a project with a hole': push({
      payload: gitlabPush({}, { path: 'acme//shop', id: 1 }),
      token: secretOf('acme'),
    }),
    'and a project that climbs': push({
      payload: gitlabPush({}, { path: 'acme/../other', id: 1 }),
      token: secretOf('acme'),
    }),
    'and a group for a project': push({
      payload: gitlabPush({}, { path: 'acme', id: 1 }),
      token: secretOf('acme'),
    }),
    'that is not JSON': push({ payload: '{' }),
    'sent as a form': push({ headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
  })) {
    test(`${what} is refused`, async () => {
      const refusal = await gitlab.verifyWebhook(request).then(
        () => assert.fail('accepted'),
        error => error,
      );
      assert.equal(refusal.code, 'invalid_credential');
      assert.equal(refusal.message, 'no secret of the project that it names, or of its groups');
    });
  }

  test('is refused without a master key', async () => {
    const signedOnly = createGitlabWebhooks({ signingTokens, now: () => now });
    await assert.rejects(signedOnly.verifyWebhook(push()), invalid);
    await assert.rejects(
      signedOnly.verifyWebhook(push({ token: webhookSecret('', 'gitlab', 'acme') })),
      invalid,
    );
  });
});

describe('a webhook with a signature', () => {
  const signed = (overrides: Partial<Parameters<typeof signGitlabWebhook>[0]> = {}) =>
    signGitlabWebhook({
      payload: gitlabPush({}, signedShop),
      signingToken: signingTokens['acme/signed/deep/shop'],
      id: 'one',
      at: now,
      ...overrides,
    });

  test('of its project or of a group is a delivery', async () => {
    assert.equal((await verify(signed())).identity.repository, signedShop.path);
    assert.equal(
      (await verify(signed({ signingToken: signingTokens['Acme/Signed'] }))).identity.repository,
      signedShop.path,
    );
  });

  test('has one replay key for every redelivery, later ones too', async () => {
    const later = new Date(now.getTime() + 60_000);
    const [first, retried, other] = await Promise.all([
      verify(signed()),
      verify(signed({ at: later })),
      verify(signed({ id: 'two' })),
    ]);
    assert.equal(first.replayKey, retried.replayKey);
    assert.notEqual(first.replayKey, other.replayKey);
  });

  test('is not needed where no signing token covers the project, and is not read there', async () => {
    const headers = { 'webhook-signature': 'v1,AAAA' };
    const request = tokenGitlabWebhook({ payload: gitlabPush(), token: secretOf('acme/team/shop'), headers });
    assert.equal((await verify(request)).kind, 'delivery');
  });

  const body = gitlabPush({}, signedShop);
  const withToken = (path: string, headers = {}) =>
    tokenGitlabWebhook({ payload: body, token: secretOf(path), headers });
  for (const [what, request] of Object.entries<InboundWebhook>({
    'that is missing, with the token of the project': withToken(signedShop.path),
    'that is missing, with the token of a group': withToken('acme'),
    'that is empty, with the token of the project': withToken(signedShop.path, { 'webhook-signature': '' }),
    'that is wrong, with the token of the project': withToken(signedShop.path, {
      'webhook-signature': 'v1,AAAA',
    }),
    'of another project’s key': signed({ signingToken: signingTokens.other }),
    'of the token’s text for a key': signed({
      signingToken: Buffer.from(signingTokens['acme/signed/deep/shop']).toString('base64'),
    }),
    'from six minutes ago': signed({ at: new Date(now.getTime() - 360_000) }),
    'from six minutes ahead': signed({ at: new Date(now.getTime() + 360_000) }),
    'with another id': signed({ headers: { 'webhook-id': 'two' } }),
    'with another timestamp': signed({ headers: { 'webhook-timestamp': `${now.getTime() / 1000 + 1}` } }),
    'without an id': signed({ headers: { 'webhook-id': undefined } }),
    'of another body': { ...signed(), body: Buffer.from(JSON.stringify({ ...body, after: 'a'.repeat(40) })) },
    'of a project whose path is written in another case, with the token': tokenGitlabWebhook({
      payload: gitlabPush({}, { path: 'ACME/Signed/x', id: 1 }),
      token: secretOf('acme/signed/x'),
    }),
  })) {
    test(`${what} is refused`, () => assert.rejects(gitlab.verifyWebhook(request), invalid));
  }

  test('that is one of a list is enough', async () => {
    const { body: bytes, headers } = signed();
    const wrong = standardSignature(signingTokens.other, 'one', '1', bytes);
    const list = `${wrong} ${headers['webhook-signature']}`;
    assert.equal(
      (await verify({ body: bytes, headers: { ...headers, 'webhook-signature': list } })).kind,
      'delivery',
    );
  });

  test('of the group does not speak for another group', async () => {
    const payload = gitlabPush({}, { path: 'other/shop', id: 1 });
    await assert.rejects(gitlab.verifyWebhook(signed({ payload })), invalid);
  });
});

for (const paths of [['acme/'], ['/acme'], ['acme shop'], [''], ['acme', 'ACME']]) {
  test(`a signing token for ${JSON.stringify(paths)} is refused: it might never be demanded`, () => {
    const tokens = Object.fromEntries(paths.map(path => [path, signingTokens.other]));
    assert.throws(
      () => createGitlabWebhooks({ masterKey, signingTokens: tokens, now: () => now }),
      TypeError,
    );
  });
}

describe('GitLab is asked', () => {
  function askable(states: Readonly<Record<string, RefState>>): GitlabRefs & { readonly asked: string[] } {
    const asked: string[] = [];
    return {
      asked,
      async find(project, kind, name) {
        asked.push(`${project} ${kind} ${name}`);
        return states[`${kind} ${name}`] ?? 'missing';
      },
    };
  }

  async function deliver(payload: object, refs: GitlabRefs): Promise<Delivery> {
    const webhooks = createGitlabWebhooks({ masterKey, refs, now: () => now });
    return verify(tokenGitlabWebhook({ payload, token: secretOf('acme/team/shop') }), webhooks);
  }

  test('whether a branch is protected, where the webhook does not say', async () => {
    for (const [state, expected] of [
      ['protected', true],
      ['unprotected', false],
      ['missing', undefined],
      ['unknown', undefined],
    ] as const) {
      const refs = askable({ 'branch main': state });
      const { identity } = await deliver(gitlabJob(), refs);
      assert.deepEqual([identity.ref, identity.refProtected], ['refs/heads/main', expected]);
      assert.deepEqual(refs.asked, ['acme/team/shop branch main']);
    }
  });

  test('whether a tag is protected', async () => {
    const refs = askable({ 'tag v1.1': 'protected' });
    assert.equal((await deliver(gitlabRelease(), refs)).identity.refProtected, true);
    assert.deepEqual(refs.asked, ['acme/team/shop tag v1.1']);
  });

  test('nothing that the webhook says', async () => {
    const refs = askable({});
    assert.equal((await deliver(gitlabPush({ ref_protected: false }), refs)).identity.refProtected, false);
    assert.deepEqual(refs.asked, []);
  });

  test('nothing where there is no ref', async () => {
    const refs = askable({});
    await deliver(gitlabDeployment({ ref: 'refs/merge-requests/1/head' }), refs);
    await deliver(gitlabDeployment({ ref: undefined }), refs);
    assert.deepEqual(refs.asked, []);
  });

  for (const [what, states, ref, refProtected] of [
    ['a branch', { 'branch main': 'protected' }, 'refs/heads/main', true],
    ['an unprotected branch', { 'branch main': 'unprotected' }, 'refs/heads/main', false],
    ['a tag', { 'tag main': 'protected' }, 'refs/tags/main', true],
    ['both', { 'branch main': 'protected', 'tag main': 'unprotected' }, undefined, undefined],
    ['neither', {}, undefined, undefined],
    [
      'a branch, and perhaps a tag',
      { 'branch main': 'protected', 'tag main': 'unknown' },
      undefined,
      undefined,
    ],
  ] as const satisfies readonly (readonly [string, Record<string, RefState>, unknown, unknown])[]) {
    test(`whether the bare name of a deployment is of ${what}`, async () => {
      const { identity, branch, tag } = await deliver(gitlabDeployment(), askable(states));
      assert.deepEqual([identity.ref, identity.refProtected], [ref, refProtected]);
      assert.equal(branch ?? tag, ref?.split('/').pop());
    });
  }
});
