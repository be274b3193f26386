import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createProviders } from '../../providers/index.ts';
import { type InboundWebhook, ProviderError, type Providers } from '../../providers/provider.ts';
import { webhookSecret } from '../../providers/webhook-secret.ts';
import { githubClaims, gitlabClaims } from '../fixtures/claims.ts';
import {
  githubDeployment,
  githubPackage,
  githubPush,
  githubRelease,
  githubWorkflowRun,
} from '../fixtures/github-payloads.ts';
import {
  gitlabDeployment,
  gitlabJob,
  gitlabPipeline,
  gitlabPush,
  gitlabRelease,
  gitlabTagPush,
} from '../fixtures/gitlab-payloads.ts';
import { startIssuer, type TestIssuer } from '../fixtures/issuer.ts';
import { signGithubWebhook, tokenGitlabWebhook } from '../fixtures/webhooks.ts';

const ROUNDS = 1000;
const masterKey = 'a master key of at least 32 characters';
const secret = 'the secret of the organisation';

let issuer: TestIssuer;
let gitlabIssuer: TestIssuer;
let providers: Providers;

before(async () => {
  [issuer, gitlabIssuer] = await Promise.all([startIssuer(), startIssuer()]);
  providers = createProviders({
    webhookMasterKey: masterKey,
    githubOrgName: 'acme',
    githubOrgWebhookSecret: secret,
    oidcAudience: 'https://swarm-utils.example.com',
    oidcAllowInsecureIssuer: true,
    githubOidcIssuer: issuer.url,
    gitlabOidcIssuer: gitlabIssuer.url,
  });
});
after(() => Promise.all([issuer.close(), gitlabIssuer.close()]));

/** The same numbers in every run (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function pick<T>(random: () => number, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)] as T;
}

const junk: readonly unknown[] = [
  undefined,
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e308,
  '',
  ' ',
  'x',
  '\u0000',
  '../..',
  '__proto__',
  '\ud800',
  [],
  [[]],
  {},
  { id: 1 },
  { toString: 1 },
  ['push'],
  'refs/heads/main',
  '0'.repeat(40),
  'x'.repeat(5000),
  Number.MAX_SAFE_INTEGER,
];

/** Changes one field somewhere. */
function mutate(random: () => number, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || random() < 0.15) {
    return pick(random, junk);
  }
  if (Array.isArray(value)) {
    return pick(random, [[], [value], pick(random, junk)]);
  }
  const key = pick(random, Object.keys(value));
  return { ...value, [key ?? 'x']: mutate(random, (value as Record<string, unknown>)[key ?? 'x']) };
}

function randomBytes(random: () => number): Buffer {
  return Buffer.from(Array.from({ length: Math.floor(random() * 200) }, () => Math.floor(random() * 256)));
}

function randomHeaders(random: () => number): Record<string, string> {
  const names = [
    'x-hub-signature-256',
    'x-github-event',
    'x-gitlab-token',
    'webhook-id',
    'webhook-signature',
  ];
  const texts = [
    '',
    'push',
    `sha256=${'0'.repeat(64)}`,
    'v1,AAAA',
    '\u0000',
    'x'.repeat(9999),
    '5',
    'é',
    '__proto__',
  ];
  return {
    'content-type': pick(random, ['application/json', 'application/json; charset=utf-8', 'text/plain', '']),
    ...Object.fromEntries(names.map(name => [name, pick(random, texts)])),
  };
}

async function codeOf(action: () => unknown): Promise<string> {
  try {
    await action();
    return 'accepted';
  } catch (error) {
    assert.ok(error instanceof ProviderError, `${error instanceof Error ? error.stack : error}`);
    return error.code;
  }
}

describe('whatever comes, nothing but a ProviderError is thrown', () => {
  test('for junk that is not signed, and it is always an invalid credential', async () => {
    const random = randomNumbers(1);
    for (let round = 0; round < ROUNDS; round += 1) {
      const body =
        random() < 0.5
          ? randomBytes(random)
          : Buffer.from(String(JSON.stringify(mutate(random, githubPush()))));
      const request: InboundWebhook = { headers: randomHeaders(random), body };
      for (const webhooks of providers.webhooks.values()) {
        assert.equal(await codeOf(() => webhooks.verifyWebhook(request)), 'invalid_credential');
      }
    }
  });

  test('for junk that GitHub signed', async () => {
    const random = randomNumbers(2);
    const payloads = {
      push: githubPush(),
      package: githubPackage('package'),
      registry_package: githubPackage('registry_package'),
      workflow_run: githubWorkflowRun(),
      release: githubRelease(),
      deployment: githubDeployment({}, undefined, { run: {} }),
    };
    const codes = new Set<string>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const [event, payload] = pick(random, Object.entries(payloads));
      const mutated = String(JSON.stringify(mutate(random, payload)));
      for (const [name, key] of [
        ['github', webhookSecret(masterKey, 'github', 'acme/shop')],
        ['github-org', secret],
      ] as const) {
        const request = signGithubWebhook({ event, payload: mutated, secret: key });
        codes.add(await codeOf(() => providers.webhooks.get(name)?.verifyWebhook(request)));
      }
    }
    assert.deepEqual([...codes].sort(), ['accepted', 'invalid_credential', 'malformed']);
  });

  test('for junk with a token of GitLab', async () => {
    const random = randomNumbers(3);
    const payloads = [
      gitlabPush(),
      gitlabTagPush(),
      gitlabPipeline(),
      gitlabJob(),
      gitlabDeployment(),
      gitlabRelease(),
    ];
    const token = webhookSecret(masterKey, 'gitlab', 'acme/team/shop');
    const codes = new Set<string>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const payload = String(JSON.stringify(mutate(random, pick(random, payloads))));
      const request = tokenGitlabWebhook({ payload, token });
      codes.add(await codeOf(() => providers.webhooks.get('gitlab')?.verifyWebhook(request)));
    }
    assert.deepEqual([...codes].sort(), ['accepted', 'invalid_credential', 'malformed']);
  });

  test('for junk for a token, and it is always an invalid credential', async () => {
    const random = randomNumbers(4);
    const valid = issuer.sign(githubClaims());
    for (let round = 0; round < ROUNDS; round += 1) {
      const cut = Math.floor(random() * valid.length);
      const token = pick(random, [
        randomBytes(random).toString('latin1'),
        randomBytes(random).toString('base64url'),
        `${valid.slice(0, cut)}.${valid.slice(cut)}`,
        valid.slice(0, cut),
        [0, 1, 2].map(() => randomBytes(random).toString('base64url')).join('.'),
        [0, 1, 2]
          .map(() => Buffer.from(String(JSON.stringify(pick(random, junk)))).toString('base64url'))
          .join('.'),
      ]);
      assert.equal(await codeOf(() => providers.tokens?.verifyToken(token)), 'invalid_credential');
    }
  });

  test('for junk that an issuer signed, with no more than one fetch a minute', async () => {
    const random = randomNumbers(5);
    const codes = new Set<string>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const [from, claims] = pick(random, [
        [issuer, githubClaims()],
        [gitlabIssuer, gitlabClaims()],
      ] as const);
      const header = mutate(random, { alg: 'RS256', kid: from.key.kid, typ: 'JWT' }) as Record<
        string,
        unknown
      >;
      const token = from.sign(
        mutate(random, claims) as Record<string, unknown>,
        random() < 0.3 ? { header } : {},
      );
      codes.add(await codeOf(() => providers.tokens?.verifyToken(token)));
    }
    assert.deepEqual([...codes].sort(), ['accepted', 'invalid_credential']);
    assert.ok(issuer.fetches.jwks <= 2 && gitlabIssuer.fetches.jwks <= 2);
  });

  test('for junk that is to be explained', async () => {
    const random = randomNumbers(6);
    for (let round = 0; round < ROUNDS; round += 1) {
      const claims = mutate(random, { ...githubClaims(), iss: issuer.url }) as Record<string, unknown>;
      await codeOf(() => providers.tokens?.identifyClaims({ ...claims }));
    }
  });
});
