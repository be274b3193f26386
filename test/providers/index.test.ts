import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createProviders, type ProvidersOptions } from '../../providers/index.ts';
import { ProviderError, type Providers } from '../../providers/provider.ts';
import { webhookSecret } from '../../providers/webhook-secret.ts';
import { githubClaims, gitlabClaims } from '../fixtures/claims.ts';
import { githubPush } from '../fixtures/github-payloads.ts';
import { gitlabPush } from '../fixtures/gitlab-payloads.ts';
import { startIssuer, type TestIssuer } from '../fixtures/issuer.ts';
import { signGithubWebhook, tokenGitlabWebhook } from '../fixtures/webhooks.ts';

const masterKey = 'a master key of at least 32 characters';
const audience = 'https://swarm-utils.example.com';
const signingToken = 'whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=';
const invalid = { name: 'ProviderError', code: 'invalid_credential' };
const unavailable = { name: 'ProviderError', code: 'issuer_unavailable' };

describe('webhooks are on', () => {
  const on = (options: ProvidersOptions) => [...createProviders(options).webhooks.keys()].sort();

  for (const [what, options, names] of [
    ['for nothing that is not configured', {}, []],
    ['for nothing that is configured as an empty text', { webhookMasterKey: '', githubOrgName: '' }, []],
    [
      'for repositories and projects with the master key',
      { webhookMasterKey: masterKey },
      ['github', 'gitlab'],
    ],
    ['for GitLab with a signing token', { gitlabSigningTokens: { acme: signingToken } }, ['gitlab']],
    ['for nothing with no signing token', { gitlabSigningTokens: {} }, []],
    [
      'for the organisation with its name and secret',
      { githubOrgName: 'acme', githubOrgWebhookSecret: 'secret' },
      ['github-org'],
    ],
    ['for no organisation without a secret', { githubOrgName: 'acme' }, []],
    ['for no organisation without a name', { githubOrgWebhookSecret: 'secret' }, []],
    ['for nothing with the audience', { oidcAudience: audience }, []],
  ] as const satisfies readonly (readonly [string, ProvidersOptions, readonly string[]])[]) {
    test(what, () => assert.deepEqual(on(options), names));
  }

  test('and verify as their provider', async () => {
    const { webhooks } = createProviders({
      webhookMasterKey: masterKey,
      githubOrgName: 'acme',
      githubOrgWebhookSecret: 'secret',
      gitlabApiToken: 'never used: the push says whether its ref is protected',
    });
    const secret = webhookSecret(masterKey, 'github', 'acme/shop');
    const github = signGithubWebhook({ event: 'push', payload: githubPush(), secret });
    const org = signGithubWebhook({ event: 'push', payload: githubPush(), secret: 'secret' });
    const token = webhookSecret(masterKey, 'gitlab', 'acme/team/shop');
    const gitlab = tokenGitlabWebhook({ payload: gitlabPush(), token });
    for (const [name, request] of [
      ['github', github],
      ['github-org', org],
      ['gitlab', gitlab],
    ] as const) {
      const delivery = await webhooks.get(name)?.verifyWebhook(request);
      assert.equal(delivery?.kind === 'delivery' && delivery.identity.provider, name);
    }
    await assert.rejects(async () => webhooks.get('github-org')?.verifyWebhook(github), invalid);
    await assert.rejects(async () => webhooks.get('github')?.verifyWebhook(org), invalid);
  });
});

describe('tokens', () => {
  let github: TestIssuer;
  let enterprise: TestIssuer;
  let gitlab: TestIssuer;
  let options: ProvidersOptions;

  before(async () => {
    [github, enterprise, gitlab] = await Promise.all([startIssuer(), startIssuer(), startIssuer()]);
    options = {
      oidcAudience: audience,
      oidcAllowInsecureIssuer: true,
      githubOidcIssuer: github.url,
      gitlabUrl: `${gitlab.url}/`,
      githubOrgName: 'acme',
      githubOrgId: '123456',
    };
  });
  after(() => Promise.all([github.close(), enterprise.close(), gitlab.close()]));

  const verifier = (overrides: ProvidersOptions = {}) => {
    const { tokens } = createProviders({ ...options, ...overrides });
    assert.ok(tokens);
    return tokens;
  };
  const providersOf = (identities: readonly { readonly provider: string }[]) =>
    identities.map(({ provider }) => provider);

  test('are off without an audience', () => {
    assert.equal('tokens' in createProviders({ ...options, oidcAudience: undefined }), false);
    assert.equal('tokens' in createProviders({ ...options, oidcAudience: '' }), false);
  });

  test('count as github, and of the configured organisation as github-org too', async () => {
    const tokens = verifier();
    const ours = await tokens.verifyToken(github.sign(githubClaims()));
    assert.deepEqual(providersOf(ours.identities), ['github', 'github-org']);
    const claims = githubClaims({
      repository: 'other/shop',
      repository_owner: 'other',
      repository_owner_id: '9',
    });
    const theirs = await tokens.verifyToken(github.sign(claims));
    assert.deepEqual(providersOf(theirs.identities), ['github']);
  });

  test('are verified once, also where they count twice', async () => {
    const { jwks } = github.fetches;
    await verifier().verifyToken(github.sign(githubClaims()));
    assert.equal(github.fetches.jwks, jwks + 1);
  });

  test('count as github only where no organisation is configured', async () => {
    const { identities } = await verifier({ githubOrgName: undefined }).verifyToken(
      github.sign(githubClaims()),
    );
    assert.deepEqual(providersOf(identities), ['github']);
  });

  test('of the organisation’s own issuer count only there', async () => {
    const tokens = verifier({ githubOrgOidcIssuer: enterprise.url });
    const ours = await tokens.verifyToken(enterprise.sign(githubClaims()));
    assert.deepEqual(providersOf(ours.identities), ['github-org']);
    const others = githubClaims({ repository: 'other/shop', repository_owner: 'other' });
    await assert.rejects(tokens.verifyToken(enterprise.sign(others)), invalid);
    const elsewhere = await tokens.verifyToken(github.sign(githubClaims()));
    assert.deepEqual(providersOf(elsewhere.identities), ['github']);
  });

  test('of GitLab count as gitlab', async () => {
    const { identities, replayKey, expiresAt } = await verifier().verifyToken(gitlab.sign(gitlabClaims()));
    assert.deepEqual(providersOf(identities), ['gitlab']);
    assert.match(replayKey, /^[0-9a-f]{64}$/);
    assert.ok(expiresAt > new Date());
  });

  test('of GitLab need no type in their header, those of GitHub do', async () => {
    const overrides = { header: { typ: undefined } };
    await verifier().verifyToken(gitlab.sign(gitlabClaims(), overrides));
    await assert.rejects(verifier().verifyToken(github.sign(githubClaims(), overrides)), invalid);
  });

  test('of GitLab may be an hour old, those of GitHub ten minutes', async () => {
    const seconds = Math.floor(Date.now() / 1000);
    const times = (age: number) => ({ iat: seconds - age, nbf: seconds - age, exp: seconds + 60 });
    await verifier().verifyToken(gitlab.sign(gitlabClaims(times(3900))));
    await assert.rejects(verifier().verifyToken(gitlab.sign(gitlabClaims(times(3960)))), invalid);
    await verifier().verifyToken(github.sign(githubClaims(times(600))));
    await assert.rejects(verifier().verifyToken(github.sign(githubClaims(times(660)))), invalid);
  });

  test('of one issuer are worth nothing as another’s, with the same claims', async () => {
    const tokens = verifier({ githubOrgOidcIssuer: enterprise.url });
    await assert.rejects(tokens.verifyToken(enterprise.sign(githubClaims({ iss: github.url }))), invalid);
    await assert.rejects(tokens.verifyToken(gitlab.sign(githubClaims())), invalid);
    await assert.rejects(tokens.verifyToken(github.sign(gitlabClaims())), invalid);
    const overrides = { key: enterprise.key };
    await assert.rejects(tokens.verifyToken(github.sign(githubClaims(), overrides)), invalid);
  });

  for (const [what, iss] of Object.entries<(url: string) => unknown>({
    'an unknown issuer': () => 'https://issuer.example',
    'no issuer': () => undefined,
    'an issuer with a slash more': url => `${url}/`,
    'an issuer in upper case': url => url.toUpperCase(),
    'an issuer of an inner address': () => 'http://169.254.169.254/',
    'an issuer that is a list': url => [url],
    'an issuer that is a property of objects': () => '__proto__',
  })) {
    test(`that name ${what} are refused without a fetch`, async () => {
      const requests: unknown[] = [];
      const { tokens } = createProviders(options, {
        fetch: async input => {
          requests.push(input);
          throw new Error('no network');
        },
      });
      const token = github.sign(githubClaims({ iss: iss(github.url) }));
      await assert.rejects(async () => tokens?.verifyToken(token), invalid);
      assert.deepEqual(requests, []);
    });
  }

  test('cause a fetch from their configured issuer only, and no answer is no refusal', async () => {
    const requests: string[] = [];
    const { tokens } = createProviders(options, {
      fetch: async input => {
        requests.push(String(input));
        throw new Error('no network');
      },
    });
    const header = { jku: 'https://evil.example', x5u: 'https://evil.example' };
    const token = github.sign(githubClaims(), { header });
    await assert.rejects(async () => tokens?.verifyToken(token), unavailable);
    assert.deepEqual(requests, [`${github.url}/.well-known/openid-configuration`]);
  });

  test('are verified by the injected clock', async () => {
    const { tokens } = createProviders(options, { now: () => new Date(Date.now() + 3_600_000) });
    await assert.rejects(async () => tokens?.verifyToken(github.sign(githubClaims())), invalid);
  });

  describe('claims are explained', () => {
    const explain = (claims: Record<string, unknown>, tokens: Providers['tokens'] = verifier()) =>
      tokens?.identifyClaims(claims) ?? [];

    test('without a signature and whatever their times', () => {
      const claims = { ...githubClaims(), iss: github.url, exp: 1 };
      assert.deepEqual(providersOf(explain(claims)), ['github', 'github-org']);
      assert.deepEqual(providersOf(explain({ ...gitlabClaims({ aud: undefined }), iss: gitlab.url })), [
        'gitlab',
      ]);
    });

    for (const [what, claims, why] of [
      [
        'another issuer',
        () => ({ ...githubClaims(), iss: 'https://issuer.example' }),
        /no configured issuer/,
      ],
      ['no issuer', () => githubClaims(), /no configured issuer/],
      ['another audience', () => ({ ...githubClaims({ aud: 'x' }), iss: github.url }), /aud is not/],
      [
        'a list of audiences',
        () => ({ ...githubClaims({ aud: [audience] }), iss: github.url }),
        /aud is not/,
      ],
      [
        'a missing claim',
        () => ({ ...githubClaims({ repository_id: null }), iss: github.url }),
        /repository_id/,
      ],
    ] as const) {
      test(`with the reason why ${what} is refused`, () => {
        assert.throws(
          () => explain(claims()),
          (error: unknown) =>
            error instanceof ProviderError &&
            error.code === 'invalid_credential' &&
            error.cause instanceof ProviderError &&
            why.test(error.cause.message),
        );
      });
    }
  });
});

describe('a configuration is refused', () => {
  for (const [what, options] of Object.entries<ProvidersOptions>({
    'with an issuer that is not https': { oidcAudience: audience, githubOidcIssuer: 'http://issuer.example' },
    'with an issuer that is no URL': { oidcAudience: audience, gitlabOidcIssuer: 'gitlab' },
    'with one issuer for two platforms': { oidcAudience: audience, githubOidcIssuer: 'https://gitlab.com' },
    'with a signing token that is none': { gitlabSigningTokens: { acme: 'secret' } },
  })) {
    test(what, () => assert.throws(() => createProviders(options), TypeError));
  }

  test('never for the defaults', () => {
    const { tokens } = createProviders({ oidcAudience: audience });
    const claims = { ...githubClaims(), iss: 'https://token.actions.githubusercontent.com' };
    assert.equal(tokens?.identifyClaims(claims).length, 1);
    assert.equal(tokens?.identifyClaims({ ...gitlabClaims(), iss: 'https://gitlab.com' }).length, 1);
  });
});
